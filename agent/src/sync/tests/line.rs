//! A line to the relay in memory: it counts, and it is cut at an exact byte in either direction.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::time::sleep;
use wire::Cursors;

use super::{ME, relay::Relay};
use crate::{
    link::LinkError,
    store::NewDevice,
    sync::{Answer, SyncError, Transport},
};

/// Bytes that an answer arrives in at a time.
const PIECE: usize = 50;
/// What HTTP takes around a request and its answer.
const AROUND: u64 = 225;

#[derive(Debug)]
pub(super) struct Line {
    pub(super) relay: Arc<Mutex<Relay>>,
    /// What `account.toml` says.
    device: Arc<AtomicU64>,
    /// The relay gets so many bytes of all requests together.
    pub(super) up_left: usize,
    /// So many bytes of all answers come.
    pub(super) down_left: usize,
    pub(super) budget: Option<u64>,
    /// How fast it is; as fast as the machine where nothing is said.
    pub(super) bytes_s: Option<u64>,
    /// From here on nothing comes, and nobody hangs up.
    pub(super) stalls_after: Option<u64>,
    pub(super) moved: u64,
    pub(super) status: u16,
    /// Answers instead of the relay's.
    pub(super) canned: Option<Vec<u8>>,
    /// Fails after the relay has made a device.
    pub(super) loses_device: bool,
}

impl Line {
    pub(super) fn new(relay: Arc<Mutex<Relay>>, device: Arc<AtomicU64>) -> Self {
        Self {
            relay,
            device,
            up_left: usize::MAX,
            down_left: usize::MAX,
            budget: None,
            bytes_s: None,
            stalls_after: None,
            moved: 0,
            status: 200,
            canned: None,
            loses_device: false,
        }
    }
}

impl Line {
    /// Takes the time that so many bytes take.
    async fn pass(&self, bytes: usize) {
        if let Some(bytes_s) = self.bytes_s {
            sleep(Duration::from_micros(bytes as u64 * 1_000_000 / bytes_s)).await;
        }
    }
}

pub(super) fn cut(received: u64) -> LinkError {
    LinkError::Cut { received, source: "cut by the test".into() }
}

impl Transport for Line {
    type Answer<'a> = LineAnswer<'a>;

    async fn post(&mut self, body: Bytes, _hold: Duration) -> Result<LineAnswer<'_>, LinkError> {
        self.moved += body.len() as u64 + AROUND;
        let arrived = body.len().min(self.up_left);
        self.up_left -= arrived;
        self.pass(arrived).await;
        let answer =
            self.relay.lock().unwrap().exchange(self.device.load(SeqCst), &body[..arrived]);
        let Some(answer) = answer.filter(|_| arrived == body.len()) else { return Err(cut(0)) };
        let answer = self.canned.clone().unwrap_or(answer);
        Ok(LineAnswer { rest: answer.into(), line: self, received: 0 })
    }

    fn left(&self) -> Option<u64> {
        self.budget.map(|budget| budget.saturating_sub(self.moved))
    }

    fn rtt(&self) -> Duration {
        Duration::ZERO
    }

    async fn new_device(&mut self, token: &str, cursors: Cursors) -> Result<NewDevice, SyncError> {
        let device = self.relay.lock().unwrap().new_device(token, cursors);
        if self.loses_device {
            return Err(cut(0).into());
        }
        self.device.store(device, SeqCst);
        Ok(NewDevice { account: ME, device, cursors })
    }
}

#[derive(Debug)]
pub(super) struct LineAnswer<'l> {
    rest: Bytes,
    line: &'l mut Line,
    received: u64,
}

impl Answer for LineAnswer<'_> {
    fn status(&self) -> u16 {
        self.line.status
    }

    fn retry_after_s(&self) -> Option<u32> {
        (self.line.status == 503).then_some(60)
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, LinkError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let len = PIECE.min(self.rest.len()).min(self.line.down_left);
        if len == 0 {
            return Err(cut(self.received));
        }
        if self.line.stalls_after.is_some_and(|most| most < self.received + len as u64) {
            return std::future::pending().await;
        }
        // Whoever gives this wait up has read nothing.
        self.line.pass(len).await;
        if self.line.budget.is_some_and(|budget| budget < self.line.moved + len as u64) {
            return Err(LinkError::BudgetSpent);
        }
        self.line.moved += len as u64;
        self.line.down_left -= len;
        self.received += len as u64;
        Ok(Some(self.rest.split_to(len)))
    }
}
