//! By what the relay has to prove itself: its own key once that is known, else a certificate.
//!
//! A key is known because the user gave its fingerprint, or because the relay told of it behind a certificate that is
//! trusted. A key told of is tried with the next connection; until the relay has proved itself by it once, the
//! certificate still does, because somebody who ends TLS before the relay may show only that. From then on the key is
//! **pinned**: another key, or none, is an alarm, and nothing is sent. What the relay tells of further keys is believed
//! where it proved itself by a key or a certificate, and not behind a proxy that looks into TLS.

#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use config::{
    account::{RelayKey, Voucher},
    agent::KeyTrust,
};
use wire::{Fingerprint, FingerprintError};

/// Keys that one relay may tell of: the one in use, and the next. Some room for later versions.
const KEYS_MAX: usize = 4;

/// By what the other end of a connection has proved to be the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By nothing: plain HTTP.
    None,
    /// By its own key.
    Key,
    /// By a certificate that is trusted.
    Certificate,
    /// It is somebody whom the user lets look into TLS.
    Inspected,
}

/// What is known of a relay's keys, and what that means for a connection.
#[derive(Debug)]
pub(crate) struct Trust {
    policy: KeyTrust,
    known: Mutex<Known>,
}

#[derive(Clone, Debug)]
struct Known {
    by: Voucher,
    proved: bool,
    accepted: Vec<Fingerprint>,
    asked: u16,
}

impl Trust {
    /// Nothing is known yet.
    pub(crate) fn new(policy: KeyTrust) -> Self {
        let known =
            Known { by: Voucher::Certificate, proved: false, accepted: Vec::new(), asked: 0 };
        Self { policy, known: Mutex::new(known) }
    }

    /// What was kept of an earlier process.
    pub(crate) fn recall(&self, kept: &RelayKey) -> Result<(), FingerprintError> {
        let accepted = kept.accepted.iter().map(|key| key.parse()).collect::<Result<_, _>>()?;
        let RelayKey { by, proved, asked, .. } = *kept;
        *self.known() = Known { by, proved, accepted, asked };
        Ok(())
    }

    /// The user says that this is the relay's key.
    pub(crate) fn give(&self, key: Fingerprint) {
        let by = Voucher::Fingerprint;
        *self.known() = Known { by, proved: false, accepted: vec![key], asked: 0 };
    }

    /// What is to be kept for the next process; `None` where there is nothing.
    pub(crate) fn to_keep(&self) -> Option<RelayKey> {
        let Known { by, proved, accepted, asked } = self.known().clone();
        let accepted: Vec<_> = accepted.iter().map(ToString::to_string).collect();
        let is_something = !accepted.is_empty() || asked != 0;
        let version = RelayKey::VERSION;
        is_something.then_some(RelayKey { version, by, proved, accepted, asked })
    }

    /// The keys that are accepted, the one in use first.
    pub(crate) fn accepted(&self) -> Vec<Fingerprint> {
        self.known().accepted.clone()
    }

    pub(crate) fn accepts(&self, shown: &Fingerprint) -> bool {
        self.known().accepted.contains(shown)
    }

    /// What a connection is tried by, one after the other; the second where the first fails for want of proof.
    /// `may_look`: the user named somebody who may look into TLS. `looked`: such a one was met on this way.
    pub(crate) fn ways(&self, may_look: bool, looked: bool) -> (Proof, Option<Proof>) {
        let known = self.known();
        let by_certificate = known.by == Voucher::Certificate;
        match self.policy {
            _ if known.accepted.is_empty() && by_certificate => (Proof::Certificate, None),
            KeyTrust::Ignore if by_certificate => (Proof::Certificate, None),
            _ if by_certificate && !known.proved => (Proof::Key, Some(Proof::Certificate)),
            KeyTrust::OrCertificate if by_certificate => (Proof::Key, Some(Proof::Certificate)),
            _ if may_look && looked => (Proof::Inspected, Some(Proof::Key)),
            _ if may_look => (Proof::Key, Some(Proof::Inspected)),
            _ => (Proof::Key, None),
        }
    }

    /// Whether the second way's failure says more than the first's.
    pub(crate) fn is_on_trial(&self) -> bool {
        let known = self.known();
        known.by == Voucher::Certificate && !known.proved
    }

    /// The relay has proved itself; `first` is what was tried first.
    pub(crate) fn proved(&self, proof: Proof, first: Proof) {
        let mut known = self.known();
        match proof {
            Proof::Key => known.proved = true,
            // The keys are nobody's, or another's: until it tells of others the certificate stands alone.
            Proof::Certificate if first == Proof::Key => {
                let was_proved = std::mem::take(&mut known.proved);
                known.accepted.clear();
                if was_proved {
                    known.asked = 0;
                }
            }
            Proof::Certificate | Proof::Inspected | Proof::None => {}
        }
    }

    /// Whether the relay is to be asked for its keys, whose limits have this tag.
    pub(crate) fn is_due(&self, tag: u16, proof: Proof) -> bool {
        let known = self.known();
        let is_used = self.policy != KeyTrust::Ignore || known.by == Voucher::Fingerprint;
        is_used && matches!(proof, Proof::Key | Proof::Certificate) && known.asked != tag
    }

    /// The relay told of its keys, over a connection with this proof, while its limits had this tag.
    pub(crate) fn learn(&self, proof: Proof, told: &[Fingerprint], tag: u16) {
        let told = &told[..told.len().min(KEYS_MAX)];
        let mut known = self.known();
        match proof {
            Proof::None | Proof::Inspected => return,
            // Who shows a key and tells of none is believed in the first only.
            Proof::Key if told.is_empty() => {}
            Proof::Key => known.accepted = told.to_vec(),
            Proof::Certificate if known.by == Voucher::Fingerprint => return,
            Proof::Certificate => {
                let stays = known.proved && known.accepted.iter().any(|key| told.contains(key));
                known.proved = stays;
                known.accepted = told.to_vec();
            }
        }
        known.asked = tag;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
