//! The way to the relay as sync needs it: one connection at a time under the visit's meter, dialled when
//! it is first needed and again after it was lost.

#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use config::{Account, Secret, agent::VISIT_OVERHEAD};
use serde_json::json;
use tracing::{debug, info, warn};
use wire::Cursors;

use crate::{
    account::{Admitted, RelayInfo},
    link::{self, Client, Connection, LinkError, Meter, Method, PathAndQuery},
    store::NewDevice,
    sync::{SyncError, Transport},
};

/// What asking for the relay's keys may cost at most, in bytes; where less is left of the budget it is put off.
const KEYS_LEAST: u64 = 1024;
/// Longest text of a refusal that is shown, in characters.
const WORDS_MAX: usize = 300;

pub(super) struct Way {
    client: Client,
    meter: Meter,
    account: Arc<Mutex<Account>>,
    /// Where the account is kept.
    file: PathBuf,
    connection: Option<Connection>,
    rtt: Duration,
    /// Spent on connecting so far, but for the connection that there is, and on asking for keys.
    round_trips: u64,
}

impl Way {
    pub(super) fn new(
        client: Client,
        meter: Meter,
        account: Arc<Mutex<Account>>,
        file: PathBuf,
    ) -> Self {
        Self { client, meter, account, file, connection: None, rtt: Duration::ZERO, round_trips: 0 }
    }

    /// For requests that the relay will hold.
    pub(super) fn for_holding(self) -> Self {
        Self { client: self.client.for_holding(), ..self }
    }

    /// What it connects with.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Round trips that connecting took.
    pub(super) fn round_trips(&self) -> u64 {
        let of_this = self.connection.as_ref().map_or(0, Connection::round_trips);
        self.round_trips + u64::from(of_this)
    }

    /// As [`Client::cut_too_soon`].
    pub(super) fn cut_too_soon(&self) -> Option<String> {
        self.client.cut_too_soon()
    }

    /// Without a goodbye: an answer says itself where it ends, so one would only cost bytes.
    pub(super) fn hang_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.round_trips += u64::from(connection.round_trips());
        }
        self.keep_key();
    }

    /// The connection; `early` says that nothing but an exchange comes next.
    async fn connection(&mut self, early: bool) -> Result<&mut Connection, LinkError> {
        let connection = match self.connection.take() {
            Some(connection) if connection.is_reusable() => connection,
            lost => {
                self.round_trips += lost.map_or(0, |lost| u64::from(lost.round_trips()));
                let connection = if early {
                    self.client.connect_to_exchange(&self.meter).await?
                } else {
                    self.client.connect(&self.meter).await?
                };
                self.rtt = connection.rtt();
                debug!(
                    proof = ?connection.proof(),
                    resumed = connection.tls_resumed(),
                    early = connection.is_early(),
                    post_quantum = connection.is_post_quantum(),
                    "connected"
                );
                connection
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Asks the relay for its keys where its limits, by their tag, say that it may have others, on the connection that
    /// there is. What does not come now comes another time.
    async fn ask_for_keys(&mut self, tag: u16) {
        let Some(connection) = self.connection.as_mut().filter(|c| c.is_reusable()) else { return };
        let is_dear = self.meter.remaining().is_some_and(|left| left < KEYS_LEAST);
        if is_dear || !self.client.is_key_due(tag, connection.proof()) {
            return;
        }
        let path = PathAndQuery::from_static("/v1/relay");
        let asked = connection.request(Method::GET, path, None, None).await;
        self.round_trips += 1;
        match asked {
            Ok((200, answer)) => {
                let told = serde_json::from_slice::<RelayInfo>(&answer);
                let keys = told.map(|told| told.keys).unwrap_or_default();
                self.client.learn_keys(connection.proof(), &keys, tag);
            }
            Ok((status, _)) => debug!(status, "the relay does not tell its keys"),
            Err(err) => debug!(error = %err, "the relay could not be asked for its keys"),
        }
        self.keep_key();
    }

    /// Writes down what is known of the relay's keys, where that has changed.
    fn keep_key(&self) {
        let old = self.account();
        let relay_key = self.client.key_to_keep();
        if relay_key == old.relay_key {
            return;
        }
        let account = Account { relay_key, ..old };
        match account.save(&self.file) {
            Ok(()) => *self.account.lock().unwrap_or_else(PoisonError::into_inner) = account,
            Err(err) => warn!(error = %err, "the relay's keys are not kept"),
        }
    }

    fn account(&self) -> Account {
        self.account.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The new device's token is durable before the store becomes that device.
    fn keep(&self, admitted: &Admitted, token: &str) -> Result<(), SyncError> {
        let old = self.account();
        let account = Account {
            account: admitted.account,
            device: admitted.device,
            token: Secret::new(token),
            ..old
        };
        account.save(&self.file).map_err(|err| refused(0, &crate::control::chain(&err)))?;
        info!(device = account.device, "this store is a new device");
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = account;
        Ok(())
    }
}

impl Transport for Way {
    type Answer<'a> = link::Answer<'a>;

    async fn post(&mut self, body: Bytes, hold: Duration) -> Result<link::Answer<'_>, LinkError> {
        let token = self.account().token;
        let meter = self.meter.clone();
        // Who holds a line is shown as reachable: that is for who proved to be there now, by the handshake's end.
        let connection = self.connection(hold.is_zero()).await?;
        let answer = connection.post_sync(token.expose(), body, hold).await?;
        if answer.status() == 200 {
            // A relay is there: what follows is worth its bytes.
            meter.try_with(None);
        }
        Ok(answer)
    }

    fn left(&self) -> Option<u64> {
        let left = self.meter.remaining()?;
        if self.connection.is_some() || !self.client.url().is_secure() {
            return Some(left);
        }
        // What connecting will cost is not there for requests.
        let is_dearer = self.client.offers_post_quantum(&self.meter);
        let more = if is_dearer { tls::HYBRID_MORE as u64 } else { 0 };
        Some(left.saturating_sub(VISIT_OVERHEAD.bytes() + more))
    }

    fn rtt(&self) -> Duration {
        self.rtt
    }

    fn hold_max_s(&self) -> Option<u16> {
        self.client.hold_max_s()
    }

    fn note_hold(&self, cut_after: Option<Duration>) {
        self.client.note_hold(cut_after);
    }

    async fn settle(&mut self, limits_tag: u16) {
        self.ask_for_keys(limits_tag).await;
    }

    async fn new_device(&mut self, token: &str, cursors: Cursors) -> Result<NewDevice, SyncError> {
        let in_use = self.account().token;
        let ask = Bytes::from(json!({ "token": token, "cursors": cursors }).to_string());
        let path = PathAndQuery::from_static("/v1/devices");
        let connection = self.connection(false).await?;
        let (status, answer) =
            connection.request(Method::POST, path, Some(in_use.expose()), Some(ask)).await?;
        if !(200..300).contains(&status) {
            return Err(refused(status, &String::from_utf8_lossy(&answer)));
        }
        let admitted: Admitted = serde_json::from_slice(&answer)
            .map_err(|err| refused(status, &format!("the answer cannot be read: {err}")))?;
        self.keep(&admitted, token)?;
        let Admitted { account, device, cursors, .. } = admitted;
        Ok(NewDevice { account, device, cursors })
    }
}

fn refused(status: u16, words: &str) -> SyncError {
    let words = crate::account::printable(words).chars().take(WORDS_MAX).collect();
    SyncError::Status { status, words, retry_after_s: None }
}
