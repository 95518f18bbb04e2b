//! A disk that takes seconds for a commit: what waits for it is bounded, and nobody loses anything.

use std::sync::Arc;

use rusqlite::Connection;
use wire::{Frame, StopReason};

use super::{START_S, World, phone::Phone};
use crate::{
    exchange::ExchangeError,
    store::{Policy, StoreError},
};

/// Bytes that may wait: two long texts.
const WAITING: u32 = 20_000;

/// A relay on such a disk, once somebody else's transaction keeps its writer waiting.
fn world() -> World {
    let settings = config::RelaySettings::default();
    let policy = Policy { waiting_bytes_max: WAITING, ..Policy::from(&settings) };
    let dir = Arc::new(tempfile::tempdir().unwrap());
    World::open_with(dir, "relay.db", &policy, settings, START_S)
}

fn later(ann: &Phone, attempts: u64) -> Phone {
    let mut ann = ann.clone();
    ann.hello.x += attempts;
    ann
}

// One thread: whoever is looked at from outside waits, and is not on its way to wait.
#[tokio::test(start_paused = true)]
async fn while_the_disk_is_slow_answers_are_late_or_say_when_to_come_back_and_nothing_is_lost() {
    let world = world();
    let (mut ann, mut bob) = world.pair().await;
    let words = "w".repeat(8_000);
    let slow = Connection::open(world.dir.path().join("relay.db")).unwrap();
    slow.execute_batch("BEGIN IMMEDIATE").unwrap();
    let submitted = || world.metrics.messages_submitted.get();
    let before = submitted();
    ann.sealed = vec![ann.text(&words), ann.text(&words)];
    let first = ann.next_request();
    let (older, old, newest) = (later(&ann, 1), later(&ann, 2), later(&ann, 3));
    let script = async {
        while submitted() != before + 2 {
            tokio::task::yield_now().await;
        }
        let refused = bob.ask(&world, vec![bob.text(&words)]).await.unwrap();
        let stop = refused.frames().find_map(|frame| match frame {
            Frame::Stop(stop) => Some((stop.reason, stop.retry_after_s)),
            _ => None,
        });
        assert_eq!(stop, Some((StopReason::Disk, 15)), "{refused:?}");
        // Whoever comes again and again has one request waiting behind the one that the disk has.
        let requests = [&newest, &older, &old].map(|phone| phone.request(usize::MAX));
        let stays = newest.send(&world, &requests[0]);
        let goes = async {
            let (one, two) =
                tokio::join!(older.send(&world, &requests[1]), old.send(&world, &requests[2]));
            for refused in [one, two] {
                let busy = matches!(refused, Err(ExchangeError::Store(StoreError::Busy)));
                assert!(busy, "{refused:?}");
            }
            slow.execute_batch("COMMIT").unwrap();
        };
        tokio::join!(stays, goes).0.unwrap()
    };
    let (late, answered) = tokio::join!(ann.send(&world, &first), script);
    late.unwrap();
    ann = newest;
    ann.store(&answered);
    ann.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await.done();
    ann.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), [&words[..], &words]);
    assert_eq!(ann.texts(), [&words[..]]);
}
