//! What has to be so before a visit connects: the user's own program agrees, and the relay can be reached.

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Call, Visitor};
use crate::{
    link::{ATTEMPT_BYTES, Client, LinkError, Meter, wait_until_reachable},
    program,
    store::{Cause, Told},
};

/// What a program of `before_connect` exits with to say "not now".
const NOT_NOW: i32 = 1;
/// Bytes that waiting for the relay may cost at most: some 30 s of attempts.
const REACH_BYTES_MAX: u64 = 6 * ATTEMPT_BYTES;
/// The same as a part of the budget.
const REACH_SHARE: u64 = 20;

/// What the program of `before_connect` came to.
pub(super) enum Asked {
    Agreed,
    /// Why not.
    NotNow(Told),
    Stopped,
}

impl Visitor {
    /// Asks the program of `before_connect`, where there is one. One that is broken is no veto: a mistake in it would
    /// silence the agent.
    pub(super) async fn ask_program(&self, call: &Call, cancel: &CancellationToken) -> Asked {
        let hooks = &self.settings.hooks;
        let Some(program) = hooks.before_connect.first() else { return Asked::Agreed };
        let metered = call.metered.map_or("", |is| if is { "yes" } else { "no" });
        let env = [
            ("MAILBOAT_RULE", call.rule.clone()),
            ("MAILBOAT_LINK", call.link.clone().unwrap_or_default()),
            ("MAILBOAT_METERED", metered.to_owned()),
        ];
        let limit = hooks.timeout.duration();
        match program::run(&hooks.before_connect, &env, "", limit, cancel).await {
            Ok(_) => Asked::Agreed,
            Err(_) if cancel.is_cancelled() => Asked::Stopped,
            Err(unwell) if unwell.code == Some(NOT_NOW) => {
                let why = if unwell.said.is_empty() { "no reason given" } else { &unwell.said };
                let words = format!("{program} says not now: {why}");
                let (program, said) = (program.clone(), unwell.said);
                Asked::NotNow(Told::new(words, Cause::NotNow { program, said }))
            }
            Err(unwell) => {
                warn!(program, why = unwell.words, "before_connect is broken: the call is made");
                Asked::Agreed
            }
        }
    }

    /// Waits until the relay can be reached, where the call is made because a link came up: names and routes often work
    /// only seconds later. What that costs is counted by `meter`.
    pub(super) async fn reach(
        &self,
        call: &Call,
        client: &Client,
        meter: &Meter,
    ) -> Result<(), LinkError> {
        if !call.comes_up {
            return Ok(());
        }
        let share = meter.remaining().map_or(u64::MAX, |budget| budget / REACH_SHARE);
        let bytes_max = share.clamp(ATTEMPT_BYTES, REACH_BYTES_MAX);
        let (spent, reached) = match wait_until_reachable(client, bytes_max).await {
            Ok(spent) => (spent, Ok(())),
            Err((spent, err)) => (spent, Err(err)),
        };
        meter.charge(spent);
        reached
    }
}
