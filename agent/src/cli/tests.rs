//! Commands as they are typed, without a process, a link or a relay.

mod clocks;
mod costs;
#[cfg(unix)]
mod dialling;
mod doctor;
mod offline;
mod online;
mod relay;
mod running;
mod units;
mod words;

use config::{Account, Secret};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::relay::Polite;
use super::*;
use crate::{
    resident::{self, Log, Mode, Setup, Signal},
    schedule::Clocks,
};

/// An environment in which this machine's buses are not found.
fn nobody() -> Env {
    [("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")].into_iter().collect()
}

/// One user's folder.
struct Home {
    dir: tempfile::TempDir,
}

/// What a command did.
#[derive(Debug)]
struct Ran {
    code: u8,
    out: String,
    err: String,
}

impl Ran {
    /// Its rows; it has to have succeeded.
    fn rows(&self) -> Vec<Value> {
        assert_eq!(self.code, exit::DONE, "{self:?}");
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Home {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// The folder of somebody who is logged in at a relay that nobody reaches.
    fn of(name: &str) -> Self {
        let home = Self::new();
        let account = Account {
            // Reserved for discarding: nothing answers there, at once.
            relay: "http://127.0.0.1:9".to_owned(),
            name: name.to_owned(),
            account: 7,
            device: 70,
            token: Secret::new("AAAAAAAAAAAAAAAAAAAAAA"),
            ca: None,
            relay_key: None,
        };
        account.save(&home.path().join("account.toml")).unwrap();
        home
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "", &nobody())
    }

    fn run_with(&self, args: &[&str], stdin: &str, env: &Env) -> Ran {
        let mut stdin = stdin.as_bytes();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let home = self.path().to_str().unwrap();
        let begin = ["mailboat", "--home", home];
        let all = begin.iter().chain(args).map(OsString::from);
        let io = Io {
            stdin: &mut stdin,
            out: &mut out,
            err: &mut err,
            stdin_is_terminal: false,
            out_is_terminal: false,
        };
        let code = run(all, env, io);
        Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }

    /// The one row that a command prints.
    fn one(&self, args: &[&str]) -> Value {
        let mut rows = self.run(&[args, &["--json"]].concat()).rows();
        assert_eq!(rows.len(), 1, "{args:?}: {rows:?}");
        rows.remove(0)
    }

    /// The rows of a command that may say with its exit code what it found.
    fn rows_of_any_code(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.run(&[args, &["--json"]].concat());
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn rows(&self, args: &[&str]) -> Vec<Value> {
        self.run(&[args, &["--json"]].concat()).rows()
    }
}

/// A resident agent in this process.
struct Resident {
    stop: CancellationToken,
    signals: tokio::sync::mpsc::Sender<Signal>,
    task: std::thread::JoinHandle<Result<(), Failure>>,
}

impl Resident {
    fn start(home: &Home) -> Self {
        Self::on(home, "unix:path=/nonexistent")
    }

    /// One that asks the bus at this address for the link.
    fn on(home: &Home, bus: &str) -> Self {
        Self::with(home, bus, Log::default(), Clocks::system())
    }

    fn with(home: &Home, bus: &str, log: Log, clocks: Clocks) -> Self {
        let paths = AgentPaths::new(Some(home.path()), &nobody()).unwrap();
        let sources = Sources::new().usual_file(&paths.config);
        let stop = CancellationToken::new();
        let ending = stop.clone();
        let (signals, signalled) = tokio::sync::mpsc::channel(4);
        let setup = Setup {
            paths,
            settings: sources.load().unwrap(),
            sources,
            env: nobody(),
            mode: Mode::Stay,
            link: crate::link::Sources { bus: Some(bus.to_owned()) },
            signals: signalled,
            log,
            clocks,
        };
        let (ready, is_ready) = std::sync::mpsc::channel();
        let task = std::thread::spawn(move || {
            let ready = move || ready.send(()).unwrap();
            block_on(async { resident::run(setup, ending, ready).await.map(drop) })
        });
        is_ready.recv().unwrap();
        Self { stop, signals, task }
    }

    fn end(self) -> Result<(), Failure> {
        self.stop.cancel();
        self.task.join().unwrap()
    }
}

/// A folder that is logged in at a relay that runs here.
fn home_at(relay: &Polite) -> Home {
    let home = Home::new();
    let ran =
        home.run_with(&["login", &relay.url, "ann", "--password-stdin"], "secret\n", &nobody());
    assert_eq!(ran.code, exit::DONE, "{ran:?}");
    home
}
