//! Searching the conversation: the hits are gone through one by one, where they stand.

use agent::store::MessageId;
use iced::{
    Alignment, Length,
    widget::{container, row, text_input},
};

use super::Message;
use crate::{
    screen::Cx,
    theme::{space as gap, styles},
    widget::{Element, Sign, body, hint, press, sign},
};

/// Hits at most; the newest.
pub(super) const HITS_MAX: u32 = 200;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(super) words: String,
    /// What was searched for last; oldest hit first.
    asked: String,
    hits: Vec<MessageId>,
    at: usize,
    is_done: bool,
}

impl Search {
    pub(super) fn is_hit(&self, id: MessageId) -> bool {
        self.hits.contains(&id)
    }

    /// Whether these words were not searched for yet; then they are now.
    pub(super) fn begins(&mut self) -> Option<String> {
        let words = self.words.trim();
        if words.is_empty() || self.asked == words {
            return None;
        }
        self.asked = words.to_owned();
        Some(self.asked.clone())
    }

    /// The hits of a search; gives the newest.
    pub(super) fn found(&mut self, words: &str, hits: Vec<MessageId>) -> Option<MessageId> {
        if self.asked != words {
            return None;
        }
        (self.hits, self.is_done) = (hits, true);
        self.at = self.hits.len().checked_sub(1)?;
        self.hits.last().copied()
    }

    /// The hit before, or behind.
    pub(super) fn step(&mut self, is_older: bool) -> Option<MessageId> {
        let last = self.hits.len().checked_sub(1)?;
        self.at = match (is_older, self.at) {
            (true, 0) => last,
            (true, at) => at - 1,
            (false, at) if at == last => 0,
            (false, at) => at + 1,
        };
        self.hits.get(self.at).copied()
    }

    pub(super) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let field = text_input(&cx.words.say("chat-search"), &self.words)
            .id("find-words")
            .style(styles::field)
            .on_input(Message::SearchTyped)
            .on_submit(Message::SearchStepped(true))
            .width(Length::Fill);
        let found = match (self.is_done && self.asked == self.words.trim(), self.hits.len()) {
            (false, _) => String::new(),
            (true, 0) => cx.words.say("chat-no-hits"),
            (true, of) => {
                let n = of - self.at;
                cx.words.tell("chat-hits", &[("n", n.into()), ("of", of.into())])
            }
        };
        let has_hits = !self.hits.is_empty();
        let step = |name: &'static str, mark: Sign, is_older: bool| {
            press(sign(mark))
                .id(name)
                .style(styles::quiet)
                .on_press_maybe(has_hits.then_some(Message::SearchStepped(is_older)))
        };
        let close = press(body(cx.words.say("chat-search-close")))
            .id("find-close")
            .style(styles::quiet)
            .on_press(Message::SearchToggled);
        let line = row![
            field,
            hint(found),
            step("older", Sign::Up, true),
            step("newer", Sign::Down, false),
            close
        ];
        container(line.spacing(gap::TIGHT).align_y(Alignment::Center))
            .padding([gap::INSIDE, gap::BETWEEN])
            .style(styles::bar)
            .into()
    }
}

/// A text in pieces, and which of them is one of the words searched for, in either case.
pub(super) fn marked<'t>(text: &'t str, words: &str) -> Vec<(&'t str, bool)> {
    let mut bounds: Vec<(usize, usize)> = Vec::new();
    for word in words.split_whitespace() {
        let needle: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
        for (at, _) in text.char_indices() {
            if let Some(len) = begins_with(&text[at..], &needle) {
                bounds.push((at, at + len));
            }
        }
    }
    bounds.sort_unstable();
    let (mut pieces, mut done) = (Vec::new(), 0);
    for (from, to) in bounds {
        let from = from.max(done);
        if to <= from {
            continue;
        }
        if done < from {
            pieces.push((&text[done..from], false));
        }
        pieces.push((&text[from..to], true));
        done = to;
    }
    if done < text.len() {
        pieces.push((&text[done..], false));
    }
    pieces
}

fn begins_with(text: &str, needle: &[char]) -> Option<usize> {
    let mut rest = needle;
    for (at, c) in text.char_indices() {
        if rest.is_empty() {
            return Some(at);
        }
        for lower in c.to_lowercase() {
            rest = rest.strip_prefix(&[lower])?;
        }
    }
    rest.is_empty().then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_marked_in_either_case_and_no_letter_is_lost() {
        assert_eq!(
            marked("The Dock, the dock", "dock"),
            [("The ", false), ("Dock", true), (", the ", false), ("dock", true)]
        );
        assert_eq!(marked("abcd", "bc abc"), [("abc", true), ("d", false)]);
        assert_eq!(marked("今日は", "日"), [("今", false), ("日", true), ("は", false)]);
        assert_eq!(marked("plain", ""), [("plain", false)]);
    }

    #[test]
    fn one_goes_through_the_hits_and_begins_again() {
        let ids: Vec<MessageId> = ["m1", "m2", "m3"].map(|id| id.parse().unwrap()).into();
        let mut search = Search { words: "dock ".to_owned(), ..Search::default() };
        assert_eq!(search.begins().as_deref(), Some("dock"));
        assert_eq!(search.begins(), None, "the same is not searched for twice");
        assert_eq!(
            search.found("rope", ids.clone()),
            None,
            "an answer that is not awaited any more"
        );
        assert_eq!(search.found("dock", ids.clone()), Some(ids[2]));
        assert_eq!(
            (search.step(true), search.step(true), search.step(true)),
            (Some(ids[1]), Some(ids[0]), Some(ids[2]))
        );
        assert_eq!(search.step(false), Some(ids[0]));
    }
}
