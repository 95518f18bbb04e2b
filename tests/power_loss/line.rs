//! The way between an agent and the relay while the power of either may go: what the relay says with its power off is
//! heard by nobody.

use std::{path::PathBuf, time::Duration};

use agent::{
    link::LinkError,
    store::NewDevice,
    sync::{SyncError, Transport},
};
use bytes::Bytes;
use harness::coming::{Coming, cut, packets_of};
use relay::{exchange::Exchange, store::Login};
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
        let chunks = packets_of(answer, || !self.is_dark()).await.expect("a good request");
        Ok(Coming { status: 200, chunks, is_cut: self.is_dark() })
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
