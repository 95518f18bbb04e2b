//! The known name that a misspelt one most likely meant.

/// The nearest of `known`, when it is near enough that naming it helps: at most every third letter is
/// wrong, swapped letters counting once, or one of the two is the beginning of the other.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase().replace('-', "_");
    let near_enough = |name: &str, distance: usize| {
        let shared =
            written.len() >= 3 && (name.starts_with(&written) || written.starts_with(name));
        distance * 3 <= name.len().max(written.len()) || shared
    };
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written, &name.to_lowercase()), name))
        .filter(|(distance, name)| near_enough(&name.to_lowercase(), *distance))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_recognized_and_strange_words_are_not() {
        let known = ["every", "live", "budget", "allow_plain_http", "ca"];
        for (written, meant) in [
            ("evry", Some("every")),
            ("eveyr", Some("every")),
            ("Every", Some("every")),
            ("budgets", Some("budget")),
            ("allow-plain-http", Some("allow_plain_http")),
            ("allow_plain", Some("allow_plain_http")),
            ("cron", None),
            ("ci", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }
}
