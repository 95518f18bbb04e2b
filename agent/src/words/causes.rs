//! Why something did not come about, in the reader's language: what the store and the agent say with a code. What has
//! none that is known here, of a relay, of the user's own programs, or of a later agent, stands in its own words.

use crate::{
    control::TroubleKind,
    store::{InboxRow, Reason},
};
use serde::{Deserialize, de::IntoDeserializer};

use super::{Words, harmless};

impl Words {
    /// Why one of our own messages is held, refused or over; empty for nothing.
    #[must_use]
    pub fn why(&self, row: &InboxRow) -> String {
        if let Some(code) = row.refusal {
            return self.refusal(code, &row.reason);
        }
        match Reason::of_message(row.state, &row.reason) {
            Some(reason) => self.reason(&reason),
            None => harmless(&row.reason).into_owned(),
        }
    }

    /// The same of a sentence of the store.
    #[must_use]
    pub fn why_said(&self, said: &str) -> String {
        match Reason::of(said) {
            Some(reason) => self.reason(&reason),
            None => harmless(said).into_owned(),
        }
    }

    fn reason(&self, reason: &Reason) -> String {
        let who =
            |key: &str, who: &str| self.tell(key, &[("who", harmless(who).into_owned().into())]);
        match reason {
            Reason::UntilAccepts(name) => who("why-until-accepts", name),
            Reason::UntilYouAccept => self.say("why-until-you-accept"),
            Reason::UntilSomebodyJoins => self.say("why-until-somebody-joins"),
            Reason::UntilJoins(name) => who("why-until-joins", name),
            Reason::Declined(name) => who("why-declined", name),
            Reason::Left(name) => who("why-left", name),
            Reason::NoAnswer(name) => who("why-no-answer", name),
            Reason::TakenBack(name) => who("why-taken-back", name),
            Reason::NotIn(state) => self.say(match *state {
                "left" => "why-you-left",
                "declined" => "why-you-declined",
                "expired" => "why-request-expired",
                "withdrawn" => "why-request-withdrawn",
                _ => "why-not-in",
            }),
            Reason::Held => self.say("why-held"),
            Reason::PerhapsSent => self.say("why-perhaps-sent"),
            Reason::SentAlready => self.say("why-sent-already"),
            Reason::ForgotConversation => self.say("why-forgot-conversation"),
            Reason::ForgotMembers => self.say("why-forgot-members"),
            Reason::RequestRefused(words) => {
                self.tell("why-request-refused", &[("words", harmless(words).into_owned().into())])
            }
            Reason::TimeOver => self.say("why-time-over"),
            Reason::Expired => self.say("why-expired"),
            Reason::ExpiredFor { missing, of } => {
                let count = |n: u16| u64::from(n).into();
                self.tell("why-expired-for", &[("missing", count(*missing)), ("of", count(*of))])
            }
            Reason::WaitsFor { why, .. } if why.is_empty() => self.say("why-waits-for"),
            Reason::WaitsFor { why, .. } => {
                self.tell("why-waits-for-because", &[("why", self.why_said(why).into())])
            }
        }
    }

    /// Why a relay refused something; its words stand behind where they say more.
    pub(super) fn refusal(&self, code: &str, said: &str) -> String {
        let key = match code {
            "not_member" => "refusal-not-member",
            "no_such_conversation" => "refusal-no-such-conversation",
            "no_such_account" => "refusal-no-such-account",
            "too_long" => "refusal-too-long",
            "full" => "refusal-full",
            "already_answered" => "refusal-already-answered",
            "nobody_there" => "refusal-nobody-there",
            "too_many" => "refusal-too-many",
            "too_often" => "refusal-too-often",
            "invalid" => "refusal-invalid",
            "not_yours" => "refusal-not-yours",
            _ => return harmless(said).into_owned(),
        };
        self.say(key)
    }

    /// What the agent, or a program that it runs, would not do.
    #[must_use]
    pub fn failure(&self, code: &str, said: &str) -> String {
        let key = match code {
            "busy" => "failure-busy",
            "stopped" => "failure-stopped",
            "agent_stopped" => "failure-agent-stopped",
            "disk_full" => "failure-disk-full",
            "in_use" => "failure-in-use",
            "not_logged_in" => "error-no-store",
            "store_version" => "error-too-new",
            "other_account" => "failure-other-account",
            "unknown_id" => "failure-unknown-id",
            "unknown_conversation" => "failure-unknown-conversation",
            "bad_name" => "failure-bad-name",
            "empty" => "failure-empty",
            "too_long" => "failure-too-long",
            "on_its_way" => "failure-on-its-way",
            "not_yours" => "failure-not-yours",
            "held" => "failure-held",
            "not_waiting" => "failure-not-waiting",
            "unauthorized" => "failure-unauthorized",
            // An order that the agent does not know: it is older than this window.
            "unsupported_version" | "bad_request" => "failure-unsupported-version",
            "no_program" => "failure-no-program",
            "not_a_relay" => "failure-not-a-relay",
            "not_an_agent" => "failure-not-an-agent",
            // What these say is in their words: a file and a line, a program, a disk.
            "config" | "bad_proxy" | "bad_url" | "account_file" | "home" | "no_home" | "unfit"
            | "usage" | "store" | "internal" | "program" | "service" | "later" | "price"
            | "random" | "runtime" | "signals" | "socket" => {
                let words = [("words", harmless(said).into_owned().into())];
                return self.tell(
                    match code {
                        "config" => "settings-wrong",
                        "bad_proxy" => "failure-bad-proxy",
                        "bad_url" => "failure-bad-url",
                        "account_file" | "home" | "no_home" => "failure-files",
                        "unfit" | "usage" => "failure-unfit",
                        "store" => "failure-store",
                        "program" | "service" => "failure-program",
                        "later" => "failure-later",
                        _ => "failure-internal",
                    },
                    &words,
                );
            }
            _ => return harmless(said).into_owned(),
        };
        self.say(key)
    }

    /// What does not work, by the kind that the agent says, and what can be done about it; none for a kind of a later
    /// agent.
    #[must_use]
    pub fn trouble(&self, kind: &str) -> Option<(String, String)> {
        let kind = TroubleKind::deserialize(kind.into_deserializer());
        let (what, remedy) = match kind.map_err(|_: serde::de::value::Error| ()).ok()? {
            TroubleKind::Dial => ("trouble-dial", "remedy-dial"),
            TroubleKind::Hangup => ("trouble-hangup", "remedy-hangup"),
            TroubleKind::Impostor => ("trouble-impostor", "remedy-impostor"),
            TroubleKind::Line => ("trouble-line", "remedy-line"),
            TroubleKind::Portal => ("trouble-portal", "remedy-portal"),
            TroubleKind::Settings => ("trouble-settings", "remedy-settings"),
        };
        Some((self.say(what), self.say(remedy)))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        control::{CODES, TroubleKind},
        store::{Kind, MessageState, REFUSALS},
    };
    use jiff::tz::TimeZone;

    use super::*;
    use crate::words::told::tests::variants;

    /// A message of ours.
    fn message(state: MessageState) -> InboxRow {
        InboxRow {
            id: crate::store::MessageId(1),
            conversation: None,
            from: "ann".to_owned(),
            text: "hello".to_owned(),
            sent_at: 0,
            received_at: 0,
            kind: Kind::Message,
            mine: true,
            read: true,
            attachments: Vec::new(),
            edited: false,
            deleted: false,
            urgent: false,
            reply_to: None,
            state: Some(state),
            reason: String::new(),
            refusal: None,
            notice: None,
        }
    }

    fn both() -> [Words; 2] {
        ["en", "de"].map(|tag| Words::of(tag, TimeZone::UTC))
    }

    /// One of each.
    fn reasons() -> Vec<Reason> {
        let bob = || "bob".to_owned();
        vec![
            Reason::UntilAccepts(bob()),
            Reason::UntilYouAccept,
            Reason::UntilSomebodyJoins,
            Reason::UntilJoins(bob()),
            Reason::Declined(bob()),
            Reason::Left(bob()),
            Reason::NoAnswer(bob()),
            Reason::TakenBack(bob()),
            Reason::NotIn("left"),
            Reason::NotIn("declined"),
            Reason::NotIn("expired"),
            Reason::NotIn("withdrawn"),
            Reason::NotIn("refused"),
            Reason::Held,
            Reason::PerhapsSent,
            Reason::SentAlready,
            Reason::ForgotConversation,
            Reason::ForgotMembers,
            Reason::RequestRefused("No.".to_owned()),
            Reason::TimeOver,
            Reason::Expired,
            Reason::ExpiredFor { missing: 2, of: 5 },
            Reason::WaitsFor { id: "m1".to_owned(), why: String::new() },
            Reason::WaitsFor { id: "m1".to_owned(), why: "held by you".to_owned() },
        ]
    }

    #[test]
    fn every_reason_of_the_store_is_said_in_every_language() {
        let [en, de] = both();
        for reason in reasons() {
            let (english, german) = (en.reason(&reason), de.reason(&reason));
            assert_ne!(english, german, "{reason:?}");
            assert_ne!(german, reason.to_string(), "{reason:?}");
            for words in [english, german] {
                assert!(!words.starts_with("why-") && !words.is_empty(), "{words}");
                assert!(!reason.to_string().contains("bob") || words.contains("bob"), "{words}");
            }
            // As it comes from the store.
            assert_eq!(de.why_said(&reason.to_string()), de.reason(&reason));
        }
    }

    #[test]
    fn every_code_of_a_relay_and_of_the_agent_has_words_in_every_language() {
        let [en, de] = both();
        for code in REFUSALS {
            assert_ne!(en.refusal(code, "as it said"), de.refusal(code, "as it said"), "{code}");
            assert!(!de.refusal(code, "as it said").contains("as it said"), "{code}");
        }
        for code in CODES {
            let (english, german) =
                (en.failure(code, "as it said"), de.failure(code, "as it said"));
            assert_ne!(english, german, "{code}");
            assert!(german != "as it said" && !german.starts_with("failure-"), "{code}: {german}");
        }
        for kind in variants::<TroubleKind>("?".into()) {
            let (english, german) = (en.trouble(&kind).unwrap(), de.trouble(&kind).unwrap());
            assert!(english.0 != german.0 && english.1 != german.1, "{kind}");
        }
    }

    #[test]
    fn what_a_later_version_says_stands_in_its_own_words() {
        let [_, de] = both();
        assert_eq!(de.why_said("waits for the tide"), "waits for the tide");
        assert_eq!(de.refusal("too_blue", "It is too blue.\u{202e}"), "It is too blue.");
        assert_eq!(de.failure("too_blue", "It is\ntoo blue."), "It is too blue.");
        assert_eq!(de.trouble("too_blue"), None);
        // Words of a relay are its own, also where they are like ours.
        let mut row = message(MessageState::Refused);
        row.reason = "held by you".to_owned();
        assert_eq!(de.why(&row), "held by you");
        row.refusal = Some("full");
        assert_eq!(de.why(&row), de.say("refusal-full"));
        (row.state, row.refusal) = (Some(MessageState::Held), None);
        assert_eq!(de.why(&row), de.say("why-held"));
    }
}
