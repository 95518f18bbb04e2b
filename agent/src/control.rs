//! The control socket: how the command line, the window and other people's programs ask the resident
//! agent, and hear of what happens. `docs/control.md` says the same for whoever writes a client.
//!
//! One JSON object a line, both ways, over a Unix socket (0600) or a named pipe. The server greets
//! with [`Hello`], answers each [`Order`] by its `id`, in order, and says `bye` before it closes: an
//! order that has no answer by then was not taken.

mod client;
mod departures;
mod failure;
mod launch;
mod line;
mod order;
mod place;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use self::failure::NOT_TAKEN;
pub(crate) use self::failure::chain;
pub use wire::Fingerprint;

pub use self::{
    client::{AskError, Client, Events},
    departures::departures,
    failure::{CODES, Failure, TroubleKind, exit},
    launch::{Attempt, Entered, Entry, EntryBy, Launcher, Started},
    line::LINE_MAX,
    order::{Event, Hello, Only, Order, VERSION},
    place::{Listener, bind, connect},
    server::{CONNECTIONS_MAX, Handed, ORDERS_MAX, State, Told, serve},
};
