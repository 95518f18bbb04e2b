//! What the relay tells devices about its limits, and the tag by which they know it.

use config::RelaySettings;
use wire::{Codec, Fingerprint, Limits, limits::HOLD_SECONDS_MAX};

use crate::store::LIFETIME_DEFAULT_S;

/// The least tag: all take the same bytes in a Hello.
const TAG_MIN: u16 = 251;

/// The limits that an operator set. Their tag depends on them and on the opening of the store: a
/// device that is told limits knows by it that the relay was opened anew since it heard of it last,
/// perhaps from a copy.
pub(super) fn of(settings: &RelaySettings, incarnation: u64) -> Limits {
    let (limits, lifetime_max) = (&settings.limits, settings.retention.message_lifetime_max);
    let lifetime_s = u32::try_from(lifetime_max.seconds()).unwrap_or(u32::MAX);
    let hold_max_s = u16::try_from(limits.hold_max.seconds()).unwrap_or(HOLD_SECONDS_MAX);
    let untagged = Limits {
        tag: 0,
        codecs: codecs(limits.model_answers_max),
        envelope_max: u32::try_from(limits.envelope_max.bytes()).unwrap_or(u32::MAX),
        request_max: u32::try_from(limits.request_body_max.bytes()).unwrap_or(u32::MAX),
        lifetime_default_s: u32::try_from(LIFETIME_DEFAULT_S).unwrap_or(u32::MAX).min(lifetime_s),
        lifetime_max_s: lifetime_s,
        members_max: u16::try_from(limits.fan_out_max).unwrap_or(u16::MAX),
        hold_max_s: hold_max_s.min(HOLD_SECONDS_MAX),
    };
    Limits { tag: tag(&untagged, incarnation), ..untagged }
}

/// The tag of these limits where the relay has these keys: by another one devices know that they may have changed.
pub(super) fn tag_with(limits: &Limits, keys: &[Fingerprint]) -> u16 {
    if keys.is_empty() {
        return limits.tag;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&limits.tag.to_le_bytes());
    for key in keys {
        hasher.update(key.as_bytes());
    }
    let [a, b, ..] = *hasher.finalize().as_bytes();
    tag_of(a, b)
}

/// The codecs that a device may use upward. All are read whatever this says.
fn codecs(model_answers_max: u32) -> Vec<u8> {
    let offered = |codec: &Codec| *codec != Codec::Model || 0 < model_answers_max;
    Codec::ALL.into_iter().filter(offered).map(Codec::number).collect()
}

fn tag(limits: &Limits, incarnation: u64) -> u16 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&incarnation.to_le_bytes());
    hasher.update(&limits.codecs);
    for number in [
        limits.envelope_max,
        limits.request_max,
        limits.lifetime_default_s,
        limits.lifetime_max_s,
        limits.members_max.into(),
        limits.hold_max_s.into(),
    ] {
        hasher.update(&number.to_le_bytes());
    }
    let [a, b, ..] = *hasher.finalize().as_bytes();
    tag_of(a, b)
}

fn tag_of(a: u8, b: u8) -> u16 {
    TAG_MIN + u16::from_le_bytes([a, b]) % (u16::MAX - TAG_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_depends_on_the_limits_and_the_opening() {
        let mut settings = RelaySettings::default();
        let first = of(&settings, 1);
        assert!(TAG_MIN <= first.tag);
        assert_eq!(of(&settings, 1), first);
        let again = of(&settings, 2);
        assert_ne!(again.tag, first.tag);
        assert_eq!(Limits { tag: first.tag, ..again }, first);
        assert_eq!(first.codecs, [0, 1, 2]);
        let keys = [Fingerprint::of(b"one"), Fingerprint::of(b"other")];
        let tags = [&[], &keys[..1], &keys[..]].map(|keys| tag_with(&first, keys));
        assert!(tags[0] == first.tag && tags[0] != tags[1] && tags[1] != tags[2], "{tags:?}");
        assert!(tags.iter().all(|tag| TAG_MIN <= *tag));
        settings.limits.model_answers_max = 0;
        assert_eq!(of(&settings, 1).codecs, [0, 1]);
        settings.limits.envelope_max = config::Size::from_kib(16);
        assert_ne!(of(&settings, 1).tag, first.tag);
    }
}
