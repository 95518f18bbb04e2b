//! What accounts may take and how long things are kept, in the units that the store counts in.

use wire::limits;

/// Lifetime of a message that names none, where the longest is not shorter: what agents have as their setting, so that
/// they need not spell it out. In seconds.
pub const LIFETIME_DEFAULT_S: u64 = 30 * 24 * 3600;

/// What may wait for a slow disk, in bytes: a second's worth of a quick one, and little beside a machine's memory.
const WAITING_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// Limits that the store enforces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Largest body of one item, in bytes.
    pub envelope_max: usize,
    /// Bytes that may lie in one mailbox.
    pub mailbox_bytes_max: u64,
    /// Entries that may lie in one mailbox.
    pub mailbox_count_max: u64,
    /// Members of one conversation.
    pub members_max: usize,
    /// Chat requests to strangers that one account may make in a day.
    pub chat_requests_per_day: u32,
    /// Devices of one account.
    pub devices_max: u32,
    /// What every active device has is kept this much longer, in seconds.
    pub keep_delivered_s: u64,
    /// A device silent for so long holds nothing back, in seconds.
    pub dormant_after_s: u64,
    /// Lifetime of a message that names none, in seconds.
    pub lifetime_default_s: u64,
    /// Longest lifetime of a message, in seconds.
    pub lifetime_max_s: u64,
    /// A chat request that nobody answers expires after this, in seconds.
    pub request_lifetime_s: u64,
    /// Bytes of items that may wait for the disk; more are refused until later.
    pub waiting_bytes_max: u32,
    /// Pages that the database may grow to; `None` leaves it to the disk.
    pub pages_max: Option<u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::from(&config::RelaySettings::default())
    }
}

impl From<&config::RelaySettings> for Policy {
    fn from(settings: &config::RelaySettings) -> Self {
        let (limits, retention) = (&settings.limits, &settings.retention);
        let lifetime_max_s = retention.message_lifetime_max.seconds();
        Self {
            envelope_max: limits.envelope_max.as_usize(),
            mailbox_bytes_max: limits.mailbox_bytes_max.bytes(),
            mailbox_count_max: limits.mailbox_count_max.into(),
            members_max: usize::try_from(limits.fan_out_max).unwrap_or(limits::MEMBERS_MAX),
            chat_requests_per_day: limits.chat_requests_per_day,
            devices_max: limits.devices_max,
            keep_delivered_s: retention.keep_delivered.seconds(),
            dormant_after_s: retention.dormant_after.seconds(),
            lifetime_default_s: lifetime_max_s.min(LIFETIME_DEFAULT_S),
            lifetime_max_s,
            request_lifetime_s: retention.request_lifetime.seconds(),
            waiting_bytes_max: WAITING_BYTES_MAX,
            pages_max: None,
        }
    }
}
