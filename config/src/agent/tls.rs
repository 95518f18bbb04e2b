//! How the connection to the relay is encrypted, and what is believed of its other end.

use serde::{Deserialize, Serialize};

/// TLS of the agent's connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// What becomes of the relay's own key.
    pub relay_key: KeyTrust,
    /// Where the post-quantum key exchange is offered.
    pub post_quantum: PostQuantum,
    /// Sends an exchange with the first packet of a resumed session, where the relay takes it.
    pub early_data: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            relay_key: KeyTrust::default(),
            post_quantum: PostQuantum::default(),
            early_data: true,
        }
    }
}

/// What becomes of a relay's own key, which it tells of behind a certificate or whose fingerprint was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyTrust {
    /// Once it is known the relay has to prove itself by it, and by nothing else.
    #[default]
    Pin,
    /// The same; but where it cannot, its certificate will do, if the login was made by that.
    OrCertificate,
    /// It is not used, if the login was made by the certificate.
    Ignore,
}

/// Where the post-quantum key exchange is offered, which takes some 2,300 bytes more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostQuantum {
    /// On links that are known to be unmetered and not known to be slow, to visits without a budget.
    #[default]
    Unmetered,
    /// On every link, to every visit.
    Always,
    /// Nowhere.
    Never,
}
