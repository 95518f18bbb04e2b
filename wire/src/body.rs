//! Bodies and packets: the preamble, the division into packets that stand for themselves, their
//! checksums, and the limits on both.
//!
//! `[magic, version, codec, flags]`, then packets: `length varint | flags u8 | crc32 LE | payload`.
//! The checksum covers the packet's number in the body, its flags and its decoded payload, so a
//! packet is accepted whole and in its place, or not at all.

use crate::{
    Codec, DecodeError, EncodeError, Frame, VERSION, bin,
    frame_code::{decode_frames, encode_frames},
    limits::{PACKET_DECODED_MAX, PACKET_WIRE_MAX},
};

/// First byte of every body.
pub(crate) const MAGIC: u8 = 0xB0;
/// Bytes in front of the first packet.
pub const PREAMBLE_LEN: usize = 4;
/// Flag of a packet whose payload is compressed.
const COMPRESSED: u8 = 1;
/// Longest packet header: length (as bounded), flags, checksum.
const HEADER_MAX: usize = 5 + 1 + 4;

/// Writes the packets of one body, in order.
#[derive(Debug)]
pub struct BodyWriter {
    codec: Codec,
    number: u32,
}

impl BodyWriter {
    /// A body whose packets are compressed with `codec`.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self { codec, number: 0 }
    }

    /// The bytes in front of the first packet.
    #[must_use]
    pub fn preamble(&self) -> [u8; PREAMBLE_LEN] {
        [MAGIC, VERSION, self.codec.number(), 0]
    }

    /// The next packet, with these frames; the one after it gets the next number.
    ///
    /// # Errors
    /// When the frames are larger than [`PACKET_DECODED_MAX`] together.
    pub fn packet(&mut self, frames: &[Frame]) -> Result<Vec<u8>, EncodeError> {
        let packet = self.draft(frames)?;
        self.sent();
        Ok(packet)
    }

    /// What [`BodyWriter::packet`] would give, as a trial: drop it, or send it and say
    /// [`BodyWriter::sent`].
    ///
    /// # Errors
    /// As [`BodyWriter::packet`].
    pub fn draft(&self, frames: &[Frame]) -> Result<Vec<u8>, EncodeError> {
        let payload = encode_frames(frames);
        if PACKET_DECODED_MAX < payload.len() {
            return Err(EncodeError::PacketTooLong { len: payload.len() });
        }
        let compressed =
            self.codec.compress(&payload)?.filter(|packed| packed.len() < payload.len());
        let (flags, stored) = match &compressed {
            Some(packed) => (COMPRESSED, &packed[..]),
            None => (0, &payload[..]),
        };
        let mut packet = Vec::with_capacity(HEADER_MAX + stored.len());
        bin::put(&mut packet, stored.len() as u64);
        packet.push(flags);
        packet.extend_from_slice(&checksum(self.number, flags, &payload).to_le_bytes());
        packet.extend_from_slice(stored);
        Ok(packet)
    }

    /// Counts the packet that was drafted last as sent.
    pub fn sent(&mut self) {
        self.number += 1;
    }

    /// The largest packet of at most `limit` bytes with the first 1 to `count` rows, where
    /// `frames(n)` makes the frames for `n` rows; `None` if not even one row fits. A draft, as
    /// with [`BodyWriter::draft`].
    ///
    /// # Errors
    /// When the codec fails.
    pub fn fit(
        &self,
        limit: usize,
        count: usize,
        frames: impl Fn(usize) -> Vec<Frame>,
    ) -> Result<Option<(usize, Vec<u8>)>, EncodeError> {
        let draft = |rows: usize| match self.draft(&frames(rows)) {
            Ok(packet) => Ok(Some(packet)),
            Err(EncodeError::PacketTooLong { .. }) => Ok(None),
            Err(other) => Err(other),
        };
        let mut best = None;
        // Rows known to fit, rows known not to; the guess in between follows the density seen.
        let (mut fits, mut fails) = (0, count + 1);
        let mut guess = count.min(first_guess(limit));
        while fits + 1 < fails {
            let rows = guess.clamp(fits + 1, fails - 1);
            match draft(rows)? {
                Some(packet) if packet.len() <= limit => {
                    // Within a sixteenth of the limit another trial gains less than it costs.
                    let near = limit - packet.len() <= limit / 16;
                    guess = (rows * limit / packet.len().max(1)).max(rows + 1);
                    (fits, best) = (rows, Some((rows, packet)));
                    if near {
                        break;
                    }
                }
                Some(packet) => {
                    fails = rows;
                    guess = rows * limit / packet.len().max(1);
                }
                None => {
                    fails = rows;
                    guess = rows / 2;
                }
            }
        }
        Ok(best)
    }
}

/// Rows that a packet of `limit` bytes is likely to hold.
fn first_guess(limit: usize) -> usize {
    const ROW_BYTES: usize = 32;
    (limit / ROW_BYTES).max(1)
}

fn checksum(number: u32, flags: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&[flags]);
    hasher.update(payload);
    hasher.finalize()
}

/// One whole packet of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Which one, from 0.
    pub number: u32,
    /// Bytes on the wire, header included.
    pub wire_len: usize,
    /// Its frames.
    pub frames: Vec<Frame>,
}

/// Reads a body as it arrives: give it bytes, take whole packets.
///
/// Holds at most what was pushed and not yet taken: take packets after every push.
#[derive(Debug, Default)]
pub struct BodyReader {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are read.
    read: usize,
    codec: Option<Codec>,
    number: u32,
    failed: Option<DecodeError>,
}

impl BodyReader {
    /// A reader at the start of a body.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes in the order in which they arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.drain(..self.read);
            self.read = 0;
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether everything pushed so far was taken, so that a body may end here.
    #[must_use]
    pub fn is_at_edge(&self) -> bool {
        self.failed.is_none() && self.codec.is_some() && self.read == self.buffer.len()
    }

    /// The codec of the body, once its preamble has arrived.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        let arrived = || {
            let [_, _, codec, _] = self.buffer[self.read..].first_chunk::<PREAMBLE_LEN>()?;
            Codec::from_number(*codec)
        };
        self.codec.or_else(arrived)
    }

    /// The next whole packet, or `None` until more bytes arrive.
    ///
    /// # Errors
    /// When the bytes are no body, or the packet is damaged. The reader then stays with that
    /// error: where a packet is damaged, nothing behind it can be trusted to be in its place.
    #[expect(clippy::should_implement_trait, reason = "fails for good, unlike an iterator")]
    pub fn next(&mut self) -> Result<Option<Packet>, DecodeError> {
        if let Some(err) = &self.failed {
            return Err(err.clone());
        }
        let next = self.read_packet();
        if let Err(err) = &next {
            self.failed = Some(err.clone());
            self.buffer = Vec::new();
            self.read = 0;
        }
        next
    }

    fn read_packet(&mut self) -> Result<Option<Packet>, DecodeError> {
        let Some(codec) = self.read_preamble()? else { return Ok(None) };
        let bytes = &self.buffer[self.read..];
        let Some((len, len_len)) = packet_len(bytes)? else { return Ok(None) };
        let wire_len = len_len + 5 + len;
        let Some(packet) = bytes.get(len_len..wire_len) else { return Ok(None) };
        let number = self.number;
        let frames = open(codec, number, packet)?;
        self.read += wire_len;
        self.number += 1;
        Ok(Some(Packet { number, wire_len, frames }))
    }

    fn read_preamble(&mut self) -> Result<Option<Codec>, DecodeError> {
        if self.codec.is_some() {
            return Ok(self.codec);
        }
        // Each byte is judged as soon as it is there: a portal's page need not be four bytes long.
        let bytes = &self.buffer[self.read..];
        match bytes.first() {
            Some(&MAGIC) | None => {}
            Some(&got) => return Err(DecodeError::NotMailboat { got }),
        }
        if let Some(&got) = bytes.get(1)
            && got != VERSION
        {
            return Err(DecodeError::UnsupportedVersion { got });
        }
        let Some(&[_, _, codec, flags]) = bytes.first_chunk::<PREAMBLE_LEN>() else {
            return Ok(None);
        };
        if flags != 0 {
            return Err(DecodeError::UnsupportedFlags { got: flags });
        }
        self.codec =
            Some(Codec::from_number(codec).ok_or(DecodeError::UnsupportedCodec { got: codec })?);
        self.read += PREAMBLE_LEN;
        Ok(self.codec)
    }
}

/// Length of the payload and of the length itself; `None` until enough is there.
fn packet_len(bytes: &[u8]) -> Result<Option<(usize, usize)>, DecodeError> {
    let Some(first) = bytes.first() else { return Ok(None) };
    let needed = match first {
        0..=250 => 1,
        251 => 3,
        252 => 5,
        _ => return Err(DecodeError::PacketTooLong { len: u64::MAX }),
    };
    let Some(mut head) = bytes.get(..needed) else { return Ok(None) };
    let len = bin::take(&mut head)?;
    match usize::try_from(len) {
        Ok(len) if len <= PACKET_WIRE_MAX => Ok(Some((len, needed))),
        _ => Err(DecodeError::PacketTooLong { len }),
    }
}

/// Frames of a packet, given from its flags on.
fn open(codec: Codec, number: u32, packet: &[u8]) -> Result<Vec<Frame>, DecodeError> {
    let Some((&[flags, a, b, c, d], stored)) = packet.split_first_chunk::<5>() else {
        return Err(DecodeError::Framing { number });
    };
    let unpacked;
    let payload = match flags {
        0 => stored,
        COMPRESSED => {
            unpacked = codec.decompress(stored).ok_or(DecodeError::Compression { number })?;
            &unpacked[..]
        }
        got => return Err(DecodeError::UnsupportedFlags { got }),
    };
    if checksum(number, flags, payload) != u32::from_le_bytes([a, b, c, d]) {
        return Err(DecodeError::Checksum { number });
    }
    decode_frames(payload).ok_or(DecodeError::Framing { number })
}
