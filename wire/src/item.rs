//! Items: what a device submits under one of its numbers, and what a mailbox delivers.
//!
//! The relay reads the header of an item (its kind, the target of an edit, whom a request asks);
//! the text is for the agents alone.

use serde::{Deserialize, Serialize};

use crate::{
    Name, bin,
    limits::{ACCOUNT_NAME_MAX, GREETING_CHARS_MAX, MEMBERS_MAX, TITLE_CHARS_MAX},
};

/// The numbers of the kinds, for ever. From [`kind::OPAQUE`] on, kinds are content that no relay
/// looks into.
pub mod kind {
    /// A plain message.
    pub const TEXT: u8 = 1;
    /// A message with a header.
    pub const MESSAGE: u8 = 2;
    /// New text for a message.
    pub const EDIT: u8 = 3;
    /// Takes a message back.
    pub const DELETE: u8 = 4;
    /// Asks one or more accounts to chat.
    pub const REQUEST: u8 = 5;
    /// Joins.
    pub const ACCEPT: u8 = 6;
    /// Does not join.
    pub const DECLINE: u8 = 7;
    /// Takes a request back.
    pub const WITHDRAW: u8 = 8;
    /// Leaves.
    pub const LEAVE: u8 = 9;
    /// Asks more accounts into a conversation.
    pub const ADD: u8 = 10;
    /// Gives a conversation another title.
    pub const RENAME: u8 = 11;
    /// Keeps the place of a number whose item is gone.
    pub const VOID: u8 = 12;
    /// Blocks or unblocks an account.
    pub const BLOCK: u8 = 13;
    /// The first kind whose bodies are opaque content, known or not.
    pub const OPAQUE: u8 = 64;
    /// A message that may have gone before, under another name. To a relay it is opaque.
    pub const AGAIN: u8 = 64;
}

/// One item, read or to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// A plain message: the whole body is its text in UTF-8.
    Text(String),
    /// A message with a header.
    Message {
        /// The message that it answers.
        reply_to: Option<Name>,
        /// How `content` is written: 0 is UTF-8 text; others are kept for compressed and sealed.
        format: u8,
        /// The content.
        content: Vec<u8>,
    },
    /// New text for a message of the same account.
    Edit {
        /// The message.
        target: Name,
        /// Its new text.
        text: String,
    },
    /// Takes a message of the same account back.
    Delete {
        /// The message.
        target: Name,
    },
    /// Asks accounts to chat; founds a conversation under this item's name.
    Request {
        /// Names of the accounts, without the domain.
        to: Vec<String>,
        /// Title of a group; empty for a pair.
        title: String,
        /// A few words to those who are asked.
        greeting: String,
    },
    /// Joins the conversation.
    Accept,
    /// Does not join the conversation.
    Decline,
    /// Takes the own request back.
    Withdraw,
    /// Leaves the conversation.
    Leave,
    /// Asks more accounts into the conversation.
    Add {
        /// Names of the accounts, without the domain.
        to: Vec<String>,
        /// A few words to those who are asked.
        greeting: String,
    },
    /// Gives the conversation another title.
    Rename {
        /// The title.
        title: String,
    },
    /// Keeps the place of a number whose item is gone.
    Void,
    /// Blocks or unblocks an account.
    Block {
        /// The account's name, without the domain.
        account: String,
        /// Whether it is blocked from now on.
        on: bool,
    },
    /// A message that may have gone before under another name, to a relay that was put back since:
    /// who has it under that name drops it.
    Again {
        /// The name under which it went first.
        former: Name,
        /// The message that it answers.
        reply_to: Option<Name>,
        /// As in [`Item::Message`].
        format: u8,
        /// The content.
        content: Vec<u8>,
    },
    /// Content of a kind that this build does not know.
    Opaque {
        /// Its kind.
        kind: u8,
        /// Its bytes.
        body: Vec<u8>,
    },
}

/// Why a body is no item of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ItemError {
    /// The bytes are not what this kind has.
    #[error("an item of kind {kind} cannot be read")]
    Unreadable {
        /// The kind.
        kind: u8,
    },
    /// A name, greeting or title is longer than its limit, or there are too many or no names.
    #[error("{what} of an item is out of its bounds")]
    OutOfBounds {
        /// Which part.
        what: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
struct MessageHeader {
    reply_to: Option<Name>,
    format: u8,
}

#[derive(Serialize, Deserialize)]
struct RequestBody {
    to: Vec<String>,
    title: String,
    greeting: String,
}

#[derive(Serialize, Deserialize)]
struct AddBody {
    to: Vec<String>,
    greeting: String,
}

impl Item {
    /// The item's kind.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::Text(_) => kind::TEXT,
            Self::Message { .. } => kind::MESSAGE,
            Self::Edit { .. } => kind::EDIT,
            Self::Delete { .. } => kind::DELETE,
            Self::Request { .. } => kind::REQUEST,
            Self::Accept => kind::ACCEPT,
            Self::Decline => kind::DECLINE,
            Self::Withdraw => kind::WITHDRAW,
            Self::Leave => kind::LEAVE,
            Self::Add { .. } => kind::ADD,
            Self::Rename { .. } => kind::RENAME,
            Self::Void => kind::VOID,
            Self::Block { .. } => kind::BLOCK,
            Self::Again { .. } => kind::AGAIN,
            Self::Opaque { kind, .. } => *kind,
        }
    }

    /// Whether items of this kind are content: they get a place in the conversation and go to
    /// mailboxes. The others change what the relay knows.
    #[must_use]
    pub fn is_content(kind: u8) -> bool {
        matches!(kind, kind::TEXT | kind::MESSAGE | kind::EDIT | kind::DELETE)
            || kind::OPAQUE <= kind
    }

    /// The item's body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Message { reply_to, format, content } => {
                let header = MessageHeader { reply_to: *reply_to, format: *format };
                [bin::encode(&header), content.clone()].concat()
            }
            Self::Again { former, reply_to, format, content } => {
                let header = MessageHeader { reply_to: *reply_to, format: *format };
                [bin::encode(former), bin::encode(&header), content.clone()].concat()
            }
            Self::Edit { target, text } => [&bin::encode(target)[..], text.as_bytes()].concat(),
            Self::Delete { target } => bin::encode(target),
            Self::Request { to, title, greeting } => bin::encode(&(to, title, greeting)),
            Self::Add { to, greeting } => bin::encode(&(to, greeting)),
            Self::Rename { title } => title.clone().into_bytes(),
            Self::Block { account, on } => bin::encode(&(account, on)),
            Self::Accept | Self::Decline | Self::Withdraw | Self::Leave | Self::Void => Vec::new(),
            Self::Opaque { body, .. } => body.clone(),
        }
    }

    /// Reads a body of the given kind.
    ///
    /// # Errors
    /// When the bytes are not what the kind has, or a part is longer than its limit. Kinds that
    /// are not known never fail: they are [`Item::Opaque`].
    pub fn read(kind: u8, body: &[u8]) -> Result<Self, ItemError> {
        let unreadable = || ItemError::Unreadable { kind };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| unreadable());
        let empty = |item: Self| if body.is_empty() { Ok(item) } else { Err(unreadable()) };
        Ok(match kind {
            kind::TEXT => Self::Text(text(body)?),
            kind::MESSAGE => {
                let (header, content): (MessageHeader, _) =
                    bin::decode_prefix(body).map_err(|_| unreadable())?;
                let MessageHeader { reply_to, format } = header;
                Self::Message { reply_to, format, content: content.to_vec() }
            }
            kind::EDIT => {
                let (target, rest) = bin::decode_prefix(body).map_err(|_| unreadable())?;
                Self::Edit { target, text: text(rest)? }
            }
            kind::DELETE => Self::Delete { target: bin::decode(body).map_err(|_| unreadable())? },
            kind::REQUEST => {
                let RequestBody { to, title, greeting } =
                    bin::decode(body).map_err(|_| unreadable())?;
                check_names(&to)?;
                check_chars("the title", &title, TITLE_CHARS_MAX)?;
                check_chars("the greeting", &greeting, GREETING_CHARS_MAX)?;
                Self::Request { to, title, greeting }
            }
            kind::ADD => {
                let AddBody { to, greeting } = bin::decode(body).map_err(|_| unreadable())?;
                check_names(&to)?;
                check_chars("the greeting", &greeting, GREETING_CHARS_MAX)?;
                Self::Add { to, greeting }
            }
            kind::RENAME => {
                let title = text(body)?;
                check_chars("the title", &title, TITLE_CHARS_MAX)?;
                Self::Rename { title }
            }
            kind::BLOCK => {
                let (account, on): (String, bool) = bin::decode(body).map_err(|_| unreadable())?;
                check_names(std::slice::from_ref(&account))?;
                Self::Block { account, on }
            }
            kind::AGAIN => {
                let ((former, header), content): ((Name, MessageHeader), _) =
                    bin::decode_prefix(body).map_err(|_| unreadable())?;
                let MessageHeader { reply_to, format } = header;
                Self::Again { former, reply_to, format, content: content.to_vec() }
            }
            kind::ACCEPT => empty(Self::Accept)?,
            kind::DECLINE => empty(Self::Decline)?,
            kind::WITHDRAW => empty(Self::Withdraw)?,
            kind::LEAVE => empty(Self::Leave)?,
            kind::VOID => empty(Self::Void)?,
            _ => Self::Opaque { kind, body: body.to_vec() },
        })
    }

    /// The message that an edit or a deletion names, without reading the rest of its body.
    #[must_use]
    pub fn target(kind: u8, body: &[u8]) -> Option<Name> {
        match kind {
            kind::EDIT | kind::DELETE => bin::decode_prefix(body).ok().map(|(name, _)| name),
            _ => None,
        }
    }
}

/// Whether `name` may be an account's name: 1 to 32 of `a-z`, `0-9`, `.`, `_`, `-`.
fn is_account_name(name: &str) -> bool {
    (1..=ACCOUNT_NAME_MAX).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

fn check_names(names: &[String]) -> Result<(), ItemError> {
    let fits = (1..MEMBERS_MAX).contains(&names.len()) && names.iter().all(|n| is_account_name(n));
    if fits { Ok(()) } else { Err(ItemError::OutOfBounds { what: "a name" }) }
}

fn check_chars(what: &'static str, text: &str, max: usize) -> Result<(), ItemError> {
    if text.chars().count() <= max { Ok(()) } else { Err(ItemError::OutOfBounds { what }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn every_kind() -> Vec<Item> {
        let name = Name { device: 28_000_123, n: 7 };
        vec![
            Item::Text("Meet you at the quay.".into()),
            Item::Message { reply_to: Some(name), format: 0, content: b"Yes.".to_vec() },
            Item::Edit { target: name, text: "Meet you at the pier.".into() },
            Item::Delete { target: name },
            Item::Request { to: vec!["bob".into()], title: String::new(), greeting: "Hi".into() },
            Item::Accept,
            Item::Decline,
            Item::Withdraw,
            Item::Leave,
            Item::Add { to: vec!["chandra".into()], greeting: "Join us".into() },
            Item::Rename { title: "Crew".into() },
            Item::Void,
            Item::Block { account: "mallory".into(), on: true },
            Item::Again { former: name, reply_to: None, format: 0, content: b"Yes.".to_vec() },
            Item::Opaque { kind: 99, body: vec![1, 2, 3] },
        ]
    }

    #[test]
    fn every_kind_round_trips() {
        for item in every_kind() {
            assert_eq!(Item::read(item.kind(), &item.body()), Ok(item));
        }
    }

    #[test]
    fn bounds_are_kept() {
        let request = |to: Vec<String>, greeting: String| {
            let item = Item::Request { to, title: String::new(), greeting };
            Item::read(item.kind(), &item.body())
        };
        assert!(request(vec!["bob".into()], "é".repeat(500)).is_ok());
        assert!(request(vec!["bob".into()], "é".repeat(501)).is_err());
        assert!(request(vec![], "hi".into()).is_err());
        assert!(request(vec!["Bob".into()], "hi".into()).is_err());
        assert!(request(vec!["b".repeat(33)], "hi".into()).is_err());
        assert!(request(vec!["b".into(); 256], "hi".into()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(kind: u8, body: Vec<u8>) {
            if let Ok(item) = Item::read(kind, &body) {
                prop_assert_eq!(item.kind(), kind);
                prop_assert_eq!(item.body(), body);
            }
        }
    }
}
