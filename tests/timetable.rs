//! Calls by rules, as the wire shows them: what goes and what stays, when a visit ends, who may call, what lapses.

mod carries;
mod ends;
mod lapse;
mod race;

use harness::wiretap::{Exchange, exchanges};
use harness::world::{Person, World, text};
use serde_json::Value;
use wire::{Frame, HeldKind, LaneMask, kind};

/// What passed in one or more exchanges, in order.
#[derive(Debug, Default)]
struct Passed {
    /// Texts of messages that went up.
    up: Vec<String>,
    /// Other items that did.
    orders: usize,
    /// Texts of messages that came down.
    down: Vec<String>,
    /// Lanes that were asked for, exchange by exchange.
    lanes: Vec<LaneMask>,
    /// Messages that the relay said it keeps, at last.
    held: u32,
}

impl Passed {
    fn of(exchanges: &[Exchange]) -> Self {
        let mut passed = Self::default();
        for exchange in exchanges {
            passed.held = 0;
            let up = exchange.up.packets.iter().flat_map(|packet| &packet.frames);
            let down = exchange.down.packets.iter().flat_map(|packet| &packet.frames);
            up.chain(down).for_each(|frame| passed.note(frame));
        }
        passed
    }

    fn note(&mut self, frame: &Frame) {
        let words = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
        match frame {
            Frame::Hello(hello) => self.lanes.push(hello.lanes),
            Frame::Submits(submits) => {
                for item in &submits.items {
                    match item.kind {
                        kind::TEXT => self.up.push(words(&item.body)),
                        _ => self.orders += 1,
                    }
                }
            }
            Frame::Deliveries(mail) => {
                self.down.extend(mail.entries.iter().map(|entry| words(&entry.body)));
            }
            Frame::Held(rows) => {
                let messages = rows.iter().filter(|row| row.kind == HeldKind::Message);
                self.held = messages.map(|row| row.count).sum();
            }
            _ => {}
        }
    }
}

/// Lets a person's agent make a visit of its one rule, and waits for its end; gives the ledger's row of it.
async fn one_call(person: &Person, rule: &str) -> Value {
    call_when(person, rule, async || {}).await
}

/// The same of a rule that waits for something to happen.
async fn call_when(person: &Person, rule: &str, happens: impl AsyncFnOnce()) -> Value {
    let before = person.home.json(&["usage"]).await.len();
    let settings = person.home.dir().join("agent.toml");
    std::fs::write(settings, format!("[[connect]]\nname = \"rule\"\n{rule}\n")).unwrap();
    let mut agent = person.home.resident().await;
    happens().await;
    let visit = loop {
        let visits = person.home.json(&["usage"]).await;
        if let Some(visit) = visits.get(before).filter(|visit| !visit["end"].is_null()) {
            break visit.clone();
        }
    };
    assert!(agent.terminate().await.success(), "{}", agent.said());
    assert_eq!(visit["rule"], "rule", "{visit}");
    visit
}

/// The texts of the messages that others sent, oldest first.
async fn received(person: &Person) -> Vec<String> {
    let rows = person.home.json(&["inbox", "--limit", "1000"]).await;
    rows.iter().filter(|row| row["kind"] == "message").map(|row| text(row, "text")).collect()
}

/// A world of two who have accepted each other, as references.
fn two(world: &World) -> (&Person, &Person) {
    (&world.people[0], &world.people[1])
}

/// What passed since this person's link is recorded.
fn passed(person: &Person) -> Passed {
    Passed::of(&exchanges(&person.link.recorded()))
}

/// Text that hardly compresses, so that a line has something to do.
fn noise(n: usize, len: usize) -> String {
    let mut state = n as u64 + 1;
    let mut letter = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    };
    (0..len).map(|_| letter()).collect()
}
