//! How a window runs the `mailboat` program: to be let in at a relay, which no window asks itself, and to have an agent.
//!
//! The program is told where everything lies as a person would tell it, and answers with JSON. A password goes
//! through its standard input, never through its arguments, which everybody on this computer can read.

mod start;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
};

use config::{Env, Secret, Span};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

pub use self::start::Started;
use super::{Failure, Fingerprint};
pub use crate::account::Attempt;

/// Most of what the program says that is read, in bytes.
const SAID_MAX: u64 = 64 << 10;

/// Where the `mailboat` program is, and what it is told with every command.
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
    home: Option<PathBuf>,
    config: Option<PathBuf>,
    /// Asked for the user's service; `None` where there can be none.
    systemctl: Option<PathBuf>,
}

/// How the user comes to an account on this device.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The relay: `https://relay.example`.
    pub relay: String,
    /// The account's name.
    pub name: String,
    /// With an invitation or with an account that is there.
    pub how: EntryBy,
    /// PEM file that is trusted for this relay.
    pub ca: Option<PathBuf>,
    /// The relay's own key, as who runs it tells it: nothing else is trusted then. An invitation may hold it already.
    pub key: Option<Fingerprint>,
}

/// What the user has to show, beside the password.
#[derive(Clone, Debug)]
pub enum EntryBy {
    /// The code of an invitation: a new account.
    Invite(String),
    /// An account, of which so much of what was said is brought here too.
    Account {
        /// None for nothing from before.
        since: Option<Span>,
    },
}

/// Who the user is now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Entered {
    /// With the relay's domain: `ann@relay.example`.
    pub account: String,
    /// Without it.
    pub name: String,
    /// The relay's address.
    pub relay: String,
    /// The relay's number for this device.
    pub device: u64,
}

impl Launcher {
    /// The program beside this one, or else where `PATH` leads. `home` and `config` are what was given to this program
    /// as `--home` and `--config`.
    #[must_use]
    pub fn find(home: Option<&Path>, config: Option<&Path>, env: &Env) -> Self {
        let name = format!("mailboat{}", std::env::consts::EXE_SUFFIX);
        let beside = std::env::current_exe().ok().and_then(|this| sibling(&this));
        let program = beside.filter(|path| path.is_file()).unwrap_or_else(|| name.into());
        let is_usual = home.is_none()
            && config.is_none()
            && env.get("MAILBOAT_HOME").is_none()
            && env.get("MAILBOAT_CONFIG").is_none();
        // The unit serves the usual folders.
        let systemctl = (cfg!(target_os = "linux") && is_usual).then(|| "systemctl".into());
        Self { systemctl, ..Self::of(program, home, config) }
    }

    /// This program, without a look for a service.
    #[must_use]
    pub fn of(program: PathBuf, home: Option<&Path>, config: Option<&Path>) -> Self {
        let (home, config) = (home.map(Path::to_owned), config.map(Path::to_owned));
        Self { program, home, config, systemctl: None }
    }

    /// Joins a relay or logs in there, which makes the account's files. `told` hears of every call. While
    /// an agent runs it has the store, and this fails (`in_use`). Dropping the future ends the program; the same may then
    /// be done again.
    ///
    /// # Errors
    /// The program's [`Failure`]; its `code` is one of those that `docs/guide.md` lists. `no_program`: it is not there.
    pub async fn enter(
        &self,
        entry: &Entry,
        password: &Secret,
        mut told: impl FnMut(Attempt),
    ) -> Result<Entered, Failure> {
        let mut command = self.command();
        match &entry.how {
            EntryBy::Invite(code) => {
                command.args(["join", "--password-stdin", "--name", &entry.name]);
                trust(&mut command, entry);
                command.args(["--", &entry.relay, code.trim()]);
            }
            EntryBy::Account { since } => {
                command.args(["login", "--password-stdin"]);
                if let Some(since) = since {
                    command.args(["--since", &since.to_string()]);
                }
                trust(&mut command, entry);
                command.args(["--", &entry.relay, &entry.name]);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().map_err(|err| self.absent(&err))?;
        hand_over(&mut child, password).await;
        let failed = async {
            let err = child.stderr.take()?;
            let mut lines = BufReader::new(err.take(SAID_MAX)).lines();
            let mut failed = None;
            while let Ok(Some(line)) = lines.next_line().await {
                match serde_json::from_str(&line) {
                    Ok(Said::Progress(attempt)) => told(attempt),
                    Ok(Said::Error(failure)) => failed = Some(failure),
                    // The log.
                    Err(_) => {}
                }
            }
            failed
        };
        let answered = async {
            let mut answer = Vec::new();
            if let Some(out) = child.stdout.take() {
                // What is missing is noticed by who reads it.
                let _ = out.take(SAID_MAX).read_to_end(&mut answer).await;
            }
            answer
        };
        let (failed, answer) = tokio::join!(failed, answered);
        let status = child.wait().await.map_err(|err| Failure::chain("program", &err))?;
        match serde_json::from_slice(&answer) {
            Ok(entered) if status.success() => Ok(entered),
            _ => Err(failed.unwrap_or_else(|| {
                let program = self.program.display();
                Failure::new("program", format!("{program} ended without a word ({status})"))
            })),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let mut tell = |flag: &str, path: &Option<PathBuf>| {
            if let Some(path) = path {
                command.arg(flag).arg::<&OsStr>(path.as_ref());
            }
        };
        tell("--home", &self.home);
        tell("--config", &self.config);
        command.arg("--json");
        command
    }

    fn absent(&self, err: &std::io::Error) -> Failure {
        let program = self.program.display();
        let words = format!(
            "{program} could not be started: {err}. Install it beside the window, or where PATH leads"
        );
        Failure::new("no_program", words)
    }
}

/// What is called as a window is, without its `-gui`.
fn sibling(window: &Path) -> Option<PathBuf> {
    let name = window.file_name()?.to_str()?;
    name.contains("-gui").then(|| window.with_file_name(name.replacen("-gui", "", 1)))
}

/// What the program says on standard error.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Progress(Attempt),
    Error(Failure),
}

fn trust(command: &mut Command, entry: &Entry) {
    if let Some(ca) = &entry.ca {
        command.arg("--ca").arg(ca);
    }
    if let Some(key) = &entry.key {
        command.args(["--fingerprint", &key.to_string()]);
    }
}

/// The program may end before it asks: then it says why.
async fn hand_over(child: &mut Child, password: &Secret) {
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(password.expose().as_bytes()).await;
        let _ = stdin.write_all(b"\n").await;
    }
}
