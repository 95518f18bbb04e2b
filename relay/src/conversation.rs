//! The state machine of chat requests and membership: what an answer makes of a state. No store.
//!
//! The first answer wins; the same again is nothing; another one is refused.

use wire::{MemberState, Refusal};

/// What someone says about his own membership, or about an invitation of his.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Joins.
    Accept,
    /// Does not join.
    Decline,
    /// Takes the request back.
    Withdraw,
    /// Leaves.
    Leave,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The state changes.
    Become(MemberState),
    /// It was said before.
    Nothing,
    /// It cannot be.
    Refused(Refusal, &'static str),
}

/// What `answer` makes of the state of the one it concerns; `None` is no member at all.
pub(crate) fn step(state: Option<MemberState>, answer: Answer) -> Step {
    use MemberState::{Declined, Expired, Invited, Left, Member, Withdrawn};
    let Some(state) = state else {
        return Step::Refused(Refusal::NotMember, "You are not in this conversation.");
    };
    match (state, answer) {
        (Invited, Answer::Accept) => Step::Become(Member),
        (Invited, Answer::Decline) => Step::Become(Declined),
        (Invited, Answer::Withdraw) => Step::Become(Withdrawn),
        (Member, Answer::Leave) => Step::Become(Left),
        (Member, Answer::Accept)
        | (Declined, Answer::Decline)
        | (Withdrawn, Answer::Withdraw)
        | (Left, Answer::Leave) => Step::Nothing,
        (Invited, Answer::Leave) => {
            Step::Refused(Refusal::NotMember, "You have not joined this conversation.")
        }
        (Withdrawn, _) => Step::Refused(Refusal::AlreadyAnswered, "The request was taken back."),
        (Expired, _) => Step::Refused(Refusal::AlreadyAnswered, "The request has expired."),
        (Declined, _) => Step::Refused(Refusal::AlreadyAnswered, "The request was declined."),
        (Left, _) => Step::Refused(Refusal::AlreadyAnswered, "You have left this conversation."),
        (_, _) => Step::Refused(Refusal::AlreadyAnswered, "The request was accepted."),
    }
}

/// What one of a pair asking the other comes to, by both states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// They talk already, or the request is open already.
    Nothing,
    /// The other one had asked: this accepts.
    Accept,
    /// It is asked again.
    Again,
}

/// One of a pair asks the other.
pub(crate) fn ask(mine: MemberState, theirs: MemberState) -> Ask {
    use MemberState::{Invited, Member};
    match (mine, theirs) {
        (Member, Member | Invited) => Ask::Nothing,
        (Invited, Member) => Ask::Accept,
        _ => Ask::Again,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [MemberState; 6] = [
        MemberState::Invited,
        MemberState::Member,
        MemberState::Left,
        MemberState::Declined,
        MemberState::Withdrawn,
        MemberState::Expired,
    ];
    const ANSWERS: [Answer; 4] = [Answer::Accept, Answer::Decline, Answer::Withdraw, Answer::Leave];

    #[test]
    fn the_same_answer_again_changes_nothing() {
        for state in STATES {
            for answer in ANSWERS {
                if let Step::Become(next) = step(Some(state), answer) {
                    assert_eq!(step(Some(next), answer), Step::Nothing, "{state:?} {answer:?}");
                }
            }
        }
    }

    #[test]
    fn the_first_of_two_different_answers_wins() {
        for first in [Answer::Accept, Answer::Decline, Answer::Withdraw] {
            for second in [Answer::Accept, Answer::Decline, Answer::Withdraw] {
                let Step::Become(state) = step(Some(MemberState::Invited), first) else {
                    panic!("an open request takes {first:?}");
                };
                let refused =
                    matches!(step(Some(state), second), Step::Refused(Refusal::AlreadyAnswered, _));
                assert_eq!(refused, first != second, "{first:?} then {second:?}");
            }
        }
    }

    #[test]
    fn whoever_is_not_there_can_answer_nothing() {
        for answer in ANSWERS {
            assert!(matches!(step(None, answer), Step::Refused(Refusal::NotMember, _)));
        }
    }

    #[test]
    fn asking_one_who_has_asked_accepts() {
        assert_eq!(ask(MemberState::Invited, MemberState::Member), Ask::Accept);
        assert_eq!(ask(MemberState::Member, MemberState::Invited), Ask::Nothing);
        assert_eq!(ask(MemberState::Member, MemberState::Declined), Ask::Again);
        assert_eq!(ask(MemberState::Left, MemberState::Member), Ask::Again);
    }
}
