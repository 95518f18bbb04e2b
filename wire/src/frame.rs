//! The frames of both directions, as values. How they become bytes is in `frame_code`.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, ConversationId, ConversationRef, Cursors, DeviceId, ForkWhy, HeldKind, Lane,
    LaneMask, LinkKind, MemberState, Name, PresenceState, Refusal, StopReason,
};

/// One frame of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// Up, first of all: who asks, what it holds, what it can take.
    Hello(Hello),
    /// Up: read marks that moved.
    Marks(Vec<Mark>),
    /// Up: numbered items.
    Submits(Submits),
    /// Up, last of all.
    End,
    /// Down, first of all: the answer to this attempt.
    Welcome(Welcome),
    /// Down: what became of the device's own items.
    Answered(Answered),
    /// Down: entries of lane latest.
    Latest(Latest),
    /// Down: messages of lane urgent or ordinary.
    Deliveries(Deliveries),
    /// Down: what changed about who is reachable.
    Presence(Presence),
    /// Down: what the relay still keeps for this device.
    Held(Vec<HeldRow>),
    /// Down: no more items for now.
    Stop(Stop),
    /// Down: this device's store went back in time or has a twin; nothing was taken.
    Forked(Forked),
    /// Down, behind a `Welcome` to a device with something in doubt: [`check_of`](crate::check_of) over the
    /// [hashes](Submit::hash) of its items `told + 1` to `k`, as the relay has them. Where the device's own differ it
    /// has a twin.
    Check(u32),
    /// Down, last of all: without it the answer was cut.
    Done,
    /// A kind of a later version, or one that could not be read: kept as it came.
    Unknown {
        /// The frame's kind.
        kind: u8,
        /// The frame's bytes.
        payload: Vec<u8>,
    },
}

/// The start of every exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Exchange number of this attempt, larger than any before from this device.
    pub x: u64,
    /// Highest own number whose answer lies durable here.
    pub told: u64,
    /// What lies durable here of the mailbox.
    pub cursors: Cursors,
    /// Lanes wanted.
    pub lanes: LaneMask,
    /// Whether an item was sealed in an earlier attempt and has had no answer.
    pub pending: bool,
    /// Bytes of the answer's body that the device can take; 0 is no limit.
    pub take: u32,
    /// Seconds that the relay may hold the request; 0 is none.
    pub hold_s: u16,
    /// The link that this exchange runs over.
    pub link: LinkKind,
    /// What others may see of the user.
    pub state: PresenceState,
    /// Version of the presence list that the device holds; 0 is none.
    pub presence_version: u64,
    /// Seconds from now to the device's next call; 0 is not announced.
    pub next_call_s: u32,
    /// [`Limits::tag`] that the device holds; 0 is none.
    pub limits_tag: u16,
}

/// A read mark: everything up to `c` in one lane of a conversation was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The conversation.
    pub conversation: ConversationId,
    /// Lane urgent or ordinary.
    pub lane: Lane,
    /// Place in the conversation.
    pub c: u64,
    /// Whether the authors may know; the account's other devices always do.
    pub share: bool,
}

/// One numbered item of a device, on its way up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// Where it belongs.
    pub conversation: ConversationRef,
    /// Kind of [`Item`](crate::Item).
    pub kind: u8,
    /// Whether it goes in lane urgent.
    pub urgent: bool,
    /// Membership version of the conversation that the author saw.
    pub version: u32,
    /// Seconds since it was composed, by the sender's clock; see [`rounded_age`](crate::rounded_age).
    pub age_s: u32,
    /// Seconds from composing to expiry; 0 is the relay's default.
    pub lifetime_s: u32,
    /// Body of the [`Item`](crate::Item).
    pub body: Vec<u8>,
}

/// Items with the numbers `first`, `first + 1`, ….
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submits {
    /// Number of the first item.
    pub first: u64,
    /// The items in sending order.
    pub items: Vec<Submit>,
}

/// The start of every answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The attempt that this answers; with another number it is no answer.
    pub x: u64,
    /// The relay's clock, in Unix seconds; ages in this answer count back from it.
    pub now_s: u64,
    /// Highest number of this device that the relay has answered for.
    pub k: u64,
    /// The relay's limits, where the device holds other ones.
    pub limits: Option<Limits>,
}

/// What a relay accepts; sent when [`Hello::limits_tag`] differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Names this set of limits; never 0.
    pub tag: u16,
    /// Codecs that the relay reads.
    pub codecs: Vec<u8>,
    /// Largest body of one item, in bytes.
    pub envelope_max: u32,
    /// Largest request body, in bytes.
    pub request_max: u32,
    /// Lifetime of an item that names none, in seconds.
    pub lifetime_default_s: u32,
    /// Longest lifetime, in seconds.
    pub lifetime_max_s: u32,
    /// Members of one conversation.
    pub members_max: u16,
    /// Longest hold, in seconds.
    pub hold_max_s: u16,
}

/// What became of the items from `first` on, in runs of consecutive numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Number that the first run starts with.
    pub first: u64,
    /// Runs, without gaps.
    pub runs: Vec<Run>,
}

/// Consecutive items with the same outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Run {
    /// Content stored in one conversation at `c`, `c + 1`, ….
    Placed {
        /// How many items.
        count: u32,
        /// The relay's number of their conversation.
        conversation: ConversationId,
        /// Place of the first one.
        c: u64,
    },
    /// One request: it founded this conversation, or belongs to this one that existed.
    Founded {
        /// The relay's number of the conversation.
        conversation: ConversationId,
    },
    /// Items that took effect and have no place in a conversation.
    Done {
        /// How many items.
        count: u32,
    },
    /// One item that the relay refused.
    Refused {
        /// Why, for programs.
        reason: Refusal,
        /// Why, for people.
        words: String,
    },
}

impl Run {
    /// How many numbers the run covers.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Placed { count, .. } | Self::Done { count } => u64::from(*count),
            Self::Founded { .. } | Self::Refused { .. } => 1,
        }
    }
}

/// Entries of lane latest, by rising position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latest {
    /// Position and entry.
    pub entries: Vec<(u64, Entry)>,
}

/// An entry of lane latest: what is true now, whatever came before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// Someone on the account's roster.
    Contact {
        /// The contact's account.
        account: AccountId,
        /// Its name, without the domain.
        name: String,
        /// Whether the account blocks this contact.
        blocked: bool,
    },
    /// A conversation as the account sees it.
    Conversation {
        /// The relay's number.
        number: ConversationId,
        /// The request that founded it.
        founded: Name,
        /// Whether it is the one conversation of a pair.
        pair: bool,
        /// Title of a group; may be empty.
        title: String,
        /// Counts the changes of membership.
        version: u32,
        /// The account's own membership.
        mine: MemberState,
        /// Who asked (the founder, or the member who added this account).
        inviter: AccountId,
        /// That account's name.
        inviter_name: String,
        /// What they wrote when they asked.
        greeting: String,
    },
    /// One member of a conversation.
    Member {
        /// The conversation.
        conversation: ConversationId,
        /// The member's account.
        account: AccountId,
        /// Its name.
        name: String,
        /// Its membership.
        state: MemberState,
        /// Version of the conversation at which that began.
        version: u32,
    },
    /// How far one member has received and read, where there are at most 16.
    Receipt {
        /// The conversation.
        conversation: ConversationId,
        /// Lane urgent or ordinary.
        lane: Lane,
        /// The member.
        account: AccountId,
        /// Highest place that some device of the member holds; 0 is none.
        delivered: u64,
        /// Highest place that the member has read and lets others know; 0 is none.
        read: u64,
    },
    /// How many members have received and read the account's newest message, where there are more.
    Counts {
        /// The conversation.
        conversation: ConversationId,
        /// Lane urgent or ordinary.
        lane: Lane,
        /// Place of that message.
        c: u64,
        /// Members that received it.
        delivered: u16,
        /// Members that read it and let others know.
        read: u16,
        /// Members that it went to.
        of: u16,
    },
    /// One of the account's messages expired before everyone had it.
    Expired {
        /// The message.
        name: Name,
        /// Recipients that never got it.
        missing: u16,
        /// Recipients that it went to.
        of: u16,
    },
    /// Messages for this account that expired or were dropped before any device fetched them.
    Lapsed {
        /// The conversation.
        conversation: ConversationId,
        /// How many so far, ever.
        count: u64,
    },
    /// Messages that left the relay before one silent device fetched them.
    LapsedDevice {
        /// The device.
        device: DeviceId,
        /// How many so far, ever.
        count: u64,
    },
    /// An entry of a later version, kept as it came.
    Unknown {
        /// Its kind.
        kind: u8,
        /// Its bytes.
        body: Vec<u8>,
    },
}

/// Messages of one lane, by rising position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliveries {
    /// Lane urgent or ordinary.
    pub lane: Lane,
    /// The messages.
    pub entries: Vec<Delivery>,
}

/// One message on its way down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Position in the mailbox log.
    pub position: u64,
    /// The conversation.
    pub conversation: ConversationId,
    /// The author's device.
    pub author: DeviceId,
    /// The author's account.
    pub account: AccountId,
    /// The author's running number.
    pub n: u64,
    /// Place in the conversation.
    pub c: u64,
    /// Kind of [`Item`](crate::Item).
    pub kind: u8,
    /// Seconds from composing to this answer's `Welcome`; see [`rounded_age`](crate::rounded_age).
    pub age_s: u32,
    /// Body of the [`Item`](crate::Item).
    pub body: Vec<u8>,
}

impl Delivery {
    /// The message's name.
    #[must_use]
    pub fn name(&self) -> Name {
        Name { device: self.author, n: self.n }
    }
}

/// What changed about who is reachable, by rising version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Version of the list with these rows in it.
    pub version: u64,
    /// The rows that changed.
    pub rows: Vec<PresenceRow>,
}

/// One contact's presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresenceRow {
    /// The contact.
    pub account: AccountId,
    /// What it lets others see; [`PresenceState::Hidden`] is offline.
    pub state: PresenceState,
    /// Seconds since the relay last heard of it, plus one; 0 is never, or not told.
    pub seen_ago_s: u32,
    /// Seconds to its next announced call; 0 is not announced.
    pub next_call_s: u32,
}

/// One line of what the relay still keeps for this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRow {
    /// Lane.
    pub lane: Lane,
    /// Kind.
    pub kind: HeldKind,
    /// How many.
    pub count: u32,
    /// Their bodies, in bytes before compression.
    pub bytes: u64,
    /// The first one's body, in bytes before compression.
    pub first: u32,
}

/// Nothing after this was taken; `k` stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Why, for programs.
    pub reason: StopReason,
    /// Why, for people.
    pub words: String,
    /// Seconds after which to try again.
    pub retry_after_s: u32,
}

/// The relay took nothing: this store went back in time or has a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forked {
    /// The attempt that this answers.
    pub x: u64,
    /// What gave it away.
    pub why: ForkWhy,
}

/// `PresenceRow` has its state as a number on the wire.
#[derive(Serialize, Deserialize)]
struct PresenceRowCode {
    account: AccountId,
    state: u8,
    seen_ago_s: u32,
    next_call_s: u32,
}

impl Serialize for PresenceRow {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { account, state, seen_ago_s, next_call_s } = *self;
        PresenceRowCode { account, state: state.number(), seen_ago_s, next_call_s }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PresenceRow {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = PresenceRowCode::deserialize(deserializer)?;
        let state = PresenceState::from_number(code.state);
        if state.number() != code.state {
            return Err(serde::de::Error::custom("no such presence state"));
        }
        let PresenceRowCode { account, seen_ago_s, next_call_s, .. } = code;
        Ok(Self { account, state, seen_ago_s, next_call_s })
    }
}
