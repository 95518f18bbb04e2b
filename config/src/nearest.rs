//! The known name that a misspelt one most likely meant.

/// The nearest of `known`, when naming it helps: it is a slip ([`slip_of`]), or one of the two is the
/// beginning of the other and at least half of it.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let same = written.to_lowercase().replace('-', "_");
    let shortened = |name: &str| {
        let (short, long) = (same.len().min(name.len()), same.len().max(name.len()));
        short >= 3 && short * 2 >= long && (name.starts_with(&same) || same.starts_with(name))
    };
    slip_of(&same, known.clone()).or_else(|| known.into_iter().find(|name| shortened(name)))
}

/// The nearest of `known`, when at most every third letter is wrong; swapped letters count once.
pub(crate) fn slip_of<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, name)| distance * 3 <= name.len().max(written.len()))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["every", "live", "budget", "allow_plain_http", "ca"];

    #[test]
    fn slips_of_the_finger_are_recognized_and_strange_words_are_not() {
        for (written, meant) in [
            ("evry", Some("every")),
            ("eveyr", Some("every")),
            ("Every", Some("every")),
            ("budgets", Some("budget")),
            ("allow-plain-http", Some("allow_plain_http")),
            ("allow_plain", Some("allow_plain_http")),
            ("cron", None),
            ("ci", None),
            ("cargo", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, KNOWN), meant, "{written}");
        }
    }

    #[test]
    fn a_beginning_is_no_slip() {
        assert_eq!(slip_of("allow_plain", KNOWN), Some("allow_plain_http"));
        assert_eq!(slip_of("bud", KNOWN), None);
        assert_eq!(nearest("bud", KNOWN), Some("budget"));
    }
}
