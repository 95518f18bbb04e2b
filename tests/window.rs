//! The window as a person meets it: on a screen with a window manager, by mouse and keyboard, with real agents and relays.

mod talk;
mod tray;

use agent::control::Client;
use config::{AgentPaths, Env};
use harness::program::{self, Running};
use harness::relay::{RelayOptions, password_of};
use harness::screen::{Area, Key, Screen};
use harness::world::{Person, World};

/// The colour of the primary action, and of the frame around the field that has the keyboard.
const ACCENT: [u8; 3] = [0x0A, 0x6A, 0x86];

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

/// Whether a field has the keyboard: its frame is nearly the accent, as thin lines are.
fn has_frame(screen: &Screen, area: Area) -> bool {
    let picture = screen.picture(area);
    let is_near = |x: u16, y: u16| {
        let colour = picture.at(x, y);
        ACCENT.iter().zip(colour).all(|(wanted, is)| wanted.abs_diff(is) < 0x40)
    };
    (0..area.height).any(|y| {
        let mut run = 0_u16;
        (0..area.width).any(|x| {
            run = if is_near(x, y) { run + 1 } else { 0 };
            150 <= run
        })
    })
}

/// Ends the agent that the window started, which outlives it.
struct End(u32);

impl Drop for End {
    fn drop(&mut self) {
        let _ = std::process::Command::new("kill").arg(self.0.to_string()).status();
    }
}

#[tokio::test]
async fn from_an_empty_machine_to_the_first_message_by_keyboard_and_mouse() {
    let (world, screen) = (World::empty(&RelayOptions::default()).await, Screen::start().await);
    world.relay.account("ben").await;
    let code = world.relay.invite(1).await;
    let (ann, ben) = (world.stranger("ann"), world.stranger("ben"));
    ben.home.login(&world.url(&ben.link), "ben", None).await.done();
    ben.home.add_settings("[[connect]]\nlive = true");
    let _bens = ben.home.resident().await;
    let mut watch = ben.home.start(&["watch", "--json"]);

    let gui = start(&screen, &ann, &[]);
    let window = screen.window(gui.pid(), "Mailboat").await;
    screen.place(window, Area { x: 20, y: 40, width: 400, height: 720 }).await;
    screen.activate(window).await;
    let action = async |what: &str| {
        let look = |screen: &Screen| {
            let area = screen.area(window)?;
            let (x, y) = screen.picture(area).block(ACCENT, 40, 28)?.middle();
            Some((area.x + x, area.y + y))
        };
        screen.until(what, look).await
    };
    let field = async |what: &str| {
        let look = |screen: &Screen| has_frame(screen, screen.area(window)?).then_some(());
        screen.until(what, look).await;
    };

    field("the field for the relay").await;
    screen.write(&world.url(&ann.link));
    let password = password_of("ann");
    for typed in [code.as_str(), "ann", &password, &password] {
        screen.press(Key::Tab);
        screen.write(typed);
    }
    action("what joins").await;
    screen.press(Key::Enter);
    let paths = AgentPaths::new(Some(ann.home.dir()), &Env::default()).unwrap();
    screen.until("the account", |_| paths.account.is_file().then_some(())).await;
    let (x, y) = action("what goes on").await;
    screen.click(x, y);
    field("the field for a name").await;
    let agent = Client::connect(&paths.socket).await.unwrap().expect("the window started it");
    let _end = End(agent.pid());
    screen.write("ben");
    screen.press(Key::Enter);
    watch
        .wait_line(|line| (line.contains("\"request\"") && line.contains("ann")).then_some(()))
        .await;
    let settings = std::fs::read_to_string(&paths.config).unwrap();
    assert_eq!(settings, "[[connect]]\nlive = true\n");
}
