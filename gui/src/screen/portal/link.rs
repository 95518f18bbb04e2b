//! The link panel: what the link does, what waits for it, what that would cost, and what the last visit came to.

mod details;
mod line;
mod month;
mod says;

pub(crate) use self::line::changes_at;

use std::sync::Arc;

use agent::{
    control::{Only, Order},
    store::Ledger,
};
use config::agent::BUDGET_LEAST;
use serde_json::Value;

use super::{
    Action, Wanted,
    quote::{Basis, Quote},
};
use crate::{desk::Desk, door::DoorError, words::bytes_of};

/// What it remembers.
#[derive(Debug, Default)]
pub(crate) struct Panel {
    /// Whether it shows everything.
    pub(crate) is_open: bool,
    only: Option<Only>,
    budget: String,
    quote: Option<Quote>,
    quoted_for: Option<Basis>,
    is_quoting: bool,
    ledger: Option<Arc<Ledger>>,
    /// Of which link, and after which visit.
    ledger_of: Option<(String, Option<i64>)>,
    /// A call was asked for, and is not over.
    is_calling: bool,
    is_stopping: bool,
    /// What the agent would not do, or could not be asked.
    error: Option<DoorError>,
    is_budget_wrong: bool,
}

/// What happens in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// Opened or closed.
    Toggled,
    /// What a call is to carry.
    OnlyChosen(Option<Only>),
    /// The budget was typed at.
    BudgetTyped(String),
    /// A call is wanted.
    CallPressed,
    /// The visit is to end.
    StopPressed,
    /// The quota of this link is to be lifted, by so many bytes or until it begins anew.
    LiftPressed(String, Option<u64>),
    /// What failed was read.
    ErrorClosed,
    /// The month's ledger was read.
    LedgerRead(Result<Arc<Ledger>, DoorError>),
}

/// Why no call can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hindrance {
    /// One is under way.
    Calling,
    /// The month's quota of the link of now is used up. How it is lifted stands beside it.
    Quota,
}

impl Panel {
    /// What stands in the way of a call; none where nobody knows of anything.
    pub(crate) fn hindrance(&self, desk: &Desk) -> Option<Hindrance> {
        let does = desk.does();
        if self.is_calling
            || does.is_some_and(|does| does.visit.as_ref().is_some_and(|visit| !visit.is_line))
        {
            return Some(Hindrance::Calling);
        }
        let quota = self.ledger.as_ref().and_then(|ledger| ledger.quota.as_ref());
        // The ledger may be of the link of the last visit: over another one the way is free.
        let profile = does.and_then(|does| does.link.profile.as_ref());
        let is_used_up = quota.is_some_and(|quota| quota.stopped && profile == Some(&quota.link));
        is_used_up.then_some(Hindrance::Quota)
    }

    pub(crate) fn update(&mut self, message: Message, desk: &Desk) -> Vec<Action> {
        match message {
            Message::Toggled => self.is_open = !self.is_open,
            Message::OnlyChosen(only) => self.only = only,
            Message::BudgetTyped(budget) => (self.budget, self.is_budget_wrong) = (budget, false),
            // By the keyboard, or from the tray.
            Message::CallPressed if self.hindrance(desk).is_some() => {}
            Message::CallPressed => return self.call(),
            Message::StopPressed => {
                self.is_stopping = true;
                return vec![Action::Order(Wanted::Stop, Order::Stop)];
            }
            Message::LiftPressed(link, bytes) => {
                return vec![Action::Order(Wanted::Lift, Order::LiftQuota { link, bytes })];
            }
            Message::ErrorClosed => self.error = None,
            Message::LedgerRead(ledger) => self.ledger = ledger.ok(),
        }
        self.settle(desk)
    }

    fn call(&mut self) -> Vec<Action> {
        let budget = match self.budget.trim() {
            "" => None,
            written => match bytes_of(written).filter(|bytes| BUDGET_LEAST.bytes() <= *bytes) {
                Some(bytes) => Some(bytes),
                None => {
                    (self.is_budget_wrong, self.is_open) = (true, true);
                    return vec![Action::Focus("budget")];
                }
            },
        };
        (self.is_calling, self.error) = (true, None);
        let order = Order::Sync { budget, only: self.only, pick: Vec::new() };
        vec![Action::Order(Wanted::Call, order)]
    }

    /// The agent answered.
    pub(crate) fn answered(
        &mut self,
        wanted: Wanted,
        answer: Result<Value, DoorError>,
        desk: &Desk,
    ) -> Vec<Action> {
        match wanted {
            Wanted::Quote => {
                self.is_quoting = false;
                // Without a price the panel goes on as if nobody knew one: the agent's state stands above.
                self.quote = answer.ok().as_ref().and_then(Quote::of);
                return self.settle(desk);
            }
            Wanted::Call => {
                (self.is_calling, self.is_stopping) = (false, false);
                if answer.is_ok() {
                    self.budget.clear();
                }
            }
            // Another ledger: what may be used is another.
            Wanted::Lift => self.ledger_of = None,
            _ => self.is_stopping &= answer.is_ok(),
        }
        self.error = answer.err();
        self.settle(desk)
    }

    /// What is due after anything changed: another price, one at a time.
    pub(crate) fn settle(&mut self, desk: &Desk) -> Vec<Action> {
        if desk.does().is_none_or(|does| does.visit.is_none()) {
            self.is_stopping = false;
        }
        if desk.does().is_none() {
            self.is_calling = false;
        }
        let mut due: Vec<Action> = self.read_ledger(desk).into_iter().collect();
        let Some(basis) = Basis::of(desk, self.only) else { return due };
        let is_wanted = self.is_open || basis.is_something();
        if self.is_quoting || !is_wanted || self.quoted_for.as_ref() == Some(&basis) {
            return due;
        }
        due.push(Action::Order(Wanted::Quote, basis.order()));
        (self.is_quoting, self.quoted_for) = (true, Some(basis));
        due
    }

    /// The ledger of the link of now, else of the last visit: once, and after each visit.
    fn read_ledger(&mut self, desk: &Desk) -> Option<Action> {
        let last = desk.known.counters.as_ref()?.last_visit.as_ref();
        let profile = desk.does().and_then(|does| does.link.profile.clone());
        let link = profile.or_else(|| last.map(|visit| visit.link.clone())).unwrap_or_default();
        let wanted = (link, last.map(|visit| visit.start));
        if self.ledger_of.as_ref() == Some(&wanted) {
            return None;
        }
        let link = wanted.0.clone();
        self.ledger_of = Some(wanted);
        Some(Action::ReadLedger(link))
    }
}
