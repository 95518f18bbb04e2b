//! The labels of [`Metrics`](super::Metrics): closed sets, each value with its text on the page.

use std::fmt::{self, Write};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// Labels of [`Metrics::http_requests`](super::Metrics::http_requests).
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The pattern that matched (`/v1/sync`), or `other`.
    pub route: String,
    /// The method if it is a usual one, or `other`.
    pub method: &'static str,
    /// The status of the answer.
    pub code: u16,
}

/// A label with a closed set of values, each with its text on the page.
macro_rules! label {
    ($labels:ident.$field:ident of $figure:literal: $(#[$doc:meta])* $value:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        #[doc = concat!("Labels of [`Metrics::", $figure, "`](super::Metrics::", $figure, ").")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub struct $labels {
            #[doc = concat!("One of [`", stringify!($value), "::ALL`].")]
            pub $field: $value,
        }

        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $value { $($(#[$variant_doc])* $variant),+ }

        impl $value {
            /// The whole set.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
        }

        impl EncodeLabelValue for $value {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
                encoder.write_str(match self { $(Self::$variant => $text),+ })
            }
        }
    };
}

label! { DirectionLabels.dir of "wire_bytes":
    /// Which way bytes went.
    Direction {
        /// From a device.
        Up = "up",
        /// To a device.
        Down = "down",
    }
}

label! { SyncLabels.result of "sync_sessions":
    /// How an exchange ended.
    SyncResult {
        /// Answered up to `Done`.
        Done = "done",
        /// The request or the answer was cut.
        Cut = "cut",
        /// The device was told to come back later.
        Stopped = "stopped",
        /// The device's store went back or has a twin.
        Forked = "forked",
        /// A newer exchange of the device took its turn.
        Superseded = "superseded",
        /// The token was not accepted.
        Unauthorized = "unauthorized",
        /// The request could not be read.
        Malformed = "malformed",
        /// The relay's own fault.
        Failed = "failed",
    }
}

label! { LoginLabels.result of "logins":
    /// How a login or join ended.
    LoginResult {
        /// The device is known now.
        Ok = "ok",
        /// Wrong name, password, token or invite.
        Refused = "refused",
        /// Told to come back later.
        Limited = "limited",
    }
}

label! { DropLabels.reason of "connections_dropped":
    /// Why a connection was closed before its time.
    DropReason {
        /// The relay has as many connections as it may.
        Full = "full",
        /// The address has as many connections without a login as it may.
        Address = "address",
        /// The device opened more connections than it may; its oldest went.
        Device = "device",
        /// The TLS handshake failed.
        Tls = "tls",
        /// What was sent is not HTTP, or was cut.
        Http = "http",
        /// No progress within the deadline.
        Slow = "slow",
        /// A handler panicked.
        Panic = "panic",
    }
}

label! { LimitLabels.kind of "rate_limited":
    /// What was asked for too often.
    LimitKind {
        /// Requests of any kind.
        Requests = "requests",
        /// Logins and joins.
        Logins = "logins",
        /// Requests to chat.
        ChatRequests = "chat_requests",
        /// Submits.
        Submits = "submits",
    }
}

label! { ChoreLabels.chore of "housekeeping":
    /// A kind of housekeeping.
    ChoreKind {
        /// Expiring messages and dropping what everybody has.
        Mailboxes = "mailboxes",
        /// Expiring chat requests.
        Requests = "requests",
        /// Dropping what nothing needs.
        Sweep = "sweep",
        /// Giving space back.
        Vacuum = "vacuum",
        /// Moving the log into the database.
        Checkpoint = "checkpoint",
        /// Noting when devices were last seen.
        Seen = "seen",
    }
}
