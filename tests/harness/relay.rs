//! A relay as a process of its own, on a port of its own, with a folder of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use config::RelaySettings;
use tempfile::TempDir;

use crate::program::{self, Output, Running};
use crate::tls::TestCertificates;

/// How often everything may be asked of a relay under test: all of it comes from one address.
const OFTEN: u32 = 1_000_000;

/// What a relay is started with.
#[derive(Clone, Debug)]
pub struct RelayOptions {
    /// Its settings; address, data and certificates are filled in. [`RelayOptions::default`] has no rate limits.
    pub settings: RelaySettings,
    /// Whether it speaks TLS, with certificates made for it.
    pub tls: bool,
}

impl Default for RelayOptions {
    fn default() -> Self {
        let mut settings = RelaySettings::default();
        settings.limits.requests_per_minute = OFTEN;
        settings.limits.requests_per_minute_per_address = OFTEN;
        settings.limits.logins_per_minute = OFTEN;
        settings.limits.logins_per_minute_per_address = OFTEN;
        settings.limits.chat_requests_per_day = OFTEN;
        settings.limits.submits_per_minute = OFTEN;
        Self { settings, tls: false }
    }
}

impl RelayOptions {
    /// The default, with TLS.
    pub fn tls() -> Self {
        Self { tls: true, ..Self::default() }
    }
}

/// A relay that runs, or ran and may run again on the same data. Dropping it kills it and removes its folder.
#[derive(Debug)]
pub struct RelayProcess {
    dir: TempDir,
    certificates: Option<TestCertificates>,
    running: Running,
    addr: SocketAddr,
}

impl RelayProcess {
    /// Starts a relay and waits until it listens. Panics, with what it said, when it does not.
    pub async fn start(options: &RelayOptions) -> Self {
        let dir = program::folder().expect("there is room for a folder");
        let certificates = options
            .tls
            .then(|| TestCertificates::write(dir.path()).expect("certificates can be made"));
        let mut settings = options.settings.clone();
        settings.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        settings.data = dir.path().join("data");
        if let Some(certificates) = &certificates {
            settings.tls.cert.clone_from(&certificates.cert);
            settings.tls.key.clone_from(&certificates.key);
        }
        let text = toml::to_string(&settings).expect("settings are TOML");
        std::fs::create_dir(&settings.data).expect("there is room for a folder");
        std::fs::write(dir.path().join("relay.toml"), text).expect("there is room for a file");
        let (running, addr) = serve(dir.path()).await;
        Self { dir, certificates, running, addr }
    }

    /// Where it listens. It changes with every restart: let agents come through a [`crate::link::Link`].
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http` or `https`.
    pub const fn scheme(&self) -> &'static str {
        if self.certificates.is_some() { "https" } else { "http" }
    }

    /// The CA that agents have to trust, when it speaks TLS.
    pub fn ca(&self) -> Option<&Path> {
        self.certificates.as_ref().map(|certificates| certificates.ca.as_path())
    }

    /// Its data, to copy while it does not run.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Its process. Panics when it has ended.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Where its operations listen; none where they do not.
    pub fn operations(&self) -> Option<SocketAddr> {
        let said = self.said();
        let addresses = said.lines().filter_map(|line| line.split_once("serving address="));
        let mut addresses =
            addresses.filter_map(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        addresses.find(|address| *address != self.addr)
    }

    /// All that it said since it was last started.
    pub fn said(&self) -> String {
        self.running.said()
    }

    /// Runs a command beside it: `["account", "list"]`.
    pub async fn run(&self, args: &[&str], input: &str) -> Output {
        let mut command = relay_command(self.dir.path());
        // Where each subcommand wants the data is the program's business: its settings name it.
        command.args(args).arg("--config").arg(self.dir.path().join("relay.toml"));
        program::run(command, input.as_bytes()).await
    }

    /// Makes an account with [`password_of`] as its password.
    pub async fn account(&self, name: &str) {
        self.run(&["account", "add", name, "--password-stdin"], &password_of(name)).await.done();
    }

    /// Makes an invite for `uses` accounts and gives back its code.
    pub async fn invite(&self, uses: u32) -> String {
        let output = self.run(&["invite", "--uses", &uses.to_string()], "").await.done();
        let code = output.stdout.split_whitespace().next();
        code.unwrap_or_else(|| panic!("no code: {output:?}")).to_owned()
    }

    /// Kills it as a power cut would.
    pub async fn kill(&mut self) {
        self.running.kill().await;
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.running.terminate().await
    }

    /// Tells it to read its certificate and keys again (SIGHUP), once after a start, and waits until it has.
    pub async fn reload(&mut self) {
        self.running.signal("HUP").await;
        self.running.wait_line(|line| line.contains("read again").then_some(())).await;
    }

    /// Starts it again on the same data, at another port, after [`RelayProcess::kill`] or
    /// [`RelayProcess::terminate`].
    pub async fn restart(&mut self) {
        (self.running, self.addr) = serve(self.dir.path()).await;
    }
}

/// The password that accounts have here: well over any least length.
pub fn password_of(name: &str) -> String {
    format!("{name}-correct-horse")
}

fn relay_command(dir: &Path) -> tokio::process::Command {
    program::command(&program::binary("mailboat-relay-under-test"), dir)
}

async fn serve(dir: &Path) -> (Running, SocketAddr) {
    let mut command = relay_command(dir);
    command.arg("serve").arg("--config").arg(dir.join("relay.toml"));
    let mut running = Running::start(command);
    let addr = running.wait_line(listen_address).await;
    (running, addr)
}

/// The address in the one line on standard output; log lines name addresses in other words.
fn listen_address(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("listening on ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_its_own_line_only() {
        let expected = Some(SocketAddr::from(([127, 0, 0, 1], 7480)));
        assert_eq!(listen_address("listening on 127.0.0.1:7480"), expected);
        assert_eq!(listen_address("2026-11-22T17:00:00Z INFO listening addr=127.0.0.1:7480"), None);
    }
}
