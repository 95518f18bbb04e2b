//! The programs under test as child processes: where their binaries lie, what they said, and their end.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Lines of a long-running program's output that are kept: the last ones.
const TRANSCRIPT_LINES_MAX: usize = 16 << 10;

/// Where the binary `name` lies: beside the running program, or one folder up for a test. Panics when it has not been
/// built.
pub fn binary(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| panic!("{name} is not built: cargo build --workspace --bins"))
}

/// Like [`binary`], but none where it has not been built.
pub fn find(name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    own.ancestors().skip(1).take(2).map(|dir| dir.join(&file)).find(|path| path.is_file())
}

/// A folder of its own under the system's temporary one, removed with the value.
pub(crate) fn folder() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("mailboat-").tempdir()
}

/// A command without the environment of whoever runs the tests: nothing of it may change what is tested.
pub fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        // Neither the desktop nor the network of whoever runs the tests.
        .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
        .kill_on_drop(true);
    for kept in ["PATH", "RUST_BACKTRACE", "LLVM_PROFILE_FILE", "SYSTEMROOT"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
}

/// What a program that has ended said.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// The objects on standard output, one a line. Panics with all that was said when a line is no JSON.
    pub fn json(&self) -> Vec<Value> {
        let read =
            |line| serde_json::from_str(line).unwrap_or_else(|err| panic!("{err}: {self:?}"));
        self.stdout.lines().filter(|line| !line.is_empty()).map(read).collect()
    }

    /// The one object on standard output. Panics when there is none, or another.
    pub fn one(&self) -> Value {
        let mut all = self.json();
        assert_eq!(all.len(), 1, "one line was expected: {self:?}");
        all.remove(0)
    }

    /// Gives itself back if the program ended well; panics with all that it said if not.
    #[track_caller]
    pub fn done(self) -> Self {
        self.exits(0)
    }

    /// Gives itself back if the program ended with `code`; panics with all that it said if not.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Runs `command` with `input` on its standard input until it ends. Panics when it cannot be started.
pub async fn run(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    // A program that ends without reading its input is right to do so.
    let _ = stdin.write_all(input).await;
    drop(stdin);
    let output = child.wait_with_output().await.expect("a child can be waited for");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The last lines of a program, both streams as they came.
#[derive(Debug, Default)]
struct Transcript {
    lines: VecDeque<String>,
    /// Lines before those.
    dropped: usize,
}

impl Transcript {
    fn push(&mut self, line: String) {
        if self.lines.len() == TRANSCRIPT_LINES_MAX {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
    }

    fn all(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A program that runs on while the test goes on; dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    said: Arc<Mutex<Transcript>>,
    /// Changes with every line; ends with the last reader.
    news: watch::Receiver<()>,
    /// Lines that [`Running::next_line`] has given.
    read: usize,
    _reading: [AbortOnDropHandle<()>; 2],
}

impl Running {
    /// Starts `command` with no input. Panics when that fails.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let said = Arc::new(Mutex::new(Transcript::default()));
        let (tell, news) = watch::channel(());
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let reading = [
            AbortOnDropHandle::new(tokio::spawn(read(stdout, Arc::clone(&said), tell.clone()))),
            AbortOnDropHandle::new(tokio::spawn(read(stderr, Arc::clone(&said), tell))),
        ];
        Self { child, said, news, read: 0, _reading: reading }
    }

    /// All that it said so far, both streams as they came (the last 16,384 lines).
    pub fn said(&self) -> String {
        locked(&self.said).all()
    }

    /// Waits for the first line, from its start on, in which `find` finds something. Panics when the program ends
    /// without.
    pub async fn wait_line<T>(&mut self, mut find: impl FnMut(&str) -> Option<T>) -> T {
        loop {
            self.news.borrow_and_update();
            if let Some(found) = locked(&self.said).lines.iter().find_map(|line| find(line)) {
                return found;
            }
            // Both readers are gone: the program has ended.
            if self.news.changed().await.is_err() {
                panic!("the program ended without the line that was waited for:\n{}", self.said());
            }
        }
    }

    /// The next line, each once; none when it has ended. Dropping the future loses nothing.
    pub async fn next_line(&mut self) -> Option<String> {
        loop {
            self.news.borrow_and_update();
            {
                let said = locked(&self.said);
                self.read = self.read.max(said.dropped);
                if let Some(line) = said.lines.get(self.read - said.dropped) {
                    self.read += 1;
                    return Some(line.clone());
                }
            }
            self.news.changed().await.ok()?;
        }
    }

    /// Kills it as a power cut would and waits until it is gone.
    pub async fn kill(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill().await;
    }

    /// Asks it to end (SIGTERM), waits, and gives back how it ended.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM").await;
        self.child.wait().await.expect("a child can be waited for")
    }

    /// Its process. Panics when it has ended.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the program runs")
    }

    /// Waits until it ends by itself, and gives back how.
    pub async fn end(&mut self) -> ExitStatus {
        self.child.wait().await.expect("a child can be waited for")
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Sends a signal by its name. `unsafe_code` is forbidden here, so a shell does it.
    pub async fn signal(&self, name: &str) {
        let Some(pid) = self.child.id() else { return };
        let kill = format!("kill -{name} {pid}");
        let status = Command::new("/bin/sh").args(["-c", &kill]).status().await;
        assert!(status.expect("there is a shell").success(), "{kill}");
    }
}

fn locked(said: &Mutex<Transcript>) -> MutexGuard<'_, Transcript> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(
    stream: impl AsyncRead + Unpin,
    said: Arc<Mutex<Transcript>>,
    tell: watch::Sender<()>,
) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = stream.read_until(b'\n', &mut line).await {
        locked(&said).push(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
        tell.send_replace(());
    }
}
