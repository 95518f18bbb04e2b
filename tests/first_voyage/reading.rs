//! Looking: the inbox and its fields, reading, receipts, search, members, status.

use harness::world::{World, text};
use serde_json::Value;

use super::{received, row, send, texts, two, waiting};

fn has_fields(row: &Value, fields: &[&str]) {
    for field in fields {
        assert!(row.get(field).is_some(), "no {field}: {row:#}");
    }
}

#[tokio::test]
async fn the_inbox_has_the_fields_that_scripts_rely_on() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    for n in 0..5 {
        send(ann, "bob", &format!("number {n}")).await;
    }
    ann.sync().await;
    bob.sync().await;
    let rows = bob.home.json(&["inbox", "--limit", "3"]).await;
    assert_eq!(texts(&rows), ["number 2", "number 3", "number 4"], "the newest, oldest first");
    for row in &rows {
        let fields = [
            "id",
            "conversation",
            "from",
            "text",
            "sent_at",
            "received_at",
            "kind",
            "mine",
            "read",
            "attachments",
        ];
        has_fields(row, &fields);
        assert_eq!((&row["from"], &row["kind"]), (&"ann".into(), &"message".into()));
        assert_eq!((&row["mine"], &row["read"]), (&false.into(), &false.into()));
        for field in ["sent_at", "received_at"] {
            let time = text(row, field);
            assert!(time.len() >= 20 && time.contains('T'), "{field} is no RFC 3339: {time}");
        }
    }
    let conversation = text(&rows[0], "conversation");
    let same = bob.home.json(&["inbox", "--conversation", &conversation, "--limit", "3"]).await;
    assert_eq!(same, rows);
    let mine = ann.home.json(&["inbox"]).await;
    assert!(!texts(&mine).contains(&"number 0".to_owned()), "one's own are shown with --all");
    let all = ann.home.json(&["inbox", "--all", "--limit", "1"]).await;
    assert_eq!((&all[0]["mine"], text(&all[0], "text")), (&true.into(), "number 4".to_owned()));
}

#[tokio::test]
async fn looking_is_not_reading_and_reading_is_told() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let id = text(&send(ann, "bob", "did you read this?").await, "id");
    ann.sync().await;
    bob.sync().await;
    received(bob).await;
    let unread = bob.home.json(&["inbox", "--unread"]).await;
    assert!(texts(&unread).contains(&"did you read this?".to_owned()), "{unread:?}");
    bob.sync().await;
    ann.sync().await;
    assert_eq!(waiting(ann, "did you read this?").await, None, "delivered");
    let state = text(&row(ann, "did you read this?").await, "state");
    assert_eq!(state, "delivered");

    bob.home.run(&["inbox", "--unread", "--mark-read"]).await.done();
    assert_eq!(bob.home.json(&["inbox", "--unread"]).await, Vec::<Value>::new());
    bob.sync().await;
    ann.sync().await;
    let told = row(ann, "did you read this?").await;
    assert_eq!((text(&told, "state"), text(&told, "id")), ("read".to_owned(), id));
}

#[tokio::test]
async fn what_was_said_is_found_by_any_part_of_a_word_in_any_script() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    for words in ["The Lighthouse keeper", "灯台の明かりが見える", "nothing of the kind"]
    {
        send(ann, "bob", words).await;
    }
    ann.sync().await;
    bob.sync().await;
    for (words, found) in [
        ("lighth", vec!["The Lighthouse keeper"]),
        ("灯台の", vec!["灯台の明かりが見える"]),
        ("明か", vec!["灯台の明かりが見える"]),
        ("submarine", vec![]),
        ("\"", vec![]),
    ] {
        for person in [ann, bob] {
            let rows = person.home.json(&["search", words]).await;
            assert_eq!(texts(&rows), found, "{} searched {words}", person.name);
        }
    }
}

#[tokio::test]
async fn members_and_status_have_the_fields_that_scripts_rely_on() {
    let world = World::of_two().await;
    let (ann, _) = two(&world);
    let members = ann.home.json(&["members"]).await;
    let bob = members.iter().find(|row| row["name"] == "bob").unwrap();
    has_fields(bob, &["name", "presence", "last_seen", "next_call"]);
    assert!(["reachable", "away", "offline"].contains(&text(bob, "presence").as_str()), "{bob}");
    let status = ann.home.one(&["status"]).await;
    let fields = [
        "account",
        "relay",
        "agent",
        "link",
        "next_call",
        "waiting_here",
        "waiting_there",
        "requests",
        "last_visit",
    ];
    has_fields(&status, &fields);
    assert_eq!((&status["account"], &status["waiting_here"]), (&"ann@localhost".into(), &0.into()));
    let visit = ann.sync().await;
    has_fields(
        &visit,
        &["outcome", "sent", "received", "bytes_up", "bytes_down", "requests", "held"],
    );
    has_fields(&visit["held"], &["count", "bytes", "by_kind"]);
}
