//! A relay that is polite and forgets everything: it lets everybody in, takes every item, and has nothing
//! to deliver. Enough to see when and how the commands and the agent call.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use serde_json::json;
use wire::{Answered, BodyReader, BodyWriter, Codec, Frame, Hello, Run, Welcome};

/// What the relay saw of one exchange.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) hold_s: u16,
    pub(super) items: usize,
    pub(super) next_call_s: u32,
    pub(super) lanes: wire::LaneMask,
}

/// Serves until the process ends.
pub(super) struct Polite {
    pub(super) url: String,
    /// Every exchange.
    pub(super) seen: mpsc::Receiver<Seen>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    revoked: AtomicBool,
    /// Requests other than exchanges: method, path, body.
    asked: Mutex<Vec<(String, serde_json::Value)>>,
}

impl Polite {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen_by, seen) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let for_all = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, seen_by, shared) = (stream.unwrap(), seen_by.clone(), for_all.clone());
                // A connection that ends however it likes is no matter.
                thread::spawn(move || serve(stream, &seen_by, &shared));
            }
        });
        Self { url, seen, shared }
    }

    /// From now on no token is good.
    pub(super) fn revoke_all(&self) {
        self.shared.revoked.store(true, SeqCst);
    }

    /// What was asked beside exchanges: `POST /v1/login` and so on.
    pub(super) fn asked(&self) -> Vec<(String, serde_json::Value)> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The next exchange; waits for it.
    pub(super) fn next(&self) -> Seen {
        self.seen.recv_timeout(Duration::from_secs(20)).expect("an exchange within 20 s")
    }
}

fn serve(stream: TcpStream, seen: &mpsc::Sender<Seen>, shared: &Shared) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut out = stream;
    loop {
        let (line, body) = request(&mut reader)?;
        let (method, path) = line.split_once(' ')?;
        let path = path.split(' ').next()?;
        let (status, answer) = match (method, path) {
            ("POST", "/v1/sync") if !shared.revoked.load(SeqCst) => (200, exchange(&body, seen)),
            ("POST", "/v1/sync") => (401, b"revoked".to_vec()),
            _ => {
                let asked = serde_json::from_slice(&body).unwrap_or_default();
                shared.asked.lock().unwrap().push((format!("{method} {path}"), asked));
                json_answer(path, shared.revoked.load(SeqCst))
            }
        };
        if status == 200 && path == "/v1/sync" && is_hold(&body) {
            let head = "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n";
            let chunk = format!("{head}{:x}\r\n", answer.len()).into_bytes();
            out.write_all(&[&chunk, &answer[..], b"\r\n"].concat()).ok()?;
            // Held until the other side hangs up.
            return reader.read(&mut [0]).ok().map(drop);
        }
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", answer.len());
        out.write_all(&[head.as_bytes(), &answer].concat()).ok()?;
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let (mut first, mut len) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            len = value.parse().ok()?;
        }
        if first.is_empty() {
            first = line
                .replacen("post", "POST", 1)
                .replacen("get", "GET", 1)
                .replacen("delete", "DELETE", 1);
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    Some((first, body))
}

fn is_hold(body: &[u8]) -> bool {
    let mut reader = BodyReader::new();
    reader.push(body);
    let packet = reader.next().unwrap().unwrap();
    packet.frames.iter().any(|frame| matches!(frame, Frame::Hello(hello) if 0 < hello.hold_s))
}

fn exchange(body: &[u8], seen: &mpsc::Sender<Seen>) -> Vec<u8> {
    let mut reader = BodyReader::new();
    reader.push(body);
    let (mut hello, mut items, mut first) = (Hello::default(), 0, 0);
    while let Some(packet) = reader.next().unwrap() {
        for frame in packet.frames {
            match frame {
                Frame::Hello(said) => hello = said,
                Frame::Submits(submits) => {
                    first = if items == 0 { submits.first } else { first };
                    items += submits.items.len();
                }
                _ => {}
            }
        }
    }
    let k = if items == 0 { hello.told } else { first + items as u64 - 1 };
    let mut frames =
        vec![Frame::Welcome(Welcome { x: hello.x, now_s: 1_800_000_000, k, limits: None })];
    if 0 < items {
        let runs = vec![Run::Done { count: u32::try_from(items).unwrap() }];
        frames.push(Frame::Answered(Answered { first: hello.told + 1, runs }));
    }
    // Nobody may be listening any more.
    let (hold_s, next_call_s, lanes) = (hello.hold_s, hello.next_call_s, hello.lanes);
    let _ = seen.send(Seen { hold_s, items, next_call_s, lanes });
    let mut writer = BodyWriter::new(Codec::None);
    let mut answer = writer.preamble().to_vec();
    if 0 < hello.hold_s {
        // A hold that never ends: its Welcome comes, Done does not.
        answer.extend(writer.packet(&frames).unwrap());
        return answer;
    }
    frames.push(Frame::Done);
    answer.extend(writer.packet(&frames).unwrap());
    answer
}

fn json_answer(path: &str, revoked: bool) -> (u16, Vec<u8>) {
    let answer = match path {
        "/v1/relay" => {
            json!({ "version": "0.1.0", "protocol": wire::VERSION, "domain": "r.example",
            "registration": "invite", "now": jiff::Timestamp::now() })
        }
        "/v1/join" | "/v1/login" => {
            json!({ "account": 7, "device": 70, "name": "ann", "domain": "r.example",
            "cursors": { "latest": 0, "urgent": 5, "ordinary": 6 } })
        }
        _ if revoked => {
            return (401, br#"{"error":"log in again","code":"unauthorized"}"#.to_vec());
        }
        "/v1/devices" => {
            json!([{ "id": 70, "label": "here", "current": true, "created": null, "last_seen": null }])
        }
        path if path.starts_with("/v1/devices/") => return (204, Vec::new()),
        _ => return (404, br#"{"error":"no such thing","code":"not_found"}"#.to_vec()),
    };
    (200, answer.to_string().into_bytes())
}
