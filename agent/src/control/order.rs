//! What can be asked of the agent that holds the store, and what it tells.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Failure;

/// Version of the control protocol; the `v` of every request.
pub const VERSION: u32 = 1;

/// What is asked. `target` and `conversation` are the strings that `inbox` and `conversations` show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Order {
    /// Asks one person, or several as a group, to chat.
    Chat {
        /// Whom to ask.
        names: Vec<String>,
        /// Title of a group; empty for a chat of two.
        #[serde(default)]
        title: String,
        /// First words, shown with the request.
        #[serde(default)]
        greeting: String,
    },
    /// Accepts a chat request.
    Accept {
        /// The request.
        target: String,
    },
    /// Declines a chat request.
    Decline {
        /// The request.
        target: String,
    },
    /// Takes an own chat request back.
    Withdraw {
        /// The conversation, or the request's message.
        target: String,
    },
    /// Asks once more: what the relay refused, or somebody who declined, left or did not answer in time.
    AskAgain {
        /// The conversation, or the request's message.
        target: String,
    },
    /// Leaves a conversation.
    Leave {
        /// Which.
        conversation: String,
    },
    /// Asks further people into a group.
    Add {
        /// Which.
        conversation: String,
        /// Whom.
        names: Vec<String>,
        /// First words for them.
        #[serde(default)]
        greeting: String,
    },
    /// Gives a group another title.
    Rename {
        /// Which.
        conversation: String,
        /// The new title.
        title: String,
    },
    /// Blocks a person, or ends that.
    Block {
        /// Whom.
        name: String,
        /// Whether to block.
        on: bool,
    },
    /// Queues a message to each of the recipients.
    Send {
        /// Names or conversations.
        to: Vec<String>,
        /// What to say.
        text: String,
        /// Ahead of all that is not urgent.
        #[serde(default)]
        urgent: bool,
        /// The message that it answers.
        #[serde(default)]
        reply_to: Option<String>,
        /// Expires after so many seconds; none for the settings' lifetime.
        #[serde(default)]
        lifetime_s: Option<u32>,
    },
    /// Changes the text of an own message, sent or waiting.
    Edit {
        /// The message.
        target: String,
        /// Its new text.
        text: String,
    },
    /// Deletes an own message for everybody.
    Delete {
        /// The message.
        target: String,
    },
    /// Marks messages as read.
    MarkRead {
        /// Which.
        targets: Vec<String>,
    },
    /// Changes the text of what has not left; refused once it has.
    Rewrite {
        /// The message, or other row of the outbox.
        target: String,
        /// Its new text.
        text: String,
    },
    /// Keeps a waiting message back.
    Hold {
        /// The message.
        target: String,
    },
    /// Lets a held message go.
    Release {
        /// The message.
        target: String,
    },
    /// Removes a waiting message.
    Cancel {
        /// The message.
        target: String,
    },
    /// Makes a visit now, or joins the one under way; answered when it is over.
    Sync {
        /// Bytes that the visit may cost; none for the settings' budget.
        #[serde(default)]
        budget: Option<u64>,
        /// What it carries; none for everything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<Only>,
        /// Rows of the outbox that it sends; none for all. With any it fetches nothing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pick: Vec<String>,
    },
    /// What a visit would cost now.
    Price {
        /// Whether to ask the relay first what it keeps, which is a small visit of its own.
        #[serde(default)]
        ask: bool,
        /// As in [`Order::Sync`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<Only>,
        /// As in [`Order::Sync`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pick: Vec<String>,
    },
    /// Lifts the quota of a link until it begins anew.
    LiftQuota {
        /// The name of its profile.
        link: String,
        /// Bytes that may be used beyond it; none for no limit.
        #[serde(default)]
        bytes: Option<u64>,
    },
    /// Ends the visit that is being made, at the edge of a packet; nothing is lost by it.
    Stop,
    /// Reads the settings again, as SIGHUP does; a failure leaves those from before.
    Reload,
    /// What the agent is doing.
    Status,
    /// Answers at once, then sends events until the connection is closed.
    Watch,
    /// Answers at once, then shows what the agent does until the connection is closed.
    Follow,
}

/// A part of what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// Messages and what concerns them: everything, as long as there are no attachments.
    Messages,
    /// What is urgent, and requests and answers to them.
    Urgent,
}

/// The server's first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol version that it speaks.
    pub v: u32,
    /// Its process.
    pub pid: u32,
}

/// What happens, told to whoever watches. The store has the whole of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The first line of every connection.
    Hello(Hello),
    /// A message, request, notice or item came, or was written here.
    Message {
        /// Its row, as `inbox --json` shows it.
        #[serde(flatten)]
        row: Map<String, Value>,
    },
    /// An own message went a step further.
    State {
        /// The message.
        id: String,
        /// Its state now, in the outbox's words.
        state: String,
    },
    /// Something else in the store changed (conversations, members, marks): read it again.
    Changed,
    /// A visit began or ended.
    Visit {
        /// Whether it began now; else it is over.
        began: bool,
        /// How it ended: done, partial, no_link, refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<String>,
    },
    /// Someone's presence changed: read the members again.
    Presence,
    /// Events were lost because they were not read in time: read the store again.
    Missed,
    /// What the agent does, to who follows: the first time all of it, then what changed.
    Agent {
        /// Whether this is all; else the fields that are not there are as they were.
        whole: bool,
        /// See the documentation of the control socket.
        #[serde(flatten)]
        fields: Map<String, Value>,
    },
    /// The last line of every connection: what was asked and not answered was not taken.
    Bye,
}

/// One request line.
#[derive(Debug, Serialize)]
pub(crate) struct Request<'o> {
    pub(crate) v: u32,
    pub(crate) id: u64,
    #[serde(flatten)]
    pub(crate) order: &'o Order,
}

/// One answer line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) id: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ok: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
}

impl Answer {
    pub(crate) fn new(id: Value, result: Result<Value, Failure>) -> Self {
        match result {
            Ok(value) => Self { id, ok: Some(value), error: None },
            Err(failure) => Self { id, ok: None, error: Some(failure) },
        }
    }
}

/// Reads a request line. The id comes with the error too, as far as it can be read.
pub(crate) fn parse(line: &[u8]) -> (Value, Result<Order, Failure>) {
    let bad = |words: String| Failure::new("bad_request", words);
    let mut fields: Map<String, Value> = match serde_json::from_slice(line) {
        Ok(fields) => fields,
        Err(err) => return (Value::Null, Err(bad(format!("this line is no JSON object: {err}")))),
    };
    let id = fields.remove("id").unwrap_or(Value::Null);
    match fields.remove("v").and_then(|v| v.as_u64()) {
        Some(v) if v == u64::from(VERSION) => {}
        Some(v) => {
            let words =
                format!("protocol version {v} is not known here; this agent speaks {VERSION}");
            return (id, Err(Failure::new("unsupported_version", words)));
        }
        None => return (id, Err(bad(format!("the request says no version: \"v\":{VERSION}")))),
    }
    let order = serde_json::from_value(Value::Object(fields))
        .map_err(|err| bad(format!("the request cannot be read: {err}")));
    (id, order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reads_back_as_it_was_written() {
        let order = Order::Send {
            to: vec!["ann".to_owned(), "c7".to_owned()],
            text: "line\nbreak".to_owned(),
            urgent: true,
            reply_to: None,
            lifetime_s: Some(60),
        };
        let line = serde_json::to_vec(&Request { v: VERSION, id: 7, order: &order }).unwrap();
        assert!(!line.contains(&b'\n'));
        assert_eq!(parse(&line), (7.into(), Ok(order)));
    }

    #[test]
    fn what_may_be_left_out_is() {
        let (_, order) = parse(br#"{"v":1,"id":1,"do":"send","to":["bob"],"text":"hi"}"#);
        assert!(matches!(order, Ok(Order::Send { urgent: false, reply_to: None, .. })));
        assert_eq!(
            parse(br#"{"v":1,"do":"sync"}"#),
            (Value::Null, Ok(Order::Sync { budget: None, only: None, pick: Vec::new() }))
        );
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_with_it() {
        for (line, code) in [
            (&b"hello"[..], "bad_request"),
            (b"[1]", "bad_request"),
            (br#"{"id":1,"do":"status"}"#, "bad_request"),
            (br#"{"v":2,"id":1,"do":"status"}"#, "unsupported_version"),
            (br#"{"v":1,"id":1,"do":"dance"}"#, "bad_request"),
            (br#"{"v":1,"id":1,"do":"accept"}"#, "bad_request"),
        ] {
            let failure = parse(line).1.unwrap_err();
            assert_eq!(failure.code, code, "{}", failure.words);
        }
    }
}
