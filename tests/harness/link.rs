//! A link between agents and a relay that counts every byte and can be cut at any of them.
//!
//! It is a TCP forwarder on 127.0.0.1 that runs on the caller's tokio runtime; programs in processes of their own use
//! it by its address. Bytes are TCP payload, exact in each direction. While a test blocks the only thread of its
//! runtime (say, waiting for a child process without `.await`), nothing passes.
//!
//! Round trips are counted as the longest causal chain of one-way trips, halved: a connection's handshake is one,
//! a request and its answer one more; connections in sequence add up, simultaneous ones do not. What was sent after
//! something had *arrived* counts as caused by it, so where both ends talk at once (a TLS handshake does), give the
//! link some delay, else the count depends on who was quicker. And give agents that are counted a link each.

mod plan;
mod pump;
mod replay;
mod shared;
mod state;
mod tape;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

pub use self::plan::{CutPlan, Direction, Manner, Pace};
pub use self::replay::{ANSWER_LEN_MAX, Replay, head_len, message_len, requests};
use self::shared::Shared;
use self::state::{Phase, State};
pub use self::tape::Recorded;

/// Events that a slow listener may fall behind before it misses some.
const EVENTS_MAX: usize = 4096;
/// How long to leave the system alone that could not accept, say for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What passed since the link began or [`Link::reset_counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes of TCP payload from agents to the relay.
    pub up: u64,
    /// Bytes of TCP payload from the relay to agents.
    pub down: u64,
    /// Connections that were accepted (not those refused while down).
    pub connections: u64,
    /// How many round trips one had to wait for; see the module.
    pub round_trips: u64,
}

/// Something that happened; connections are numbered from 0 in the order in which they were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Connection `n` reached the relay.
    Connected {
        /// Its number.
        n: u64,
    },
    /// Connection `n` was cut: from here on nothing passes.
    Cut {
        /// Its number.
        n: u64,
    },
    /// Both sockets of connection `n` are closed, for whatever reason.
    Closed {
        /// Its number.
        n: u64,
    },
    /// A connection was reset because the link is down.
    Refused,
}

/// The link. Dropping it closes its connections and frees its port.
#[derive(Debug)]
pub struct Link {
    addr: SocketAddr,
    shared: Arc<Shared>,
    events: broadcast::Sender<Event>,
    outages: Mutex<Option<AbortOnDropHandle<()>>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Link {
    /// Starts a link to the relay at `target`, on a free port. Panics outside a tokio runtime or without loopback.
    pub fn start(target: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a listener can be non-blocking");
        let listener =
            TcpListener::from_std(listener).expect("a link starts inside a tokio runtime");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let shared = Arc::new(Shared::new(State::new(target, events.clone())));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        let accepting = AbortOnDropHandle::new(accepting);
        Self { addr, shared, events, outages: Mutex::new(None), _accepting: accepting }
    }

    /// Where agents connect to; it stays the same however often the relay moves.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends later connections to another relay.
    pub fn set_target(&self, target: SocketAddr) {
        self.shared.update(|state| state.target = target);
    }

    /// What passed, over all connections.
    pub fn counters(&self) -> Counters {
        self.shared.read(State::counters)
    }

    /// What passed through connection `n`, from its start; none for one to come or long past (4,096 are remembered).
    pub fn counters_of(&self, n: u64) -> Option<Counters> {
        self.shared.read(|state| state.counters_of(n))
    }

    /// Begins to count anew. Plans and recordings go on.
    pub fn reset_counters(&self) {
        self.shared.update(State::reset_counters);
    }

    /// Connections accepted in all: the number of the next one.
    pub fn accepted(&self) -> u64 {
        self.shared.read(State::accepted)
    }

    /// Connections whose sockets are not closed yet.
    pub fn open_connections(&self) -> usize {
        self.shared.read(State::open_connections)
    }

    /// Queues plans: each connection accepted from now on takes one, in order; with none left it is not cut.
    pub fn plan(&self, plans: impl IntoIterator<Item = CutPlan>) {
        let plans: Vec<CutPlan> = plans.into_iter().collect();
        self.shared.update(|state| state.plans.extend(plans));
    }

    /// Plans that no connection has taken.
    pub fn plans_left(&self) -> usize {
        self.shared.read(|state| state.plans.len())
    }

    /// Forgets the plans that no connection has taken, and [`Link::cut_at`].
    pub fn clear_plans(&self) {
        self.shared.update(|state| {
            state.plans.clear();
            state.cut_after = plan::Both::default();
        });
    }

    /// Cuts all connections once exactly `bytes` more have passed in `direction`, counted over all of them from now,
    /// by closing. It happens once; each direction has one such cut, and a later call replaces it.
    pub fn cut_at(&self, direction: Direction, bytes: u64) {
        self.cut_at_by(direction, bytes, Manner::Close);
    }

    /// Like [`Link::cut_at`], in the given manner.
    pub fn cut_at_by(&self, direction: Direction, bytes: u64, manner: Manner) {
        self.shared.update(|state| state.cut_after[direction] = Some((bytes, manner)));
    }

    /// Cuts all connections now; new ones are welcome.
    pub fn hang_up(&self, manner: Manner) {
        self.shared.update(|state| state.hang_up(manner));
    }

    /// Resets all connections, and every new one as soon as it is accepted (the port stays ours), until [`Link::up`].
    /// Connections that are refused take no plan and are not counted.
    pub fn down(&self) {
        self.shared.update(|state| state.set_down(true));
    }

    /// Ends [`Link::down`].
    pub fn up(&self) {
        self.shared.update(|state| state.set_down(false));
    }

    /// From now on up for `up`, down for `down`, and again, until [`Link::end_outages`].
    pub fn begin_outages(&self, up: Duration, down: Duration) {
        let shared = Arc::clone(&self.shared);
        let timetable = tokio::spawn(async move {
            loop {
                shared.update(|state| state.set_down(false));
                sleep(up).await;
                shared.update(|state| state.set_down(true));
                sleep(down).await;
            }
        });
        *self.outages() = Some(AbortOnDropHandle::new(timetable));
    }

    /// Ends the timetable of outages and leaves the link as it is at that moment.
    pub fn end_outages(&self) {
        *self.outages() = None;
    }

    fn outages(&self) -> std::sync::MutexGuard<'_, Option<AbortOnDropHandle<()>>> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether connections are refused.
    pub fn is_down(&self) -> bool {
        self.shared.read(|state| state.down)
    }

    /// Sets rates and delay for what enters the link from now on. All connections share the line. With a delay a
    /// direction carries at most 1 MiB at a time, in 64 pieces of at most 50 ms of the line.
    pub fn set_pace(&self, pace: Pace) {
        self.shared.update(|state| state.pace = pace);
    }

    /// Lets nothing pass in `direction`, neither bytes nor the end of a stream, until [`Link::release`].
    pub fn stall(&self, direction: Direction) {
        self.shared.update(|state| state.stalled[direction] = true);
    }

    /// Ends [`Link::stall`]: what waited passes, in order.
    pub fn release(&self, direction: Direction) {
        self.shared.update(|state| state.stalled[direction] = false);
    }

    /// What happens from now on. A listener more than 4,096 events behind misses some (`RecvError::Lagged`).
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Waits until connection `n` has reached the relay, or is over.
    pub async fn wait_connected(&self, n: u64) {
        self.shared.wait(|state| !matches!(state.phase(n), None | Some(Phase::Opening))).await;
    }

    /// Waits until connection `n`, which may be one to come, is cut or closed.
    pub async fn wait_cut(&self, n: u64) {
        self.shared
            .wait(|state| matches!(state.phase(n), Some(Phase::Cut(_) | Phase::Closed)))
            .await;
    }

    /// Waits until both sockets of connection `n`, which may be one to come, are closed.
    pub async fn wait_closed(&self, n: u64) {
        self.shared.wait(|state| state.phase(n) == Some(Phase::Closed)).await;
    }

    /// Waits until no connection is open.
    pub async fn wait_idle(&self) {
        self.shared.wait(|state| state.open_connections() == 0).await;
    }

    /// Waits until at least `total` bytes have passed in `direction` since [`Link::reset_counters`].
    pub async fn wait_bytes(&self, direction: Direction, total: u64) {
        self.shared.wait(|state| state.passed(direction) >= total).await;
    }

    /// Begins a new recording of the connections accepted from now on, or takes no further ones in.
    pub fn record(&self, on: bool) {
        self.shared.update(|state| state.tape.set_running(on));
    }

    /// What has passed so far through the connections being recorded, in the order in which they were accepted.
    /// Panics when a recording has become larger than 64 MiB: it would be incomplete.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.shared.read(|state| state.tape.recorded()).expect("a recording stays within 64 MiB")
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((agent, _)) => begin(&mut connections, &shared, agent),
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(ended) = connections.join_next() => ended.expect("a connection's task does not panic"),
        }
    }
}

fn begin(connections: &mut JoinSet<()>, shared: &Arc<Shared>, agent: TcpStream) {
    let Some((n, cut)) = shared.update(State::admit) else { return pump::reset(&agent) };
    // Fails only on a socket that is gone already.
    let _ = agent.set_nodelay(true);
    let shared = Arc::clone(shared);
    connections.spawn(async move { pump::run(&shared, n, cut, agent).await });
}
