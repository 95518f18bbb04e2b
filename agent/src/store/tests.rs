//! The store by itself: what is composed, what a packet does to it, and what is left after every crash.

mod again;
mod amending;
mod answering;
mod conversing;
mod durable;
mod expecting;
mod outgoing;
mod quotas;
mod reading;
mod rolling;
mod telling;
mod windowed;

use bytes::Bytes;
use tempfile::TempDir;
use wire::{
    Cursors, Deliveries, Delivery, Entry, Frame, Item, Lane, Latest, MemberState, Name, Run,
    Welcome,
};

use super::{
    Applied, Ask, Attempt, Clock, Compose, ConversationId, Identity, Inbox, InboxRow, Incoming,
    MessageId, Options, OutboxId, Packed, Sent, Store, StoreError, Submits,
};

pub(crate) const ME: u64 = 100;
pub(crate) const MY_DEVICE: u64 = 1000;
pub(crate) const BOB: u64 = 200;
pub(crate) const BOBS_DEVICE: u64 = 2000;
pub(crate) const NOW: i64 = 1_800_000_000;

/// A store in a directory of its own.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
    pub(crate) position: u64,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        store.log_in(&identity(MY_DEVICE), Some(Cursors::default())).unwrap();
        Self { dir, store, position: 16 }
    }

    /// With bob as a contact and a conversation with him: number 50, local id `c1`.
    pub(crate) fn with_bob() -> (Self, ConversationId) {
        let mut bench = Self::new();
        bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
        let id = bench.store.reader().find("bob").unwrap();
        (bench, id)
    }

    pub(crate) fn reopen(self) -> Self {
        let Self { dir, store, position } = self;
        drop(store);
        Self { store: open(&dir), dir, position }
    }

    pub(crate) fn send(&self, to: ConversationId, text: &str) -> MessageId {
        id(&self.store.send(to, text, Compose::default()).unwrap())
    }

    /// Seals everything that waits.
    pub(crate) fn attempt(&self) -> Attempt {
        self.attempt_of(usize::MAX)
    }

    pub(crate) fn attempt_of(&self, count: usize) -> Attempt {
        let ask = Ask { submits: Submits::All, bytes_max: 1 << 20, share_read: true };
        let pack = |draft: &super::Draft| {
            let taken = draft.submits.len().min(count);
            Ok::<_, StoreError>(Packed { body: Bytes::new(), taken, marks: draft.marks.len() })
        };
        self.store.attempt(ask, pack).unwrap()
    }

    pub(crate) fn apply(&self, x: u64, frames: &[Frame]) -> Applied {
        let incoming = Incoming { x, frames, welcomed_at: NOW, marks: &[], nothing_held: false };
        self.store.apply(incoming).unwrap()
    }

    /// An answer to attempt `x`.
    pub(crate) fn answer(&self, x: u64, k: u64, first: u64, runs: Vec<Run>) -> Applied {
        let welcome = Welcome { x, now_s: 0, k, limits: None };
        let answered = wire::Answered { first, runs };
        self.apply(x, &[Frame::Welcome(welcome), Frame::Answered(answered)])
    }

    pub(crate) fn welcome(&self, x: u64, k: u64) {
        self.apply(x, &[Frame::Welcome(Welcome { x, now_s: 0, k, limits: None })]);
    }

    pub(crate) fn latest(&mut self, entries: Vec<Entry>) {
        let entries = entries.into_iter().map(|entry| {
            self.position += 1;
            (self.position, entry)
        });
        let frame = Frame::Latest(Latest { entries: entries.collect() });
        self.apply(0, &[frame]);
    }

    pub(crate) fn deliver(&mut self, deliveries: Vec<Delivery>) -> Applied {
        let entries = deliveries.into_iter().map(|delivery| {
            self.position += 1;
            Delivery { position: self.position, ..delivery }
        });
        let entries = entries.collect();
        self.apply(0, &[Frame::Deliveries(Deliveries { lane: Lane::Ordinary, entries })])
    }

    pub(crate) fn view(&self, id: ConversationId) -> Vec<InboxRow> {
        self.store
            .reader()
            .inbox(&Inbox { conversation: Some(id), all: true, ..Inbox::default() })
            .unwrap()
    }

    pub(crate) fn texts(&self, id: ConversationId) -> Vec<String> {
        self.view(id).into_iter().map(|row| row.text).collect()
    }

    pub(crate) fn row(&self, id: MessageId) -> InboxRow {
        self.store.reader().message(id).unwrap()
    }

    pub(crate) fn told(&self) -> u64 {
        self.store.reader().position().unwrap().told
    }
}

pub(crate) fn open(dir: &TempDir) -> Store {
    let options = Options { clock: Clock::by_hand(NOW).0, free_min: 0, ..Options::default() };
    Store::open(&dir.path().join("store.db"), options).unwrap()
}

pub(crate) fn identity(device: u64) -> Identity {
    Identity { account: ME, device, name: "ann".into(), domain: "relay.example".into() }
}

pub(crate) fn id(sent: &Sent) -> MessageId {
    match sent.id {
        Some(OutboxId::Message(id)) => id,
        other => panic!("no message: {other:?}"),
    }
}

pub(crate) fn pair_with_bob(mine: MemberState, bobs: MemberState) -> Vec<Entry> {
    let (inviter, inviter_name) = match mine {
        MemberState::Invited => (BOB, "bob".to_owned()),
        _ => (ME, "ann".to_owned()),
    };
    let conversation = Entry::Conversation {
        number: 50,
        founded: Name { device: BOBS_DEVICE, n: 9 },
        pair: true,
        title: String::new(),
        version: 3,
        mine,
        inviter,
        inviter_name,
        greeting: "Ahoy".into(),
    };
    let member = |account, name: &str, state| Entry::Member {
        conversation: 50,
        account,
        name: name.into(),
        state,
        version: 1,
    };
    let contact = Entry::Contact { account: BOB, name: "bob".into(), blocked: false };
    vec![contact, conversation, member(ME, "ann", mine), member(BOB, "bob", bobs)]
}

pub(crate) fn from_bob(n: u64, c: u64, item: &Item) -> Delivery {
    Delivery {
        position: 0,
        conversation: 50,
        author: BOBS_DEVICE,
        account: BOB,
        n,
        c,
        kind: item.kind(),
        age_s: 60,
        body: item.body(),
    }
}

pub(crate) fn bob_says(n: u64, c: u64, text: &str) -> Delivery {
    from_bob(n, c, &Item::Text(text.into()))
}

pub(crate) fn bobs(n: u64) -> Name {
    Name { device: BOBS_DEVICE, n }
}

pub(crate) fn placed(count: u32, c: u64) -> Run {
    Run::Placed { count, conversation: 50, c }
}
