//! A request that goes with TLS's first packet: cut at every byte, within any budget, sent again by somebody else, sent in
//! its author's place, held back, refused, and said to who is not the relay.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agent::account::How;
use agent::link::{Client, LinkError, Meter, RelayUrl, TlsFault, TlsSettings};
use agent::store::Clock;
use agent::sync::SyncError;
use bytes::Bytes;
use config::agent::KeyTrust;
use config::relay::OwnKey;
use harness::inside::{InsideAgent, InsideRelay};
use harness::link::{CutPlan, Direction, Link};
use harness::rng::Rng;
use harness::tls::TestCertificates;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Ann, who calls with early data over a link, and Bob, who hears her, at a relay that has a key of its own.
struct Scene {
    dir: TempDir,
    certificates: TestCertificates,
    relay: InsideRelay,
    link: Link,
    /// Through the link, and past it.
    clients: [Client; 2],
    ann: InsideAgent,
    bob: InsideAgent,
    said: Vec<String>,
}

/// A directory whose writes cost nothing, where there is one.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    dir.unwrap()
}

impl Scene {
    async fn new() -> Self {
        let dir = directory();
        let certificates = TestCertificates::write(dir.path()).unwrap();
        let relay =
            InsideRelay::start_open_with(&dir.path().join("relay"), Some(&certificates)).await;
        let link = Link::start(relay.addr());
        let clients = [link.addr(), relay.addr()].map(|addr| {
            let url = RelayUrl::parse(&format!("https://{addr}"), false).unwrap();
            let ca = Some(certificates.ca.clone());
            Client::new(url, TlsSettings { ca, early_data: true, ..TlsSettings::default() })
        });
        let join = How::Join { code: String::new() };
        let admitted = async |who: &str, client: &Client| {
            InsideAgent::admitted(&dir.path().join(who), client, &join, who).await
        };
        let ann = admitted("ann", &clients[0]).await;
        let bob = admitted("bob", &clients[1]).await;
        InsideAgent::acquaint(&ann, "bob", &bob, &clients[1]).await;
        Self { dir, certificates, relay, link, clients, ann, bob, said: Vec::new() }
    }

    /// Ann writes something.
    fn writes(&mut self, text: &str) {
        let text = format!("{} {text}", self.said.len());
        self.ann.send("bob", &text);
        self.said.push(text);
    }

    /// A visit of hers, which has to end well; whether it went early.
    async fn visit(&self) -> bool {
        let (ended, early) = self.try_visit(&Meter::new(None)).await;
        ended.unwrap();
        early
    }

    async fn try_visit(&self, meter: &Meter) -> (Result<(), SyncError>, bool) {
        let (ended, early) = self.ann.visit_told(&self.clients[0], meter).await;
        (ended.map(drop), early)
    }

    /// Another Ann's clock for the same way: her sessions begin anew, and what she knows of the relay's keys stays.
    fn by_hand(&mut self, key: KeyTrust) -> Arc<AtomicI64> {
        let (clock, hand) = Clock::by_hand(
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap(),
        );
        let before = &self.clients[0];
        let ca = Some(self.certificates.ca.clone());
        let tls = TlsSettings { ca, key, early_data: true, ..TlsSettings::default() };
        let known = before.key_to_keep();
        let client = Client::with_clock(before.url().clone(), tls, clock);
        self.clients[0] = client.recalling(known.as_ref()).unwrap();
        hand
    }

    /// Calls until the next visit will go early: the one before it makes the whole handshake.
    async fn prepare(&self) {
        while self.visit().await {}
        self.link.wait_idle().await;
    }

    /// All that Ann said is with Bob, once and in order.
    async fn assert_all_once(&self) {
        self.bob.visit_within(&self.clients[1], &Meter::new(None)).await.unwrap();
        assert_eq!(self.bob.received(), self.said);
    }

    /// The relay is started anew on its data.
    async fn restarted(self) -> Self {
        let Self { dir, certificates, relay, link, ann, bob, said, clients } = self;
        relay.shutdown().await;
        let relay =
            InsideRelay::start_open_with(&dir.path().join("relay"), Some(&certificates)).await;
        link.set_target(relay.addr());
        let url = RelayUrl::parse(&format!("https://{}", relay.addr()), false).unwrap();
        let ca = Some(certificates.ca.clone());
        let direct = Client::new(url, TlsSettings { ca, ..TlsSettings::default() });
        let [near, _] = clients;
        Self { dir, certificates, relay, link, clients: [near, direct], ann, bob, said }
    }
}

/// Says these bytes on a connection of its own, hears something, and hangs up; all that comes back until the relay has no
/// more to say.
async fn say(to: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(bytes).await?;
    let mut heard = Vec::new();
    stream.read_buf(&mut heard).await?;
    stream.shutdown().await?;
    // A reset after what was said is as good as an end.
    let _ = stream.read_to_end(&mut heard).await;
    Ok(heard)
}

/// Whether these are whole records of TLS, the last of them one of data.
fn is_flight(mut bytes: &[u8]) -> bool {
    const HEADER: usize = 5;
    const DATA: u8 = 0x17;
    let mut last = 0;
    while HEADER <= bytes.len() {
        let len = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
        let Some(rest) = bytes.get(HEADER + len..) else { return false };
        (last, bytes) = (bytes[0], rest);
    }
    bytes.is_empty() && last == DATA
}

/// Lets Ann call somebody who takes down what she says and hangs up; what she said.
async fn intercepted(scene: &Scene) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    scene.link.set_target(listener.local_addr().unwrap());
    let listening = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut flight = Vec::new();
        while !is_flight(&flight) {
            assert_ne!(stream.read_buf(&mut flight).await.unwrap(), 0, "{} bytes", flight.len());
        }
        flight
    };
    let meter = Meter::new(None);
    let (flight, (ended, early)) = tokio::join!(listening, scene.try_visit(&meter));
    assert!(early && matches!(ended, Err(SyncError::Link(LinkError::Cut { .. }))), "{ended:?}");
    scene.link.set_target(scene.relay.addr());
    flight
}

#[tokio::test]
async fn a_flight_sent_again_by_anybody_is_carried_out_by_no_relay_however_it_is_sent() {
    let mut scene = Scene::new().await;
    scene.prepare().await;
    scene.writes("once");
    scene.link.record(true);
    assert!(scene.visit().await);
    scene.link.wait_idle().await;
    let flight = scene.link.recorded().remove(0).up;
    assert!(is_flight(&flight));
    for anew in [false, true] {
        if anew {
            scene = scene.restarted().await;
        }
        let (requests, commits) = (scene.relay.requests(), scene.relay.store().commits());
        // One after the other, and many at once.
        for at_once in [1, 1, 8] {
            let mut saying = JoinSet::new();
            for _ in 0..at_once {
                let (to, flight) = (scene.relay.addr(), flight.clone());
                saying.spawn(async move { say(to, &flight).await.unwrap().len() });
            }
            for heard in saying.join_all().await {
                assert!(heard < 1_200, "{heard} bytes are more than a handshake's answer");
            }
        }
        assert_eq!(scene.relay.requests(), requests, "it was carried out");
        assert_eq!(scene.relay.store().commits(), commits);
    }
    scene.assert_all_once().await;
}

#[tokio::test]
async fn a_flight_that_reaches_the_relay_by_another_hand_first_is_carried_out_once() {
    let mut scene = Scene::new().await;
    for (rounds, copies) in [1, 2, 8].into_iter().enumerate() {
        scene.prepare().await;
        scene.writes("by another hand");
        let flight = intercepted(&scene).await;
        let requests = scene.relay.requests();
        let mut saying = JoinSet::new();
        for _ in 0..copies {
            let (to, flight) = (scene.relay.addr(), flight.clone());
            saying.spawn(async move { say(to, &flight).await.unwrap() });
        }
        saying.join_all().await;
        assert_eq!(scene.relay.requests(), requests + 1, "round {rounds}: of {copies} copies one");
        scene.visit().await;
        scene.assert_all_once().await;
    }
}

#[tokio::test]
async fn a_flight_held_back_until_later_visits_were_made_changes_nothing() {
    let mut scene = Scene::new().await;
    for later in [1, 2, 5] {
        scene.prepare().await;
        scene.writes("held back");
        let flight = intercepted(&scene).await;
        for _ in 0..later {
            scene.visit().await;
            scene.writes("meanwhile");
        }
        let (requests, commits) = (scene.relay.requests(), scene.relay.store().commits());
        say(scene.relay.addr(), &flight).await.unwrap();
        assert_eq!(scene.relay.requests(), requests + 1, "the ticket was not used yet");
        assert_eq!(scene.relay.store().commits(), commits, "an older exchange changes nothing");
        // Nobody takes Ann for a copy of herself.
        scene.visit().await;
        scene.assert_all_once().await;
    }
}

#[tokio::test]
async fn a_flight_that_the_relay_does_not_take_goes_again_once_on_the_same_connection() {
    let mut scene = Scene::new().await;
    let mut rng = Rng::logged("early", 1);
    for messages in [0, 1, 3, 6, 20] {
        scene.prepare().await;
        for _ in 0..messages {
            let text: String = rng.bytes(1_000).iter().map(|byte| format!("{byte:02x}")).collect();
            scene.writes(&text);
        }
        scene = scene.restarted().await;
        scene.link.reset_counters();
        let before = scene.relay.requests();
        assert!(!scene.visit().await, "a relay that was started anew takes nothing early");
        scene.link.wait_idle().await;
        let passed = scene.link.counters();
        assert_eq!(
            (passed.connections, scene.relay.requests() - before),
            (1, 1),
            "{messages}: {passed:?}"
        );
        scene.assert_all_once().await;
    }
}

#[tokio::test]
async fn early_visits_cut_at_every_byte_lose_and_double_nothing() {
    let mut scene = Scene::new().await;
    let mut early = 0;
    for direction in Direction::BOTH {
        let mut at = 0;
        loop {
            scene.prepare().await;
            scene.writes("cut");
            scene.link.plan([CutPlan::at(direction, at)]);
            let (ended, was_early) = scene.try_visit(&Meter::new(None)).await;
            early += usize::from(was_early);
            scene.link.wait_idle().await;
            if ended.is_ok() {
                break;
            }
            assert!(
                matches!(ended, Err(SyncError::Link(LinkError::Cut { .. }))),
                "{at}: {ended:?}"
            );
            at += 1;
        }
        eprintln!("{direction:?}: {at} cuts");
        assert!(200 < at, "{direction:?}: whole after {at} bytes");
        scene.visit().await;
        scene.assert_all_once().await;
    }
    assert!(400 < early, "{early}");
}

#[tokio::test]
async fn invariant_15_a_budget_that_ends_anywhere_in_an_early_flight_holds() {
    let scene = Scene::new().await;
    let (token, body) = ("AbCdEfGhIjKlMnOpQrStUv", Bytes::from_static(&[7; 200]));
    let mut budget = 0;
    loop {
        scene.prepare().await;
        scene.link.reset_counters();
        let meter = Meter::new(Some(budget));
        // Below what plans a visit, which would not begin one with so little.
        let asked = async {
            let mut connection = scene.clients[0].connect_to_exchange(&meter).await?;
            assert!(connection.is_early());
            let mut answer = connection.post_sync(token, body.clone(), Duration::ZERO).await?;
            answer.whole(1_000).await.map(|_| answer.status())
        };
        let asked = asked.await;
        scene.link.wait_idle().await;
        let passed = scene.link.counters();
        // What the relay said and nobody read was not asked for.
        assert!(passed.up <= meter.up() && meter.up() + meter.down() <= budget, "{meter:?}");
        match asked {
            Ok(status) => break assert_eq!(status, 401),
            Err(LinkError::BudgetSpent) => budget += 1,
            Err(other) => panic!("{budget}: {other:?}"),
        }
    }
    assert!(800 < budget, "{budget}");
}

#[tokio::test]
async fn who_is_not_the_relay_reads_nothing_of_an_early_visit_which_says_who_was_there() {
    let mut scene = Scene::new().await;
    for (own_key, expected) in
        [(OwnKey::Beside, TlsFault::KeyChanged), (OwnKey::Off, TlsFault::KeyMissing)]
    {
        scene.prepare().await;
        scene.writes("secret");
        // With a certificate that Ann's computer trusts.
        let other = directory();
        let impostor =
            InsideRelay::start_open_keyed(other.path(), Some(&scene.certificates), own_key).await;
        scene.link.set_target(impostor.addr());
        for early in [true, false] {
            let (ended, was_early) = scene.try_visit(&Meter::new(None)).await;
            let Err(SyncError::Link(LinkError::Tls { fault, .. })) = ended else {
                panic!("{ended:?}")
            };
            assert_eq!((fault, was_early, impostor.requests()), (expected, early, 0));
        }
        scene.link.set_target(scene.relay.addr());
        scene.visit().await;
        scene.assert_all_once().await;
        impostor.shutdown().await;
    }
}

#[tokio::test]
async fn tickets_that_are_over_or_come_from_another_year_cost_a_handshake_and_no_visit() {
    const DAY: i64 = 86_400;
    let mut scene = Scene::new().await;
    // A relay that is known by its key, and one that is known by its certificate.
    for key in [KeyTrust::Pin, KeyTrust::Ignore] {
        let hand = scene.by_hand(key);
        // A laptop that was off for about as long as tickets live, and longer; a clock that is set, and set right again. A
        // ticket that looks older than the relay knows it to be is resumed by, and nothing is taken early with it.
        for (jump, early) in [
            (DAY - 60, false),
            (DAY + 60, false),
            (30 * DAY, false),
            (-365 * DAY, true),
            (365 * DAY, false),
            (-80 * 365 * DAY, true),
        ] {
            scene.prepare().await;
            scene.writes("after the jump");
            hand.fetch_add(jump, SeqCst);
            scene.link.reset_counters();
            let before = scene.relay.requests();
            assert_eq!(scene.visit().await, early, "{key:?}, {jump}");
            scene.link.wait_idle().await;
            let passed = scene.link.counters();
            let asked = scene.relay.requests() - before;
            assert_eq!((passed.connections, asked), (1, 1), "{key:?}, {jump}: {passed:?}");
            scene.assert_all_once().await;
        }
    }
}
