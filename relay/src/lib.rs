//! The relay: accounts, mailboxes, one exchange per visit, and the operations around them.

mod conversation;
pub mod log;
mod mailbox;
pub mod ops;
pub mod serve;
pub mod settings;
pub mod signals;
pub mod store;
