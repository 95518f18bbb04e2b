//! The agent.

pub mod link;
pub mod store;
pub mod sync;
