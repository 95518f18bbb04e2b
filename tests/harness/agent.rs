//! A person's agent: a home folder, and the `mailboat` command used on it as a person would.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{self, Output, Running};
use crate::relay::password_of;

/// A home folder of an agent. Dropping it removes the folder, unless it lies in somebody else's.
#[derive(Debug)]
pub struct AgentHome {
    dir: PathBuf,
    _owned: Option<TempDir>,
}

impl AgentHome {
    /// A new, empty home.
    pub fn new() -> Self {
        let owned = program::folder().expect("there is room for a folder");
        Self { dir: owned.path().to_owned(), _owned: Some(owned) }
    }

    /// The home at `dir`, which stays when this is dropped.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), _owned: None }
    }

    /// A copy of all files as they are now: a backup, or a clone.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn copied(&self) -> io::Result<Self> {
        let copy = Self::new();
        copy_files(&self.dir, &copy.dir)?;
        Ok(copy)
    }

    /// Puts the files of `backup` in place of the own.
    ///
    /// # Errors
    /// When a file cannot be removed, read or written.
    pub fn restore(&self, backup: &Self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.dir)? {
            std::fs::remove_file(entry?.path())?;
        }
        copy_files(&backup.dir, &self.dir)
    }

    /// The folder: `--home`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds lines to `agent.toml`. Panics when it cannot be written.
    pub fn add_settings(&self, toml: &str) {
        let path = self.dir.join("agent.toml");
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, format!("{old}\n{toml}\n")).expect("there is room for a file");
    }

    /// The command with `--home` and these arguments, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program::command(&program::binary("mailboat-under-test"), &self.dir);
        command.arg("--home").arg(&self.dir).args(args);
        command
    }

    /// Runs a command until it ends.
    pub async fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, "").await
    }

    /// Runs a command with `input` on its standard input.
    pub async fn run_with(&self, args: &[&str], input: &str) -> Output {
        program::run(self.command(args), input.as_bytes()).await
    }

    /// Runs a command with `--json`, which has to end well, and gives back its rows.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> impl Future<Output = Vec<Value>> {
        let command = self.command(&[args, &["--json"]].concat());
        async move { program::run(command, b"").await.done().json() }
    }

    /// Runs a command with `--json`, which has to end well, and gives back its one row.
    pub async fn one(&self, args: &[&str]) -> Value {
        let mut rows = self.json(args).await;
        assert_eq!(rows.len(), 1, "{args:?} answered {rows:?}");
        rows.remove(0)
    }

    /// Logs in at `url`, trusting `ca` too.
    pub async fn login(&self, url: &str, name: &str, ca: Option<&Path>) -> Output {
        let mut args = vec!["login", url, name, "--password-stdin"];
        if let Some(ca) = ca {
            args.extend(["--ca", ca.to_str().expect("temporary paths are UTF-8")]);
        }
        self.run_with(&args, &password_of(name)).await
    }

    /// Starts the resident agent and waits until it can be asked. Panics, with what it said, when it ends before.
    pub async fn resident(&self) -> Running {
        let mut running = Running::start(self.command(&["agent"]));
        running.wait_line(|line| (line == "ready").then_some(())).await;
        running
    }

    /// Starts a command that goes on, such as `watch`.
    pub fn start(&self, args: &[&str]) -> Running {
        Running::start(self.command(args))
    }
}

impl Default for AgentHome {
    fn default() -> Self {
        Self::new()
    }
}

/// Copies the files of a folder (sockets are left out; an agent's home has no folders).
pub(crate) fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
