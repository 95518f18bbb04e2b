//! `/v1/sync` as HTTP carries it.

use wire::{BodyReader, BodyWriter, Codec, Cursors, Frame, Hello, LaneMask, StopReason};

use super::*;

/// A body with these frames in one packet.
fn body(frames: &[Frame]) -> Vec<u8> {
    let mut writer = BodyWriter::new(Codec::None);
    let mut body = writer.preamble().to_vec();
    body.extend(writer.packet(frames).unwrap());
    body
}

/// The first request of a device that logged in with `answer`.
fn hello(answer: &Value) -> Frame {
    let cursor = |lane: &str| answer["cursors"][lane].as_u64().unwrap();
    let cursors = Cursors { latest: 0, urgent: cursor("urgent"), ordinary: cursor("ordinary") };
    Frame::Hello(Hello { x: 1, cursors, lanes: LaneMask::ALL, ..Hello::default() })
}

fn frames(body: &[u8]) -> Vec<Frame> {
    let mut reader = BodyReader::new();
    reader.push(body);
    let mut frames = Vec::new();
    while let Some(packet) = reader.next().unwrap() {
        frames.extend(packet.frames);
    }
    assert!(reader.is_at_edge());
    frames
}

#[tokio::test]
async fn an_exchange_is_answered_in_frames_and_its_length_is_the_only_field() {
    let rig = Rig::new(|_| {});
    let anna = rig.anna().await;
    let got = rig.ask("POST", "/v1/sync", Some(T1), body(&[hello(&anna), Frame::End])).await;
    let fields: Vec<_> = got.headers.keys().map(|name| name.as_str()).collect();
    assert_eq!((got.status, &fields[..]), (200, &["content-length"][..]));
    let frames = frames(&got.body);
    assert!(matches!(frames[..], [Frame::Welcome(_), .., Frame::Done]), "{frames:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_words() {
    let rig = Rig::new(|_| {});
    let anna = rig.anna().await;
    let whole = body(&[hello(&anna), Frame::End]);
    let (mut damaged, mut newer) = (whole.clone(), whole.clone());
    *damaged.last_mut().unwrap() ^= 1;
    newer[1] = 9;
    for (bytes, words) in [
        (b"GET / HTTP/1.1".to_vec(), "no Mailboat body"),
        (newer, "protocol version 9 is not supported, this build speaks 1"),
        (damaged, "packet 0 is damaged"),
        (body(&[Frame::End]), "does not begin with Hello"),
        (Vec::new(), "does not begin with Hello"),
        (whole[..whole.len() - 1].to_vec(), ""),
        (body(&[hello(&anna)]), "ends without End"),
    ] {
        let got = rig.ask("POST", "/v1/sync", Some(T1), bytes).await;
        assert_eq!(got.status, 400, "{}", got.text());
        assert_eq!(got.headers["content-type"], "text/plain; charset=utf-8");
        assert!(got.text().contains(words), "{}", got.text());
    }
}

#[tokio::test]
async fn an_account_that_asks_too_often_is_stopped_in_its_answer() {
    let rig = Rig::new(|settings| settings.limits.requests_per_minute = 1);
    let anna = rig.anna().await;
    let idle = body(&[hello(&anna), Frame::End]);
    assert_eq!(rig.ask("POST", "/v1/sync", Some(T1), idle.clone()).await.status, 200);
    let Frame::Hello(hello) = hello(&anna) else { unreachable!() };
    let second = body(&[Frame::Hello(Hello { x: 2, ..hello }), Frame::End]);
    let got = rig.ask("POST", "/v1/sync", Some(T1), second).await;
    let stops = frames(&got.body).into_iter().find_map(|frame| match frame {
        Frame::Stop(stop) => Some((stop.reason, stop.retry_after_s)),
        _ => None,
    });
    assert!(matches!(stops, Some((StopReason::Rate, 1..=60))), "{stops:?}");
    let page = rig.metrics.encode();
    assert!(page.contains("mailboat_rate_limited_total{kind=\"requests\"} 1"), "{page}");
}

#[tokio::test]
async fn a_revoked_device_is_not_answered_in_frames() {
    let rig = Rig::new(|_| {});
    let anna = rig.anna().await;
    let path = format!("/v1/devices/{}", anna["device"]);
    assert_eq!(rig.ask("DELETE", &path, Some(T1), Vec::new()).await.status, 204);
    let got = rig.ask("POST", "/v1/sync", Some(T1), body(&[hello(&anna), Frame::End])).await;
    assert_eq!(got.status, 401);
}
