//! Whether somebody can be reached, as far as it is true now: news that are old are no news.

use agent::store::{MemberRow, PresenceNow};
use iced::{Theme, widget::text};

use crate::{screen::Cx, theme::styles, widget::Sign, words::ago_changes_at};

/// So long after it was told somebody counts as reachable, in seconds: the store's own rule, for what was read a while
/// ago.
const FRESH_S: i64 = 300;
/// From so far on the day says enough of a call that is expected.
const DAY_S: i64 = 24 * 60 * 60;

/// What is shown of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// There now.
    Reachable,
    /// The device is there, the person is not.
    Away,
    /// Expected then, in seconds since 1970.
    Next(i64),
    /// Was expected then, and not heard of.
    Overdue(i64),
    /// Last heard of then.
    Seen(i64),
    /// Never heard of.
    Unknown,
    /// Blocked here.
    Blocked,
}

impl Presence {
    /// That of a member, now.
    pub(crate) fn of(member: &MemberRow, now: i64) -> Self {
        let is_fresh = member.as_of.is_some_and(|as_of| now <= as_of.saturating_add(FRESH_S));
        match member.presence {
            _ if member.blocked => Self::Blocked,
            PresenceNow::Reachable if is_fresh => Self::Reachable,
            PresenceNow::Away if is_fresh => Self::Away,
            _ => match (member.next_call, member.last_seen) {
                (Some(at), _) if now < at => Self::Next(at),
                (Some(at), seen) if seen < Some(at) => Self::Overdue(at),
                (_, Some(at)) => Self::Seen(at),
                _ => Self::Unknown,
            },
        }
    }

    pub(crate) fn sign(self) -> Sign {
        match self {
            Self::Reachable => Sign::Reachable,
            Self::Away => Sign::Away,
            Self::Next(_) | Self::Overdue(_) | Self::Seen(_) => Sign::Expected,
            Self::Unknown => Sign::Unknown,
            Self::Blocked => Sign::Refused,
        }
    }

    pub(crate) fn style(self) -> fn(&Theme) -> text::Style {
        match self {
            Self::Reachable => styles::good,
            Self::Overdue(_) => styles::warn,
            _ => styles::muted,
        }
    }

    /// In words.
    pub(crate) fn told(self, cx: Cx<'_>) -> String {
        let when = |at: i64| match at.saturating_sub(cx.now).abs() < DAY_S {
            true => cx.words.clock(at),
            false => cx.words.day(at, cx.now),
        };
        match self {
            Self::Reachable => cx.words.say("presence-reachable"),
            Self::Away => cx.words.say("presence-away"),
            Self::Next(at) => cx.words.tell("presence-next", &[("when", when(at).into())]),
            Self::Overdue(at) => cx.words.tell("presence-overdue", &[("when", when(at).into())]),
            Self::Seen(at) => {
                cx.words.tell("presence-seen", &[("ago", cx.words.ago(at, cx.now).into())])
            }
            Self::Unknown => cx.words.say("presence-unknown"),
            Self::Blocked => cx.words.say("presence-blocked"),
        }
    }

    /// When it is not true any more, or the words change, in seconds since 1970.
    pub(crate) fn changes_at(self, member: &MemberRow, now: i64) -> Option<i64> {
        match self {
            Self::Reachable | Self::Away => {
                member.as_of.map(|as_of| as_of.saturating_add(FRESH_S + 1))
            }
            Self::Next(at) => Some(at),
            Self::Seen(at) => Some(ago_changes_at(at, now)),
            Self::Overdue(_) | Self::Unknown | Self::Blocked => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::scene::{NOW, Scene, member};

    #[test]
    fn nobody_is_there_on_stale_news() {
        let mut bob = member("bob");
        (bob.presence, bob.as_of) = (PresenceNow::Reachable, Some(NOW - 10));
        assert_eq!(Presence::of(&bob, NOW), Presence::Reachable);
        let change = Presence::Reachable.changes_at(&bob, NOW).unwrap();
        assert_eq!(Presence::of(&bob, change - 1), Presence::Reachable);
        assert_eq!(Presence::of(&bob, change), Presence::Unknown);
        bob.last_seen = Some(NOW - 10);
        assert_eq!(Presence::of(&bob, change), Presence::Seen(NOW - 10));
        bob.as_of = None;
        assert_ne!(Presence::of(&bob, NOW), Presence::Reachable);
    }

    #[test]
    fn who_is_expected_is_so_until_then_and_overdue_after_it() {
        let scene = Scene::calm();
        let mut bob = member("bob");
        (bob.next_call, bob.last_seen) = (Some(NOW + 2520), Some(NOW - 3 * 3600));
        let next = Presence::of(&bob, NOW);
        assert_eq!(next.told(scene.cx()), "next 18:30");
        assert_eq!(next.changes_at(&bob, NOW), Some(NOW + 2520));
        let late = Presence::of(&bob, NOW + 2520);
        assert_eq!((late, late.changes_at(&bob, NOW)), (Presence::Overdue(NOW + 2520), None));
        bob.next_call = None;
        assert_eq!(Presence::of(&bob, NOW).told(scene.cx()), "last seen 3 h ago");
        bob.blocked = true;
        assert_eq!(Presence::of(&bob, NOW), Presence::Blocked);
    }
}
