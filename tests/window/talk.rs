//! Two people who meet and talk in their windows, by keyboard and mouse, over a link that drops.
//!
//! What is on the screen is told by its colours, and what became of it by the agents.

use std::time::Duration;

use harness::link::{Direction, Manner};
use harness::program::Running;
use harness::relay::RelayOptions;
use harness::screen::{Area, Key, Picture, Screen};
use harness::world::{Person, World};
use serde_json::Value;
use tokio::time::timeout;
use x11rb::protocol::xproto::Window;

use super::{ACCENT, start};

/// After this long an agent tells no more.
const PATIENCE: Duration = Duration::from_secs(60);
/// Colours of the light theme, by role.
const SURFACE: [u8; 3] = [0xFF, 0xFF, 0xFF];
const RAISED: [u8; 3] = [0xEC, 0xE8, 0xDE];
const OWN: [u8; 3] = [0xDC, 0xEB, 0xF0];
/// Inside of every bubble of one's own, right of its words.
const EDGE: u16 = 459;

/// Somebody at a window, with an agent that holds the line.
struct Seat<'a> {
    screen: &'a Screen,
    person: &'a Person,
    window: Window,
    watch: Running,
    written: usize,
    _gui: Running,
    _agent: Running,
}

impl<'a> Seat<'a> {
    /// The window is the `place`th from the left.
    async fn of(screen: &'a Screen, person: &'a Person, place: i16) -> Self {
        person.home.add_settings("[[connect]]\nlive = true");
        let agent = person.home.resident().await;
        let watch = person.home.start(&["watch", "--all", "--json"]);
        let gui = start(screen, person, &[]);
        let window = screen.window(gui.pid(), "Mailboat").await;
        let area = Area { x: 20 + 600 * place, y: 40, width: 480, height: 700 };
        screen.place(window, area).await;
        let seat = Self { screen, person, window, watch, written: 0, _gui: gui, _agent: agent };
        // The head of the portal, with the search.
        seat.see("the portal", 0, 60, |head| head.block(RAISED, 100, 20)).await;
        seat
    }

    /// Waits until `look` finds something in these rows of the window; where on the screen.
    async fn see(
        &self,
        what: &str,
        top: u16,
        bottom: u16,
        look: impl Fn(&Picture) -> Option<Area>,
    ) -> Area {
        let what = format!("{}: {what}", self.person.name);
        let found = |screen: &Screen| {
            let whole = screen.area(self.window)?;
            let (y, height) = (whole.y + top as i16, bottom.min(whole.height) - top);
            let found = look(&screen.picture(Area { y, height, ..whole }))?;
            Some(Area { x: whole.x + found.x, y: y + found.y, ..found })
        };
        self.screen.until(&what, found).await
    }

    /// Clicks the one thing of the accent's colour that is as large as a button.
    async fn press_primary(&self) {
        let found =
            self.see("the primary button", 100, 700, |page| page.block(ACCENT, 30, 20)).await;
        self.click(found);
    }

    /// Asks somebody, by the keyboard and one click.
    async fn ask(&self, name: &str) {
        self.screen.activate(self.window).await;
        self.screen.control('n');
        // The field for the name, where the list was.
        let found = self.see("the question", 60, 200, |page| page.block(RAISED, 300, 16)).await;
        self.click(found);
        self.screen.write(name);
        self.press_primary().await;
    }

    /// Accepts the one request: its button is the only thing on the paper that is as white as that.
    async fn accept(&self) {
        self.screen.activate(self.window).await;
        let button = |page: &Picture| {
            let is_bar =
                |y: &u16| page.at(2, *y) == SURFACE && page.at(page.width - 20, *y) == SURFACE;
            let below = (0..page.height).rev().find(is_bar)? + 1;
            let found = page.below(below).block(SURFACE, 40, 20)?;
            // In the middle there is another while nobody has asked.
            let is_right = page.width as i16 * 2 / 3 < found.x;
            is_right.then_some(Area { y: found.y + below as i16, ..found })
        };
        let found = self.see("a request", 0, 700, button).await;
        self.click(found);
    }

    /// Where one writes, once a conversation is open.
    async fn field(&self) -> Area {
        self.see("the field to write in", 630, 700, |foot| foot.block(RAISED, 200, 22)).await
    }

    /// Writes in the conversation that is open; its own bubble shows it.
    async fn write(&mut self, words: &str) {
        self.screen.activate(self.window).await;
        let field = self.field().await;
        self.click(field);
        self.screen.write(words);
        self.screen.press(Key::Enter);
        self.told(|row| row["text"] == words && row["mine"] == true).await;
        self.written += 1;
        let written = self.written;
        let is_shown = |page: &Picture| {
            let bubbles = (60..page.height - 1)
                .filter(|y| page.at(EDGE, *y) == OWN && page.at(EDGE, *y + 1) != OWN);
            (bubbles.count() == written).then(|| page.block(OWN, 40, 12)).flatten()
        };
        self.see("one's own words", 0, 700, is_shown).await;
    }

    fn click(&self, area: Area) {
        let (x, y) = area.middle();
        self.screen.click(x, y);
    }

    /// Waits until the agent tells of something.
    async fn told(&mut self, wanted: impl Fn(&Value) -> bool) {
        let (name, screen) = (&self.person.name, self.screen);
        let hear = async {
            loop {
                let line = self.watch.next_line().await.expect("the agent runs");
                if serde_json::from_str::<Value>(&line).is_ok_and(|row| wanted(&row)) {
                    return;
                }
            }
        };
        if timeout(PATIENCE, hear).await.is_err() {
            let said = self.watch.said();
            panic!("{name}: it was not told; the screen: {}\n{said}", screen.keep().display());
        }
    }

    async fn hears(&mut self, words: &str) {
        self.told(|row| row["text"] == words && row["mine"] == false).await;
    }
}

#[tokio::test]
async fn two_people_meet_and_talk_in_their_windows_over_a_link_that_drops() {
    let world = World::new(&RelayOptions::default(), &["ann", "bob"]).await;
    let screen = Screen::start().await;
    let mut ann = Seat::of(&screen, &world.people[0], 0).await;
    let mut bob = Seat::of(&screen, &world.people[1], 1).await;
    ann.ask("bob").await;
    bob.told(|row| row["kind"] == "request" && row["from"] == "ann").await;
    bob.accept().await;
    // Whom one asked or accepted one wants to talk to.
    ann.field().await;
    bob.field().await;
    ann.write("the pump has arrived").await;
    bob.hears("the pump has arrived").await;
    ann.person.link.down();
    ann.write("a gale is coming").await;
    ann.write("the cat is on your boat").await;
    ann.person.link.up();
    bob.hears("the cat is on your boat").await;
    bob.person.link.cut_at_by(Direction::Up, 200, Manner::Reset);
    bob.write("then i bring two cakes").await;
    ann.hears("then i bring two cakes").await;
    for seat in [&ann, &bob] {
        let rows = seat.person.home.json(&["inbox", "--all"]).await;
        let texts = rows.iter().filter(|row| row["kind"] == "message");
        let texts: Vec<_> = texts.map(|row| row["text"].as_str().unwrap()).collect();
        let told = [
            "the pump has arrived",
            "a gale is coming",
            "the cat is on your boat",
            "then i bring two cakes",
        ];
        assert_eq!(texts, told, "{}", seat.person.name);
    }
}
