//! Where a start, a click on a notification or a `mailboat://` link leads.
//!
//! A link may come from anybody: a page, a message, a code on a wall. **Invariant:** none does anything. It opens the
//! place where the person can do it, with what it proposes filled in; what is not exactly one of ours gives words.

use agent::store::ConversationId;

/// The longest link that is looked at, in bytes.
const LINK_LEN_MAX: usize = 1024;
/// The longest address of a relay in one, in bytes; the agent's own bound.
const RELAY_LEN_MAX: usize = 300;
/// The longest invite's code in one, in bytes.
const INVITE_LEN_MAX: usize = 128;
/// The longest name of an account, in bytes.
const NAME_LEN_MAX: usize = 32;

/// A place of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The portal.
    Portal,
    /// A conversation of this store: `mailboat://conversation/c3`.
    Conversation(ConversationId),
    /// The conversation with somebody, or the question whether to ask for one: `mailboat://chat/ben`.
    Chat(String),
    /// The first run with these filled in: `mailboat://join?relay=https%3A%2F%2Fharbour.example&invite=CODE`.
    Join {
        /// Begins with `https://` or `http://`; whether it can be used is for the agent to say.
        relay: String,
        /// Empty where the relay needs none.
        invite: String,
    },
}

/// Why a link leads nowhere. It does not repeat the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Longer than any of ours.
    TooLong,
    /// It does not begin with `mailboat://`.
    NotOurs,
    /// None of the places that there are.
    UnknownPlace,
    /// Not a name that an account can have.
    BadName,
    /// Not the id of a conversation.
    BadConversation,
    /// Its relay is no address, or hides a login or a path.
    BadRelay,
    /// Its invite's code has other characters than a code has.
    BadInvite,
}

impl Goal {
    /// Where `--open` leads: to a conversation's id; nowhere in particular where it is empty.
    pub(crate) fn of_id(id: &str) -> Result<Self, Fault> {
        match id {
            "" => Ok(Self::Portal),
            id => conversation(id),
        }
    }

    /// Where a link leads.
    pub(crate) fn of_link(link: &str) -> Result<Self, Fault> {
        if LINK_LEN_MAX < link.len() {
            return Err(Fault::TooLong);
        }
        let scheme = link.get(..11).filter(|start| start.eq_ignore_ascii_case("mailboat://"));
        let rest = &link[scheme.ok_or(Fault::NotOurs)?.len()..];
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        // Desktops put a slash behind what looks like a host.
        let place = place.strip_suffix('/').unwrap_or(place);
        match (place.split_once('/'), query) {
            (None, None) if place.is_empty() => Ok(Self::Portal),
            (Some(("chat", name)), None) => chat(name),
            (Some(("conversation", id)), None) => conversation(id),
            (None, Some(query)) if place == "join" => join(query),
            _ => Err(Fault::UnknownPlace),
        }
    }
}

fn conversation(id: &str) -> Result<Goal, Fault> {
    id.parse().map(Goal::Conversation).map_err(|_| Fault::BadConversation)
}

fn chat(name: &str) -> Result<Goal, Fault> {
    let fits = (1..=NAME_LEN_MAX).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
    if fits { Ok(Goal::Chat(name.to_owned())) } else { Err(Fault::BadName) }
}

/// `relay` once, `invite` at most once, nothing else.
fn join(query: &str) -> Result<Goal, Fault> {
    let (mut relay, mut invite) = (None, None);
    for pair in query.split('&') {
        let (slot, value) = match pair.split_once('=') {
            Some(("relay", value)) => (&mut relay, decoded(value).ok_or(Fault::BadRelay)?),
            Some(("invite", value)) => (&mut invite, decoded(value).ok_or(Fault::BadInvite)?),
            _ => return Err(Fault::UnknownPlace),
        };
        // Of two the person would see one only.
        if slot.replace(value).is_some() {
            return Err(Fault::UnknownPlace);
        }
    }
    let relay = relay.filter(|relay| is_relay(relay)).ok_or(Fault::BadRelay)?;
    let invite = invite.unwrap_or_default();
    let is_code = invite.len() <= INVITE_LEN_MAX
        && invite.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if is_code { Ok(Goal::Join { relay, invite }) } else { Err(Fault::BadInvite) }
}

/// A scheme and a host, perhaps with a port: no login, no path, nothing that only looks like something else.
fn is_relay(relay: &str) -> bool {
    let host = relay.strip_prefix("https://").or_else(|| relay.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'[' | b']');
    relay.len() <= RELAY_LEN_MAX
        && host.is_some_and(|host| !host.is_empty() && host.bytes().all(plain))
}

/// Percent-decodes; `None` where it is cut or no UTF-8. A plus is a plus.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(match byte {
            b'%' => u8::try_from(digit()? * 16 + digit()?).ok()?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(relay: &str, invite: &str) -> Goal {
        Goal::Join { relay: relay.to_owned(), invite: invite.to_owned() }
    }

    #[test]
    fn every_link_of_ours_leads_to_its_place() {
        let third = Goal::Conversation("c3".parse().unwrap());
        for (link, goal) in [
            ("mailboat://", Goal::Portal),
            ("mailboat://conversation/c3", third.clone()),
            ("MailBoat://conversation/c3/", third.clone()),
            ("mailboat://chat/ben.the-2nd", Goal::Chat("ben.the-2nd".to_owned())),
            (
                "mailboat://join?relay=https%3A%2F%2Fharbour.example%3A8443&invite=Ab-12_c",
                join("https://harbour.example:8443", "Ab-12_c"),
            ),
            ("mailboat://join/?relay=https://harbour.example", join("https://harbour.example", "")),
            ("mailboat://join?relay=http://[::1]:7480", join("http://[::1]:7480", "")),
        ] {
            assert_eq!(Goal::of_link(link), Ok(goal), "{link}");
        }
        assert_eq!(Goal::of_id("c3"), Ok(third));
        assert_eq!(Goal::of_id(""), Ok(Goal::Portal));
    }

    #[test]
    fn a_hostile_link_is_refused_and_says_why() {
        let long = format!("mailboat://chat/{}", "a".repeat(LINK_LEN_MAX));
        let long_invite = format!("mailboat://join?relay=https://a&invite={}", "a".repeat(129));
        for (link, fault) in [
            (long.as_str(), Fault::TooLong),
            ("", Fault::NotOurs),
            ("https://example.com", Fault::NotOurs),
            ("mailboat:/", Fault::NotOurs),
            ("mailboaté://", Fault::NotOurs),
            ("--home=/tmp", Fault::NotOurs),
            ("mailboat://send/ben?text=hello", Fault::UnknownPlace),
            ("mailboat://chat", Fault::UnknownPlace),
            ("mailboat://chat/ben?text=hello", Fault::UnknownPlace),
            ("mailboat://join?relay=https://a&invite=b&name=c", Fault::UnknownPlace),
            ("mailboat://join?relay=https://a&relay=https://b", Fault::UnknownPlace),
            ("mailboat://join?relay=https://a&", Fault::UnknownPlace),
            ("mailboat://chat/", Fault::UnknownPlace),
            ("mailboat://chat/ben/..", Fault::BadName),
            ("mailboat://chat/Ben", Fault::BadName),
            ("mailboat://chat/b%65n", Fault::BadName),
            ("mailboat://chat/be\u{202e}n", Fault::BadName),
            ("mailboat://chat/abcdefghijklmnopqrstuvwxyz0123456", Fault::BadName),
            ("mailboat://conversation/m3", Fault::BadConversation),
            ("mailboat://conversation/c0", Fault::BadConversation),
            ("mailboat://conversation/c99999999999999999999", Fault::BadConversation),
            ("mailboat://conversation/c3/m4", Fault::BadConversation),
            ("mailboat://join?invite=abc", Fault::BadRelay),
            ("mailboat://join?relay=file:///etc/passwd", Fault::BadRelay),
            ("mailboat://join?relay=https%3A%2F%2Fann:secret%40a", Fault::BadRelay),
            ("mailboat://join?relay=https://a/path", Fault::BadRelay),
            ("mailboat://join?relay=https://", Fault::BadRelay),
            ("mailboat://join?relay=https://a%0aHost:b", Fault::BadRelay),
            ("mailboat://join?relay=https://a%2", Fault::BadRelay),
            ("mailboat://join?relay=https://a%ff", Fault::BadRelay),
            ("mailboat://join?relay=https://a&invite=a%20b", Fault::BadInvite),
            ("mailboat://join?relay=https://a&invite=%zz", Fault::BadInvite),
            (long_invite.as_str(), Fault::BadInvite),
        ] {
            assert_eq!(Goal::of_link(link), Err(fault), "{link}");
        }
        assert_eq!(Goal::of_id("c3 --home=/tmp"), Err(Fault::BadConversation));
    }

    #[test]
    fn no_text_makes_it_panic() {
        let pieces =
            ["mailboat://", "join?", "relay=", "%", "é", "&", "c3", "/", "chat", "=", "\0"];
        let mut seed = 7_usize;
        for _ in 0..20_000 {
            let mut link = String::new();
            for _ in 0..seed % 7 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) >> 1;
                link.push_str(pieces[seed % pieces.len()]);
            }
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(3) >> 1;
            let _ = Goal::of_link(&link);
        }
    }
}
