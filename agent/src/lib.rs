//! The agent: the `mailboat` command, the resident agent, and what the window builds on.
//!
//! The window uses two doors only: [`store`], the read side of what this device knows, and
//! [`control`], the client side of the socket that the resident agent listens on. What their codes say, [`words`] has in
//! its reader's language.

pub mod account;
pub mod cli;
pub mod control;
pub mod estimate;
pub mod link;
pub mod notify;
pub mod orders;
pub mod price;
mod program;
pub mod quota;
pub mod resident;
pub mod schedule;
pub mod store;
pub mod sync;
pub mod usage;
mod visit;
pub mod words;
