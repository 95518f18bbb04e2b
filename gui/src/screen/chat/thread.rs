//! The stretch of the conversation that is in memory, and how it grows as one scrolls.

use agent::{
    control::departures,
    store::{At, ConversationId, MessageId, Page, PageRow, Place, Reader, Reliability, StoreError},
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
    /// Around a message.
    Around(MessageId),
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
        Ok(Self {
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
    /// The highest place that was ever read.
    newest: u64,
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
        let highest = page.rows.iter().filter_map(|row| row.place.c()).max();
        self.newest = self.newest.max(highest.unwrap_or_default());
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
            Part::Opening | Part::Newest | Part::Around(_) => {
                (self.rows, self.earlier, self.later) = (page.rows, page.earlier, page.later);
            }
        }
    }

    /// Where a row lies between the conversation's first and last, by the relay's count: 0 to 1.
    pub(super) fn share(&self, at: usize) -> f32 {
        let len = self.rows.len().max(1) as f32;
        if !self.earlier && !self.later {
            return at as f32 / len;
        }
        let c = |row: &PageRow| row.place.c();
        let (Some(newest), Some(row)) = (self.rows.iter().rev().find_map(c), self.rows.get(at))
        else {
            return 1.0;
        };
        // How much lies behind is not known: as far as was ever read.
        let newest = newest.max(self.newest);
        match c(row) {
            Some(c) => c as f32 / (newest + 1) as f32,
            None => 1.0,
        }
    }
}
