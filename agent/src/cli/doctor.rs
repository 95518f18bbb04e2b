//! `doctor`: what could be wrong, step by step, each with its remedy. A step that rests on one that
//! failed is left out.

use std::time::Duration;

use config::{Account, AgentPaths, AgentSettings, agent::Link};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use tokio::time::timeout;

use super::{Session, account::client, block_on, out::safe};
use crate::{
    account,
    control::{self, Failure, exit},
    link::{Check, Client, Finding, LinkState, Meter, Monitor, Reach, probe},
    quota::Quota,
    store::{Reader, StoreError, free_space},
};

/// A clock that is off by less is right enough, in seconds.
const CLOCK_OFF_MAX_S: u64 = 120;
/// So long may the relay take to answer, all in all: a thin link needs some 20 s for both questions.
const ANSWER_MAX: Duration = Duration::from_mins(1);
/// Less free disk space than this deserves a word, in bytes.
const DISK_LOW: u64 = 64 << 20;

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// One line.
#[derive(Clone, Debug, Serialize)]
struct Line {
    check: &'static str,
    level: Level,
    words: String,
    /// What to do; empty where all is well.
    remedy: String,
    /// It may well go by itself: there is no link now, or the relay is busy.
    #[serde(skip)]
    passes: bool,
}

impl Line {
    fn ok(check: &'static str, words: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, words: words.into(), remedy: String::new(), passes: false }
    }

    fn warn(check: &'static str, words: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Warn, remedy: remedy.into(), ..Self::ok(check, words) }
    }

    fn fail(check: &'static str, words: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Fail, ..Self::warn(check, words, remedy) }
    }

    /// As [`Line::fail`], of what the relay or the way to it would not do.
    fn refused(check: &'static str, failure: Failure, remedy: &str) -> Self {
        let passes = failure.exit == exit::LATER;
        Self { passes, ..Self::fail(check, failure.words, remedy) }
    }
}

impl Session<'_> {
    /// Exits with 1 when something failed that stays so, with 75 when all that failed is the link of now.
    pub(super) fn doctor(&mut self) -> Result<u8, Failure> {
        let paths = self.paths()?;
        let mut lines = Vec::new();
        let settings = self.settings();
        let account = Account::load(&paths.account);
        lines.push(config_line(&paths, &settings));
        let mut link = Vec::new();
        let mut is_ample = false;
        if let Ok(settings) = &settings {
            // Asked anew, whether an agent runs or not.
            let sources = self.link_sources();
            if let Ok(state) = block_on(async { Ok(Monitor::look(sources).await) }) {
                is_ample = state.is_ample(state.profile(&settings.link));
                lines.push(way_out_line(&state, &settings.link));
            }
            lines.extend(quota_lines(&paths, settings));
        }
        if let (Ok(settings), Ok(Some(account))) = (&settings, &account) {
            link = self.link_lines(settings, account, is_ample);
        }
        // The clock is known from the relay, but a wrong one explains what fails after it.
        lines.extend(clock_line(&paths, &mut link));
        lines.append(&mut link);
        match &account {
            Ok(Some(account)) => lines.push(account_line(&paths, account)),
            Ok(None) => {
                let remedy =
                    "join a relay with mailboat join, or use your account with mailboat login";
                lines.push(Line::fail("account", "not logged in", remedy));
            }
            Err(err) => lines.push(Line::fail(
                "account",
                control::chain(err),
                "log in again with mailboat login",
            )),
        }
        lines.push(store_line(&paths));
        lines.push(Self::agent_line(&paths));
        lines.push(disk_line(&paths));
        for line in &lines {
            self.show(line)?;
        }
        let failed = lines.iter().filter(|line| line.level == Level::Fail);
        Ok(match failed.map(|line| line.passes).reduce(|all, one| all && one) {
            None => exit::DONE,
            Some(true) => exit::LATER,
            Some(false) => exit::FAILED,
        })
    }

    fn show(&mut self, line: &Line) -> Result<(), Failure> {
        if self.out.json {
            return self.out.object(line);
        }
        let level = match line.level {
            Level::Ok if self.out.quiet => return Ok(()),
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        self.out.line(&format!("{level}  {:<9}{}", line.check, safe(&line.words, false)))?;
        if !line.remedy.is_empty() {
            self.out.line(&format!("               {}", safe(&line.remedy, false)))?;
        }
        Ok(())
    }

    fn link_lines(&self, settings: &AgentSettings, account: &Account, is_ample: bool) -> Vec<Line> {
        let client = match client(account, settings, self.env) {
            Ok(client) => client.over_ample(is_ample),
            Err(failure) => {
                let remedy = "log in again with the right address";
                return vec![Line::refused("address", failure, remedy)];
            }
        };
        let looked = block_on(async {
            let findings = probe(&client, &Meter::new(None)).await;
            let mut lines: Vec<_> = findings.iter().map(found).collect();
            if findings.iter().all(|finding| finding.outcome.is_ok()) {
                lines.extend(ask_relay(&client, account).await);
            }
            Ok(lines)
        });
        looked.unwrap_or_else(|failure| vec![Line::fail("name", failure.words, "")])
    }

    fn agent_line(paths: &AgentPaths) -> Line {
        let asked = block_on(async {
            control::Client::connect(&paths.socket)
                .await
                .map_err(|err| super::ask::cannot_connect(paths, &err))
        });
        match asked {
            Ok(Some(client)) => Line::ok("agent", format!("running (pid {})", client.pid())),
            Ok(None) => Line::ok("agent", "not running: calls are made by mailboat sync alone"),
            Err(failure) => Line::fail("agent", failure.words, "stop the agent and start it again"),
        }
    }
}

fn config_line(paths: &AgentPaths, settings: &Result<AgentSettings, Failure>) -> Line {
    match settings {
        Ok(settings) if settings.connect.is_empty() => {
            let words = format!("{}: calls are made only when asked", paths.config.display());
            Line::ok("config", words)
        }
        Ok(_) => Line::ok("config", paths.config.display().to_string()),
        Err(failure) => Line::fail(
            "config",
            &failure.words,
            "correct the settings; until then the agent does not start",
        ),
    }
}

/// What the system says of the link, and which profile holds.
fn way_out_line(state: &LinkState, profiles: &[Link]) -> Line {
    let profile = state.profile(profiles);
    let mut words = vec![match state.up {
        Reach::Unknown => "the system does not say whether there is one".to_owned(),
        Reach::Down => "nothing leads out of this computer".to_owned(),
        Reach::Portal => "a login page stands before it".to_owned(),
        Reach::Up => "up".to_owned(),
    }];
    let known = [
        ("by", &state.interface),
        ("connection", &state.connection),
        ("wireless network", &state.ssid),
    ];
    let known = known.iter().filter_map(|(name, is)| is.as_ref().map(|is| format!("{name} {is}")));
    words.extend(known);
    words.push(match profile {
        Some(profile) => format!("profile {}", profile.name),
        None => "no profile".to_owned(),
    });
    let who = if profile.is_some_and(|profile| profile.metered.is_some()) {
        "as its profile says"
    } else {
        "as the system says"
    };
    words.push(match state.is_metered(profile) {
        Some(true) => format!("metered ({who})"),
        Some(false) => format!("unmetered ({who})"),
        None => "not known to be metered or not: rules take it for metered".to_owned(),
    });
    let words = words.join(", ");
    match state.up {
        Reach::Portal => {
            Line::warn("link", words, "open any page in a browser and log in to the network there")
        }
        Reach::Down => Line::warn(
            "link",
            words,
            "plug in, dial or join a network; a relay on this computer needs none",
        ),
        Reach::Unknown | Reach::Up => Line::ok("link", words),
    }
}

/// How each quota stands, for links that have one.
fn quota_lines(paths: &AgentPaths, settings: &AgentSettings) -> Vec<Line> {
    let (now, zone) = (Timestamp::now().as_second(), TimeZone::system());
    let quotas = Reader::open(&paths.store)
        .and_then(|reader| Quota::all(&settings.link, &reader, now, &zone));
    // A store that cannot be read has a line of its own.
    quotas.unwrap_or_default().iter().map(|quota| quota_line(quota, now, &zone)).collect()
}

fn quota_line(quota: &Quota, now: i64, zone: &TimeZone) -> Line {
    let words = format!("{}: {}", quota.link, quota.words(now, zone));
    match quota.mark() {
        None => Line::ok("quota", words),
        Some(_) if quota.is_stopped() => {
            let remedy = format!(
                "calls over it are refused; lift it with mailboat usage --lift-quota {}",
                quota.link
            );
            Line::warn("quota", words, remedy)
        }
        Some(_) => Line::warn("quota", words, "at 100 % calls over this link stop"),
    }
}

/// Compares with the relay's clock: as it says now (left in `link` by [`ask_relay`]), else at the last visit.
fn clock_line(paths: &AgentPaths, link: &mut Vec<Line>) -> Option<Line> {
    if let Some(at) = link.iter().position(|line| line.check == "clock") {
        return Some(link.remove(at));
    }
    let ahead = Reader::open(&paths.store).ok()?.position().ok()?.relay_ahead_s?;
    Some(clock(ahead, "at the last visit"))
}

fn clock(relay_ahead_s: i64, as_of: &str) -> Line {
    let off = super::out::span(relay_ahead_s.unsigned_abs());
    let side = if 0 < relay_ahead_s { "behind" } else { "ahead of" };
    match relay_ahead_s.unsigned_abs() {
        0..=CLOCK_OFF_MAX_S => {
            Line::ok("clock", format!("within {CLOCK_OFF_MAX_S} s of the relay's ({as_of})"))
        }
        _ => Line::warn(
            "clock",
            format!("{off} {side} the relay's ({as_of})"),
            "set this computer's date and time: certificates and shown times depend on it",
        ),
    }
}

fn found(finding: &Finding) -> Line {
    let check = match finding.check {
        Check::Name => "name",
        Check::Tcp => "tcp",
        Check::Proxy => "proxy",
        Check::Tls => "tls",
    };
    match (&finding.outcome, &finding.warning) {
        (Ok(words), None) => Line::ok(check, words),
        (Ok(words), Some(warning)) => Line::warn(check, words, warning),
        (Err(err), _) => {
            let line = Line::fail(check, control::chain(err), err.remedy());
            Line { passes: !err.is_permanent(), ..line }
        }
    }
}

/// Relay version, login, and its clock; or that it says nothing, as soon as it is clear.
async fn ask_relay(client: &Client, account: &Account) -> Vec<Line> {
    timeout(ANSWER_MAX, ask_patiently(client, account)).await.unwrap_or_else(|_| {
        let words = format!("connects, and has not answered within {} s", ANSWER_MAX.as_secs());
        let remedy =
            "try again later; if it stays so, ask whoever runs the relay, or check its address";
        vec![Line { passes: true, ..Line::fail("relay", words, remedy) }]
    })
}

async fn ask_patiently(client: &Client, account: &Account) -> Vec<Line> {
    let info = match account::relay(client).await {
        Ok(info) => info,
        Err(failure) => {
            return vec![Line::refused("relay", failure, "check the relay's address")];
        }
    };
    let mut lines = Vec::new();
    if let Some(now) = info.now {
        let ahead = now.as_second() - jiff::Timestamp::now().as_second();
        lines.push(clock(ahead, "now"));
    }
    lines.push(match account::devices(client, &account.token).await {
        Ok(_) => Line::ok("login", format!("{}, device {}", account.name, account.device)),
        Err(failure) if failure.exit == exit::LATER => {
            Line::warn("login", failure.words, "try again later")
        }
        Err(failure) => Line::fail("login", failure.words, "log in again with mailboat login"),
    });
    let words = format!("{} at {}", info.version, info.domain);
    let spoken = info.protocol.as_u64();
    lines.push(match spoken {
        Some(spoken) if spoken != u64::from(wire::VERSION) => Line::fail(
            "relay",
            format!("{words} speaks protocol {spoken}, this program {}", wire::VERSION),
            "use a version of mailboat that fits the relay",
        ),
        _ => Line::ok("relay", words),
    });
    lines
}

fn account_line(paths: &AgentPaths, account: &Account) -> Line {
    let words = format!("{} at {}", account.name, account.relay);
    match Account::others_can_read(&paths.account) {
        Ok(true) => {
            let remedy =
                format!("keep the token to yourself: chmod 600 {}", paths.account.display());
            Line::warn("account", format!("{words}; others can read its file"), remedy)
        }
        _ => Line::ok("account", words),
    }
}

fn store_line(paths: &AgentPaths) -> Line {
    let counted = Reader::open(&paths.store).and_then(|reader| reader.counters());
    match counted {
        Ok(counters) => {
            let (here, unread) = (counters.waiting_here + counters.held_here, counters.unread);
            Line::ok(
                "store",
                format!("{} ({here} waiting, {unread} unread)", paths.store.display()),
            )
        }
        Err(StoreError::Absent { .. }) => Line::fail(
            "store",
            format!("there is none at {} yet", paths.store.display()),
            "it comes with mailboat join or mailboat login",
        ),
        Err(err) => Line::fail(
            "store",
            control::chain(&err),
            "put it back from a copy, or log in again under another --home",
        ),
    }
}

fn disk_line(paths: &AgentPaths) -> Line {
    match free_space(&paths.store) {
        u64::MAX => Line::ok("disk", "free space is not known"),
        free if free < DISK_LOW => Line::warn(
            "disk",
            format!("{} free beside {}", super::out::bytes(free), paths.store.display()),
            "free some space: without it nothing can be received",
        ),
        free => Line::ok("disk", format!("{} free", super::out::bytes(free))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{RelayUrl, TlsSettings};

    /// Four attempts of two minutes each would say nothing for eight.
    #[tokio::test(start_paused = true)]
    async fn a_relay_that_accepts_and_says_nothing_is_told_of_within_a_minute() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::new(RelayUrl::parse(&url, false).unwrap(), TlsSettings::default());
        let account = Account {
            relay: url,
            name: "ann".to_owned(),
            account: 1,
            device: 1,
            token: account::new_token().unwrap(),
            ca: None,
            relay_key: None,
        };
        let begun = tokio::time::Instant::now();
        let lines = ask_relay(&client, &account).await;
        assert!(begun.elapsed() <= ANSWER_MAX + Duration::from_secs(1), "{:?}", begun.elapsed());
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((line.check, line.level, line.passes), ("relay", Level::Fail, true));
        assert!(line.words.ends_with("has not answered within 60 s"), "{}", line.words);
    }

    #[test]
    fn the_link_is_told_with_its_profile_and_whether_bytes_cost() {
        let state = LinkState {
            up: Reach::Up,
            interface: Some("ppp0".to_owned()),
            connection: Some("Mobile".to_owned()),
            ssid: None,
            metered: Some(true),
        };
        let stick = Link {
            name: "stick".to_owned(),
            interface: "ppp*".to_owned(),
            metered: Some(false),
            ..Link::default()
        };
        let line = way_out_line(&state, &[]);
        assert_eq!(
            line.words,
            "up, by ppp0, connection Mobile, no profile, metered (as the system says)"
        );
        let line = way_out_line(&state, &[stick]);
        assert!(
            line.words.ends_with("profile stick, unmetered (as its profile says)"),
            "{}",
            line.words
        );
        assert_eq!(line.level, Level::Ok);
        let portal = way_out_line(&LinkState { up: Reach::Portal, ..state }, &[]);
        assert!(portal.level == Level::Warn && portal.remedy.contains("browser"));
    }
}
