//! The stretch of the conversation that is in memory, and how it grows as one scrolls.

use agent::{
    control::departures,
    store::{
        At, ConversationId, MessageId, Page, PageRow, Place, Reader, RefusedRequest, Reliability,
        StoreError,
    },
};
use serde_json::Value;

/// Rows that are read at a time.
const PAGE: u32 = 100;
/// Rows that are kept; beyond, those furthest away are let go.
const KEPT: usize = 400;
/// Rows at most when everything that is kept is read anew.
const ANEW_MAX: u32 = 1_000;
/// What the header of an edit or of a reply takes of the relay's limit at most, in bytes.
const HEADER_MAX: usize = 40;

/// What of the conversation is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Around the first that was not read.
    Opening,
    /// Its end.
    Newest,
    /// Its beginning.
    Oldest,
    /// Around a message.
    Around(MessageId),
    /// Around a place, by the relay's count.
    Near(u64),
    /// What is before a place.
    Earlier(Place),
    /// What is behind a place.
    Later(Place),
    /// The same rows once more, from this one on, and what came behind them.
    Anew { first: MessageId, place: Place, count: u32 },
}

/// What was read.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) page: Page,
    pub(crate) reliability: Reliability,
    /// Bytes that a text may have; none while the relay has not said.
    pub(crate) limit: Option<usize>,
    /// Between two: what the other one is in it.
    pub(crate) other: Option<&'static str>,
    /// Our request, where the relay refused it.
    pub(crate) refused: Option<RefusedRequest>,
}

impl Stretch {
    pub(super) fn read(
        reader: &Reader,
        id: ConversationId,
        part: Part,
        status: &Value,
    ) -> Result<Self, StoreError> {
        let departures = departures(status);
        let page = |at, limit| reader.page(id, at, limit, &departures);
        let page = match part {
            Part::Opening => page(At::Unread, PAGE)?,
            Part::Newest => page(At::Newest, PAGE)?,
            Part::Oldest => page(At::After(Place::START), PAGE)?,
            Part::Near(c) => page(At::Near(c), PAGE)?,
            Part::Around(message) => page(At::Around(message), PAGE)?,
            Part::Earlier(place) => page(At::Before(place), PAGE)?,
            Part::Later(place) => page(At::After(place), PAGE)?,
            Part::Anew { first, place, count } => {
                let mut found = page(At::After(place), count)?;
                // It may have been taken back, or have moved on.
                if let Ok(row) = reader.page_row(first, &departures)
                    && found.rows.iter().all(|other| other.row.id != first)
                {
                    found.rows.insert(0, row);
                }
                found
            }
        };
        let limit = reader.position()?.limits.envelope_max as usize;
        let who = reader.conversation(id)?;
        let other = who.members.first().filter(|_| who.pair).map(|member| member.state);
        Ok(Self {
            other,
            refused: reader.refused_request(id)?,
            page,
            reliability: reader.reliability(id)?,
            limit: limit.checked_sub(HEADER_MAX).filter(|_| 0 < limit),
        })
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Thread {
    pub(super) rows: Vec<PageRow>,
    pub(super) earlier: bool,
    pub(super) later: bool,
    pub(super) unread: u64,
    pub(super) first_unread: Option<MessageId>,
    pub(super) reliability: Reliability,
    pub(super) limit: Option<usize>,
    pub(super) other: Option<&'static str>,
    pub(super) refused: Option<RefusedRequest>,
    /// The first and the last place of the whole conversation, by the relay's count.
    span: Option<(u64, u64)>,
    /// Whether anything was read yet.
    pub(super) is_read: bool,
}

impl Thread {
    pub(super) fn find(&self, id: MessageId) -> Option<usize> {
        self.rows.iter().position(|row| row.row.id == id)
    }

    pub(super) fn row(&self, id: MessageId) -> Option<&PageRow> {
        self.rows.iter().find(|row| row.row.id == id)
    }

    pub(super) fn keys(&self) -> Vec<MessageId> {
        self.rows.iter().map(|row| row.row.id).collect()
    }

    /// Everything that is here once more.
    pub(super) fn anew(&self) -> Part {
        let Some(first) = self.rows.first() else { return Part::Opening };
        let more = if self.later { 0 } else { PAGE };
        let count = u32::try_from(self.rows.len()).unwrap_or(ANEW_MAX).saturating_add(more);
        Part::Anew { first: first.row.id, place: first.place, count: count.min(ANEW_MAX) }
    }

    /// What to read when these rows are in view, if anything is missing near them.
    pub(super) fn wanted(&self, first: MessageId, last: MessageId) -> Option<Part> {
        const NEAR: usize = 25;
        let (from, to) = (self.find(first)?, self.find(last)?);
        if self.earlier && from < NEAR {
            return Some(Part::Earlier(self.rows.first()?.place));
        }
        let left = self.rows.len() - 1 - to;
        (self.later && left < NEAR).then(|| self.rows.last().map(|row| Part::Later(row.place)))?
    }

    /// Takes in what was read.
    pub(super) fn take(&mut self, part: Part, read: Stretch) {
        let page = read.page;
        (self.unread, self.first_unread) = (page.unread, page.first_unread.map(|(id, _)| id));
        (self.reliability, self.limit, self.is_read) = (read.reliability, read.limit, true);
        (self.span, self.other, self.refused) = (page.span, read.other, read.refused);
        match part {
            Part::Earlier(_) => {
                self.earlier = page.earlier;
                self.rows.splice(0..0, page.rows);
                if KEPT < self.rows.len() {
                    self.rows.truncate(KEPT);
                    self.later = true;
                }
            }
            Part::Later(_) => {
                self.later = page.later;
                self.rows.extend(page.rows);
                if let Some(over) = self.rows.len().checked_sub(KEPT).filter(|over| 0 < *over) {
                    self.rows.drain(..over);
                    self.earlier = true;
                }
            }
            Part::Anew { .. } => (self.rows, self.later) = (page.rows, page.later),
            Part::Opening | Part::Newest | Part::Oldest | Part::Around(_) | Part::Near(_) => {
                (self.rows, self.earlier, self.later) = (page.rows, page.earlier, page.later);
            }
        }
    }

    /// Where a row begins between the conversation's beginning and its end: 0 to 1. While all of it is here its rows
    /// are counted, else the relay's count tells.
    pub(super) fn share(&self, at: usize) -> f32 {
        if self.rows.len() <= at {
            // What is not here yet is behind what has no place yet.
            return if self.later { self.placed(self.rows.last(), 1) } else { 1.0 };
        }
        match self.earlier || self.later {
            true => self.placed(self.rows.get(at), 0),
            false => at as f32 / self.rows.len() as f32,
        }
    }

    fn placed(&self, row: Option<&PageRow>, behind: u64) -> f32 {
        let (Some((from, to)), Some(c)) = (self.span, row.and_then(|row| row.place.c())) else {
            return 1.0;
        };
        let all = to.saturating_sub(from).saturating_add(1);
        let before = c.saturating_sub(from).saturating_add(behind).min(all);
        // Whoever drags a bar of pixels needs no more digits.
        (before as f64 / all as f64) as f32
    }

    /// What stands at this share of the conversation: a row that is here, with how much of it is above, or a place that has to
    /// be read.
    pub(super) fn at_share(&self, share: f32) -> Option<Result<(MessageId, f32), u64>> {
        let share = share.clamp(0.0, 1.0);
        if !self.earlier && !self.later {
            let at = share * self.rows.len() as f32;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a row's place: small, and not below 0"
            )]
            let row = (at as usize).min(self.rows.len().checked_sub(1)?);
            return Some(Ok((self.rows[row].row.id, at - row as f32)));
        }
        let (from, to) = self.span?;
        let all = to.saturating_sub(from).saturating_add(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within what the relay counted"
        )]
        let c = from.saturating_add((f64::from(share) * all as f64) as u64).min(to);
        let placed = |row: &&PageRow| row.place.c().is_some();
        let first = self.rows.iter().find(placed)?.place.c()?;
        let last = self.rows.iter().rev().find(placed)?.place.c()?;
        let is_here = (first <= c || !self.earlier) && (c <= last || !self.later);
        Some(if is_here { Ok((self.first_behind(c)?, 0.0)) } else { Err(c) })
    }

    /// The first row from a place on; the last one where there is none.
    pub(super) fn first_behind(&self, c: u64) -> Option<MessageId> {
        let row = self.rows.iter().find(|row| row.place.c().is_none_or(|of| c <= of));
        row.or(self.rows.last()).map(|row| row.row.id)
    }
}
