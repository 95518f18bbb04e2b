//! answering
