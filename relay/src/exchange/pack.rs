//! Packs rows into packets: as many as stay within the link's packet size and the answer's
//! budget, and what ends the answer into the last one.

use wire::{
    BodyWriter, Codec, EncodeError, Frame, PREAMBLE_LEN,
    limits::{LAST_PACKET_RESERVE, PACKET_DECODED_MAX},
};

use super::unit::{Unit, frames, sharing};

/// More than this many times the packet's size is not tried to be packed at once.
const PROMISE: usize = 24;

const _: () = assert!(wire::limits::ENVELOPE_MAX + 4096 <= PACKET_DECODED_MAX);

/// Writes one answer's packets.
#[derive(Debug)]
pub(super) struct Packer {
    writer: BodyWriter,
    target: usize,
    /// Bytes of the whole body that may be sent; none is no limit.
    take: Option<usize>,
    sent: usize,
    reserve: usize,
}

/// What came of packing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packed {
    /// A packet with so many of the rows.
    Some(usize, Vec<u8>),
    /// The last packet, with all of the rows.
    Last(Vec<u8>),
    /// The first row is more than the budget has left.
    Spent,
}

impl Packer {
    /// Packets of about `target` bytes, at most `take` bytes with the preamble (0 is no limit).
    pub(super) fn new(codec: Codec, target: usize, take: u32) -> Self {
        let take = (take != 0).then(|| usize::try_from(take).unwrap_or(usize::MAX));
        let writer = BodyWriter::new(codec);
        Self { writer, target, take, sent: PREAMBLE_LEN, reserve: LAST_PACKET_RESERVE }
    }

    /// The bytes in front of the first packet.
    pub(super) fn preamble(&self) -> [u8; PREAMBLE_LEN] {
        self.writer.preamble()
    }

    /// Keeps so many bytes more for the last packet.
    pub(super) fn reserve(&mut self, more: usize) {
        self.reserve += more;
    }

    /// Bytes that the budget has left, but for the last packet's; none is no limit.
    pub(super) fn left(&self) -> Option<usize> {
        self.take.map(|take| take.saturating_sub(self.sent + self.reserve))
    }

    /// The next packet: `opening`, then the first of `units`, at least one, and `spare` bytes of
    /// the budget left. With `closing`, which ends the answer behind all of `units`, the packet is
    /// the last if all fits.
    ///
    /// # Errors
    /// When the codec fails.
    pub(super) fn pack(
        &mut self,
        opening: &[Frame],
        units: &[Unit],
        closing: Option<&[Frame]>,
        spare: usize,
    ) -> Result<Packed, EncodeError> {
        if let Some(closing) = closing
            && let Some(packet) = self.last(opening, units, closing)?
        {
            return Ok(self.sent(Packed::Last(packet)));
        }
        if units.is_empty() {
            // Alone, whatever the budget says: without it nothing else can be read.
            let packet = self.writer.draft(opening)?;
            return Ok(self.sent(Packed::Some(0, packet)));
        }
        let mut units = &units[..sharing(units)];
        let mut budget = self.left().map_or(usize::MAX, |left| left.saturating_sub(spare));
        if matches!(units[0], Unit::Run(..)) && budget < self.target {
            // No budget holds answers to the device's own items back.
            let runs = units.iter().take_while(|unit| matches!(unit, Unit::Run(..))).count();
            (units, budget) = (&units[..runs], usize::MAX);
        }
        let with = |rows: usize| [opening, &frames(&units[..rows])].concat();
        if let Some((rows, packet)) = self.writer.fit(self.target.min(budget), units.len(), with)? {
            return Ok(self.sent(Packed::Some(rows, packet)));
        }
        if !opening.is_empty() {
            let packet = self.writer.draft(opening)?;
            return Ok(self.sent(Packed::Some(0, packet)));
        }
        // One envelope may be larger than a packet should be.
        let packet = self.writer.draft(&with(1))?;
        Ok(if packet.len() <= budget { self.sent(Packed::Some(1, packet)) } else { Packed::Spent })
    }

    /// All of it in one packet, if that is right.
    fn last(
        &self,
        opening: &[Frame],
        units: &[Unit],
        closing: &[Frame],
    ) -> Result<Option<Vec<u8>>, EncodeError> {
        let left = self.take.map_or(usize::MAX, |take| take.saturating_sub(self.sent));
        if sharing(units) < units.len() {
            return Ok(None);
        }
        let size_max: usize = units.iter().map(Unit::size_max).sum();
        if PROMISE * self.target.min(left) < size_max {
            return Ok(None);
        }
        let all = [opening, &frames(units), closing].concat();
        let packet = match self.writer.draft(&all) {
            Err(EncodeError::PacketTooLong { .. }) => return Ok(None),
            packet => packet?,
        };
        if units.is_empty() {
            return self.closed(opening, closing, packet, left).map(Some);
        }
        Ok(Some(packet).filter(|packet| packet.len() <= self.target.min(left)))
    }

    /// The end, shortened to its last frame if there is no room for more: without it the answer
    /// would be cut.
    fn closed(
        &self,
        opening: &[Frame],
        closing: &[Frame],
        packet: Vec<u8>,
        left: usize,
    ) -> Result<Vec<u8>, EncodeError> {
        if packet.len() <= left {
            return Ok(packet);
        }
        let keep = closing.iter().filter(|frame| !matches!(frame, Frame::Held(_))).cloned();
        self.writer.draft(&opening.iter().cloned().chain(keep).collect::<Vec<_>>())
    }

    fn sent(&mut self, packed: Packed) -> Packed {
        if let Packed::Some(_, packet) | Packed::Last(packet) = &packed {
            self.sent += packet.len();
            self.writer.sent();
        }
        packed
    }
}

#[cfg(test)]
mod tests {
    use wire::{Delivery, HeldKind, HeldRow, Lane};

    use super::*;

    fn mail(count: u64) -> Vec<Unit> {
        let row = |position| Delivery {
            position,
            conversation: 5,
            author: 7,
            account: 3,
            n: position,
            c: position,
            kind: wire::kind::TEXT,
            age_s: 1,
            body: b"Land ho".to_vec(),
        };
        (1..=count).map(|position| Unit::Mail(Lane::Ordinary, row(position))).collect()
    }

    #[test]
    fn whatever_the_budget_the_end_fits_and_says_what_is_held() {
        let row = HeldRow {
            lane: Lane::Ordinary,
            kind: HeldKind::Message,
            count: 70_000,
            bytes: 1 << 30,
            first: 70_000,
        };
        let closing = [Frame::Held(vec![row; 2]), Frame::Done];
        for take in 90..900 {
            let mut packer = Packer::new(Codec::None, 300, take);
            let (mut units, mut body) = (mail(200), packer.preamble().to_vec());
            loop {
                match packer.pack(&[], &units, None, 0).unwrap() {
                    Packed::Some(rows, packet) => {
                        units.drain(..rows);
                        body.extend(packet);
                    }
                    Packed::Spent => break,
                    Packed::Last(_) => unreachable!("there was no end to pack"),
                }
            }
            let end = packer.pack(&[], &[], Some(&closing), 0).unwrap();
            let Packed::Last(packet) = end else { panic!("{end:?}") };
            body.extend(packet);
            assert!(body.len() <= take as usize, "{} over {take}", body.len());
            let mut reader = wire::BodyReader::new();
            reader.push(&body);
            let packets = std::iter::from_fn(|| reader.next().unwrap());
            assert_eq!(packets.last().unwrap().frames, closing, "take {take}");
        }
    }

    #[test]
    fn what_ends_the_answer_rides_with_the_last_rows() {
        let mut packer = Packer::new(Codec::Zstd, 2_048, 0);
        let packed = packer.pack(&[], &mail(5), Some(&[Frame::Done]), 0).unwrap();
        assert!(matches!(packed, Packed::Last(_)));
    }
}
