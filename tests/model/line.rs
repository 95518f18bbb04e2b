//! The way between an agent and the relay: a call that can be cut at any byte of either direction, come twice, come
//! late, or be carried out without anybody hearing of it. No sockets: the body goes to the exchange as it is.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use agent::{
    link::LinkError,
    store::NewDevice,
    sync::{SyncError, Transport},
};
use bytes::Bytes;
use harness::{
    coming::{Coming, cut, packets_of},
    rng::Rng,
};
use relay::{
    exchange::{self, Exchange, ExchangeError, Visit},
    store::{self, AccountOrder, AccountOutcome, Login, SecretHash, Store},
};
use tokio_util::sync::CancellationToken;
use wire::Cursors;

use super::{
    observe,
    recorder::{Recorder, Witness, lock},
};

/// The running relay, as agents reach it.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    pub(crate) exchange: Exchange,
    pub(crate) store: Arc<Recorder>,
    pub(crate) witness: Arc<Mutex<Witness>>,
    pub(crate) now_s: Arc<std::sync::atomic::AtomicU64>,
}

/// How bad a line is, in percent of its calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) cut_up: u64,
    pub(crate) cut_down: u64,
    /// The request comes once more before it comes, whole or in part.
    pub(crate) twice: u64,
    /// A part of the request comes now, the rest when its sender has long given up.
    pub(crate) late: u64,
}

/// A request that was sent once and may come again.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) token: String,
    pub(crate) body: Bytes,
}

/// A request whose rest is still to come.
#[derive(Debug)]
pub(crate) struct Lingering {
    pub(crate) visit: Visit,
    pub(crate) rest: Bytes,
}

/// What a line leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    pub(crate) sent: Vec<Sent>,
    pub(crate) lingering: Vec<Lingering>,
    pub(crate) faults: Vec<String>,
}

/// What an agent keeps beside its store: `account.toml`.
pub(crate) type Token = Arc<Mutex<String>>;

#[derive(Debug)]
pub(crate) struct Line<'w> {
    pub(crate) relay: Relay,
    pub(crate) token: Token,
    pub(crate) weather: Weather,
    pub(crate) rng: Rng,
    /// Bytes that the visit may still take.
    pub(crate) budget: Option<u64>,
    pub(crate) wake: &'w mut Wake,
}

/// What HTTP makes of an exchange that has no answer.
fn status(err: &ExchangeError) -> u16 {
    match err {
        ExchangeError::Revoked => 401,
        ExchangeError::Store(_) => 503,
        _ => 400,
    }
}

impl Relay {
    async fn login(&self, token: &str) -> Result<Login, u16> {
        let found =
            self.store.authenticate(vec![SecretHash::of(token)]).await.pop().expect("one of one");
        found.map_err(|_| 503_u16)?.ok_or(401)
    }

    /// Takes the first `whole` bytes of a request, in pieces; its visit, and who it is from.
    async fn begin(&self, sent: &Sent, len: usize, rng: &mut Rng) -> Result<Visit, u16> {
        let login = self.login(&sent.token).await?;
        let mut visit = self.exchange.begin(login, CancellationToken::new(), None);
        let mut at = 0;
        while at < len {
            let to =
                if rng.chance(50) { len } else { at + 1 + rng.below((len - at) as u64) as usize };
            visit.feed(&sent.body[at..to]).await.map_err(|err| status(&err))?;
            at = to;
        }
        Ok(visit)
    }

    /// A whole request that gets its answer.
    async fn whole(&self, sent: &Sent, rng: &mut Rng) -> Result<Vec<u8>, u16> {
        let visit = self.begin(sent, sent.body.len(), rng).await?;
        read(visit.finish(true).await).await
    }

    /// A request that comes again, whole or cut, when nobody waits for its answer.
    pub(crate) async fn replay(&self, sent: &Sent, rng: &mut Rng) {
        if rng.chance(70) {
            let _ = self.whole(sent, rng).await;
        } else {
            let len = rng.below(sent.body.len() as u64 + 1) as usize;
            let _ = self.begin(sent, len, rng).await;
        }
    }

    /// The rest of a request that was long given up.
    pub(crate) async fn end(&self, lingering: Lingering) {
        let Lingering { mut visit, rest } = lingering;
        if visit.feed(&rest).await.is_ok() {
            let _ = read(visit.finish(true).await).await;
        }
    }

    fn is_dead(&self) -> bool {
        lock(&self.witness).is_dead
    }
}

async fn read(answer: Result<exchange::Answer, ExchangeError>) -> Result<Vec<u8>, u16> {
    let packets = packets_of(answer, || true).await.map_err(|err| status(&err))?;
    Ok(packets.iter().flatten().copied().collect())
}

impl Line<'_> {
    fn in_pieces(&mut self, mut bytes: Bytes) -> VecDeque<Bytes> {
        let mut chunks = VecDeque::new();
        while !bytes.is_empty() {
            let len = if self.rng.chance(60) {
                bytes.len()
            } else {
                1 + self.rng.below(bytes.len() as u64) as usize
            };
            chunks.push_back(bytes.split_to(len));
        }
        chunks
    }

    fn spend(&mut self, len: usize) {
        if let Some(budget) = &mut self.budget {
            *budget = budget.saturating_sub(len as u64 + 200);
        }
    }

    async fn call(&mut self, sent: &Sent) -> Result<Coming, LinkError> {
        let mut rng = self.rng.fork();
        if rng.chance(self.weather.twice) {
            self.relay.replay(sent, &mut rng).await;
        }
        if rng.chance(self.weather.cut_up) {
            let len = rng.below(sent.body.len() as u64 + 1) as usize;
            let visit = self.relay.begin(sent, len, &mut rng).await;
            if let Ok(visit) = visit
                && rng.chance(self.weather.late)
            {
                self.wake.lingering.push(Lingering { visit, rest: sent.body.slice(len..) });
            }
            return Err(cut());
        }
        let answer = self.relay.whole(sent, &mut rng).await;
        if self.relay.is_dead() {
            return Err(cut());
        }
        let (status, body) = match answer {
            Ok(body) => {
                self.wake.faults.extend(observe::answer(&sent.body, &body));
                (200, Bytes::from(body))
            }
            Err(status) => (status, Bytes::from_static(b"no answer")),
        };
        self.spend(body.len());
        let is_cut = rng.chance(self.weather.cut_down);
        let len = if is_cut { rng.below(body.len() as u64 + 1) as usize } else { body.len() };
        Ok(Coming { status, chunks: self.in_pieces(body.slice(..len)), is_cut })
    }
}

impl Transport for Line<'_> {
    type Answer<'a>
        = Coming
    where
        Self: 'a;

    async fn post(&mut self, body: Bytes, _hold: Duration) -> Result<Coming, LinkError> {
        let token = self.token.lock().expect("nobody panics with it").clone();
        let sent = Sent { token, body };
        self.wake.sent.push(sent.clone());
        self.spend(sent.body.len());
        self.call(&sent).await
    }

    fn left(&self) -> Option<u64> {
        self.budget
    }

    fn rtt(&self) -> Duration {
        Duration::ZERO
    }

    async fn new_device(&mut self, token: &str, cursors: Cursors) -> Result<NewDevice, SyncError> {
        let in_use = self.token.lock().expect("nobody panics with it").clone();
        let refused =
            |status| SyncError::Status { status, words: String::new(), retry_after_s: None };
        if self.rng.chance(self.weather.cut_up) {
            return Err(cut().into());
        }
        let from = self.relay.login(&in_use).await.map_err(refused)?.device;
        let now_s = self.relay.now_s.load(std::sync::atomic::Ordering::Relaxed);
        let device =
            store::NewDevice { token: SecretHash::of(token), label: "again".to_owned(), now_s };
        let order = AccountOrder::Fork { from, device, cursors: Some(cursors) };
        let outcome = self.relay.store.administer(order).await.map_err(|_| refused(503))?;
        let AccountOutcome::Device(grant) = outcome else { return Err(refused(403)) };
        if self.rng.chance(self.weather.cut_down) {
            return Err(cut().into());
        }
        token.clone_into(&mut self.token.lock().expect("nobody panics with it"));
        Ok(NewDevice { account: grant.account, device: grant.device, cursors: grant.cursors })
    }
}
