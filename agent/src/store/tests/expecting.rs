//! When what is under way should arrive, who was expected, and what lapses.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

use jiff::tz::TimeZone;
use wire::{Presence, PresenceRow, PresenceState};

use super::*;
use crate::store::{Kind, MessageState, Notice, OutboxRow, PresenceNow, Reason};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A bench whose clock can be set.
struct Expecting {
    bench: Bench,
    hand: Arc<AtomicI64>,
    bob: ConversationId,
}

impl Expecting {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (clock, hand) = Clock::by_hand(NOW);
        let options = Options { clock, zone: TimeZone::UTC, free_min: 0, ..Options::default() };
        let store = Store::open(&dir.path().join("store.db"), options).unwrap();
        store.log_in(&identity(MY_DEVICE), Some(Cursors::default())).unwrap();
        let mut bench = Bench { dir, store, position: 16 };
        bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
        let bob = bench.store.reader().find("bob").unwrap();
        Self { bench, hand, bob }
    }

    fn at(&self, at: i64) {
        self.hand.store(at, SeqCst);
    }

    fn now(&self) -> i64 {
        self.hand.load(SeqCst)
    }

    /// A complete answer, with what it tells of bob.
    fn look(&self, bob: Option<PresenceRow>) {
        let presence = bob.map(|row| Frame::Presence(Presence { version: 4, rows: vec![row] }));
        let frames: Vec<Frame> = presence.into_iter().chain([Frame::Done]).collect();
        let incoming = Incoming {
            x: 0,
            frames: &frames,
            welcomed_at: self.now(),
            marks: &[],
            nothing_held: true,
        };
        self.bench.store.apply(incoming).unwrap();
    }

    /// Sends something, which the relay takes with number `n` and place `c`.
    fn relay(&self, text: &str, n: u64, c: u64) -> MessageId {
        let id = self.bench.send(self.bob, text);
        let attempt = self.bench.attempt();
        self.bench.answer(attempt.x, n, n, vec![placed(1, c)]);
        id
    }

    fn delivered(&mut self, c: u64) {
        self.bench.latest(vec![Entry::Receipt {
            conversation: 50,
            lane: Lane::Ordinary,
            account: BOB,
            delivered: c,
            read: 0,
        }]);
    }

    fn outbox(&self) -> Vec<OutboxRow> {
        self.bench.store.reader().outbox().unwrap()
    }

    fn notices(&self) -> Vec<String> {
        let rows = self.bench.store.reader().inbox(&Inbox::default()).unwrap();
        rows.into_iter().filter(|row| row.kind == Kind::Notice).map(|row| row.text).collect()
    }
}

fn called(ago: u32, next_call_s: u32) -> PresenceRow {
    PresenceRow { account: BOB, state: PresenceState::Hidden, seen_ago_s: ago + 1, next_call_s }
}

#[test]
fn of_somebody_who_tells_nothing_nothing_is_estimated() {
    let world = Expecting::new();
    world.relay("hi", 1, 5);
    world.look(None);
    let row = &world.outbox()[0];
    assert_eq!((row.arrives_from, row.arrives_to), (None, None));
}

#[test]
fn what_is_relayed_is_expected_with_the_announced_call_and_held_against_what_came() {
    let mut world = Expecting::new();
    let next = NOW + 6 * HOUR;
    world.look(Some(called(60, 6 * 3_600)));
    world.relay("hi", 1, 5);
    world.look(None);
    let row = &world.outbox()[0];
    let from = row.arrives_from.unwrap();
    assert!((next - HOUR..next).contains(&from), "{row:?}");
    assert_eq!(row.arrives_to, Some(next + 720));
    // An estimate does not move while time passes.
    world.at(NOW + HOUR);
    world.look(None);
    assert_eq!(world.outbox()[0].arrives_to, Some(next + 720));
    world.at(next + 600);
    world.delivered(5);
    world.look(Some(called(500, 0)));
    assert!(world.outbox().is_empty());
    let is = world.bench.store.reader().reliability(world.bob).unwrap();
    assert_eq!((is.inside, is.total, is.overall_inside, is.overall_total), (1, 1, 1, 1));
}

#[test]
fn a_delivery_after_its_interval_counts_against_it() {
    let mut world = Expecting::new();
    world.look(Some(called(60, 6 * 3_600)));
    world.relay("hi", 1, 5);
    world.look(None);
    world.at(NOW + 10 * HOUR);
    world.look(None);
    world.at(NOW + 12 * HOUR);
    world.delivered(5);
    world.look(Some(called(60, 0)));
    let is = world.bench.store.reader().reliability(world.bob).unwrap();
    assert_eq!((is.inside, is.total), (0, 1));
}

#[test]
fn habits_are_learnt_from_receipts_alone_and_outlive_a_restart() {
    let mut world = Expecting::new();
    for day in 0..28 {
        // At noon it goes; the visit at six finds nothing, the one at half past six that it is there.
        let (noon, n) = (NOW - NOW % DAY + (day + 1) * DAY + 12 * HOUR, day.unsigned_abs() + 1);
        for (at, delivered) in [(0, false), (6 * HOUR, false), (6 * HOUR + 1_800, true)] {
            world.at(noon + at);
            if at == 0 {
                world.relay("hi", n, 10 + n);
            }
            if delivered {
                world.delivered(10 + n);
            }
            world.look(None);
        }
    }
    let noon = NOW - NOW % DAY + 31 * DAY + 12 * HOUR;
    let expected = |store: &Store| store.reader().arrival(world.bob, noon, noon).unwrap().unwrap();
    let arrival = expected(&world.bench.store);
    assert!(noon + 5 * HOUR <= arrival.from && arrival.to <= noon + 7 * HOUR, "{arrival:?}");
    let rows = |sql: &str| {
        let db = rusqlite::Connection::open(world.bench.dir.path().join("store.db")).unwrap();
        db.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap()
    };
    assert_eq!(rows("SELECT count(*) FROM habit"), 1, "one row a person");
    assert_eq!(rows("SELECT count(*) FROM estimate"), 0, "none for what has arrived");
}

#[test]
fn an_announced_call_that_did_not_come_is_shown_as_overdue_and_not_forgotten() {
    let world = Expecting::new();
    world.look(Some(called(60, 600)));
    let member = || world.bench.store.reader().members().unwrap().remove(0);
    assert_eq!((member().next_call, member().overdue), (Some(NOW + 600), false));
    world.at(NOW + HOUR);
    assert_eq!((member().next_call, member().overdue), (Some(NOW + 600), true));
    // The relay has nothing newer to tell, but that the time is over.
    world.look(Some(called(3_660, 0)));
    assert_eq!((member().next_call, member().overdue), (Some(NOW + 600), true));
    world.look(Some(called(30, 0)));
    assert_eq!((member().next_call, member().overdue), (None, false));
}

#[test]
fn who_is_there_stays_there_while_answers_come_and_no_longer() {
    let world = Expecting::new();
    let row = PresenceRow { state: PresenceState::Reachable, ..called(0, 0) };
    world.look(Some(row));
    let presence = || world.bench.store.reader().members().unwrap()[0].presence;
    world.at(NOW + 290);
    world.look(None);
    world.at(NOW + 580);
    assert_eq!(presence(), PresenceNow::Reachable);
    world.at(NOW + 591);
    assert_eq!(presence(), PresenceNow::Offline, "never staler than 300 s");
}

#[test]
fn what_lies_here_past_its_time_lapses_with_a_notice_and_never_goes() {
    let world = Expecting::new();
    let how = Compose { lifetime_s: 3_600, ..Compose::default() };
    let id = super::id(&world.bench.store.send(world.bob, "in time?", how).unwrap());
    let stays = world.bench.send(world.bob, "whenever");
    assert_eq!(world.outbox()[0].deliver_before, Some(NOW + HOUR));
    assert_eq!(world.bench.store.reader().next_lapse().unwrap(), Some(NOW + HOUR));
    world.at(NOW + HOUR - 1);
    assert_eq!(world.bench.store.lapse().unwrap(), 0);
    world.at(NOW + HOUR);
    world.bench.attempt();
    let goes: Vec<OutboxId> =
        world.outbox().iter().filter(|row| row.on_its_way).map(|row| row.id).collect();
    assert_eq!(goes, [OutboxId::Message(stays)]);
    assert_eq!(world.bench.row(id).state, Some(MessageState::Expired));
    assert_eq!(world.notices().len(), 1);
    assert!(world.notices()[0].contains("\u{201c}in time?\u{201d}"), "{:?}", world.notices());
    let rows = world.bench.store.reader().inbox(&Inbox::default()).unwrap();
    let said = rows.iter().find_map(|row| row.notice.clone());
    let (message, text) = (id.to_string(), "in time?".to_owned());
    let why = Reason::TimeOver.to_string();
    assert_eq!(said, Some(Notice::NotDelivered { message, text, why }));
    assert_eq!(world.bench.store.lapse().unwrap(), 0, "once");
    assert_eq!(world.bench.store.reader().next_lapse().unwrap(), None);
    let outbox_id = OutboxId::Message(id);
    assert!(matches!(world.bench.store.outbox_release(outbox_id), Err(StoreError::Unfit(_))));
    world.bench.store.outbox_cancel(outbox_id).unwrap();
    assert_eq!(world.bench.row(stays).state, Some(MessageState::Queued));
}

#[test]
fn a_held_message_lapses_too_and_a_clock_that_was_set_lets_nothing_lapse() {
    let world = Expecting::new();
    let how = Compose { lifetime_s: 3_600, ..Compose::default() };
    let id = super::id(&world.bench.store.send(world.bob, "held", how).unwrap());
    world.bench.store.outbox_hold(OutboxId::Message(id)).unwrap();
    world.at(100);
    assert_eq!(world.bench.store.lapse().unwrap(), 0);
    world.at(NOW + 2 * HOUR);
    assert_eq!(world.bench.store.lapse().unwrap(), 1);
    assert_eq!(world.bench.row(id).state, Some(MessageState::Expired));
}

#[test]
fn what_expires_at_the_relay_is_told_where_it_had_a_lifetime_of_its_own() {
    let mut world = Expecting::new();
    let how = Compose { lifetime_s: 3_600, ..Compose::default() };
    world.bench.store.send(world.bob, "in time?", how).unwrap();
    world.bench.send(world.bob, "whenever");
    let attempt = world.bench.attempt();
    world.bench.answer(attempt.x, 2, 1, vec![placed(2, 5)]);
    world.at(NOW + 2 * HOUR);
    let expired = |n| Entry::Expired { name: Name { device: MY_DEVICE, n }, missing: 1, of: 1 };
    world.bench.latest(vec![expired(1), expired(2)]);
    world.bench.latest(vec![expired(1)]);
    assert_eq!(world.notices().len(), 1, "{:?}", world.notices());
    world.look(None);
    assert_eq!(world.bench.store.reader().reliability(world.bob).unwrap().total, 0);
}
