//! A relay that lets everybody in and then answers whatever a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use wire::{BodyReader, BodyWriter, Codec, Frame, Hello, Welcome};

use harness::agent::AgentHome;

/// What it answers to an exchange.
pub(crate) enum Lie {
    /// These bytes, HTTP and all; then it hangs up.
    Bytes(Vec<u8>),
    /// These, and then the second ones again and again until nobody listens any more.
    Endless(Vec<u8>, Vec<u8>),
}

type Says = Box<dyn FnMut(&Hello) -> Lie + Send>;

/// The account that it gives everybody.
pub(crate) const ME: u64 = 7;
/// And the device.
pub(crate) const MY_DEVICE: u64 = 70;

pub(crate) struct Liar {
    addr: SocketAddr,
    says: Arc<Mutex<Says>>,
    _task: AbortOnDropHandle<()>,
}

impl Liar {
    /// One that is honest, and has nothing to say, until [`Liar::says`].
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let says: Arc<Mutex<Says>> = Arc::new(Mutex::new(Box::new(|hello| truth(hello, vec![]))));
        let shared = Arc::clone(&says);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // However a connection ends is its own matter.
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { addr, says, _task: AbortOnDropHandle::new(task) }
    }

    /// What it answers from now on.
    pub(crate) fn says(&self, says: impl FnMut(&Hello) -> Lie + Send + 'static) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(says);
    }

    /// A home that is logged in here, as ann.
    pub(crate) async fn home(&self) -> AgentHome {
        let home = AgentHome::new();
        home.login(&format!("http://{}", self.addr), "ann", None).await.done();
        home
    }
}

/// An honest answer with these frames between Welcome and Done.
pub(crate) fn truth(hello: &Hello, frames: Vec<Frame>) -> Lie {
    welcomed(hello, hello.told, frames)
}

/// An answer that says that items up to `k` are answered for.
pub(crate) fn welcomed(hello: &Hello, k: u64, mut frames: Vec<Frame>) -> Lie {
    frames.insert(0, Frame::Welcome(Welcome { x: hello.x, now_s: 1_800_000_000, k, limits: None }));
    frames.push(Frame::Done);
    Lie::Bytes(ok(&body(&[frames])))
}

/// Packets as a body.
pub(crate) fn body(packets: &[Vec<Frame>]) -> Vec<u8> {
    let mut writer = BodyWriter::new(Codec::Zstd);
    let mut body = writer.preamble().to_vec();
    for frames in packets {
        body.extend(writer.packet(frames).unwrap());
    }
    body
}

/// An answer of status 200.
pub(crate) fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn serve(mut stream: TcpStream, says: Arc<Mutex<Says>>) {
    let mut received = Vec::new();
    let (head, body) = loop {
        if let Ok(0) | Err(_) = stream.read_buf(&mut received).await {
            return;
        }
        let Some(len) = harness::link::head_len(&received) else { continue };
        let head = String::from_utf8_lossy(&received[..len]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.map_or(0, |length| length.trim().parse().unwrap());
        if len + length <= received.len() {
            break (head, received[len..len + length].to_vec());
        }
    };
    let lie = if head.starts_with("post /v1/sync") {
        let hello = hello_of(&body);
        (says.lock().unwrap_or_else(PoisonError::into_inner))(&hello)
    } else {
        let admitted = format!(
            r#"{{"account":{ME},"device":{MY_DEVICE},"name":"ann","domain":"relay.example",
                "cursors":{{"latest":0,"urgent":0,"ordinary":0}}}}"#
        );
        Lie::Bytes(ok(admitted.as_bytes()))
    };
    match lie {
        Lie::Bytes(bytes) => drop(stream.write_all(&bytes).await),
        Lie::Endless(begin, again) => {
            if stream.write_all(&begin).await.is_err() {
                return;
            }
            while stream.write_all(&again).await.is_ok() {}
        }
    }
}

fn hello_of(body: &[u8]) -> Hello {
    let mut reader = BodyReader::new();
    reader.push(body);
    let packet = reader.next().unwrap().unwrap();
    match packet.frames.into_iter().next() {
        Some(Frame::Hello(hello)) => hello,
        other => panic!("an exchange begins with Hello: {other:?}"),
    }
}
