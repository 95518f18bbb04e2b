//! A directory with a store, the program about it, and a relay that serves.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;

/// Longer than anything here takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// A directory for a store, and the program about it.
pub struct Rig(TempDir);

/// A relay that serves, killed when dropped.
pub struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The first line that it printed.
    pub line: String,
}

impl Rig {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailboat-relay"));
        command.args(args).arg("--data").arg(self.path("data"));
        command.env_clear().env("HOME", self.path("home")).stdin(Stdio::null());
        command
    }

    /// Runs to the end: exit code, output, complaints.
    pub fn run(&self, args: &[&str], input: &str) -> (Option<i32>, String, String) {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.code(), text(done.stdout), text(done.stderr))
    }

    /// The complaint of a `serve` that does not start.
    pub fn refused(&self, args: &[&str]) -> String {
        let (code, out, complaint) = self.run(&[&["serve"], args].concat(), "");
        assert_eq!((code, out.as_str()), (Some(1), ""), "{complaint}");
        complaint.lines().last().unwrap().to_owned()
    }

    pub fn serve(&self, args: &[&str], adjust: impl FnOnce(&mut Command)) -> Serving {
        let mut command = self.command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        adjust(&mut command);
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        Serving { child, stdout, line: line.trim_end().to_owned() }
    }

    pub fn add(&self, name: &str) {
        let (code, _, complaint) =
            self.run(&["account", "add", name, "--password-stdin"], "secret\n");
        assert_eq!(code, Some(0), "{complaint}");
    }
}

impl Serving {
    pub fn addr(&self) -> SocketAddr {
        self.line.strip_prefix("listening on ").unwrap().parse().unwrap()
    }

    /// Asks it to end, and what else it said.
    pub fn end(&mut self) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }

    /// Status line and body of an answer.
    pub fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{body}",
            token.unwrap_or_default(),
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub fn login(&self, name: &str, password: &str) -> (u16, String) {
        let body = serde_json::json!({"name": name, "password": password, "token": TOKEN});
        self.ask("POST", "/v1/login", None, &body.to_string())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
