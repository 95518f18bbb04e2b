//! Programs of the user's own that hear of messages and visits: one of each kind at a time, with a bounded queue.
//!
//! The one that is asked before a visit belongs to the visit (`visit/before.rs`).

use std::{sync::Arc, time::Duration};

use config::AgentSettings;
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        mpsc, watch,
    },
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    program,
    store::{Change, Inbox, InboxRow, Kind, MessageId, Store, rfc3339},
    sync::Outcome,
    visit::Call,
};

/// Messages that wait for their program. What comes beyond that runs none, and the log says so.
const MESSAGES_MAX: usize = 256;
/// Visits that do.
const VISITS_MAX: usize = 16;

type Settings = watch::Receiver<Arc<AgentSettings>>;

/// Runs the programs of `on_message` and `on_visit_end`.
#[derive(Debug)]
pub(super) struct Hooks {
    settings: watch::Sender<Arc<AgentSettings>>,
    visits: Option<mpsc::Sender<Ended>>,
    /// No message is waited for any more.
    closing: CancellationToken,
    /// Those that run are ended too.
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// A visit that has ended.
#[derive(Debug)]
struct Ended {
    rule: String,
    link: String,
    outcome: Outcome,
}

impl Hooks {
    /// Begins to listen: what came before runs nothing.
    pub(super) fn start(store: &Store, settings: Arc<AgentSettings>) -> Self {
        let (settings, told) = watch::channel(settings);
        let (visits, ended) = mpsc::channel(VISITS_MAX);
        let (queue, queued) = mpsc::channel(MESSAGES_MAX);
        let (closing, stop) = (CancellationToken::new(), CancellationToken::new());
        let feeder = Feeder {
            changes: store.changes(),
            store: store.clone(),
            settings: told.clone(),
            queue,
            newest: newest(store),
            is_full: false,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(feeder.run(closing.clone()));
        tasks.spawn(hear_messages(store.clone(), told.clone(), queued, stop.clone()));
        tasks.spawn(hear_visits(told, ended, stop.clone()));
        Self { settings, visits: Some(visits), closing, stop, tasks }
    }

    /// Other settings hold from the next run on.
    pub(super) fn change(&self, settings: Arc<AgentSettings>) {
        self.settings.send_replace(settings);
    }

    /// A visit has ended.
    pub(super) fn visit_ended(&self, call: &Call, outcome: &Outcome) {
        if self.settings.borrow().hooks.on_visit_end.is_empty() {
            return;
        }
        let ended = Ended {
            rule: call.rule.clone(),
            link: call.link.clone().unwrap_or_default(),
            outcome: outcome.clone(),
        };
        if self.visits.as_ref().is_some_and(|visits| visits.try_send(ended).is_err()) {
            warn!("on_visit_end is too slow: it does not run for this visit");
        }
    }

    /// Lets those run that are due, as long as `patience`, and ends the rest.
    pub(super) async fn end(mut self, patience: Duration) {
        self.visits = None;
        self.closing.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(patience, all).await.is_err() {
            self.stop.cancel();
            while self.tasks.join_next().await.is_some() {}
        }
    }
}

/// Puts messages that come into the queue.
struct Feeder {
    changes: Receiver<Change>,
    store: Store,
    settings: Settings,
    queue: mpsc::Sender<MessageId>,
    newest: Option<MessageId>,
    /// It was said that the queue is full.
    is_full: bool,
}

impl Feeder {
    async fn run(mut self, closing: CancellationToken) {
        loop {
            let change = tokio::select! {
                biased;
                change = self.changes.recv() => change,
                () = closing.cancelled() => return,
            };
            match change {
                Ok(Change::Arrived(id)) => self.put(id),
                Err(RecvError::Lagged(_)) => self.catch_up(),
                Err(RecvError::Closed) => return,
                Ok(_) => {}
            }
        }
    }

    fn put(&mut self, id: MessageId) {
        if self.newest.replace(id.max(self.newest.unwrap_or(id))) >= Some(id)
            || self.settings.borrow().hooks.on_message.is_empty()
        {
            return;
        }
        let is_full = self.queue.try_send(id).is_err();
        if is_full && !self.is_full {
            warn!(message = %id, "on_message is too slow: from here on it does not run for each");
        }
        self.is_full = is_full;
    }

    /// Ids grow in the order of arrival.
    fn catch_up(&mut self) {
        let limit = u32::try_from(MESSAGES_MAX).ok();
        let rows = self.store.reader().inbox(&Inbox { all: true, limit, ..Inbox::default() });
        for row in rows.unwrap_or_default() {
            self.put(row.id);
        }
    }
}

fn newest(store: &Store) -> Option<MessageId> {
    let newest = Inbox { all: true, limit: Some(1), ..Inbox::default() };
    store.reader().inbox(&newest).ok()?.last().map(|row| row.id)
}

async fn hear_messages(
    store: Store,
    settings: Settings,
    mut queued: mpsc::Receiver<MessageId>,
    stop: CancellationToken,
) {
    while let Some(id) = queued.recv().await {
        if stop.is_cancelled() {
            return;
        }
        let Ok(row) = store.reader().message(id) else { continue };
        if row.mine || row.deleted || row.kind == Kind::Notice {
            continue;
        }
        let hooks = settings.borrow().hooks.clone();
        run(&hooks.on_message, &message_variables(&row), &row.text, &hooks, &stop).await;
    }
}

/// The text is not among them: what stands in the environment others of this computer may see.
fn message_variables(row: &InboxRow) -> [(&'static str, String); 6] {
    let kind = match row.kind {
        Kind::Request => "request",
        Kind::Item => "item",
        _ => "message",
    };
    let conversation = row.conversation.map(|id| id.to_string()).unwrap_or_default();
    [
        ("MAILBOAT_MESSAGE_ID", row.id.to_string()),
        ("MAILBOAT_CONVERSATION", conversation),
        ("MAILBOAT_FROM", row.from.clone()),
        ("MAILBOAT_KIND", kind.to_owned()),
        ("MAILBOAT_URGENT", if row.urgent { "yes" } else { "no" }.to_owned()),
        ("MAILBOAT_SENT_AT", rfc3339(row.sent_at).to_string()),
    ]
}

async fn hear_visits(
    settings: Settings,
    mut ended: mpsc::Receiver<Ended>,
    stop: CancellationToken,
) {
    while let Some(Ended { rule, link, outcome }) = ended.recv().await {
        if stop.is_cancelled() {
            return;
        }
        let hooks = settings.borrow().hooks.clone();
        let variables = [
            ("MAILBOAT_RULE", rule),
            ("MAILBOAT_LINK", link),
            ("MAILBOAT_OUTCOME", outcome.outcome.name().to_owned()),
            ("MAILBOAT_SENT", outcome.sent.to_string()),
            ("MAILBOAT_RECEIVED", outcome.received.to_string()),
            ("MAILBOAT_BYTES_UP", outcome.bytes_up.to_string()),
            ("MAILBOAT_BYTES_DOWN", outcome.bytes_down.to_string()),
        ];
        let told = serde_json::to_string(&outcome).unwrap_or_default();
        run(&hooks.on_visit_end, &variables, &told, &hooks, &stop).await;
    }
}

async fn run(
    argv: &[String],
    variables: &[(&str, String)],
    input: &str,
    hooks: &config::agent::Hooks,
    stop: &CancellationToken,
) {
    if !argv.is_empty() {
        // What went wrong is in the log; a hook can hold nothing up.
        let _ = program::run(argv, variables, input, hooks.timeout.duration(), stop).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Bench, bob_says};

    #[tokio::test]
    async fn a_message_is_heard_of_also_where_more_happened_since_than_is_remembered() {
        let (mut bench, bob) = Bench::with_bob();
        let mut settings = AgentSettings::default();
        settings.hooks.on_message = vec!["true".to_owned()];
        let (_settings, told) = watch::channel(Arc::new(settings));
        let (queue, mut queued) = mpsc::channel(MESSAGES_MAX);
        let store = bench.store.clone();
        let (changes, newest) = (store.changes(), newest(&store));
        let feeder =
            Feeder { changes, store: store.clone(), settings: told, queue, newest, is_full: false };
        bench.deliver(vec![bob_says(1, 1, "Ahoy!")]);
        let came = bench.view(bob).last().unwrap().id;
        for n in 0..=crate::store::CHANGES_MAX {
            store.block("eve", n % 2 == 0).unwrap();
        }
        let closing = CancellationToken::new();
        closing.cancel();
        feeder.run(closing).await;
        assert_eq!(std::iter::from_fn(|| queued.try_recv().ok()).last(), Some(came));
    }
}
