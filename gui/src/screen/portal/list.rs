//! Members and conversations. Of thousands only those rows are laid out that can be seen.

mod entry;

use std::ops::Range;

use iced::{
    Alignment, Length,
    widget::{Column, column, container, space},
};

use self::entry::member_row;
use super::{Message, Portal, Presence};
use crate::{
    desk::{Entry, Known},
    door::DoorError,
    screen::Cx,
    theme::{space as gap, styles},
    widget::{Element, body, elided, press},
};

pub(crate) use crate::widget::long::Scroll;

/// Rows that are laid out beyond what can be seen, so that the keyboard finds the next one.
const SPARE: usize = 4;
/// How high a window may be that nobody has scrolled in yet, in logical pixels.
const UNSEEN: f32 = 1600.0;

/// Which rows of how many are laid out, where this stands above them.
fn laid_out(scroll: Scroll, above: f32, count: usize) -> Range<usize> {
    let height = if scroll.height <= 0.0 { UNSEEN } else { scroll.height };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a row's place: small, and not below 0"
    )]
    let row_at = |y: f32| (y.max(0.0) / gap::ROW_OF_TWO) as usize;
    let first = row_at(scroll.offset - above).saturating_sub(SPARE).min(count);
    let last = row_at(scroll.offset - above + height).saturating_add(SPARE + 1).min(count);
    first..last.max(first)
}

#[expect(clippy::cast_precision_loss, reason = "a million rows are exact enough in pixels")]
fn height_of(rows: usize) -> f32 {
    rows as f32 * gap::ROW_OF_TWO
}

impl Portal {
    /// Takes note of where the list is scrolled to.
    pub(super) fn scrolled(&mut self, scroll: Scroll, known: &Known) {
        self.scroll = scroll;
        self.above = (scroll.content - height_of(self.found_len(known))).max(0.0);
    }

    /// How many rows the list has.
    pub(super) fn found_len(&self, known: &Known) -> usize {
        self.found.as_ref().map_or(known.order.entries.len(), Vec::len)
    }

    pub(super) fn found_at(&self, known: &Known, at: usize) -> Option<Entry> {
        let at = match &self.found {
            Some(found) => *found.get(at)?,
            None => at,
        };
        known.order.entries.get(at).copied()
    }

    /// What the search finds, worked out when it or what is known changes.
    pub(super) fn search(&mut self, known: &Known) {
        let wanted = self.filter.trim().to_lowercase();
        let names = || known.order.names.iter().enumerate();
        let hits =
            || names().filter(|(_, name)| name.contains(&wanted)).map(|(at, _)| at).collect();
        self.found = (!wanted.is_empty()).then(hits);
    }

    /// Where a row has to be scrolled to, to be seen; none where it is.
    pub(super) fn scroll_to(&self, row: usize) -> Option<f32> {
        let (top, height) = (self.above + height_of(row), self.scroll.height);
        if height <= 0.0 {
            return None;
        }
        if top < self.scroll.offset {
            return Some(top);
        }
        let bottom = top + gap::ROW_OF_TWO;
        (self.scroll.offset + height < bottom).then_some(bottom - height)
    }

    /// When what a row that can be seen says changes by itself, in seconds since 1970.
    pub(super) fn rows_change_at(&self, cx: Cx<'_>) -> Option<i64> {
        let known = &cx.desk.known;
        let seen = laid_out(self.scroll, self.above, self.found_len(known));
        let members = seen.filter_map(|at| match self.found_at(known, at)? {
            Entry::Conversation { member, .. } => member,
            Entry::Member(at) => Some(at),
        });
        let members = members.filter_map(|at| known.members.get(at));
        members.filter_map(|member| Presence::of(member, cx.now).changes_at(member, cx.now)).min()
    }

    pub(super) fn list<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let known = &cx.desk.known;
        let count = self.found_len(known);
        if count == 0 {
            return self.nobody(cx);
        }
        let seen = laid_out(self.scroll, self.above, count);
        let rows = seen.clone().filter_map(|at| {
            Some(match self.found_at(known, at)? {
                Entry::Conversation { at, member } => {
                    let member = member.and_then(|at| known.members.get(at));
                    self.conversation(cx, known.roll.get(at)?, member)
                }
                Entry::Member(at) => member_row(cx, known.members.get(at)?),
            })
        });
        Column::new()
            .push(space().height(height_of(seen.start)))
            .extend(rows)
            .push(space().height(height_of(count - seen.end)))
            .into()
    }

    /// Nothing to list: what to do next, with one button.
    fn nobody<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let words = cx.words;
        let wanted = self.filter.trim();
        let (said, does) = match &cx.desk.error {
            Some(DoorError::NoStore) => (words.say("error-no-store"), None),
            Some(_) => return space().into(),
            None if !cx.desk.is_read => return space().into(),
            // Who has asked stands above, with what to do.
            None if wanted.is_empty() && has_requests(cx) => return space().into(),
            None if wanted.is_empty() => {
                let ask = press(body(words.say("portal-ask"))).style(styles::secondary);
                (words.say("portal-empty"), Some(ask.on_press(Message::AskPressed(None))))
            }
            None => {
                let ask = press(
                    elided(words.tell("portal-ask-whom", &[("name", wanted.into())])).shrink(),
                );
                let ask = ask
                    .style(styles::secondary)
                    .on_press(Message::AskPressed(Some(wanted.to_lowercase())));
                (words.say("portal-nobody-found"), Some(ask))
            }
        };
        let said = body(said).style(styles::muted).center().width(Length::Fill);
        let mut page =
            column![said].spacing(gap::BETWEEN).align_x(Alignment::Center).width(Length::Fill);
        if let Some(does) = does {
            page = page.push(does.id("empty-ask"));
        }
        container(page).padding([gap::AROUND * 2.0, gap::AROUND]).into()
    }
}

/// Whether somebody's question stands above the list, or one of one's own.
fn has_requests(cx: Cx<'_>) -> bool {
    let order = &cx.desk.known.order;
    !order.requests.is_empty() || !order.asked.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_that_can_be_seen_are_laid_out_wherever_it_is_scrolled_to() {
        let scroll = |offset: f32| Scroll { offset, height: 560.0, content: 0.0 };
        assert_eq!(laid_out(scroll(0.0), 0.0, 10_000), 0..15);
        assert_eq!(laid_out(scroll(56_000.0), 0.0, 10_000), 996..1015);
        assert_eq!(laid_out(scroll(56_000.0), 560.0, 10_000), 986..1005);
        // Beyond the end, while the list got shorter; and where nobody has scrolled yet.
        assert_eq!(laid_out(scroll(56_000.0), 0.0, 10), 10..10);
        assert_eq!(laid_out(Scroll::default(), 0.0, 10_000), 0..33);
        assert_eq!(laid_out(Scroll::default(), 0.0, 0), 0..0);
        for odd in [f32::NAN, f32::INFINITY, -1.0] {
            let seen = laid_out(scroll(odd), 0.0, 100);
            assert!(seen.start <= seen.end && seen.end <= 100, "{odd}");
        }
    }
}
