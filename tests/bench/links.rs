//! The same visits over emulated thin links, in IP bytes from SYN to FIN: the relay and the laptop
//! each live in a network namespace, and the tool that `LINKBOX` names carries the packets between
//! them and counts. This side prepares the relay, starts the tool and prints; [`super::laptop`] is
//! what runs at the other end.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use harness::{
    program::{self, binary},
    relay::{RelayOptions, password_of},
    tls::TestCertificates,
};
use tokio::process::Command;
use wire::Codec;

use super::{
    corpus::Corpus,
    laptop::{Measured, Report},
    page::{Page, Row},
    peers::{Cost, Mark, PROFILES, Profile},
    scene::{LAPTOP, OFFICE},
    wire_figures,
};

/// Where the tool puts the relay's end of the link.
const RELAY_IP: &str = "10.77.0.1";
const RELAY_PORT: u16 = 8443;

/// Writes the figures, if there is a tool to measure them with.
///
/// `wanted` says which profiles are.
pub(crate) async fn print(
    page: &Page,
    corpus: &Corpus,
    wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<()> {
    if !PROFILES.iter().any(|profile| wanted(profile.name)) {
        return Ok(());
    }
    let Some(linkbox) = env::var_os("LINKBOX").filter(|path| !path.is_empty()) else {
        page.note("\nThin links: not measured. LINKBOX names no tool (it needs root).");
        return Ok(());
    };
    let linkbox = fs::canonicalize(&linkbox).context("LINKBOX names no file")?;
    for profile in PROFILES.iter().filter(|profile| wanted(profile.name)) {
        let report = measure(&linkbox, profile, corpus)
            .await
            .with_context(|| format!("measuring over {}", profile.name))?;
        page.section(&format!("{}: {}; IP bytes, SYN to FIN", profile.name, profile.what));
        let limits = limits(profile, corpus)?;
        print_visit(page, "nothing new", report.idle, profile.idle);
        print_limit(page, report.idle, limits.0);
        let goal = |more: f64, trips_goal| {
            let bytes_goal = profile.idle.bytes_goal + more;
            Mark { bytes_goal, trips_goal, ..profile.idle }
        };
        print_visit(page, "the same, early data", report.early, goal(100.0, 2.0));
        print_both(page, report.idle, report.early, profile.idle);
        print_visit(page, "the same, cold start, key pinned", report.cold, goal(150.0, 3.0));
        print_visit(page, "100 waiting, 20 to send", report.batch, profile.batch);
        print_limit(page, report.batch, limits.1);
        page.row(&Row::count("  requests", report.batch.requests, "").at_most(1.0));
        print_visit(page, "the same, the rate known", report.again, profile.batch);
        page.row(&Row::count("  requests", report.again.requests, "").at_most(1.0));
    }
    Ok(())
}

/// What the line itself takes for nothing, and for the corpus.
fn limits(profile: &Profile, corpus: &Corpus) -> anyhow::Result<(Cost, Cost)> {
    let packed = |lines: &[String]| wire_figures::bare_packets(Codec::Model, lines);
    Ok((profile.limit(0, 0), profile.limit(packed(&corpus.up)?, packed(&corpus.down)?)))
}

fn print_limit(page: &Page, measured: Measured, limit: Cost) {
    let row = Row::count("  bytes, beside the least there could be", measured.bytes, "B");
    page.row(&row.beside("limit", limit.bytes.round()));
    let row = Row::new("  seconds, beside the line's own", measured.seconds, "s");
    page.row(&row.beside("limit", (limit.seconds * 100.0).round() / 100.0));
}

fn print_visit(page: &Page, what: &str, measured: Measured, mark: Mark) {
    let bytes = Row::count(what, measured.bytes, "B").at_most(mark.bytes_goal);
    page.row(&bytes.beside(mark.peer, mark.cost.bytes));
    let floor = Row::count("  a bare HTTPS POST beside it", measured.bytes, "B");
    page.row(&floor.beside("POST", mark.floor.bytes));
    let trips = Row::new("  round trips", measured.trips, "").at_most(mark.trips_goal);
    page.row(&trips.beside(mark.peer, mark.cost.trips));
    let seconds = Row::new("  seconds", measured.seconds, "s");
    page.row(&seconds.beside(mark.peer, mark.cost.seconds));
    page.row(&Row::count("  packets", measured.packets, ""));
    page.row(&Row::count("  the agent's ledger", measured.ledger, "B"));
    let off =
        measured.ledger.abs_diff(measured.bytes) as f64 * 100.0 / measured.bytes.max(1) as f64;
    page.row(&Row::new("    off by", (off * 100.0).round() / 100.0, "%").at_most(2.0));
    if measured.lost > 0 {
        page.note(&format!(
            "  ({} packets lost on the way, SYNs sent: {})",
            measured.lost, measured.syns
        ));
    }
}

/// What an agent pays that stays: its visits are of the two kinds by turns.
fn print_both(page: &Page, tickets: Measured, early: Measured, mark: Mark) {
    let bytes = (tickets.bytes + early.bytes).div_ceil(2);
    let row = Row::count("both kinds, on average", bytes, "B").at_most(mark.bytes_goal);
    page.row(&row.beside(mark.peer, mark.cost.bytes));
    let mut seconds = Row::new("  seconds", (tickets.seconds + early.seconds) / 2.0, "s");
    if let Some(goal) = mark.seconds_goal {
        seconds = seconds.at_most(goal);
    }
    page.row(&seconds.beside(mark.peer, mark.cost.seconds));
}

/// One run of the tool, on a relay and homes of its own.
async fn measure(linkbox: &Path, profile: &Profile, corpus: &Corpus) -> anyhow::Result<Report> {
    let dir = tempfile::tempdir()?;
    let config = prepare(dir.path()).await?;
    let lines = dir.path().join("corpus.txt");
    fs::write(&lines, [corpus.down.join("\n"), corpus.up.join("\n")].join("\n"))?;
    let relay = format!(
        "exec {} serve --config {} >{} 2>&1",
        quoted(&binary("mailboat-relay-under-test")),
        quoted(&config),
        quoted(&dir.path().join("relay.log")),
    );
    let mut command = Command::new(linkbox);
    command.args(["run", "--profile", "lan", "--ready-port", &RELAY_PORT.to_string()]);
    command.args(["--relay", &relay, "--"]).arg(env::current_exe()?);
    command.args(["laptop", profile.name]).args([dir.path(), &lines]).env("LINKBOX", linkbox);
    let output = program::run(command, b"").await;
    ensure!(
        output.code == Some(0),
        "the run ended with {:?}\n{}{}{}",
        output.code,
        output.stdout,
        output.stderr,
        fs::read_to_string(dir.path().join("relay.log")).unwrap_or_default()
    );
    Report::read(dir.path())
}

/// Puts settings, certificates and two accounts into `dir`; the settings' path.
async fn prepare(dir: &Path) -> anyhow::Result<PathBuf> {
    let certificates = TestCertificates::write_for(dir, &[RELAY_IP])?;
    let mut settings = RelayOptions::default().settings;
    settings.listen = SocketAddr::new(RELAY_IP.parse()?, RELAY_PORT);
    settings.data = dir.join("data");
    settings.tls.cert = certificates.cert;
    settings.tls.key = certificates.key;
    fs::create_dir(&settings.data)?;
    let config = dir.join("relay.toml");
    fs::write(&config, toml::to_string(&settings)?)?;
    for name in [LAPTOP, OFFICE] {
        let mut command = program::command(&binary("mailboat-relay-under-test"), dir);
        command.args(["account", "add", name, "--password-stdin", "--config"]).arg(&config);
        program::run(command, password_of(name).as_bytes()).await.done();
    }
    Ok(config)
}

/// Where agents find the relay.
pub(crate) fn relay_url() -> String {
    format!("https://{RELAY_IP}:{RELAY_PORT}")
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
