//! A device that is nothing but a connection: HTTP/1.1 written by hand on a kept TCP connection, so
//! that what is measured is the relay.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wire::{
    BodyReader, BodyWriter, Codec, Cursors, Deliveries, Entry, Frame, Hello, Item, LaneMask, Run,
    Submits, Welcome,
};

/// What an answer said.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) frames: Vec<Frame>,
    /// Bytes of the answer, HTTP included.
    pub(crate) bytes: usize,
}

/// A device at its connection.
#[derive(Debug)]
pub(crate) struct RawDevice {
    stream: TcpStream,
    token: String,
    codec: Codec,
    received: Vec<u8>,
    /// Number of the last exchange.
    pub(crate) x: u64,
    /// Highest own number that was answered.
    pub(crate) told: u64,
    pub(crate) cursors: Cursors,
    limits_tag: u16,
}

impl RawDevice {
    /// Connects to a relay with plain HTTP.
    pub(crate) async fn connect(
        relay: SocketAddr,
        token: &str,
        cursors: Cursors,
        codec: Codec,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(relay).await.context("connecting to the relay")?;
        stream.set_nodelay(true)?;
        let token = token.to_owned();
        let (received, x, told, limits_tag) = (Vec::new(), 0, 0, 0);
        Ok(Self { stream, token, codec, received, x, told, cursors, limits_tag })
    }

    /// One exchange; lanes are read where `lanes` asks for them, and cursors follow what came.
    pub(crate) async fn exchange(
        &mut self,
        lanes: LaneMask,
        submits: Option<Submits>,
    ) -> anyhow::Result<Answer> {
        let request = self.request(lanes, submits)?;
        self.stream.write_all(&request).await.context("writing to the relay")?;
        let (body, bytes) = self.answer().await?;
        let mut reader = BodyReader::new();
        reader.push(&body);
        let mut answer = Answer { frames: Vec::new(), bytes };
        while let Some(packet) = reader.next()? {
            answer.frames.extend(packet.frames);
        }
        self.follow(&answer)?;
        Ok(answer)
    }

    /// Submits items and checks that every one was answered without a refusal.
    pub(crate) async fn submit(&mut self, items: Vec<wire::Submit>) -> anyhow::Result<Vec<Run>> {
        let (first, count) = (self.told + 1, items.len() as u64);
        let answer = self.exchange(LaneMask::NONE, Some(Submits { first, items })).await?;
        let runs = answer.frames.into_iter().find_map(|frame| match frame {
            Frame::Answered(answered) if answered.first == first => Some(answered.runs),
            _ => None,
        });
        let runs = runs.context("the relay did not answer")?;
        ensure!(!runs.iter().any(|run| matches!(run, Run::Refused { .. })), "refused: {runs:?}");
        let answered: u64 = runs.iter().map(Run::count).sum();
        ensure!(answered == count, "{answered} of {count} items were answered");
        self.told += answered;
        Ok(runs)
    }

    fn request(&mut self, lanes: LaneMask, submits: Option<Submits>) -> anyhow::Result<Vec<u8>> {
        self.x += 1;
        let hello = Hello {
            x: self.x,
            told: self.told,
            cursors: self.cursors,
            lanes,
            limits_tag: self.limits_tag,
            ..Hello::default()
        };
        let mut frames = vec![Frame::Hello(hello)];
        frames.extend(submits.map(Frame::Submits));
        frames.push(Frame::End);
        let mut writer = BodyWriter::new(self.codec);
        let (preamble, packet) = (writer.preamble(), writer.packet(&frames)?);
        let length = preamble.len() + packet.len();
        let head = format!(
            "POST /v1/sync HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\n\r\n",
            self.token
        );
        Ok([head.as_bytes(), &preamble, &packet].concat())
    }

    /// The body of one answer, and the bytes that carried it.
    async fn answer(&mut self) -> anyhow::Result<(Vec<u8>, usize)> {
        self.received.clear();
        let head_len = loop {
            if let Some(len) = harness::link::head_len(&self.received) {
                break len;
            }
            self.read().await?;
        };
        let head = String::from_utf8_lossy(&self.received[..head_len]).to_ascii_lowercase();
        ensure!(head.starts_with("http/1.1 200"), "the relay answered {head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let body = match length {
            Some(length) => {
                let end = head_len + length.trim().parse::<usize>().context("content-length")?;
                while self.received.len() < end {
                    self.read().await?;
                }
                self.received[head_len..end].to_vec()
            }
            None => self.chunks(head_len).await?,
        };
        Ok((body, self.received.len()))
    }

    async fn chunks(&mut self, mut at: usize) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                let rest = &self.received[at..];
                if let Some(len) = rest.windows(2).position(|two| two == b"\r\n") {
                    break String::from_utf8_lossy(&rest[..len]).into_owned();
                }
                self.read().await?;
            };
            let size = usize::from_str_radix(&line, 16).context("a chunk's size")?;
            let from = at + line.len() + 2;
            while self.received.len() < from + size + 2 {
                self.read().await?;
            }
            body.extend_from_slice(&self.received[from..from + size]);
            at = from + size + 2;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        match self.stream.read_buf(&mut self.received).await.context("reading from the relay")? {
            0 => bail!("the relay closed the connection"),
            _ => Ok(()),
        }
    }

    fn follow(&mut self, answer: &Answer) -> anyhow::Result<()> {
        let mut done = false;
        for frame in &answer.frames {
            match frame {
                Frame::Welcome(Welcome { x, limits, .. }) => {
                    ensure!(*x == self.x, "the answer belongs to another attempt");
                    self.limits_tag = limits.as_ref().map_or(self.limits_tag, |limits| limits.tag);
                }
                Frame::Latest(latest) => {
                    let last = latest.entries.last().map_or(0, |(position, _)| *position);
                    self.cursors.latest = self.cursors.latest.max(last);
                }
                Frame::Deliveries(Deliveries { lane, entries }) => {
                    let cursor = self.cursors.of_mut(*lane);
                    *cursor = entries.last().map_or(*cursor, |entry| entry.position);
                }
                Frame::Stop(stop) => bail!("the relay stopped: {stop:?}"),
                Frame::Forked(forked) => bail!("the relay sees a fork: {forked:?}"),
                Frame::Done => done = true,
                _ => {}
            }
        }
        ensure!(done, "the answer has no end");
        Ok(())
    }
}

/// Lets two devices' accounts chat: the number of their conversation, and its membership version.
pub(crate) async fn acquaint(
    asker: &mut RawDevice,
    asked: &mut RawDevice,
    asked_name: &str,
) -> anyhow::Result<(u64, u32)> {
    let request = Item::Request {
        to: vec![asked_name.to_owned()],
        title: String::new(),
        greeting: String::new(),
    };
    let runs = asker.submit(vec![item(wire::ConversationRef::None, &request)]).await?;
    let Some(&Run::Founded { conversation }) = runs.first() else {
        bail!("the request founded nothing: {runs:?}")
    };
    asked.submit(vec![item(wire::ConversationRef::Number(conversation), &Item::Accept)]).await?;
    let answer = asker.exchange(LaneMask::ALL, None).await?;
    let version = answer.frames.iter().filter_map(|frame| match frame {
        Frame::Latest(latest) => Some(&latest.entries),
        _ => None,
    });
    let version = version.flatten().find_map(|(_, entry)| match entry {
        Entry::Conversation { number, version, .. } if *number == conversation => Some(*version),
        _ => None,
    });
    Ok((conversation, version.context("the asker was not told of the conversation")?))
}

fn item(conversation: wire::ConversationRef, item: &Item) -> wire::Submit {
    let (kind, body) = (item.kind(), item.body());
    wire::Submit { conversation, kind, urgent: false, version: 0, age_s: 1, lifetime_s: 0, body }
}
