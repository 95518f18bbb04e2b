//! Telling a relay's answer from a hotspot's, a proxy's or a web server's.

/// Longest hint, in characters.
const HINT_MAX: usize = 120;

/// Whether status and content type alone show that no relay answered. A relay never redirects and never sends HTML.
pub(crate) fn is_one(status: u16, content_type: Option<&str>) -> bool {
    let html = content_type.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        ["text/html", "application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html))
    });
    html || matches!(status, 100..=199 | 300..=399 | 407 | 502 | 504 | 511)
}

/// Whether an answer begins as a page does: not everybody says that it is one.
pub(crate) fn is_page(begin: &[u8]) -> bool {
    begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin).trim_ascii_start().starts_with(b"<")
}

/// What an answer says about itself: its title if it is a page, else its first words. Control characters become
/// spaces: it will stand in a terminal.
pub(crate) fn hint(begin: &[u8]) -> String {
    let text = String::from_utf8_lossy(begin);
    let text = title(&text).unwrap_or(&text);
    let clean = text.chars().map(|c| if c.is_control() || c == '\u{fffd}' { ' ' } else { c });
    let words: Vec<String> =
        clean.collect::<String>().split_whitespace().map(ToOwned::to_owned).collect();
    let words: String = words.join(" ").chars().take(HINT_MAX).collect();
    if words.is_empty() { "no words".to_owned() } else { words }
}

fn title(page: &str) -> Option<&str> {
    // ASCII case folding keeps byte positions.
    let folded = page.to_ascii_lowercase();
    let open = folded.find("<title")?;
    let start = open + folded[open..].find('>')? + 1;
    let end = start + folded[start..].find("</title")?;
    Some(&page[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_named_by_its_title_and_other_text_by_its_first_words() {
        for (begin, expected) in [
            (
                &b"<html><TITLE lang=en>Log in\r\n to Hotel\x1b[31m</Title>"[..],
                "Log in to Hotel [31m",
            ),
            (b"<title>unfinished", "<title>unfinished"),
            (b"SSH-2.0-OpenSSH\r\n", "SSH-2.0-OpenSSH"),
            (b"\xff\xfe\x00", "no words"),
            (b"", "no words"),
        ] {
            assert_eq!(hint(begin), expected);
        }
        assert_eq!(hint(&[b'a'; 500]).len(), HINT_MAX);
    }

    #[test]
    fn a_relay_neither_redirects_nor_sends_html() {
        assert!(is_one(200, Some("text/html; charset=utf-8")));
        assert!(is_one(101, None) && is_one(302, None) && is_one(407, None) && is_one(511, None));
        for status in [200, 400, 401, 413, 429, 503] {
            assert!(!is_one(status, Some("text/plain; charset=utf-8")));
        }
    }
}
