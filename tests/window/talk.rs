//! Two people who meet and talk in their windows, by keyboard and mouse, over a link that drops.
//!
//! What is on the screen is told by its colours, and what became of it by the agents.

use harness::link::{Direction, Manner};
use harness::program::Running;
use harness::relay::RelayOptions;
use harness::screen::{Area, Key, Picture, Screen};
use harness::world::{Person, World};
use serde_json::Value;
use x11rb::protocol::xproto::Window;

use super::{ACCENT, start};

/// Colours of the light theme, by role.
const SURFACE: [u8; 3] = [0xFF, 0xFF, 0xFF];
const RAISED: [u8; 3] = [0xEC, 0xE8, 0xDE];
const OWN: [u8; 3] = [0xDC, 0xEB, 0xF0];

/// Somebody at a window, with an agent that holds the line.
struct Seat<'a> {
    screen: &'a Screen,
    person: &'a Person,
    window: Window,
    watch: Running,
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
        let seat = Self { screen, person, window, watch, _gui: gui, _agent: agent };
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

    /// Finds the conversation with somebody and opens it, and waits for its field.
    async fn open(&self, name: &str) {
        self.screen.activate(self.window).await;
        self.screen.press(Key::Escape);
        let found = self.see("the search", 0, 60, |head| head.block(RAISED, 100, 20)).await;
        self.click(found);
        self.screen.write(name);
        self.screen.press(Key::Enter);
        self.field().await;
    }

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
        self.see("one's own words", 50, 640, |page| page.block(OWN, 40, 12)).await;
        let is_empty = |screen: &Screen| (!screen.picture(field).has_words()).then_some(());
        self.screen.until("the empty field", is_empty).await;
    }

    fn click(&self, area: Area) {
        let (x, y) = area.middle();
        self.screen.click(x, y);
    }

    /// Waits until the agent tells of something.
    async fn told(&mut self, wanted: impl Fn(&Value) -> bool) {
        loop {
            let line = self.watch.next_line().await.expect("the agent runs");
            if serde_json::from_str::<Value>(&line).is_ok_and(|row| wanted(&row)) {
                return;
            }
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
    ann.open("bob").await;
    bob.open("ann").await;
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
