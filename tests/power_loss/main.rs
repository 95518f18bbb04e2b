//! Invariant 30: the power goes, with all that was not synced, at the relay or at an agent, at any write or sync; and
//! what was acknowledged is there, and every message arrives once.
#![cfg(test)]

mod disk;
mod line;
mod scene;
mod sqlite_disk;

use disk::Loss;
use harness::rng::Rng;
use scene::{Base, Promise, Victim};

/// Cuts tried for each victim and manner of loss.
const CUTS: u64 = 120;

/// Cuts the power at steps of the whole talk, as many as there are or [`CUTS`] of them.
async fn cut_everywhere(victim: Victim, loss: impl Fn(u64) -> Loss) {
    let base = Base::new().await;
    let steps = base.play(victim, None, Loss::All, Promise::Kept).await;
    assert!(100 < steps, "{victim:?} has only {steps} steps");
    let mut rng = Rng::logged("power", 30);
    for at in 0..CUTS.min(steps) {
        // One of each part of the talk, so that all of it is covered.
        let part = |at: u64| at * steps / CUTS.min(steps);
        let step = part(at) + rng.below(part(at + 1) - part(at));
        base.play(victim, Some(step), loss(step), Promise::Kept).await;
    }
}

#[tokio::test(start_paused = true)]
async fn invariant_30_the_relay_loses_power_and_all_that_was_not_synced() {
    cut_everywhere(Victim::Relay, |_| Loss::All).await;
}

#[tokio::test(start_paused = true)]
async fn invariant_30_the_relay_loses_power_and_any_sectors_that_were_not_synced() {
    cut_everywhere(Victim::Relay, Loss::Some).await;
}

#[tokio::test(start_paused = true)]
async fn invariant_30_an_agent_loses_power_and_all_that_was_not_synced() {
    cut_everywhere(Victim::Ann, |_| Loss::All).await;
}

#[tokio::test(start_paused = true)]
async fn invariant_30_an_agent_loses_power_and_any_sectors_that_were_not_synced() {
    cut_everywhere(Victim::Ann, Loss::Some).await;
}

/// So these tests can fail: a disk that only says that it synced breaks the same promises.
#[tokio::test(start_paused = true)]
async fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let base = Base::new().await;
    for victim in [Victim::Relay, Victim::Ann] {
        let steps = base.play(victim, None, Loss::All, Promise::Kept).await;
        base.play(victim, Some(steps * 3 / 4), Loss::All, Promise::Broken).await;
    }
}
