//! Systems on which nobody is asked yet: the state is unknown, and a wake is noticed by the schedule's clock.

use super::{LinkState, Sources, Told};

pub(super) async fn watch(_sources: Sources, told: Told) {
    told.state.send_replace(LinkState::default());
    std::future::pending::<()>().await;
}
