//! What the tests, the demo and the benchmarks share: relays, agents, and a link that can be cut.

pub use self::harness::*;

// The files lie in `harness/`, where a crate's root would not look for them by itself.
mod harness {
    pub mod agent;
    pub mod coming;
    pub mod desktop;
    pub mod inside;
    pub mod link;
    pub mod program;
    pub mod proxy;
    pub mod relay;
    pub mod rng;
    pub mod screen;
    pub mod tls;
    pub mod wiretap;
    pub mod world;
}
