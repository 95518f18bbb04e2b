//! The link against small servers of its own: what passes, what does not, and what is counted.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::rng::Rng;

const LEN: usize = 200;

/// A relay that reads `LEN` bytes, answers `LEN`, and then tells all that it heard until the connection ended.
struct Server {
    addr: SocketAddr,
    heard: mpsc::Receiver<Vec<u8>>,
    _serving: AbortOnDropHandle<()>,
}

impl Server {
    async fn start(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (tell, heard) = mpsc::channel(64);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tell, answer) = (tell.clone(), answer.clone());
                tokio::spawn(async move { tell.send(Self::talk(stream, &answer).await).await });
            }
        });
        Self { addr, heard, _serving: AbortOnDropHandle::new(serving) }
    }

    async fn talk(mut stream: TcpStream, answer: &[u8]) -> Vec<u8> {
        let mut heard = vec![];
        while let Ok(len) = stream.read_buf(&mut heard).await {
            if len == 0 {
                break;
            }
            if heard.len() == LEN && stream.write_all(answer).await.is_err() {
                break;
            }
        }
        heard
    }
}

/// Echoes each connection until its end; the half-close goes back as one.
async fn echo_server() -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    (addr, AbortOnDropHandle::new(serving))
}

/// All that comes until the end of the stream or a reset.
async fn read_all(stream: &mut TcpStream) -> (Vec<u8>, io::Result<()>) {
    let mut heard = vec![];
    let end = stream.read_to_end(&mut heard).await.map(|_| ());
    (heard, end)
}

async fn echo(agent: &mut TcpStream, bytes: &[u8]) {
    agent.write_all(bytes).await.unwrap();
    let mut back = vec![0; bytes.len()];
    agent.read_exact(&mut back).await.unwrap();
    assert_eq!(back, bytes);
}

#[tokio::test]
async fn a_cut_lets_exactly_its_bytes_pass_at_every_offset_in_both_directions() {
    let (request, answer) = (Rng::new(1).bytes(LEN), Rng::new(2).bytes(LEN));
    let mut server = Server::start(answer.clone()).await;
    let link = Link::start(server.addr);
    let mut n = 0;
    for direction in Direction::BOTH {
        for offset in 0..=LEN {
            for manner in [Manner::Close, Manner::Reset] {
                link.reset_counters();
                link.plan([CutPlan::at(direction, offset as u64).by(manner)]);
                let mut agent = TcpStream::connect(link.addr()).await.unwrap();
                agent.write_all(&request).await.unwrap();
                let (heard, end) = read_all(&mut agent).await;
                let relay_heard = server.heard.recv().await.unwrap();
                drop(agent);
                link.wait_closed(n).await;

                let case = format!("{direction:?} {offset} {manner:?}");
                let (up, down) =
                    if direction == Direction::Up { (offset, 0) } else { (LEN, offset) };
                assert_eq!(relay_heard, &request[..up], "{case}");
                assert_eq!(heard, &answer[..down], "{case}");
                assert_eq!(end.is_err(), manner == Manner::Reset, "{case}: {end:?}");
                let counters = link.counters();
                assert_eq!(
                    (counters.up, counters.down, counters.connections),
                    (up as u64, down as u64, 1),
                    "{case}"
                );
                assert_eq!(link.counters_of(n).unwrap().up, up as u64, "{case}");
                n += 1;
            }
        }
    }
    assert_eq!((link.accepted(), link.plans_left(), link.open_connections()), (n, 0, 0));
}

#[tokio::test]
async fn without_plans_all_passes_and_every_round_trip_is_counted() {
    let (addr, _echo) = echo_server().await;
    let link = Link::start(addr);
    for n in 0..3 {
        let mut agent = TcpStream::connect(link.addr()).await.unwrap();
        echo(&mut agent, b"hello").await;
        echo(&mut agent, b"you").await;
        drop(agent);
        link.wait_closed(n).await;
    }
    assert_eq!(link.counters(), Counters { up: 24, down: 24, connections: 3, round_trips: 9 });
    assert_eq!(
        link.counters_of(1),
        Some(Counters { up: 8, down: 8, connections: 1, round_trips: 3 })
    );

    link.reset_counters();
    assert_eq!(link.counters(), Counters::default());
    echo(&mut TcpStream::connect(link.addr()).await.unwrap(), b"again").await;
    assert_eq!(link.counters(), Counters { up: 5, down: 5, connections: 1, round_trips: 2 });
}

#[tokio::test]
async fn a_megabyte_passes_both_ways_at_once_and_the_half_close_with_it() {
    let (addr, _echo) = echo_server().await;
    let link = Link::start(addr);
    let bytes = Rng::new(5).bytes(1 << 20);
    let (mut read, mut write) = TcpStream::connect(link.addr()).await.unwrap().into_split();
    let sent = bytes.clone();
    let writing = tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
        write
    });
    let mut back = vec![];
    read.read_to_end(&mut back).await.unwrap();
    assert!(back == bytes);
    link.wait_closed(0).await;
    assert_eq!((link.counters().up, link.counters().down), (1 << 20, 1 << 20));
    drop(writing.await.unwrap());
}

#[tokio::test]
async fn a_cut_counted_over_all_connections_cuts_them_all_once() {
    let (addr, _echo) = echo_server().await;
    let link = Link::start(addr);
    let mut events = link.events();
    let mut first = TcpStream::connect(link.addr()).await.unwrap();
    echo(&mut first, &[1; 7]).await;
    link.cut_at(Direction::Up, 30);
    echo(&mut first, &[2; 10]).await;
    let mut second = TcpStream::connect(link.addr()).await.unwrap();
    second.write_all(&[3; 50]).await.unwrap();
    assert_eq!(read_all(&mut first).await.0, b"");
    read_all(&mut second).await.1.unwrap();
    assert_eq!(link.counters().up, 7 + 30);

    // By number: which of the two is told of first is nobody's business.
    let mut seen = vec![];
    while seen.len() < 4 {
        seen.push(events.recv().await.unwrap());
    }
    let [
        Event::Connected { n: 0 },
        Event::Connected { n: 1 },
        Event::Cut { n: 0 },
        Event::Cut { n: 1 },
    ] = seen[..]
    else {
        panic!("{seen:?}");
    };
    echo(&mut TcpStream::connect(link.addr()).await.unwrap(), &[4; 100]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_is_exact_where_many_write_at_once() {
    const AGENTS: u64 = 16;
    let mut server = Server::start(vec![]).await;
    let link = Link::start(server.addr);
    let mut streams = vec![];
    for n in 0..AGENTS {
        streams.push(TcpStream::connect(link.addr()).await.unwrap());
        link.wait_connected(n).await;
    }
    link.cut_at(Direction::Up, 54_321);
    let mut agents = JoinSet::new();
    for mut stream in streams {
        agents.spawn(async move {
            let (mut read, mut write) = stream.split();
            tokio::select! {
                _ = read.read_u8() => {}
                () = async { while write.write_all(&[6; 97]).await.is_ok() {} } => {}
            }
        });
    }
    while agents.join_next().await.is_some() {}
    link.wait_idle().await;
    let mut heard = 0;
    for _ in 0..AGENTS {
        heard += server.heard.recv().await.unwrap().len();
    }
    assert_eq!((heard, link.counters().up), (54_321, 54_321));
}

#[tokio::test]
async fn a_black_hole_shows_nothing_to_either_end_until_it_is_hung_up() {
    let mut server = Server::start(vec![9; LEN]).await;
    let link = Link::start(server.addr);
    link.plan([CutPlan::up(50).by(Manner::Blackhole)]);
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    agent.write_all(&[7; LEN]).await.unwrap();
    link.wait_cut(0).await;
    // Far more than the buffers between hold: the hole swallows it.
    agent.write_all(&vec![8; 16 << 20]).await.unwrap();
    assert_eq!(agent.try_read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(server.heard.try_recv(), Err(mpsc::error::TryRecvError::Empty));
    assert_eq!(link.open_connections(), 1);

    link.hang_up(Manner::Reset);
    assert_eq!(server.heard.recv().await.unwrap(), [7; 50]);
    read_all(&mut agent).await.1.unwrap_err();
    link.wait_idle().await;
    assert_eq!(link.counters().up, 50);
}

#[tokio::test]
async fn what_is_stalled_passes_once_it_is_released() {
    let (addr, _echo) = echo_server().await;
    let link = Link::start(addr);
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    echo(&mut agent, b"open").await;

    link.stall(Direction::Down);
    agent.write_all(b"there").await.unwrap();
    agent.shutdown().await.unwrap();
    link.wait_bytes(Direction::Up, 9).await;
    // The other direction of another connection is as free as ever, and serves to see that the first is not.
    let mut other = TcpStream::connect(link.addr()).await.unwrap();
    other.write_all(b"!").await.unwrap();
    link.wait_bytes(Direction::Up, 10).await;
    assert_eq!(link.counters().down, 4);

    link.release(Direction::Down);
    assert_eq!(read_all(&mut agent).await.0, b"there");
    other.read_exact(&mut [0]).await.unwrap();
    assert_eq!(link.counters().down, 10);
}

#[tokio::test]
async fn a_link_that_is_down_resets_all_and_comes_back_on_the_same_port() {
    let mut server = Server::start(vec![1; LEN]).await;
    let (elsewhere, _echo) = echo_server().await;
    let link = Link::start(server.addr);
    let mut events = link.events();
    link.plan([CutPlan::NONE, CutPlan::down(3)]);
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    agent.write_all(b"half a").await.unwrap();
    link.wait_bytes(Direction::Up, 6).await;

    link.down();
    read_all(&mut agent).await.1.unwrap_err();
    assert_eq!(server.heard.recv().await.unwrap(), b"half a");
    // The reset may come before or after `connect` returns.
    if let Ok(mut refused) = TcpStream::connect(link.addr()).await {
        read_all(&mut refused).await.1.unwrap_err();
    }
    while events.recv().await.unwrap() != Event::Refused {}
    assert!(link.is_down());
    assert_eq!((link.counters().connections, link.plans_left()), (1, 1));

    link.up();
    link.set_target(elsewhere);
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    agent.write_all(b"hello").await.unwrap();
    assert_eq!(read_all(&mut agent).await.0, b"hel");
}

#[tokio::test]
async fn an_agent_is_reset_where_there_is_no_relay() {
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let link = Link::start(gone);
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    read_all(&mut agent).await.1.unwrap_err();
    link.wait_closed(0).await;
}

#[tokio::test]
async fn a_reset_passes_through_after_the_bytes_before_it() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let link = Link::start(listener.local_addr().unwrap());
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    let (mut relay, _) = listener.accept().await.unwrap();
    relay.write_all(b"no").await.unwrap();
    agent.write_all(b"a long request").await.unwrap();
    link.wait_bytes(Direction::Up, 14).await;
    relay.set_zero_linger().unwrap();
    drop(relay);
    let (heard, end) = read_all(&mut agent).await;
    assert_eq!(heard, b"no");
    end.unwrap_err();
    link.wait_closed(0).await;
}

#[tokio::test]
async fn closing_is_never_a_reset_however_much_was_being_sent() {
    let mut server = Server::start(vec![]).await;
    let link = Link::start(server.addr);
    link.plan([CutPlan::up(100)]);
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    agent.write_all(&vec![3; 4 << 20]).await.unwrap();
    agent.shutdown().await.unwrap();
    read_all(&mut agent).await.1.unwrap();
    assert_eq!(server.heard.recv().await.unwrap(), [3; 100]);
}

#[tokio::test]
async fn an_agent_that_sends_to_a_relay_that_has_gone_is_reset() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let link = Link::start(listener.local_addr().unwrap());
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    let (mut relay, _) = listener.accept().await.unwrap();
    relay.write_all(b"bye").await.unwrap();
    drop(relay);
    let (heard, end) = read_all(&mut agent).await;
    assert_eq!(heard, b"bye");
    end.unwrap();
    while agent.write_all(b"more").await.is_ok() {
        tokio::task::yield_now().await;
    }
    link.wait_closed(0).await;
}

#[tokio::test]
async fn dropping_the_link_ends_its_connections_and_frees_its_port() {
    let mut server = Server::start(vec![]).await;
    let link = Link::start(server.addr);
    let addr = link.addr();
    let mut agent = TcpStream::connect(addr).await.unwrap();
    agent.write_all(b"x").await.unwrap();
    link.wait_bytes(Direction::Up, 1).await;
    drop(link);
    assert_eq!(read_all(&mut agent).await.0, b"");
    assert_eq!(server.heard.recv().await.unwrap(), b"x");
    TcpStream::connect(addr).await.unwrap_err();
}

#[tokio::test]
async fn a_recorded_request_can_be_sent_again() {
    const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let link = Link::start(listener.local_addr().unwrap());
    let _serving = AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; REQUEST.len()];
                while stream.read_exact(&mut request).await.is_ok() {
                    stream.write_all(ANSWER).await.unwrap();
                }
            });
        }
    }));
    let mut unrecorded = TcpStream::connect(link.addr()).await.unwrap();
    link.wait_connected(0).await;
    link.record(true);
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    for stream in [&mut agent, &mut unrecorded] {
        for _ in 0..2 {
            stream.write_all(REQUEST).await.unwrap();
            stream.read_exact(&mut [0; ANSWER.len()]).await.unwrap();
        }
    }
    link.record(false);
    let recorded = link.recorded();
    assert_eq!(
        recorded,
        [Recorded { connection: 1, up: REQUEST.repeat(2), down: ANSWER.repeat(2) }]
    );
    let requests = requests(&recorded[0].up);
    assert_eq!(requests, [REQUEST; 2]);
    assert_eq!(Replay::new(link.addr()).send(requests[1]).await.unwrap(), ANSWER);
    assert_eq!(link.recorded().len(), 1, "the replay was not recorded");
}

#[tokio::test(start_paused = true)]
async fn a_slow_line_takes_its_time_for_every_byte_of_all_connections() {
    let (addr, _echo) = echo_server().await;
    let link = Link::start(addr);
    link.set_pace(Pace { up_bytes_s: Some(100), ..Pace::INSTANT });
    let began = Instant::now();
    let mut agents = [
        TcpStream::connect(link.addr()).await.unwrap(),
        TcpStream::connect(link.addr()).await.unwrap(),
    ];
    for agent in &mut agents {
        agent.write_all(&[5; 500]).await.unwrap();
    }
    for agent in &mut agents {
        agent.read_exact(&mut [0; 500]).await.unwrap();
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(9_900), "{took:?}");
    assert_eq!(link.counters().up, 1000);
}

#[tokio::test(start_paused = true)]
async fn delay_counts_for_the_handshake_and_each_way() {
    let (addr, _echo) = echo_server().await;
    let link = Link::start(addr);
    link.set_pace(Pace { delay: Duration::from_secs(1), ..Pace::INSTANT });
    let began = Instant::now();
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    echo(&mut agent, b"one").await;
    assert!(began.elapsed() >= Duration::from_secs(4));
    echo(&mut agent, b"two").await;
    assert!(began.elapsed() >= Duration::from_secs(6));
    assert_eq!(link.counters().round_trips, 3);
}

#[tokio::test]
async fn what_was_sent_before_the_answer_arrived_was_not_caused_by_it() {
    let (addr, _echo) = echo_server().await;
    let link = Link::start(addr);
    let mut agent = TcpStream::connect(link.addr()).await.unwrap();
    link.stall(Direction::Down);
    for sent in 1..=3 {
        agent.write_all(b"x").await.unwrap();
        link.wait_bytes(Direction::Up, sent).await;
    }
    link.release(Direction::Down);
    agent.read_exact(&mut [0; 3]).await.unwrap();
    assert_eq!(link.counters().round_trips, 2);
}

#[tokio::test(start_paused = true)]
async fn outages_follow_their_timetable() {
    let (addr, _echo) = echo_server().await;
    let link = Link::start(addr);
    link.begin_outages(Duration::from_secs(6), Duration::from_secs(2));
    let mut condition = vec![];
    for _ in 0..8 {
        sleep(Duration::from_millis(1_500)).await; // of the paused clock
        condition.push(link.is_down());
    }
    // At 1.5, 3, 4.5, 6 (the moment of change: not looked at), 7.5, 9, 10.5, 12 s.
    condition.remove(3);
    assert_eq!(condition, [false, false, false, true, false, false, false]);
    link.end_outages();
    link.up();
    echo(&mut TcpStream::connect(link.addr()).await.unwrap(), b"up").await;
}

#[test]
fn random_cuts_reach_every_offset_and_follow_their_seed() {
    let plans = |seed| {
        let mut rng = Rng::new(seed);
        (0..500).map(|_| CutPlan::random(&mut rng, 3, 2)).collect::<Vec<_>>()
    };
    assert_eq!(plans(1), plans(1));
    for (direction, max) in [(Direction::Up, 3), (Direction::Down, 2)] {
        for offset in 0..=max {
            for manner in [Manner::Close, Manner::Reset] {
                assert!(plans(1).contains(&CutPlan::at(direction, offset).by(manner)));
            }
        }
        assert!(!plans(1).contains(&CutPlan::at(direction, max + 1)));
    }
}
