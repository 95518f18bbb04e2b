//! What an exchange weighs, asserted at the link: TCP payload, HTTP and bodies, round trips, requests, metadata.

use std::time::Duration;

use harness::link::Pace;
use harness::relay::RelayOptions;
use harness::wiretap::{self, Exchange};
use harness::world::{Person, World, text};
use wire::{BodyWriter, Codec, Frame};

use crate::talk;

/// TCP payload of an exchange with nothing new, TLS resumed.
const IDLE_TCP_MAX: u64 = 1000;
/// HTTP and both bodies of an exchange with nothing new.
const IDLE_HTTP_MAX: u64 = 235;
/// Bytes of an ordinary message's metadata in a batch, after compression.
const METADATA_MAX: f64 = 4.0;
/// Long enough for what talks at once not to look like an answer.
const ONE_WAY: Duration = Duration::from_millis(40);

/// Two who know each other, over TLS, each with a resident agent that has called before. Without early data every visit
/// costs the same.
async fn resident_pair() -> (World, Vec<harness::program::Running>) {
    resident_pair_with("[tls]\nearly_data = false").await
}

async fn resident_pair_with(settings: &str) -> (World, Vec<harness::program::Running>) {
    let world = World::new(&RelayOptions::tls(), &["ann", "bob"]).await;
    world.acquaint().await;
    let mut agents = Vec::new();
    for person in &world.people {
        person.home.add_settings(settings);
        agents.push(person.home.resident().await);
        // A session is handed out, limits and presence are learned.
        person.sync().await;
    }
    for person in &world.people {
        person.sync().await;
    }
    (world, agents)
}

async fn counted(person: &Person) -> (serde_json::Value, harness::link::Counters) {
    person.link.wait_idle().await;
    person.link.reset_counters();
    let visit = person.sync().await;
    person.link.wait_idle().await;
    (visit, person.link.counters())
}

#[tokio::test]
async fn an_exchange_with_nothing_new_is_1000_bytes_and_three_round_trips_over_resumed_tls() {
    let (world, _agents) = resident_pair().await;
    let ann = &world.people[0];
    ann.link.set_pace(Pace { delay: ONE_WAY, ..Pace::INSTANT });
    let (visit, passed) = counted(ann).await;
    assert_eq!((&visit["requests"], passed.connections), (&1.into(), 1));
    eprintln!("nothing new over TLS: {passed:?}");
    assert!(passed.up + passed.down <= IDLE_TCP_MAX, "{passed:?}");
    assert_eq!(passed.round_trips, 3, "{passed:?}");
    assert_eq!(visit["bytes_up"], passed.up, "the agent counts what the link counts");
    assert_eq!(visit["bytes_down"], passed.down);
}

/// TCP payload of an exchange with nothing new, with early data; and of one that fetches tickets for that.
const EARLY_TCP_MAX: u64 = 850;
const REFILL_TCP_MAX: u64 = 1_020;

#[tokio::test]
async fn early_data_saves_a_round_trip_and_bytes_and_every_other_visit_brings_the_tickets() {
    let (world, _agents) = resident_pair_with("").await;
    let ann = &world.people[0];
    ann.link.set_pace(Pace { delay: ONE_WAY, ..Pace::INSTANT });
    let mut visits = Vec::new();
    for _ in 0..6 {
        let (visit, passed) = counted(ann).await;
        assert_eq!((&visit["requests"], passed.connections), (&1.into(), 1));
        assert_eq!(visit["bytes_up"], passed.up, "the agent counts what the link counts");
        assert_eq!(visit["bytes_down"], passed.down);
        visits.push(passed);
    }
    eprintln!("nothing new with early data: {visits:?}");
    let early = visits.iter().filter(|passed| passed.round_trips == 2).count();
    assert_eq!(early, 3, "every other: {visits:?}");
    for passed in visits {
        let most = if passed.round_trips == 2 { EARLY_TCP_MAX } else { REFILL_TCP_MAX };
        assert!(passed.up + passed.down <= most && passed.round_trips <= 3, "{passed:?}");
    }
}

#[tokio::test]
async fn what_goes_early_arrives_once_also_where_the_relay_was_started_anew() {
    let (mut world, _agents) = resident_pair_with("").await;
    for n in 0..6 {
        let ann = &world.people[0];
        ann.home.run(&["send", "bob", "-m", &line(n)]).await.done();
        let visit = ann.sync().await;
        assert_eq!(visit["sent"], 1, "{visit}");
        if n % 2 == 1 {
            world.relay.terminate().await;
            world.restart_relay().await;
        }
    }
    let bob = &world.people[1];
    bob.sync().await;
    let rows = bob.home.json(&["inbox", "--unread"]).await;
    let came = rows.iter().filter(|row| row["kind"] == "message");
    let came: Vec<_> = came.map(|row| text(row, "text")).collect();
    assert_eq!(came, (0..6).map(line).collect::<Vec<_>>());
}

/// TCP payload of asking what waits, TLS resumed.
const MANIFEST_TCP_MAX: u64 = 1024;

#[tokio::test]
async fn asking_what_a_visit_would_cost_is_1_kib_over_resumed_tls_and_the_visit_then_costs_that() {
    let (world, _agents) = resident_pair().await;
    let [ann, bob] = &world.people[..] else { unreachable!() };
    for n in 0..12 {
        bob.home.run(&["send", "ann", "-m", &line(n)]).await.done();
    }
    bob.home.run(&["send", "ann", "-m", "now", "--urgent"]).await.done();
    bob.sync().await;
    for n in 20..24 {
        ann.home.run(&["send", "bob", "-m", &line(n)]).await.done();
    }
    ann.link.wait_idle().await;
    ann.link.reset_counters();
    let offline = ann.home.one(&["sync", "--dry-run"]).await;
    let passed = ann.link.counters();
    assert_eq!((passed.up, passed.connections), (0, 0), "without --ask nobody is asked");
    assert_eq!((&offline["items"], &offline["asked"]), (&4.into(), &false.into()), "{offline}");

    let asked = ann.home.one(&["sync", "--dry-run", "--ask"]).await;
    ann.link.wait_idle().await;
    let passed = ann.link.counters();
    eprintln!("asking what waits: {passed:?}, {asked}");
    assert!(0 < passed.up && passed.up + passed.down <= MANIFEST_TCP_MAX, "{passed:?}");
    let there = &asked["waiting_there"]["by_kind"];
    assert_eq!(
        (&asked["asked"], &there["message"]["count"]),
        (&true.into(), &13.into()),
        "{asked}"
    );
    assert!(ann.home.json(&["inbox", "--unread"]).await.is_empty(), "nothing was fetched");

    let (visit, passed) = counted(ann).await;
    assert_eq!((&visit["sent"], &visit["received"]), (&4.into(), &13.into()), "{visit}");
    let row = ann.home.json(&["usage"]).await.pop().unwrap();
    let of = |kind: &str| row["by_kind"][kind].as_u64().unwrap();
    let body_up = of("messages_up") + of("control_up");
    // Cursors and the exchange number may take a byte more by now.
    let priced = asked["body_up"].as_u64().unwrap();
    assert!(priced.abs_diff(body_up) <= 2, "priced {priced}, was {body_up}");
    let (most, was) = (asked["bytes"].as_u64().unwrap(), passed.up + passed.down);
    assert!(was <= most && most <= 2 * was, "at most {most}, was {was}");
}

#[tokio::test]
async fn only_what_is_urgent_or_picked_goes_and_the_rest_with_the_next_visit() {
    let (world, _agents) = resident_pair().await;
    let [ann, bob] = &world.people[..] else { unreachable!() };
    for (text, urgent) in [("one", false), ("two", false), ("three", false), ("now", true)] {
        let mut args = vec!["send", "bob", "-m", text];
        args.extend(urgent.then_some("--urgent"));
        ann.home.run(&args).await.done();
    }
    let urgent = ann.home.one(&["sync", "--only", "urgent"]).await;
    assert_eq!(urgent["sent"], 1, "{urgent}");
    let outbox = ann.home.json(&["outbox"]).await;
    let two = outbox.iter().find(|row| row["text"] == "two").unwrap();
    let picked = ann.home.one(&["sync", "--pick", &text(two, "id")]).await;
    assert_eq!(picked["sent"], 1, "{picked}");
    bob.sync().await;
    let rows = bob.home.json(&["inbox", "--unread"]).await;
    let came: Vec<_> =
        rows.iter().filter(|row| row["kind"] == "message").map(|row| text(row, "text")).collect();
    assert_eq!(came, ["now", "two"]);
    let all = ann.home.one(&["sync", "--only", "messages"]).await;
    assert_eq!(all["sent"], 2, "{all}");
    let gone = ann.home.run(&["sync", "--pick", &text(two, "id")]).await;
    assert!(gone.exits(1).stderr.contains("outbox"));
}

#[tokio::test]
async fn the_ledger_knows_what_the_kernel_counted_of_every_visit() {
    let (world, _agents) = resident_pair().await;
    let ann = &world.people[0];
    let (_, passed) = counted(ann).await;
    let row = ann.home.json(&["usage"]).await.pop().unwrap();
    let ip = row["ip_bytes_up"].as_u64().unwrap() + row["ip_bytes_down"].as_u64().unwrap();
    let payload = passed.up + passed.down;
    assert_eq!(row["ip_measured"], cfg!(target_os = "linux"), "{row}");
    // Eight segments at the least, each with 52 bytes of headers.
    assert!((payload + 8 * 52..payload + 20 * 52).contains(&ip), "{row}");
}

#[tokio::test]
async fn http_and_bodies_of_an_exchange_with_nothing_new_are_235_bytes() {
    let world = World::of_two().await;
    let ann = &world.people[0];
    ann.sync().await;
    ann.link.record(true);
    let (_, passed) = counted(ann).await;
    let exchanges = wiretap::exchanges(&ann.link.recorded());
    assert_eq!(exchanges.len(), 1);
    eprintln!("nothing new without TLS: {passed:?}");
    assert!(passed.up + passed.down <= IDLE_HTTP_MAX, "{passed:?}");
    let Exchange { up, down, .. } = &exchanges[0];
    assert!(
        matches!(&up.packets[..], [one] if matches!(one.frames[..], [Frame::Hello(_), Frame::End]))
    );
    assert!(
        matches!(&down.packets[..], [one] if matches!(one.frames[..], [Frame::Welcome(_), Frame::Done]))
    );
}

#[tokio::test]
async fn an_address_of_ordinary_length_stays_within_235_bytes() {
    // `Host: 127.0.0.1:12345` is what the tests pay; a real relay's name may be a few bytes longer.
    let world = World::of_two().await;
    let ann = &world.people[0];
    ann.sync().await;
    let (_, passed) = counted(ann).await;
    let host = world.people[0].link.addr().to_string();
    let real = "relay.example.org";
    let total = passed.up + passed.down + real.len() as u64 - host.len() as u64;
    assert!(total <= IDLE_HTTP_MAX, "{total}");
}

#[tokio::test]
async fn a_hundred_waiting_and_twenty_to_send_are_one_request() {
    let (world, _agents) = resident_pair().await;
    let [ann, bob] = &world.people[..] else { unreachable!() };
    for n in 0..100 {
        bob.home.run(&["send", "ann", "-m", &line(n)]).await.done();
    }
    bob.sync().await;
    for n in 100..120 {
        ann.home.run(&["send", "bob", "-m", &line(n)]).await.done();
    }
    ann.link.set_pace(Pace { delay: ONE_WAY, ..Pace::INSTANT });
    let (visit, passed) = counted(ann).await;
    eprintln!("100 waiting and 20 to send: {passed:?}, {visit}");
    assert_eq!((&visit["received"], &visit["sent"]), (&100.into(), &20.into()), "{visit}");
    assert_eq!((&visit["requests"], passed.connections), (&1.into(), 1));
    assert_eq!(passed.round_trips, 3);
}

#[tokio::test]
async fn an_ordinary_message_has_at_most_four_bytes_of_metadata() {
    let world = World::of_two().await;
    let [ann, bob] = &world.people[..] else { unreachable!() };
    for n in 0..100 {
        bob.home.run(&["send", "ann", "-m", &line(n)]).await.done();
    }
    bob.link.record(true);
    bob.sync().await;
    ann.link.record(true);
    ann.sync().await;
    let up = wiretap::exchanges(&bob.link.recorded());
    let down = wiretap::exchanges(&ann.link.recorded());
    for (what, packets) in [("up", &up[0].up.packets), ("down", &down[0].down.packets)] {
        let per_message = metadata_per_message(packets);
        eprintln!("metadata {what}: {per_message:.2} bytes a message");
        assert!(per_message <= METADATA_MAX, "{what}: {per_message}");
    }
}

/// What packets weigh beyond their bare texts in packets of the same codec, by message.
fn metadata_per_message(packets: &[wire::Packet]) -> f64 {
    let (mut extra, mut count) = (0.0, 0.0);
    for packet in packets {
        let mut bodies = Vec::new();
        let mut here = 0;
        for frame in &packet.frames {
            match frame {
                Frame::Submits(submits) => submits.items.iter().for_each(|item| {
                    bodies.extend_from_slice(&item.body);
                    here += 1;
                }),
                Frame::Deliveries(deliveries) => deliveries.entries.iter().for_each(|entry| {
                    bodies.extend_from_slice(&entry.body);
                    here += 1;
                }),
                _ => {}
            }
        }
        if here > 0 {
            let bare = Frame::Unknown { kind: 250, payload: bodies };
            let bare = BodyWriter::new(Codec::Zstd).draft(&[bare]).unwrap();
            extra += packet.wire_len as f64 - bare.len() as f64;
            count += f64::from(here);
        }
    }
    assert!(count > 0.0, "no message passed");
    extra / count
}

/// A line of chat.
fn line(n: usize) -> String {
    const OPENINGS: [&str; 10] = [
        "Are you still coming on",
        "I cannot make it on",
        "The ferry does not sail on",
        "Shall we have lunch on",
        "They promised rain for",
        "My sister arrives on",
        "Could you water the plants on",
        "The shop is shut on",
        "We play against the others on",
        "Please send me the list before",
    ];
    const DAYS: [&str; 4] = ["Monday", "Wednesday evening", "Saturday", "the first of May"];
    const ENDS: [&str; 3] = ["?", ", as far as I know.", " :)"];
    format!("{} {}{}", OPENINGS[n % 10], DAYS[n / 10 % 4], ENDS[n / 40])
}

#[tokio::test]
async fn a_conversation_over_a_satellite_phone_works_and_nothing_times_out() {
    let world = World::of_two().await;
    talk::compose(&world, 0..3).await;
    for person in &world.people {
        // Ten times as fast as iridium, with its shape: the test asserts that slow is enough.
        person.link.set_pace(Pace::new(3000, 3000, 65));
    }
    talk::settle(&world).await;
    talk::assert_all_once(&world, 3).await;
    let status = world.people[0].home.one(&["status"]).await;
    assert!(!text(&status, "account").is_empty());
}
