//! Afterwards: the commands to try, and a prompt at which the person is Ann.

use std::process::Stdio;

use anyhow::Context;
use harness::program;
use harness::world::Person;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::screen::Screen;
use crate::story::{Story, show};

/// Prints what to type next, and where.
pub(crate) fn show_commands(screen: &Screen, story: &Story) {
    let mailboat = program::find("mailboat")
        .unwrap_or_else(|| program::binary("mailboat-under-test"))
        .display()
        .to_string();
    let command = |person: &Person, args: &str| {
        format!("  {mailboat} --home {} {args}", person.home.dir().display())
    };
    let [ann, bob] = &story.world.people[..] else { unreachable!("there are two") };
    screen.chapter("To try in another terminal, as Bob");
    for args in
        ["inbox", "send ann -m \"Two cakes are on their way\"", "sync", "outbox", "usage", "doctor"]
    {
        screen.say(&command(bob, args));
    }
    screen.say("and as Ann");
    for args in ["status", "members", "search cat", "watch"] {
        screen.say(&command(ann, args));
    }
    screen.say(&format!("Everything else: {mailboat} help"));
}

/// Lets the person be Ann until Ctrl-C or the end of input.
pub(crate) async fn stay(screen: &Screen, story: Story) -> anyhow::Result<()> {
    show_commands(screen, &story);
    let [ann, bob] = &story.world.people[..] else { unreachable!("there are two") };
    for person in [ann, bob] {
        person.link.set_pace(harness::link::Pace::INSTANT);
    }
    ann.home.add_settings("[[connect]]\nlive = true");
    let _agent = ann.home.resident().await;
    let _window = window(screen, ann);
    let mut watch = ann.home.start(&["watch", "--all", "--json"]);
    screen.chapter(
        "You are Ann now, and her line is held. What you type goes to Bob; Ctrl-C ends it all.",
    );
    let mut typed = keyboard();
    loop {
        tokio::select! {
            line = typed.recv() => match line {
                Some(words) if words.trim().is_empty() => {}
                Some(words) => send(screen, ann, &words).await,
                None => break,
            },
            line = watch.next_line() => {
                let line = line.context("the agent ended")?;
                if let Ok(row) = serde_json::from_str::<Value>(&line) {
                    show(screen, "ann", &row);
                }
            }
        }
    }
    screen.say("\nThe relay and the agents end, and their folders are removed.");
    Ok(())
}

/// Her window, where there is a display and the window is built; it ends with the value.
fn window(screen: &Screen, ann: &Person) -> Option<tokio::process::Child> {
    let has_display =
        ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    let program = program::find("mailboat-gui").filter(|_| has_display)?;
    // Unlike the agents it is the person's own: with her language, her desktop, her scale.
    let mut command = tokio::process::Command::new(program);
    command.arg("--home").arg(ann.home.dir()).kill_on_drop(true);
    match command.stdout(Stdio::null()).spawn() {
        Ok(window) => {
            screen.say("Her window is open as well.");
            Some(window)
        }
        Err(err) => {
            screen.say(&format!("Her window could not be opened: {err}"));
            None
        }
    }
}

/// Lines as they are typed. The thread that waits for them ends with the program.
fn keyboard() -> mpsc::Receiver<String> {
    let (tell, typed) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    typed
}

async fn send(screen: &Screen, ann: &Person, words: &str) {
    let sent = ann.home.run(&["send", "bob", "-m", words]).await;
    if sent.code != Some(0) {
        screen.say(sent.stderr.trim_end());
    }
}
