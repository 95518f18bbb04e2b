//! The line that is held: what comes comes at once, what is written leaves at once, and acks wait a little.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use wire::{BodyReader, BodyWriter, Codec, Cursors, Deliveries, Frame, Hello, Lane, Welcome};

use super::{super::live, line::LineAnswer, *};
use crate::{
    link::{Client, LinkError, RelayUrl, TlsSettings},
    store::NewDevice,
    sync::{Answer, Transport},
};

/// A line on which the relay holds requests. Behind a proxy that keeps answers back, `buffers` is set; one that cuts
/// quiet lines does so after `cut_after`.
struct HeldLine {
    inner: Line,
    news: Arc<Notify>,
    buffers: bool,
    cut_after: Option<Duration>,
    /// Learns.
    client: Client,
}

enum HeldAnswer<'l> {
    Plain(LineAnswer<'l>),
    Held(Hold),
}

struct Hold {
    relay: Arc<Mutex<Relay>>,
    news: Arc<Notify>,
    hello: Hello,
    writer: BodyWriter,
    begun: bool,
    ends: Instant,
    ordinary: u64,
    is_done: bool,
    cut_after: Option<Duration>,
}

impl Transport for HeldLine {
    type Answer<'a> = HeldAnswer<'a>;

    async fn post(&mut self, body: Bytes, hold: Duration) -> Result<HeldAnswer<'_>, LinkError> {
        if hold.is_zero() {
            return self.inner.post(body, hold).await.map(HeldAnswer::Plain);
        }
        let mut reader = BodyReader::new();
        reader.push(&body);
        let packet = reader.next().unwrap().unwrap();
        let Some(Frame::Hello(hello)) = packet.frames.first().cloned() else { panic!("no Hello") };
        let relay = self.inner.relay.clone();
        {
            let mut relay = relay.lock().unwrap();
            relay.requests.push(vec![packet.frames]);
            let device = relay.devices.get_mut(&MY_DEVICE).unwrap();
            assert!(device.x < hello.x, "the relay sees exchange numbers rise");
            device.x = hello.x;
            device.cursors = hello.cursors;
        }
        if self.buffers {
            sleep(hold).await;
        }
        let ends = Instant::now() + if self.buffers { Duration::ZERO } else { hold };
        let ordinary = hello.cursors.ordinary;
        let writer = BodyWriter::new(Codec::None);
        let news = self.news.clone();
        Ok(HeldAnswer::Held(Hold {
            relay,
            news,
            hello,
            writer,
            begun: false,
            ends,
            ordinary,
            is_done: false,
            cut_after: self.cut_after,
        }))
    }

    fn hold_max_s(&self) -> Option<u16> {
        self.client.hold_max_s()
    }

    fn note_hold(&self, cut_after: Option<Duration>) {
        self.client.note_hold(cut_after);
    }

    fn left(&self) -> Option<u64> {
        None
    }

    fn rtt(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn new_device(&mut self, token: &str, cursors: Cursors) -> Result<NewDevice, SyncError> {
        self.inner.new_device(token, cursors).await
    }
}

impl Hold {
    fn packet(&mut self, frames: &[Frame]) -> Option<Bytes> {
        Some(self.writer.packet(frames).unwrap().into())
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, LinkError> {
        match self.cut_after {
            None => Ok(self.next().await),
            Some(cut_after) => timeout(cut_after, self.next()).await.map_err(|_| LinkError::Cut {
                received: 1,
                source: std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into(),
            }),
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            let k = self.relay.lock().unwrap().mine().k;
            let welcome = Frame::Welcome(Welcome { x: self.hello.x, now_s: 1, k, limits: None });
            let mut bytes = self.writer.preamble().to_vec();
            bytes.extend(self.packet(&[welcome])?);
            return Some(bytes.into());
        }
        loop {
            let fresh: Vec<_> = {
                let relay = self.relay.lock().unwrap();
                relay
                    .ordinary
                    .iter()
                    .filter(|entry| self.ordinary < entry.position)
                    .cloned()
                    .collect()
            };
            if let Some(last) = fresh.last() {
                self.ordinary = last.position;
                return self.packet(&[Frame::Deliveries(Deliveries {
                    lane: Lane::Ordinary,
                    entries: fresh,
                })]);
            }
            if self.is_done {
                return None;
            }
            let rest = self.ends.saturating_duration_since(Instant::now());
            if timeout(rest, self.news.notified()).await.is_err() {
                self.is_done = true;
                return self.packet(&[Frame::Done]);
            }
        }
    }
}

impl Answer for HeldAnswer<'_> {
    fn status(&self) -> u16 {
        200
    }

    fn retry_after_s(&self) -> Option<u32> {
        None
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, LinkError> {
        match self {
            Self::Plain(answer) => answer.chunk().await,
            Self::Held(hold) => hold.chunk().await,
        }
    }
}

struct Held {
    world: World,
    news: Arc<Notify>,
    cut_after: Option<Duration>,
    client: Client,
}

impl Held {
    async fn new() -> Self {
        let world = World::new();
        world.sync().await;
        world.sync().await;
        world.relay.lock().unwrap().requests.clear();
        let url = RelayUrl::parse("http://127.0.0.1:1", false).unwrap();
        let client = Client::new(url, TlsSettings::default());
        Self { world, news: Arc::default(), cut_after: None, client }
    }

    /// Somebody on the way cuts it when it is quiet for so long.
    async fn cut_after(cut_after: Duration) -> Self {
        Self { cut_after: Some(cut_after), ..Self::new().await }
    }

    fn line(&self, buffers: bool) -> HeldLine {
        let (inner, news, client) = (self.world.line(), self.news.clone(), self.client.clone());
        HeldLine { inner, news, buffers, cut_after: self.cut_after, client }
    }

    /// Holds the line while `meanwhile` runs, which says when it has seen enough.
    async fn while_held(&self, buffers: bool, meanwhile: impl Future<Output = ()>) {
        let (mut down, mut up) = (self.line(buffers), self.line(false));
        let progress = Mutex::new(Progress::default());
        tokio::select! {
            ended = live(&self.world.store, &mut down, &mut up, || self.world.terms.clone(), &progress) => {
                panic!("the line was let go: {ended:?}");
            }
            () = meanwhile => {}
        }
    }

    fn bob_says(&self, text: &str) {
        self.world.bob_says(text);
        self.news.notify_waiters();
    }

    /// For how long the relay was asked to hold, request by request.
    fn holds_s(&self) -> Vec<u16> {
        let relay = self.world.relay.lock().unwrap();
        let holds = relay.requests.iter().map(|request| relay::hello(request).hold_s);
        holds.filter(|hold_s| *hold_s != 0).collect()
    }

    /// Hellos of the requests so far: whether held, and the ordinary cursor.
    fn requests(&self) -> Vec<(bool, u64)> {
        let relay = self.world.relay.lock().unwrap();
        let hellos = relay.requests.iter().map(|request| relay::hello(request));
        hellos.map(|hello| (hello.hold_s != 0, hello.cursors.ordinary)).collect()
    }
}

/// Waits for a change of the store that makes `seen` true.
async fn until(world: &World, seen: impl Fn() -> bool) {
    let mut changes = world.store.changes();
    while !seen() {
        changes.recv().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_written_leaves_at_once_and_what_comes_comes_at_once() {
    let held = Held::new().await;
    let world = &held.world;
    held.while_held(false, async {
        let began = Instant::now();
        sleep(Duration::from_millis(10)).await;
        world.send("one");
        until(world, || world.states() == [MessageState::Relayed]).await;
        held.bob_says("two");
        until(world, || world.read() == ["two"]).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    })
    .await;
    assert_eq!(world.taken(), ["one"]);
    let kinds: Vec<_> = held.requests().into_iter().map(|(is_hold, _)| is_hold).collect();
    assert_eq!(kinds, [false, true, false], "a visit, the hold, the submission");
}

#[tokio::test(start_paused = true)]
async fn messages_are_acknowledged_by_themselves_after_a_while_and_once() {
    let held = Held::new().await;
    let world = &held.world;
    held.while_held(false, async {
        sleep(Duration::from_millis(10)).await;
        held.bob_says("one");
        held.bob_says("two");
        sleep(Duration::from_secs(9)).await;
        assert_eq!(held.requests().len(), 2);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(held.requests().len(), 3);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(held.requests().len(), 3, "nothing new, nothing said");
    })
    .await;
    let cursor = world.store.reader().position().unwrap().cursors.ordinary;
    assert_eq!(held.requests()[2], (false, cursor));
}

#[tokio::test(start_paused = true)]
async fn an_ack_rides_with_a_submission() {
    let held = Held::new().await;
    let world = &held.world;
    held.while_held(false, async {
        sleep(Duration::from_millis(10)).await;
        held.bob_says("one");
        sleep(Duration::from_secs(1)).await;
        world.send("two");
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    let cursor = world.store.reader().position().unwrap().cursors.ordinary;
    let requests = held.requests();
    assert_eq!((requests.len(), requests[2]), (3, (false, cursor)));
}

#[tokio::test(start_paused = true)]
async fn a_hold_is_renewed_and_nothing_is_lost_in_between() {
    let held = Held::new().await;
    let world = &held.world;
    held.while_held(false, async {
        for i in 0..40 {
            held.bob_says(&i.to_string());
            world.send(&format!("mine {i}"));
            sleep(Duration::from_secs(31)).await;
        }
    })
    .await;
    assert_eq!(world.read(), (0..40).map(|i| i.to_string()).collect::<Vec<_>>());
    assert_eq!(world.taken(), (0..40).map(|i| format!("mine {i}")).collect::<Vec<_>>());
    let holds = held.requests().into_iter().filter(|(is_hold, _)| *is_hold).count();
    assert_eq!(holds, 5, "1,240 s in holds of 300 s");
}

#[tokio::test(start_paused = true)]
async fn behind_a_proxy_that_keeps_answers_back_holds_are_short() {
    let held = Held::new().await;
    let world = &held.world;
    held.while_held(true, async {
        sleep(Duration::from_secs(60)).await;
        held.bob_says("one");
        sleep(Duration::from_secs(41)).await;
        assert_eq!(world.read(), ["one"]);
    })
    .await;
    let relay = world.relay.lock().unwrap();
    let holds: Vec<_> = relay.requests.iter().map(|request| relay::hello(request).hold_s).collect();
    assert!(holds[2..].iter().all(|hold_s| *hold_s <= 20), "{holds:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_cuts_quiet_lines_does_so_twice_and_no_message_waits_for_it() {
    let held = Held::cut_after(Duration::from_secs(10)).await;
    let world = &held.world;
    let said: Vec<_> = (0..40).map(|i| i.to_string()).collect();
    held.while_held(false, async {
        for (i, text) in said.iter().enumerate() {
            // Just before and after it would be cut, too.
            sleep(Duration::from_millis(9_990 + 5 * i as u64)).await;
            let began = Instant::now();
            held.bob_says(text);
            until(world, || world.read().len() == i + 1).await;
            assert!(began.elapsed() < Duration::from_millis(100), "{text}: {:?}", began.elapsed());
        }
    })
    .await;
    assert_eq!(world.read(), said);
    let holds = held.holds_s();
    assert_eq!(holds[..2], [300, 300]);
    assert!(holds[2..].iter().all(|hold_s| *hold_s == 8) && 20 < holds.len(), "{holds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_cut_again_and_again_sooner_than_any_hold_ends_is_given_up() {
    let held = Held::cut_after(Duration::from_millis(300)).await;
    let (mut down, mut up) = (held.line(false), held.line(false));
    let (store, progress) = (&held.world.store, Mutex::new(Progress::default()));
    let ended = live(store, &mut down, &mut up, || held.world.terms.clone(), &progress).await;
    assert!(matches!(ended, Err(SyncError::Link(LinkError::Cut { .. }))), "{ended:?}");
    assert_eq!(held.holds_s(), [300, 300, 300]);
    assert!(held.client.cut_too_soon().is_some());
}
