//! Ten thousand holds on one group, at a clock that only the test moves.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};
use wire::{AccountId, BodyReader, ConversationRef, DeviceId, Frame, HeldRow, Item, LaneMask};

use super::{
    START_S, World,
    phone::{Phone, accept, item},
};
use crate::{
    exchange::{Exchange, Packets},
    store::{
        AccountAnswer, AccountOrder, AccountOutcome, AccountQuery, AnswerAsk, Answers, Changes,
        Chore, ChoreReport, DeviceState, HeldAsk, LaneAsk, LanePage, Login, NewDevice, Pending,
        Policy, SecretHash, Store, StoreError, Taken, Turn,
    },
};

/// A group has at most 256 members.
const MEMBERS: usize = 250;
/// Devices of each of them that hold.
const DEVICES: usize = 40;
const HOLDS: usize = MEMBERS * DEVICES;

/// The least time between two looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// A store that notes who reads a mailbox, and when.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn Store>,
    reads: Mutex<HashMap<DeviceId, Vec<Instant>>>,
    count: AtomicU64,
}

impl Counting {
    fn note(&self, asks: &[LaneAsk]) {
        let mut reads = self.reads.lock().unwrap();
        for ask in asks {
            reads.entry(ask.device).or_default().push(Instant::now());
            self.count.fetch_add(1, Relaxed);
        }
    }

    fn count(&self) -> usize {
        self.count.load(Relaxed) as usize
    }
}

impl Store for Counting {
    fn read(&self, asks: Vec<LaneAsk>) -> Pending<'_, Vec<Result<LanePage, StoreError>>> {
        self.note(&asks);
        self.inner.read(asks)
    }

    fn take(&self, turns: Vec<Turn>) -> Pending<'_, Vec<Result<Taken, StoreError>>> {
        self.inner.take(turns)
    }

    fn devices(
        &self,
        devices: Vec<DeviceId>,
    ) -> Pending<'_, Vec<Result<Option<DeviceState>, StoreError>>> {
        self.inner.devices(devices)
    }

    fn answers(&self, asks: Vec<AnswerAsk>) -> Pending<'_, Vec<Result<Answers, StoreError>>> {
        self.inner.answers(asks)
    }

    fn held(&self, asks: Vec<HeldAsk>) -> Pending<'_, Vec<Result<Vec<HeldRow>, StoreError>>> {
        self.inner.held(asks)
    }

    fn contacts(
        &self,
        accounts: Vec<AccountId>,
    ) -> Pending<'_, Vec<Result<Vec<AccountId>, StoreError>>> {
        self.inner.contacts(accounts)
    }

    fn authenticate(
        &self,
        tokens: Vec<SecretHash>,
    ) -> Pending<'_, Vec<Result<Option<Login>, StoreError>>> {
        self.inner.authenticate(tokens)
    }

    fn look_up(&self, query: AccountQuery) -> Pending<'_, Result<AccountAnswer, StoreError>> {
        self.inner.look_up(query)
    }

    fn administer(&self, order: AccountOrder) -> Pending<'_, Result<AccountOutcome, StoreError>> {
        self.inner.administer(order)
    }

    fn housekeep(&self, chore: Chore, now_s: u64) -> Pending<'_, Result<ChoreReport, StoreError>> {
        self.inner.housekeep(chore, now_s)
    }

    fn backup(&self, to: PathBuf) -> Pending<'_, Result<(), StoreError>> {
        self.inner.backup(to)
    }

    fn changes(&self) -> &Arc<Changes> {
        self.inner.changes()
    }

    fn incarnation(&self) -> u64 {
        self.inner.incarnation()
    }

    fn commits(&self) -> u64 {
        self.inner.commits()
    }

    fn reads(&self) -> u64 {
        self.inner.reads()
    }
}

fn crowded() -> (World, Arc<Counting>) {
    let settings = config::RelaySettings::default();
    let policy = Policy {
        devices_max: 2 * DEVICES as u32,
        chat_requests_per_day: u32::MAX,
        ..Policy::from(&settings)
    };
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let mut world = World::open_with(dir, "relay.db", &policy, settings, START_S);
    let (reads, count) = (Mutex::default(), AtomicU64::new(0));
    let store = Arc::new(Counting { inner: world.store.clone(), reads, count });
    world.exchange = Exchange::with_clock(
        store.clone(),
        &world.settings,
        world.metrics.clone(),
        world.clock.clone(),
    );
    (world, store)
}

/// A group of as many as there may be; the founder first.
async fn group(world: &World) -> Vec<Phone> {
    let mut members = Vec::new();
    for at in 0..MEMBERS {
        members.push(world.person(&format!("p{at}")).await);
    }
    let to = (1..MEMBERS).map(|at| format!("p{at}")).collect();
    let request = Item::Request { to, title: "All hands".into(), greeting: String::new() };
    let request = item(ConversationRef::None, &request);
    let conversation = members[0].sync(world, vec![request]).await.founded();
    for member in &mut members[1..] {
        member.sync(world, vec![]).await.done();
        member.sync(world, vec![accept(conversation)]).await.done();
    }
    for member in &mut members {
        member.sync(world, vec![]).await.done();
        member.conversation = conversation;
    }
    members
}

/// Many further devices of each member, which hold everything that there is so far.
async fn devices(world: &World, members: &[Phone]) -> Vec<Phone> {
    let mut joining = JoinSet::new();
    for (at, member) in members.iter().enumerate() {
        for device in 0..DEVICES {
            let token = SecretHash::of(&format!("{at} of {device}"));
            let device = NewDevice { token, label: String::new(), now_s: START_S };
            let (account, cursors) = (member.login.account, Some(member.hello.cursors));
            let order = AccountOrder::Login { account, device, since_s: 0, cursors };
            let store = world.store.clone();
            joining.spawn(async move { store.administer(order).await.unwrap() });
        }
    }
    let phone = |outcome| {
        let AccountOutcome::Device(grant) = outcome else { panic!("{outcome:?}") };
        Phone::new(Login { account: grant.account, device: grant.device }, grant.cursors)
    };
    joining.join_all().await.into_iter().map(phone).collect()
}

/// Counts the messages of a hold, which has greeted already.
async fn listen(mut hold: Packets, mut reader: BodyReader, received: Arc<AtomicU64>) {
    while let Some(packet) = hold.next().await {
        reader.push(&packet);
        while let Some(packet) = reader.next().unwrap() {
            for frame in packet.frames {
                if let Frame::Deliveries(mail) = frame {
                    received.fetch_add(mail.entries.len() as u64, Relaxed);
                }
            }
        }
    }
}

/// Lets everything go on, at the same moment, until it is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn invariant_25_ten_thousand_holds_on_one_group_look_once_in_a_tenth_of_a_second() {
    // While a blocking task runs time stands still, unless the test moves it.
    let (_over, waits) = std::sync::mpsc::channel::<()>();
    let _still = tokio::task::spawn_blocking(move || waits.recv());
    let (world, store) = crowded();
    let mut members = group(&world).await;
    let mut phones = devices(&world, &members).await;
    let received = Arc::new(AtomicU64::new(0));
    let mut holds = JoinSet::new();
    for phone in &mut phones {
        let mut hold = phone.hold(&world, 300).await;
        let mut reader = BodyReader::new();
        reader.push(&hold.next().await.unwrap());
        assert!(matches!(reader.next().unwrap().unwrap().frames[..], [Frame::Welcome(_)]));
        holds.spawn(listen(hold, reader, received.clone()));
    }
    // All of them have looked and sleep.
    tokio::time::advance(INTERVAL).await;
    assert_eq!(world.metrics.holds.get(), HOLDS as i64);
    let (looked, author) = (store.count(), &mut members[0]);
    author.hello.lanes = LaneMask::NONE;

    let mut expected = 0;
    for (round, count) in [(1, 1), (2, 5), (3, 2)] {
        let before = expected;
        for at in 0..count {
            author.sync(&world, vec![author.text(&format!("{round} {at}"))]).await.done();
        }
        expected += count * HOLDS;
        until(|| world.metrics.wakeups.get() == (round * HOLDS) as u64).await;
        if round > 1 {
            // They have looked just now: whatever comes, it is too early.
            tokio::time::advance(INTERVAL - Duration::from_millis(2)).await;
            assert_eq!(received.load(Relaxed) as usize, before);
            assert_eq!(store.count(), looked + (round - 1) * HOLDS);
            tokio::time::advance(Duration::from_millis(3)).await;
        }
        until(|| received.load(Relaxed) as usize == expected).await;
        assert_eq!(store.count(), looked + round * HOLDS, "one look brings all that came");
    }
    let reads = store.reads.lock().unwrap();
    for phone in &phones {
        let times = &reads[&phone.login.device];
        let too_early = |two: &[Instant]| two[1] - two[0] < INTERVAL;
        assert!(!times.windows(2).any(too_early), "{times:?}");
    }
}
