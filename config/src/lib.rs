//! Typed settings of all programs.
