//! Links in a text: found, shown for what they are, and opened only when somebody has seen where they lead.

use std::process::{Command, Stdio};

/// What may be opened, and nothing else.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];
/// What ends a link that stands in a sentence.
const ENDS: [char; 11] = ['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '"'];
/// Longer ones are no links.
const LEN_MAX: usize = 2_000;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Plain(&'t str),
    Link(&'t str),
}

/// The pieces of a text, in order.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut found, mut plain, mut at) = (Vec::new(), 0, 0);
    while let Some(next) = next_start(&text[at..]).map(|next| at + next) {
        let rest = &text[next..];
        let end =
            rest.find(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>'));
        let link = rest[..end.unwrap_or(rest.len())].trim_end_matches(ENDS);
        at = next + link.len().max(1);
        if link.len() <= LEN_MAX && whereto(link).is_some() {
            if plain < next {
                found.push(Piece::Plain(&text[plain..next]));
            }
            found.push(Piece::Link(link));
            plain = at;
        }
    }
    if plain < text.len() {
        found.push(Piece::Plain(&text[plain..]));
    }
    found
}

fn next_start(text: &str) -> Option<usize> {
    SCHEMES.iter().filter_map(|scheme| text.find(scheme)).min()
}

/// The host that a link leads to, or whom it writes to: what a person has to look at.
pub(super) fn whereto(link: &str) -> Option<&str> {
    let scheme = SCHEMES.iter().find(|scheme| link.starts_with(**scheme))?;
    let rest = &link[scheme.len()..];
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = &rest[..end];
    if *scheme == "mailto:" {
        return (authority.contains('@') && !authority.starts_with('@')).then_some(authority);
    }
    // What stands before the last @ is a name to log in with, however much it looks like a host.
    let host = authority.rsplit('@').next()?;
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    };
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    (!host.is_empty() && host.chars().all(is_host)).then_some(host)
}

/// Whether a host has letters that may only look like others.
pub(super) fn is_odd(host: &str) -> bool {
    !host.is_ascii() || host.split('.').any(|part| part.starts_with("xn--"))
}

/// Hands a link to the desktop. Blocks until the program that opens it is started.
pub(super) fn open(link: &str) -> Result<(), String> {
    if whereto(link).is_none() {
        return Err("this is no link that can be opened".to_owned());
    }
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    let mut command = Command::new(program);
    command.arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|err| format!("{program}: {err}"))?;
    // It may stay as long as the browser does: somebody has to see it end.
    std::thread::spawn(move || child.wait());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_end_where_the_sentence_goes_on() {
        let text = "See https://kestrel.example/log?day=3, or (http://b.example). mailto:ann@harbour.example!";
        let links: Vec<_> = pieces(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Link(link) => Some(link),
                Piece::Plain(_) => None,
            })
            .collect();
        assert_eq!(
            links,
            ["https://kestrel.example/log?day=3", "http://b.example", "mailto:ann@harbour.example"]
        );
    }

    #[test]
    fn every_letter_of_a_text_is_in_one_piece_of_it() {
        for text in [
            "",
            "plain",
            "http://",
            "https://a.b",
            "x http://ä.example y",
            "http://http://a",
            "🚢 https://a.b 🚢",
        ] {
            let together: String = pieces(text)
                .iter()
                .map(|piece| match piece {
                    Piece::Plain(text) | Piece::Link(text) => *text,
                })
                .collect();
            assert_eq!(together, text);
        }
    }

    #[test]
    fn the_host_is_what_the_browser_goes_to() {
        for (link, host) in [
            ("https://bank.example@evil.example/login", Some("evil.example")),
            ("https://evil.example\\@bank.example", Some("evil.example")),
            ("http://127.0.0.1:8080/x", Some("127.0.0.1")),
            ("mailto:ann@harbour.example?subject=x", Some("ann@harbour.example")),
            ("mailto:ann", None),
            ("javascript:alert(1)", None),
            ("file:///etc/passwd", None),
            ("https://", None),
            ("http://a%00b", None),
        ] {
            assert_eq!(whereto(link), host, "{link}");
        }
        assert!(is_odd("bаnk.example") && is_odd("xn--bnk-5cd.example") && !is_odd("bank.example"));
        assert!(open("file:///etc/passwd").is_err());
    }
}
