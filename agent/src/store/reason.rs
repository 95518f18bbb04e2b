//! Why one of our own messages is held, refused or over: as the store writes it, which is a sentence in English, and as
//! values, which a window says in its own language.
//!
//! **Invariant:** what one version wrote every later one reads: a sentence here changes only together with its reading.

use std::fmt;

use wire::Refusal;

use super::{MessageState, conversations};

/// Why a message of ours is not on its way, or came to nothing. A variant more has to be said by the window as well: its
/// list is held to this one by the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody was asked, and has not answered: a name, a title, or names.
    UntilAccepts(String),
    /// We were asked, and have not answered.
    UntilYouAccept,
    /// Nobody has joined of several that were asked.
    UntilSomebodyJoins,
    /// The other one is not in it.
    UntilJoins(String),
    /// The other one said no.
    Declined(String),
    /// The other one left.
    Left(String),
    /// The other one did not answer in time.
    NoAnswer(String),
    /// We took the request back.
    TakenBack(String),
    /// We are not in it: what we are instead, as [`Conversation::state`](super::Conversation::state) has it.
    NotIn(&'static str),
    /// Somebody here said so.
    Held,
    /// This store became a new device: it may have gone already.
    PerhapsSent,
    /// It was sent by another device.
    SentAlready,
    /// The relay was put back and does not know the conversation.
    ForgotConversation,
    /// The relay was put back and does not know who is in it.
    ForgotMembers,
    /// The relay did not take the request to chat: its own words.
    RequestRefused(String),
    /// Its time was over here.
    TimeOver,
    /// Its time was over at the relay, before the one that it went to had it.
    Expired,
    /// Its time was over at the relay: how many had it not, of how many.
    ExpiredFor {
        /// Who had it not.
        missing: u16,
        /// Whom it went to.
        of: u16,
    },
    /// It answers or changes what is held: which, and why that is.
    WaitsFor {
        /// The other message.
        id: String,
        /// Why that is held, as the store wrote it; empty for nothing.
        why: String,
    },
}

impl Reason {
    /// Whether what is held goes when somebody lets it go. The rest waits for an answer, and goes by itself then.
    #[must_use]
    pub fn ends_by_release(&self) -> bool {
        match self {
            Self::UntilAccepts(_)
            | Self::UntilYouAccept
            | Self::UntilSomebodyJoins
            | Self::UntilJoins(_)
            | Self::Declined(_)
            | Self::Left(_)
            | Self::NoAnswer(_)
            | Self::TakenBack(_)
            | Self::NotIn(_)
            | Self::RequestRefused(_) => false,
            Self::Held
            | Self::PerhapsSent
            | Self::SentAlready
            | Self::ForgotConversation
            | Self::ForgotMembers
            | Self::TimeOver
            | Self::Expired
            | Self::ExpiredFor { .. }
            | Self::WaitsFor { .. } => true,
        }
    }

    /// What a sentence of the store says; none for words of a relay, and for those of a later version.
    #[must_use]
    pub fn of(said: &str) -> Option<Self> {
        let between = |start: &str, end: &str| {
            let middle = said.strip_prefix(start)?.strip_suffix(end)?;
            (!middle.is_empty()).then(|| middle.to_owned())
        };
        let plain = [
            Self::UntilYouAccept,
            Self::UntilSomebodyJoins,
            Self::Held,
            Self::PerhapsSent,
            Self::SentAlready,
            Self::ForgotConversation,
            Self::ForgotMembers,
            Self::TimeOver,
            Self::Expired,
        ];
        if let Some(found) = plain.into_iter().find(|reason| reason.to_string() == said) {
            return Some(found);
        }
        if let Some(state) = said.strip_prefix(NOT_IN) {
            let state = conversations::STATES.into_iter().find(|known| *known == state)?;
            return Some(Self::NotIn(state));
        }
        if let Some(rest) = said.strip_prefix("waits for ") {
            let (id, why) = rest.split_once(", which is held")?;
            let why = match why {
                "" => "",
                why => why.strip_prefix(": ")?,
            };
            return Some(Self::WaitsFor { id: id.to_owned(), why: why.to_owned() });
        }
        if let Some(words) = said.strip_prefix(REQUEST_REFUSED) {
            return Some(Self::RequestRefused(words.to_owned()));
        }
        if let Some(counts) = between("it expired before ", " had it") {
            let (missing, of) = counts.split_once(" of ")?;
            return Some(Self::ExpiredFor { missing: missing.parse().ok()?, of: of.parse().ok()? });
        }
        between("waits until ", " accepts")
            .map(Self::UntilAccepts)
            .or_else(|| between("waits until ", " joins").map(Self::UntilJoins))
            .or_else(|| between("the request to ", TAKEN_BACK).map(Self::TakenBack))
            .or_else(|| between("", " declined the request").map(Self::Declined))
            .or_else(|| between("", " left the conversation").map(Self::Left))
            .or_else(|| between("", NO_ANSWER).map(Self::NoAnswer))
    }

    /// The same of one of our own messages: what a relay says of what it refused is its own.
    #[must_use]
    pub fn of_message(state: Option<MessageState>, said: &str) -> Option<Self> {
        if state == Some(MessageState::Refused) { None } else { Self::of(said) }
    }
}

/// Codes of why a relay refuses, as [`InboxRow::refusal`](super::InboxRow::refusal) has them.
pub const REFUSALS: [&str; 11] = [
    "not_member",
    "no_such_conversation",
    "no_such_account",
    "too_long",
    "full",
    "already_answered",
    "nobody_there",
    "too_many",
    "too_often",
    "invalid",
    "not_yours",
];

/// The code of a relay's reason; none for one of a later version.
pub(crate) fn refusal_code(refusal: Refusal) -> Option<&'static str> {
    let at = match refusal {
        Refusal::NotMember => 0,
        Refusal::NoSuchConversation => 1,
        Refusal::NoSuchAccount => 2,
        Refusal::TooLong => 3,
        Refusal::Full => 4,
        Refusal::AlreadyAnswered => 5,
        Refusal::NobodyThere => 6,
        Refusal::TooMany => 7,
        Refusal::TooOften => 8,
        Refusal::Invalid => 9,
        Refusal::NotYours => 10,
        _ => return None,
    };
    REFUSALS.get(at).copied()
}

const NOT_IN: &str = "you are not in this conversation: ";
const REQUEST_REFUSED: &str = "the request was refused: ";
const TAKEN_BACK: &str = " was taken back: ask again";
const NO_ANSWER: &str = " did not answer the request in time: ask again";

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UntilAccepts(who) => write!(f, "waits until {who} accepts"),
            Self::UntilYouAccept => f.write_str("waits until you accept the request"),
            Self::UntilSomebodyJoins => f.write_str("waits until somebody joins"),
            Self::UntilJoins(who) => write!(f, "waits until {who} joins"),
            Self::Declined(who) => write!(f, "{who} declined the request"),
            Self::Left(who) => write!(f, "{who} left the conversation"),
            Self::NoAnswer(who) => write!(f, "{who}{NO_ANSWER}"),
            Self::TakenBack(who) => write!(f, "the request to {who}{TAKEN_BACK}"),
            Self::NotIn(state) => write!(f, "{NOT_IN}{state}"),
            Self::Held => f.write_str("held by you"),
            Self::PerhapsSent => {
                f.write_str("perhaps this was sent already: release it to send it, or cancel it")
            }
            Self::SentAlready => {
                f.write_str("this was sent already: cancel it, or release it to send it once more")
            }
            Self::ForgotConversation => f.write_str(
                "the relay does not know this conversation at present: it goes again when it does",
            ),
            Self::ForgotMembers => f.write_str(
                "the relay does not know at present who is in this conversation: it goes again when it does",
            ),
            Self::RequestRefused(words) => write!(f, "{REQUEST_REFUSED}{words}"),
            Self::TimeOver => f.write_str("its time was over before it left here"),
            Self::Expired => f.write_str("it expired before it was delivered"),
            Self::ExpiredFor { missing, of } => {
                write!(f, "it expired before {missing} of {of} had it")
            }
            Self::WaitsFor { id, why } if why.is_empty() => {
                write!(f, "waits for {id}, which is held")
            }
            Self::WaitsFor { id, why } => write!(f, "waits for {id}, which is held: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_reason() -> impl Strategy<Value = Reason> {
        // Accounts' names; and titles, which may say anything.
        let name = "[a-z0-9._-]{1,32}";
        let title = "[ -~äöü船]{1,40}";
        prop_oneof![
            title.prop_map(Reason::UntilAccepts),
            name.prop_map(Reason::UntilJoins),
            name.prop_map(Reason::Declined),
            name.prop_map(Reason::Left),
            name.prop_map(Reason::NoAnswer),
            name.prop_map(Reason::TakenBack),
            title.prop_map(Reason::RequestRefused),
            any::<(u16, u16)>().prop_map(|(missing, of)| Reason::ExpiredFor { missing, of }),
            (0..7_usize).prop_map(|at| Reason::NotIn(conversations::STATES[at])),
            ("m[0-9]{1,5}", title)
                .prop_map(|(id, why)| Reason::WaitsFor { id, why: why.trim().to_owned() }),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(reason in any_reason()) {
            prop_assert_eq!(Reason::of(&reason.to_string()), Some(reason));
        }

        #[test]
        fn nothing_that_a_relay_may_say_is_a_panic(words in ".{0,80}") {
            let _ = Reason::of(&words);
        }
    }

    #[test]
    fn sentences_that_take_nothing_are_read_and_others_words_are_not() {
        for reason in [
            Reason::UntilYouAccept,
            Reason::UntilSomebodyJoins,
            Reason::Held,
            Reason::PerhapsSent,
            Reason::SentAlready,
            Reason::ForgotConversation,
            Reason::ForgotMembers,
            Reason::TimeOver,
            Reason::Expired,
            Reason::WaitsFor { id: "m1".to_owned(), why: String::new() },
        ] {
            assert_eq!(Reason::of(&reason.to_string()), Some(reason));
        }
        for said in [
            "",
            "too large for this relay",
            "waits until  joins",
            "you are not in this conversation: here",
        ] {
            assert_eq!(Reason::of(said), None, "{said}");
        }
        for (number, code) in (1..).zip(REFUSALS) {
            assert_eq!(refusal_code(Refusal::from(number)), Some(code));
        }
        assert_eq!(refusal_code(Refusal::from(200)), None);
        assert_eq!(Reason::of_message(Some(MessageState::Refused), "held by you"), None);
    }
}
