//! The way between an agent and the relay while the power of either may go: what the relay says with its power off is
//! heard by nobody.

use std::{collections::VecDeque, path::PathBuf, time::Duration};

use agent::{
    link::LinkError,
    store::NewDevice,
    sync::{Answer, SyncError, Transport},
};
use bytes::Bytes;
use relay::{
    exchange::{self, Exchange},
    store::Login,
};
use tokio_util::sync::CancellationToken;
use wire::{BodyReader, Cursors, Frame};

use super::disk;

/// What an agent has said that it holds: the relay may forget all else.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Claim {
    pub(crate) x: u64,
    pub(crate) told: u64,
    pub(crate) cursors: Cursors,
}

#[derive(Debug)]
pub(crate) struct Line<'w> {
    pub(crate) exchange: Exchange,
    pub(crate) login: Login,
    /// Where the relay's disk is.
    pub(crate) relay: PathBuf,
    pub(crate) claim: &'w mut Claim,
}

/// What comes down.
#[derive(Debug)]
pub(crate) struct Coming {
    status: u16,
    packets: VecDeque<Bytes>,
    is_cut: bool,
}

impl Answer for Coming {
    fn status(&self) -> u16 {
        self.status
    }

    fn retry_after_s(&self) -> Option<u32> {
        None
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, LinkError> {
        match self.packets.pop_front() {
            Some(packet) => Ok(Some(packet)),
            None if self.is_cut => Err(cut()),
            None => Ok(None),
        }
    }
}

fn cut() -> LinkError {
    LinkError::Cut { received: 0, source: "the power went".into() }
}

impl Line<'_> {
    fn is_dark(&self) -> bool {
        disk::is_off(&self.relay)
    }

    fn note(&mut self, body: &[u8]) {
        let mut reader = BodyReader::new();
        reader.push(body);
        let packet = reader.next().expect("a good body").expect("a whole one");
        let Some(Frame::Hello(hello)) = packet.frames.first() else { panic!("no Hello") };
        *self.claim = Claim { x: hello.x, told: hello.told, cursors: hello.cursors };
    }
}

impl Transport for Line<'_> {
    type Answer<'a>
        = Coming
    where
        Self: 'a;

    async fn post(&mut self, body: Bytes, _: Duration) -> Result<Coming, LinkError> {
        self.note(&body);
        let mut visit = self.exchange.begin(self.login, CancellationToken::new(), None);
        let fed = visit.feed(&body).await;
        if self.is_dark() {
            return Err(cut());
        }
        fed.expect("a good request");
        let answer = visit.finish(true).await;
        if self.is_dark() {
            return Err(cut());
        }
        let mut packets = VecDeque::new();
        match answer.expect("a good request") {
            exchange::Answer::Whole(whole) => packets.extend(whole),
            exchange::Answer::Streamed(mut stream) => {
                while let Some(packet) = stream.next().await {
                    if self.is_dark() {
                        break;
                    }
                    packets.push_back(packet);
                }
            }
        }
        Ok(Coming { status: 200, packets, is_cut: self.is_dark() })
    }

    fn left(&self) -> Option<u64> {
        None
    }

    fn rtt(&self) -> Duration {
        Duration::ZERO
    }

    async fn new_device(&mut self, _: &str, _: Cursors) -> Result<NewDevice, SyncError> {
        // Nobody's store goes back here: a fork is a loss that somebody noticed.
        Err(SyncError::ForkedAgain)
    }
}
