//! Whole HTTP/1.1 messages found in recorded bytes, and sent again.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes that an answer may have.
pub const ANSWER_LEN_MAX: usize = 16 << 20;

/// Sends recorded requests to a relay again, each on a connection of its own: duplicates, and other orders.
/// It reads the plain bytes of HTTP; what was recorded under TLS means nothing to anyone else.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    relay: SocketAddr,
}

impl Replay {
    /// To the relay, or the link, at `relay`.
    pub const fn new(relay: SocketAddr) -> Self {
        Self { relay }
    }

    /// Sends one whole `request` and gives back the whole answer, head and body, with interim (1xx) answers before it.
    ///
    /// # Errors
    /// When the connection fails or ends before the answer is whole, or the answer is longer than [`ANSWER_LEN_MAX`].
    pub async fn send(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.relay).await?;
        stream.set_nodelay(true)?;
        stream.write_all(request).await?;
        let mut answer = Vec::new();
        loop {
            let read = stream.read_buf(&mut answer).await?;
            if answer_is_whole(&answer, read == 0) {
                return Ok(answer);
            }
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if answer.len() > ANSWER_LEN_MAX {
                return Err(io::Error::other("the answer is too long"));
            }
        }
    }
}

/// The whole requests at the start of what passed up a connection, in order; a cut one at the end is left out.
pub fn requests(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some(len) = message_len(stream, false) {
        let (request, rest) = stream.split_at(len);
        found.push(request);
        stream = rest;
    }
    found
}

/// How long the head of the first message is, its empty line included; none while it is not whole. The body follows.
pub fn head_len(message: &[u8]) -> Option<usize> {
    message.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// The length of the first message, its body included; none while it is not whole. `ended`: no more bytes follow.
pub fn message_len(message: &[u8], ended: bool) -> Option<usize> {
    let head_len = head_len(message)?;
    let head = String::from_utf8_lossy(&message[..head_len]).to_ascii_lowercase();
    let field = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value.trim())
    };
    let body = &message[head_len..];
    let body_len = match field("content-length").map(str::parse::<usize>) {
        _ if field("transfer-encoding").is_some_and(|how| how.ends_with("chunked")) => {
            chunked_len(body)?
        }
        Some(len) => len.ok()?,
        None if is_bodiless(&head) => 0,
        None => ended.then_some(body.len())?,
    };
    head_len.checked_add(body_len).filter(|len| *len <= message.len())
}

fn is_bodiless(head: &str) -> bool {
    let status = head.strip_prefix("http/1.1 ");
    status.is_none_or(|status| {
        status.starts_with('1') || status.starts_with("204") || status.starts_with("304")
    })
}

fn chunked_len(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line_len = body.get(at..)?.windows(2).position(|two| two == b"\r\n")?;
        let line = std::str::from_utf8(&body[at..at + line_len]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        at += line_len + 2;
        if size == 0 {
            return trailers_len(&body[at..]).map(|len| at + len);
        }
        at = at.checked_add(size)?.checked_add(2)?;
    }
}

fn trailers_len(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"\r\n") { Some(2) } else { head_len(rest) }
}

fn answer_is_whole(mut answer: &[u8], ended: bool) -> bool {
    while let Some(len) = message_len(answer, ended) {
        if !answer.starts_with(b"HTTP/1.1 1") {
            return true;
        }
        answer = &answer[len..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_requests_are_found_at_every_prefix() {
        let stream = b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n\
            POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nPOST";
        let edges = [44, 63, stream.len() - 4];
        for len in 0..=stream.len() {
            let found = requests(&stream[..len]);
            assert_eq!(found.len(), edges.iter().filter(|edge| **edge <= len).count(), "at {len}");
            assert_eq!(found.concat(), &stream[..found.concat().len()]);
        }
    }

    #[test]
    fn an_answer_without_a_length_ends_with_its_connection() {
        let answer = b"HTTP/1.1 200 OK\r\n\r\nhello";
        assert_eq!(message_len(answer, false), None);
        assert_eq!(message_len(answer, true), Some(answer.len()));
    }

    #[test]
    fn an_interim_answer_is_not_the_answer() {
        let mut answer = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
        assert!(!answer_is_whole(&answer, false));
        answer.extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n");
        assert!(answer_is_whole(&answer, false));
    }
}
