//! Decisions about mailboxes that need no store: what names an item's bytes, who gets a message,
//! when a copy of it ends.

use wire::{MemberState, Name, Submit};

use crate::store::Policy;

/// 32 bits that tell an item's bytes from others under the same number. Its age, lifetime and
/// membership version may differ when it is sent again.
pub(crate) fn item_hash(conversation: Option<Name>, submit: &Submit) -> u32 {
    let Name { device, n } = conversation.unwrap_or(Name { device: 0, n: 0 });
    let mut hasher = blake3::Hasher::new();
    hasher.update(&device.to_le_bytes());
    hasher.update(&n.to_le_bytes());
    hasher.update(&[submit.kind, u8::from(submit.urgent)]);
    hasher.update(&submit.body);
    let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Whether a member gets a message whose author saw membership `version`: who was there then and
/// is there now.
pub(crate) fn is_recipient(state: MemberState, joined: u32, version: u32) -> bool {
    state == MemberState::Member && joined <= version
}

/// When a message was composed and when its copies end, by the relay's clock: the sender's clock
/// only told how long ago that was.
pub(crate) fn times(submit: &Submit, policy: &Policy, now_s: u64) -> (u64, u64) {
    let lifetime_s = match u64::from(submit.lifetime_s) {
        0 => policy.lifetime_default_s,
        asked => asked.min(policy.lifetime_max_s),
    };
    let composed_at_s = now_s.saturating_sub(submit.age_s.into());
    let left_s = lifetime_s.saturating_sub(submit.age_s.into());
    (composed_at_s, now_s + left_s)
}

#[cfg(test)]
mod tests {
    use wire::ConversationRef;

    use super::*;

    fn submit() -> Submit {
        Submit {
            conversation: ConversationRef::Number(5),
            kind: wire::kind::TEXT,
            urgent: false,
            version: 3,
            age_s: 60,
            lifetime_s: 3600,
            body: b"Land ho".to_vec(),
        }
    }

    #[test]
    fn the_hash_depends_on_what_must_not_change_and_on_nothing_else() {
        let founding = Some(Name { device: 1, n: 1 });
        let hash = item_hash(founding, &submit());
        let later = Submit { age_s: 999, lifetime_s: 1, version: 9, ..submit() };
        assert_eq!(item_hash(founding, &later), hash);
        assert_ne!(item_hash(founding, &Submit { urgent: true, ..submit() }), hash);
        assert_ne!(item_hash(founding, &Submit { body: b"Land no".to_vec(), ..submit() }), hash);
        assert_ne!(item_hash(Some(Name { device: 1, n: 2 }), &submit()), hash);
    }

    #[test]
    fn who_joined_after_the_message_was_composed_does_not_get_it() {
        assert!(is_recipient(MemberState::Member, 3, 3));
        assert!(!is_recipient(MemberState::Member, 4, 3));
        assert!(!is_recipient(MemberState::Left, 1, 3));
    }

    #[test]
    fn a_lifetime_counts_from_composing_and_has_a_bound() {
        let policy = Policy { lifetime_max_s: 1000, lifetime_default_s: 500, ..Policy::default() };
        assert_eq!(times(&submit(), &policy, 10_000), (9_940, 10_940));
        let unset = Submit { lifetime_s: 0, ..submit() };
        assert_eq!(times(&unset, &policy, 10_000), (9_940, 10_440));
        let old = Submit { age_s: u32::MAX, ..submit() };
        assert_eq!(times(&old, &policy, 10_000), (0, 10_000));
    }
}
