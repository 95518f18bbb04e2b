//! What ends a request that the relay holds open.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use serde_json::Value;
use wire::{BodyReader, BodyWriter, Codec, Cursors, Frame, Hello, LaneMask};

use crate::rig::{PATIENCE, Rig, Serving, TOKEN};

/// A request that the relay holds open; what was read of its answer so far.
struct Hold {
    stream: BufReader<TcpStream>,
    body: BodyReader,
    frames: Vec<Frame>,
}

impl Hold {
    /// Begins, and waits for the first packet.
    fn begin(relay: &Serving, device: &Value) -> Self {
        let cursor = |lane: &str| device["cursors"][lane].as_u64().unwrap();
        let hello = Hello {
            x: 1,
            cursors: Cursors { latest: 0, urgent: cursor("urgent"), ordinary: cursor("ordinary") },
            lanes: LaneMask::ALL,
            hold_s: 300,
            ..Hello::default()
        };
        let mut writer = BodyWriter::new(Codec::None);
        let mut body = writer.preamble().to_vec();
        body.extend(writer.packet(&[Frame::Hello(hello), Frame::End]).unwrap());
        let mut stream = TcpStream::connect(relay.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "POST /v1/sync HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        let mut hold =
            Self { stream: BufReader::new(stream), body: BodyReader::new(), frames: Vec::new() };
        assert_eq!(hold.line(), "HTTP/1.1 200 OK");
        assert_eq!(hold.line(), "transfer-encoding: chunked");
        assert_eq!(hold.line(), "");
        assert!(hold.chunk());
        assert!(matches!(hold.frames[..], [Frame::Welcome(_)]), "{:?}", hold.frames);
        hold
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads a chunk; false at the end.
    fn chunk(&mut self) -> bool {
        let len = usize::from_str_radix(&self.line(), 16).unwrap();
        let mut bytes = vec![0; len + 2];
        self.stream.read_exact(&mut bytes).unwrap();
        self.body.push(&bytes[..len]);
        while let Some(packet) = self.body.next().unwrap() {
            self.frames.extend(packet.frames);
        }
        len > 0
    }

    /// Reads to the end, which has to be a proper one.
    fn end(mut self) {
        while self.chunk() {}
        assert!(matches!(self.frames.last(), Some(Frame::Done)), "{:?}", self.frames);
    }
}

/// A relay, its account anna, and a hold of her device.
fn held(rig: &Rig) -> (Serving, Hold, String) {
    let relay = rig.serve(&[], |_| {});
    rig.add("anna");
    let device: Value = serde_json::from_str(&relay.login("anna", "secret").1).unwrap();
    let hold = Hold::begin(&relay, &device);
    (relay, hold, device["device"].to_string())
}

#[test]
fn a_device_revoked_beside_it_loses_its_hold() {
    let rig = Rig::new();
    let (_relay, hold, device) = held(&rig);
    assert_eq!(rig.run(&["device", "revoke", "anna", &device], "").0, Some(0));
    hold.end();
}

#[test]
fn an_account_disabled_beside_it_loses_its_holds() {
    let rig = Rig::new();
    let (_relay, hold, _) = held(&rig);
    assert_eq!(rig.run(&["account", "disable", "anna"], "").0, Some(0));
    hold.end();
}

#[test]
fn a_hold_ends_properly_when_the_relay_is_told_to_end() {
    let rig = Rig::new();
    let (mut relay, hold, _) = held(&rig);
    let reading = std::thread::spawn(|| hold.end());
    assert_eq!(relay.end().0.code(), Some(0));
    reading.join().unwrap();
}
