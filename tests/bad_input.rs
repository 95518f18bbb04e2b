//! Bad input of every kind: each is told in clear words, ends nothing else, and loses nothing.

mod files;
mod forger;
mod liar;
mod lying_agent;
mod lying_relay;
mod routes;
mod secrets;
mod stores;

use harness::program::Output;
use harness::world::Person;

/// What a command said when it failed: one line for a person, without anything that a terminal would obey.
#[track_caller]
fn complaint(output: &Output) -> &str {
    assert_ne!(output.code, Some(0), "it did not fail: {output:?}");
    assert_ne!(output.code, None, "a signal ended it: {output:?}");
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    let said = output.stderr.trim_end();
    assert!(!said.is_empty(), "it failed without a word: {output:?}");
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    said
}

/// The texts of the messages in a person's inbox, own ones too, oldest first.
async fn texts(person: &Person) -> Vec<String> {
    let rows = person.home.json(&["inbox", "--all", "--limit", "100000"]).await;
    let messages = rows.iter().filter(|row| row["kind"] == "message");
    messages.map(|row| harness::world::text(row, "text")).collect()
}
