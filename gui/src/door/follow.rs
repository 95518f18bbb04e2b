//! What the agent does, as its `follow` stream shows it (`docs/control.md`).
//!
//! Fields that are missing or of another kind than expected are as if nobody knew: a later agent may say more.

use std::collections::BTreeMap;

use agent::store::Cause;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Follow {
    pub(crate) link: Link,
    pub(crate) next: Option<Next>,
    /// What the program of `before_connect` said when it would have no call.
    pub(crate) not_now: Option<String>,
    /// What that says, where it is known here.
    pub(crate) not_now_cause: Option<Cause>,
    pub(crate) visit: Option<Visit>,
    pub(crate) waits: Option<Waits>,
    pub(crate) trouble: Vec<Trouble>,
}

/// The link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Link {
    /// `unknown`, `calling`, `live`, `up`, `down`.
    pub(crate) state: String,
    /// `unknown`, `down`, `up`, `portal`.
    pub(crate) network: String,
    pub(crate) interface: Option<String>,
    pub(crate) connection: Option<String>,
    pub(crate) ssid: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) metered: Option<bool>,
}

/// The next call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Next {
    pub(crate) at: Timestamp,
    #[serde(default)]
    pub(crate) rule: String,
    /// Its trigger, in the settings' words.
    #[serde(default)]
    pub(crate) why: Option<String>,
}

/// The visit under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Visit {
    /// Empty where somebody asked for it.
    pub(crate) rule: String,
    pub(crate) link: Option<String>,
    /// It holds the line.
    pub(crate) is_line: bool,
    /// `asking`, `dialling`, `reaching`, `exchanging`, `holding`, `hanging_up`.
    pub(crate) phase: String,
    /// Of a line that is held as of when something else of it was told.
    pub(crate) seconds: u64,
    /// When it began; unknown of an older agent.
    pub(crate) since: Option<Timestamp>,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    pub(crate) budget: Option<u64>,
    /// Messages and requests so far.
    pub(crate) received: u64,
    pub(crate) stopping: bool,
}

/// What waits, here and at the relay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Waits {
    pub(crate) here: Here,
    pub(crate) there: There,
    pub(crate) unread: u64,
    pub(crate) requests: u64,
}

/// Here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Here {
    pub(crate) count: u64,
    pub(crate) held: u64,
    pub(crate) refused: u64,
}

/// At the relay, as it said last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct There {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    pub(crate) by_kind: BTreeMap<String, Value>,
    pub(crate) price: Option<Money>,
}

/// An amount of a currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Money {
    pub(crate) amount: String,
    pub(crate) currency: String,
}

/// Something that does not work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Trouble {
    pub(crate) about: String,
    pub(crate) kind: String,
    pub(crate) words: String,
    /// What those say, where it is known here.
    #[serde(deserialize_with = "known")]
    pub(crate) cause: Option<Cause>,
    pub(crate) remedy: String,
}

impl Follow {
    /// Reads the fields that were told so far.
    pub(super) fn of(fields: &Map<String, Value>) -> Self {
        Self {
            link: field(fields, "link").unwrap_or_default(),
            next: field(fields, "next"),
            not_now: field(fields, "not_now"),
            not_now_cause: field(fields, "not_now_cause"),
            visit: field(fields, "visit"),
            waits: field(fields, "waits"),
            trouble: field(fields, "trouble").unwrap_or_default(),
        }
    }
}

/// A cause of a later agent is none, and spoils nothing beside it.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cause>, D::Error> {
    Ok(Cause::deserialize(Value::deserialize(deserializer)?).ok())
}

fn field<T: DeserializeOwned>(fields: &Map<String, Value>, name: &str) -> Option<T> {
    T::deserialize(fields.get(name)?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_or_odd_is_as_if_nobody_knew() {
        assert_eq!(Follow::of(&Map::new()), Follow::default());
        let fields = json!({
            "pid": 1, "later": {}, "next": "soon", "trouble": [{ "about": "day", "cause": { "code": "of_later" } }],
            "link": { "state": "up", "metered": true, "interface": null },
            "visit": { "phase": "holding", "bytes_up": 7, "budget": null, "colour": "red" },
        });
        let Value::Object(fields) = fields else { unreachable!() };
        let seen = Follow::of(&fields);
        assert_eq!(seen.next, None);
        assert_eq!((seen.link.state.as_str(), seen.link.metered), ("up", Some(true)));
        let visit = seen.visit.unwrap();
        assert_eq!((visit.phase.as_str(), visit.bytes_up, visit.budget), ("holding", 7, None));
        assert_eq!(seen.trouble[0].about, "day");
    }
}
