//! Identifiers and small codes. Numbers are the relay's own, given once and never again; 0 is none.

use serde::{Deserialize, Serialize};

use crate::code::codes;

/// Number of an account at its relay.
pub type AccountId = u64;
/// Number of a device at its relay.
pub type DeviceId = u64;
/// Number of a conversation at its relay.
pub type ConversationId = u64;

/// Name of a message or any other numbered item: its author's device and that device's running
/// number. Unique at one relay for ever; both ends drop a name that they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Name {
    /// The device that made the item.
    pub device: DeviceId,
    /// That device's running number, dense from 1.
    pub n: u64,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.device, self.n)
    }
}

/// Which conversation an item belongs to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum ConversationRef {
    /// None: the item founds one, or concerns the account.
    #[default]
    None,
    /// By the relay's number.
    Number(ConversationId),
    /// By the request that founded it, which may stand earlier in the same batch.
    Founded(Name),
}

/// A lane of a log. What may overtake lives in another lane; within a lane order is strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Keyed entries, a newer one replaces the older: contacts, conversations, marks.
    Latest,
    /// Messages that go first.
    Urgent,
    /// All other messages.
    Ordinary,
}

impl Lane {
    /// All lanes, in the order in which they are read.
    pub const ALL: [Self; 3] = [Self::Latest, Self::Urgent, Self::Ordinary];

    /// The lane's number on the wire and in stores.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Latest => 0,
            Self::Urgent => 1,
            Self::Ordinary => 2,
        }
    }

    /// The lane with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl Serialize for Lane {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

impl<'de> Deserialize<'de> for Lane {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        Self::from_number(number).ok_or_else(|| serde::de::Error::custom("no such lane"))
    }
}

/// The lanes that a visit asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LaneMask(u8);

impl LaneMask {
    /// No deliveries.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self(0b111);

    /// A mask of these lanes.
    #[must_use]
    pub fn of(lanes: &[Lane]) -> Self {
        Self(lanes.iter().fold(0, |mask, lane| mask | 1 << lane.number()))
    }

    /// Whether `lane` is asked for.
    #[must_use]
    pub fn contains(self, lane: Lane) -> bool {
        self.0 & 1 << lane.number() != 0
    }

    /// Whether no lane is asked for.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits & 0b111)
    }
}

/// "Durable here, up to this" for each lane of a mailbox; 0 is nothing yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursors {
    /// Lane latest.
    pub latest: u64,
    /// Lane urgent.
    pub urgent: u64,
    /// Lane ordinary.
    pub ordinary: u64,
}

impl Cursors {
    /// The cursor of one lane.
    #[must_use]
    pub fn of(self, lane: Lane) -> u64 {
        match lane {
            Lane::Latest => self.latest,
            Lane::Urgent => self.urgent,
            Lane::Ordinary => self.ordinary,
        }
    }

    /// The cursor of one lane, to be moved.
    pub fn of_mut(&mut self, lane: Lane) -> &mut u64 {
        match lane {
            Lane::Latest => &mut self.latest,
            Lane::Urgent => &mut self.urgent,
            Lane::Ordinary => &mut self.ordinary,
        }
    }
}

/// Whether bytes cost money on the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LinkClass {
    /// Not known.
    #[default]
    Unknown,
    /// Free of charge.
    Unmetered,
    /// Paid by byte or minute.
    Metered,
}

/// What the agent tells of its link, so that packets fit it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkKind {
    /// Whether bytes cost money.
    pub class: LinkClass,
    /// Speed class: 0 unknown, else at least `300 << (rate - 1)` bit/s; at most 31.
    pub rate: u8,
}

impl LinkKind {
    /// The speed class of a measured rate in bit/s.
    #[must_use]
    pub fn rate_class(bits_per_second: u64) -> u8 {
        let steps = (bits_per_second / 300).checked_ilog2().map_or(0, |log| log + 1);
        u8::try_from(steps.min(31)).expect("at most 31")
    }

    /// Size that one packet should stay within on this link, in bytes: [`crate::limits::PACKET_TARGET`]
    /// or [`crate::limits::PACKET_SECONDS`] of the link, whichever is less.
    #[must_use]
    pub fn packet_target(self) -> usize {
        use crate::limits::{PACKET_SECONDS, PACKET_TARGET};
        match self.rate {
            0 => PACKET_TARGET,
            rate => {
                PACKET_TARGET.min((300usize << (rate - 1).min(20)) / 8 * PACKET_SECONDS).max(256)
            }
        }
    }

    pub(crate) fn bits(self) -> u8 {
        let class = match self.class {
            LinkClass::Unknown => 0,
            LinkClass::Unmetered => 1,
            LinkClass::Metered => 2,
        };
        class | self.rate.min(31) << 2
    }

    pub(crate) fn from_bits(bits: u8) -> Option<Self> {
        let class = match bits & 0b11 {
            0 => LinkClass::Unknown,
            1 => LinkClass::Unmetered,
            2 => LinkClass::Metered,
            _ => return None,
        };
        (bits >> 2 < 32).then_some(Self { class, rate: bits >> 2 })
    }
}

/// What a device lets others see of its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PresenceState {
    /// Nothing.
    #[default]
    Hidden,
    /// There.
    Reachable,
    /// The device is there, the person is not.
    Away,
}

impl PresenceState {
    /// The state's number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Hidden => 0,
            Self::Reachable => 1,
            Self::Away => 2,
        }
    }

    /// The state with this number; what is not known counts as hidden.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Reachable,
            2 => Self::Away,
            _ => Self::Hidden,
        }
    }
}

codes! {
    /// A member's relation to a conversation.
    MemberState {
        /// Asked, has not answered.
        Invited = 1,
        /// Takes part.
        Member = 2,
        /// Took part and left.
        Left = 3,
        /// Was asked and declined.
        Declined = 4,
        /// The request was taken back.
        Withdrawn = 5,
        /// The request was not answered in time.
        Expired = 6,
    }
}

codes! {
    /// Why one item was refused; the words beside it are for the reader.
    Refusal {
        /// The author is not (or no longer) a member of the conversation.
        NotMember = 1,
        /// The relay does not know the conversation (it may have been put back).
        NoSuchConversation = 2,
        /// No account has that name.
        NoSuchAccount = 3,
        /// Longer than the relay's envelope, greeting or title limit.
        TooLong = 4,
        /// The recipient's mailbox is full.
        Full = 5,
        /// The request was answered already, in another way.
        AlreadyAnswered = 6,
        /// Nobody is left in the conversation, or nobody has joined it yet.
        NobodyThere = 7,
        /// Too many members.
        TooMany = 8,
        /// More of this kind than the relay allows for now (requests a day, for instance).
        TooOften = 9,
        /// The item cannot be read, or makes no sense where it stands.
        Invalid = 10,
        /// The item's target is not the author's to change.
        NotYours = 11,
    }
}

codes! {
    /// Why the relay stopped taking items for now.
    StopReason {
        /// The account or the address asks too often.
        Rate = 1,
        /// The relay's disk is full or failing.
        Disk = 2,
        /// The relay is closing down.
        Shutdown = 3,
        /// The submitted numbers do not follow what the relay has answered.
        BadSequence = 4,
        /// A newer exchange of the same device took its turn.
        Superseded = 5,
    }
}

codes! {
    /// Why the relay thinks that this store went back in time or has a twin.
    ForkWhy {
        /// A lower exchange number than one already seen.
        StaleAttempt = 1,
        /// `told` is below what this device said before.
        ToldWentBack = 2,
        /// A mailbox cursor is below what this device said before.
        CursorWentBack = 3,
        /// A known number came with other bytes.
        OtherBytes = 4,
    }
}

codes! {
    /// What kind of thing is held back at the relay.
    HeldKind {
        /// Contacts, conversations, marks.
        State = 1,
        /// Messages.
        Message = 2,
        /// Channel items.
        Item = 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_classes_bound_the_packet() {
        assert_eq!(LinkKind::rate_class(0), 0);
        assert_eq!(LinkKind::rate_class(300), 1);
        assert_eq!(LinkKind::rate_class(2_400), 4);
        assert_eq!(LinkKind { rate: 4, ..Default::default() }.packet_target(), 900);
        assert_eq!(
            LinkKind { rate: LinkKind::rate_class(33_600), ..Default::default() }.packet_target(),
            2048
        );
        assert_eq!(
            LinkKind { rate: LinkKind::rate_class(u64::MAX), ..Default::default() }.packet_target(),
            2048
        );
    }

    #[test]
    fn every_link_kind_round_trips() {
        for bits in 0..=127 {
            if let Some(kind) = LinkKind::from_bits(bits) {
                assert_eq!(kind.bits(), bits);
            }
        }
    }
}
