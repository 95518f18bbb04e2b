//! The agent's side of the socket.
//!
//! A connection's orders are handed on one by one and answered in order; nothing is read while one is
//! under way. When the server stops, what was taken is still answered, then `bye` is said.

use std::{io, sync::Arc, time::Duration};

use interprocess::local_socket::{tokio::Stream, traits::tokio::Listener as _};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncWriteExt, BufReader, ReadHalf, WriteHalf, split},
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Event, Failure, Hello, Listener, NOT_TAKEN, Order, VERSION,
    line::Lines,
    order::{Answer, parse},
};

/// Connections at a time; further ones wait in the system's queue.
pub const CONNECTIONS_MAX: usize = 64;
/// Orders that wait to be carried out.
pub const ORDERS_MAX: usize = 32;
/// What a peer that does not read may cost when the server stops.
const GOODBYE_MAX: Duration = Duration::from_secs(2);
/// After a failed accept (no file descriptors left, say): spinning would not help.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// An order and where its answer goes.
#[derive(Debug)]
pub struct Handed {
    /// What is asked; never [`Order::Watch`].
    pub order: Order,
    /// Takes the answer. Nobody may be waiting for it any more.
    pub reply: oneshot::Sender<Result<Value, Failure>>,
}

/// What the agent does, by name; see [`Event::Agent`].
pub type State = Arc<Map<String, Value>>;

/// What those hear who watch or follow.
#[derive(Clone, Debug)]
pub struct Told {
    /// What happens.
    pub events: broadcast::Sender<Event>,
    /// What the agent does. It has receivers only where somebody follows; the agent brings it up to date when
    /// [`Order::Follow`] is handed to it.
    pub states: watch::Sender<State>,
}

/// Serves until `stop`, then until what was taken is answered.
pub async fn serve(
    listener: Listener,
    orders: mpsc::Sender<Handed>,
    told: Told,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => {
                if let Err(err) = ended {
                    warn!(error = %err, "a control connection failed");
                }
            }
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok(stream) => {
                    let states = told.states.clone();
                    let connection = Connection::new(stream, orders.clone(), states, stop.clone());
                    connections.spawn(connection.run(told.events.subscribe()));
                }
                Err(err) => {
                    warn!(error = %err, "no control connection could be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    // New clients see at once that nobody is here any more.
    drop(listener);
    drop(orders);
    while connections.join_next().await.is_some() {}
}

struct Connection {
    lines: Lines<BufReader<ReadHalf<Stream>>>,
    out: WriteHalf<Stream>,
    orders: mpsc::Sender<Handed>,
    states: watch::Sender<State>,
    stop: CancellationToken,
}

impl Connection {
    fn new(
        stream: Stream,
        orders: mpsc::Sender<Handed>,
        states: watch::Sender<State>,
        stop: CancellationToken,
    ) -> Self {
        let (reader, out) = split(stream);
        Self { lines: Lines::new(BufReader::new(reader)), out, orders, states, stop }
    }

    async fn run(mut self, events: broadcast::Receiver<Event>) {
        if let Err(err) = self.converse(events).await {
            debug!(error = %err, "a control connection ended");
        }
    }

    async fn converse(&mut self, events: broadcast::Receiver<Event>) -> io::Result<()> {
        let hello = Event::Hello(Hello { v: VERSION, pid: std::process::id() });
        self.write(&hello).await?;
        let stop = self.stop.clone();
        while let Some(next) = stop.run_until_cancelled(self.lines.next()).await {
            let line = match next {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(()),
                Err(err) => {
                    let failure = Failure::new("bad_request", &err);
                    return self.write(&Answer::new(Value::Null, Err(failure))).await;
                }
            };
            if line.is_empty() {
                continue;
            }
            match parse(&line) {
                (id, Ok(Order::Watch)) => {
                    self.write(&Answer::new(id, Ok(json!({})))).await?;
                    self.watch(events).await?;
                    break;
                }
                (id, Ok(Order::Follow)) => {
                    // Before it is handed on: the agent shows something only where somebody looks.
                    let states = self.states.subscribe();
                    let result = self.hand_on(Order::Follow).await;
                    let is_shown = result.is_ok();
                    self.write(&Answer::new(id, result)).await?;
                    if is_shown {
                        self.follow(states).await?;
                        break;
                    }
                }
                (id, Ok(order)) => {
                    let result = self.hand_on(order).await;
                    self.write(&Answer::new(id, result)).await?;
                }
                (id, Err(failure)) => self.write(&Answer::new(id, Err(failure))).await?,
            }
        }
        timeout(GOODBYE_MAX, self.write(&Event::Bye)).await?
    }

    async fn hand_on(&self, order: Order) -> Result<Value, Failure> {
        let (reply, answer) = oneshot::channel();
        let gone = |code| Failure::later(code, "the agent stopped; ask again");
        self.orders.send(Handed { order, reply }).await.map_err(|_| gone(NOT_TAKEN))?;
        answer.await.unwrap_or_else(|_| Err(gone("agent_stopped")))
    }

    /// Shows what the agent does until the peer goes away or the server stops: all of it, then what is not as it was
    /// shown last. So nobody misses the end of anything by reading slowly.
    async fn follow(&mut self, mut states: watch::Receiver<State>) -> io::Result<()> {
        let stop = self.stop.clone();
        let mut shown: Option<State> = None;
        loop {
            let state = states.borrow_and_update().clone();
            let fields: Map<String, Value> = state
                .iter()
                .filter(|(key, value)| {
                    shown.as_ref().is_none_or(|shown| shown.get(*key) != Some(*value))
                })
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let event = Event::Agent { whole: shown.is_none(), fields };
            match stop.run_until_cancelled(self.write(&event)).await {
                Some(written) => written?,
                // Half a line may be out: nothing more can be said.
                None => return Err(io::ErrorKind::Interrupted.into()),
            }
            shown = Some(state);
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(()),
                    changed = states.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return Ok(()),
                    },
                    said = self.lines.next() => match said? {
                        Some(_) => {}
                        None => return Err(io::ErrorKind::UnexpectedEof.into()),
                    },
                }
            }
        }
    }

    /// Sends events until the peer goes away or the server stops. What the peer still says is not heard.
    async fn watch(&mut self, mut events: broadcast::Receiver<Event>) -> io::Result<()> {
        let stop = self.stop.clone();
        loop {
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                event = events.recv() => match event {
                    Ok(event) => event,
                    Err(broadcast::error::RecvError::Lagged(_)) => Event::Missed,
                    Err(broadcast::error::RecvError::Closed) => return Ok(()),
                },
                said = self.lines.next() => match said? {
                    Some(_) => continue,
                    None => return Err(io::ErrorKind::UnexpectedEof.into()),
                },
            };
            match stop.run_until_cancelled(self.write(&event)).await {
                Some(written) => written?,
                // Half a line may be out: nothing more can be said.
                None => return Err(io::ErrorKind::Interrupted.into()),
            }
        }
    }

    async fn write(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.out.write_all(&line).await
    }
}
