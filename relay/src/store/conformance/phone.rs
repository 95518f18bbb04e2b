//! People with devices, as far as a store can tell: they bring turns and read pages.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use wire::{
    AccountId, ConversationId, ConversationRef, Cursors, Delivery, Entry, Item, Lane, LaneMask,
    Mark, Name, Run, Submit,
};

use super::super::{
    AccountOrder, AccountOutcome, Keep, LaneAsk, LanePage, Login, NewDevice, SecretHash, Store,
    Taken, Turn,
};

/// The relay's clock at the start of every test: 2026-11-22.
pub(in crate::store) const START_S: u64 = 1_795_305_600;

/// First place of a conversation in a store opened then: seconds since 2026-01-01.
pub(in crate::store) const FIRST_C: u64 = START_S - 1_767_225_600;

/// The token of one test device, as a hash. Unique in this process.
pub(in crate::store) fn token() -> SecretHash {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    SecretHash::of(&format!("token {}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

pub(in crate::store) fn new_device() -> NewDevice {
    NewDevice { token: token(), label: "test".to_owned(), now_s: START_S }
}

/// One device of one person.
pub(in crate::store) struct Phone {
    pub(in crate::store) store: Arc<dyn Store>,
    pub(in crate::store) login: Login,
    pub(in crate::store) now_s: u64,
    pub(in crate::store) x: u64,
    pub(in crate::store) k: u64,
    pub(in crate::store) told: u64,
    pub(in crate::store) cursors: Cursors,
}

impl Phone {
    /// A new account with its first device.
    pub(in crate::store) async fn join(store: &Arc<dyn Store>, name: &str) -> Self {
        let order = AccountOrder::Join {
            invite: None,
            name: name.to_owned(),
            password: "hash".to_owned(),
            device: new_device(),
        };
        Self::granted(store, order).await
    }

    /// Another device of an account.
    pub(in crate::store) async fn login(store: &Arc<dyn Store>, account: AccountId) -> Self {
        let device = new_device();
        let order = AccountOrder::Login { account, device, since_s: 0, cursors: None };
        Self::granted(store, order).await
    }

    pub(in crate::store) async fn granted(store: &Arc<dyn Store>, order: AccountOrder) -> Self {
        let outcome = store.administer(order).await.unwrap();
        let AccountOutcome::Device(grant) = outcome else { panic!("{outcome:?}") };
        Self {
            store: Arc::clone(store),
            login: Login { account: grant.account, device: grant.device },
            now_s: START_S,
            x: 0,
            k: 0,
            told: 0,
            cursors: grant.cursors,
        }
    }

    pub(in crate::store) fn account(&self) -> AccountId {
        self.login.account
    }

    pub(in crate::store) fn name(&self, n: u64) -> Name {
        Name { device: self.login.device, n }
    }

    /// A turn with the next exchange number and nothing else new.
    pub(in crate::store) fn turn(&mut self) -> Turn {
        self.x += 1;
        Turn {
            only_tests: false,
            account: self.login.account,
            device: self.login.device,
            x: self.x,
            told: self.told,
            cursors: self.cursors,
            marks: Vec::new(),
            first: self.k + 1,
            submits: Vec::new(),
            now_s: self.now_s,
            keep: Keep::NOTHING,
        }
    }

    pub(in crate::store) async fn take(&self, turn: Turn) -> Taken {
        self.store.take(vec![turn]).await.pop().unwrap().unwrap()
    }

    /// Sends items in one turn and remembers the answers as told.
    pub(in crate::store) async fn send(&mut self, submits: Vec<Submit>) -> Vec<Run> {
        let turn = Turn { submits, ..self.turn() };
        let taken = self.take(turn).await;
        let Taken::Done { state, runs, gap: false, .. } = taken else { panic!("{taken:?}") };
        (self.k, self.told) = (state.k, state.k);
        runs
    }

    pub(in crate::store) async fn send_one(&mut self, submit: Submit) -> Run {
        self.send(vec![submit]).await.pop().unwrap()
    }

    /// Asks one account to chat and returns the conversation.
    pub(in crate::store) async fn request(&mut self, to: &[&str], title: &str) -> ConversationId {
        let run = self.send_one(request(to, title)).await;
        let Run::Founded { conversation } = run else { panic!("{run:?}") };
        conversation
    }

    /// Writes a text at a membership version that includes everyone.
    pub(in crate::store) async fn text(&mut self, conversation: ConversationId, text: &str) -> u64 {
        let run = self.send_one(text_at(conversation, text, u32::MAX)).await;
        let Run::Placed { c, .. } = run else { panic!("{run:?}") };
        c
    }

    /// What lies behind the cursors, without moving them.
    pub(in crate::store) async fn peek(&self) -> LanePage {
        let ask = LaneAsk {
            account: self.login.account,
            device: self.login.device,
            after: self.cursors,
            up_to: None,
            lanes: LaneMask::ALL,
            bytes_max: usize::MAX,
            now_s: self.now_s,
        };
        self.store.read(vec![ask]).await.pop().unwrap().unwrap()
    }

    /// Reads everything, makes it durable here, and says so at once.
    pub(in crate::store) async fn visit(&mut self) -> LanePage {
        let page = self.peek().await;
        self.hold(&page);
        let turn = self.turn();
        let taken = self.take(turn).await;
        assert!(matches!(taken, Taken::Done { .. }), "{taken:?}");
        page
    }

    /// Moves the cursors over a page.
    pub(in crate::store) fn hold(&mut self, page: &LanePage) {
        let last = |of: Option<u64>, lane, cursors: Cursors| of.unwrap_or(cursors.of(lane));
        let old = self.cursors;
        let at = |entry: &Delivery| entry.position;
        self.cursors = Cursors {
            latest: last(page.latest.last().map(|(at, _)| *at), Lane::Latest, old),
            urgent: last(page.urgent.last().map(at), Lane::Urgent, old),
            ordinary: last(page.ordinary.last().map(at), Lane::Ordinary, old),
        };
    }

    pub(in crate::store) async fn mark(
        &mut self,
        conversation: ConversationId,
        c: u64,
        share: bool,
    ) {
        let marks = vec![Mark { conversation, lane: Lane::Ordinary, c, share }];
        let turn = Turn { marks, ..self.turn() };
        let taken = self.take(turn).await;
        assert!(matches!(taken, Taken::Done { .. }), "{taken:?}");
    }
}

pub(in crate::store) fn item(conversation: ConversationRef, item: &Item) -> Submit {
    Submit {
        conversation,
        kind: item.kind(),
        urgent: false,
        version: u32::MAX,
        age_s: 0,
        lifetime_s: 0,
        body: item.body(),
    }
}

pub(in crate::store) fn request(to: &[&str], title: &str) -> Submit {
    let to = to.iter().map(|&name| name.to_owned()).collect();
    let request = Item::Request { to, title: title.to_owned(), greeting: "Ahoy".to_owned() };
    item(ConversationRef::None, &request)
}

pub(in crate::store) fn text_at(conversation: ConversationId, text: &str, version: u32) -> Submit {
    let submit = item(ConversationRef::Number(conversation), &Item::Text(text.to_owned()));
    Submit { version, ..submit }
}

/// Two people who talk, and their conversation; everything is read.
pub(in crate::store) async fn pair(store: &Arc<dyn Store>) -> (Phone, Phone, ConversationId) {
    let (mut ann, mut bob) = (Phone::join(store, "ann").await, Phone::join(store, "bob").await);
    let conversation = befriend(&mut ann, &mut bob, "bob").await;
    (ann, bob, conversation)
}

/// Makes two people contacts; everything is read.
pub(in crate::store) async fn befriend(
    one: &mut Phone,
    other: &mut Phone,
    name: &str,
) -> ConversationId {
    let conversation = one.request(&[name], "").await;
    let accept = item(ConversationRef::Number(conversation), &Item::Accept);
    assert_eq!(other.send_one(accept).await, Run::Done { count: 1 });
    one.visit().await;
    other.visit().await;
    conversation
}

/// The texts of deliveries, in order.
pub(in crate::store) fn texts(entries: &[Delivery]) -> Vec<String> {
    entries.iter().map(|entry| String::from_utf8(entry.body.clone()).unwrap()).collect()
}

/// The entries of lane latest without their positions.
pub(in crate::store) fn latest(page: &LanePage) -> Vec<&Entry> {
    page.latest.iter().map(|(_, entry)| entry).collect()
}
