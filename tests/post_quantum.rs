//! The post-quantum key exchange: on which links it goes, what it costs there, and what becomes of sessions that are resumed
//! where it does not go.

use std::time::Duration;

use agent::link::{Client, Connection, Meter, RelayUrl, TlsSettings};
use bytes::Bytes;
use harness::inside::InsideRelay;
use harness::link::{Counters, Link, Pace, Recorded};
use harness::relay::RelayOptions;
use harness::tls::TestCertificates;
use harness::world::{Person, World};
use rustls::NamedGroup;

const BOTH: NamedGroup = NamedGroup::X25519MLKEM768;
/// Long enough for what talks at once not to look like an answer.
const ONE_WAY: Duration = Duration::from_millis(40);
/// The extension of a relay's hello that holds its share: what it is, and how long, and of which group, and how long.
const TAKEN: [u8; 8] = [0, 51, 4, 100, 0x11, 0xec, 4, 96];

/// Whether the hello of this connection offers it, and whether the relay takes it.
fn seen(recorded: &Recorded) -> (bool, bool) {
    let is_offered = tls::first_share(&recorded.up, &[BOTH]).is_some();
    (is_offered, recorded.down.windows(TAKEN.len()).any(|bytes| bytes == TAKEN))
}

#[tokio::test]
async fn it_goes_over_links_that_are_known_to_cost_nothing_and_spares_all_others() {
    const FREE: &str = "[[link]]\nname = \"home\"\nmetered = false";
    let cases = [
        ("ann", String::new(), false),
        ("bob", FREE.replace("false", "true"), false),
        ("carl", FREE.to_owned(), true),
        ("dora", format!("{FREE}\nquota = \"100 MiB\""), false),
        ("emil", format!("{FREE}\nrate = \"9600 bit/s\""), false),
        ("fay", format!("[sync]\nbudget = \"1 MiB\"\n{FREE}"), false),
        ("gus", format!("[tls]\npost_quantum = \"never\"\n{FREE}"), false),
        ("hal", "[tls]\npost_quantum = \"always\"".to_owned(), true),
    ];
    let mut world = World::empty(&RelayOptions::tls()).await;
    for (name, settings, expected) in &cases {
        world.relay.account(name).await;
        let person = world.stranger(name);
        person.home.add_settings(settings);
        person.link.record(true);
        person.home.login(&world.url(&person.link), name, world.ca()).await.done();
        // A budget is a visit's, and bounds no login.
        let expected_of_login = *expected || *name == "fay";
        let logged_in = person.link.recorded();
        assert!(!logged_in.is_empty());
        for recorded in logged_in {
            assert_eq!(seen(&recorded), (expected_of_login, expected_of_login), "{name}, login");
        }
        world.people.push(person);
    }
    for (person, (name, _, expected)) in world.people.iter().zip(&cases) {
        let mut agent = person.home.resident().await;
        for _ in 0..3 {
            person.sync().await;
        }
        person.link.wait_idle().await;
        let recorded = person.link.recorded();
        let visits = &recorded[recorded.len() - 3..];
        for (at, recorded) in visits.iter().enumerate() {
            assert_eq!(seen(recorded), (*expected, *expected), "{name}, visit {at}");
        }
        agent.terminate().await;
        let doctor = person.home.run(&["doctor"]).await.done().stdout;
        // It makes no visit either.
        let expected = *expected || *name == "fay";
        assert_eq!(doctor.contains("post-quantum key exchange"), expected, "{name}: {doctor}");
    }
}

async fn counted(person: &Person) -> Counters {
    person.link.wait_idle().await;
    person.link.reset_counters();
    let visit = person.sync().await;
    person.link.wait_idle().await;
    let passed = person.link.counters();
    assert_eq!((&visit["requests"], passed.connections), (&1.into(), 1));
    assert_eq!(
        (&visit["bytes_up"], &visit["bytes_down"]),
        (&passed.up.into(), &passed.down.into())
    );
    passed
}

#[tokio::test]
async fn it_costs_its_bytes_and_no_round_trip_early_or_not() {
    const MOST: u64 = 1_000 + tls::HYBRID_MORE as u64;
    let world = World::new(&RelayOptions::tls(), &["ann"]).await;
    let ann = &world.people[0];
    ann.home.add_settings("[[link]]\nname = \"home\"\nmetered = false");
    let _agent = ann.home.resident().await;
    ann.sync().await;
    ann.sync().await;
    ann.link.set_pace(Pace { delay: ONE_WAY, ..Pace::INSTANT });
    let mut round_trips = Vec::new();
    for _ in 0..6 {
        let passed = counted(ann).await;
        eprintln!("nothing new with the post-quantum key exchange: {passed:?}");
        assert!(passed.up + passed.down <= MOST, "{passed:?}");
        round_trips.push(passed.round_trips);
    }
    round_trips.sort_unstable();
    assert_eq!(round_trips, [2, 2, 2, 3, 3, 3]);
}

/// A connection for an exchange, and what it came to.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    early: bool,
    resumed: bool,
    offered: bool,
    post_quantum: bool,
}

async fn call(client: &Client, link: &Link) -> Call {
    link.wait_idle().await;
    link.record(true);
    let connection = client.connect_to_exchange(&Meter::new(None)).await.unwrap();
    called(connection, link).await
}

async fn called(mut connection: Connection, link: &Link) -> Call {
    let body = Bytes::from_static(&[7; 20]);
    let mut answer =
        connection.post_sync("AbCdEfGhIjKlMnOpQrStUv", body, Duration::ZERO).await.unwrap();
    answer.whole(1_000).await.unwrap();
    let call = Call {
        early: connection.is_early(),
        resumed: connection.tls_resumed().unwrap(),
        offered: false,
        post_quantum: connection.is_post_quantum().unwrap(),
    };
    drop(connection);
    link.wait_idle().await;
    let offered = seen(link.recorded().last().unwrap()).0;
    Call { offered, ..call }
}

#[tokio::test]
async fn what_goes_early_where_it_is_offered_goes_back_to_it_and_other_links_gain_by_it_for_nothing()
 {
    let dir = tempfile::tempdir().unwrap();
    let certificates = TestCertificates::write(dir.path()).unwrap();
    let start = || InsideRelay::start_open_with(dir.path(), Some(&certificates));
    let relay = start().await;
    let link = Link::start(relay.addr());
    let url = RelayUrl::parse(&format!("https://{}", link.addr()), false).unwrap();
    let ca = Some(certificates.ca.clone());
    let dear = Client::new(url, TlsSettings { ca, early_data: true, ..TlsSettings::default() });
    let ample = dear.over_ample(true);
    let calls = async |client: &Client, count: usize| {
        let mut calls = Vec::new();
        for _ in 0..count {
            let Call { early, resumed, offered, post_quantum } = call(client, &link).await;
            calls.push((early, resumed, offered, post_quantum));
        }
        calls
    };
    let (yes, no) = (true, false);
    // Early or not, resumed or not, offered or not, safe by it or not.
    assert_eq!(calls(&dear, 3).await, [(no, no, no, no), (yes, yes, no, no), (no, yes, no, no)]);
    // Two tickets are there, and neither is good for what goes early here. The calls after it have better ones.
    assert_eq!(
        calls(&ample, 4).await,
        [(no, yes, yes, yes), (yes, yes, yes, yes), (no, yes, yes, yes), (yes, yes, yes, yes)]
    );
    // They are good for other links too, for as long as sessions go on from them.
    let on = calls(&dear, 6).await;
    assert!(on.iter().all(|call| *call == (call.0, yes, no, yes)), "{on:?}");
    assert!(on.iter().filter(|call| call.0).count() >= 2, "{on:?}");
    // A relay that was started anew knows none.
    relay.shutdown().await;
    let relay = start().await;
    link.set_target(relay.addr());
    let anew = calls(&dear, 3).await;
    assert!(anew.iter().all(|call| !call.3), "{anew:?}");
    // Tickets that are newer and not safe are no better than safe ones that the relay does not know any more.
    let whole = async |client: &Client| {
        let connection = client.connect(&Meter::new(None)).await.unwrap();
        called(connection, &link).await.post_quantum
    };
    for _ in 0..4 {
        assert!(whole(&ample).await);
    }
    relay.shutdown().await;
    let relay = start().await;
    link.set_target(relay.addr());
    assert!(!whole(&dear).await);
    assert_eq!(calls(&ample, 1).await, [(no, yes, yes, yes)]);
    relay.shutdown().await;
}
