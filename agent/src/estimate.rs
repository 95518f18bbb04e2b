//! When the other side should have a message: values in, values out, no clock, no I/O.
//!
//! A [`Habit`] is what showed of one person's calls: by half hours, workdays and weekends apart, how often somebody
//! called in those of which that is known. [`Habit::arrival`] goes through the half hours after a message leaves and
//! gives the interval in which the next call falls. A call that was announced counts by how such announcements were kept;
//! a silence that is longer than usual is taken for an outage, whose end nobody knows. How wide the interval is follows
//! from how often it was right: [`Habit::judge`].

mod arrival;
mod day;
mod habit;
mod leaving;
mod stored;
#[cfg(test)]
mod tests;

pub(crate) use self::stored::Stored;
pub use self::{
    arrival::{Arrival, Sight, calls_needed},
    habit::{Habit, News, Tally},
    leaving::{Departure, Departures},
};
