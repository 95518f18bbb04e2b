//! What was said in recorded connections: HTTP taken off, bodies taken apart into packets, whole ones and the rest of
//! a cut one. It reads plain HTTP only.

use wire::{BodyReader, Packet};

use crate::link::{Direction, Recorded, head_len};

/// One direction of one exchange as it passed the link.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// Packets that passed whole, in order.
    pub packets: Vec<Packet>,
    /// Where each of them ended: bytes of this direction of the *connection*, from its start.
    pub edges: Vec<u64>,
    /// Bytes of the packet that was cut.
    pub torn_len: usize,
    /// Bytes before the body: status or request line and fields.
    pub head_len: usize,
    /// Bytes of the body that passed, without the chunks' own headers.
    pub len: usize,
    /// Where it began: bytes of this direction of the connection before its head.
    pub at: u64,
}

/// One exchange as it passed the link: a request, and what came of its answer.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// Its connection's number.
    pub connection: u64,
    /// What the agent said.
    pub up: Body,
    /// What the relay said.
    pub down: Body,
}

/// The exchanges of recorded connections, in order. Other requests (logins) are left out. Panics when a body is
/// damaged: a link cuts, it does not change bytes.
pub fn exchanges(recorded: &[Recorded]) -> Vec<Exchange> {
    recorded.iter().flat_map(of_connection).collect()
}

fn of_connection(recorded: &Recorded) -> Vec<Exchange> {
    let (mut up, mut down) = (&recorded.up[..], &recorded.down[..]);
    let mut found = Vec::new();
    while !up.is_empty() {
        let is_exchange = up.starts_with(b"POST /v1/sync ");
        let (request, up_len) = take(up, Direction::Up);
        let (answer, down_len) = take(down, Direction::Down);
        if is_exchange {
            let at = |whole: &[u8], rest: &[u8]| (whole.len() - rest.len()) as u64;
            let up = request.read(at(&recorded.up, up));
            let down = answer.read(at(&recorded.down, down));
            found.push(Exchange { connection: recorded.connection, up, down });
        }
        (up, down) = (&up[up_len..], &down[down_len..]);
    }
    found
}

/// A body's bytes and, for each of them, where it stood in its direction after the head.
#[derive(Default)]
struct Raw {
    head_len: usize,
    bytes: Vec<u8>,
    /// Pieces as (bytes of the body before it, bytes of the message before it).
    pieces: Vec<(usize, usize)>,
}

impl Raw {
    fn push(&mut self, at: usize, bytes: &[u8]) {
        self.pieces.push((self.bytes.len(), at));
        self.bytes.extend_from_slice(bytes);
    }

    /// How much of the message had passed once `len` bytes of the body had.
    fn place_of(&self, len: usize) -> usize {
        let piece = self.pieces.iter().rev().find(|(before, _)| *before < len);
        piece.map_or(self.head_len, |(before, at)| at + (len - before))
    }

    fn read(self, at: u64) -> Body {
        let mut reader = BodyReader::new();
        reader.push(&self.bytes);
        let mut body =
            Body { head_len: self.head_len, len: self.bytes.len(), at, ..Body::default() };
        let mut read = wire::PREAMBLE_LEN.min(self.bytes.len());
        while let Some(packet) = reader.next().expect("what passes is not damaged") {
            read += packet.wire_len;
            body.edges.push(at + self.place_of(read) as u64);
            body.packets.push(packet);
        }
        body.torn_len = self.bytes.len() - read;
        body
    }
}

/// The first message's body, as far as it passed, and how long the message is.
fn take(stream: &[u8], direction: Direction) -> (Raw, usize) {
    let Some(head_len) = head_len(stream) else {
        return (Raw { head_len: stream.len(), ..Raw::default() }, stream.len());
    };
    let head = String::from_utf8_lossy(&stream[..head_len]).to_ascii_lowercase();
    let mut raw = Raw { head_len, ..Raw::default() };
    if head.contains("\r\ntransfer-encoding: chunked\r\n") {
        let end = take_chunks(&mut raw, stream);
        return (raw, end);
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.map(|length| length.trim().parse::<usize>().expect("a length is a number"));
    let rest = stream.len() - head_len;
    let len = length.unwrap_or(if direction == Direction::Up { 0 } else { rest }).min(rest);
    raw.push(head_len, &stream[head_len..head_len + len]);
    (raw, head_len + len)
}

/// Reads chunks up to the last or the cut, and says where they ended.
fn take_chunks(raw: &mut Raw, stream: &[u8]) -> usize {
    let mut at = raw.head_len;
    loop {
        let Some(line_len) = stream[at..].windows(2).position(|two| two == b"\r\n") else {
            return stream.len();
        };
        let line = std::str::from_utf8(&stream[at..at + line_len]).expect("a chunk's size is text");
        let size = usize::from_str_radix(line.trim(), 16).expect("a chunk's size is a number");
        at += line_len + 2;
        let here = size.min(stream.len() - at);
        raw.push(at, &stream[at..at + here]);
        at = (at + here + 2).min(stream.len());
        if size == 0 || at == stream.len() {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::{BodyWriter, Codec, Frame};

    use super::*;

    fn body(packets: usize) -> Vec<u8> {
        let mut writer = BodyWriter::new(Codec::None);
        let mut body = writer.preamble().to_vec();
        for _ in 0..packets {
            body.extend(writer.packet(&[Frame::End]).unwrap());
        }
        body
    }

    fn request(body: &[u8]) -> Vec<u8> {
        let head = format!("POST /v1/sync HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    #[test]
    fn two_exchanges_of_one_connection_are_taken_apart_and_edges_are_places_in_the_stream() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let (one, two) = (body(1), body(2));
        let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", one.len());
        let mut down = [whole.as_bytes(), &one, &chunked].concat();
        // The second answer comes in two chunks and is cut one byte before the end of its second packet.
        let first_len = one.len();
        down.extend(format!("{first_len:x}\r\n").into_bytes());
        down.extend(&two[..first_len]);
        let first_edge = down.len() as u64;
        down.extend(format!("\r\n{:x}\r\n", two.len() - first_len).into_bytes());
        down.extend(&two[first_len..two.len() - 1]);
        let recorded =
            Recorded { connection: 3, up: [request(&one), request(&two)].concat(), down };

        let found = exchanges(std::slice::from_ref(&recorded));
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].up.packets.len(), found[0].down.packets.len()), (1, 1));
        assert_eq!((found[1].up.packets.len(), found[1].down.packets.len()), (2, 1));
        assert_eq!(found[1].up.edges[1], recorded.up.len() as u64);
        assert_eq!(found[1].down.edges, [first_edge]);
        assert_eq!(found[1].down.torn_len, two.len() - first_len - 1);
    }

    #[test]
    fn a_cut_anywhere_yields_only_what_was_whole() {
        let up = request(&body(3));
        for len in 1..=up.len() {
            let recorded = Recorded { connection: 0, up: up[..len].to_vec(), down: vec![] };
            let found = exchanges(&[recorded]);
            let packets = found.first().map_or(0, |exchange| exchange.up.packets.len());
            let edges = exchanges(&[Recorded { connection: 0, up: up.clone(), down: vec![] }])[0]
                .up
                .edges
                .clone();
            assert_eq!(packets, edges.iter().filter(|edge| **edge <= len as u64).count());
        }
    }
}
