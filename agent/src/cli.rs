//! The `mailboat` command. [`run`] is the whole of it as a function of its arguments, its environment
//! and its streams; [`main`] hands it those of the process.

pub(crate) mod account;
mod agent;
mod args;
pub(crate) mod ask;
mod deadline;
mod doctor;
mod expect;
pub(crate) mod out;
mod price;
mod read;
mod schedule;
mod scope;
mod show;
#[cfg(test)]
mod tests;
mod usage;
mod watch;
mod write;

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Read, Write},
    path::Path,
    process::ExitCode,
};

use clap::{CommandFactory, Parser};
use config::{AgentPaths, AgentSettings, Env, Sources};
use jiff::{Timestamp, tz::TimeZone};

use self::{
    args::{Cli, Command, Global},
    out::Out,
};
use crate::{
    control::{Failure, exit},
    store::{Reader, StoreError},
};

/// Longest text read from standard input, in bytes; what the relay takes is less.
const TEXT_LEN_MAX: u64 = 256 << 10;

/// The streams of one command.
pub struct Io<'a> {
    /// Where texts and passwords may come from.
    pub stdin: &'a mut dyn Read,
    /// What was asked for.
    pub out: &'a mut dyn Write,
    /// What went wrong, and the log.
    pub err: &'a mut dyn Write,
    /// Standard input is a person's terminal: a password may be asked for.
    pub stdin_is_terminal: bool,
    /// Output goes to a person's terminal: headings may be bold.
    pub out_is_terminal: bool,
}

impl std::fmt::Debug for Io<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

/// Runs the command with the process's own arguments and streams.
#[must_use]
pub fn main() -> ExitCode {
    let (mut stdin, mut out, mut err) = (io::stdin(), io::stdout(), io::stderr());
    let io = Io {
        stdin_is_terminal: stdin.is_terminal(),
        out_is_terminal: out.is_terminal(),
        stdin: &mut stdin,
        out: &mut out,
        err: &mut err,
    };
    ExitCode::from(run(std::env::args_os(), &Env::of_process(), io))
}

/// Runs one command to its end and gives its exit code; see [`exit`]. The first argument is the
/// program's name.
pub fn run(args: impl IntoIterator<Item = OsString>, env: &Env, io: Io<'_>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(err) => return refuse(&err, io),
    };
    let global = cli.global;
    let color =
        io.out_is_terminal && env.get("NO_COLOR").is_none() && env.get("TERM") != Some("dumb");
    let mut session = Session {
        env,
        stdin: io.stdin,
        stdin_is_terminal: io.stdin_is_terminal,
        out: Out {
            out: io.out,
            err: io.err,
            json: global.json,
            quiet: global.quiet,
            color,
            now: Timestamp::now(),
            zone: TimeZone::system(),
        },
        global,
    };
    match session.run(cli.command) {
        Ok(code) => code,
        Err(failure) => session.fail(&failure),
    }
}

/// Help and version go out as they were asked for; mistakes go to stderr.
fn refuse(err: &clap::Error, io: Io<'_>) -> u8 {
    let text =
        if io.out_is_terminal { err.render().ansi().to_string() } else { err.render().to_string() };
    let stream = if err.use_stderr() { io.err } else { io.out };
    // Nobody is left to be told that nobody reads.
    let _ = write!(stream, "{text}").and_then(|()| stream.flush());
    if err.use_stderr() { exit::USAGE } else { exit::DONE }
}

/// One command while it runs.
struct Session<'a> {
    global: Global,
    env: &'a Env,
    stdin: &'a mut dyn Read,
    stdin_is_terminal: bool,
    out: Out<'a>,
}

impl Session<'_> {
    fn run(&mut self, command: Command) -> Result<u8, Failure> {
        let needs_nothing =
            matches!(command, Command::Doctor | Command::Completions { .. } | Command::Man { .. });
        if !needs_nothing {
            self.check_named_config()?;
        }
        match command {
            Command::Join(join) => self.join(join)?,
            Command::Login(login) => self.login(login)?,
            Command::Agent => self.agent()?,
            Command::Sync(sync) if sync.dry_run => return self.price(&sync),
            Command::Sync(sync) => return self.sync(&sync),
            Command::Inbox(inbox) => self.inbox(&inbox)?,
            Command::Watch { all } => self.watch(all)?,
            Command::Outbox { command } => self.outbox(command)?,
            Command::Search { words, limit } => self.search(&words.join(" "), limit)?,
            Command::Members => self.members()?,
            Command::Conversations => self.conversations()?,
            Command::Usage(usage) => self.usage(&usage)?,
            Command::Schedule { command } => self.schedule(command)?,
            Command::Status => self.status()?,
            Command::Devices { command } => self.devices(command.as_ref())?,
            Command::Doctor => return self.doctor(),
            Command::Man { dir } => man(&dir)?,
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Cli::command(), "mailboat", &mut script);
                self.out.line(&String::from_utf8_lossy(&script))?;
            }
            writing => self.write(writing)?,
        }
        Ok(exit::DONE)
    }

    fn fail(&mut self, failure: &Failure) -> u8 {
        if failure.code == "broken_pipe" {
            return exit::DONE;
        }
        // Where stderr is gone there is nobody to be told.
        let _ = if self.out.json {
            writeln!(self.out.err, "{}", serde_json::json!({ "error": failure }))
        } else {
            writeln!(self.out.err, "mailboat: {}", out::safe(&failure.words, false))
        };
        failure.exit
    }

    fn paths(&self) -> Result<AgentPaths, Failure> {
        AgentPaths::new(self.global.home.as_deref(), self.env)
            .map_err(|err| Failure { exit: exit::USAGE, ..Failure::chain("no_home", &err) })
    }

    /// The settings: defaults, the file, the environment, flags.
    fn settings(&self) -> Result<AgentSettings, Failure> {
        self.sources()?.load().map_err(|err| Failure::chain("config", &err))
    }

    /// Where the settings come from.
    fn sources(&self) -> Result<Sources, Failure> {
        let sources = match self.named_config() {
            Some(file) => Sources::new().file(file),
            None => Sources::new().usual_file(self.paths()?.config),
        };
        Ok(sources.env(self.env).flag("--log", "log", self.global.log.as_deref()))
    }

    /// Who is asked for the link: the bus that the environment names, or the system's.
    fn link_sources(&self) -> crate::link::Sources {
        let bus = self.env.get("DBUS_SYSTEM_BUS_ADDRESS").map(str::to_owned);
        crate::link::Sources { bus }
    }

    /// The settings' file that the user named.
    fn named_config(&self) -> Option<&Path> {
        let from_env = || self.env.get("MAILBOAT_CONFIG").map(Path::new);
        self.global.config.as_deref().or_else(from_env)
    }

    /// Who names a file means it, also for a command that needs no settings; what is wrong within it is for those that do.
    fn check_named_config(&self) -> Result<(), Failure> {
        let Some(file) = self.named_config() else { return Ok(()) };
        Sources::new().file(file).check_readable().map_err(|err| Failure::chain("config", &err))
    }

    /// The store, to read. A store of an older version is brought up to date first.
    fn reader(&self) -> Result<Reader, Failure> {
        let paths = self.paths()?;
        match Reader::open(&paths.store) {
            Err(StoreError::TooOld { .. }) => {
                drop(crate::store::Store::open(&paths.store, crate::store::Options::default())?);
                Ok(Reader::open(&paths.store)?)
            }
            opened => Ok(opened?),
        }
    }

    /// The text of `-m`, from standard input where it is `-`. One line break at the end is dropped.
    fn text(&mut self, text: String) -> Result<String, Failure> {
        if text != "-" {
            return Ok(text);
        }
        let mut read = Vec::new();
        let stdin = &mut *self.stdin;
        stdin.take(TEXT_LEN_MAX + 1).read_to_end(&mut read).map_err(|err| {
            Failure::new("stdin", format!("standard input could not be read: {err}"))
        })?;
        if TEXT_LEN_MAX < read.len() as u64 {
            let words = format!(
                "standard input holds more than {TEXT_LEN_MAX} bytes: too long for a message"
            );
            return Err(Failure::new("too_long", words));
        }
        let mut text = String::from_utf8(read)
            .map_err(|_| Failure::usage("standard input is not UTF-8 text"))?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

fn man(dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
        .map_err(|err| {
            Failure::new("man", format!("cannot write manual pages to {}: {err}", dir.display()))
        })
}

/// Runs what waits for a socket.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|err| Failure::chain("runtime", &err))?.block_on(future)
}
