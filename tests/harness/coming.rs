//! What comes down a line without a socket, for tests that put their own transport between agent and relay.

use std::collections::VecDeque;

use agent::link::LinkError;
use agent::sync::Answer;
use bytes::Bytes;
use relay::exchange::{self, ExchangeError};

/// An answer, or the part of it that came before the line was cut.
#[derive(Clone, Debug)]
pub struct Coming {
    /// As HTTP has it.
    pub status: u16,
    /// What comes, in the pieces in which it does.
    pub chunks: VecDeque<Bytes>,
    /// Behind them the line is cut.
    pub is_cut: bool,
}

impl Answer for Coming {
    fn status(&self) -> u16 {
        self.status
    }

    fn retry_after_s(&self) -> Option<u32> {
        None
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, LinkError> {
        match self.chunks.pop_front() {
            Some(chunk) => Ok(Some(chunk)),
            None if self.is_cut => Err(cut()),
            None => Ok(None),
        }
    }
}

/// A line that was cut before anything of the answer came.
pub fn cut() -> LinkError {
    LinkError::Cut { received: 0, source: "the test cut it".into() }
}

/// The packets of an answer, as far as the relay goes on while `goes_on`.
///
/// # Errors
/// Where there is none.
pub async fn packets_of(
    answer: Result<exchange::Answer, ExchangeError>,
    mut goes_on: impl FnMut() -> bool,
) -> Result<VecDeque<Bytes>, ExchangeError> {
    let mut stream = match answer? {
        exchange::Answer::Whole(packets) => {
            return Ok(packets.into());
        }
        exchange::Answer::Streamed(stream) => stream,
    };
    let mut packets = VecDeque::new();
    while let Some(packet) = stream.next().await {
        if !goes_on() {
            break;
        }
        packets.push_back(packet);
    }
    Ok(packets)
}
