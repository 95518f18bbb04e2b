//! The relay: accounts, mailboxes, one exchange per visit, and the operations around them.

pub mod log;
pub mod ops;
pub mod serve;
pub mod settings;
pub mod signals;
