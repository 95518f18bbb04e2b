//! The item in the tray: against a tray that says what it would show, on a bus of its own.

use harness::desktop::{Bus, Tray};
use harness::program::{self, Running};
use harness::screen::Screen;
use harness::world::{Person, World};

/// The window of somebody, on this bus.
fn start(screen: &Screen, bus: &Bus, person: &Person) -> Running {
    let program = program::binary("mailboat-gui-under-test");
    let mut command = bus.on(screen.on(program::command(&program, person.home.dir())));
    command.arg("--home").arg(person.home.dir());
    Running::start(command)
}

#[tokio::test]
async fn the_tray_shows_what_comes_and_the_program_stays_in_it_until_somebody_ends_it() {
    let (world, screen, bus) = (World::of_two().await, Screen::start().await, Bus::start().await);
    let [ann, bob] = &world.people[..] else { panic!() };
    bob.home.add_settings("[window]\nclose_to_tray = true\n\n[[connect]]\nlive = true");
    let mut tray = Tray::start(&bus).await;
    let _agent = bob.home.resident().await;
    let mut gui = start(&screen, &bus, bob);
    let item = tray.item().await;
    assert!(item.contains(&gui.pid().to_string()), "{item}");
    let calm = tray.shows("Nothing new").await;
    assert!(calm.contains("Open Mailboat / Call now") && calm.contains("no dot"), "{calm}");
    ann.home.run(&["send", "bob", "-m", "so there you are"]).await.done();
    ann.sync().await;
    let news = tray.shows("One message not read").await;
    assert!(news.ends_with("| dot"), "{news}");
    bob.home.run(&["inbox", "--unread", "--mark-read"]).await.done();
    tray.shows("Nothing new").await;

    // Closed it goes on, and tells what comes; opened from the menu it is there again.
    let window = screen.window(gui.pid(), "Mailboat").await;
    screen.activate(window).await;
    screen.control('w');
    screen.until("no window", |screen| screen.windows().is_empty().then_some(())).await;
    ann.home.run(&["send", "bob", "-m", "and again"]).await.done();
    ann.sync().await;
    tray.shows("One message not read").await;
    assert!(!gui.has_ended());
    tray.press(&bus, &item, "Open").await;
    screen.window(gui.pid(), "Mailboat").await;
    tray.press(&bus, &item, "Quit").await;
    assert!(gui.end().await.success());
}

#[tokio::test]
async fn a_tray_that_comes_later_is_found_and_without_one_the_last_window_ends_the_program() {
    let (world, screen, bus) = (World::of_two().await, Screen::start().await, Bus::start().await);
    let [ann, bob] = &world.people[..] else { panic!() };
    for person in [ann, bob] {
        person.home.add_settings("[window]\nclose_to_tray = true");
    }
    let mut alone = start(&screen, &bus, ann);
    let window = screen.window(alone.pid(), "Mailboat").await;
    screen.activate(window).await;
    screen.control('w');
    assert!(alone.end().await.success(), "nobody could open it again");
    let gui = start(&screen, &bus, bob);
    screen.window(gui.pid(), "Mailboat").await;
    let mut tray = Tray::start(&bus).await;
    assert!(tray.item().await.contains(&gui.pid().to_string()));
    tray.shows("agent not running").await;
    assert!(!gui.said().contains("tray"), "{}", gui.said());
}
