//! The agent.

pub mod link;
pub mod store;
