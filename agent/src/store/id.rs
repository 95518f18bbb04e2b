//! Ids that are local to this store: made offline, never changed, never given again.

use std::{fmt, str::FromStr};

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef},
};
use serde::{Serialize, Serializer};

/// Text that is no id of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no id of a {kind} (they look like {prefix}12)")]
pub struct IdError {
    text: String,
    kind: &'static str,
    prefix: char,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let number = text.strip_prefix($prefix).and_then(positive);
                let bad = || IdError { text: text.to_owned(), kind: $kind, prefix: $prefix };
                number.map(Self).ok_or_else(bad)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                i64::column_result(value).map(Self)
            }
        }
    };
}

id! {
    /// A message, request or notice: `m12`.
    MessageId, 'm', "message"
}
id! {
    /// A conversation: `c7`.
    ConversationId, 'c', "conversation"
}
id! {
    /// Something of our own on its way that is no message, such as an answer to a request: `i5`.
    ItemId, 'i', "waiting item"
}

/// Something in the outbox: a message, or another item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutboxId {
    /// A message.
    Message(MessageId),
    /// Anything else.
    Item(ItemId),
}

impl fmt::Display for OutboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(id) => id.fmt(f),
            Self::Item(id) => id.fmt(f),
        }
    }
}

impl FromStr for OutboxId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.starts_with('i') {
            return text.parse().map(Self::Item);
        }
        text.parse().map(Self::Message)
    }
}

impl Serialize for OutboxId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Digits that start with none of 0, + and -: an id is written in one way.
fn positive(digits: &str) -> Option<i64> {
    let canonical = digits.starts_with(|first: char| matches!(first, '1'..='9'));
    digits.parse().ok().filter(|_| canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_in_one_way() {
        assert_eq!("m12".parse(), Ok(MessageId(12)));
        assert_eq!("i5".parse(), Ok(OutboxId::Item(ItemId(5))));
        assert_eq!(OutboxId::Message(MessageId(3)).to_string(), "m3");
        for text in
            ["", "m", "12", "c12", "m0", "m012", "m+1", "m-1", "m1 ", "m99999999999999999999"]
        {
            assert!(text.parse::<MessageId>().is_err(), "{text:?}");
        }
    }
}
