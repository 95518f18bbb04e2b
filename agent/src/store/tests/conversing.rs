//! conversing
