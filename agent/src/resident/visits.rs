//! Visits from their beginning to their end.

use config::{Size, agent::Direction};
use serde_json::Value;
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

use super::{Mode, Reached, Resident, WAITERS_MAX, trouble};
use crate::{
    control::{Event, Failure},
    schedule::{Due, Ending, Scope},
    store::{Cause, Notice},
    sync::{Outcome, OutcomeKind},
    visit::{Call, Carry, Report, Wish},
};

/// A visit, or a line that is held.
pub(super) struct Running {
    pub(super) task: AbortOnDropHandle<Report>,
    pub(super) call: Call,
    pub(super) is_live: bool,
    /// When it began, in seconds since 1970.
    pub(super) began_at: i64,
    pub(super) end: CancellationToken,
    /// What was asked for after it began: what was queued since has to go too.
    pub(super) wish: Option<Wish>,
    /// A line that is taken up again at once, because the link is another.
    pub(super) gives_way: bool,
    /// Somebody ended it: nothing follows at once.
    pub(super) is_stopped: bool,
    /// Messages that had come before it.
    pub(super) arrived_before: u64,
}

impl Resident {
    pub(super) fn begin_due(&mut self, due: &Due) {
        let Some(rule) = self.settings.connect.get(due.rule) else { return };
        let call = Call::of(rule, rule.label(due.rule), due);
        // Who tries again does not wait for the relay again: an attempt that nobody answers costs as little.
        let comes_up = self.comes_up && !due.is_retry && call.dial.is_empty();
        self.begin(Call { comes_up, ..call }, Some(due.rule));
    }

    /// Begins a visit.
    pub(super) fn begin(&mut self, call: Call, rule: Option<usize>) {
        let (now, line) = (self.now(), self.line());
        self.comes_up = false;
        if !call.is_partial() {
            self.schedule.began(now, rule, call.scope);
        }
        // Others wait for a call that fetches what they wrote.
        let fetching = Scope { direction: Direction::Down, ..Scope::default() };
        let next_call_at = self.schedule.next_for(now, &line, fetching).map(|next| next.at);
        let call = Call { next_call_at, ..call.over(line.profile, line.metered) };
        info!(rule = call.rule, link = call.link, "visit began");
        let (visitor, end) = (self.visitor.clone(), self.stop.child_token());
        let task = tokio::spawn(visitor.visit(call.clone(), end.clone()));
        self.started(task, call, end, false);
    }

    /// Holds the line, until it is lost or `stop`.
    pub(super) fn hold_line(&mut self, rule: usize) {
        let Some(settings) = self.settings.connect.get(rule) else { return };
        let line = self.line();
        let call = Call::for_rule(settings, settings.label(rule)).over(line.profile, line.metered);
        let comes_up = std::mem::take(&mut self.comes_up) && call.dial.is_empty();
        let call = Call { comes_up, ..call };
        self.schedule.began(self.now(), None, Scope::default());
        let (visitor, end) = (self.visitor.clone(), self.stop.child_token());
        let task = tokio::spawn(visitor.live(call.clone(), end.clone()));
        self.reached = Reached::Live;
        self.started(task, call, end, true);
    }

    fn started(
        &mut self,
        task: JoinHandle<Report>,
        call: Call,
        end: CancellationToken,
        is_live: bool,
    ) {
        let task = AbortOnDropHandle::new(task);
        self.visit = Some(Running {
            task,
            call,
            is_live,
            began_at: self.now().wall,
            end,
            wish: None,
            gives_way: false,
            is_stopped: false,
            arrived_before: self.arrived.count(),
        });
        self.tell(Event::Visit { began: true, outcome: None });
    }

    /// Notes the end of a visit, and tells who waited for it.
    pub(super) fn ended(&mut self, report: Report) -> Outcome {
        let Some(running) = self.visit.take() else { return report.outcome };
        let outcome = report.outcome.clone();
        let Outcome { bytes_up, bytes_down, .. } = outcome;
        info!(
            rule = running.call.rule,
            outcome = outcome.outcome.name(),
            bytes_up,
            bytes_down,
            "visit ended"
        );
        self.reached = match outcome.outcome {
            OutcomeKind::NoLink => Reached::Down,
            OutcomeKind::NotNow if self.reached == Reached::Live => Reached::Unknown,
            OutcomeKind::NotNow => self.reached,
            _ => Reached::Up,
        };
        let ending = outcome.outcome.name().to_owned();
        self.tell(Event::Visit { began: false, outcome: Some(ending) });
        self.tell_hooks(&running.call, &report);
        self.note_what_stands_in_the_way(&report);
        if running.is_live {
            self.line_ended(&running, &report);
        } else {
            self.visit_ended(&running, &report);
        }
        self.answer_quotes(&outcome);
        self.note_trouble(&running.call, &report);
        self.note_hangup(&running.call, &report);
        outcome
    }

    pub(super) fn tell_hooks(&self, call: &Call, report: &Report) {
        // What was not made has no end.
        let was_made = report.outcome.outcome != OutcomeKind::NotNow;
        if let Some(hooks) = self.hooks.as_ref().filter(|_| was_made) {
            hooks.visit_ended(call, &report.outcome);
        }
    }

    fn note_what_stands_in_the_way(&mut self, report: &Report) {
        self.veto.clone_from(&report.veto);
        match &report.impostor {
            Some(why) if self.trouble.impostor(why) => {
                self.tell_user(super::trouble::impostor_notice(why));
            }
            None if matches!(report.outcome.outcome, OutcomeKind::Done | OutcomeKind::Partial) => {
                self.trouble.impostor_is_gone();
            }
            Some(_) | None => {}
        }
        match &report.portal {
            Some(why) => self.note_portal(why),
            None if matches!(report.outcome.outcome, OutcomeKind::Done | OutcomeKind::Partial) => {
                self.forget_portal();
            }
            None => {}
        }
    }

    /// A line that was good for something is dialled again soon, others later and later.
    fn line_ended(&mut self, running: &Running, report: &Report) {
        let now = self.now();
        if let Some(wish) = &running.wish {
            // Somebody waits for a visit, and the line gave way to it.
            self.schedule.line_gave_way(now);
            return self.begin(Call::asked(wish.clone()), None);
        }
        self.answer_waiters(&report.outcome);
        if running.is_stopped || report.veto.is_some() {
            self.schedule.line_not_now(now);
        } else if running.gives_way {
            self.schedule.line_gave_way(now);
        } else {
            let was_good = 1 < report.outcome.requests;
            let (line, wait_s) = (self.line(), report.outcome.retry_after_s);
            self.schedule.line_lost(now, &line, was_good, wait_s, report.cost);
        }
    }

    fn visit_ended(&mut self, running: &Running, report: &Report) {
        let (now, line) = (self.now(), self.line());
        self.schedule.ended(now, &line, report.ending, report.cost);
        match &running.wish {
            Some(wish) if self.is_less(&running.call, report, wish) => {
                self.begin(Call::asked(wish.clone()), None);
            }
            _ => self.answer_waiters(&report.outcome),
        }
    }

    /// Whether a visit came to less than what was asked for while it was made: everything that was queued until then. What
    /// bounds a rule's calls bounds no others.
    fn is_less(&self, call: &Call, report: &Report, wish: &Wish) -> bool {
        let (is_rules, is_dialled) = (!call.rule.is_empty(), !call.dial.is_empty());
        let is_part = call.scope != Scope::default() || call.is_partial();
        let outcome = &report.outcome;
        match report.ending {
            Ending::Done => is_part || self.has_more(),
            Ending::Bounded => is_rules || is_part || self.allows_more(wish, call),
            // The program may have another answer for whom it is asked by hand.
            Ending::NotNow => is_rules,
            // What its attempts may cost is the rule's, and so is a link of its own that did not come up.
            Ending::Failed { .. } if is_rules => {
                outcome.cause == Some(Cause::BudgetSpent)
                    || (is_dialled && outcome.outcome == OutcomeKind::NoLink)
            }
            Ending::Failed { .. } => false,
        }
    }

    /// Whether what was asked for may cost more than a call that somebody asked for before.
    fn allows_more(&self, wish: &Wish, call: &Call) -> bool {
        let usual = self.settings.sync.budget;
        let most = |budget: Option<Size>| budget.or(usual).map_or(u64::MAX, Size::bytes);
        most(call.budget) < most(wish.budget)
    }

    fn note_trouble(&mut self, call: &Call, report: &Report) {
        // Where the rule was taken away meanwhile nothing would ever say that it works again.
        let mut rules = self.settings.connect.iter().enumerate();
        if !rules.any(|(index, rule)| rule.label(index) == call.rule) {
            return;
        }
        let Some(why) = self.trouble.note(call, report) else { return };
        let next = self.schedule.next(self.now(), &self.line());
        let (next, zone) = (next.map(|next| next.at), self.clocks.zone());
        self.tell_user(trouble::call_notice(&call.rule, why, next, &zone));
    }

    pub(super) fn note_hangup(&mut self, call: &Call, report: &Report) {
        if let Some(why) = self.trouble.note_hangup(call, report) {
            self.tell_user(trouble::hangup_notice(&call.rule, why));
            self.trouble.keep_rules(&self.settings.connect);
        }
    }

    pub(super) fn tell_user(&self, (words, notice): (String, Notice)) {
        // Who asked for one visit reads it from that.
        match self.mode {
            Mode::Stay => warn!("{words}"),
            Mode::Once(_) => info!("{words}"),
        }
        if let Err(err) = self.store.notice(&words, &notice) {
            warn!(error = %err, "the user could not be told");
        }
    }

    fn answer_waiters(&mut self, outcome: &Outcome) {
        let told = serde_json::to_value(outcome).map_err(|err| Failure::chain("internal", &err));
        for waiter in self.waiters.drain(..) {
            // Who asked may have gone away meanwhile.
            let _ = waiter.send(told.clone());
        }
    }

    fn has_more(&self) -> bool {
        self.store.reader().counters().is_ok_and(|counters| 0 < counters.waiting_here)
    }

    pub(super) fn ask_visit(&mut self, wish: Wish, reply: oneshot::Sender<Result<Value, Failure>>) {
        if let Err(invalid) = config::agent::check_budget("--budget", wish.budget) {
            let _ = reply.send(Err(Failure::usage(invalid)));
            return;
        }
        if WAITERS_MAX <= self.waiters.len() {
            let _ = reply.send(Err(Failure::later("busy", "too many wait for this visit already")));
            return;
        }
        // What goes next: with a visit all there is, behind a line what was asked for first.
        let next = self.visit.as_ref().and_then(|running| match running.is_live {
            true => running.wish.as_ref().map(|wish| &wish.carry),
            false => Some(&Carry::All),
        });
        if next.is_some_and(|next| *next != wish.carry) {
            let words = "a visit with other things is under way already: try again after it";
            let _ = reply.send(Err(Failure::later("busy", words)));
            return;
        }
        self.waiters.push(reply);
        self.want_visit(wish);
    }

    /// Makes a visit now, or sees that the one under way carries what was queued until now.
    pub(super) fn want_visit(&mut self, wish: Wish) {
        match &mut self.visit {
            None => self.begin(Call::asked(wish), None),
            // The held line gives way to the visit, which carries everything, and is taken up again after it.
            Some(running) if running.is_live => {
                running.wish = Some(wish.with(running.wish.take()));
                running.end.cancel();
            }
            Some(running) => running.wish = Some(wish.with(running.wish.take())),
        }
    }

    /// Ends the visit that is being made, at the edge of a packet. Whether there was one.
    pub(super) fn stop_visit(&mut self) -> bool {
        let Some(running) = &mut self.visit else { return false };
        running.is_stopped = true;
        running.wish = None;
        running.end.cancel();
        true
    }

    /// Whether it ends with the visit that ended last.
    pub(super) fn is_done(&self) -> bool {
        self.mode != Mode::Stay && self.visit.is_none()
    }
}
