//! A device as simple as it can be: it keeps what it is sent, and says so.

use tokio_util::sync::CancellationToken;
use wire::{
    BodyReader, BodyWriter, Codec, ConversationRef, Cursors, Delivery, Entry, Frame, HeldRow,
    Hello, Item, LaneMask, Mark, PresenceRow, Refusal, Run, StopReason, Submit, Submits, Welcome,
};

use super::World;
use crate::{
    exchange::{Answer, ExchangeError, Packets},
    store::Login,
};

/// One device.
#[derive(Clone, Debug)]
pub(super) struct Phone {
    pub(super) login: Login,
    /// What it says; `x` is the last attempt's.
    pub(super) hello: Hello,
    pub(super) codec: Codec,
    /// Its one conversation, where a test has one.
    pub(super) conversation: u64,
    pub(super) marks: Vec<Mark>,
    /// Items that were sent and not answered, from `told + 1` on.
    pub(super) sealed: Vec<Submit>,
    /// Every message that it stored, in order.
    pub(super) inbox: Vec<Delivery>,
    /// Every entry of lane latest that it stored.
    pub(super) entries: Vec<Entry>,
}

impl Phone {
    pub(super) fn new(login: Login, cursors: Cursors) -> Self {
        let hello = Hello { cursors, lanes: LaneMask::ALL, ..Hello::default() };
        Self {
            login,
            hello,
            codec: Codec::Zstd,
            conversation: 0,
            marks: Vec::new(),
            sealed: Vec::new(),
            inbox: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// One exchange that works, with further items.
    pub(super) async fn sync(&mut self, world: &World, items: Vec<Submit>) -> Reply {
        let reply = self.ask(world, items).await.unwrap();
        self.store(&reply);
        reply
    }

    /// One exchange; nothing of its answer is stored here.
    pub(super) async fn ask(
        &mut self,
        world: &World,
        items: Vec<Submit>,
    ) -> Result<Reply, ExchangeError> {
        self.sealed.extend(items);
        let body = self.next_request();
        self.send(world, &body).await
    }

    /// The bytes of the next attempt: everything sealed, in one packet where possible.
    pub(super) fn next_request(&mut self) -> Vec<u8> {
        self.next_request_in(usize::MAX)
    }

    /// As [`Phone::next_request`], with so many items in a packet.
    pub(super) fn next_request_in(&mut self, items_per_packet: usize) -> Vec<u8> {
        self.hello.x += 1;
        self.request(items_per_packet)
    }

    /// The bytes of an attempt with the `x` that the Hello has.
    pub(super) fn request(&self, items_per_packet: usize) -> Vec<u8> {
        let mut packets = vec![vec![Frame::Hello(self.hello.clone())]];
        if !self.marks.is_empty() {
            packets[0].push(Frame::Marks(self.marks.clone()));
        }
        let mut first = self.hello.told + 1;
        for (at, items) in self.sealed.chunks(items_per_packet).enumerate() {
            let submits = Frame::Submits(Submits { first, items: items.to_vec() });
            first += items.len() as u64;
            match at {
                0 => packets[0].push(submits),
                _ => packets.push(vec![submits]),
            }
        }
        packets.last_mut().unwrap().push(Frame::End);
        body(self.codec, &packets)
    }

    /// Sends a whole body.
    pub(super) async fn send(&self, world: &World, body: &[u8]) -> Result<Reply, ExchangeError> {
        let (packets, streamed) = match self.open(world, body).await? {
            Answer::Whole(packets) => (packets, false),
            Answer::Streamed(mut packets) => (collect(&mut packets).await, true),
        };
        Ok(Reply { streamed, ..Reply::of(packets.iter().flatten().copied().collect()) })
    }

    /// Sends a whole body whose answer may stay open.
    pub(super) async fn open(&self, world: &World, body: &[u8]) -> Result<Answer, ExchangeError> {
        let mut visit = world.exchange.begin(self.login, CancellationToken::new(), None);
        // In pieces that are no packets.
        for piece in body.chunks(100) {
            visit.feed(piece).await?;
        }
        visit.finish(true).await
    }

    /// Holds a request; the stream of its answer.
    pub(super) async fn hold(&mut self, world: &World, hold_s: u16) -> Packets {
        self.hello.x += 1;
        let hello = Hello { hold_s, ..self.hello.clone() };
        let body = body(self.codec, &[vec![Frame::Hello(hello), Frame::End]]);
        match self.open(world, &body).await.unwrap() {
            Answer::Streamed(packets) => packets,
            Answer::Whole(_) => panic!("the request was not held"),
        }
    }

    /// Stores an answer, as far as it goes.
    pub(super) fn store(&mut self, reply: &Reply) {
        let Some(welcome) = reply.welcome() else { return };
        assert_eq!(welcome.x, self.hello.x, "an answer to another attempt");
        for frame in reply.frames() {
            self.take(frame);
        }
    }

    fn take(&mut self, frame: &Frame) {
        let cursors = &mut self.hello.cursors;
        match frame {
            Frame::Welcome(welcome) => {
                if let Some(limits) = &welcome.limits {
                    self.hello.limits_tag = limits.tag;
                }
            }
            Frame::Answered(answered) => {
                assert_eq!(answered.first, self.hello.told + 1, "answers have a gap");
                let count: u64 = answered.runs.iter().map(Run::count).sum();
                self.hello.told += count;
                let answered = usize::try_from(count).unwrap().min(self.sealed.len());
                self.sealed.drain(..answered);
            }
            Frame::Latest(latest) => {
                for (position, entry) in &latest.entries {
                    assert!(cursors.latest < *position, "lane latest went back");
                    cursors.latest = *position;
                    self.entries.push(entry.clone());
                }
            }
            Frame::Deliveries(mail) => {
                for delivery in &mail.entries {
                    assert!(cursors.of(mail.lane) < delivery.position, "a lane went back");
                    *cursors.of_mut(mail.lane) = delivery.position;
                    self.inbox.push(delivery.clone());
                }
            }
            Frame::Presence(presence) => self.hello.presence_version = presence.version,
            _ => {}
        }
    }

    /// Texts that it stored, in order.
    pub(super) fn texts(&self) -> Vec<String> {
        let text = |delivery: &Delivery| String::from_utf8_lossy(&delivery.body).into_owned();
        self.inbox.iter().map(text).collect()
    }

    /// A text to its conversation.
    pub(super) fn text(&self, words: &str) -> Submit {
        text(self.conversation, words)
    }
}

/// Packets as a body.
pub(super) fn body(codec: Codec, packets: &[Vec<Frame>]) -> Vec<u8> {
    let mut writer = BodyWriter::new(codec);
    let mut body = writer.preamble().to_vec();
    for frames in packets {
        body.extend(writer.packet(frames).unwrap());
    }
    body
}

pub(super) async fn collect(packets: &mut Packets) -> Vec<bytes::Bytes> {
    let mut all = Vec::new();
    while let Some(packet) = packets.next().await {
        all.push(packet);
    }
    all
}

/// An item.
pub(super) fn item(conversation: ConversationRef, item: &Item) -> Submit {
    let (kind, body) = (item.kind(), item.body());
    Submit { conversation, kind, urgent: false, version: 1_000, age_s: 0, lifetime_s: 0, body }
}

pub(super) fn text(conversation: u64, words: &str) -> Submit {
    item(ConversationRef::Number(conversation), &Item::Text(words.to_owned()))
}

pub(super) fn request(to: &[&str]) -> Submit {
    let to = to.iter().map(|name| (*name).to_owned()).collect();
    let (title, greeting) = (String::new(), "Shall we talk?".to_owned());
    item(ConversationRef::None, &Item::Request { to, title, greeting })
}

pub(super) fn accept(conversation: u64) -> Submit {
    item(ConversationRef::Number(conversation), &Item::Accept)
}

/// An answer that was read as far as it goes.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) body: Vec<u8>,
    pub(super) packets: Vec<Vec<Frame>>,
    pub(super) sizes: Vec<usize>,
    pub(super) streamed: bool,
}

impl Reply {
    /// Reads a body, or its beginning.
    pub(super) fn of(body: Vec<u8>) -> Self {
        let mut reader = BodyReader::new();
        reader.push(&body);
        let (mut packets, mut sizes) = (Vec::new(), Vec::new());
        while let Some(packet) = reader.next().unwrap() {
            sizes.push(packet.wire_len);
            packets.push(packet.frames);
        }
        Self { body, packets, sizes, streamed: false }
    }

    pub(super) fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.packets.iter().flatten()
    }

    pub(super) fn is_done(&self) -> bool {
        self.frames().last() == Some(&Frame::Done)
    }

    /// An answer with everything in it: nothing stopped.
    pub(super) fn done(&self) {
        assert!(self.is_done() && self.stopped().is_none() && self.forked().is_none(), "{self:?}");
    }

    pub(super) fn welcome(&self) -> Option<&Welcome> {
        match self.packets.first()?.first()? {
            Frame::Welcome(welcome) => Some(welcome),
            _ => None,
        }
    }

    pub(super) fn k(&self) -> u64 {
        self.welcome().expect("a Welcome").k
    }

    pub(super) fn runs(&self) -> Vec<Run> {
        let runs = |frame: &Frame| match frame {
            Frame::Answered(answered) => answered.runs.clone(),
            _ => Vec::new(),
        };
        self.frames().flat_map(runs).collect()
    }

    /// The conversation of the one request that was answered.
    pub(super) fn founded(&self) -> u64 {
        match &self.runs()[..] {
            [Run::Founded { conversation }] => *conversation,
            other => panic!("no request was answered: {other:?}"),
        }
    }

    pub(super) fn refusals(&self) -> Vec<Refusal> {
        let refusal = |run: Run| match run {
            Run::Refused { reason, .. } => Some(reason),
            _ => None,
        };
        self.runs().into_iter().filter_map(refusal).collect()
    }

    pub(super) fn mail(&self) -> Vec<Delivery> {
        let mail = |frame: &Frame| match frame {
            Frame::Deliveries(mail) => mail.entries.clone(),
            _ => Vec::new(),
        };
        self.frames().flat_map(mail).collect()
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let entries = |frame: &Frame| match frame {
            Frame::Latest(latest) => latest.entries.clone(),
            _ => Vec::new(),
        };
        self.frames().flat_map(entries).map(|(_, entry)| entry).collect()
    }

    pub(super) fn presence(&self) -> Vec<PresenceRow> {
        let rows = |frame: &Frame| match frame {
            Frame::Presence(presence) => presence.rows.clone(),
            _ => Vec::new(),
        };
        self.frames().flat_map(rows).collect()
    }

    pub(super) fn held(&self) -> Vec<HeldRow> {
        let rows = |frame: &Frame| match frame {
            Frame::Held(rows) => rows.clone(),
            _ => Vec::new(),
        };
        self.frames().flat_map(rows).collect()
    }

    pub(super) fn stopped(&self) -> Option<StopReason> {
        self.frames().find_map(|frame| match frame {
            Frame::Stop(stop) => Some(stop.reason),
            _ => None,
        })
    }

    pub(super) fn check(&self) -> Option<u32> {
        self.frames().find_map(|frame| match frame {
            Frame::Check(check) => Some(*check),
            _ => None,
        })
    }

    pub(super) fn forked(&self) -> Option<wire::ForkWhy> {
        self.frames().find_map(|frame| match frame {
            Frame::Forked(forked) => Some(forked.why),
            _ => None,
        })
    }
}
