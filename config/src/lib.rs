//! Typed settings of all three programs, their defaults, their checks, and where their files lie.
//!
//! One way in: [`Sources`] gathers a file, `MAILBOAT_*` variables and flags, [`Sources::load`] makes
//! one checked value of them. `examples/*.toml` show every setting at its default, and a test holds
//! them to it. Nothing in here reads a clock or opens a socket.

pub mod account;
pub mod agent;
pub mod check;
pub mod edit;
pub mod error;
pub mod load;
mod nearest;
pub mod optional;
pub mod paths;
pub mod price;
pub mod private;
pub mod rate;
pub mod relay;
mod replace;
pub mod size;
pub mod span;
mod text;

pub use account::{Account, AccountError, Secret};
pub use agent::Settings as AgentSettings;
pub use check::Invalid;
pub use error::{At, ConfigError};
pub use load::{Settings, Sources};
pub use paths::{AgentPaths, Env, RelayPaths};
pub use price::Price;
pub use rate::Rate;
pub use relay::Settings as RelaySettings;
pub use size::Size;
pub use span::Span;
