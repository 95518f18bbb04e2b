//! Codecs: how a packet's payload is compressed, each packet by itself, from a primer that both
//! ends have. Numbers and primers are for ever.
//!
//! 0 is none. 1 is zstd with primer 1: a frame without magic number, content size, dictionary id
//! or checksum, and without its two header bytes, which are then always the same. 2 is the primed
//! text model with primer 2, for thin links.

use std::{cell::RefCell, sync::LazyLock};

use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
    zstd_safe::{CParameter, DParameter, FrameFormat},
};

use crate::{EncodeError, limits::PACKET_DECODED_MAX, model};

/// Ordinary chat, short news and forecasts in several languages, packed by `pack-primer`.
static PRIMER_1: &[u8] = include_bytes!("../primer/primer-1.bin");
/// What every frame would begin with: nothing but a window, of 128 KiB.
const FRAME_HEADER: [u8; 2] = [0x00, 0x38];
/// Highest level: packets are small, links are slow.
const LEVEL: i32 = 22;

static ENCODER_1: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(PRIMER_1, LEVEL));
static DECODER_1: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(PRIMER_1));

thread_local! {
    // A context takes about a megabyte and longer to set up than to use: one for each thread.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// How the packets of a body are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// By zstd with primer 1.
    Zstd,
    /// By the text model with primer 2: a quarter less than zstd, at a microsecond of one core a byte.
    Model,
}

impl Codec {
    /// All codecs of this build, the one that packs best last.
    pub const ALL: [Self; 3] = [Self::None, Self::Zstd, Self::Model];

    /// The codec's number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Zstd => 1,
            Self::Model => 2,
        }
    }

    /// The codec with this number, if this build has it.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.number() == number)
    }

    /// Readies what the codec needs once in a process, so that no packet has to wait for it: the model reads its
    /// primer, a tenth of a second of one core.
    pub fn ready(self) {
        match self {
            Self::None => {}
            Self::Zstd => {
                LazyLock::force(&ENCODER_1);
                LazyLock::force(&DECODER_1);
            }
            Self::Model => model::prime(),
        }
    }

    /// The compressed payload; `None` where the codec stores payloads as they are.
    pub(crate) fn compress(self, payload: &[u8]) -> Result<Option<Vec<u8>>, EncodeError> {
        match self {
            Self::None => Ok(None),
            Self::Zstd => zstd_compress(payload).map_err(|_| EncodeError::Compression),
            Self::Model => Ok(Some(model::pack(payload))),
        }
    }

    /// The payload again; `None` if the bytes are not this codec's or unpack beyond
    /// [`PACKET_DECODED_MAX`].
    pub(crate) fn decompress(self, packed: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::None => None,
            Self::Zstd => zstd_decompress(packed).ok(),
            Self::Model => model::unpack(packed),
        }
    }
}

/// `None` for a frame whose header says more than a window, which our settings never make.
fn zstd_compress(payload: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
    let frame = COMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(compressor) => compressor.compress(payload),
        None => slot.insert(compressor()?).compress(payload),
    })?;
    Ok(match frame.split_first_chunk() {
        // The window's size is no matter: packets are smaller than the one we claim for all.
        Some(([0x00, _], blocks)) => Some(blocks.to_vec()),
        _ => None,
    })
}

fn compressor() -> std::io::Result<Compressor<'static>> {
    let mut compressor = Compressor::with_prepared_dictionary(&ENCODER_1)?;
    for parameter in [
        CParameter::Format(FrameFormat::Magicless),
        CParameter::ContentSizeFlag(false),
        CParameter::ChecksumFlag(false),
        CParameter::DictIdFlag(false),
    ] {
        compressor.set_parameter(parameter)?;
    }
    Ok(compressor)
}

fn zstd_decompress(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    // One call into a buffer of the greatest size: whatever window the frame claims, no more is
    // allocated and nothing is written beyond it.
    let frame = [&FRAME_HEADER, packed].concat();
    let mut payload = Vec::with_capacity(PACKET_DECODED_MAX);
    DECOMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(decompressor) => decompressor.decompress_to_buffer(&frame, &mut payload),
        None => slot.insert(decompressor()?).decompress_to_buffer(&frame, &mut payload),
    })?;
    if PACKET_DECODED_MAX < payload.len() {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    payload.shrink_to_fit();
    Ok(payload)
}

fn decompressor() -> std::io::Result<Decompressor<'static>> {
    let mut decompressor = Decompressor::with_prepared_dictionary(&DECODER_1)?;
    decompressor.set_parameter(DParameter::Format(FrameFormat::Magicless))?;
    Ok(decompressor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_stays_within_the_limit() {
        let bomb = zstd_compress(&vec![b'a'; 16 * 1024 * 1024]).unwrap().unwrap();
        assert!(bomb.len() < 4096, "it is a bomb: {} bytes", bomb.len());
        assert_eq!(Codec::Zstd.decompress(&bomb), None);
    }

    #[test]
    fn a_packet_of_any_size_comes_back() {
        for len in (0..3000).chain([8_192, 65_536, PACKET_DECODED_MAX]) {
            let payload: Vec<u8> = (0..len).map(|at| b"quay, tide, wind "[at * at % 17]).collect();
            let packed = zstd_compress(&payload).unwrap().unwrap();
            assert_eq!(
                Codec::Zstd.decompress(&packed).as_deref(),
                Some(&payload[..]),
                "{len} bytes"
            );
        }
    }

    #[test]
    fn every_codec_is_found_by_its_number() {
        for codec in Codec::ALL {
            assert_eq!(Codec::from_number(codec.number()), Some(codec));
        }
        assert_eq!(Codec::from_number(3), None);
    }
}
