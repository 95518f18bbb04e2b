//! Joining, logging in, and the account's devices: the relay's JSON resources.
//!
//! The device makes its token, and keeps it in a file of its own before it says it to the relay: when
//! the answer is lost the same command sends the same token again, and neither a used-up invitation
//! nor an orphaned device is left.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use config::{Account, AgentPaths, Secret, account::RelayKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wire::{Cursors, Fingerprint};

use crate::{
    control::Failure,
    link::{Client, LinkError, Meter, Method, PathAndQuery, Proof},
    store::Identity,
};

/// Attempts of one request that has no answer.
const ATTEMPTS: u32 = 4;

/// What the relay says to a device that it lets in.
#[derive(Clone, Debug, Deserialize)]
pub struct Admitted {
    /// The account's number.
    pub account: u64,
    /// The device's number.
    pub device: u64,
    /// The account's name.
    pub name: String,
    /// The relay's domain.
    pub domain: String,
    /// Where delivery to this device begins.
    pub cursors: Cursors,
    /// Keys by which the relay can prove itself without a certificate, the one in use first.
    #[serde(default)]
    pub keys: Vec<Fingerprint>,
}

impl Admitted {
    /// Who the store speaks as from now on.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity {
            account: self.account,
            device: self.device,
            name: self.name.clone(),
            domain: self.domain.clone(),
        }
    }
}

/// What `GET /v1/relay` tells everybody.
#[derive(Clone, Debug, Deserialize)]
pub struct RelayInfo {
    /// The program's version.
    pub version: String,
    /// The relay's domain.
    pub domain: String,
    /// The exchange's version.
    #[serde(default)]
    pub protocol: Value,
    /// The time by its clock.
    #[serde(default)]
    pub now: Option<jiff::Timestamp>,
    /// As [`Admitted::keys`].
    #[serde(default)]
    pub keys: Vec<Fingerprint>,
}

/// How an account is come by.
#[derive(Clone, Debug)]
pub enum How {
    /// With an invitation's code.
    Join {
        /// The code.
        code: String,
    },
    /// It is there already.
    Login {
        /// Bring what was said in so many seconds before.
        since_s: Option<u64>,
        /// What lies in the store already, where it was logged in before: delivery goes on from there.
        cursors: Option<Cursors>,
    },
}

/// A call that is being made, told as it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// The number of the last that will be made.
    pub of: u32,
    /// Code of what ended the one before; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// Who asks to be let in.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// The account's name.
    pub name: &'a str,
    /// The account's password.
    pub password: &'a Secret,
    /// What this device will show from now on.
    pub token: &'a Secret,
    /// What the device is called.
    pub label: &'a str,
}

/// Asks the relay to let this device in, and lets `client` know what keys it tells of. `told` hears of every attempt.
///
/// # Errors
/// No link, or the relay's refusal in its words.
pub async fn admit(
    client: &Client,
    how: &How,
    who: Who<'_>,
    told: impl FnMut(Attempt),
) -> Result<Admitted, Failure> {
    let Who { name, password, token, label } = who;
    let mut ask = json!({
        "name": name, "password": password.expose(), "token": token.expose(), "device": label,
    });
    let path = match how {
        How::Join { code } => {
            ask["invite"] = code.as_str().into();
            "/v1/join"
        }
        How::Login { since_s, cursors } => {
            if let Some(since_s) = since_s {
                ask["since_s"] = (*since_s).into();
            }
            if let Some(cursors) = cursors {
                ask["cursors"] = json!(cursors);
            }
            "/v1/login"
        }
    };
    let (answer, proof) = attempts(client, Method::POST, path, None, Some(&ask), told).await?;
    let admitted: Admitted = read(&answer)?;
    client.learn_keys(proof, &admitted.keys, 0);
    Ok(admitted)
}

/// The account's devices, as the relay tells them.
///
/// # Errors
/// As [`admit`].
pub async fn devices(client: &Client, token: &Secret) -> Result<Vec<Value>, Failure> {
    let mut answer = request(client, Method::GET, "/v1/devices", Some(token), None).await?;
    let list = if answer.is_array() { answer.take() } else { answer["devices"].take() };
    read(&list)
}

/// Shuts a device out.
///
/// # Errors
/// As [`admit`].
pub async fn revoke(client: &Client, token: &Secret, device: u64) -> Result<(), Failure> {
    let path = format!("/v1/devices/{device}");
    request(client, Method::DELETE, &path, Some(token), None).await.map(drop)
}

/// What the relay is.
///
/// # Errors
/// As [`admit`].
pub async fn relay(client: &Client) -> Result<RelayInfo, Failure> {
    read(&request(client, Method::GET, "/v1/relay", None, None).await?)
}

/// A fresh token: 128 random bits in 22 characters.
///
/// # Errors
/// When the system has no random numbers.
pub fn new_token() -> Result<Secret, Failure> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|err| Failure::chain("random", &err))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bits)))
}

/// A login that is under way, durable before the relay hears of it.
#[derive(Debug)]
pub struct Pending {
    file: PathBuf,
    account: Account,
}

impl Pending {
    /// The login to this relay and name that was not finished, or a new one.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn begin(
        paths: &AgentPaths,
        relay: &str,
        name: &str,
        ca: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let file = paths.account.with_file_name("account.pending.toml");
        if let Ok(Some(account)) = Account::load(&file)
            && account.relay == relay
            && account.name == name
        {
            return Ok(Self { file, account: Account { ca, ..account } });
        }
        let (relay, name) = (relay.to_owned(), name.to_owned());
        let (account, device, relay_key) = (0, 0, None);
        let account = Account { relay, name, account, device, token: new_token()?, ca, relay_key };
        account.save(&file).map_err(|err| Failure::chain("account_file", &err))?;
        Ok(Self { file, account })
    }

    /// What to show the relay.
    #[must_use]
    pub fn token(&self) -> &Secret {
        &self.account.token
    }

    /// What it will be.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// It is done: `account.toml` says so.
    ///
    /// # Errors
    /// When that cannot be written; then the login can be done again.
    pub fn finish(
        self,
        paths: &AgentPaths,
        admitted: &Admitted,
        relay_key: Option<RelayKey>,
    ) -> Result<Account, Failure> {
        let Admitted { account, device, name, .. } = admitted;
        let (account, device, name) = (*account, *device, name.clone());
        let account = Account { account, device, name, relay_key, ..self.account };
        account.save(&paths.account).map_err(|err| Failure::chain("account_file", &err))?;
        // A leftover is used again or replaced by the next login: no harm.
        let _ = fs::remove_file(self.file);
        Ok(account)
    }

    /// The relay refused: another try begins anew.
    pub fn give_up(self) {
        let _ = fs::remove_file(self.file);
    }
}

/// Makes a folder and what is above it; what is made is its owner's alone.
///
/// # Errors
/// Those of the system.
pub fn make_private_dir(dir: &Path) -> io::Result<()> {
    config::private::make_dir(dir)
}

async fn request(
    client: &Client,
    method: Method,
    path: &str,
    token: Option<&Secret>,
    ask: Option<&Value>,
) -> Result<Value, Failure> {
    Ok(attempts(client, method, path, token, ask, |_| {}).await?.0)
}

/// One request, asked again where the link gave no answer: each of them may be repeated.
async fn attempts(
    client: &Client,
    method: Method,
    path: &str,
    token: Option<&Secret>,
    ask: Option<&Value>,
    mut told: impl FnMut(Attempt),
) -> Result<(Value, Proof), Failure> {
    let (mut attempt, mut because) = (1, None);
    loop {
        told(Attempt { attempt, of: ATTEMPTS, because });
        match once(client, method.clone(), path, token, ask).await {
            Ok((status, body, proof)) => return Ok((understand(status, &body)?, proof)),
            Err(err) if err.is_permanent() || attempt == ATTEMPTS || err.is_nobody() => {
                return Err(err.into());
            }
            Err(err) => {
                attempt += 1;
                because = Some(err.code().to_owned());
            }
        }
    }
}

async fn once(
    client: &Client,
    method: Method,
    path: &str,
    token: Option<&Secret>,
    ask: Option<&Value>,
) -> Result<(u16, Bytes, Proof), LinkError> {
    let path: PathAndQuery = path.parse().map_err(|_| LinkError::BadToken)?;
    let ask = ask.map(|ask| Bytes::from(ask.to_string()));
    let mut connection = client.connect(&Meter::new(None)).await?;
    let (status, body) = connection.request(method, path, token.map(Secret::expose), ask).await?;
    Ok((status, body, connection.proof()))
}

/// A relay's refusal.
#[derive(Deserialize)]
struct Refused {
    error: String,
    code: String,
}

fn understand(status: u16, body: &[u8]) -> Result<Value, Failure> {
    if (200..300).contains(&status) {
        if body.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(body).map_err(|_| strange(status));
    }
    let refused: Refused = match serde_json::from_slice(body) {
        Ok(refused) => refused,
        Err(_) if status == 401 => Refused {
            error: "the relay does not know this device any more: use mailboat login".to_owned(),
            code: "unauthorized".to_owned(),
        },
        Err(_) => return Err(strange(status)),
    };
    let words = format!("the relay says: {}", printable(&refused.error));
    Err(match status {
        429 | 503 => Failure::later(&refused.code, words),
        _ => Failure::new(&refused.code, words),
    })
}

fn strange(status: u16) -> Failure {
    let words = format!("the answer (status {status}) is no relay's: check the address");
    Failure::new("not_a_relay", words)
}

fn read<T: for<'de> Deserialize<'de>>(answer: &Value) -> Result<T, Failure> {
    T::deserialize(answer).map_err(|_| strange(200))
}

/// A relay's words as they may stand in a terminal.
pub(crate) fn printable(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

impl From<LinkError> for Failure {
    fn from(err: LinkError) -> Self {
        let words = format!("{}. {}", crate::control::chain(&err), err.remedy());
        let code = err.code();
        if err.is_permanent() { Self::new(code, words) } else { Self::later(code, words) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::exit;

    #[test]
    fn a_token_has_22_characters_and_is_never_the_same() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert_eq!(one.expose().len(), 22);
        assert_ne!(one, other);
    }

    #[test]
    fn an_unfinished_login_goes_on_with_its_token_and_another_name_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let paths = AgentPaths::new(Some(dir.path()), &config::Env::default()).unwrap();
        let begin = |name: &str| Pending::begin(&paths, "https://r.example", name, None).unwrap();
        let token = begin("ann").token().clone();
        assert_eq!(*begin("ann").token(), token);
        assert_ne!(*begin("bob").token(), token);
        let pending = begin("ann");
        let token = pending.token().clone();
        let cursors = Cursors::default();
        let (name, domain, keys) = ("ann".into(), "r".into(), Vec::new());
        let admitted = Admitted { account: 1, device: 2, name, domain, cursors, keys };
        let account = pending.finish(&paths, &admitted, None).unwrap();
        assert_eq!((account.device, &account.token), (2, &token));
        assert_eq!(Account::load(&paths.account).unwrap(), Some(account));
        assert_ne!(*begin("ann").token(), token, "a finished one is over");
    }

    #[test]
    fn refusals_come_in_the_relays_words_and_tell_whether_to_try_later() {
        let failure = understand(409, br#"{"error":"ann is\u001b[2J taken","code":"name_taken"}"#)
            .unwrap_err();
        assert_eq!((failure.exit, failure.code.as_str()), (exit::FAILED, "name_taken"));
        assert!(failure.words.contains("ann is [2J taken"), "{failure}");
        let failure = understand(429, br#"{"error":"wait","code":"rate"}"#).unwrap_err();
        assert_eq!(failure.exit, exit::LATER);
        assert_eq!(understand(404, b"<html>").unwrap_err().code, "not_a_relay");
        assert_eq!(understand(401, b"").unwrap_err().code, "unauthorized");
        assert_eq!(understand(204, b"").unwrap(), Value::Null);
    }
}
