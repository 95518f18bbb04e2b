//! `agent` and `sync`: the commands that call the relay.

use std::time::Duration;

use config::{AgentSettings, Size};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::{
    Session,
    args::Sync,
    ask, block_on,
    out::{bytes, count, safe},
};
use crate::{
    control::{AskError, Client, Failure, Order, exit},
    resident::{self, Carry, Log, Mode, Setup, Wish},
    schedule::Clocks,
    sync::Outcome,
};

/// How long `sync` waits for who has the store and does not listen yet.
const PATIENCE: Duration = Duration::from_secs(10);

impl Session<'_> {
    /// Runs the resident agent until a signal ends it.
    pub(super) fn agent(&mut self) -> Result<(), Failure> {
        let setup = self.setup(Mode::Stay)?;
        let log = log_to_stderr(&setup.settings);
        let out = &mut self.out;
        block_on(async {
            let stop = CancellationToken::new();
            let signals = resident::listen_to_signals(stop.clone())
                .map_err(|err| Failure::chain("signals", &err))?;
            let mut told = Ok(());
            let ready = || {
                told = if out.json {
                    out.object(&json!({ "event": "ready" }))
                } else {
                    out.line("ready")
                };
            };
            resident::run(Setup { signals, log, ..setup }, stop, ready).await?;
            told
        })
    }

    /// What an agent runs with, without signals.
    fn setup(&self, mode: Mode) -> Result<Setup, Failure> {
        Ok(Setup {
            paths: self.paths()?,
            settings: self.settings()?,
            sources: self.sources()?,
            env: self.env.clone(),
            mode,
            link: self.link_sources(),
            signals: mpsc::channel(1).1,
            log: Log::default(),
            clocks: Clocks::system(),
        })
    }

    /// One visit by this process, as the agent would make it.
    pub(super) async fn visit_once(&self, wish: Wish) -> Result<Option<Outcome>, Failure> {
        let stop = CancellationToken::new();
        let signal = tokio::spawn(cancel_on_signal(stop.clone()));
        let ended = resident::run(self.setup(Mode::Once(wish))?, stop, || {}).await;
        signal.abort();
        ended
    }

    pub(super) fn sync(&mut self, sync: &Sync) -> Result<u8, Failure> {
        let budget = sync.budget;
        config::agent::check_budget("--budget", budget)
            .map_err(|err| Failure::usage(format!("--budget: {err}")))?;
        let (paths, settings) = (self.paths()?, self.settings()?);
        log_to_stderr(&settings);
        let outcome = block_on(async {
            let began = Instant::now();
            loop {
                let connected = Client::connect(&paths.socket).await;
                if let Some(mut client) =
                    connected.map_err(|err| ask::cannot_connect(&paths, &err))?
                {
                    let order = Order::Sync {
                        budget: budget.map(Size::bytes),
                        only: sync.only,
                        pick: sync.pick.clone(),
                    };
                    match client.ask(&order).await {
                        Err(AskError::NotTaken) => {
                            ask::not_taken(began).await?;
                            continue;
                        }
                        answer => return Ok(answer?),
                    }
                }
                // No agent: this process is one for the time of the visit, so others can write meanwhile.
                let carry = if sync.only.is_none() && sync.pick.is_empty() {
                    Carry::All
                } else {
                    Carry::of(&self.reader()?, sync.only, &sync.pick)?
                };
                match self.visit_once(Wish { budget, carry }).await {
                    Ok(Some(outcome)) => {
                        return serde_json::to_value(outcome)
                            .map_err(|err| Failure::chain("internal", &err));
                    }
                    Ok(None) => {
                        return Err(Failure::later("stopped", "stopped before the visit was over"));
                    }
                    Err(failure) if failure.code == "in_use" && began.elapsed() < PATIENCE => {}
                    Err(failure) => return Err(failure),
                }
            }
        })?;
        if self.out.json {
            self.out.object(&outcome)?;
        } else if code(&outcome) == exit::DONE {
            self.out.note(&visit_words(&outcome))?;
        } else {
            return Err(Failure {
                exit: code(&outcome),
                ..Failure::new("visit", visit_words(&outcome))
            });
        }
        Ok(code(&outcome))
    }
}

/// What a visit exits with: what the relay refuses for good is no matter of trying later.
fn code(outcome: &Value) -> u8 {
    match outcome["outcome"].as_str().unwrap_or_default() {
        "done" => exit::DONE,
        "refused" if outcome["retry_after_s"].is_null() => exit::FAILED,
        _ => exit::LATER,
    }
}

/// What a visit came to, for a person.
fn visit_words(outcome: &Value) -> String {
    let number = |key: &str| outcome[key].as_u64().unwrap_or_default();
    let begin = match outcome["outcome"].as_str().unwrap_or_default() {
        "done" => "done",
        "partial" => "not finished",
        "no_link" => "no link",
        "not_now" => "not now",
        _ => "refused",
    };
    let moved = format!(
        "sent {}, received {}; {} in {}",
        number("sent"),
        number("received"),
        bytes(number("bytes_up") + number("bytes_down")),
        count(number("requests"), "request"),
    );
    match outcome["words"].as_str().unwrap_or_default() {
        "" => format!("{begin}: {moved}"),
        words => format!("{begin}: {} ({moved})", safe(words, false).trim_end_matches('.')),
    }
}

/// The log goes to stderr. Neither bodies nor tokens are ever in it.
pub(super) fn log_to_stderr(settings: &AgentSettings) -> Log {
    let filter = |written: &str| EnvFilter::builder().parse_lossy(written);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(&settings.log))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_filter_reloading();
    let handle = log.reload_handle();
    match log.try_init() {
        // It is gone only where the program is.
        Ok(()) => Log::new(move |written| _ = handle.reload(filter(written))),
        // Where a log was set up already (in tests) that one stays.
        Err(_) => Log::default(),
    }
}

#[cfg(unix)]
async fn cancel_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut hangup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
        _ = hangup.recv() => {}
    }
    stop.cancel();
}

#[cfg(not(unix))]
async fn cancel_on_signal(stop: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_told_in_one_line() {
        let outcome = json!({"outcome": "partial", "sent": 2, "received": 1, "bytes_up": 900, "bytes_down": 300,
            "requests": 1, "words": "the link was cut"});
        let told = "not finished: the link was cut (sent 2, received 1; 1.2 KiB in 1 request)";
        assert_eq!(visit_words(&outcome), told);
    }

    #[test]
    fn what_could_not_be_finished_exits_with_75_and_a_refusal_with_1() {
        for (outcome, expected) in [
            (json!({"outcome": "done"}), 0),
            (json!({"outcome": "partial"}), 75),
            (json!({"outcome": "no_link"}), 75),
            (json!({"outcome": "refused"}), 1),
            (json!({"outcome": "refused", "retry_after_s": 5}), 75),
        ] {
            assert_eq!(code(&outcome), expected, "{outcome}");
        }
    }
}
