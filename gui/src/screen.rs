//! One module a screen; each owns its state, its messages, its action and its view.

pub(crate) mod ask;
mod calls;
pub(crate) mod chat;
pub(crate) mod first_run;
pub(crate) mod help;
pub(crate) mod notice;
pub(crate) mod portal;
pub(crate) mod settings;

use crate::{desk::Desk, words::Words};

/// What every view may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cx<'a> {
    /// Texts and figures in the reader's language.
    pub(crate) words: &'a Words,
    /// What is known.
    pub(crate) desk: &'a Desk,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// Width of the window, in logical pixels.
    pub(crate) width: f32,
}
