//! The primed text model: codec 2, for thin links. Every bit is predicted from what stands before it, and an
//! arithmetic coder spends on it what the prediction leaves open.
//!
//! Both ends start each packet from the same state, a model that has read primer 2 and nothing else, so a packet can
//! be read without its neighbours and tells nothing about other people's text. That state is made once in a process and
//! copied for each packet. All arithmetic is on integers: the bytes are the same on every machine, for ever; a change
//! of any constant here is another codec.
//!
//! A packed payload is the length of the payload (seven bits a byte, lowest first, the eighth bit says that more
//! follow) and the coder's bytes. Zeros at the end are left out: the reader goes on with zeros. A reader's work is
//! bounded by what it was sent: a payload has at most [`FREE`] + [`RATIO`] bytes for each packed byte, and a writer that
//! packs better than that fills up with zeros.

mod coder;
mod history;
mod logistic;
mod mixer;
mod predictor;
mod refine;
mod slots;

use std::{cell::RefCell, sync::LazyLock};

use self::{
    coder::{Decoder, Encoder},
    predictor::Predictor,
};
use crate::limits::PACKET_DECODED_MAX;

/// Payloads that the model has read before any packet: each a length (two bytes, lowest first) and that many bytes.
static PRIMER_2: &[u8] = include_bytes!("../primer/primer-2.bin");

/// Bytes that a payload may have beyond its ratio.
const FREE: usize = 256;
/// Bytes of the payload for each packed byte, at most.
const RATIO: usize = 32;

static PRIMED: LazyLock<Predictor> = LazyLock::new(|| {
    let mut model = Predictor::new();
    let mut rest = PRIMER_2;
    while let Some((&[low, high], behind)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_le_bytes([low, high])).min(behind.len());
        let (payload, next) = behind.split_at(len);
        model.learn(payload);
        rest = next;
    }
    model.begin_packet();
    model.settle();
    model
});

thread_local! {
    // Three megabytes: to put back what a packet changed in them is far cheaper than to have them mapped and filled anew.
    static SCRATCH: RefCell<Option<Box<Predictor>>> = const { RefCell::new(None) };
}

/// The packed payload.
pub(crate) fn pack(payload: &[u8]) -> Vec<u8> {
    with_model(|model| pack_with(model, payload))
}

fn pack_with(model: &mut Predictor, payload: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(payload.len() / 2 + 8);
    put_len(&mut packed, payload.len());
    let mut encoder = Encoder::new(packed);
    for &byte in payload {
        for place in (0..8).rev() {
            let bit = (byte >> place) & 1 == 1;
            encoder.put(bit, model.chance());
            model.learn_bit(bit);
        }
    }
    let mut packed = encoder.finish();
    let least = payload.len().saturating_sub(FREE).div_ceil(RATIO);
    if packed.len() < least {
        packed.resize(least, 0);
    }
    packed
}

/// The payload again; `None` where the length cannot be.
///
/// Damaged bytes give a damaged payload: the packet's checksum is what notices.
pub(crate) fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (len, coded) = take_len(packed)?;
    if PACKET_DECODED_MAX < len || FREE + RATIO * packed.len() < len {
        return None;
    }
    Some(with_model(|model| {
        let mut decoder = Decoder::new(coded);
        let byte = |_| {
            (0..8).fold(0u8, |byte, _| {
                let bit = decoder.take(model.chance());
                model.learn_bit(bit);
                byte << 1 | u8::from(bit)
            })
        };
        (0..len).map(byte).collect()
    }))
}

/// Readies the model, which takes a moment, so that the first packet need not wait for it.
pub(crate) fn prime() {
    LazyLock::force(&PRIMED);
}

fn with_model<T>(work: impl FnOnce(&mut Predictor) -> T) -> T {
    SCRATCH.with_borrow_mut(|slot| {
        let model = match slot {
            Some(model) => {
                model.copy_from(&PRIMED);
                model
            }
            None => slot.insert(Box::new(PRIMED.clone())),
        };
        model.begin_copied();
        work(model)
    })
}

fn put_len(out: &mut Vec<u8>, mut len: usize) {
    while 0x7f < len {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
}

/// The length and what stands behind it; only the shortest spelling is one.
fn take_len(packed: &[u8]) -> Option<(usize, &[u8])> {
    const BYTES_MAX: usize = 3;
    let mut len = 0;
    for (place, &byte) in packed.iter().take(BYTES_MAX).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let is_shortest = byte != 0 || place == 0;
            return is_shortest.then(|| (len, &packed[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(len: usize) -> Vec<u8> {
        b"The tide turns at half past nine. ".iter().copied().cycle().take(len).collect()
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn a_payload_of_any_size_and_kind_comes_back() {
        let every_byte: Vec<u8> = (0..=255).collect();
        let mut payloads =
            vec![Vec::new(), vec![0], vec![255; 3], every_byte, noise(3_000), vec![7; 9_000]];
        payloads.extend([1, 2, 5, 127, 128, 2_000, 16_383, 16_384].map(text));
        for payload in payloads {
            let packed = pack(&payload);
            assert_eq!(unpack(&packed).as_deref(), Some(&payload[..]), "{} bytes", payload.len());
        }
    }

    #[test]
    fn the_largest_payload_comes_back() {
        let payload = [text(PACKET_DECODED_MAX / 2), noise(PACKET_DECODED_MAX / 2)].concat();
        assert_eq!(unpack(&pack(&payload)).as_deref(), Some(&payload[..]));
    }

    #[test]
    fn a_packet_tells_nothing_of_the_one_before() {
        let (alone, secret) = (pack(b"The code is 482913."), pack(b"The code is 482913, keep it."));
        assert!(alone.len() < secret.len());
        assert_eq!(pack(b"The code is 482913."), alone, "the model starts anew");
        let _ = unpack(&noise(40));
        assert_eq!(pack(b"The code is 482913."), alone);
    }

    #[test]
    fn nothing_of_a_packet_stays_in_the_tables_however_much_it_changed_in_them() {
        for (len, again) in [(0, 1), (1, 9), (40, 300), (900, 20), (9_000, 700), (60_000, 3_000)] {
            for before in [text(len), noise(len)] {
                let _ = pack(&before);
                // What is left of it would be known already.
                let payload = [&before[..], &noise(again)].concat();
                let mut fresh = PRIMED.clone();
                fresh.begin_copied();
                assert!(pack(&payload) == pack_with(&mut fresh, &payload), "after {len} bytes");
            }
        }
    }

    #[test]
    fn the_work_is_bounded_by_what_was_sent() {
        let mut claim = Vec::new();
        put_len(&mut claim, PACKET_DECODED_MAX);
        assert_eq!(unpack(&claim), None, "seventy kilobytes from three");
        put_len(&mut claim, 0);
        let dull = vec![b'a'; 60_000];
        let packed = pack(&dull);
        assert_eq!(packed.len(), (dull.len() - FREE).div_ceil(RATIO));
        assert_eq!(unpack(&packed), Some(dull));
        let mut too_long = Vec::new();
        put_len(&mut too_long, PACKET_DECODED_MAX + 1);
        too_long.resize(PACKET_DECODED_MAX, 0);
        assert_eq!(unpack(&too_long), None);
    }

    #[test]
    fn a_length_has_one_spelling() {
        assert_eq!(take_len(&[0x85, 0x00]), None);
        assert_eq!(take_len(&[0xff, 0xff, 0xff, 0x00]), None);
        assert_eq!(take_len(&[]), None);
        assert_eq!(take_len(&[0x00]), Some((0, &[][..])));
        for len in [0, 1, 127, 128, 16_383, 16_384, PACKET_DECODED_MAX] {
            let mut out = Vec::new();
            put_len(&mut out, len);
            assert_eq!(take_len(&out), Some((len, &[][..])));
        }
    }

    #[test]
    fn damaged_bytes_end_in_some_payload_or_none() {
        let payload = text(300);
        let packed = pack(&payload);
        for at in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 1 << (at % 8);
            let got = unpack(&damaged);
            assert!(got.is_none_or(|got| got.len() <= FREE + RATIO * damaged.len()));
            let _ = unpack(&packed[..at]);
        }
    }

    #[test]
    fn the_bytes_are_the_same_for_ever() {
        // Where this fails the codec has become another one: packets in flight could not be read.
        let payload =
            [&text(100)[..], "Grüße aus Zürich, 明日は晴れ。".as_bytes(), &noise(30)].concat();
        let packed = pack(&payload);
        assert_eq!((packed.len(), crc32fast::hash(&packed)), (72, 930_462_421));
    }
}
