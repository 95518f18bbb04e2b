//! The tickets by which sessions of one relay are resumed. They live as long as the process; each is used once.
//!
//! A session's secrets come of those of the session that it resumes as well as of its own key exchange. So what was agreed on
//! by a post-quantum one once stays with the sessions that go on from it, and the tickets say whether theirs does.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use rustls::{
    CommonState, HandshakeKind, NamedGroup,
    client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue},
};
use rustls_pki_types::ServerName;

/// Tickets that are kept; a relay gives out four at most.
const TICKETS_MAX: usize = 8;

/// See the module. One relay has one name, so none is looked at.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    tickets: VecDeque<Ticket>,
    tls12: Option<Tls12ClientSessionValue>,
}

#[derive(Debug)]
struct Ticket {
    value: Tls13ClientSessionValue,
    /// It goes back to a post-quantum key exchange.
    is_post_quantum: bool,
}

impl Tickets {
    /// How many there are that would let a request go with the first packet; where `post_quantum`, of those that go back to
    /// such a key exchange.
    pub(crate) fn early(&self, post_quantum: bool) -> usize {
        let kept = self.kept();
        let would = |ticket: &&Ticket| {
            0 < ticket.value.max_early_data_size() && (ticket.is_post_quantum || !post_quantum)
        };
        kept.tickets.iter().filter(would).count()
    }

    /// The relay does not know them any more: it was started anew.
    pub(crate) fn forget(&self) {
        self.kept().tickets.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tickets as one connection takes and brings them.
#[derive(Debug)]
pub(crate) struct Session {
    tickets: Arc<Tickets>,
    /// It takes none but those that go back to a post-quantum key exchange.
    is_choosy: bool,
    /// What it says goes back to such a key exchange: by the ticket that it took, and once it is settled by all that it is.
    is_post_quantum: AtomicBool,
}

impl Session {
    /// For a connection; with `is_choosy` one whose first words rest on the ticket alone, and have to be safe by it.
    pub(crate) fn new(tickets: Arc<Tickets>, is_choosy: bool) -> Arc<Self> {
        Arc::new(Self { tickets, is_choosy, is_post_quantum: AtomicBool::new(false) })
    }

    /// The handshake is over.
    pub(crate) fn settle(&self, conn: &CommonState) {
        let group = conn.negotiated_key_exchange_group().map(|group| group.name());
        let is_resumed = conn.handshake_kind() == Some(HandshakeKind::Resumed);
        let is_post_quantum = group == Some(NamedGroup::X25519MLKEM768)
            || (is_resumed && self.is_post_quantum.load(Relaxed));
        self.is_post_quantum.store(is_post_quantum, Relaxed);
    }

    /// Whether what is said goes back to a post-quantum key exchange, of this session or of one before it.
    pub(crate) fn is_post_quantum(&self) -> bool {
        self.is_post_quantum.load(Relaxed)
    }

    /// As [`Tickets::forget`].
    pub(crate) fn forget(&self) {
        self.tickets.forget();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.tickets.kept()
    }
}

impl ClientSessionStore for Session {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    /// Always the first that is offered: a share for X25519 alone, because the relay took that once, would cost a round trip
    /// where it has learned the other since.
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.kept().tls12 = Some(value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.kept().tls12.clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.kept().tls12 = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut kept = self.kept();
        if self.is_post_quantum() {
            // Others would only break the chain.
            kept.tickets.retain(|ticket| ticket.is_post_quantum);
        }
        if kept.tickets.len() == TICKETS_MAX {
            kept.tickets.pop_front();
        }
        kept.tickets.push_back(Ticket { value, is_post_quantum: self.is_post_quantum() });
    }

    /// The newest: the older ones may be over.
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut kept = self.kept();
        let fits = |ticket: &Ticket| ticket.is_post_quantum || !self.is_choosy;
        let at = kept.tickets.iter().rposition(fits)?;
        let Ticket { value, is_post_quantum } = kept.tickets.remove(at)?;
        self.is_post_quantum.store(is_post_quantum, Relaxed);
        Some(value)
    }
}
