//! One visit's exchanges with the relay: what is asked, what comes, what is kept of it. When to call, over which link and
//! how often to try again is decided elsewhere.
//!
//! Cancel safe at every `.await`: an attempt's number and bytes are durable before it leaves, each packet of an answer is
//! committed by itself with the cursors that pass it, and no transaction is open across a read. Whatever is cut, dropped
//! or killed is asked for again from where it stands.

mod bound;
mod cause;
mod error;
mod exchange;
mod fork;
mod live;
mod outcome;
mod plan;
mod transport;

#[cfg(test)]
mod tests;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use wire::{Codec, LaneMask, LinkKind, PresenceState, Stop, StopReason};

use crate::store::{OutboxId, Store, Submits};

use self::exchange::{Exchange, Exchanged, Next};
pub use self::{
    bound::Bound,
    error::SyncError,
    live::live,
    outcome::{Outcome, OutcomeKind, Progress, by_kind},
    plan::{Bodies, bodies},
    transport::{Answer, Transport},
};

/// What an exchange tells the relay beside what the store holds, and its bounds.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Lanes wanted.
    pub lanes: LaneMask,
    /// The link that it runs over; its rate bounds requests and packets.
    pub link: LinkKind,
    /// What others may see of the user.
    pub state: PresenceState,
    /// Seconds to the next call, as others may know it; 0 is not announced.
    pub next_call_s: u32,
    /// Whether authors may learn what was read.
    pub share_read: bool,
    /// How packets are compressed on their way up.
    pub codec: Codec,
    /// Size to keep a packet within, on the wire, in bytes.
    pub packet_max: usize,
    /// Requests in one run.
    pub requests_max: u32,
    /// No further request begins after this, none takes longer by the link's rate, and an answer ends at the edge of its
    /// packet.
    pub until: Option<Instant>,
    /// The same from the moment on that this is cancelled.
    pub stop: CancellationToken,
    /// Bytes of one answer after which it is given up as endless; what came is kept.
    pub answer_max: u64,
    /// The same, of bytes in a row that bring nothing new: neither an outcome nor an entry behind the cursors.
    pub idle_max: u64,
    /// What of the outbox may go.
    pub items: Items,
    /// With [`Items::Picked`], what does.
    pub picked: Vec<OutboxId>,
    /// Nothing is fetched: the relay is only asked what it keeps. Without lanes, and without a hold beside it, an answer
    /// that tells of nothing says that nothing waits.
    pub manifest: bool,
    /// The first exchange only asks: what goes up costs nothing before the relay has answered.
    pub asks_first: bool,
}

/// More than a mailbox of the usual size takes, compressed as it travels. A larger one comes in several visits.
const ANSWER_MAX: u64 = 128 << 20;
/// Presence of tens of thousands of contacts, frames of a later version, overlap with a line that is held: all of it is less.
const IDLE_MAX: u64 = 256 << 10;

impl Default for Terms {
    fn default() -> Self {
        Self {
            lanes: LaneMask::ALL,
            link: LinkKind::default(),
            state: PresenceState::Hidden,
            next_call_s: 0,
            share_read: false,
            codec: Codec::Zstd,
            packet_max: wire::limits::PACKET_TARGET,
            requests_max: 64,
            until: None,
            stop: CancellationToken::new(),
            answer_max: ANSWER_MAX,
            idle_max: IDLE_MAX,
            items: Items::All,
            picked: Vec::new(),
            manifest: false,
            asks_first: false,
        }
    }
}

impl Terms {
    /// Why no further request begins, where its time is over or somebody stopped it.
    #[must_use]
    pub fn over(&self) -> Option<Bound> {
        if self.stop.is_cancelled() {
            return Some(Bound::Stopped);
        }
        self.until.is_some_and(|until| until <= Instant::now()).then_some(Bound::Time)
    }

    /// Waits until that is so.
    async fn becomes_over(&self) {
        let time = async {
            match self.until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time => {}
            () = self.stop.cancelled() => {}
        }
    }
}

/// What of the outbox may go with a visit. What was sealed before, and may have arrived, goes in any case but the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Items {
    /// Everything.
    #[default]
    All,
    /// What changes conversations, what is urgent, and what those refer to.
    Urgent,
    /// What changes conversations, [`Terms::picked`], and what those refer to.
    Picked,
    /// Nothing.
    None,
}

impl Terms {
    fn submits(&self) -> Submits<'_> {
        match self.items {
            Items::None => Submits::None,
            Items::Urgent => Submits::Urgent,
            Items::Picked => Submits::Picked(&self.picked),
            Items::All => Submits::All,
        }
    }
}

/// How a run ended that was not cut.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// Everything went, and nothing waits at the relay.
    Done,
    /// Something is left, on this side or the other.
    Partial(Bound),
    /// The relay takes no more for now.
    Stopped(Stop),
}

/// Exchanges with the relay until nothing is left to send and nothing waits there, or budget, time or the relay ends it.
///
/// What has happened is added to `progress` as it happens, so it is right whatever the end. After an error that is not
/// permanent a further run goes on from there.
///
/// # Errors
/// What cut or refused it; see [`SyncError::is_permanent`].
pub async fn run<T: Transport>(
    store: &Store,
    transport: &mut T,
    terms: &Terms,
    progress: &mut Progress,
) -> Result<Ended, SyncError> {
    fork::go_on(store, transport).await?;
    let mut run = Run {
        welcomed: false,
        nothing_held: false,
        wants_more: true,
        forks_left: FORKS_MAX,
        gaps_left: GAPS_MAX,
    };
    loop {
        if let Some(bound) = Run::bound(transport, terms, progress) {
            return Ok(Ended::Partial(bound));
        }
        let exchange = Exchange::new(store, terms, run.mode(store, transport, terms)?);
        let attempt = match exchange.attempt()? {
            Next::Go(attempt) => attempt,
            Next::Nothing => return Ok(Ended::Done),
            Next::TooLarge => return Ok(Ended::Partial(Bound::Outbox)),
        };
        let exchanged = exchange.carry_out(transport, &attempt, progress).await?;
        if let Some(ended) = run.after(store, transport, terms, &exchanged, &attempt).await? {
            return Ok(ended);
        }
    }
}

/// A store that forks again and again is at odds with its relay.
const FORKS_MAX: u32 = 3;
/// So does one whose numbers leave gaps, or were used before.
const GAPS_MAX: u32 = 2;

/// What one run has seen so far.
struct Run {
    /// The last exchange had its `Welcome` to the end: nothing sealed is in doubt.
    welcomed: bool,
    /// The relay said that nothing waits.
    nothing_held: bool,
    /// There is a reason for an exchange even if nothing is to be sent.
    wants_more: bool,
    forks_left: u32,
    gaps_left: u32,
}

impl Run {
    /// Why no further request begins, if so.
    fn bound<T: Transport>(transport: &T, terms: &Terms, progress: &Progress) -> Option<Bound> {
        if transport.left().is_some_and(|left| left < plan::LEFT_LEAST) {
            return Some(Bound::Budget);
        }
        if terms.requests_max <= progress.requests {
            return Some(Bound::Requests);
        }
        terms.over()
    }

    fn mode<'t, T: Transport>(
        &self,
        store: &Store,
        transport: &T,
        terms: &'t Terms,
    ) -> Result<exchange::Mode<'t>, SyncError> {
        // More than a packet in doubt is not sent again before the relay was asked.
        let in_doubt = if self.welcomed { 0 } else { store.unanswered_bytes()? };
        Ok(exchange::Mode {
            submits: match () {
                () if plan::packet_max(terms) < in_doubt => Submits::None,
                () if terms.asks_first && !self.welcomed => Submits::None,
                () => terms.submits(),
            },
            must: self.wants_more,
            left: transport.left(),
            nothing_held: self.nothing_held,
            hold_s: 0,
        })
    }

    async fn after<T: Transport>(
        &mut self,
        store: &Store,
        transport: &mut T,
        terms: &Terms,
        exchanged: &Exchanged,
        attempt: &crate::store::Attempt,
    ) -> Result<Option<Ended>, SyncError> {
        if exchanged.forked {
            if self.forks_left == 0 {
                return Err(SyncError::ForkedAgain);
            }
            self.forks_left -= 1;
            fork::begin(store, transport).await?;
            (self.welcomed, self.wants_more) = (false, true);
            return Ok(None);
        }
        match &exchanged.stop {
            // A relay that was put back: its `Welcome` has said from where it wants them.
            Some(stop) if stop.reason == StopReason::BadSequence && 0 < self.gaps_left => {
                self.gaps_left -= 1;
                (self.welcomed, self.wants_more) = (true, true);
                return Ok(None);
            }
            // Nobody here has made a newer attempt: this one came twice, or a twin has used its number. The next will not.
            Some(stop)
                if stop.reason == StopReason::Superseded
                    && 0 < self.gaps_left
                    && store.reader().position()?.x == attempt.x =>
            {
                self.gaps_left -= 1;
                (self.welcomed, self.wants_more) = (false, true);
                return Ok(None);
            }
            Some(stop) => return Ok(Some(Ended::Stopped(stop.clone()))),
            None => {}
        }
        if exchanged.is_late {
            return Ok(Some(Ended::Partial(terms.over().unwrap_or(Bound::Time))));
        }
        if !attempt.has_room {
            return Ok(Some(Ended::Partial(Bound::Disk)));
        }
        self.welcomed = true;
        self.nothing_held = !exchanged.held;
        if exchanged.held && !exchanged.brought_something() {
            return Ok(Some(Ended::Partial(Bound::Mailbox)));
        }
        self.wants_more = exchanged.held;
        Ok(None)
    }
}
