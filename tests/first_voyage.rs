//! What a person types and sees: two people and more, on computers that are mostly offline.

mod asking;
mod changes;
mod devices;
mod expected;
mod first_run;
mod groups;
mod joining;
mod offline;
mod reading;
mod resident;
mod shell;

use harness::world::{Person, World, text};
use serde_json::Value;

/// The texts of these rows, in order.
fn texts(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| text(row, "text")).collect()
}

/// The texts of the messages in a person's inbox, own ones too, oldest first.
async fn messages(person: &Person) -> Vec<String> {
    let rows = person.home.json(&["inbox", "--all", "--limit", "1000"]).await;
    texts(&rows.into_iter().filter(|row| row["kind"] == "message").collect::<Vec<_>>())
}

/// The texts of the messages that others sent, oldest first.
async fn received(person: &Person) -> Vec<String> {
    let rows = person.home.json(&["inbox", "--limit", "1000"]).await;
    texts(&rows.into_iter().filter(|row| row["kind"] == "message").collect::<Vec<_>>())
}

/// The one row of a person's inbox with this text.
async fn row(person: &Person, wanted: &str) -> Value {
    let rows = person.home.json(&["inbox", "--all", "--limit", "1000"]).await;
    let mut found = rows.iter().filter(|row| row["text"] == wanted);
    let first =
        found.next().unwrap_or_else(|| panic!("{} has no {wanted:?}: {rows:#?}", person.name));
    assert!(found.next().is_none(), "{} has {wanted:?} twice: {rows:#?}", person.name);
    first.clone()
}

/// The one row of a person's outbox with this text; none when it has left.
async fn waiting(person: &Person, wanted: &str) -> Option<Value> {
    let rows = person.home.json(&["outbox"]).await;
    let mut found: Vec<Value> = rows.into_iter().filter(|row| row["text"] == wanted).collect();
    assert!(found.len() <= 1, "{found:#?}");
    found.pop()
}

/// Sends and checks that it was taken; gives back the row.
async fn send(person: &Person, to: &str, words: &str) -> Value {
    person.home.one(&["send", to, "-m", words]).await
}

/// A world of two who have accepted each other, as references.
fn two(world: &World) -> (&Person, &Person) {
    (&world.people[0], &world.people[1])
}
