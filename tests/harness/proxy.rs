//! Proxies: squid and tinyproxy as Debian ships them, and small ones of our own for what those do not do.
//!
//! The programs run in the foreground, with a folder of their own, on a free port of 127.0.0.1. One that is not
//! installed fails the test and names its package.

mod inspecting;
mod own;
mod socks;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

pub use self::inspecting::InspectingProxy;
pub use self::own::{Manners, OwnProxy};
pub use self::socks::{SocksManners, SocksProxy};
use crate::program::{self, Running};

/// The user that proxies know.
pub const USER: &str = "office-ann";
/// Her password. It is looked for in what the agent says.
pub const PASSWORD: &str = "letmein-or-else";
/// MD5 of [`PASSWORD`], which squid's `basic_ncsa_auth` reads.
const PASSWORD_MD5: &str = "efcc5094e21052fe88cf72a1b4cc6dab";
/// A port that was free may be gone when the program takes it.
const ATTEMPTS: u32 = 5;
/// Where Debian keeps squid's helpers.
const SQUID_HELPERS: &str = "/usr/lib/squid";

/// How one logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyLogin {
    /// Not at all.
    None,
    /// [`USER`] and [`PASSWORD`], in the clear.
    Basic,
    /// Them, as digests.
    Digest,
}

/// A proxy that runs. Dropping it kills it and removes its folder.
#[derive(Debug)]
pub struct RealProxy {
    addr: SocketAddr,
    _running: Running,
    _dir: TempDir,
}

impl RealProxy {
    /// squid with this login. Panics when it is not installed or does not start.
    pub async fn squid(login: ProxyLogin) -> Self {
        Self::squid_with(login, "").await
    }

    /// squid with this login and further `rules` that come before it lets everybody in.
    pub async fn squid_with(login: ProxyLogin, rules: &str) -> Self {
        let squid = installed("squid", "squid");
        Self::start("Accepting HTTP Socket connections", |dir, port| {
            // Started by root it becomes another user, who has to reach its files.
            open_to_all(dir);
            let config = dir.join("squid.conf");
            write(&config, &squid_config(dir, port, login, rules));
            write(&dir.join("basic"), &format!("{USER}:{PASSWORD_MD5}\n"));
            write(&dir.join("digest"), &format!("{USER}:{PASSWORD}\n"));
            let mut command = program::command(&squid, dir);
            command.args(["-N", "-d1", "-f"]).arg(config);
            command
        })
        .await
    }

    /// tinyproxy, with Basic where there is a login. Panics when it is not installed or does not start.
    pub async fn tinyproxy(login: ProxyLogin) -> Self {
        let tinyproxy = installed("tinyproxy", "tinyproxy-bin");
        let login = match login {
            ProxyLogin::None => String::new(),
            ProxyLogin::Basic => format!("BasicAuth {USER} {PASSWORD}\n"),
            ProxyLogin::Digest => panic!("tinyproxy knows no digests"),
        };
        Self::start("Accepting connections", |dir, port| {
            let config = dir.join("tinyproxy.conf");
            let text =
                format!("Port {port}\nListen 127.0.0.1\nTimeout 600\nLogLevel Info\n{login}");
            write(&config, &text);
            let mut command = program::command(&tinyproxy, dir);
            command.arg("-d").arg("-c").arg(config);
            command
        })
        .await
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    async fn start(ready: &str, command: impl Fn(&Path, u16) -> Command) -> Self {
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            let dir = program::folder().expect("there is room for a folder");
            let addr = free_address();
            let mut running = Running::start(command(dir.path(), addr.port()));
            while let Some(line) = running.next_line().await {
                if line.contains(ready) {
                    return Self { addr, _running: running, _dir: dir };
                }
            }
            said = running.said();
        }
        panic!("the proxy does not start:\n{said}");
    }
}

fn squid_config(dir: &Path, port: u16, login: ProxyLogin, rules: &str) -> String {
    let dir = dir.display();
    let login = match login {
        ProxyLogin::None => "http_access allow all\n".to_owned(),
        ProxyLogin::Basic => format!(
            "auth_param basic program {SQUID_HELPERS}/basic_ncsa_auth {dir}/basic\n\
             auth_param basic realm office\nauth_param basic children 1\n\
             acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n"
        ),
        ProxyLogin::Digest => format!(
            "auth_param digest program {SQUID_HELPERS}/digest_file_auth {dir}/digest\n\
             auth_param digest realm office\nauth_param digest children 1\n\
             acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n"
        ),
    };
    format!(
        "http_port 127.0.0.1:{port}\npid_filename {dir}/squid.pid\ncache_log {dir}/cache.log\n\
         access_log none\ncache deny all\ncoredump_dir {dir}\nnetdb_filename none\npinger_enable off\n\
         shutdown_lifetime 0 seconds\nmax_filedescriptors 1024\nvisible_hostname proxy.test\n\
         connect_retries 0\n{rules}\n{login}"
    )
}

/// The program, or a failure that names its package.
fn installed(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/bin"].map(PathBuf::from);
    let found = std::env::split_paths(&path).chain(usual).map(|dir| dir.join(name));
    found.into_iter().find(|file| file.is_file()).unwrap_or_else(|| {
        panic!("{name} is not installed, and this test needs it: apt-get install {package}")
    })
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|listener| listener.local_addr()).expect("loopback has a free port")
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("there is room for a file");
}

#[cfg(unix)]
fn open_to_all(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(dir, all).expect("a folder of ours can be opened");
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) {}
