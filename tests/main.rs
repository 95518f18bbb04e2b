//! Whole-system tests: the real programs, driven as a person would drive them, over links that are cut.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admission;
mod bad_input;
mod budgets;
mod bytes;
mod cuts;
mod demo;
mod desktop_files;
mod early;
mod first_voyage;
mod invariants;
mod keys;
mod kills;
mod model;
mod notify;
mod post_quantum;
mod proxies;
mod talk;
mod timetable;
mod window;
