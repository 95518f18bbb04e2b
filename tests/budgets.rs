//! Invariant 15: bytes at the socket never exceed the budget, over 10,000 random visits: handshakes and headers count,
//! attempts that fail count, and it holds whatever the relay does. Nor do bytes of IP packets exceed what a quota leaves. And what is said about messages goes before them.
//!
//! Everything runs in this process, on files in memory, several homes at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent::account::How;
use agent::link::{Client, Meter, RelayUrl, TlsSettings};
use harness::inside::{InsideAgent, InsideRelay};
use harness::link::{CutPlan, Link};
use harness::rng::Rng;
use harness::tls::TestCertificates;
use harness::wiretap;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use wire::{BodyReader, BodyWriter, Codec, Delivery, Frame, Hello, Lane, Welcome};

/// Visits to a relay that keeps the rules, over links that do not, and to one that lies.
const HONEST: usize = 4_000;
const LYING: usize = 6_000;
/// Homes that call side by side.
const HOMES: usize = 4;
/// Attempts in one visit, all of them within its budget.
const ATTEMPTS: usize = 3;

/// A directory whose writes cost nothing, where there is one.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    dir.unwrap()
}

/// Mostly what settings accept, from 12 KiB on; sometimes so little that hardly a handshake fits.
fn budget(rng: &mut Rng) -> u64 {
    match rng.below(4) {
        0 => rng.range(1..3_000),
        1 => rng.range(3_000..12 << 10),
        2 => 12 << 10,
        _ => rng.range(12 << 10..30 << 10),
    }
}

fn text(rng: &mut Rng) -> String {
    let len = if rng.chance(10) { rng.range(1_000..8_000) } else { rng.range(1..300) };
    rng.bytes(len as usize / 2 + 1).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tls(ca: &Path) -> TlsSettings {
    TlsSettings { ca: Some(ca.to_owned()), early_data: true, ..TlsSettings::default() }
}

/// One visit: some attempts within one budget.
async fn visit(agent: &InsideAgent, client: &Client, budget: u64, quota: Option<u64>) -> Meter {
    let meter = Meter::within(Some(budget), quota);
    for _ in 0..ATTEMPTS {
        if agent.visit_within(client, &meter).await.is_ok() {
            break;
        }
    }
    assert!(meter.up() + meter.down() <= budget, "{} + {}", meter.up(), meter.down());
    let ip = meter.ip_bytes();
    assert!(quota.is_none_or(|quota| ip.sum() <= quota), "{ip:?} of {quota:?}");
    meter
}

/// What the link's quota leaves, where it has one: all headers count.
fn quota(rng: &mut Rng) -> Option<u64> {
    match rng.below(3) {
        0 => Some(rng.range(1..60_000)),
        _ => None,
    }
}

/// The place of a frame's kind in the order of a body.
fn rank(frame: &Frame) -> u32 {
    match frame {
        Frame::Hello(_) | Frame::Welcome(_) => 0,
        Frame::Marks(_) | Frame::Answered(_) => 1,
        Frame::Latest(_) => 2,
        Frame::Deliveries(mail) if mail.lane == Lane::Urgent => 3,
        Frame::Submits(_) | Frame::Deliveries(_) => 4,
        _ => 5,
    }
}

/// What is said about messages stands before all messages, in both directions.
fn assert_control_first(link: &Link) {
    for exchange in wiretap::exchanges(&link.recorded()) {
        for body in [&exchange.up, &exchange.down] {
            let frames = || body.packets.iter().flat_map(|packet| &packet.frames);
            assert!(frames().is_sorted_by_key(rank), "{:?}", frames().collect::<Vec<_>>());
        }
    }
}

/// One home's visits to a relay that keeps the rules; gives how many of them were of any use.
async fn call_honest(seed: u64, visits: usize, name: String, secure: bool) -> usize {
    let mut rng = Rng::new(seed);
    let dir = directory();
    let certificates = TestCertificates::write(dir.path()).unwrap();
    let data = dir.path().join("relay");
    let relay = InsideRelay::start_open_with(&data, secure.then_some(&certificates)).await;
    let link = Link::start(relay.addr());
    let client_of = |addr| {
        let scheme = if secure { "https" } else { "http" };
        let url = RelayUrl::parse(&format!("{scheme}://{addr}"), false).unwrap();
        Client::new(url, tls(&certificates.ca))
    };
    let (client, direct) = (client_of(link.addr()), client_of(relay.addr()));
    let join = How::Join { code: String::new() };
    let mut homes = Vec::new();
    for who in [name.as_str(), "peer"] {
        homes.push(InsideAgent::admitted(&dir.path().join(who), &direct, &join, who).await);
    }
    let [ann, bob] = &homes[..] else { panic!("two people") };
    InsideAgent::acquaint(ann, "peer", bob, &direct).await;

    let mut useful = 0;
    for at in 0..visits {
        if rng.chance(30) {
            ann.send("peer", &text(&mut rng));
        }
        if at % 8 == 0 {
            (0..rng.range(1..12)).for_each(|_| bob.send(&name, &text(&mut rng)));
            bob.visit_within(&direct, &Meter::new(None)).await.unwrap();
        }
        if rng.chance(30) {
            let plans = 1 + rng.below(ATTEMPTS as u64);
            link.plan((0..plans).map(|_| CutPlan::random(&mut rng, 4_000, 8_000)));
        }
        link.reset_counters();
        link.record(!secure && at % 5 == 0);
        let budget = budget(&mut rng);
        let quota = quota(&mut rng);
        let meter = visit(ann, &client, budget, quota).await;
        link.wait_idle().await;
        // Nobody's word for it: what passed the line.
        let passed = link.counters();
        assert!(passed.up + passed.down <= budget, "{passed:?} of {budget}, {meter:?}");
        useful += usize::from(meter.down() > 0);
        assert_control_first(&link);
        link.clear_plans();
    }
    relay.shutdown().await;
    useful
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_15_thousands_of_visits_over_bad_links_stay_within_their_budgets() {
    let mut rng = Rng::logged("budgets", 15);
    let mut calling = JoinSet::new();
    for home in 0..HOMES {
        let (seed, name) = (rng.next_u64(), format!("ann{home}"));
        calling.spawn(call_honest(seed, HONEST / HOMES, name, home % 2 == 0));
    }
    let useful: usize = calling.join_all().await.into_iter().sum();
    assert!(HONEST / 2 < useful, "only {useful} visits heard anything");
}

/// Answers whatever comes into its head.
struct Liar {
    addr: std::net::SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl Liar {
    async fn start(seed: u64, certificates: Option<&TestCertificates>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let acceptor = certificates.map(|certificates| {
            tokio_rustls::TlsAcceptor::from(Arc::new(certificates.server_config().unwrap()))
        });
        let mut rng = Rng::new(seed);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, rng) = (acceptor.clone(), rng.fork());
                // However a connection ends is its own matter.
                tokio::spawn(async move {
                    match acceptor {
                        None => lie(stream, rng).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                lie(stream, rng).await;
                            }
                        }
                    }
                });
            }
        });
        Self { addr, _serving: AbortOnDropHandle::new(serving) }
    }
}

/// One connection: reads requests, or does not, and says far more than it was asked for.
async fn lie(mut stream: impl AsyncRead + AsyncWrite + Unpin, mut rng: Rng) {
    let mut received = Vec::new();
    loop {
        let Some(hello) = (if rng.chance(5) {
            Some(Hello::default())
        } else {
            hello(&mut stream, &mut received).await
        }) else {
            return;
        };
        let Answer { bytes, again, is_whole } = answer(&hello, &mut rng);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
        if again.is_empty() {
            // Nobody is kept waiting here: patience has tests of its own.
            if is_whole && rng.chance(70) {
                continue;
            }
            return;
        }
        while stream.write_all(&again).await.is_ok() {}
        return;
    }
}

/// The Hello of the next request, when it has come whole.
async fn hello(stream: &mut (impl AsyncRead + Unpin), received: &mut Vec<u8>) -> Option<Hello> {
    loop {
        if let Some(head) = harness::link::head_len(received) {
            let text = String::from_utf8_lossy(&received[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let len = head + length.map_or(0, |length| length.trim().parse::<usize>().unwrap());
            if len <= received.len() {
                let mut reader = BodyReader::new();
                reader.push(&received[head..len]);
                let packet = reader.next().unwrap().unwrap();
                received.drain(..len);
                let Some(Frame::Hello(hello)) = packet.frames.into_iter().next() else {
                    panic!("a body begins with Hello");
                };
                return Some(hello);
            }
        }
        if let Ok(0) | Err(_) = stream.read_buf(received).await {
            return None;
        }
    }
}

/// An answer, and what comes behind it for ever, if anything.
struct Answer {
    bytes: Vec<u8>,
    again: Vec<u8>,
    /// It is as long as it says.
    is_whole: bool,
}

fn answer(hello: &Hello, rng: &mut Rng) -> Answer {
    let mut writer = BodyWriter::new(Codec::None);
    let mut body = writer.preamble().to_vec();
    let x = if rng.chance(10) { rng.next_u64() >> 8 } else { hello.x };
    let k = if rng.chance(10) { rng.below(1_000) } else { hello.told };
    let welcome = Frame::Welcome(Welcome { x, now_s: 1_800_000_000, k, limits: None });
    body.extend(writer.packet(&[welcome]).unwrap());
    writer.sent();
    // Far over the budget that Hello names.
    for packet in 1..=rng.below(20) {
        let deliveries = Frame::Deliveries(wire::Deliveries {
            lane: Lane::Ordinary,
            entries: vec![Delivery {
                position: hello.cursors.of(Lane::Ordinary) + packet,
                conversation: 5,
                author: 9,
                account: 8,
                n: 1 + rng.below(1 << 40),
                c: hello.cursors.of(Lane::Ordinary) + packet,
                kind: wire::kind::TEXT,
                age_s: 0,
                body: text(rng).into_bytes(),
            }],
        });
        body.extend(writer.packet(&[deliveries]).unwrap());
        writer.sent();
    }
    if rng.chance(50) {
        body.extend(writer.packet(&[Frame::Done]).unwrap());
    }
    let length = match rng.below(3) {
        0 => body.len(),
        1 => body.len() / 2,
        _ => body.len() * 2,
    };
    let is_whole = length == body.len();
    let with_length = |length| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let endless = |bytes: &[u8], again: &[u8]| Answer {
        bytes: bytes.to_vec(),
        again: again.to_vec(),
        is_whole: false,
    };
    match rng.below(8) {
        0 => endless(&rng.bytes(1_000), &rng.bytes(999)),
        1 => endless(b"HTTP/1.1 200 OK\r\n", b"X-Endless: yes\r\n"),
        2 => endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        3 => endless(&[&b"HTTP/1.1 200 OK\r\n\r\n"[..], &body].concat(), &rng.bytes(500)),
        4 => endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nnoise\r\n"),
        _ => {
            let bytes = [with_length(length).as_bytes(), &body].concat();
            Answer { bytes, again: Vec::new(), is_whole }
        }
    }
}

/// One home's visits to a relay that lies; gives how many of them heard anything.
async fn call_lying(seed: u64, visits: usize, secure: bool) -> usize {
    let mut rng = Rng::new(seed);
    let dir = directory();
    let certificates = TestCertificates::write(dir.path()).unwrap();
    let liar = Liar::start(rng.next_u64(), secure.then_some(&certificates)).await;
    let scheme = if secure { "https" } else { "http" };
    let url = RelayUrl::parse(&format!("{scheme}://{}", liar.addr), false).unwrap();
    let client = Client::new(url, tls(&certificates.ca));
    let home = |at: usize| -> PathBuf { dir.path().join(format!("home{at}")) };
    let mut agent = InsideAgent::invented(&home(0));
    let mut useful = 0;
    for at in 0..visits {
        // Lies pile up, and another home has heard none yet.
        if at % 100 == 99 {
            agent = InsideAgent::invented(&home(at));
        }
        if rng.chance(20) {
            let greeting: String = text(&mut rng).chars().take(400).collect();
            agent.ask(&format!("p{at}"), &greeting);
        }
        useful +=
            usize::from(visit(&agent, &client, budget(&mut rng), quota(&mut rng)).await.down() > 0);
    }
    useful
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_15_thousands_of_visits_to_a_lying_relay_stay_within_their_budgets() {
    let mut rng = Rng::logged("budgets", 16);
    let mut calling = JoinSet::new();
    for home in 0..HOMES {
        calling.spawn(call_lying(rng.next_u64(), LYING / HOMES, home % 4 == 0));
    }
    let useful: usize = calling.join_all().await.into_iter().sum();
    assert!(LYING / 2 < useful, "only {useful} visits heard anything");
}
