//! The first step: which relay, who, and what went wrong with that.

use agent::control::Attempt;
use config::Secret;
use iced::{
    Length,
    widget::{column, row, space},
};

use super::{By, FirstRun, Message};
use crate::{
    door::DoorError,
    screen::{Cx, portal::failed},
    theme::{size, space as gap, styles},
    widget::{Element, body, form, hint, strong, title},
};

/// What a failure is about, and so where it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Relay,
    Proxy,
    Certificate,
    Key,
    Invite,
    Name,
    Password,
    All,
}

/// What went wrong, by the program's code: where it is told, and in which words; without any in its own.
fn fault(code: &str) -> (About, Option<&'static str>) {
    match code {
        "bad_url" => (About::Relay, Some("enter-bad-url")),
        "name_not_found" => (About::Relay, Some("enter-name-not-found")),
        "unreachable" | "connection_refused" => (About::Relay, Some("enter-unreachable")),
        "link_cut" | "link_stalled" => (About::Relay, Some("enter-cut")),
        "not_a_relay" | "not_tls" => (About::Relay, Some("enter-not-a-relay")),
        "tls_incompatible" | "tls_failed" => (About::Relay, Some("enter-tls")),
        "relay_key_changed" => (About::Key, Some("enter-other-key")),
        "relay_key_missing" => (About::Key, Some("enter-no-key")),
        "bad_proxy" | "not_a_proxy" => (About::Proxy, Some("enter-not-a-proxy")),
        "proxy_unreachable" => (About::Proxy, Some("enter-proxy-unreachable")),
        "proxy_reaches_no_relay" | "proxy_refused" => (About::Proxy, Some("enter-proxy-refuses")),
        "proxy_login_needed"
        | "proxy_login_refused"
        | "proxy_login_kind"
        | "proxy_login_in_clear"
        | "proxy_program" => (About::Proxy, Some("enter-proxy-login")),
        "certificate_untrusted" | "certificate_unusable" | "no_certificates" => {
            (About::Certificate, Some("enter-untrusted"))
        }
        "certificate_for_another" => (About::Relay, Some("enter-certificate-name")),
        "certificate_expired" | "certificate_not_yet_valid" => {
            (About::Relay, Some("enter-certificate-time"))
        }
        "bad_invite" => (About::Invite, Some("enter-bad-invite")),
        "invite_needed" => (About::Invite, Some("enter-invite-needed")),
        "registration_closed" => (About::All, Some("enter-closed")),
        "name_taken" => (About::Name, Some("enter-name-taken")),
        "bad_name" => (About::Name, Some("enter-bad-name")),
        "wrong_login" => (About::Password, Some("enter-wrong-login")),
        "bad_password" => (About::Password, Some("enter-bad-password")),
        "account_disabled" => (About::All, Some("enter-disabled")),
        "too_many_devices" => (About::All, Some("enter-too-many-devices")),
        "rate_limited" | "busy" | "closing" | "store_full" | "store_failed" | "failed" => {
            (About::All, Some("enter-later"))
        }
        "no_program" => (About::All, Some("enter-no-program")),
        _ => (About::All, None),
    }
}

fn code(err: &DoorError) -> &str {
    match err {
        DoorError::Refused { code, .. } => code,
        _ => "",
    }
}

/// Whether a proxy might be what is missing, or wrong.
pub(super) fn is_of_the_way(err: &DoorError) -> bool {
    let code = code(err);
    let is_of_relay = matches!(
        code,
        "name_not_found"
            | "unreachable"
            | "connection_refused"
            | "link_cut"
            | "link_stalled"
            | "not_a_relay"
    );
    is_of_relay || fault(code).0 == About::Proxy
}

/// What a key looks like: eight groups of four.
const KEY_SUCH_AS: &str = "abcd-efgh-2345-…";

impl FirstRun {
    /// What is to be told about this, if it is what went wrong.
    fn wrong(&self, cx: Cx<'_>, about: About) -> Option<String> {
        let err = self.error.as_ref()?;
        let (is_about, key) = fault(code(err));
        let words = || key.map_or_else(|| failed(cx, err), |key| cx.words.say(key));
        (is_about == about).then(words)
    }

    /// The field that what went wrong is about.
    pub(super) fn field_at_fault(&self) -> Option<&'static str> {
        match fault(code(self.error.as_ref()?)).0 {
            About::Relay => Some("relay"),
            About::Proxy => Some("proxy"),
            About::Certificate => Some("ca"),
            About::Key => Some("key"),
            // A login asks for no invitation.
            About::Invite if self.by == By::Invite => Some("code"),
            About::Name => Some("name"),
            About::Password => Some("password"),
            About::Invite | About::All => None,
        }
    }

    pub(super) fn account<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let say = |key: &str| cx.words.say(key);
        let by = form::choice(
            "by",
            [(By::Invite, say("enter-by-invite")), (By::Login, say("enter-by-login"))],
            self.by,
            Message::ByChosen,
        );
        let relay = form::field("relay", say("enter-relay"), &self.relay, Message::RelayTyped)
            .such_as(cx.words, "relay.example")
            .help(say("enter-relay-help"))
            .wrong(self.wrong(cx, About::Relay))
            .on_submit(Message::EnterPressed);
        let name = form::field("name", say("enter-name"), &self.name, Message::NameTyped)
            .such_as(cx.words, "ann")
            .wrong(self.wrong(cx, About::Name))
            .on_submit(Message::EnterPressed);
        let mut lines = column![
            title(say("enter-title")).size(size::HERO),
            body(say("enter-welcome")).style(styles::muted),
            by,
            relay,
        ]
        .spacing(gap::AROUND);
        if self.has_proxy_field {
            lines = lines.push(self.proxy_field(cx));
        }
        if self.wrong(cx, About::Certificate).is_some() || !self.ca.is_empty() {
            let ca = form::field("ca", say("enter-ca"), &self.ca, Message::CaTyped)
                .such_as(cx.words, "/home/ann/relay.pem")
                .wrong(self.wrong(cx, About::Certificate))
                .on_submit(Message::EnterPressed);
            lines = lines.push(ca);
        }
        if self.may_need_key() {
            let bad = self.key().is_err().then(|| say("enter-bad-key"));
            let key = form::field("key", say("enter-key"), &self.key, Message::KeyTyped)
                .such_as(cx.words, KEY_SUCH_AS)
                .help(say("enter-key-help"))
                .wrong(bad.or_else(|| self.wrong(cx, About::Key)))
                .on_submit(Message::EnterPressed);
            lines = lines.push(key);
        }
        if self.by == By::Invite {
            let code = form::field("code", say("enter-code"), &self.code, Message::CodeTyped)
                .help(say("enter-code-help"))
                .wrong(self.wrong(cx, About::Invite))
                .on_submit(Message::EnterPressed);
            lines = lines.push(code);
        }
        lines = lines.push(name).push(self.passwords(cx));
        if let Some(words) = self.wrong(cx, About::All) {
            lines = lines.push(form::alert(words));
        }
        let go = match self.by {
            By::Invite => say("enter-join"),
            By::Login => say("enter-log-in"),
        };
        let go = form::primary("enter", go, self.can_enter().then_some(Message::EnterPressed));
        let mut foot = row![go].spacing(gap::BETWEEN);
        if !self.has_proxy_field {
            let proxy = form::secondary("has-proxy", say("enter-has-proxy"), Message::ProxyPressed);
            foot = foot.push(space::horizontal()).push(proxy);
        }
        lines.push(foot).into()
    }

    /// Whether the relay may be one that proves itself by a key of its own, and nobody has told it here yet.
    fn may_need_key(&self) -> bool {
        let code = self.error.as_ref().map_or("", code);
        let is_about = |about| fault(code).0 == about;
        is_about(About::Certificate)
            || is_about(About::Key)
            || code == "tls_incompatible"
            || !self.key.is_empty()
    }

    fn proxy_field<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let bad = self.proxy_choice().is_err().then(|| cx.words.say("proxy-bad"));
        form::field("proxy", cx.words.say("enter-proxy"), &self.proxy, Message::ProxyTyped)
            .such_as(cx.words, "http://proxy.example:3128")
            .help(cx.words.say("enter-proxy-help"))
            .wrong(bad.or_else(|| self.wrong(cx, About::Proxy)))
            .on_submit(Message::EnterPressed)
            .into()
    }

    fn passwords<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let typed = |typed: String| Message::PasswordTyped(Secret::new(typed));
        let password =
            form::field("password", cx.words.say("enter-password"), self.password.expose(), typed)
                .secret()
                .wrong(self.wrong(cx, About::Password))
                .on_submit(Message::EnterPressed);
        if self.by == By::Login {
            return password.into();
        }
        let differ = !self.again.expose().is_empty()
            && !self.password.expose().starts_with(self.again.expose());
        let typed = |typed: String| Message::AgainTyped(Secret::new(typed));
        let again = form::field("again", cx.words.say("enter-again"), self.again.expose(), typed)
            .secret()
            .wrong(differ.then(|| cx.words.say("enter-differ")))
            .on_submit(Message::EnterPressed);
        row![Element::from(password), Element::from(again)].spacing(gap::BETWEEN).into()
    }

    pub(super) fn calling<'a>(
        &'a self,
        cx: Cx<'a>,
        attempt: Option<&Attempt>,
    ) -> Element<'a, Message> {
        let words = match attempt {
            Some(Attempt { attempt, of, .. }) if *attempt > 1 => {
                let args = [("n", u64::from(*attempt).into()), ("of", u64::from(*of).into())];
                cx.words.tell("enter-calling-again", &args)
            }
            _ => cx.words.say("enter-calling"),
        };
        let cancel = form::secondary("cancel", cx.words.say("cancel"), Message::CancelPressed);
        column![title(words), hint(self.relay.as_str()), cancel]
            .spacing(gap::AROUND)
            .width(Length::Fill)
            .into()
    }

    pub(super) fn starting<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        column![title(cx.words.say("start-agent-starting")), strong(self.me.as_str())]
            .spacing(gap::AROUND)
            .width(Length::Fill)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::scene::Scene;

    #[test]
    fn every_code_of_the_guide_is_told_in_words_of_both_languages() {
        let guide = include_str!("../../../../docs/guide.md");
        let table = &guide[guide.find("### What `join` and `login` come to").unwrap()..];
        let rows = table.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
        let mut seen = 0;
        for row in rows.take_while(|line| line.starts_with('|')) {
            let codes = row.split('|').nth(1).unwrap();
            for code in codes.split('`').skip(1).step_by(2) {
                // What these are about is told by the program: a path, a setting.
                let is_own =
                    ["in_use", "other_account", "config", "home", "account_file", "disk_full"];
                assert_eq!(fault(code).1.is_none(), is_own.contains(&code), "{code}");
                seen += 1;
            }
        }
        assert!(seen > 30, "the table is where it was: {seen}");
        let german = Scene::calm().in_language("de");
        assert_ne!(
            german.words.say("enter-name-taken"),
            Scene::calm().words.say("enter-name-taken")
        );
    }
}
