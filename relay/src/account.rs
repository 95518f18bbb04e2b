//! Accounts: joining, logging in, devices, passwords.
//!
//! Joining, logging in and forking are repeatable: the device made its token before it asked, so the same token is
//! answered with the same device and uses up nothing, however often an answer was lost.

pub mod check;
pub mod password;
#[cfg(test)]
mod tests;
mod words;

use std::{net::IpAddr, sync::Arc, time::Instant};

use config::relay::Registration;
use wire::{AccountId, Cursors, DeviceId};

pub use self::{
    password::Passwords,
    words::{AccountError, LABEL_CHARS_MAX, Refusal},
};
use crate::{
    clock::now_s,
    ops::{
        Metrics,
        metrics::{LimitKind, LoginResult},
    },
    serve::limits::{Origin, RateLimiter, Verdict},
    settings::Rates,
    store::{
        AccountAnswer, AccountOrder, AccountOutcome, AccountQuery, AccountRow, AccountState,
        DeviceGrant, DeviceRow, Login, NewDevice, SecretHash, Store,
    },
};

/// Names and addresses whose attempts are remembered.
const LIMITED_MAX: usize = 100_000;

/// A person who wants an account.
#[derive(Clone, Debug)]
pub struct Joining {
    /// The invite's code; what it is worth depends on the relay's settings.
    pub invite: Option<String>,
    /// The account's name to be.
    pub name: String,
    /// Its password to be.
    pub password: String,
    /// The token that its first device made.
    pub token: String,
    /// What that device is called; may be empty.
    pub device: String,
}

/// A device that wants to belong to an account.
#[derive(Clone, Debug)]
pub struct LoggingIn {
    /// The account's name.
    pub name: String,
    /// Its password.
    pub password: String,
    /// The token that the device made.
    pub token: String,
    /// What the device is called; may be empty.
    pub device: String,
    /// Mail of so many seconds back is wanted too.
    pub since_s: u64,
    /// What its store holds, where it was logged in before: it goes on from there.
    pub cursors: Option<Cursors>,
}

/// A device whose store was forked and that goes on as a new one.
#[derive(Clone, Debug)]
pub struct Forking {
    /// The token that the new device made.
    pub token: String,
    /// What it is called; may be empty.
    pub device: String,
    /// What its store holds; without, it begins like a login.
    pub cursors: Option<Cursors>,
}

/// Decides about accounts; everything durable about them is in the store.
#[derive(Debug)]
pub struct Accounts {
    store: Arc<dyn Store>,
    passwords: Passwords,
    registration: Registration,
    /// By name and address together: by the name alone anybody could lock its owner out.
    attempts: RateLimiter<(String, Origin)>,
    attempts_per_address: RateLimiter<Origin>,
    metrics: Metrics,
}

type Outcome<T> = Result<T, AccountError>;

impl Accounts {
    /// Accounts of `store`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        passwords: Passwords,
        registration: Registration,
        rates: &Rates,
        metrics: Metrics,
    ) -> Self {
        Self {
            store,
            passwords,
            registration,
            attempts: RateLimiter::new(rates.logins, LIMITED_MAX),
            attempts_per_address: RateLimiter::new(rates.logins_per_address, LIMITED_MAX),
            metrics,
        }
    }

    /// Makes an account and its first device.
    ///
    /// # Errors
    /// A refusal says what the person can do about it.
    pub async fn join(&self, joining: Joining, from: IpAddr) -> Outcome<DeviceGrant> {
        let joined = self.try_join(joining, from).await;
        self.count(&joined);
        joined
    }

    /// Makes a device of an account whose password is shown.
    ///
    /// # Errors
    /// A refusal says what the person can do about it; it never tells whether the name exists.
    pub async fn login(&self, asked: LoggingIn, from: IpAddr) -> Outcome<DeviceGrant> {
        let login = self.try_login(asked, from).await;
        self.count(&login);
        login
    }

    /// Makes a device that goes on where the forked store of `from` stands.
    ///
    /// # Errors
    /// When what it shows is malformed, or the account has too many devices.
    pub async fn fork(&self, from: Login, forking: Forking) -> Outcome<DeviceGrant> {
        let device = new_device(&forking.token, &forking.device)?;
        let cursors = forking.cursors.map(check::cursors).transpose()?;
        granted(self.order(AccountOrder::Fork { from: from.device, device, cursors }).await?)
    }

    /// The devices of an account, revoked ones left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn devices(&self, account: AccountId) -> Outcome<Vec<DeviceRow>> {
        match self.store.look_up(AccountQuery::Devices(account)).await? {
            AccountAnswer::Devices(rows) => Ok(rows),
            _ => Err(AccountError::Answer),
        }
    }

    /// Takes a device's right away; its holds end at once.
    ///
    /// # Errors
    /// When the account has no such device (any more).
    pub async fn revoke(&self, account: AccountId, device: DeviceId) -> Outcome<()> {
        self.order(AccountOrder::Revoke { account, device, now_s: now_s() }).await.map(drop)
    }

    /// Gives an account another password. Its devices stay logged in.
    ///
    /// # Errors
    /// When the old one is wrong, or the new one cannot be one.
    pub async fn change_password(
        &self,
        account: AccountId,
        old: String,
        new: String,
        from: IpAddr,
    ) -> Outcome<()> {
        check::password(&new)?;
        let Some(row) = self.account(AccountQuery::ById(account)).await? else {
            return Err(Refusal::WrongPassword.into());
        };
        self.admit(Some(&row.name), from)?;
        if !self.passwords.verify(bounded(old), Some(row.password)).await? {
            return Err(Refusal::WrongPassword.into());
        }
        let password = self.passwords.hash(new).await?;
        self.order(AccountOrder::Password { account, password }).await.map(drop)
    }

    async fn try_join(&self, joining: Joining, from: IpAddr) -> Outcome<DeviceGrant> {
        let Joining { invite, name, password, token, device } = joining;
        let invite = self.invite(invite)?;
        check::name(&name)?;
        check::password(&password)?;
        let device = new_device(&token, &device)?;
        self.admit(None, from)?;
        let password = self.passwords.hash(password).await?;
        granted(self.order(AccountOrder::Join { invite, name, password, device }).await?)
    }

    /// What the settings make of the code that somebody brings, or does not.
    fn invite(&self, code: Option<String>) -> Result<Option<SecretHash>, Refusal> {
        let code = code.map(|code| code.trim().to_owned()).filter(|code| !code.is_empty());
        match (self.registration, code) {
            (Registration::Closed, _) => Err(Refusal::RegistrationClosed),
            (Registration::Invite, None) => Err(Refusal::InviteNeeded),
            (Registration::Invite, Some(code)) => Ok(Some(SecretHash::of(&code))),
            (Registration::Open, _) => Ok(None),
        }
    }

    async fn try_login(&self, asked: LoggingIn, from: IpAddr) -> Outcome<DeviceGrant> {
        check::name(&asked.name)?;
        let device = new_device(&asked.token, &asked.device)?;
        let cursors = asked.cursors.map(check::cursors).transpose()?;
        self.admit(Some(&asked.name), from)?;
        let row = self.account(AccountQuery::ByName(asked.name)).await?;
        let row = row.filter(|row| row.state != AccountState::Removed);
        let hash = row.as_ref().map(|row| row.password.clone());
        let right = self.passwords.verify(bounded(asked.password), hash).await?;
        let Some(row) = row.filter(|_| right) else { return Err(Refusal::WrongLogin.into()) };
        if row.state == AccountState::Disabled {
            return Err(Refusal::Disabled.into());
        }
        let order =
            AccountOrder::Login { account: row.id, device, since_s: asked.since_s, cursors };
        granted(self.order(order).await?)
    }

    /// One more attempt at `name` from `address`, if it is not one too many. Guesses from many addresses at once are
    /// bounded by what hashing takes at a time ([`Passwords`]).
    fn admit(&self, name: Option<&str>, address: IpAddr) -> Outcome<()> {
        let (now, origin) = (Instant::now(), Origin::from(address));
        let by_address = self.attempts_per_address.check(origin, now);
        let at = |name: &str| self.attempts.check((name.to_owned(), origin), now);
        let by_name = || name.map_or(Verdict::Ok, at);
        let wait = by_address.retry_after_s().or_else(|| by_name().retry_after_s());
        let Some(retry_after_s) = wait else { return Ok(()) };
        self.metrics.limited(LimitKind::Logins);
        Err(AccountError::Later { retry_after_s: retry_after_s.max(1) })
    }

    async fn account(&self, query: AccountQuery) -> Outcome<Option<AccountRow>> {
        match self.store.look_up(query).await? {
            AccountAnswer::Accounts(rows) => Ok(rows.into_iter().next()),
            _ => Err(AccountError::Answer),
        }
    }

    async fn order(&self, order: AccountOrder) -> Outcome<AccountOutcome> {
        match self.store.administer(order).await? {
            AccountOutcome::Refused(refusal) => Err(refusal.into()),
            outcome => Ok(outcome),
        }
    }

    fn count(&self, outcome: &Outcome<DeviceGrant>) {
        self.metrics.login_ended(match outcome {
            Ok(_) => LoginResult::Ok,
            Err(AccountError::Later { .. }) => LoginResult::Limited,
            Err(_) => LoginResult::Refused,
        });
    }
}

fn new_device(token: &str, label: &str) -> Result<NewDevice, Refusal> {
    Ok(NewDevice { token: check::token(token)?, label: check::label(label)?, now_s: now_s() })
}

/// A password too long to be one is as wrong as any; what is cut off it need not be hashed.
fn bounded(password: String) -> String {
    if check::password(&password).is_ok() { password } else { String::new() }
}

fn granted(outcome: AccountOutcome) -> Outcome<DeviceGrant> {
    match outcome {
        AccountOutcome::Device(grant) => Ok(grant),
        _ => Err(AccountError::Answer),
    }
}
