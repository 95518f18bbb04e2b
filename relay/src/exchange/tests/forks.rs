//! Device stores that went back in time or have a twin.

use wire::{ConversationRef, ForkWhy, Frame, Lane, Name, Submit, check_of};

use super::{
    World,
    phone::{Phone, text},
};
use crate::store::{AccountOrder, AccountOutcome, Login, NewDevice, SecretHash};

async fn forked(world: &World, phone: &mut Phone) -> Option<ForkWhy> {
    let body = phone.next_request();
    let reply = world.quietly(phone.send(world, &body)).await.unwrap();
    assert_eq!((reply.welcome(), reply.is_done()), (None, true), "{reply:?}");
    reply.forked()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_02_other_bytes_under_a_known_number_are_a_fork() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.ask(&world, vec![ann.text("sealed")]).await.unwrap();
    // Its age, lifetime and version may differ, the rest may not.
    ann.sealed[0].age_s = 500;
    ann.sealed[0].version += 1;
    ann.ask(&world, vec![]).await.unwrap().done();
    let mut twin = ann.clone();
    twin.sealed = vec![twin.text("changed")];
    assert_eq!(forked(&world, &mut twin).await, Some(ForkWhy::OtherBytes));
    ann.hello.x = twin.hello.x;
    ann.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await;
    assert_eq!(bob.texts(), ["sealed"]);
}

/// A device of which a copy of the relay's store had forgotten something names conversations by what founded them; a newer
/// copy, put back after that, knows the item by the conversation's number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_02_a_conversation_named_by_what_founded_it_makes_no_other_bytes() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.ask(&world, vec![ann.text("sealed")]).await.unwrap();
    let founded = Name { device: ann.login.device, n: 1 };
    ann.sealed[0].conversation = ConversationRef::Founded(founded);
    let mut twin = ann.clone();
    twin.sealed[0].body = b"changed".to_vec();
    assert_eq!(forked(&world, &mut twin).await, Some(ForkWhy::OtherBytes));
    let mut elsewhere = ann.clone();
    let nothing = Name { n: 77, ..founded };
    elsewhere.sealed[0].conversation = ConversationRef::Founded(nothing);
    elsewhere.hello.x = twin.hello.x;
    assert_eq!(forked(&world, &mut elsewhere).await, Some(ForkWhy::OtherBytes));
    ann.hello.x = elsewhere.hello.x;
    ann.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await;
    assert_eq!(bob.texts(), ["sealed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_04_told_and_cursors_that_go_back_are_forks() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    bob.sync(&world, vec![bob.text("one"), bob.text("two")]).await.done();
    ann.sync(&world, vec![]).await.done();
    ann.sync(&world, vec![]).await.done();
    let mut back = ann.clone();
    back.hello.told -= 1;
    assert_eq!(forked(&world, &mut back).await, Some(ForkWhy::ToldWentBack));
    for lane in [Lane::Latest, Lane::Ordinary] {
        let x = back.hello.x;
        back = ann.clone();
        back.hello.x = x;
        *back.hello.cursors.of_mut(lane) -= 1;
        assert_eq!(forked(&world, &mut back).await, Some(ForkWhy::CursorWentBack), "{lane:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_08_of_a_device_and_its_clone_one_is_told_to_become_another() {
    for clone_first in [true, false] {
        let world = World::new();
        let (mut ann, mut bob) = world.pair().await;
        let mut clone = ann.clone();
        if clone_first {
            std::mem::swap(&mut ann, &mut clone);
        }
        ann.sync(&world, vec![ann.text("from the first")]).await.done();
        bob.sync(&world, vec![bob.text("to both")]).await.done();
        ann.sync(&world, vec![]).await.done();
        // The twin's next attempt has a number that was used, or one below: it is told something
        // before anything of it is taken.
        clone.sealed = vec![clone.text("from the second")];
        let mut told = None;
        for _ in 0..4 {
            let body = clone.next_request();
            let reply = world.quietly(clone.send(&world, &body)).await.unwrap();
            told = told.or(reply.forked());
        }
        assert!(told.is_some(), "the twin never heard of it");
        bob.sync(&world, vec![]).await.done();
        assert_eq!(bob.texts(), ["from the first"]);
        assert_eq!(ann.texts(), ["to both"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_08_twins_in_step_are_told_apart_by_what_they_say() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let mut twin = ann.clone();
    ann.sync(&world, vec![ann.text("mine")]).await.done();
    // The same attempt, the same number, other words: it must not hear that they were placed.
    twin.sealed = vec![twin.text("the twin's"), twin.text("and more")];
    for items_per_packet in [1, 2] {
        twin.hello.x = ann.hello.x;
        let request = twin.request(items_per_packet);
        let reply = world.quietly(twin.send(&world, &request)).await.unwrap();
        assert_eq!((reply.forked(), reply.welcome()), (Some(ForkWhy::OtherBytes), None));
        assert!(reply.runs().is_empty());
    }
    // Nor may one that went back read on.
    bob.sync(&world, vec![bob.text("to ann")]).await.done();
    ann.sync(&world, vec![]).await.done();
    ann.sync(&world, vec![]).await.done();
    for (told, ordinary, why) in [(1, 0, ForkWhy::ToldWentBack), (0, 1, ForkWhy::CursorWentBack)] {
        let mut back = ann.clone();
        back.hello.told -= told;
        back.hello.cursors.ordinary -= ordinary;
        let reply = world.quietly(back.send(&world, &back.request(1))).await.unwrap();
        assert_eq!(reply.forked(), Some(why));
    }
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), ["mine"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_09_a_store_of_last_week_sends_nothing() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sealed = vec![ann.text("queued last week")];
    let mut restored = ann.clone();
    ann.sync(&world, vec![]).await.done();
    ann.sync(&world, vec![ann.text("sent since")]).await.done();
    for _ in 0..3 {
        let body = restored.next_request();
        let reply = world.quietly(restored.send(&world, &body)).await.unwrap();
        assert!(reply.forked().is_some() || restored.hello.x == ann.hello.x, "{reply:?}");
    }
    bob.sync(&world, vec![]).await;
    assert_eq!(bob.texts(), ["queued last week", "sent since"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_09_an_older_home_and_then_a_newer_one_lack_nothing() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let mut older = ann.clone();
    bob.sync(&world, vec![bob.text("one")]).await.done();
    ann.sync(&world, vec![]).await.done();
    ann.sync(&world, vec![]).await.done();
    let mut newer = ann.clone();
    bob.sync(&world, vec![bob.text("two")]).await.done();
    assert!(forked(&world, &mut older).await.is_some());
    let device = NewDevice {
        token: SecretHash::of("after the fork"),
        label: String::new(),
        now_s: super::START_S,
    };
    let cursors = Some(older.hello.cursors);
    let order = AccountOrder::Fork { from: older.login.device, device, cursors };
    let AccountOutcome::Device(grant) = world.store.administer(order).await.unwrap() else {
        panic!("no device was made");
    };
    let login = Login { account: grant.account, device: grant.device };
    let mut older = Phone::new(login, grant.cursors);
    for _ in 0..2 {
        older.sync(&world, vec![]).await.done();
    }
    assert_eq!(older.texts(), ["one", "two"]);
    // The newer home goes on where it was, whatever the older one fetched and sent meanwhile.
    older.conversation = newer.conversation;
    older.sync(&world, vec![older.text("from the older one")]).await.done();
    bob.sync(&world, vec![bob.text("three")]).await.done();
    newer.sync(&world, vec![]).await.done();
    assert_eq!(newer.texts(), ["one", "two", "from the older one", "three"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_08_a_device_that_asks_first_is_told_whose_items_were_answered() {
    let world = World::new();
    let (mut ann, _bob) = world.pair().await;
    let mut twin = ann.clone();
    let mine = vec![ann.text("mine"), text(1 << 40, "to nobody"), ann.text("and more")];
    ann.ask(&world, mine.clone()).await.unwrap().done();
    twin.sealed = vec![twin.text("the twin's")];
    let check = |items: &[Submit]| Some(check_of(items.iter().map(Submit::hash)));
    // It asks first, whoever it is; so does one that comes with a number that was used.
    for (phone, x) in [(&ann, 1), (&twin, 2), (&twin, 2)] {
        let mut asks = Phone { sealed: Vec::new(), ..phone.clone() };
        asks.hello.x = ann.hello.x + x;
        asks.hello.pending = true;
        let reply = asks.send(&world, &asks.request(1)).await.unwrap();
        assert!(matches!(reply.packets[0][..2], [Frame::Welcome(_), Frame::Check(_)]));
        assert_eq!(
            reply.check(),
            check(&mine),
            "by what it sealed it knows whether they are its own"
        );
    }
    // Over what is in doubt, and over nothing where nothing is.
    ann.hello.x += 5;
    (ann.hello.pending, ann.hello.told) = (true, ann.hello.told + 1);
    let asks = Phone { sealed: Vec::new(), ..ann.clone() };
    assert_eq!(asks.send(&world, &asks.request(1)).await.unwrap().check(), check(&mine[1..]));
    ann.hello.told += 2;
    (ann.hello.pending, ann.sealed) = (false, vec![]);
    let reply = ann.sync(&world, vec![ann.text("answered at once")]).await;
    assert_eq!(
        (reply.check(), reply.runs().len()),
        (None, 1),
        "it costs nothing where nothing was in doubt"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_08_what_the_relay_would_not_look_at_is_told_apart_too() {
    let world = World::with(|settings| settings.limits.submits_per_minute = 6);
    let (mut ann, _bob) = world.pair().await;
    let mut twin = ann.clone();
    let mine = vec![ann.text("mine")];
    ann.ask(&world, mine.clone()).await.unwrap().done();
    // Too many at once: none is taken, nor compared.
    twin.hello.x += 1;
    let reply =
        twin.ask(&world, (0..9).map(|at| twin.text(&format!("{at}"))).collect()).await.unwrap();
    assert_eq!(reply.stopped(), Some(wire::StopReason::Rate));
    assert_eq!(reply.check(), Some(check_of(mine.iter().map(Submit::hash))));
}
