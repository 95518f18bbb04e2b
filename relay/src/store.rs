//! What the relay keeps, as a trait that takes and gives batches, and the values that cross it.
//!
//! **Invariant:** no SQL outside this module's children; no transaction is held while a network
//! is waited for; what a call answered with is durable.

mod changes;
#[cfg(test)]
mod conformance;
mod policy;
pub mod sqlite;
mod turn;

use std::{any::Any, fmt, future::Future, path::PathBuf, pin::Pin, sync::Arc};

use wire::{AccountId, Cursors, Delivery, DeviceId, Entry, HeldRow, LaneMask, Run};

pub use self::{
    changes::{Change, Changes, Generation, News, Tail, Watch},
    policy::{LIFETIME_DEFAULT_S, Policy},
    turn::{Taken, Turn},
};

/// A store's answer that is still to come.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that must live until the store is done with a call: the call may be abandoned by
/// whoever waits for it and still be carried out.
#[derive(Clone)]
pub struct Keep(Option<Arc<dyn Any + Send + Sync>>);

impl Keep {
    /// Keeps nothing.
    pub const NOTHING: Self = Self(None);

    /// Keeps `what`.
    pub fn new<T: Any + Send + Sync>(what: Arc<T>) -> Self {
        Self(Some(what))
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Keep(..)" } else { "Keep(nothing)" })
    }
}

/// The largest number that a store can hold: cursors, running numbers, exchange numbers.
pub const NUMBER_MAX: u64 = 1 << 62;

/// BLAKE3 of a device's token or an invite's code: the secret itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// The hash of a secret as its holder shows it.
    pub fn of(secret: &str) -> Self {
        Self(*blake3::hash(secret.as_bytes()).as_bytes())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretHash({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

/// Where everything durable is. One implementation: [`sqlite::SqliteStore`].
///
/// Every method takes a batch and answers for each of its members; one that fails does not make
/// the others fail.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Takes what devices bring: cursors, marks, submits, each turn at once or not at all,
    /// except that a turn with many rows may become durable item by item, in order.
    fn take(&self, turns: Vec<Turn>) -> Pending<'_, Vec<Result<Taken, StoreError>>>;

    /// What is stored about devices; `None` for numbers never given.
    fn devices(
        &self,
        devices: Vec<DeviceId>,
    ) -> Pending<'_, Vec<Result<Option<DeviceState>, StoreError>>>;

    /// Outcomes of a device's items above `told`, up to its `k`, dense.
    fn answers(&self, asks: Vec<AnswerAsk>) -> Pending<'_, Vec<Result<Answers, StoreError>>>;

    /// Entries of mailbox logs; each read sees one snapshot.
    fn read(&self, asks: Vec<LaneAsk>) -> Pending<'_, Vec<Result<LanePage, StoreError>>>;

    /// What lies in lanes behind the given positions, for `Held`.
    fn held(&self, asks: Vec<HeldAsk>) -> Pending<'_, Vec<Result<Vec<HeldRow>, StoreError>>>;

    /// Who may see the presence of these accounts, and whose they may see: their accepted contacts
    /// where neither blocks the other.
    fn contacts(
        &self,
        accounts: Vec<AccountId>,
    ) -> Pending<'_, Vec<Result<Vec<AccountId>, StoreError>>>;

    /// Which active device of which active account holds a token.
    fn authenticate(
        &self,
        tokens: Vec<SecretHash>,
    ) -> Pending<'_, Vec<Result<Option<Login>, StoreError>>>;

    /// Reads about accounts.
    fn look_up(&self, query: AccountQuery) -> Pending<'_, Result<AccountAnswer, StoreError>>;

    /// Changes accounts, devices and invites.
    fn administer(&self, order: AccountOrder) -> Pending<'_, Result<AccountOutcome, StoreError>>;

    /// One slice of housekeeping.
    fn housekeep(&self, chore: Chore, now_s: u64) -> Pending<'_, Result<ChoreReport, StoreError>>;

    /// Copies the whole store, as of one moment, to a file that does not exist yet.
    fn backup(&self, to: PathBuf) -> Pending<'_, Result<(), StoreError>>;

    /// Where commits are announced.
    fn changes(&self) -> &Arc<Changes>;

    /// Transactions committed since the store was opened.
    fn commits(&self) -> u64;

    /// Reads made since the store was opened, each with a snapshot of its own.
    fn reads(&self) -> u64;

    /// A number of this opening of the store: each time that it is opened, or a copy put in its place, it is another.
    fn incarnation(&self) -> u64;
}

/// Why the store could not do it. Nothing of the failed call is stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk, or the bound set on the store, is full.
    #[error("the store is full")]
    Full,
    /// More waits for the disk than may wait. Nothing of the call was taken; later it will be.
    #[error("too much waits for the disk")]
    Busy,
    /// The database failed.
    #[error("the database failed")]
    Sqlite(#[source] rusqlite::Error),
    /// A newer relay has migrated the store.
    #[error("the store has schema {found}, this relay knows up to {known}: use the newer relay")]
    SchemaTooNew {
        /// Version found.
        found: u32,
        /// Newest version known.
        known: u32,
    },
    /// A file operation beside the database failed.
    #[error("the store's file could not be handled")]
    File(#[source] std::io::Error),
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
}

impl StoreError {
    /// Whether trying again later is pointless.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::SchemaTooNew { .. })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(err: rusqlite::Error) -> Self {
        match err.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sqlite(err),
        }
    }
}

/// What the store knows about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceState {
    /// Its account.
    pub account: AccountId,
    /// Highest exchange number made durable.
    pub x: u64,
    /// Highest own number answered for.
    pub k: u64,
    /// Highest own number whose answer the device holds.
    pub told: u64,
    /// What the device last said it holds.
    pub cursors: Cursors,
    /// When it was last noted, Unix seconds: with each commit, and now and then.
    pub seen_at_s: u64,
    /// Whether it may still use the relay.
    pub active: bool,
}

/// Asks for the answers of one device.
#[derive(Clone, Copy, Debug)]
pub struct AnswerAsk {
    /// The device.
    pub device: DeviceId,
    /// Answers above this number are wanted.
    pub told: u64,
    /// And up to this one.
    pub k: u64,
}

/// What became of a device's items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Outcomes, without gaps.
    pub runs: Vec<Run>,
    /// [`wire::check_of`] over the items that had them; none where not all of them are known.
    pub check: Option<u32>,
}

/// Asks for a page of a mailbox log.
#[derive(Clone, Copy, Debug)]
pub struct LaneAsk {
    /// Whose log.
    pub account: AccountId,
    /// The asking device: what it wrote itself is passed over.
    pub device: DeviceId,
    /// Entries behind these positions.
    pub after: Cursors,
    /// Only up to this position, where an earlier page's snapshot ended.
    pub up_to: Option<u64>,
    /// Only these lanes.
    pub lanes: LaneMask,
    /// About this many bytes, at least one entry of each lane that has any.
    pub bytes_max: usize,
    /// The relay's clock, for ages.
    pub now_s: u64,
}

/// A page of a mailbox log, from one snapshot.
#[derive(Clone, Debug, Default)]
pub struct LanePage {
    /// Where the log ended in the snapshot (or the bound asked for).
    pub end: u64,
    /// Whether the asking device may still use the relay.
    pub active: bool,
    /// Lane latest.
    pub latest: Vec<(u64, Entry)>,
    /// Lane urgent.
    pub urgent: Vec<Delivery>,
    /// Lane ordinary.
    pub ordinary: Vec<Delivery>,
    /// Lanes of which more lies behind this page, up to `end`.
    pub more: LaneMask,
}

/// Asks what lies behind positions.
#[derive(Clone, Copy, Debug)]
pub struct HeldAsk {
    /// Whose log.
    pub account: AccountId,
    /// The asking device.
    pub device: DeviceId,
    /// Entries behind these positions.
    pub after: Cursors,
    /// Only the first entry of each lane is counted: how large it is does not take a look at all of them.
    pub only_first: bool,
}

/// Whom a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Login {
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
}

/// A read about accounts.
#[derive(Clone, Debug)]
pub enum AccountQuery {
    /// The account of this name, with its password's hash; removed ones too.
    ByName(String),
    /// The account of this number.
    ById(AccountId),
    /// All accounts.
    All,
    /// The devices of an account, revoked ones left out.
    Devices(AccountId),
    /// Bytes of bodies that no device of their account has fetched, in all mailboxes.
    Waiting,
    /// The invites that can still be used at this moment of the relay's clock.
    Invites(u64),
}

/// The answer to an [`AccountQuery`].
#[derive(Clone, Debug)]
pub enum AccountAnswer {
    /// Accounts.
    Accounts(Vec<AccountRow>),
    /// Devices.
    Devices(Vec<DeviceRow>),
    /// Bytes.
    Waiting(u64),
    /// Invites.
    Invites(Vec<InviteRow>),
}

/// State of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// In use.
    Active,
    /// Cannot log in or exchange; its mail waits.
    Disabled,
    /// Gone; the name stays reserved.
    Removed,
}

/// One account.
#[derive(Clone, Debug)]
pub struct AccountRow {
    /// Its number.
    pub id: AccountId,
    /// Its name, without the domain.
    pub name: String,
    /// Argon2id hash as a PHC string.
    pub password: String,
    /// Its state.
    pub state: AccountState,
    /// When it was made, Unix seconds.
    pub created_at_s: u64,
    /// Devices that are not revoked.
    pub devices: u32,
    /// Messages that no device has fetched.
    pub waiting: u64,
}

/// One device, as its owner sees it in a list.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// Its number.
    pub id: DeviceId,
    /// What its owner calls it.
    pub label: String,
    /// When it was made, Unix seconds.
    pub created_at_s: u64,
    /// When it was last noted, Unix seconds.
    pub seen_at_s: u64,
}

/// One invite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InviteRow {
    /// Hash of its code.
    pub code: SecretHash,
    /// How many more may use it.
    pub uses_left: u32,
    /// Until when, Unix seconds.
    pub expires_at_s: u64,
}

/// A change of accounts.
#[derive(Clone, Debug)]
pub enum AccountOrder {
    /// Makes an account by the operator's hand.
    Add {
        /// Its name, already checked.
        name: String,
        /// PHC string.
        password: String,
        /// The relay's clock.
        now_s: u64,
    },
    /// Makes an account and its first device with an invite (or freely). Repeated with the same
    /// token it answers the same.
    Join {
        /// The invite's code; `None` where registration is open.
        invite: Option<SecretHash>,
        /// Its name, already checked.
        name: String,
        /// PHC string.
        password: String,
        /// The device.
        device: NewDevice,
    },
    /// Makes a device of an account whose password was verified. Repeated with the same token
    /// it answers the same.
    Login {
        /// The account.
        account: AccountId,
        /// The device.
        device: NewDevice,
        /// Mail of so many seconds back is wanted too.
        since_s: u64,
        /// What its store holds already; `None` for an empty one.
        cursors: Option<Cursors>,
    },
    /// Makes a device that goes on from a forked store of an existing one.
    Fork {
        /// The device whose token was shown.
        from: DeviceId,
        /// The new device.
        device: NewDevice,
        /// What the forked store holds; `None` starts like a login.
        cursors: Option<Cursors>,
    },
    /// Takes a device's right away.
    Revoke {
        /// Its owner.
        account: AccountId,
        /// The device.
        device: DeviceId,
        /// The relay's clock.
        now_s: u64,
    },
    /// Gives an account another password.
    Password {
        /// The account.
        account: AccountId,
        /// PHC string.
        password: String,
    },
    /// Disables, enables or removes an account; removal also leaves its conversations and
    /// revokes its devices.
    State {
        /// The account.
        account: AccountId,
        /// What it becomes; nothing comes back from removal.
        state: AccountState,
        /// The relay's clock.
        now_s: u64,
    },
    /// Makes an invite.
    Invite {
        /// Hash of its code.
        code: SecretHash,
        /// How many may use it.
        uses: u32,
        /// Until when, Unix seconds.
        expires_at_s: u64,
    },
}

/// A device to be made.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Hash of the token that the device made.
    pub token: SecretHash,
    /// What its owner calls it.
    pub label: String,
    /// The relay's clock.
    pub now_s: u64,
}

/// What became of an [`AccountOrder`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountOutcome {
    /// Done, nothing to tell.
    Done,
    /// The account was made.
    Added(AccountId),
    /// A device was made, now or by an earlier attempt.
    Device(DeviceGrant),
    /// It was refused, and nothing changed.
    Refused(AccountRefusal),
}

/// What a new device needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceGrant {
    /// Its account.
    pub account: AccountId,
    /// Its number.
    pub device: DeviceId,
    /// The account's name.
    pub name: String,
    /// Where it starts in the mailbox.
    pub cursors: Cursors,
}

/// Why an account order was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountRefusal {
    /// The name belongs, or belonged, to somebody.
    #[error("this name is taken")]
    NameTaken,
    /// No such invite, or it is used up or too old.
    #[error("this invite is not valid (any more)")]
    BadInvite,
    /// The token belongs to another account's device.
    #[error("this token is in use")]
    TokenInUse,
    /// No such account, or it is disabled or removed.
    #[error("no such account")]
    NoSuchAccount,
    /// No such device, or it is revoked.
    #[error("no such device")]
    NoSuchDevice,
    /// The account has as many devices as it may have.
    #[error("this account has as many devices as the relay allows; revoke one first")]
    TooManyDevices,
}

/// A kind of housekeeping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Expires messages, drops what everyone has, looks at dormant devices: some mailboxes.
    Mailboxes,
    /// Expires chat requests.
    Requests,
    /// Drops messages, outcomes and invites that nothing needs.
    Sweep,
    /// Gives free pages back to the file system.
    Vacuum,
    /// Moves the log into the database.
    Checkpoint,
    /// Notes when devices were last seen.
    Seen(Vec<(DeviceId, u64)>),
}

/// What a slice of housekeeping did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChoreReport {
    /// Rows or pages handled.
    pub handled: u64,
    /// Whether another slice would find more at once.
    pub more: bool,
}

/// Bytes that a read of lanes is asked for at once.
pub const PAGE_BYTES: usize = 256 * 1024;
