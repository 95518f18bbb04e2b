//! What the relay tells devices about its limits, and the tag by which they know it.

use config::RelaySettings;
use wire::{Codec, Limits, limits::HOLD_SECONDS_MAX};

use crate::store::LIFETIME_DEFAULT_S;

/// The limits that an operator set. Their tag depends on nothing but them: a relay that starts
/// again with the same settings tells no device anew.
pub(super) fn of(settings: &RelaySettings) -> Limits {
    let (limits, lifetime_max) = (&settings.limits, settings.retention.message_lifetime_max);
    let lifetime_s = u32::try_from(lifetime_max.seconds()).unwrap_or(u32::MAX);
    let hold_max_s = u16::try_from(limits.hold_max.seconds()).unwrap_or(HOLD_SECONDS_MAX);
    let untagged = Limits {
        tag: 0,
        codecs: Codec::ALL.iter().map(|codec| codec.number()).collect(),
        envelope_max: u32::try_from(limits.envelope_max.bytes()).unwrap_or(u32::MAX),
        request_max: u32::try_from(limits.request_body_max.bytes()).unwrap_or(u32::MAX),
        lifetime_default_s: u32::try_from(LIFETIME_DEFAULT_S).unwrap_or(u32::MAX).min(lifetime_s),
        lifetime_max_s: lifetime_s,
        members_max: u16::try_from(limits.fan_out_max).unwrap_or(u16::MAX),
        hold_max_s: hold_max_s.min(HOLD_SECONDS_MAX),
    };
    Limits { tag: tag(&untagged), ..untagged }
}

fn tag(limits: &Limits) -> u16 {
    let mut hasher = blake3::Hasher::new();
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
    // 0 is what a device says that holds none.
    u16::from_le_bytes([a, b]).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_depends_on_the_limits_alone() {
        let mut settings = RelaySettings::default();
        let first = of(&settings);
        assert_ne!(first.tag, 0);
        assert_eq!(of(&settings), first);
        settings.limits.envelope_max = config::Size::from_kib(16);
        assert_ne!(of(&settings).tag, first.tag);
    }
}
