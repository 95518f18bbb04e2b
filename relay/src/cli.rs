//! The command `mailboat-relay`: serving, and what an operator does beside it.
//!
//! Exit codes: 0 done, 1 failed, 2 not understood. What scripts read goes to standard output, with `--json` one
//! object a line; the log and all complaints go to standard error.

mod account;
mod args;
mod backup;
mod device;
mod invite;
mod key;
mod serve;
mod terminal;
#[cfg(test)]
mod tests;

use std::{ffi::OsString, future::Future, io, path::Path, process::ExitCode};

use anyhow::Context;
use clap::{CommandFactory, Parser};
use config::{Env, RelayPaths, RelaySettings, Sources};

use self::args::{Args, Command, Common, ServeArgs};
pub use self::terminal::{Streams, Terminal};
use crate::{
    clock::now_s,
    datadir,
    log::{self, LogFormat},
    store::{Policy, sqlite::SqliteStore},
};

const DONE: u8 = 0;
const FAILED: u8 = 1;
const NOT_UNDERSTOOD: u8 = 2;

/// A command line that cannot be carried out as it stands; the words say what is missing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(&'static str);

/// The program `mailboat-relay`, with this process's arguments, environment and streams.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os(), &Env::of_process(), &mut Streams))
}

/// Carries out a command line and answers its exit code. `serve` takes over the process's signals and its log.
pub fn run(args: impl IntoIterator<Item = OsString>, env: &Env, terminal: &mut dyn Terminal) -> u8 {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(err) if err.use_stderr() => {
            terminal.complain(&err.render().to_string());
            return NOT_UNDERSTOOD;
        }
        Err(help) => {
            let _ = terminal.print(help.render().to_string().trim_end());
            return DONE;
        }
    };
    match carry_out(args, env, terminal) {
        Ok(()) => DONE,
        // A reader that went away (`| head`) is no failure.
        Err(err)
            if err
                .downcast_ref::<io::Error>()
                .is_some_and(|err| err.kind() == io::ErrorKind::BrokenPipe) =>
        {
            DONE
        }
        Err(err) => {
            terminal.complain(&format!("mailboat-relay: {err:#}\n"));
            if err.is::<Usage>() { NOT_UNDERSTOOD } else { FAILED }
        }
    }
}

fn carry_out(args: Args, env: &Env, terminal: &mut dyn Terminal) -> anyhow::Result<()> {
    let Args { common, command } = args;
    match &command {
        Command::Serve(args) => {
            return serve::serve(settings(&common, Some(args), env)?, terminal);
        }
        Command::Completions { shell } => return completions(*shell, terminal),
        Command::Man { dir } => return man(dir),
        Command::Key { command } => {
            let settings = settings(&common, None, env)?;
            return key::key(command.as_ref(), &settings.data, common.json, terminal);
        }
        _ => {}
    }
    let settings = settings(&common, None, env)?;
    // Beside a running relay its log stands elsewhere; warnings of this process are for whoever looks. A second
    // command line of one process finds the log set up.
    let _ = log::init("warn", LogFormat::Text);
    let open = |missing| Open::new(&settings, env, missing);
    match command {
        Command::Serve(_)
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Key { .. } => Ok(()),
        Command::Account { command } => account::account(command, open, common.json, terminal),
        Command::Invite(args) => {
            let fingerprint = invite::fingerprint(&args, &settings)?;
            invite::invite(args, fingerprint, open, common.json, terminal)
        }
        Command::Device { command } => device::device(command, open, common.json, terminal),
        Command::Backup { file } => {
            backup::backup(&file, &settings.data, open, common.json, terminal)
        }
    }
}

fn completions(shell: clap_complete::Shell, terminal: &mut dyn Terminal) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "mailboat-relay", &mut script);
    terminal.print(String::from_utf8_lossy(&script).trim_end())?;
    Ok(())
}

fn man(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Args::command(), dir))
        .with_context(|| format!("cannot write manual pages to {}", dir.display()))
}

fn settings(
    common: &Common,
    serve: Option<&ServeArgs>,
    env: &Env,
) -> anyhow::Result<RelaySettings> {
    let sources = match &common.config {
        Some(file) => Sources::new().file(file),
        None => Sources::new().usual_file(RelayPaths::config(env)),
    };
    let path = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map(|path| path.to_string_lossy().into_owned())
    };
    let mut sources = sources.env(env).flag("--data", "data", path(&common.data));
    if let Some(args) = serve {
        sources = sources
            .flag("--listen", "listen", args.listen.clone())
            .flag("--tls-cert", "tls.cert", path(&args.tls_cert))
            .flag("--tls-key", "tls.key", path(&args.tls_key));
    }
    let mut settings: RelaySettings = sources.load()?;
    settings.data = RelayPaths::data(&settings, env)?;
    Ok(settings)
}

/// What to do where there is no store yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// Make one.
    Make,
    /// Say so: there is nothing to look at.
    Refuse,
}

/// The store, for one command, and what runs its calls.
struct Open {
    runtime: tokio::runtime::Runtime,
    store: SqliteStore,
}

impl Open {
    fn new(settings: &RelaySettings, env: &Env, missing: Missing) -> anyhow::Result<Self> {
        let dir = RelayPaths::data(settings, env)?;
        let file = datadir::store_file(&dir);
        if missing == Missing::Refuse && !file.exists() {
            anyhow::bail!("there is no store in {}; name its directory with --data", dir.display());
        }
        datadir::prepare(&dir)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        let store = SqliteStore::open(&file, Policy::from(settings), now_s())
            .with_context(|| format!("cannot open the store {}", file.display()))?;
        Ok(Self { runtime, store })
    }

    fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }
}
