//! Whole visits, with what they start.

use std::{path::Path, time::Duration};

use config::agent::{Link, QUOTA_LEAST};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
};

use wire::{Answered, BodyReader, BodyWriter, Codec, Frame, Run, Welcome};

use super::*;
use crate::{
    link::ATTEMPT_BYTES,
    schedule::TRY_LEAST,
    store::{VisitBegin, VisitEnd},
    sync::Bound,
};

/// Who visits this relay, from a folder of their own.
fn visitor(dir: &Path, relay: &str, settings: AgentSettings) -> Arc<Visitor> {
    let paths = AgentPaths::new(Some(dir), &config::Env::default()).unwrap();
    let store = Store::open(&paths.store, crate::store::Options::default()).unwrap();
    let account = Account {
        relay: relay.to_owned(),
        name: "ann".to_owned(),
        account: 7,
        device: 70,
        token: config::Secret::new("AAAAAAAAAAAAAAAAAAAAAA"),
        ca: None,
        relay_key: None,
    };
    store.log_in(&crate::cli::ask::identity(&account), None).unwrap();
    let (settings, env) = (Arc::new(settings), config::Env::default());
    let client = crate::cli::account::client(&account, &settings, &env).unwrap();
    let (_told, link) = watch::channel(LinkState::default());
    Arc::new(Visitor::new(paths, settings, account, client, store, link))
}

fn trying_again(visit_retries: u32) -> AgentSettings {
    let mut settings = AgentSettings::default();
    settings.sync.visit_retries = visit_retries;
    settings
}

/// Something at a relay's place that hands over each connection behind its request, and that; and where it is.
async fn listen() -> (String, mpsc::Receiver<(TcpStream, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = request(&mut stream).await;
            if tell.send((stream, request)).await.is_err() {
                return;
            }
        }
    });
    (url, asked)
}

/// Reads one request to its end.
async fn request(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the request ends early");
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if head + 4 + length.parse::<usize>().unwrap() <= bytes.len() {
            return bytes;
        }
    }
}

/// A visit to a relay that takes each request and hangs up; gives its report, and the bytes of each attempt.
async fn visit_in_vain(visit_retries: u32, call: Call) -> (Report, Vec<u64>) {
    let dir = tempfile::tempdir().unwrap();
    let (relay, mut asked) = listen().await;
    let visitor = visitor(dir.path(), &relay, trying_again(visit_retries));
    let visit = visitor.visit(call, CancellationToken::new());
    let mut attempts = Vec::new();
    tokio::pin!(visit);
    let report = loop {
        tokio::select! {
            biased;
            Some((_hung_up, request)) = asked.recv() => attempts.push(request.len() as u64),
            report = &mut visit => break report,
        }
        assert!(attempts.len() < 20, "it goes on and on");
    };
    (report, attempts)
}

#[tokio::test]
async fn attempts_that_come_to_nothing_are_counted_and_the_first_that_costs_anything_is_not() {
    for (counts_from_start, first) in [(false, 1), (true, 0)] {
        let call = Call { counts_from_start, ..Call::default() };
        let (report, attempts) = visit_in_vain(2, call).await;
        assert_eq!(attempts.len(), 3, "the first, and two more");
        let (spent, wasted) = (attempts.iter().sum(), attempts[first..].iter().sum());
        assert_eq!(report.cost, Cost { spent, wasted, has_failed: true });
        assert_eq!(report.ending, Ending::Failed { wait_s: None });
    }
}

#[tokio::test]
async fn no_attempt_follows_when_less_is_left_for_failures_than_a_handshake_takes() {
    let waste = TRY_LEAST + 1_000;
    for (counts_from_start, first) in [(false, 1), (true, 0)] {
        let call = Call { counts_from_start, waste: Some(waste), ..Call::default() };
        let (_, attempts) = visit_in_vain(100, call).await;
        let left = |attempts: &[u64]| waste - attempts.iter().sum::<u64>();
        let counted = &attempts[first..];
        assert!(left(counted) < TRY_LEAST, "{attempts:?}");
        assert!(TRY_LEAST <= left(&counted[..counted.len() - 1]), "{attempts:?}");
    }
}

/// A relay's answer to `request` that takes the first item behind those it has taken, and ends there.
fn takes_one(request: &[u8]) -> Vec<u8> {
    let head = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let mut reader = BodyReader::new();
    reader.push(&request[head..]);
    let packet = reader.next().unwrap().unwrap();
    let Some(Frame::Hello(hello)) = packet.frames.first() else { panic!("no Hello") };
    let k = hello.told + 1;
    let welcome = Frame::Welcome(Welcome { x: hello.x, now_s: 1_800_000_000, k, limits: None });
    let answered = Frame::Answered(Answered { first: k, runs: vec![Run::Done { count: 1 }] });
    let mut writer = BodyWriter::new(Codec::None);
    let mut body = writer.preamble().to_vec();
    body.extend(writer.packet(&[welcome, answered]).unwrap());
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len() + 1);
    [head.as_bytes(), &body].concat()
}

#[tokio::test]
async fn as_long_as_attempts_get_on_there_is_no_end_of_them() {
    const ITEMS: usize = 5;
    let dir = tempfile::tempdir().unwrap();
    let (relay, mut asked) = listen().await;
    let visitor = visitor(dir.path(), &relay, trying_again(0));
    (0..ITEMS).for_each(|n| _ = visitor.store.block(&format!("p{n}"), true).unwrap());
    let visit = visitor.visit(Call::default(), CancellationToken::new());
    tokio::pin!(visit);
    let mut answered = 0;
    let report = loop {
        tokio::select! {
            biased;
            Some((mut stream, request)) = asked.recv() => {
                if answered < ITEMS {
                    stream.write_all(&takes_one(&request)).await.unwrap();
                    answered += 1;
                }
                // Hung up on without a word there is no retry left.
            }
            report = &mut visit => break report,
        }
    };
    assert_eq!(report.outcome.sent, ITEMS as u64, "{report:?}");
    assert!(report.cost.wasted == 0 && report.cost.has_failed, "only the last was in vain");
}

#[tokio::test]
async fn where_nobody_answers_at_all_there_is_no_second_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let visitor = visitor(dir.path(), "http://127.0.0.1:9", trying_again(3));
    let visit = visitor.clone().visit(Call::default(), CancellationToken::new());
    let report = visit.await;
    assert_eq!((report.outcome.outcome, report.outcome.requests), (OutcomeKind::NoLink, 1));
    assert_eq!(report.cost, Cost::default());
}

#[tokio::test]
async fn what_is_cut_after_it_was_stopped_was_stopped_and_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let (relay, mut asked) = listen().await;
    let visitor = visitor(dir.path(), &relay, trying_again(1));
    let stop = CancellationToken::new();
    let visit = tokio::spawn(visitor.visit(Call::default(), stop.clone()));
    // Part of an answer: from now on a stop waits for the edge of a packet.
    let (mut stream, _) = asked.recv().await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
    drop(stream);
    let (stream, _) = asked.recv().await.unwrap();
    stop.cancel();
    drop(stream);
    let report = visit.await.unwrap();
    assert_eq!(report.ending, Ending::Bounded, "{report:?}");
    assert_eq!(report.outcome.told(), Bound::Stopped.into());
    assert!(asked.try_recv().is_err(), "nobody tries again");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_was_dialled_is_taken_down_also_after_a_fault_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let visitor = visitor(dir.path(), "http://127.0.0.1:9", AgentSettings::default());
    let diary = dir.path().join("diary");
    let write = |word: &str| {
        let script = format!("echo {word} >> {}", diary.display());
        ["sh", "-c", &script].map(str::to_owned).to_vec()
    };
    let call = Call {
        dial: write("dial"),
        hangup: write("hangup $MAILBOAT_OUTCOME"),
        dial_timeout: Duration::from_secs(30),
        hangup_timeout: Duration::from_secs(30),
        panics: true,
        ..Call::default()
    };
    let report = visitor.visit(call, CancellationToken::new()).await;
    assert_eq!(report.outcome.outcome, OutcomeKind::Refused);
    assert_eq!(std::fs::read_to_string(&diary).unwrap(), "dial\nhangup refused\n");
}

#[tokio::test]
async fn a_call_that_dials_is_forbidden_by_quotas_of_its_rules_links_and_by_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let link = |name: &str, quota| Link { name: name.to_owned(), quota, ..Link::default() };
    let settings = AgentSettings {
        link: vec![link("stick", Some(QUOTA_LEAST)), link("modem", None)],
        ..AgentSettings::default()
    };
    let visitor = visitor(dir.path(), "http://127.0.0.1:9", settings);
    let begin = VisitBegin { link: "stick".to_owned(), ..VisitBegin::default() };
    let visit = visitor.store.begin_visit(begin).unwrap();
    let end = VisitEnd { ip_up: QUOTA_LEAST.bytes(), outcome: "done", ..VisitEnd::default() };
    visitor.store.end_visit(visit, &end).unwrap();
    let call = Call { link: Some("stick".to_owned()), ..Call::default() };
    assert!(visitor.refusal(&call).is_some());
    let (dial, links) = (vec!["true".to_owned()], vec!["modem".to_owned()]);
    assert_eq!(visitor.refusal(&Call { dial, links, ..call }), None);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_relay_takes_a_small_part_of_the_budget() {
    let dir = tempfile::tempdir().unwrap();
    let visitor = visitor(dir.path(), "http://127.0.0.1:9", AgentSettings::default());
    let call = Call { comes_up: true, ..Call::default() };
    for (budget, attempts) in [(None, 6), (Some(20 * 3 * ATTEMPT_BYTES), 3), (Some(12 << 10), 1)] {
        let meter = Meter::new(budget);
        visitor.reach(&call, visitor.client(), &meter).await.unwrap_err();
        assert_eq!(meter.up(), attempts * ATTEMPT_BYTES, "{budget:?}");
    }
}

#[tokio::test]
async fn a_visit_whose_budget_is_spent_is_over_and_one_that_may_waste_no_more_has_failed() {
    let failed = Ending::Failed { wait_s: None };
    let in_vain = Call { waste: Some(TRY_LEAST), counts_from_start: true, ..Call::default() };
    let small = Call { budget: Some(config::Size::from_kib(12)), ..Call::default() };
    for (call, ending) in [(in_vain, failed), (small, Ending::Bounded)] {
        let dir = tempfile::tempdir().unwrap();
        let (relay, mut asked) = listen().await;
        tokio::spawn(async move {
            while let Some((mut stream, _)) = asked.recv().await {
                // It never comes to an answer.
                while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_ok() {}
            }
        });
        let visitor = visitor(dir.path(), &relay, trying_again(3));
        let report = visitor.visit(call, CancellationToken::new()).await;
        assert_eq!(report.ending, ending, "{report:?}");
    }
}

/// The exchange of a call that dialled, whose link may take a minute to come up.
async fn behind_a_dialled_link(visitor: &Visitor) -> Report {
    let call = Call { dial: vec!["true".to_owned()], ..Call::default() };
    let (page, until) = (visitor.page(&call, false), Instant::now() + Duration::from_secs(60));
    visitor.exchange(&call, page, Some(until), &CancellationToken::new()).await
}

#[tokio::test(start_paused = true)]
async fn a_relay_behind_a_link_that_was_dialled_may_come_later_than_the_link() {
    let dir = tempfile::tempdir().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let relay = format!("http://{}", socket.local_addr().unwrap());
    let visitor = visitor(dir.path(), &relay, trying_again(0));
    let comes = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (stream, _) = socket.listen(1).unwrap().accept().await.unwrap();
        stream
    };
    tokio::select! {
        biased;
        _called = comes => {}
        report = behind_a_dialled_link(&visitor) => panic!("it gave up: {report:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_waiting_mends_ends_a_call_at_once_while_its_link_comes_up() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("gone.pem");
    let settings = AgentSettings { ca, ..trying_again(0) };
    let visitor = visitor(dir.path(), "https://127.0.0.1:9", settings);
    let began = Instant::now();
    let report = behind_a_dialled_link(&visitor).await;
    assert!(report.outcome.words.contains("gone.pem"), "{report:?}");
    assert_eq!(began.elapsed(), Duration::ZERO);
}
