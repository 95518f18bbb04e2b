//! amending
