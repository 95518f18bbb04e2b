//! The window: members, conversations and the link, on top of what the agent keeps.
//!
//! It reads the agent's store and asks the agent through its socket (`door`); it opens no connection to a relay and
//! writes no store. A screen is a state, messages, an action and a view (`screen/`); what a thing looks like is said by
//! role in `theme`; what is said lies in `lang/*.ftl`.

#![allow(clippy::needless_pass_by_value, reason = "iced hands messages over by value")]

mod app;
mod desk;
mod display;
mod door;
mod drafts;
mod goal;
mod icon;
mod instance;
#[cfg(test)]
mod kit;
mod screen;
mod theme;
mod tray;
mod widget;
mod words;

use std::{io, path::PathBuf, process::ExitCode};

use agent::control::Launcher;
use clap::Parser;
use config::{AgentPaths, edit::Edit, paths::Env};
use iced::{Pixels, Settings};

use self::{
    app::App,
    door::Door,
    goal::Goal,
    instance::{Claim, Start},
    words::Words,
};

/// The window of Mailboat.
#[derive(Debug, Parser)]
#[command(name = "mailboat-gui", version, about)]
struct Args {
    /// The folder of settings and store, where they are not in the user's own directories.
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Open the window at this conversation; empty: at none.
    #[arg(long, value_name = "ID", value_parser = known_id, conflicts_with = "link")]
    open: Option<String>,
    /// Open the window where this link leads: mailboat://chat/NAME, mailboat://conversation/ID or
    /// mailboat://join?relay=URL&invite=CODE.
    link: Option<String>,
}

fn known_id(id: &str) -> Result<String, &'static str> {
    Goal::of_id(id)
        .map_or(Err("an id looks like c3, see mailboat conversations"), |_| Ok(id.to_owned()))
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    let env = Env::of_process();
    let paths = match AgentPaths::new(args.home.as_deref(), &env) {
        Ok(paths) => paths,
        Err(err) => return refuse(&err.to_string()),
    };
    if let Err(words) = display::check(&env) {
        return refuse(&format!("{words}: use the mailboat command instead"));
    }
    let launcher = Launcher::find(args.home.as_deref(), None, &env);
    let start = Start { open: args.open, link: args.link };
    let claim = match be_the_first(&paths, &start) {
        Ok(Some(claim)) => claim,
        Ok(None) => return ExitCode::SUCCESS,
        Err(err) => return refuse(&format!("{}: {err}", paths.window.display())),
    };
    let end = match run(Door::new(paths).with_launcher(launcher), start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => refuse(&format!("the window could not be opened: {err}")),
    };
    drop(claim);
    end
}

/// `None`: there is a window already, and it was told what this start is for.
fn be_the_first(paths: &AgentPaths, start: &Start) -> io::Result<Option<Claim>> {
    for folder in paths.directories() {
        config::private::make_dir(folder)?;
    }
    // One of its own: iced makes its own when it runs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(instance::claim(&paths.window, start))
}

fn refuse(words: &str) -> ExitCode {
    eprintln!("mailboat-gui: {words}");
    ExitCode::FAILURE
}

fn run(door: Door, start: Start) -> iced::Result {
    // What cannot be read is told where the settings are: the window opens whatever they say.
    let look = Edit::open(&door.paths().config).map(|edit| edit.settings().window.clone());
    let look = look.unwrap_or_default();
    let words = Words::of_settings(&look.language);
    let boot = move || App::new(door.clone(), words.clone(), look.clone(), now, &start);
    let settings = Settings {
        id: Some("mailboat".to_owned()),
        fonts: theme::FONTS.into_iter().map(Into::into).collect(),
        default_font: theme::BODY,
        default_text_size: Pixels(theme::size::BODY),
        ..Settings::default()
    };
    iced::daemon(boot, App::update, App::view)
        .settings(settings)
        .title(App::title)
        .theme(App::theme)
        .scale_factor(App::scale)
        .subscription(App::subscription)
        .run()
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
