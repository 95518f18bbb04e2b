//! What the store hands out. The serialised names are those that scripts rely on; times are RFC 3339.

use std::collections::BTreeMap;

use config::Price;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{
    Cause, ConversationId, Kind, MessageId, MessageState, Notice, OutboxId, Reliability, VisitId,
};

/// The state of a row of the outbox: that of a message, for every kind of item.
pub type OutboxState = MessageState;

/// One row of `inbox`, and of `watch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InboxRow {
    /// Its id.
    pub id: MessageId,
    /// Its conversation; none for a notice that concerns none.
    pub conversation: Option<ConversationId>,
    /// Name of the author's account; empty for a notice.
    pub from: String,
    /// What it says now; empty once deleted.
    pub text: String,
    /// When it was composed, as far as clocks can be trusted.
    #[serde(serialize_with = "time")]
    pub sent_at: i64,
    /// When it came here (composed here: the same as `sent_at`).
    #[serde(serialize_with = "time")]
    pub received_at: i64,
    /// What it is.
    pub kind: Kind,
    /// Whether it is from this account.
    pub mine: bool,
    /// Whether it was read (one's own always are).
    pub read: bool,
    /// Attachments; none in this version.
    pub attachments: Vec<String>,
    /// Whether its author has put new text in place of the first.
    pub edited: bool,
    /// Whether its author took it back.
    pub deleted: bool,
    /// Whether it was sent to go first.
    pub urgent: bool,
    /// The message that it answers, where that is here.
    pub reply_to: Option<MessageId>,
    /// How far it has come, of one's own.
    pub state: Option<MessageState>,
    /// Why it is held or refused, or what happened; empty for nothing.
    pub reason: String,
    /// Of what the relay refused and said why: the code of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<&'static str>,
    /// What a notice of Mailboat's own says, where that is known beside its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
}

/// One row of `outbox`: something of our own that has not arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxRow {
    /// Its id.
    pub id: OutboxId,
    /// Its conversation.
    pub conversation: Option<ConversationId>,
    /// Whom it goes to, in words: a name, a title, or names.
    pub to: String,
    /// Its text, or what it does.
    pub text: String,
    /// How far it has come.
    pub state: OutboxState,
    /// Why it is held or refused; empty otherwise.
    pub reason: String,
    /// When it is expected to leave, as text; the store cannot know, the schedule fills it in.
    pub estimate: Option<String>,
    /// The same, and when it did leave.
    #[serde(serialize_with = "some_time")]
    pub leaves: Option<i64>,
    /// Everyone should have it, hardly before this; none while too little is known of them.
    #[serde(serialize_with = "some_time")]
    pub arrives_from: Option<i64>,
    /// And hardly after this.
    #[serde(serialize_with = "some_time")]
    pub arrives_to: Option<i64>,
    /// How often such estimates were right so far.
    pub reliability: Option<Reliability>,
    /// When its time is over, where it has a lifetime of its own.
    #[serde(serialize_with = "some_time")]
    pub deliver_before: Option<i64>,
    /// `text`, `reply`, `edit`, `delete`, `request`, `accept` and so on.
    pub action: &'static str,
    /// Whether it goes first.
    pub urgent: bool,
    /// Whether it was put into a request, so that it cannot be changed here any more.
    pub on_its_way: bool,
    /// When it was composed.
    #[serde(serialize_with = "time")]
    pub sent_at: i64,
}

/// A request to chat that the relay refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRequest {
    /// The first words; empty where there were none.
    pub greeting: String,
    /// Why, in the relay's words.
    pub reason: String,
}

/// What composing gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The message, or other item; none where there was nothing left to send.
    pub id: Option<OutboxId>,
    /// Its conversation.
    pub conversation: Option<ConversationId>,
    /// Queued, or held.
    pub state: OutboxState,
    /// Why it is held; empty otherwise.
    pub reason: String,
}

/// A conversation as this account sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Title of a group, name of the other one of a pair, or names.
    pub title: String,
    /// Whether it is between two.
    pub pair: bool,
    /// Our own part in it: `asking` (our request is not answered by the relay), `invited`, `member`, `left`, `declined`,
    /// `withdrawn`, `expired`.
    pub state: &'static str,
    /// The others.
    pub members: Vec<Member>,
    /// Who asked us; empty where we did.
    pub inviter: String,
    /// What was written when asking.
    pub greeting: String,
    /// Messages and requests that were not read.
    pub unread: u64,
    /// When its newest message came; `created_at` where there is none.
    #[serde(serialize_with = "time")]
    pub newest_at: i64,
}

/// Someone else in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The account's name.
    pub name: String,
    /// `invited`, `member`, `left`, `declined`, `withdrawn`, `expired`; `asking` before the relay knows.
    pub state: &'static str,
}

/// How far one message of ours has come, member by member where that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipts {
    /// Members that have it; 0 where it expired, for then nobody can say of whom.
    pub delivered: u64,
    /// Members that have read it and let it be known.
    pub read: u64,
    /// Members whom it went to.
    pub of: u64,
    /// Names of those who have it; empty in conversations of more than 16.
    pub delivered_to: Vec<String>,
    /// Names of those who have read it.
    pub read_by: Vec<String>,
}

/// Whether somebody can be reached, as far as we heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PresenceNow {
    /// There now.
    Reachable,
    /// The device is there, the person is not.
    Away,
    /// Neither, or it is not told.
    Offline,
}

/// One row of `members`: somebody on the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberRow {
    /// The account's name.
    pub name: String,
    /// Never `reachable` on news that is older than 300 s.
    pub presence: PresenceNow,
    /// When the relay last heard of them.
    #[serde(serialize_with = "some_time")]
    pub last_seen: Option<i64>,
    /// When they said that they would call next; also when that has passed and they were not heard of.
    #[serde(serialize_with = "some_time")]
    pub next_call: Option<i64>,
    /// That time has passed, and they were not heard of since, as far as we know.
    pub overdue: bool,
    /// When all this was told.
    #[serde(serialize_with = "some_time")]
    pub as_of: Option<i64>,
    /// Whether they are blocked here.
    pub blocked: bool,
    /// The conversation with them alone.
    pub conversation: Option<ConversationId>,
}

/// What the relay still keeps for this device, as it said last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// How many.
    pub count: u64,
    /// Their bodies, in bytes before compression.
    pub bytes: u64,
    /// The same by kind: `state`, `message`, `item`.
    pub by_kind: BTreeMap<&'static str, WaitingByKind>,
}

/// One kind's part of [`Waiting`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WaitingByKind {
    /// How many.
    pub count: u64,
    /// Their bodies, in bytes before compression.
    pub bytes: u64,
    /// The body of the one that comes next, in bytes.
    pub first: u64,
}

/// One row of `usage`: a visit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VisitRow {
    /// Which.
    #[serde(skip)]
    pub id: VisitId,
    /// When it began.
    #[serde(serialize_with = "time")]
    pub start: i64,
    /// When it ended; none while it is under way, or where the agent was killed.
    #[serde(serialize_with = "some_time")]
    pub end: Option<i64>,
    /// The link it went over: its profile's name, else its interface, else `call`.
    pub link: String,
    /// `metered`, `unmetered` or `unknown`, as it was then.
    pub class: String,
    /// The label of the rule that asked for it; empty where somebody did.
    pub rule: String,
    /// Whether it is a line that was held.
    pub live: bool,
    /// Bytes written to the socket.
    pub bytes_up: u64,
    /// Bytes read from the socket.
    pub bytes_down: u64,
    /// `done`, `partial`, `no_link`, `refused`; empty while under way.
    pub outcome: String,
    /// Requests made.
    pub requests: u64,
    /// Round trips, as far as the agent can count them.
    pub round_trips: u64,
    /// Own items that the relay took.
    pub sent: u64,
    /// Messages that came.
    pub received: u64,
    /// What failed, in words.
    pub words: String,
    /// What those say, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Bytes at the socket by kind: `messages_up`, `control_up`, `overhead_up`, and the same `_down`. Together they are
    /// all of them.
    pub by_kind: BTreeMap<String, u64>,
    /// Bytes of IP packets sent.
    pub ip_bytes_up: u64,
    /// Bytes of IP packets received.
    pub ip_bytes_down: u64,
    /// Whether the system told of those; otherwise they are an estimate.
    pub ip_measured: bool,
    /// In money, by the tariff of then; none without one.
    pub cost: Option<Price>,
    /// Of which currency; empty without a tariff.
    pub currency: String,
    /// When the figures were written last.
    #[serde(skip)]
    pub noted: Option<i64>,
}

impl VisitRow {
    /// How long it lasted, in seconds, as far as it was written down.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        let until = self.end.or(self.noted).unwrap_or(self.start);
        until.saturating_sub(self.start).max(0).unsigned_abs()
    }
}

/// Seconds since 1970 as text; years that no calendar has are cut off.
#[must_use]
pub(crate) fn rfc3339(seconds: i64) -> Timestamp {
    let (least, most) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(seconds.clamp(least, most)).unwrap_or_default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn time<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&rfc3339(*seconds))
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn some_time<S: Serializer>(seconds: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => time(seconds, serializer),
        None => serializer.serialize_none(),
    }
}
