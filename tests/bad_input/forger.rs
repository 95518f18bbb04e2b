//! A device that writes its requests by hand: whatever a test wants, over plain HTTP.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::{
    BodyReader, BodyWriter, Codec, ConversationRef, Cursors, Frame, Hello, Item, LaneMask, Refusal,
    Run, Submit, Submits,
};

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|err| panic!("{err}: {self:?}"))
    }

    /// The frames of an exchange's answer.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        assert_eq!(self.status, 200, "{}", self.text());
        let mut reader = BodyReader::new();
        reader.push(&self.body);
        let mut frames = Vec::new();
        while let Some(packet) = reader.next().unwrap() {
            frames.extend(packet.frames);
        }
        assert_eq!(frames.last(), Some(&Frame::Done), "{frames:?}");
        frames
    }

    /// The outcomes that it tells.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let runs = |frame| match frame {
            Frame::Answered(answered) => answered.runs,
            _ => Vec::new(),
        };
        self.frames().into_iter().flat_map(runs).collect()
    }

    /// The reason of its one refusal, with words that end as a sentence does.
    pub(crate) fn refused(&self) -> Refusal {
        match &self.runs()[..] {
            [Run::Refused { reason, words }] => {
                assert!(words.ends_with('.') && words.len() < 200, "{words:?}");
                *reason
            }
            other => panic!("one refusal was expected: {other:?}"),
        }
    }
}

/// Sends bytes on a connection of their own and reads until the relay has answered.
pub(crate) async fn send(relay: SocketAddr, bytes: &[u8]) -> Got {
    let mut stream = TcpStream::connect(relay).await.unwrap();
    // A relay that has heard enough may hang up before the end of it.
    let _ = stream.write_all(bytes).await;
    read(&mut stream).await
}

/// Reads one answer.
pub(crate) async fn read(stream: &mut TcpStream) -> Got {
    let mut received = Vec::new();
    loop {
        if let Some(len) = harness::link::head_len(&received) {
            let head = String::from_utf8_lossy(&received[..len]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if len + length <= received.len() {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return Got { status, body: received[len..len + length].to_vec() };
            }
        }
        match stream.read_buf(&mut received).await {
            Ok(0) | Err(_) => panic!("no answer: {:?}", String::from_utf8_lossy(&received)),
            Ok(_) => {}
        }
    }
}

/// A request with its length, and the connection closed behind it.
pub(crate) fn request(method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Vec<u8> {
    let token = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: relay\r\n{token}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A logged-in device.
#[derive(Clone, Debug)]
pub(crate) struct Forger {
    pub(crate) relay: SocketAddr,
    pub(crate) token: String,
    pub(crate) hello: Hello,
}

impl Forger {
    /// Logs in as `name` with a token that ends in `nth`.
    pub(crate) async fn login(relay: SocketAddr, name: &str, nth: char) -> Self {
        // The last character has two bits only.
        let token = format!("{}{nth}A", "f".repeat(20));
        let password = harness::relay::password_of(name);
        let asked = json!({"name": name, "password": password, "token": token, "device": "forger"});
        let got =
            send(relay, &request("POST", "/v1/login", None, asked.to_string().as_bytes())).await;
        assert_eq!(got.status, 200, "{}", got.text());
        let cursors: Cursors = serde_json::from_value(got.json()["cursors"].clone()).unwrap();
        let hello = Hello { cursors, lanes: LaneMask::ALL, ..Hello::default() };
        Self { relay, token, hello }
    }

    /// An exchange with these frames in one packet.
    pub(crate) async fn sync(&self, frames: &[Frame]) -> Got {
        let mut writer = BodyWriter::new(Codec::Zstd);
        let mut body = writer.preamble().to_vec();
        body.extend(writer.packet(frames).unwrap());
        self.post(&body).await
    }

    /// An exchange with this body.
    pub(crate) async fn post(&self, body: &[u8]) -> Got {
        send(self.relay, &request("POST", "/v1/sync", Some(&self.token), body)).await
    }

    /// The next attempt, with items under the next numbers; what it answers is then told.
    pub(crate) async fn submit(&mut self, items: Vec<Submit>) -> Got {
        self.hello.x += 1;
        let submits = Submits { first: self.hello.told + 1, items };
        let got = self
            .sync(&[Frame::Hello(self.hello.clone()), Frame::Submits(submits), Frame::End])
            .await;
        self.hello.told += got.runs().iter().map(Run::count).sum::<u64>();
        got
    }

    /// The next attempt with one item.
    pub(crate) async fn say(&mut self, conversation: ConversationRef, item: &Item) -> Got {
        self.submit(vec![submit(conversation, item.kind(), item.body())]).await
    }
}

/// An item of any kind and body.
pub(crate) fn submit(conversation: ConversationRef, kind: u8, body: Vec<u8>) -> Submit {
    Submit { conversation, kind, urgent: false, version: 1_000, age_s: 0, lifetime_s: 0, body }
}
