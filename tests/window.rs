//! The window as a person meets it: on a screen with a window manager, by mouse and keyboard, with real agents and relays.

use harness::program::{self, Running};
use harness::screen::{Area, Screen};
use harness::world::{Person, World};

/// The window of somebody, started with these arguments.
fn start(screen: &Screen, person: &Person, args: &[&str]) -> Running {
    let program = program::binary("mailboat-gui-under-test");
    let mut command = screen.on(program::command(&program, person.home.dir()));
    command.arg("--home").arg(person.home.dir()).args(args);
    Running::start(command)
}

#[tokio::test]
async fn without_a_display_it_says_so_and_ends() {
    let program = program::binary("mailboat-gui-under-test");
    let dir = tempfile::tempdir().unwrap();
    let said = program::run(program::command(&program, dir.path()), b"").await.exits(1);
    assert!(said.stderr.contains("there is no display here"), "{said:?}");
    let mut command = program::command(&program, dir.path());
    command.env("DISPLAY", ":987654");
    let said = program::run(command, b"").await.exits(1);
    assert!(said.stderr.starts_with("mailboat-gui: "), "{said:?}");
    assert!(!said.stderr.contains("panicked"), "{said:?}");
}

#[tokio::test]
async fn a_second_start_raises_the_first_window_and_ends() {
    let (world, screen) = (World::of_two().await, Screen::start().await);
    let mut first = start(&screen, &world.people[0], &[]);
    let window = screen.window(first.pid(), "Mailboat").await;
    screen.place(window, Area { x: 20, y: 40, width: 400, height: 700 }).await;
    screen
        .until("a drawn window", |screen| {
            let picture = screen.picture(screen.area(window)?);
            (picture.colours() > 20).then_some(())
        })
        .await;
    let mut other = start(&screen, &world.people[1], &[]);
    let others = screen.window(other.pid(), "Mailboat").await;
    screen.activate(others).await;
    let mut second = start(&screen, &world.people[0], &["mailboat://chat/bob"]);
    assert!(second.end().await.success(), "{}", second.said());
    screen
        .until("the first in front", |screen| (screen.active() == Some(window)).then_some(()))
        .await;
    assert!(!first.has_ended() && !other.has_ended());
}
