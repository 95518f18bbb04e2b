//! Decisions about mailboxes that need no store: who gets a message, when a copy of it ends.

use wire::{MemberState, Submit};

use crate::store::Policy;

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
