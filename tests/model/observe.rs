//! What must be true of every answer by itself, whatever was asked: it is read from its own bytes and its request's.

use std::collections::BTreeMap;

use wire::{BodyReader, Frame, Hello, Lane, Packet};

/// With less the relay answers what it must, and says so.
const TAKE_LEAST: u32 = 256;

/// What is wrong with an answer.
pub(crate) fn answer(request: &[u8], body: &[u8]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |words: String| faults.push(words);
    let asked = match packets(request) {
        Ok(packets) => packets.into_iter().flat_map(|packet| packet.frames).collect::<Vec<_>>(),
        Err(words) => return vec![format!("the request: {words}")],
    };
    let Some(Frame::Hello(hello)) = asked.first().cloned() else {
        return vec!["a request without Hello".to_owned()];
    };
    let packets = match packets(body) {
        Ok(packets) => packets,
        Err(words) => return vec![format!("the answer: {words}")],
    };
    let frames: Vec<&Frame> = packets.iter().flat_map(|packet| &packet.frames).collect();
    if !matches!(frames.last(), Some(Frame::Done)) {
        fault(format!("an answer that ends with {:?}", frames.last()));
    }
    match frames.first() {
        Some(Frame::Welcome(welcome)) if welcome.x == hello.x => {}
        Some(Frame::Forked(forked)) if forked.x == hello.x && frames.len() == 2 => {}
        Some(Frame::Stop(_)) => {}
        first => fault(format!("an answer to x {} that begins with {first:?}", hello.x)),
    }
    if let Some(words) = answered(&frames, &hello) {
        fault(words);
    }
    let has_runs = frames.iter().any(|frame| matches!(frame, Frame::Answered(_) | Frame::Stop(_)));
    if TAKE_LEAST <= hello.take && !has_runs && (hello.take as usize) < body.len() {
        fault(format!("{} bytes where {} were to be taken", body.len(), hello.take));
    }
    if let Some(words) = positions(&frames, &hello) {
        fault(words);
    }
    faults
}

fn packets(body: &[u8]) -> Result<Vec<Packet>, String> {
    let mut reader = BodyReader::new();
    reader.push(body);
    let mut packets = Vec::new();
    while let Some(packet) = reader.next().map_err(|err| format!("{err:?}"))? {
        packets.push(packet);
    }
    if reader.is_at_edge() { Ok(packets) } else { Err("it ends within a packet".to_owned()) }
}

/// Every number above `told` up to `k` has its answer, each once.
fn answered(frames: &[&Frame], hello: &Hello) -> Option<String> {
    let k = frames.iter().find_map(|frame| match frame {
        Frame::Welcome(welcome) => Some(welcome.k),
        _ => None,
    })?;
    let mut next = hello.told + 1;
    for frame in frames {
        if let Frame::Answered(answered) = frame {
            if answered.first != next {
                return Some(format!("answers from {} where {next} is next", answered.first));
            }
            next += answered.runs.iter().map(wire::Run::count).sum::<u64>();
        }
    }
    let ends = k.max(hello.told) + 1;
    (next != ends).then(|| format!("answers up to {} with k {k} and told {}", next - 1, hello.told))
}

/// Only what was asked for, behind the cursors, in rising order.
fn positions(frames: &[&Frame], hello: &Hello) -> Option<String> {
    let mut last: BTreeMap<Lane, u64> = Lane::ALL.map(|lane| (lane, hello.cursors.of(lane))).into();
    let mut pass = |lane: Lane, position: u64| {
        let before = last.insert(lane, position).unwrap_or(0);
        if position <= before || !hello.lanes.contains(lane) {
            return Some(format!(
                "position {position} of {lane:?} after {before}, lanes {:?}",
                hello.lanes
            ));
        }
        None
    };
    frames.iter().find_map(|frame| match frame {
        Frame::Latest(latest) => {
            latest.entries.iter().find_map(|(position, _)| pass(Lane::Latest, *position))
        }
        Frame::Deliveries(deliveries) => {
            deliveries.entries.iter().find_map(|delivery| pass(deliveries.lane, delivery.position))
        }
        _ => None,
    })
}
