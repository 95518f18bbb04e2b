//! From a request that was taken to its answer: who gets a Welcome, who does not, and whether the
//! answer is made whole or as it is sent.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use wire::{
    BodyWriter, Codec, Forked, Frame, Run, Stop, StopReason, Welcome, limits::HOLD_SECONDS_MAX,
};

use super::{
    Core, ExchangeError,
    answering::Answering,
    only,
    packets::Packets,
    take::{Mode, Open, stop},
    unit::{Unit, join},
};
use crate::{
    ops::metrics::SyncResult,
    store::{AnswerAsk, Answers, Login},
};

/// An answer up to this many bytes is made whole; a longer one as it is sent.
const WHOLE_MAX: usize = 256 * 1024;

/// The answer to a request: packets, the first with the body's preamble.
#[derive(Debug)]
pub enum Answer {
    /// All of them, not empty.
    Whole(Vec<Bytes>),
    /// Packets as they come: a hold, or a long answer.
    Streamed(Packets),
}

/// What is to be answered.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) core: Arc<Core>,
    pub(super) login: Login,
    pub(super) closing: CancellationToken,
    pub(super) codec: Codec,
    /// The turn that the codec needs.
    pub(super) turn: Option<OwnedSemaphorePermit>,
    pub(super) open: Open,
}

impl Plan {
    /// Makes the answer, or its beginning.
    ///
    /// # Errors
    /// When the store fails, or the device may not read any more.
    pub(super) async fn answer(self) -> Result<Answer, ExchangeError> {
        if let Some((frames, result)) = self.refusal() {
            let mut writer = BodyWriter::new(self.codec);
            let mut body = writer.preamble().to_vec();
            body.extend(writer.packet(&frames)?);
            self.core.metrics.sync_ended(result);
            return Ok(Answer::Whole(vec![body.into()]));
        }
        let (runs, check) = self.runs().await?;
        let opening = (self.welcome(), check);
        let hold_s = match self.open.mode {
            Mode::Take => self.hold_s(),
            _ => 0,
        };
        let mut answering = Answering::new(self, opening, runs, hold_s);
        answering.begin().await?;
        if answering.is_held() {
            return Ok(Answer::Streamed(Packets::new(answering, Vec::new())));
        }
        let (mut packets, mut bytes) = (Vec::new(), 0);
        while let Some(packet) = answering.next().await? {
            bytes += packet.len();
            packets.push(Bytes::from(packet));
            if WHOLE_MAX < bytes {
                return Ok(Answer::Streamed(Packets::new(answering, packets)));
            }
        }
        Ok(Answer::Whole(packets))
    }

    /// The whole answer where there is no Welcome in it.
    fn refusal(&self) -> Option<(Vec<Frame>, SyncResult)> {
        let Open { hello, mode, .. } = &self.open;
        let stopped = |stop: &Stop| vec![Frame::Stop(stop.clone()), Frame::Done];
        match mode {
            Mode::Forked(why) => {
                let forked = Frame::Forked(Forked { x: hello.x, why: *why });
                Some((vec![forked, Frame::Done], SyncResult::Forked))
            }
            Mode::Stop(stop) if stop.reason == StopReason::Superseded => {
                Some((stopped(stop), SyncResult::Superseded))
            }
            Mode::Stop(stop) if !self.open.may_welcome() => {
                Some((stopped(stop), SyncResult::Stopped))
            }
            Mode::Take | Mode::Repeat if !self.open.may_welcome() => {
                // The first copy was cut before anything of it became durable.
                let words = "This request came twice; ask anew.";
                let stop = stop(StopReason::Superseded, words, 0);
                Some((stopped(&stop), SyncResult::Stopped))
            }
            _ => None,
        }
    }

    fn hold_s(&self) -> u16 {
        let max = self.core.limits.hold_max_s.min(HOLD_SECONDS_MAX);
        self.open.hello.hold_s.min(max)
    }

    fn welcome(&self) -> Welcome {
        let Open { hello, state, .. } = &self.open;
        let limits = &self.core.limits;
        let tag = super::limits::tag_with(limits, &self.core.keys.fingerprints());
        Welcome {
            x: hello.x,
            now_s: self.core.clock.now_s(),
            k: state.k,
            limits: (hello.limits_tag != tag).then(|| wire::Limits { tag, ..limits.clone() }),
        }
    }

    /// Outcomes of everything above told, and where the device has something in doubt that this request need not have
    /// brought: by what it knows them for its own.
    async fn runs(&self) -> Result<(Vec<Unit>, Option<u32>), ExchangeError> {
        let Open { hello, mode, state, outcomes, outcomes_first, .. } = &self.open;
        let (device, told, k) = (self.login.device, self.open.told(), state.k);
        let in_doubt = hello.pending || matches!(mode, Mode::Stop(_));
        let Answers { runs, check } = match () {
            () if k <= told => Answers::default(),
            // All of them are this exchange's own.
            () if *outcomes_first == told + 1 => Answers { runs: outcomes.clone(), check: None },
            () => only(self.core.store.answers(vec![AnswerAsk { device, told, k }]).await)?,
        };
        let mut joined = Vec::new();
        runs.into_iter().for_each(|run| join(&mut joined, run));
        Ok((numbered(told + 1, joined), check.filter(|_| in_doubt)))
    }
}

/// Each run with its first number.
fn numbered(first: u64, runs: Vec<Run>) -> Vec<Unit> {
    let mut next = first;
    let number = |run: Run| {
        let first = next;
        next += run.count();
        Unit::Run(first, run)
    };
    runs.into_iter().map(number).collect()
}
