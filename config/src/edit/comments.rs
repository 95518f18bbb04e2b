//! The comments of a piece of TOML, so that none is lost with what it stood beside.

/// Every comment, in order, from its `#` to the end of its line.
pub(super) fn comments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['#', '"', '\'']) {
        rest = &rest[at..];
        let len = if rest.starts_with('#') {
            let len = rest.find('\n').unwrap_or(rest.len());
            found.push(&rest[..len]);
            len
        } else {
            string_len(rest)
        };
        rest = &rest[len..];
    }
    found
}

/// The length of the string that the text begins with, with its quotes.
fn string_len(text: &str) -> usize {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let (quotes, closing) =
        if text.starts_with(&triple) { (3, triple.as_str()) } else { (1, quote) };
    let mut at = quotes;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(closing) {
            return at + quotes;
        }
        // A literal string, in single quotes, knows no escapes.
        let step = if quote == "\"" && rest.starts_with('\\') { 2 } else { 1 };
        at += rest.chars().take(step).map(char::len_utf8).sum::<usize>();
    }
    text.len()
}

/// Those of `before` that are not in `after`; both in order.
pub(super) fn lost(before: &str, after: &str) -> Vec<String> {
    let mut left = comments(after).into_iter().peekable();
    let mut lost = Vec::new();
    for comment in comments(before) {
        if left.next_if_eq(&comment).is_none() {
            lost.push(comment.to_owned());
        }
    }
    lost
}

/// Comments as lines of their own.
pub(super) fn lines(comments: &[String]) -> String {
    comments.iter().map(|comment| format!("{comment}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_found_and_strings_are_not() {
        let text = "# one\na = \"# no \\\" # no\" # two \nb = '# no \\' # three\nc = \"\"\"\n# no \" \n\"\"\"\nd = [ # four\n]\n#";
        assert_eq!(comments(text), ["# one", "# two ", "# three", "# four", "#"]);
        assert_eq!(comments("a = \"never closed # "), Vec::<&str>::new());
    }

    #[test]
    fn what_is_lost_is_what_is_not_there_any_more() {
        assert_eq!(lost("# a\n# b\n# c\n", "# b"), ["# a", "# c"]);
        assert!(lost("x = 1 # a", "# a").is_empty());
    }
}
