//! The seeded model test: random histories of sends, cuts, kills, duplicates, reorderings, delays, budgets, clocks,
//! restores and clones, against a simple reference model. Everything follows from one number.
//!
//! `MAILBOAT_SEED=n` runs one seed, `MAILBOAT_SEEDS=n` so many of each theme. A failure names its seed and shows the
//! shortest history that was found to fail.

mod act;
mod check;
mod home;
mod line;
mod observe;
mod predict;
mod probe;
mod recorder;
mod reference;
mod steps;
mod user;
mod visits;
mod world;

use std::{
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use harness::rng::{Rng, SEED_VARIABLE};

use self::{
    steps::{Step, Theme},
    world::{Story, World},
};

/// How many seeds of each theme, unless `MAILBOAT_SEEDS` says.
const SEEDS: u64 = 40;
const SEEDS_VARIABLE: &str = "MAILBOAT_SEEDS";
const STEPS_LEAST: u64 = 20;
const STEPS_MOST: u64 = 140;
/// A failing history is shortened for so long.
const SHRINK_MOST: Duration = Duration::from_secs(40);

/// A history that went wrong.
struct Failure {
    faults: Vec<String>,
    story: Vec<String>,
}

fn run(theme: Theme, seed: u64, history: &[Step]) -> Result<(), Failure> {
    let story = Story::default();
    let lived = panic::catch_unwind(AssertUnwindSafe(|| live(theme, seed, history, story.clone())));
    let faults = lived.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        vec![
            words.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned())).unwrap_or_default(),
        ]
    });
    if faults.is_empty() { Ok(()) } else { Err(Failure { faults, story: story.take() }) }
}

/// One history from its beginning to its end; gives what went wrong.
fn live(theme: Theme, seed: u64, history: &[Step], story: Story) -> Vec<String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut world = World::new(theme, &mut Rng::new(seed), story).await;
        for (number, step) in history.iter().enumerate() {
            if world.faults.is_empty() {
                world.step(number, *step).await;
            }
        }
        if world.faults.is_empty() {
            world.say("settles");
            world.finish().await;
        }
        std::mem::take(&mut world.faults)
    })
}

/// The history of a seed.
fn history(theme: Theme, seed: u64) -> Vec<Step> {
    let mut rng = Rng::new(seed ^ 0x5eed);
    let len = rng.range(STEPS_LEAST..STEPS_MOST) as usize;
    theme.history(&mut rng, len)
}

/// Leaves out whatever is not needed for it to fail.
fn shrink(theme: Theme, seed: u64, mut steps: Vec<Step>, mut failure: Failure) -> Failure {
    let until = Instant::now() + SHRINK_MOST;
    let mut size = steps.len() / 2;
    while 0 < size {
        let mut at = 0;
        while at < steps.len() && Instant::now() < until {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            match run(theme, seed, &fewer) {
                Err(smaller) => (steps, failure) = (fewer, smaller),
                Ok(()) => at += size,
            }
        }
        size /= 2;
    }
    failure
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

fn hold(theme: Theme) {
    let (first, count) = match number(SEED_VARIABLE) {
        Some(seed) => (seed, 1),
        None => (0, number(SEEDS_VARIABLE).unwrap_or(SEEDS)),
    };
    for seed in first..first + count {
        let steps = history(theme, seed);
        if let Err(failure) = run(theme, seed, &steps) {
            let Failure { faults, story } = shrink(theme, seed, steps, failure);
            panic!(
                "{theme:?}, {SEED_VARIABLE}={seed}\n{}\nafter\n{}\n",
                faults.join("\n"),
                story.join("\n")
            );
        }
    }
}

#[test]
fn model_of_bad_lines_loses_and_doubles_nothing() {
    hold(Theme::Lines);
}

#[test]
fn model_of_changing_members_tells_nobody_what_is_not_for_him() {
    hold(Theme::Members);
}

#[test]
fn model_of_edits_and_deletions_shows_everybody_the_same() {
    hold(Theme::Views);
}

#[test]
fn model_of_homes_put_back_and_cloned_sends_nothing_unasked() {
    hold(Theme::Homes);
}

#[test]
fn model_of_twins_takes_no_answer_of_the_other_for_its_own() {
    hold(Theme::Twins);
}

#[test]
fn model_of_relays_put_back_gets_everything_again() {
    hold(Theme::Restores);
}

#[test]
fn model_of_relays_put_back_to_older_and_newer_copies_skips_nothing() {
    hold(Theme::Lives);
}

#[test]
fn model_of_relays_that_forgot_who_knows_whom_loses_and_doubles_nothing() {
    hold(Theme::Forgets);
}

#[test]
fn model_of_passing_time_ends_nothing_without_a_word() {
    hold(Theme::Ages);
}
