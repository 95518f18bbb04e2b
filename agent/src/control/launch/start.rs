//! An agent where there is none: the user's service if it is installed, else a process that outlives its window.

use std::{io, path::Path, process::Stdio, time::Duration};

use config::AgentPaths;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::{Launcher, Said};
use crate::control::{Client, Failure};

/// The user's service, as `config/systemd/mailboat.service` installs it.
const UNIT: &str = "mailboat.service";
/// How long the service manager may take: longer than a start of the agent.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an agent may take until it listens: a large store that is brought up to date takes its time.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Who runs the agent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Started {
    /// It ran already.
    Already,
    /// The user's service manager, which starts it again when it fails.
    Service,
    /// A process of its own: it goes on when the window closes, until the session ends or a signal comes.
    Process,
}

impl Launcher {
    /// Starts the resident agent, unless one runs, and returns when it listens. What it logs goes to `agent.log` beside
    /// the store, unless the service manager takes it.
    ///
    /// # Errors
    /// The agent's [`Failure`], such as `not_logged_in` or `config`; `service` where the service manager could not start
    /// it, `later` where it does not listen within a minute, `no_program`.
    pub async fn start_agent(&self, paths: &AgentPaths) -> Result<Started, Failure> {
        if runs(paths).await {
            return Ok(Started::Already);
        }
        match self.has_service().await {
            Some(systemctl) => start_service(systemctl).await.map(|()| Started::Service),
            None => self.start_process(paths).await,
        }
    }

    /// The service manager, where the user's service is installed.
    async fn has_service(&self) -> Option<&Path> {
        let systemctl = self.systemctl.as_deref()?;
        let ask = ["--user", "show", "--property=LoadState", "--value", UNIT];
        let asked = quiet(systemctl).args(ask).output();
        let answer = timeout(SERVICE_TIMEOUT, asked).await.ok()?.ok()?;
        (answer.stdout.trim_ascii() == b"loaded").then_some(systemctl)
    }

    async fn start_process(&self, paths: &AgentPaths) -> Result<Started, Failure> {
        let log = paths.store.with_file_name("agent.log");
        let file = log_file(&log).map_err(|err| {
            Failure::new("home", format!("{} could not be written: {err}", log.display()))
        })?;
        let mut command = self.command();
        command.arg("agent").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        // Of the terminal that the window was started in, it hears nothing.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|err| self.absent(&err))?;
        match timeout(START_TIMEOUT, listens(&mut child)).await {
            Ok(true) => Ok(Started::Process),
            // Another was quicker.
            Ok(false) if runs(paths).await => Ok(Started::Already),
            Ok(false) => Err(last_failure(&log)),
            Err(_) => {
                let words = format!("the agent takes long to start; look at {}", log.display());
                Err(Failure::later("later", words))
            }
        }
    }
}

async fn runs(paths: &AgentPaths) -> bool {
    matches!(Client::connect(&paths.socket).await, Ok(Some(_)))
}

async fn start_service(systemctl: &Path) -> Result<(), Failure> {
    let started = quiet(systemctl).args(["--user", "start", UNIT]).output();
    let failed = |words: &str| {
        let words = format!(
            "the service manager could not start {UNIT}: {words}. What the agent said: journalctl --user -u {UNIT}"
        );
        Failure::new("service", words)
    };
    match timeout(SERVICE_TIMEOUT, started).await {
        Ok(Ok(ended)) if ended.status.success() => Ok(()),
        Ok(Ok(ended)) => Err(failed(&String::from_utf8_lossy(&ended.stderr))),
        Ok(Err(err)) => Err(failed(&err.to_string())),
        Err(_) => Err(failed("it did not answer")),
    }
}

fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The agent's log since this start.
fn log_file(path: &Path) -> io::Result<Stdio> {
    if let Some(dir) = path.parent() {
        config::private::make_dir(dir)?;
    }
    // Appending, so that what two agents write at once does not lie over each other.
    std::fs::remove_file(path).or_else(|err| match err.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(err),
    })?;
    Ok(config::private::options().append(true).create(true).open(path)?.into())
}

/// Whether it says that it is ready; else it has ended.
async fn listens(child: &mut Child) -> bool {
    let Some(out) = child.stdout.take() else { return false };
    let mut lines = BufReader::new(out).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let event: Option<serde_json::Value> = serde_json::from_str(&line).ok();
        if event.is_some_and(|event| event["event"] == "ready") {
            return true;
        }
    }
    // Its output is closed, so it has ended or is about to.
    let _ = child.wait().await;
    false
}

/// Why it ended, as it said itself.
fn last_failure(log: &Path) -> Failure {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let failures = said.lines().rev().filter_map(|line| match serde_json::from_str(line) {
        Ok(Said::Error(failure)) => Some(failure),
        _ => None,
    });
    let unknown = || {
        let last = said.lines().last().unwrap_or("it said nothing");
        Failure::new("program", format!("the agent ended at once: {last}"))
    };
    failures.into_iter().next().unwrap_or_else(unknown)
}
