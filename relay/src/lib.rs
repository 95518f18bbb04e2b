//! The relay: accounts, mailboxes, one exchange per visit, and the operations around them.

pub mod account;
pub mod chores;
pub mod cli;
pub mod clock;
mod conversation;
pub mod datadir;
mod descriptors;
pub mod exchange;
pub mod http;
pub mod log;
mod mailbox;
pub mod ops;
pub mod ownkey;
mod presence;
pub mod serve;
pub mod settings;
pub mod signals;
pub mod start;
pub mod store;

pub use start::{Relay, RelayHandle, StartError};
