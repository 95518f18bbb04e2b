//! Why a call came to less than was wanted, as values: a code and its arguments, beside the English words, so that a
//! window says it in its own language.
//!
//! **Invariant:** codes and the names of arguments are what the store and scripts hold: they never change. What a later
//! version wrote is none here, and stands in its own words.

use serde::{Deserialize, Serialize};

/// Why. Arguments called `said` are the words of a system, a relay, a proxy or a program, in whatever language; they may
/// be empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Cause {
    /// The visit's bytes are used up.
    BudgetOver,
    /// The visit made as many requests as it may.
    RequestsOver,
    /// The visit's time is over.
    TimeOver,
    /// Somebody stopped it.
    Stopped,
    /// What waits here does not fit into the visit's bytes.
    OutboxTooLarge,
    /// What waits at the relay does not fit into them.
    MailboxTooLarge,
    /// Nothing was fetched, because there is hardly room for it here.
    DiskAlmostFull,
    /// The link's quota was used up during the visit.
    QuotaRanOut,
    /// It was before: `left` bytes are too few for a visit; it begins anew at `resets`, in seconds since 1970.
    QuotaUsedUp { link: String, used: u64, allowed: u64, left: u64, resets: i64 },
    /// The program of `before_connect` would have no call.
    NotNow { program: String, said: String },
    /// A fault of the agent's own.
    Internal,

    /// The relay's name has no address.
    NameNotFound { host: String },
    /// Nothing leads to the relay's address.
    Unreachable { address: String },
    /// The computer is there, the relay is not.
    ConnectionRefused { address: String },
    /// The certificates to trust could not be read: from this file, or the system's.
    NoCertificates { from: Option<String>, said: String },
    /// Nobody this computer trusts signed the relay's certificate.
    CertificateUntrusted,
    /// The relay shows a CA's certificate as its own.
    CertificateOfCa,
    /// The certificate is over, or this clock is ahead.
    CertificateExpired,
    /// The certificate begins later, or this clock is behind.
    CertificateNotYetValid,
    /// The certificate is another host's.
    CertificateForAnother,
    /// The certificate is damaged, revoked or of a kind that cannot be used.
    CertificateUnusable,
    /// The other end does not speak TLS.
    NotTls,
    /// No TLS version or cipher in common.
    TlsIncompatible,
    /// The other end shows another key than the relay's.
    RelayKeyChanged,
    /// It shows none.
    RelayKeyMissing,
    /// Another failure of TLS.
    TlsFailed { said: String },
    /// Nobody answers at the proxy's address.
    ProxyUnreachable { proxy: String },
    /// The proxy asks for a login.
    ProxyLoginNeeded { proxy: String },
    /// The proxy does not accept the login.
    ProxyLoginRefused { proxy: String },
    /// The proxy asks for a login of these kinds, which are not known here.
    ProxyLoginKind { proxy: String, kinds: String },
    /// The proxy wants the password itself.
    ProxyLoginInClear { proxy: String },
    /// The proxy will not lead to the relay.
    ProxyRefused { proxy: String, said: String },
    /// The proxy tried and did not reach the relay.
    ProxyReachesNoRelay { proxy: String, said: String },
    /// What answers at the proxy's address is none.
    NotAProxy { proxy: String, said: String },
    /// The program that knows the proxy's login did not tell it.
    ProxyProgram { proxy: String, said: String },
    /// Something else answers in the relay's place: with this HTTP status and title, if any.
    NotARelay { status: Option<u16>, said: String },
    /// The answer is longer than any relay's.
    AnswerTooLong,
    /// The token of this device is damaged.
    BadToken,
    /// The link was cut.
    LinkCut { said: String },
    /// Nothing moved for so many seconds.
    LinkStalled { waited_s: u64 },
    /// No further byte of the visit's budget is left.
    BudgetSpent,

    /// The relay refused the request with this HTTP status.
    RelayRefused { status: u16, said: String },
    /// The relay takes no more for now: for a reason numbered as in `wire::StopReason`.
    RelayStopped { reason: u8, said: String },
    /// The answer was one to another request.
    AnswerNotOurs,
    /// The answer is damaged.
    AnswerDamaged,
    /// The relay is newer than this version.
    RelayTooNew,
    /// The answer ended early.
    AnswerUnfinished,
    /// The answer had no end.
    AnswerEndless { bytes: u64 },
    /// The request could not be written.
    Unwritable { said: String },
    /// The relay accepts this device as little as a new one in its place.
    DeviceNotAccepted,
    /// The system gave no random numbers.
    NoRandom,
    /// The disk is full.
    DiskFull,
    /// The store could not be read or written.
    Store { said: String },

    /// The dial program did not do its work.
    DialFailed { program: String, how: HowEnded, said: String },
    /// It did, but none of the rule's links came up.
    DialNoLink { program: String, links: String },
    /// They did, but no relay answered: why, where that is known.
    DialNoRelay { program: String, why: Option<Box<Self>>, said: String },
    /// The hangup program did not do its work: the link may still be up.
    HangupFailed { program: String, how: HowEnded, said: String },
    /// A line that is held is cut as soon as it is quiet, within so many seconds: by this proxy, or somebody on the way.
    LineCut { proxy: Option<String>, within_s: u64 },
}

/// How a program ended that did not do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HowEnded {
    /// It could not be started: the system's words.
    NotStarted(String),
    /// By itself, with this exit status.
    Exited(i32),
    /// Something else ended it: the system's words.
    Failed(String),
    /// Nobody knows: the system's words.
    Lost(String),
    /// It took longer than so many seconds.
    TooSlow(u64),
    /// The visit was stopped, or the agent.
    Stopped,
}

/// Something that a person is told: in English, and as a value where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// In English.
    pub words: String,
    /// What they say.
    pub cause: Option<Cause>,
}

impl Told {
    /// These words, which say this.
    pub fn new(words: impl Into<String>, cause: Cause) -> Self {
        Self { words: words.into(), cause: Some(cause) }
    }

    /// These words, followed by more of them.
    pub(crate) fn and(self, more: &str) -> Self {
        Self { words: format!("{}{more}", self.words), ..self }
    }

    /// The cause as the store keeps it; empty for none.
    pub(crate) fn written(&self) -> String {
        written(self.cause.as_ref())
    }
}

/// Words that nobody here knows a value of.
impl From<&str> for Told {
    fn from(words: &str) -> Self {
        Self { words: words.to_owned(), cause: None }
    }
}

/// A value as the store keeps it beside its words; empty for none.
pub(crate) fn written<T: Serialize>(value: Option<&T>) -> String {
    value.map_or(String::new(), |value| {
        serde_json::to_string(value).expect("names, texts and numbers are JSON")
    })
}

/// The reverse; none also for what a later version wrote.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(written: &str) -> Option<T> {
    if written.is_empty() {
        return None;
    }
    serde_json::from_str(written).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Notice;

    /// The codes of a type, as it tells them who names one that there is not.
    fn codes<T: for<'de> Deserialize<'de> + std::fmt::Debug>() -> Vec<String> {
        let said = serde_json::from_str::<T>("{\"code\":\"?\"}").unwrap_err().to_string();
        said.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_code_is_in_the_documentation() {
        let said = include_str!("../../../docs/control.md");
        let (causes, notices) = (codes::<Cause>(), codes::<Notice>());
        assert!(50 < causes.len() && 5 < notices.len(), "{causes:?} {notices:?}");
        for code in causes.iter().chain(&notices) {
            assert!(said.contains(&format!("`{code}`")), "{code}");
        }
    }

    #[test]
    fn codes_and_arguments_stay_as_they_are_written() {
        let how = HowEnded::Exited(3);
        let failed = Cause::DialFailed { program: "chat".to_owned(), how, said: String::new() };
        let text =
            "{\"code\":\"dial_failed\",\"program\":\"chat\",\"how\":{\"exited\":3},\"said\":\"\"}";
        assert_eq!(written(Some(&failed)), text);
        assert_eq!(read(text), Some(failed));
        assert_eq!(written::<Cause>(None), "");
        assert_eq!(read::<Cause>(""), None);
        let within = Cause::DialNoRelay {
            program: "chat".to_owned(),
            why: Some(Box::new(Cause::LinkStalled { waited_s: 120 })),
            said: "nothing moved".to_owned(),
        };
        assert_eq!(read(&written(Some(&within))), Some(within));
    }
}
