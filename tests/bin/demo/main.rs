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

use crate::screen::Screen;

/// The story takes about half of this; a machine that needs longer has something else wrong with it.
const STORY_MAX: Duration = Duration::from_secs(55);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match demo().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("mailboat-demo: {err:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> anyhow::Result<()> {
    let screen = Screen::new();
    let telling = tokio::time::timeout(STORY_MAX, story::tell(&screen));
    let story = tokio::select! {
        told = telling => told.context("the story took longer than 55 seconds")??,
        interrupted = tokio::signal::ctrl_c() => return interrupted.context("waiting for Ctrl-C"),
    };
    bill::show(&screen, &story);
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        prompt::stay(&screen, story).await?;
    } else {
        screen.say("\nThere is no terminal to type in, so the relay and the agents end here. In a terminal they stay, for this:");
        prompt::show_commands(&screen, &story);
    }
    Ok(())
}
