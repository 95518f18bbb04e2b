//! The agent.

pub mod link;
