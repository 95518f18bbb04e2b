//! `watch`: what comes, as it comes. With an agent its events say when to look; without one the store
//! is looked at now and then, until an agent starts.

use std::time::Duration;

use tokio::time::sleep;

use super::{Session, block_on, show};
use crate::{
    control::{Client, Event, Events, Failure, Hello, VERSION},
    store::{Inbox, InboxRow, MessageId, Reader},
};

/// How often to look at the store, and for an agent, where none runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Newest rows that are looked at first; all of them only where so many are new.
const ROWS_LOOKED_AT: [Option<u32>; 3] = [Some(16), Some(512), None];

impl Session<'_> {
    pub(super) fn watch(&mut self, all: bool) -> Result<(), Failure> {
        let reader = self.reader()?;
        let paths = self.paths()?;
        let newest = Inbox { all: true, limit: Some(1), ..Inbox::default() };
        let mut seen = reader.inbox(&newest)?.last().map(|row| row.id);
        let ended = Box::pin(async move {
            let mut told = false;
            loop {
                match Client::connect(&paths.socket).await {
                    Ok(Some(client)) => {
                        let hello = Hello { v: VERSION, pid: client.pid() };
                        let mut events = client.watch().await.map_err(Failure::from)?;
                        if all && self.out.json {
                            // From here on nothing that happens is missed: a script may go on.
                            self.out.object(&Event::Hello(hello))?;
                        }
                        self.new_rows(&reader, &mut seen, all)?;
                        self.follow(&mut events, &reader, &mut seen, all).await?;
                    }
                    _ if !told => {
                        told = true;
                        if !self.out.json && !self.out.quiet {
                            self.out.note("no agent runs: showing what other commands bring (start one with: mailboat agent)")?;
                        }
                    }
                    _ => {}
                }
                self.new_rows(&reader, &mut seen, all)?;
                sleep(LOOK_EVERY).await;
            }
        });
        block_on(ended)
    }

    /// Shows what the agent tells, until it is gone.
    async fn follow(
        &mut self,
        events: &mut Events,
        reader: &Reader,
        seen: &mut Option<MessageId>,
        all: bool,
    ) -> Result<(), Failure> {
        while let Some(event) = events.next().await {
            match event {
                Event::Message { .. } | Event::Missed => self.new_rows(reader, seen, all)?,
                event if all => self.event(&event)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Everything since the last look. Ids grow in order of arrival, so nothing is shown twice or left out,
    /// whatever events were lost.
    fn new_rows(
        &mut self,
        reader: &Reader,
        seen: &mut Option<MessageId>,
        all: bool,
    ) -> Result<(), Failure> {
        let mut fresh: Vec<InboxRow> = Vec::new();
        for limit in ROWS_LOOKED_AT {
            fresh = reader.inbox(&Inbox { all: true, limit, ..Inbox::default() })?;
            let looked_at = fresh.len();
            fresh.retain(|row| *seen < Some(row.id));
            if fresh.len() < looked_at || limit.is_none_or(|limit| looked_at < limit as usize) {
                break;
            }
        }
        let Some(last) = fresh.last() else { return Ok(()) };
        *seen = Some(last.id);
        let titles = if self.out.json { show::Titles::new() } else { show::titles(reader)? };
        for row in fresh.iter().filter(|row| all || !row.mine) {
            if self.out.json {
                self.out.object(row)?;
            } else {
                show::message(&mut self.out, row, &titles)?;
            }
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        if self.out.json {
            return self.out.object(event);
        }
        match event {
            Event::State { id, state } => self.out.line(&format!("{id}  {state}")),
            Event::Visit { began: true, .. } => self.out.note("a visit begins"),
            Event::Visit { outcome, .. } => {
                let how = outcome.as_deref().unwrap_or("over").replace('_', " ");
                self.out.note(&format!("a visit ended: {how}"))
            }
            Event::Presence => self.out.note("presence changed: mailboat members"),
            _ => Ok(()),
        }
    }
}
