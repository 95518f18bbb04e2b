//! What accounts, devices and addresses may take from a relay, and how the bounds hold each other.

use serde::{Deserialize, Serialize};

use super::{ENVELOPE_MAX_LEAST, ENVELOPE_MAX_MOST};
use crate::{
    check::{Invalid, within},
    size::Size,
    span::Span,
};

/// What a request carries beside one envelope: preamble, packet and frame headers, `Hello`, `End`.
pub const REQUEST_OVERHEAD: Size = Size::from_bytes(512);

/// What accounts, devices and addresses may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one envelope; 1 KiB to 64 KiB.
    pub envelope_max: Size,
    /// Bytes that may wait for one account.
    pub mailbox_bytes_max: Size,
    /// Entries that may wait for one account.
    pub mailbox_count_max: u32,
    /// Members of one conversation; 2 to 256.
    pub fan_out_max: u32,
    /// Requests of one account in a minute.
    pub requests_per_minute: u32,
    /// Requests from one address in a minute.
    pub requests_per_minute_per_address: u32,
    /// Logins of one account from one address in a minute.
    pub logins_per_minute: u32,
    /// Logins from one address in a minute.
    pub logins_per_minute_per_address: u32,
    /// Chat requests of one account in a day; a group founded or widened counts as one too, a large one as several.
    pub chat_requests_per_day: u32,
    /// Items that one account submits in a minute.
    pub submits_per_minute: u32,
    /// Devices of one account.
    pub devices_max: u32,
    /// Connections of one device at a time.
    pub connections_per_device: u32,
    /// Connections from one address that have not shown a login. Neither loopback nor a trusted proxy is held to it.
    pub connections_per_address_without_login: u32,
    /// Bytes of one request's body; carries at least one envelope.
    pub request_body_max: Size,
    /// Answers that are packed with the text model at a time; further ones take zstd. 0: no device is offered the model.
    pub model_answers_max: u32,
    /// The longest that a request may wait for news; up to 300 s.
    pub hold_max: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelope_max: Size::from_kib(8),
            mailbox_bytes_max: Size::from_mib(64),
            mailbox_count_max: 100_000,
            fan_out_max: 256,
            requests_per_minute: 600,
            requests_per_minute_per_address: 3_000,
            logins_per_minute: 10,
            logins_per_minute_per_address: 30,
            chat_requests_per_day: 50,
            submits_per_minute: 1_200,
            devices_max: 16,
            connections_per_device: 2,
            connections_per_address_without_login: 64,
            request_body_max: Size::from_kib(64),
            model_answers_max: 64,
            hold_max: Span::from_seconds(300),
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        self.check_sizes()?;
        self.check_counts()?;
        let (least, most) = (Span::from_seconds(1), Span::from_seconds(300));
        within("limits.hold_max", &self.hold_max, &(least..=most))
    }

    fn check_sizes(&self) -> Result<(), Invalid> {
        within(
            "limits.envelope_max",
            &self.envelope_max,
            &(ENVELOPE_MAX_LEAST..=ENVELOPE_MAX_MOST),
        )?;
        within(
            "limits.mailbox_bytes_max",
            &self.mailbox_bytes_max,
            &(self.envelope_max..=Size::from_mib(1 << 20)),
        )?;
        let body_least = Size::from_bytes(self.envelope_max.bytes() + REQUEST_OVERHEAD.bytes());
        if self.request_body_max < body_least {
            let problem = format!(
                "{} cannot carry an envelope of envelope_max, {}; expected at least {body_least}",
                self.request_body_max, self.envelope_max
            );
            return Err(Invalid::new("limits.request_body_max", problem));
        }
        within(
            "limits.request_body_max",
            &self.request_body_max,
            &(body_least..=Size::from_kib(128)),
        )
    }

    fn check_counts(&self) -> Result<(), Invalid> {
        let counts = [
            ("mailbox_count_max", self.mailbox_count_max, 1, 100_000_000),
            ("fan_out_max", self.fan_out_max, 2, 256),
            ("requests_per_minute", self.requests_per_minute, 1, 1_000_000_000),
            (
                "requests_per_minute_per_address",
                self.requests_per_minute_per_address,
                1,
                1_000_000_000,
            ),
            ("logins_per_minute", self.logins_per_minute, 1, 1_000_000_000),
            ("logins_per_minute_per_address", self.logins_per_minute_per_address, 1, 1_000_000_000),
            ("chat_requests_per_day", self.chat_requests_per_day, 1, 1_000_000_000),
            ("submits_per_minute", self.submits_per_minute, 1, 1_000_000_000),
            ("devices_max", self.devices_max, 1, 1_024),
            ("model_answers_max", self.model_answers_max, 0, 1_000_000),
            // A live hold and one exchange beside it: fewer than two and `live` could not work.
            ("connections_per_device", self.connections_per_device, 2, 64),
            (
                "connections_per_address_without_login",
                self.connections_per_address_without_login,
                1,
                1_000_000,
            ),
        ];
        for (key, value, least, most) in counts {
            within(&format!("limits.{key}"), &value, &(least..=most))?;
        }
        Ok(())
    }
}
