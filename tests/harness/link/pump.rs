//! One connection through the link: two sockets and the bytes between them.
//!
//! Each direction has a reader, which stamps what it reads with the time at which the line delivers it, and a writer,
//! which waits for that time; a bounded queue between them is the line. All four live in one task and are dropped
//! together when the connection is cut: every await here may be abandoned, because a byte counts only once
//! [`State::pass`](super::state::State::pass) has written it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::plan::{Both, Direction, Manner};
use super::shared::Shared;
use super::state::{CHUNK_LEN_MAX, Entry, Pass, Phase};

/// Chunks under way in one direction: with [`CHUNK_LEN_MAX`] at most 1 MiB.
const FLIGHT_MAX: usize = 64;
/// How long the two ends of a closed connection may take to notice.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// Carries connection `n` from `agent` until both ends have closed it or it is cut.
pub(super) async fn run(shared: &Shared, n: u64, cut: CancellationToken, agent: TcpStream) {
    let relay = tokio::select! {
        biased;
        () = cut.cancelled() => None,
        relay = open(shared) => relay.ok(),
    };
    match relay {
        // Not connected at all: that is a refusal, in whatever manner it was cut.
        None => reset(&agent),
        Some(relay) => {
            let relay = Some(relay).filter(|_| shared.update(|state| state.opened(n)));
            carry(shared, n, &cut, &agent, relay.as_ref()).await;
            drop(relay);
        }
    }
    drop(agent);
    shared.update(|state| state.closed(n));
}

/// Connects to the relay while the handshake's two trips pass.
async fn open(shared: &Shared) -> io::Result<TcpStream> {
    let (target, delay) = shared.read(|state| (state.target, state.pace.delay));
    pause(delay).await;
    let relay = TcpStream::connect(target).await?;
    relay.set_nodelay(true)?;
    pause(delay).await;
    Ok(relay)
}

async fn pause(delay: Duration) {
    if !delay.is_zero() {
        sleep(delay).await;
    }
}

async fn carry(
    shared: &Shared,
    n: u64,
    cut: &CancellationToken,
    agent: &TcpStream,
    relay: Option<&TcpStream>,
) {
    let Some(relay) = relay else { return reset(agent) };
    let ends = Ends::default();
    let up = Pipe { shared, n, direction: Direction::Up, from: agent, to: relay, ends: &ends };
    let down = Pipe { shared, n, direction: Direction::Down, from: relay, to: agent, ends: &ends };
    let ended = tokio::select! {
        biased;
        () = cut.cancelled() => None,
        ended = async { tokio::try_join!(up.run(), down.run()) } => Some(ended),
    };
    match ended {
        Some(Ok(_)) => {}
        Some(Err(Reset)) => [agent, relay].into_iter().for_each(reset),
        None => finish_cut(shared, n, agent, relay).await,
    }
}

/// Gives the two ends of a cut connection what its manner says. It may change on the way: whatever lingers can still
/// be hung up.
async fn finish_cut(shared: &Shared, n: u64, agent: &TcpStream, relay: &TcpStream) {
    while let Some(Phase::Cut(manner)) = shared.read(|state| state.phase(n)) {
        let linger = async {
            match manner {
                Manner::Close => close(agent, relay).await,
                Manner::Reset => [agent, relay].into_iter().for_each(reset),
                Manner::Blackhole => swallow_both(agent, relay).await,
            }
        };
        tokio::select! {
            biased;
            () = linger => return,
            () = shared.wait(|state| state.phase(n) != Some(Phase::Cut(manner))) => {}
        }
    }
}

async fn close(agent: &TcpStream, relay: &TcpStream) {
    [agent, relay].into_iter().for_each(end_writing);
    // Closing a socket with unread bytes resets it, and a reset can overtake bytes that were to pass: so read, for
    // a while.
    let _ = timeout(CLOSE_GRACE, swallow_both(agent, relay)).await;
}

async fn swallow_both(agent: &TcpStream, relay: &TcpStream) {
    tokio::join!(swallow(agent), swallow(relay));
}

/// Reads and drops until the other end has closed.
async fn swallow(from: &TcpStream) {
    let mut scratch = vec![0; CHUNK_LEN_MAX];
    while from.readable().await.is_ok() {
        match from.try_read(&mut scratch) {
            Ok(0) => return,
            Err(err) if err.kind() != io::ErrorKind::WouldBlock => return,
            Ok(_) | Err(_) => {}
        }
    }
}

/// Makes the coming close of `stream` a reset.
pub(super) fn reset(stream: &TcpStream) {
    // Fails only on a socket that is gone already.
    let _ = stream.set_zero_linger();
}

fn end_writing(stream: &TcpStream) {
    // Fails only on a socket whose other end has reset it.
    let _ = SockRef::from(stream).shutdown(std::net::Shutdown::Write);
}

/// One end has reset its connection, and the other is to see it.
struct Reset;

/// What the two directions of a connection tell each other.
#[derive(Debug, Default)]
struct Ends {
    /// Writing in this direction failed: its receiver is gone.
    broken: Both<AtomicBool>,
    /// The end of this direction's stream was passed on.
    ended: Both<AtomicBool>,
}

enum Chunk {
    Bytes(Entry, Vec<u8>),
    End(Entry),
    Reset(Entry),
}

struct Pipe<'a> {
    shared: &'a Shared,
    n: u64,
    direction: Direction,
    from: &'a TcpStream,
    to: &'a TcpStream,
    ends: &'a Ends,
}

impl Pipe<'_> {
    async fn run(&self) -> Result<(), Reset> {
        let (line_in, line_out) = mpsc::channel(FLIGHT_MAX);
        tokio::try_join!(self.read(line_in), self.write(line_out)).map(|_| ())
    }

    async fn read(&self, line: mpsc::Sender<Chunk>) -> Result<(), Reset> {
        let mut scratch = vec![0; CHUNK_LEN_MAX];
        loop {
            let len = self.shared.read(|state| state.chunk_len(self.direction));
            let read = self.read_some(&mut scratch[..len]).await;
            let entered = read.as_ref().map_or(0, |len| *len);
            let entry = self.shared.quietly(|state| state.enter(self.n, self.direction, entered));
            let chunk = match read {
                Ok(0) => Chunk::End(entry),
                Ok(len) => Chunk::Bytes(entry, scratch[..len].to_vec()),
                Err(_) => Chunk::Reset(entry),
            };
            let last = !matches!(chunk, Chunk::Bytes(..));
            if line.send(chunk).await.is_err() || last {
                return Ok(()); // the writer says how it ended
            }
            until(entry.sent_at).await; // a slow line takes no more than it can send
        }
    }

    async fn read_some(&self, scratch: &mut [u8]) -> io::Result<usize> {
        loop {
            self.from.readable().await?;
            match self.from.try_read(scratch) {
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    async fn write(&self, mut line: mpsc::Receiver<Chunk>) -> Result<(), Reset> {
        while let Some(chunk) = line.recv().await {
            match chunk {
                Chunk::Bytes(entry, bytes) => {
                    until(entry.due).await;
                    self.deliver(&bytes, entry).await?;
                }
                Chunk::End(entry) => {
                    self.arrive(entry).await;
                    return self.end();
                }
                Chunk::Reset(entry) => {
                    self.arrive(entry).await;
                    return Err(Reset);
                }
            }
        }
        Ok(())
    }

    async fn arrive(&self, entry: Entry) {
        until(entry.due).await;
        self.shared.wait(|state| !state.stalled[self.direction]).await;
    }

    fn end(&self) -> Result<(), Reset> {
        // After a failed write the sender's end shows as an end of the stream, or as a reset: it was a reset.
        if self.ends.broken[self.direction.opposite()].load(Ordering::Relaxed) {
            return Err(Reset);
        }
        self.ends.ended[self.direction].store(true, Ordering::Relaxed);
        end_writing(self.to);
        Ok(())
    }

    async fn deliver(&self, mut bytes: &[u8], entry: Entry) -> Result<(), Reset> {
        while !bytes.is_empty() && !self.ends.broken[self.direction].load(Ordering::Relaxed) {
            match self.pass(bytes, entry).await {
                Ok(Pass::Wrote(len)) => bytes = &bytes[len..],
                Ok(Pass::Stalled) => self.shared.wait(|state| !state.stalled[self.direction]).await,
                Ok(Pass::Cut) => std::future::pending().await, // the token ends this task
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.break_off()?,
            }
        }
        Ok(())
    }

    async fn pass(&self, bytes: &[u8], entry: Entry) -> io::Result<Pass> {
        self.to.writable().await?;
        let write = |allowed: &[u8]| self.to.try_write(allowed);
        self.shared.update(|state| state.pass(self.n, self.direction, bytes, entry, write))
    }

    /// The receiver is gone. What it had sent before still reaches the other end; the reset follows it.
    fn break_off(&self) -> Result<(), Reset> {
        self.ends.broken[self.direction].store(true, Ordering::Relaxed);
        if self.ends.ended[self.direction.opposite()].load(Ordering::Relaxed) {
            Err(Reset)
        } else {
            Ok(())
        }
    }
}

async fn until(due: Instant) {
    if due > Instant::now() {
        sleep_until(due).await;
    }
}
