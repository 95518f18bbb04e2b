//! When the caret stops blinking: nobody has touched anything for a while.
//!
//! A caret that blinks wakes the processor twice a second for as long as the window is in front. On other desktops it
//! rests after ten seconds as well.

use std::time::{Duration, Instant};

use iced::{Event, window};

/// So long it goes on blinking after the last key, movement or click.
const BLINKS_FOR: Duration = Duration::from_secs(10);

/// What a window remembers of its person's hands.
#[derive(Debug)]
pub(crate) struct Rest {
    /// The first frame after somebody did something.
    since: Option<Instant>,
    is_in_front: bool,
}

impl Default for Rest {
    fn default() -> Self {
        Self { since: None, is_in_front: true }
    }
}

impl Rest {
    /// Something happened in the window. Whether it is a frame in which the caret rests.
    pub(crate) fn is_in(&mut self, event: &Event) -> bool {
        match event {
            Event::Window(window::Event::RedrawRequested(now)) => {
                let since = *self.since.get_or_insert(*now);
                return self.is_in_front && now.duration_since(since) >= BLINKS_FOR;
            }
            Event::Window(window::Event::Unfocused) => self.is_in_front = false,
            Event::Window(window::Event::Focused) => {
                self.is_in_front = true;
                self.since = None;
            }
            Event::Window(_) => {}
            Event::Keyboard(_) | Event::Mouse(_) | Event::Touch(_) | Event::InputMethod(_) => {
                self.since = None;
            }
        }
        false
    }
}
