//! What came of calls, in the reader's language: what the agent keeps with a code. What has none, of an older or a later
//! agent, stands in its own words.
//!
//! Every match on what the agent may say is whole, so that nothing can be added there without words here.

use crate::store::{Cause, HowEnded, Notice};

use super::{Arg, Words, harmless};

impl Words {
    /// What is wrong and what can be done about it; `said` where nobody knows what it says. `now` is in seconds since 1970.
    #[must_use]
    pub fn cause(&self, cause: Option<&Cause>, said: &str, now: i64) -> String {
        let Some(cause) = cause else { return harmless(said).into_owned() };
        let what = self.what(cause, now);
        match cure(cause) {
            Some(key) => format!("{what} {}", self.say(key)),
            None => what,
        }
    }

    /// The same without what can be done.
    #[must_use]
    pub fn cause_alone(&self, cause: Option<&Cause>, said: &str, now: i64) -> String {
        match cause {
            Some(cause) => self.what(cause, now),
            None => harmless(said).into_owned(),
        }
    }

    /// What Mailboat itself has to say; `said` where nobody knows what it says. `now` is in seconds since 1970.
    #[must_use]
    pub fn notice(&self, notice: Option<&Notice>, said: &str, now: i64) -> String {
        let Some(notice) = notice else { return super::harmless_lines(said).into_owned() };
        let because = |why: &Option<Cause>, said: &str| whole(self.cause(why.as_ref(), said, now));
        match notice {
            Notice::NotDelivered { text, why, .. } => {
                let args = [("text", tame(text)), ("why", self.why_said(why).into())];
                self.tell("notice-not-delivered", &args)
            }
            Notice::Lapsed { count } => self.tell("notice-lapsed", &[("n", (*count).into())]),
            Notice::LapsedHere { count } => {
                self.tell("notice-lapsed-here", &[("n", (*count).into())])
            }
            Notice::Unknown { kind, .. } => {
                self.tell("notice-unknown", &[("kind", u64::from(*kind).into())])
            }
            Notice::NewDevice { is_fork, held } => {
                let key = if *is_fork { "notice-new-device-fork" } else { "notice-new-device" };
                match held {
                    0 => self.say(key),
                    n => {
                        let held = self.tell("notice-new-device-held", &[("n", (*n).into())]);
                        format!("{} {held}", self.say(key))
                    }
                }
            }
            Notice::Quota { link, used, allowed, left, stopped, resets } => {
                let (link, used, left, resets) = (link.clone(), *used, *left, *resets);
                match *allowed {
                    Some(allowed) if *stopped => {
                        let cause = Cause::QuotaUsedUp { link, used, allowed, left, resets };
                        let what = self.cause(Some(&cause), "", now);
                        format!("{what} {}", self.say("notice-quota-waits"))
                    }
                    allowed => {
                        let key =
                            if allowed.is_some() { "notice-quota" } else { "notice-quota-lifted" };
                        let args = [
                            ("link", tame(&link)),
                            ("used", self.bytes(used).into()),
                            ("all", self.bytes(allowed.unwrap_or_default()).into()),
                            ("left", self.bytes(left).into()),
                            ("day", self.day(resets, now).into()),
                        ];
                        self.tell(key, &args)
                    }
                }
            }
            Notice::CallFailed { rule, why, said, next } => {
                let why = because(why, said);
                let args = [("rule", tame(rule)), ("why", why.into())];
                let failed = self.tell("notice-call-failed", &args);
                let then = match next {
                    Some(at) => {
                        let at = self.full(*at, now);
                        self.tell("notice-call-next", &[("time", at.into())])
                    }
                    None => self.say("notice-call-later"),
                };
                format!("{failed} {then}")
            }
            Notice::LinkLeftUp { rule, why, said } => {
                // What can be done about it stands in its words.
                let why = whole(self.cause_alone(why.as_ref(), said, now));
                let args = [("rule", tame(rule)), ("why", why.into())];
                self.tell("notice-link-left-up", &args)
            }
            Notice::NotTheRelay { why, said } => {
                self.tell("notice-not-the-relay", &[("why", because(why, said).into())])
            }
            Notice::LoginPage { why, said } => {
                self.tell("notice-login-page", &[("why", because(why, said).into())])
            }
        }
    }

    fn what(&self, cause: &Cause, now: i64) -> String {
        let with = |key: &str, name: &'static str, is: &str| self.tell(key, &[(name, tame(is))]);
        let span = |key: &str, seconds: u64| self.tell(key, &[("span", self.span(seconds).into())]);
        match cause {
            Cause::BudgetOver => self.say("cause-budget-over"),
            Cause::RequestsOver => self.say("cause-requests-over"),
            Cause::TimeOver => self.say("cause-time-over"),
            Cause::Stopped => self.say("cause-stopped"),
            Cause::OutboxTooLarge => self.say("cause-outbox-too-large"),
            Cause::MailboxTooLarge => self.say("cause-mailbox-too-large"),
            Cause::DiskAlmostFull => self.say("cause-disk-almost-full"),
            Cause::QuotaRanOut => self.say("cause-quota-ran-out"),
            Cause::QuotaUsedUp { link, used, allowed, left, resets } => {
                let args = [
                    ("link", tame(link)),
                    ("used", self.bytes(*used).into()),
                    ("all", self.bytes(*allowed).into()),
                    ("day", self.day(*resets, now).into()),
                    ("left", self.bytes(*left).into()),
                ];
                let key = if *left == 0 { "cause-quota-used-up" } else { "cause-quota-too-little" };
                self.tell(key, &args)
            }
            Cause::NotNow { program, said } => {
                let what = with("cause-not-now", "program", program);
                if said.is_empty() {
                    format!("{what}.")
                } else {
                    format!("{what}: {}", harmless(said))
                }
            }
            Cause::Internal => self.say("cause-internal"),
            Cause::NameNotFound { host } => with("cause-name-not-found", "host", host),
            Cause::Unreachable { address } => with("cause-unreachable", "address", address),
            Cause::ConnectionRefused { address } => {
                with("cause-connection-refused", "address", address)
            }
            Cause::NoCertificates { from: Some(from), said } => {
                self.and_said(with("cause-no-certificates", "from", from), said)
            }
            Cause::NoCertificates { from: None, said } => {
                self.and_said(self.say("cause-no-certificates-system"), said)
            }
            Cause::CertificateUntrusted => self.say("cause-certificate-untrusted"),
            Cause::CertificateOfCa => self.say("cause-certificate-of-ca"),
            Cause::CertificateExpired => self.say("cause-certificate-expired"),
            Cause::CertificateNotYetValid => self.say("cause-certificate-not-yet-valid"),
            Cause::CertificateForAnother => self.say("cause-certificate-for-another"),
            Cause::CertificateUnusable => self.say("cause-certificate-unusable"),
            Cause::NotTls => self.say("cause-not-tls"),
            Cause::TlsIncompatible => self.say("cause-tls-incompatible"),
            Cause::RelayKeyChanged => self.say("cause-relay-key-changed"),
            Cause::RelayKeyMissing => self.say("cause-relay-key-missing"),
            Cause::TlsFailed { said } => self.and_said(self.say("cause-tls-failed"), said),
            Cause::ProxyUnreachable { proxy } => with("cause-proxy-unreachable", "proxy", proxy),
            Cause::ProxyLoginNeeded { proxy } => with("cause-proxy-login-needed", "proxy", proxy),
            Cause::ProxyLoginRefused { proxy } => with("cause-proxy-login-refused", "proxy", proxy),
            Cause::ProxyLoginKind { proxy, kinds } => {
                let args = [("proxy", tame(proxy)), ("kinds", tame(kinds))];
                self.tell("cause-proxy-login-kind", &args)
            }
            Cause::ProxyLoginInClear { proxy } => {
                with("cause-proxy-login-in-clear", "proxy", proxy)
            }
            Cause::ProxyRefused { proxy, said } => {
                self.and_said(with("cause-proxy-refused", "proxy", proxy), said)
            }
            Cause::ProxyReachesNoRelay { proxy, said } => {
                self.and_said(with("cause-proxy-reaches-no-relay", "proxy", proxy), said)
            }
            Cause::NotAProxy { proxy, said } => {
                self.and_said(with("cause-not-a-proxy", "proxy", proxy), said)
            }
            Cause::ProxyProgram { proxy, said } => {
                self.and_said(with("cause-proxy-program", "proxy", proxy), said)
            }
            Cause::NotARelay { status: Some(status), said } => {
                let what = with("cause-not-a-relay-status", "status", &status.to_string());
                self.and_said(what, said)
            }
            Cause::NotARelay { status: None, said } => {
                self.and_said(self.say("cause-not-a-relay"), said)
            }
            Cause::AnswerTooLong => self.say("cause-answer-too-long"),
            Cause::BadToken => self.say("cause-bad-token"),
            Cause::LinkCut { said } => self.and_said(self.say("cause-link-cut"), said),
            Cause::LinkStalled { waited_s } => span("cause-link-stalled", *waited_s),
            Cause::BudgetSpent => self.say("cause-budget-spent"),
            Cause::RelayRefused { status: 401, .. } => self.say("cause-login-unknown"),
            Cause::RelayRefused { status: 400, .. } => self.say("cause-not-understood"),
            Cause::RelayRefused { status: 413, .. } => self.say("cause-message-too-long"),
            Cause::RelayRefused { status, said } => {
                let what = with("cause-relay-refused", "status", &status.to_string());
                self.and_said(what, said)
            }
            Cause::RelayStopped { reason, said } => match reason {
                1 => self.say("cause-relay-stopped-rate"),
                2 => self.say("cause-relay-stopped-disk"),
                3 => self.say("cause-relay-stopped-shutdown"),
                _ => self.and_said(self.say("cause-relay-stopped"), said),
            },
            Cause::AnswerNotOurs => self.say("cause-answer-not-ours"),
            Cause::AnswerDamaged => self.say("cause-answer-damaged"),
            Cause::RelayTooNew => self.say("cause-relay-too-new"),
            Cause::AnswerUnfinished => self.say("cause-answer-unfinished"),
            Cause::AnswerEndless { bytes } => {
                self.tell("cause-answer-endless", &[("bytes", self.bytes(*bytes).into())])
            }
            Cause::Unwritable { said } => self.and_said(self.say("cause-unwritable"), said),
            Cause::DeviceNotAccepted => self.say("cause-device-not-accepted"),
            Cause::NoRandom => self.say("cause-no-random"),
            Cause::DiskFull => self.say("cause-disk-full"),
            Cause::Store { said } => self.and_said(self.say("cause-store"), said),
            Cause::DialFailed { program, how, said } => {
                self.ended("cause-dial-failed", program, how, said)
            }
            Cause::DialNoLink { program, links } => {
                let args = [("program", tame(program)), ("links", tame(links))];
                self.tell("cause-dial-no-link", &args)
            }
            Cause::DialNoRelay { program, why, said } => {
                let why = self.cause_alone(why.as_deref(), said, now);
                let args = [("program", tame(program)), ("why", why.into())];
                self.tell("cause-dial-no-relay", &args)
            }
            Cause::HangupFailed { program, how, said } => {
                self.ended("cause-hangup-failed", program, how, said)
            }
            Cause::LineCut { proxy: None, within_s } => span("cause-line-cut", *within_s),
            Cause::LineCut { proxy: Some(proxy), within_s } => {
                let args = [("proxy", tame(proxy)), ("span", self.span(*within_s).into())];
                self.tell("cause-line-cut-by", &args)
            }
        }
    }

    /// With what somebody else said of it, where they did.
    fn and_said(&self, what: String, said: &str) -> String {
        match harmless(said) {
            said if said.is_empty() => what,
            said => self.tell("cause-said", &[("what", what.into()), ("said", (&*said).into())]),
        }
    }

    /// How a program ended that did not do its work.
    fn ended(&self, key: &str, program: &str, how: &HowEnded, said: &str) -> String {
        let (how, more) = match how {
            HowEnded::NotStarted(why) => (self.say("ended-not-started"), &**why),
            HowEnded::Exited(status) => {
                let status = status.to_string();
                (self.tell("ended-exited", &[("status", status.into())]), "")
            }
            HowEnded::Failed(why) => (self.say("ended-failed"), &**why),
            HowEnded::Lost(why) => (self.say("ended-lost"), &**why),
            HowEnded::TooSlow(limit_s) => {
                let span = self.span(*limit_s);
                (self.tell("ended-too-slow", &[("span", span.into())]), "")
            }
            HowEnded::Stopped => (self.say("ended-stopped"), ""),
        };
        let what = self.tell(key, &[("program", tame(program)), ("how", how.into())]);
        let what = self.and_said(what, more);
        if said.is_empty() { format!("{what}.") } else { format!("{what}: {}", harmless(said)) }
    }
}

/// A sentence, whoever wrote it.
fn whole(said: String) -> String {
    let is_whole = said.ends_with(['.', '!', '?', '…', ')', '”', '“']);
    if is_whole || said.is_empty() { said } else { format!("{said}.") }
}

fn tame(text: &str) -> Arg<'static> {
    harmless(text).into_owned().into()
}

/// What can be done about it; none where it mends itself, or the words say it.
fn cure(cause: &Cause) -> Option<&'static str> {
    Some(match cause {
        Cause::BudgetOver
        | Cause::RequestsOver
        | Cause::TimeOver
        | Cause::Stopped
        | Cause::OutboxTooLarge
        | Cause::MailboxTooLarge
        | Cause::QuotaRanOut
        | Cause::NotNow { .. }
        | Cause::Internal
        | Cause::RelayStopped { .. }
        | Cause::AnswerUnfinished
        | Cause::Unwritable { .. }
        | Cause::NoRandom
        | Cause::Store { .. }
        | Cause::DialNoLink { .. }
        | Cause::LineCut { .. } => return None,
        Cause::DialFailed { .. } => "remedy-dial",
        Cause::HangupFailed { .. } => "remedy-hangup",
        Cause::DialNoRelay { why, .. } => return why.as_deref().and_then(cure),
        Cause::QuotaUsedUp { .. } => "cure-lift-quota",
        Cause::NameNotFound { .. } => "cure-link",
        Cause::Unreachable { .. } => "cure-way",
        Cause::ConnectionRefused { .. } => "cure-relay-down",
        Cause::NoCertificates { from: Some(_), .. } => "cure-certificates-file",
        Cause::NoCertificates { from: None, .. } => "cure-certificates-system",
        Cause::CertificateUntrusted => "cure-untrusted",
        Cause::CertificateOfCa | Cause::CertificateUnusable => "cure-ask-relay",
        Cause::CertificateExpired | Cause::CertificateNotYetValid => "cure-date",
        Cause::CertificateForAnother => "cure-name",
        Cause::NotTls | Cause::NotARelay { status: None, .. } | Cause::AnswerTooLong => "cure-port",
        Cause::TlsIncompatible => "cure-tls",
        Cause::RelayKeyChanged | Cause::RelayKeyMissing => "cure-key",
        Cause::TlsFailed { .. } => "cure-again",
        Cause::ProxyUnreachable { .. } => "cure-proxy-there",
        Cause::ProxyLoginNeeded { .. } | Cause::NotARelay { status: Some(407), .. } => {
            "cure-proxy-login"
        }
        Cause::ProxyLoginRefused { .. } => "cure-proxy-login-refused",
        Cause::ProxyLoginKind { .. } => "cure-proxy-login-kind",
        Cause::ProxyLoginInClear { .. } => "cure-proxy-in-clear",
        Cause::ProxyRefused { .. } => "cure-proxy-refused",
        Cause::ProxyReachesNoRelay { .. } => "cure-proxy-behind",
        Cause::NotAProxy { .. } => "cure-not-a-proxy",
        Cause::ProxyProgram { .. } => "cure-proxy-program",
        Cause::NotARelay { status: Some(502..=504), .. } => "cure-gateway",
        Cause::NotARelay { status: Some(_), .. } => "cure-login-page",
        Cause::BadToken | Cause::RelayRefused { status: 401, .. } | Cause::DeviceNotAccepted => {
            "cure-log-in"
        }
        Cause::RelayRefused { status: 400, .. } => "cure-update",
        Cause::RelayRefused { status: 413, .. } => "cure-shorten",
        Cause::RelayRefused { .. } => return None,
        Cause::RelayTooNew => "cure-update-here",
        Cause::LinkCut { .. } | Cause::AnswerEndless { .. } => "cure-goes-on",
        Cause::LinkStalled { .. } => "cure-stalled",
        Cause::BudgetSpent => "cure-next-visit",
        Cause::AnswerNotOurs | Cause::AnswerDamaged => "cure-https",
        Cause::DiskAlmostFull | Cause::DiskFull => "cure-space",
    })
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::tz::TimeZone;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn both() -> [Words; 2] {
        ["en", "de"].map(|tag| Words::of(tag, TimeZone::UTC))
    }

    /// The names of all variants of a type, as it tells them who names one that there is not.
    pub(in crate::words) fn variants<T: DeserializeOwned + std::fmt::Debug>(
        unknown: Value,
    ) -> Vec<String> {
        let said = serde_json::from_value::<T>(unknown).unwrap_err().to_string();
        let names: Vec<_> = said.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        assert!(2 < names.len(), "{said}");
        names
    }

    /// One of each code that there is. Every argument of any is given to each, which takes those that it has.
    fn one_of_each<T: DeserializeOwned + std::fmt::Debug>() -> Vec<T> {
        let names = variants::<T>(json!({ "code": "?" }));
        let one = |code: &String| {
            let mut value = json!({
                "code": code, "link": "gsm", "used": 10_240, "allowed": 10_240, "left": 0, "resets": 86_400,
                "program": "dialler", "host": "relay.example", "address": "192.0.2.1:7480", "from": "ca.pem",
                "proxy": "http://proxy.example:3128", "kinds": "NTLM", "status": 302, "waited_s": 120, "reason": 2,
                "bytes": 4_096, "how": { "exited": 3 }, "links": "ppp0", "why": null, "within_s": 20,
                "message": "m7", "text": "Ahoy", "count": 3, "kind": 77, "is_entry": true, "is_fork": true, "held": 2,
                "stopped": false, "rule": "day", "next": 90_000,
                "said": "as it said",
            });
            if code == "not_delivered" {
                value["why"] = Value::from("it expired before it was delivered");
            }
            serde_json::from_value(value).unwrap_or_else(|err| panic!("{code}: {err}"))
        };
        names.iter().map(one).collect()
    }

    #[test]
    fn everything_that_may_come_of_a_call_is_said_in_every_language() {
        let [en, de] = both();
        let mut said = std::collections::BTreeSet::new();
        for cause in one_of_each::<Cause>() {
            let texts = [&en, &de].map(|words| words.cause(Some(&cause), "as it stands", 0));
            assert_ne!(texts[0], texts[1], "{cause:?}");
            for text in texts {
                let is_whole =
                    !text.contains("cause-") && !text.contains("cure-") && !text.contains('{');
                assert!(is_whole && !text.contains("as it stands"), "{cause:?}: {text}");
                assert!(said.insert(text.clone()), "{cause:?} says what another says: {text}");
            }
        }
    }

    #[test]
    fn every_argument_is_in_the_words() {
        let [_, de] = both();
        let why = |cause: Cause| de.cause(Some(&cause), "", 0);
        let how = HowEnded::TooSlow(60);
        let failed =
            Cause::DialFailed { program: "chat".to_owned(), how, said: "NO CARRIER".to_owned() };
        let text = why(failed);
        assert!(text.starts_with("Das Wählprogramm chat brauchte länger als 1 min"), "{text}");
        assert!(text.contains("NO CARRIER") && text.contains("Protokoll"), "{text}");
        let inner = Cause::NameNotFound { host: "relay.example".to_owned() };
        let outer = Cause::DialNoRelay {
            program: "chat".to_owned(),
            why: Some(Box::new(inner)),
            said: "the name was not found".to_owned(),
        };
        let text = why(outer);
        assert!(
            text.contains("relay.example wurde nicht gefunden. Steht die Verbindung?"),
            "{text}"
        );
        let quota = |left| Cause::QuotaUsedUp {
            link: "gsm\u{202e}".to_owned(),
            used: 10 << 10,
            allowed: 24 << 10,
            left,
            resets: 10 * 86_400,
        };
        let text = why(quota(14 << 10));
        assert!(
            text.contains("gsm sind 10,0 KiB von 24,0 KiB") || text.contains("gsm sind"),
            "{text}"
        );
        assert!(text.contains("11. Jan") && !why(quota(0)).contains("wenig"), "{text}");
        let title = Cause::NotARelay { status: Some(302), said: "Log\nin".to_owned() };
        assert!(why(title).contains("Status 302. (Log in) Vielleicht eine Anmeldeseite"));
    }

    #[test]
    fn every_notice_is_said_in_every_language() {
        let [en, de] = both();
        let mut said = std::collections::BTreeSet::new();
        let quota = |allowed, stopped| Notice::Quota {
            link: "gsm".to_owned(),
            used: 9_600,
            allowed,
            left: 400,
            stopped,
            resets: 86_400,
        };
        let further = [
            Notice::LapsedHere { count: 1 },
            Notice::NewDevice { is_fork: false, held: 1 },
            Notice::NewDevice { is_fork: true, held: 0 },
            quota(Some(10_000), true),
            quota(None, false),
            Notice::CallFailed {
                rule: "day".to_owned(),
                why: None,
                said: "a".to_owned(),
                next: None,
            },
        ];
        for notice in one_of_each::<Notice>().into_iter().chain(further) {
            let texts = [&en, &de].map(|words| words.notice(Some(&notice), "as it stands", 0));
            assert_ne!(texts[0], texts[1], "{notice:?}");
            for text in texts {
                let is_whole = !text.contains("notice-") && !text.contains('{');
                assert!(is_whole && !text.contains("as it stands"), "{notice:?}: {text}");
                assert!(text.ends_with(['.', '?']), "{notice:?}: {text}");
                assert!(said.insert(text.clone()), "{notice:?} says what another says: {text}");
            }
        }
        let why = "it expired before 2 of 5 had it".to_owned();
        let notice =
            Notice::NotDelivered { message: "m7".to_owned(), text: "Ahoi".to_owned(), why };
        let text = de.notice(Some(&notice), "", 0);
        assert_eq!(text, "Nicht zugestellt: „Ahoi“: ihre Zeit war um, bevor 2 von 5 sie hatten.");
        let host = "relay.example".to_owned();
        let notice = Notice::CallFailed {
            rule: "day".to_owned(),
            why: Some(Cause::NameNotFound { host }),
            said: "the name was not found".to_owned(),
            next: Some(90_000),
        };
        let text = de.notice(Some(&notice), "", 0);
        for part in
            ["„day“", "Der Name relay.example wurde nicht gefunden. Steht", "morgen", "01:00"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn what_nobody_here_knows_stands_in_its_own_words() {
        let [_, de] = both();
        assert_eq!(de.cause(None, "the tide\nis out", 0), "the tide is out");
        assert_eq!(de.cause_alone(None, "the tide", 0), "the tide");
        assert_eq!(de.notice(None, "the tide", 0), "the tide");
    }
}
