//! `make run`: a relay on this machine and two people on a dial-up line that drops; their conversation as it happens;
//! what it cost. With a terminal the relay and one agent stay, for you to type in.

mod bill;
mod prompt;
mod screen;
mod story;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::screen::Screen;

/// The story takes about half of this; a machine that needs longer has something else wrong with it.
const STORY_MAX: Duration = Duration::from_secs(55);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let screen = Screen::new();
    // Whoever ends this ends all that it started: a program that runs is killed when its value is dropped.
    let ended = tokio::select! {
        told = demo(&screen) => told,
        told = told_to_end() => told.map(|()| screen.say("\nThe relay and the agents end, and their folders are removed.")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("mailboat-demo: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ctrl-C, a terminal that is closed, a machine that goes down.
async fn told_to_end() -> anyhow::Result<()> {
    let listen = |kind| signal(kind).context("waiting to be told to end");
    let (mut interrupt, mut hangup) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::hangup())?);
    let mut terminate = listen(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn demo(screen: &Screen) -> anyhow::Result<()> {
    let telling = tokio::time::timeout(STORY_MAX, story::tell(screen));
    let story = telling.await.context("the story took longer than 55 seconds")??;
    bill::show(screen, &story);
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        prompt::stay(screen, story).await?;
    } else {
        screen.say("\nThere is no terminal to type in, so the relay and the agents end here. In a terminal they stay, for this:");
        prompt::show_commands(screen, &story);
    }
    Ok(())
}
