//! What a visit tells the relay and asks of it, from the call, the settings and the link.

use config::{
    AgentSettings,
    agent::{Direction, Priority},
};
use wire::{Codec, Lane, LaneMask, LinkClass, LinkKind, PresenceState};

use super::{Call, Carry, over::Over, slow_rate};
use crate::{
    link::state,
    store::Store,
    sync::{Items, Terms},
};

/// So many days of visits are looked at for the rate.
const RATE_DAYS: i64 = 30;

/// What a visit over `over` tells the relay and asks of it.
pub(crate) fn terms(
    store: &Store,
    settings: &AgentSettings,
    call: &Call,
    over: &Over,
    relay_is_here: bool,
) -> Terms {
    let about = &settings.account;
    let shares = about.share_presence && about.share_next_call;
    let next_call_s = call.next_call_at.filter(|_| shares).map_or(0, |at| {
        let step = i64::try_from(about.next_call_rounding.seconds()).unwrap_or(i64::MAX).max(1);
        rounded_s(at, step, store.now())
    });
    let (lanes, items) = shape(call);
    let picked = match &call.carry {
        Carry::Picked(picked) => picked.clone(),
        _ => Vec::new(),
    };
    let rate = rate(store, over).map_or(0, LinkKind::rate_class);
    Terms {
        state: if about.share_presence { PresenceState::Reachable } else { PresenceState::Hidden },
        next_call_s,
        share_read: about.share_read,
        codec: codec(over.metered, rate, relay_is_here),
        link: LinkKind { rate, class: over.metered.map_or(LinkClass::Unknown, class_of) },
        lanes,
        items,
        picked,
        manifest: call.carry == Carry::Manifest,
        packet_max: settings.sync.packet_max.as_usize(),
        requests_max: settings.sync.requests_max,
        ..Terms::default()
    }
}

/// How fast the link is, in bits a second, as the user says or the ledger tells; it makes packets and requests on a
/// slow one small enough that a cut costs seconds, not minutes.
fn rate(store: &Store, over: &Over) -> Option<u64> {
    let measured = || {
        let since = store.now().saturating_sub(RATE_DAYS * 24 * 60 * 60);
        slow_rate(&store.reader().visits(since).unwrap_or_default(), &over.name)
    };
    over.rate().or_else(measured)
}

/// Whether bytes cost nothing on this link, and hardly any time.
pub(super) fn is_ample(store: &Store, over: &Over) -> bool {
    over.metered == Some(false) && state::is_ample(over.metered, rate(store, over))
}

/// What the relay is told of a link.
fn class_of(is_metered: bool) -> LinkClass {
    if is_metered { LinkClass::Metered } else { LinkClass::Unmetered }
}

/// What a call asks for, and what may go with it.
fn shape(call: &Call) -> (LaneMask, Items) {
    match call.carry {
        Carry::Picked(_) => return (LaneMask::NONE, Items::Picked),
        Carry::Manifest => return (LaneMask::NONE, Items::None),
        Carry::All | Carry::Urgent => {}
    }
    let scope = call.scope;
    let (lanes, items) = match scope.min_priority {
        Priority::Ordinary => (LaneMask::ALL, Items::All),
        Priority::Urgent => (LaneMask::of(&[Lane::Latest, Lane::Urgent]), Items::Urgent),
    };
    match scope.direction {
        Direction::Both => (lanes, items),
        Direction::Up => (LaneMask::NONE, items),
        Direction::Down => (lanes, Items::None),
    }
}

/// Seconds from `now` to a call at `at`, as others may know it: the time is moved up to a multiple of
/// `step`, so that it tells no more than which step it is.
fn rounded_s(at: i64, step: i64, now: i64) -> u32 {
    let up = at.saturating_add(step - 1).div_euclid(step).saturating_mul(step);
    u32::try_from(up.saturating_sub(now).max(1)).unwrap_or(u32::MAX)
}

/// The codec for a link: the text model, unless the link is neither known to be slow nor paid for by the byte. It takes a
/// microsecond of one core a byte, at both ends, which a fast link does not make up for.
fn codec(metered: Option<bool>, rate: u8, relay_is_here: bool) -> Codec {
    match (metered, rate) {
        (_, 1..) | (Some(true), _) => Codec::Model,
        (None, 0) if !relay_is_here => Codec::Model,
        _ => Codec::Zstd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_model_is_for_links_that_are_thin_or_dear_or_unknown() {
        assert_eq!(codec(None, 0, false), Codec::Model, "nobody knows: spare it");
        assert_eq!(codec(Some(true), 0, true), Codec::Model);
        assert_eq!(codec(Some(false), 3, false), Codec::Model, "not metered, and slow");
        assert_eq!(codec(Some(false), 0, false), Codec::Zstd);
        assert_eq!(codec(None, 0, true), Codec::Zstd, "a relay on this computer");
    }

    #[test]
    fn the_next_call_is_told_in_steps() {
        assert_eq!(rounded_s(1_000, 900, 950), 850);
        assert_eq!(rounded_s(1_800, 900, 950), 850);
        assert_eq!(rounded_s(950, 900, 1_900), 1, "what is overdue is due now");
        assert_eq!(rounded_s(i64::MAX, 900, 0), u32::MAX);
    }

    #[test]
    fn who_keeps_his_presence_to_himself_does_not_tell_of_his_next_call_either() {
        let dir = tempfile::tempdir().unwrap();
        let options = crate::store::Options::default();
        let store = Store::open(&dir.path().join("store.db"), options).unwrap();
        let call = Call { next_call_at: Some(store.now() + 3_600), ..Call::default() };
        let over = Over { name: String::new(), metered: None, profile: None, quota: None };
        for (share_presence, share_next_call) in [(true, true), (true, false), (false, true)] {
            let mut settings = AgentSettings::default();
            settings.account.share_presence = share_presence;
            settings.account.share_next_call = share_next_call;
            let told = terms(&store, &settings, &call, &over, true).next_call_s;
            assert_eq!(0 < told, share_presence && share_next_call, "{told}");
        }
    }
}
