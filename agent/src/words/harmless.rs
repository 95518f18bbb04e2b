//! Other people's words made harmless: what cannot be seen, or would turn the rest of a line around, is taken out.

use std::borrow::Cow;

/// Marks on one letter that are kept. No script needs more; texts that pile up hundreds climb over their neighbours.
const MARKS_MAX: usize = 4;

/// A text for one line: no control characters, nothing that changes the direction of what stands beside it, few marks on
/// a letter; breaks and tabs are spaces.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if is_tame(text, false) {
        return Cow::Borrowed(text);
    }
    let line = tamed(text, false);
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    Cow::Owned(words.join(" "))
}

/// The same for a text of several lines, which keeps its breaks.
#[must_use]
pub fn harmless_lines(text: &str) -> Cow<'_, str> {
    if is_tame(text, true) { Cow::Borrowed(text) } else { Cow::Owned(tamed(text, true)) }
}

fn is_tame(text: &str, keeps_breaks: bool) -> bool {
    let is_plain = |c: char| {
        !(c.is_control() && !(keeps_breaks && c == '\n'))
            && !is_hidden(c)
            && !is_mark(c)
            && !is_break(c)
    };
    text.chars().all(is_plain)
}

fn tamed(text: &str, keeps_breaks: bool) -> String {
    let mut marks = 0;
    let mut tame = String::with_capacity(text.len());
    for c in text.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        match c {
            '\n' if keeps_breaks => tame.push('\n'),
            '\r' if keeps_breaks => {}
            c if c.is_whitespace() || is_break(c) => {
                tame.push(if keeps_breaks && is_break(c) { '\n' } else { ' ' });
            }
            c if c.is_control() || is_hidden(c) || MARKS_MAX < marks => {}
            c => tame.push(c),
        }
    }
    tame
}

/// Separators of lines and paragraphs.
fn is_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{b}' | '\u{c}')
}

/// What is not seen itself: embeddings, overrides and isolates of direction, tags, marks of byte order. The joiners stay:
/// scripts and emoji are written with them.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Marks that are set on the letter before.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}'
            | '\u{64b}'..='\u{65f}' | '\u{6d6}'..='\u{6dc}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
            | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        for text in ["bob", "Crew of the Kestrel", "שלום", "مرحبا", "今日は", "👩‍🚀", "Jürgen Ž."]
        {
            assert!(matches!(harmless(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        assert_eq!(harmless("e\u{301}te\u{301}"), "e\u{301}te\u{301}");
    }

    #[test]
    fn what_turns_a_line_around_or_cannot_be_seen_is_taken_out() {
        for (hostile, shown) in [
            ("a\u{202e}moc.knab\u{202c}b", "amoc.knabb"),
            ("\u{2067}evil\u{2069}", "evil"),
            ("one\ntwo\tthree\r\n", "one two three"),
            ("bell\u{7}\u{1b}[31mred", "bell[31mred"),
            ("\u{feff}\u{200b} \u{200e}", ""),
            ("line\u{2028}line", "line line"),
        ] {
            assert_eq!(harmless(hostile), shown);
        }
        assert_eq!(harmless_lines("one\r\ntwo\u{2029}three\u{202e}"), "one\ntwo\nthree");
    }

    #[test]
    fn a_thousand_marks_on_a_letter_become_a_few() {
        let tower = format!("Z{}algo", "\u{316}".repeat(1000));
        assert_eq!(harmless(&tower).chars().count(), 5 + MARKS_MAX);
    }
}
