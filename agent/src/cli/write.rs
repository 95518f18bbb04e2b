//! Commands that write: each is one order.

use config::agent::{Direction, Priority};
use serde_json::Value;

use super::{
    Session,
    args::{Command, Outbox, Send},
    ask, block_on, deadline,
    scope::when_you_call,
};
use crate::{
    control::{Failure, Order, departures},
    estimate::Departures,
    schedule::Scope,
};

impl Session<'_> {
    /// Every command that is nothing but an order.
    pub(super) fn write(&mut self, command: Command) -> Result<(), Failure> {
        let order = match command {
            Command::Chat { names, greeting, title } => Order::Chat { names, title, greeting },
            Command::Accept { id } => Order::Accept { target: id },
            Command::Decline { id } => Order::Decline { target: id },
            Command::Withdraw { id } => Order::Withdraw { target: id },
            Command::Leave { conversation } => Order::Leave { conversation },
            Command::Add { conversation, names, greeting } => {
                Order::Add { conversation, names, greeting }
            }
            Command::Rename { conversation, title } => Order::Rename { conversation, title },
            Command::Block { name } => Order::Block { name, on: true },
            Command::Unblock { name } => Order::Block { name, on: false },
            Command::Send(send) => return self.send(send),
            Command::Edit { id, text } => Order::Edit { target: id, text: self.text(text)? },
            Command::Delete { id } => Order::Delete { target: id },
            _ => return Err(Failure::new("internal", "this command is not wired up")),
        };
        // What is no message goes with any call that sends.
        let class = match order {
            Order::Edit { .. } | Order::Delete { .. } => Priority::Ordinary,
            _ => Priority::Urgent,
        };
        let answer = self.order(order)?;
        // Words to somebody who need not be asked went the way of any message.
        let is_message = answer["id"].as_str().is_some_and(|id| id.starts_with('m'));
        self.confirm(&answer, if is_message { Priority::Ordinary } else { class })
    }

    fn send(&mut self, send: Send) -> Result<(), Failure> {
        let span = send.lifetime.map(|span| u32::try_from(span.seconds()).unwrap_or(u32::MAX));
        let lifetime_s = match &send.deliver_before {
            Some(written) => Some(self.seconds_to(written)?),
            None => span,
        };
        if lifetime_s == Some(0) {
            return Err(Failure::usage("a message needs some time to arrive: --lifetime 2d"));
        }
        let class = if send.urgent { Priority::Urgent } else { Priority::Ordinary };
        let order = Order::Send {
            to: send.to,
            text: self.text(send.text)?,
            urgent: send.urgent,
            reply_to: send.reply_to,
            lifetime_s,
        };
        let mut answer = self.order(order)?;
        if send.deliver_before.is_some() {
            self.warn(answer.as_array_mut().into_iter().flatten())?;
        }
        answer.as_array().into_iter().flatten().try_for_each(|row| self.confirm(row, class))
    }

    /// Seconds from now to a time that somebody wrote.
    fn seconds_to(&self, written: &str) -> Result<u32, Failure> {
        let now = self.out.now;
        let at = deadline::parse(written, now, &self.out.zone).map_err(Failure::usage)?;
        Ok(u32::try_from(at.as_second() - now.as_second()).unwrap_or(u32::MAX))
    }

    /// Says of what was queued where its time will be over before anybody has it: it may come otherwise.
    fn warn<'v>(&self, queued: impl Iterator<Item = &'v mut Value>) -> Result<(), Failure> {
        let (rows, _) = self.expected(&self.reader()?)?;
        for sent in queued {
            let row = rows.iter().find(|row| sent["id"] == row.id.to_string());
            if let Some(doubt) = row.and_then(|row| self.doubt(row)) {
                sent["warning"] = doubt.into();
            }
        }
        Ok(())
    }

    pub(super) fn outbox(&mut self, command: Option<Outbox>) -> Result<(), Failure> {
        let orders: Vec<Order> = match command {
            None | Some(Outbox::List) => return self.outbox_list(),
            Some(Outbox::Edit { id, text }) => {
                vec![Order::Rewrite { target: id, text: self.text(text)? }]
            }
            Some(Outbox::Hold { ids }) => {
                ids.into_iter().map(|target| Order::Hold { target }).collect()
            }
            Some(Outbox::Release { ids }) => {
                ids.into_iter().map(|target| Order::Release { target }).collect()
            }
            Some(Outbox::Cancel { ids }) => {
                ids.into_iter().map(|target| Order::Cancel { target }).collect()
            }
        };
        for order in orders {
            let answer = self.order(order)?;
            self.confirm(&answer, Priority::Ordinary)?;
        }
        Ok(())
    }

    /// Gets one order done.
    pub(super) fn order(&self, order: Order) -> Result<Value, Failure> {
        let (paths, settings) = (self.paths()?, self.settings()?);
        block_on(ask::ask(&paths, &settings, order))
    }

    pub(super) fn mark_read(&self, targets: Vec<String>) -> Result<(), Failure> {
        if targets.is_empty() {
            return Ok(());
        }
        self.order(Order::MarkRead { targets }).map(drop)
    }

    /// When something of this class that is queued goes, as the running agent has it.
    fn when_it_goes(&self, class: Priority) -> Result<String, Failure> {
        let status = self.agent_status()?.unwrap_or_default();
        let Departures { ordinary, urgent } = departures(&status);
        let calls = if class == Priority::Urgent { urgent } else { ordinary };
        Ok(if status["link"] == "live" {
            "at once".to_owned()
        } else if !calls.is_empty() {
            "with the agent's next call (now: mailboat sync)".to_owned()
        } else {
            when_you_call(&self.rules(), Scope { direction: Direction::Up, min_priority: class })
        })
    }

    /// What was queued, and what happens next.
    fn confirm(&mut self, row: &Value, class: Priority) -> Result<(), Failure> {
        if self.out.json {
            return self.out.object(row);
        }
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let (id, conversation, state) = (text("id"), text("conversation"), text("state"));
        let reason = super::out::safe(text("reason"), false);
        let what =
            [id, conversation].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let what = if what.is_empty() { "done".to_owned() } else { what.join(" in ") };
        let when = if state == "queued" && !self.out.quiet {
            self.when_it_goes(class)?
        } else {
            String::new()
        };
        self.out.note(&match (state, reason.as_str()) {
            ("queued", _) => format!("{what}: queued; it goes {when}"),
            ("held", "") => format!("{what}: held"),
            ("held", reason) => format!("{what}: held, {reason}"),
            ("", _) => what,
            ("relayed", _) if id.is_empty() => {
                format!("{what}: nothing to send, you are in it already")
            }
            ("cancelled", _) => format!("{what}: cancelled"),
            (state, _) => format!("{what}: {state}"),
        })?;
        match row["warning"].as_str() {
            Some(warning) => {
                self.out.note(&format!("careful: {}", super::out::safe(warning, false)))
            }
            None => Ok(()),
        }
    }
}
