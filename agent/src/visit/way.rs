//! The way to the relay as sync needs it: one connection at a time under the visit's meter, dialled when
//! it is first needed and again after it was lost.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use config::{Account, Secret, agent::VISIT_OVERHEAD};
use serde_json::json;
use tracing::info;
use wire::Cursors;

use crate::{
    account::Admitted,
    link::{self, Client, Connection, LinkError, Meter, Method, PathAndQuery},
    store::NewDevice,
    sync::{SyncError, Transport},
};

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
    /// Spent on connecting so far.
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
        self.round_trips
    }

    /// As [`Client::cut_too_soon`].
    pub(super) fn cut_too_soon(&self) -> Option<String> {
        self.client.cut_too_soon()
    }

    /// Without a goodbye: an answer says itself where it ends, so one would only cost bytes.
    pub(super) fn hang_up(&mut self) {
        self.connection = None;
    }

    async fn connection(&mut self) -> Result<&mut Connection, LinkError> {
        let connection = match self.connection.take().filter(Connection::is_reusable) {
            Some(connection) => connection,
            None => {
                let connection = self.client.connect(&self.meter).await?;
                self.rtt = connection.rtt();
                self.round_trips += u64::from(connection.round_trips());
                connection
            }
        };
        Ok(self.connection.insert(connection))
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
        let answer = self.connection().await?.post_sync(token.expose(), body, hold).await?;
        if answer.status() == 200 {
            // A relay is there: what follows is worth its bytes.
            meter.try_with(None);
        }
        Ok(answer)
    }

    fn left(&self) -> Option<u64> {
        let left = self.meter.remaining()?;
        // What connecting will cost is not there for requests.
        let connects = self.connection.is_none() && self.client.url().is_secure();
        Some(if connects { left.saturating_sub(VISIT_OVERHEAD.bytes()) } else { left })
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

    async fn new_device(&mut self, token: &str, cursors: Cursors) -> Result<NewDevice, SyncError> {
        let in_use = self.account().token;
        let ask = Bytes::from(json!({ "token": token, "cursors": cursors }).to_string());
        let path = PathAndQuery::from_static("/v1/devices");
        let connection = self.connection().await?;
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
