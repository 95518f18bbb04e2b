//! What others see of somebody, as time goes by.

use super::*;

const ANN: AccountId = 1;
const BOB: AccountId = 2;

fn presence() -> Arc<Presence> {
    Arc::new(Presence::new(EPOCH_S + 1_000, Arc::new(Changes::default())))
}

fn arrival(x: u64, state: PresenceState, holds: bool) -> Arrival {
    Arrival { account: ANN, device: 7, x, state, next_call_s: 0, holds }
}

fn state(presence: &Presence) -> PresenceState {
    let rows = presence.rows(&[ANN], 0, usize::MAX);
    rows.first().map_or(PresenceState::Hidden, |(_, row)| row.state)
}

#[tokio::test(start_paused = true)]
async fn invariant_26_nobody_is_reachable_300_s_after_his_last_byte() {
    let presence = presence();
    let _lease = presence.lease(ANN, 7, 1);
    assert!(presence.arrive(&arrival(1, PresenceState::Reachable, true)));
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(state(&presence), PresenceState::Reachable);
    let seen = presence.rows(&[ANN], 0, usize::MAX)[0].0;
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(presence.is_newer(seen));
    let [(version, row)] = presence.rows(&[ANN], seen, usize::MAX)[..] else { panic!("one row") };
    assert!(seen < version);
    assert_eq!((row.state, row.seen_ago_s), (PresenceState::Hidden, 301));
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_ends_lingers_and_a_new_one_takes_over() {
    let presence = presence();
    let first = presence.lease(ANN, 7, 1);
    presence.arrive(&arrival(1, PresenceState::Reachable, true));
    let second = presence.lease(ANN, 7, 2);
    assert!(!presence.arrive(&arrival(2, PresenceState::Reachable, true)), "no news");
    drop(first);
    tokio::time::advance(LINGER * 2).await;
    assert_eq!(state(&presence), PresenceState::Reachable);
    drop(second);
    tokio::time::advance(LINGER - Duration::from_secs(1)).await;
    assert_eq!(state(&presence), PresenceState::Reachable);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(state(&presence), PresenceState::Hidden);
}

#[tokio::test(start_paused = true)]
async fn who_hides_is_told_nothing_of() {
    let presence = presence();
    presence.arrive(&Arrival { next_call_s: 900, ..arrival(1, PresenceState::Hidden, true) });
    assert!(presence.rows(&[ANN], 0, usize::MAX).is_empty());
    presence.arrive(&Arrival { next_call_s: 900, ..arrival(2, PresenceState::Away, true) });
    let (version, row) = presence.rows(&[ANN], 0, usize::MAX)[0];
    assert_eq!((row.state, row.next_call_s), (PresenceState::Away, 900));
    presence.arrive(&arrival(3, PresenceState::Hidden, false));
    let rows = presence.rows(&[ANN], version, usize::MAX);
    let expected =
        PresenceRow { account: ANN, state: PresenceState::Hidden, seen_ago_s: 0, next_call_s: 0 };
    assert_eq!(rows.iter().map(|(_, row)| *row).collect::<Vec<_>>(), [expected]);
}

#[tokio::test(start_paused = true)]
async fn a_visit_is_seen_and_not_reachable() {
    let presence = presence();
    presence.arrive(&Arrival { next_call_s: 900, ..arrival(1, PresenceState::Reachable, false) });
    tokio::time::advance(Duration::from_secs(10)).await;
    let (version, row) = presence.rows(&[ANN], 0, usize::MAX)[0];
    let told = (row.state, row.seen_ago_s, row.next_call_s);
    assert_eq!(told, (PresenceState::Hidden, 11, 890));
    // Again after a minute, with the same call ahead: no news.
    tokio::time::advance(Duration::from_secs(50)).await;
    presence.arrive(&Arrival { next_call_s: 840, ..arrival(2, PresenceState::Reachable, false) });
    assert!(!presence.is_newer(version));
}

#[tokio::test(start_paused = true)]
async fn rows_come_in_the_order_of_their_versions_as_far_as_they_fit() {
    let presence = presence();
    for account in 1..=40 {
        presence.arrive(&Arrival { account, ..arrival(1, PresenceState::Reachable, true) });
    }
    let contacts: Vec<_> = (1..=40).collect();
    let (mut version, mut seen) = (0, Vec::new());
    loop {
        let rows = presence.rows(&contacts, version, 64);
        let Some((last, _)) = rows.last() else { break };
        let writer = wire::BodyWriter::new(wire::Codec::None);
        let frame = wire::Frame::Presence(wire::Presence {
            version: *last,
            rows: rows.iter().map(|(_, row)| *row).collect(),
        });
        // The packet's own header is no part of it.
        assert!(writer.draft(&[frame]).unwrap().len() <= 64 + 6);
        assert!(version < *last);
        version = *last;
        seen.extend(rows.iter().map(|(_, row)| row.account));
    }
    assert_eq!(seen, contacts);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_a_dot_that_was_shown_goes_out() {
    let before = Presence::new(EPOCH_S + 1_000, Arc::new(Changes::default()));
    before.arrive(&arrival(1, PresenceState::Reachable, true));
    let held = before.rows(&[ANN], 0, usize::MAX)[0].0;
    let after = Presence::new(EPOCH_S + 1_060, Arc::new(Changes::default()));
    assert!(after.is_newer(held));
    let rows = after.rows(&[ANN, BOB], held, usize::MAX);
    assert_eq!(rows.iter().map(|(_, row)| row.account).collect::<Vec<_>>(), [ANN, BOB]);
    assert!(rows.iter().all(|(_, row)| row.state == PresenceState::Hidden));
    let last = rows[1].0;
    assert!(after.rows(&[ANN, BOB], last, usize::MAX).is_empty());
    // A device that holds nothing is told nothing of those who are not there.
    assert!(after.rows(&[ANN, BOB], 0, usize::MAX).is_empty());
}

#[tokio::test(start_paused = true)]
async fn viewers_are_woken_when_somebody_ceases_to_be_there() {
    let changes = Arc::new(Changes::default());
    let presence = Arc::new(Presence::new(EPOCH_S, changes.clone()));
    let lease = presence.lease(ANN, 7, 1);
    presence.arrive(&arrival(1, PresenceState::Reachable, true));
    let mut watch = changes.watch(BOB);
    presence.show(ANN, &[BOB]);
    assert!(watch.has_changed().unwrap());
    watch.mark_unchanged();
    let ends = presence.next_change(&[ANN]).unwrap();
    assert_eq!(ends, Instant::now() + REACHABLE_MAX);
    drop(lease);
    assert!(watch.has_changed().unwrap());
    assert_eq!(presence.next_change(&[ANN]), Some(Instant::now() + LINGER));
}
