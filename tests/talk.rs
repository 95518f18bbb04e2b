//! Two people who write numbered messages to each other, and what must have become of them in the end.

use std::ops::Range;

use harness::world::{Person, World, text};

/// The words of a person's message `n`: long enough to be cut in, different from all others, hard to compress.
pub(crate) fn words(name: &str, n: usize) -> String {
    let mut rng =
        harness::rng::Rng::new(n as u64 + name.len() as u64 * 1000 + u64::from(name.as_bytes()[0]));
    let noise: String = rng.bytes(40).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name} {n} {noise}")
}

/// Writes these messages from each of the two to the other; nothing is sent.
pub(crate) async fn compose(world: &World, numbers: Range<usize>) {
    let [ann, bob] = &world.people[..] else { panic!("a talk has two sides") };
    for n in numbers {
        tokio::join!(write(ann, &bob.name, n), write(bob, &ann.name, n));
    }
}

async fn write(from: &Person, to: &str, n: usize) {
    from.home.run(&["send", to, "-m", &words(&from.name, n)]).await.done();
}

/// Lets everybody call until nothing is left to say.
pub(crate) async fn settle(world: &World) {
    for _ in 0..2 {
        for person in &world.people {
            person.sync().await;
        }
    }
}

/// Both have all `count` messages of the other once and in order, and nothing of their own waits.
pub(crate) async fn assert_all_once(world: &World, count: usize) {
    let [ann, bob] = &world.people[..] else { panic!("a talk has two sides") };
    for (reader, author) in [(ann, bob), (bob, ann)] {
        let rows = reader.home.json(&["inbox", "--limit", "100000"]).await;
        let messages = rows.iter().filter(|row| row["kind"] == "message");
        let found: Vec<String> = messages.map(|row| text(row, "text")).collect();
        let expected: Vec<String> = (0..count).map(|n| words(&author.name, n)).collect();
        assert_eq!(found, expected, "what {} has from {}", reader.name, author.name);
        // What was delivered has left the outbox, once that is known.
        reader.sync().await;
        let waiting = reader.home.json(&["outbox"]).await;
        assert!(waiting.is_empty(), "{}: {waiting:?}", reader.name);
    }
}
