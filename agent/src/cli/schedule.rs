//! `schedule`: what the rules come to, without a running agent.

use config::{
    AgentSettings, Size,
    agent::{Cron, Rule, Trigger, When},
};
use serde_json::json;

use super::{
    Session,
    args::ScheduleCommand,
    out::{bytes, safe},
    scope::carries,
};
use crate::{
    control::Failure,
    schedule::{Planned, Scope, forecast, last_began},
    store::rfc3339,
};

/// Calls that are shown.
const CALLS: usize = 10;
/// Times of an expression that are shown.
const TIMES: usize = 5;

impl Session<'_> {
    pub(super) fn schedule(&mut self, command: Option<ScheduleCommand>) -> Result<(), Failure> {
        match command {
            None => self.calls(),
            Some(ScheduleCommand::Test { cron }) => self.test_cron(&cron),
        }
    }

    fn calls(&mut self) -> Result<(), Failure> {
        let settings = self.settings()?;
        let now = self.out.now.as_second();
        let zone = self.out.zone.clone();
        let calls = forecast(&settings.connect, &zone, now, self.last_began(now), CALLS);
        if self.out.json {
            return calls.iter().try_for_each(|call| self.call_object(&settings, call));
        }
        let rows: Vec<_> = calls.iter().map(|call| self.call_row(&settings, call)).collect();
        if !rows.is_empty() {
            self.out.table(["when", "rule", "why", "links", "carries", "may cost"], &rows)?;
        }
        for (index, rule) in settings.connect.iter().enumerate() {
            if let Some(when) = event(rule) {
                let (label, links) = (safe(&rule.label(index), false), rule.links.join(", "));
                let carries = carries(Scope::of(rule));
                self.out.line(&format!("{label}: {when} (links: {links}; carries: {carries})"))?;
            }
        }
        // Nobody may be logged in yet.
        if let Ok(reader) = self.reader() {
            let quotas = self.quotas(&reader)?;
            self.quota_lines(&quotas)?;
        }
        if settings.connect.is_empty() {
            self.out.line("no rule: the agent calls only when asked, with mailboat sync")?;
        } else if !self.agent_status().is_ok_and(|status| status.is_some()) {
            self.out.note("No agent is running, so nobody calls: start it with mailboat agent")?;
        }
        self.note_veto()
    }

    /// When the last visit began, as far as the store knows; there may be none yet.
    fn last_began(&self, now: i64) -> Option<i64> {
        last_began(&self.reader().ok()?, now)
    }

    fn call_object(&mut self, settings: &AgentSettings, call: &Planned) -> Result<(), Failure> {
        let Some(rule) = settings.connect.get(call.rule) else { return Ok(()) };
        self.out.object(&json!({
            "at": rfc3339(call.at).to_string(),
            "rule": rule.label(call.rule),
            "why": rule.trigger().map(|trigger| trigger.to_string()),
            "links": rule.links,
            "direction": rule.direction,
            "min_priority": rule.min_priority,
            "budget": budget(settings, rule).map(Size::bytes),
            "max_time_s": rule.max_time.map(config::Span::seconds),
            "jitter_s": rule.jitter.seconds(),
        }))
    }

    fn call_row(&self, settings: &AgentSettings, call: &Planned) -> [String; 6] {
        let rule = &settings.connect[call.rule];
        let why = rule.trigger().map(|trigger| trigger.to_string()).unwrap_or_default();
        let mut cost = match budget(settings, rule) {
            Some(budget) => format!("up to {}", bytes(budget.bytes())),
            None => "no limit".to_owned(),
        };
        if let Some(max_time) = rule.max_time {
            cost = format!("{cost}, {max_time}");
        }
        let label = safe(&rule.label(call.rule), false);
        let carries = carries(Scope::of(rule)).to_owned();
        [self.local(call.at), label, why, rule.links.join(", "), carries, cost]
    }

    fn local(&self, at: i64) -> String {
        rfc3339(at).to_zoned(self.out.zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S").to_string()
    }

    fn test_cron(&mut self, written: &str) -> Result<(), Failure> {
        let cron: Cron = written.parse().map_err(Failure::usage)?;
        let words = cron.words();
        let rule = Rule { cron: Some(cron), ..Rule::default() };
        let (now, zone) = (self.out.now.as_second(), self.out.zone.clone());
        let times = forecast(&[rule], &zone, now, None, TIMES);
        if self.out.json {
            let times: Vec<_> = times.iter().map(|call| rfc3339(call.at).to_string()).collect();
            return self.out.object(&json!({ "cron": written, "words": words, "next": times }));
        }
        self.out.line(&words)?;
        times.iter().try_for_each(|call| self.out.line(&format!("  {}", self.local(call.at))))
    }
}

fn budget(settings: &AgentSettings, rule: &Rule) -> Option<Size> {
    rule.budget.or(settings.sync.budget)
}

/// What a rule without times waits for.
fn event(rule: &Rule) -> Option<&'static str> {
    match rule.trigger()? {
        Trigger::When(When::LinkUp) => Some("calls when a link comes up"),
        Trigger::When(When::UrgentQueued) => Some("calls when an urgent message is queued"),
        Trigger::Live => Some("holds the line"),
        _ => None,
    }
}
