//! What the agent says of itself.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{Reached, Resident};
use crate::{link::state::Reach, schedule::Next, store::rfc3339};

impl Resident {
    /// What `mailboat status` shows of it.
    pub(super) fn status(&self) -> Value {
        let next = self.next_call();
        let line = self.line();
        json!({
            "pid": std::process::id(),
            "link": self.link_word(),
            "next_call": next.map(|next| rfc3339(next.at).to_string()),
            "next_rule": next.map(|next| self.label(next.rule)),
            "profile": line.profile,
            "metered": line.metered,
            "interface": self.link_was.interface,
            "connection": self.link_was.connection,
            "ssid": self.link_was.ssid,
            "network": self.network(),
            "not_now": self.veto.as_ref().map(|veto| &veto.words),
            "trouble": self.trouble.lines(),
        })
    }

    /// What is known of the network that leads there.
    pub(super) fn network(&self) -> Reach {
        if self.portal.is_some() { Reach::Portal } else { self.link_was.up }
    }

    pub(super) fn is_live(&self) -> bool {
        self.visit.as_ref().is_some_and(|running| running.is_live)
    }

    pub(super) fn link_word(&self) -> &'static str {
        match (&self.visit, self.reached) {
            _ if self.is_live() => "live",
            (Some(_), _) => "calling",
            (None, Reached::Up | Reached::Live) => "up",
            (None, Reached::Down) => "down",
            (None, Reached::Unknown) => "unknown",
        }
    }

    /// The next call by itself. A line that is held is a call that goes on.
    pub(super) fn next_call(&self) -> Option<Next> {
        self.schedule.next(self.now(), &self.line()).filter(|_| !self.is_live())
    }

    pub(super) fn label(&self, rule: usize) -> String {
        self.settings.connect.get(rule).map(|settings| settings.label(rule)).unwrap_or_default()
    }

    /// Tells the service manager, where it changed.
    pub(super) fn show_status(&mut self) {
        let words = match (&self.visit, self.next_call()) {
            (Some(running), _) if running.is_live => "holding the line".to_owned(),
            (Some(running), _) if running.call.rule.is_empty() => "calling, as asked".to_owned(),
            (Some(running), _) => format!("calling ({})", running.call.rule),
            (None, Some(next)) => {
                let at = local(next.at, self.clocks.zone());
                format!("next call {at} ({})", self.label(next.rule))
            }
            (None, None) => "calls only when asked".to_owned(),
        };
        self.service.status(&words);
    }
}

fn local(at: i64, zone: TimeZone) -> String {
    let Ok(at) = Timestamp::from_second(at) else { return String::new() };
    at.to_zoned(zone).strftime("%a %-d %b %H:%M").to_string()
}
