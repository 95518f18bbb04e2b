//! Commands as they are typed, without a process, a link or a relay.

use config::{Account, Secret};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

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

#[test]
fn without_a_login_every_command_says_what_to_do_first() {
    let home = Home::new();
    for args in [
        &["inbox"][..],
        &["send", "bob", "-m", "hi"],
        &["sync"],
        &["status"],
        &["agent"],
        &["devices"],
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, exit::FAILED, "{args:?} {ran:?}");
        assert!(ran.err.contains("mailboat login"), "{args:?} {ran:?}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "and leaves nothing behind");
}

#[test]
fn asking_and_writing_work_offline_and_without_an_agent() {
    let home = Home::of("ann");
    let asked = home.one(&["chat", "bob", "-m", "hello there"]);
    let conversation = asked["conversation"].as_str().unwrap().to_owned();
    let sent = home.one(&["send", "bob", "-m", "are you there?"]);
    assert_eq!((&sent["conversation"], &sent["state"]), (&asked["conversation"], &"held".into()));
    assert!(sent["reason"].as_str().unwrap().contains("bob"), "{sent}");
    let by_id = home.one(&["send", &conversation, "-m", "second"]);
    assert_ne!(sent["id"], by_id["id"]);

    let outbox = home.rows(&["outbox"]);
    let states: Vec<_> = outbox.iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["queued", "held", "held"], "{outbox:?}");
    for key in ["id", "conversation", "to", "text", "state", "reason", "estimate"] {
        assert!(outbox.iter().all(|row| row.get(key).is_some()), "{key}");
    }
    assert!(home.rows(&["inbox"]).is_empty());
    let own = home.rows(&["inbox", "--all"]);
    let texts: Vec<_> = own.iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert_eq!(texts[texts.len() - 2..], ["are you there?", "second"]);
    for key in [
        "id",
        "conversation",
        "from",
        "text",
        "sent_at",
        "received_at",
        "kind",
        "mine",
        "read",
        "attachments",
    ] {
        assert!(own.iter().all(|row| row.get(key).is_some()), "{key}");
    }
    assert_eq!(
        home.rows(&["search", "there"]).len(),
        own.iter().filter(|r| r["text"].as_str().unwrap().contains("there")).count()
    );
}

#[test]
fn what_has_not_left_is_edited_held_released_and_cancelled() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let id = home.one(&["send", "bob", "-m", "frist"])["id"].as_str().unwrap().to_owned();
    home.one(&["outbox", "edit", &id, "-m", "first"]);
    let row = |home: &Home| home.rows(&["outbox"]).into_iter().find(|row| row["id"] == id.as_str());
    assert_eq!(row(&home).unwrap()["text"], "first");
    home.one(&["outbox", "hold", &id]);
    assert_eq!(row(&home).unwrap()["reason"], "held by you");
    home.one(&["outbox", "release", &id]);
    assert!(row(&home).unwrap()["reason"].as_str().unwrap().contains("bob"));
    home.one(&["outbox", "cancel", &id]);
    assert_eq!(row(&home), None);
}

#[test]
fn a_text_comes_from_standard_input_without_its_last_line_break() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let ran = home.run_with(&["send", "bob", "-m", "-", "--json"], "two\nlines\n", &nobody());
    assert_eq!(ran.rows().len(), 1);
    assert_eq!(home.rows(&["inbox", "--all"]).last().unwrap()["text"], "two\nlines");
    let too_long = "x".repeat(300 << 10);
    let ran = home.run_with(&["send", "bob", "-m", "-"], &too_long, &nobody());
    assert_eq!(ran.code, exit::FAILED);
    assert!(ran.err.contains("too long"), "{ran:?}");
}

#[test]
fn a_slip_in_one_of_several_recipients_sends_to_none() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let before = home.rows(&["outbox"]).len();
    let ran = home.run(&["send", "bob", "bbo", "-m", "hi"]);
    assert_eq!(ran.code, exit::FAILED);
    assert!(ran.err.contains("bbo"), "{ran:?}");
    assert_eq!(home.rows(&["outbox"]).len(), before);
}

#[test]
fn mistakes_in_the_command_exit_with_2() {
    let home = Home::of("ann");
    for args in [
        &["dance"][..],
        &["send", "bob"],
        &["sync", "--budget", "1KiB"],
        &["sync", "--budget", "lots"],
        &["delete", "nonsense"],
        &["join", "relay.example", "code", "--name", "ann", "--password-stdin"],
        &["login", "https://relay.example", "ann"],
    ] {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (exit::USAGE, ""), "{args:?} {ran:?}");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn a_typo_in_the_settings_is_named_with_the_nearest_key() {
    let home = Home::of("ann");
    std::fs::write(home.path().join("agent.toml"), "[sync]\nbugdet = \"50 KiB\"\n").unwrap();
    let ran = home.run(&["sync"]);
    assert_eq!(ran.code, exit::FAILED);
    assert!(ran.err.contains("line 2") && ran.err.contains("\"budget\""), "{ran:?}");
    assert_eq!(home.run(&["outbox", "--json"]).code, exit::FAILED, "there is no store yet");
    let line = home.run(&["doctor", "--json"]);
    assert!(line.out.lines().next().unwrap().contains("\"fail\""), "{line:?}");
}

#[test]
fn a_file_of_settings_that_was_named_has_to_be_there_whatever_the_command() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let absent = home.path().join("absent.toml");
    let absent = absent.to_str().unwrap();
    let env: Env = [("MAILBOAT_CONFIG", absent)].into_iter().collect();
    for args in [
        &["status"][..],
        &["inbox"],
        &["outbox"],
        &["search", "x"],
        &["members"],
        &["conversations"],
        &["usage"],
        &["send", "bob", "-m", "hi"],
        &["watch"],
        &["devices"],
        &["sync"],
    ] {
        let by_flag = home.run(&[&["--config", absent], args].concat());
        let by_variable = home.run_with(args, "", &env);
        for ran in [by_flag, by_variable] {
            assert_eq!((ran.code, ran.out.as_str()), (exit::FAILED, ""), "{args:?} {ran:?}");
            assert!(ran.err.contains("absent.toml"), "{args:?} {ran:?}");
        }
    }
    let ran = home.run(&["--config", absent, "doctor"]);
    assert!(ran.out.contains("FAIL  config"), "the doctor names it and looks on: {ran:?}");
    assert_eq!(home.run(&["--config", absent, "completions", "bash"]).code, exit::DONE);
}

#[test]
fn a_visit_without_a_relay_says_no_link_and_exits_with_75() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let ran = home.run(&["sync", "--json"]);
    assert_eq!(ran.code, exit::LATER, "{ran:?}");
    let outcome: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(outcome["outcome"], "no_link", "{outcome}");
    for key in ["sent", "received", "bytes_up", "bytes_down", "requests", "held", "words"] {
        assert!(outcome.get(key).is_some(), "{key}");
    }
    assert!(outcome["held"]["by_kind"].is_object());
    let ran = home.run(&["sync"]);
    assert!(ran.err.starts_with("mailboat: no link"), "{ran:?}");
    assert_eq!(home.rows(&["usage"]).len(), 2);
    assert_eq!(home.one(&["status"])["last_visit"]["outcome"], "no_link");
}

#[test]
fn the_status_has_what_scripts_rely_on() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let status = home.one(&["status"]);
    for key in [
        "account",
        "relay",
        "agent",
        "link",
        "next_call",
        "waiting_here",
        "waiting_there",
        "requests",
        "last_visit",
    ] {
        assert!(status.get(key).is_some(), "{key}: {status}");
    }
    assert_eq!((&status["agent"], &status["waiting_here"]), (&false.into(), &1.into()));
}

#[test]
fn tables_hints_and_quiet_are_for_people() {
    let home = Home::of("ann");
    let ran = home.run(&["chat", "bob"]);
    assert!(ran.out.contains("mailboat sync") && !ran.out.contains('\x1b'), "{ran:?}");
    assert_eq!(home.run(&["-q", "send", "bob", "-m", "hi"]).out, "");
    assert!(home.run(&["outbox"]).out.starts_with("id"), "headings");
    assert!(!home.run(&["outbox", "-q"]).out.contains("state"), "no headings");
    for args in [
        &["inbox", "--all"][..],
        &["members"],
        &["conversations"],
        &["usage", "--month"],
        &["status"],
    ] {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (exit::DONE, ""), "{args:?}");
    }
}

#[test]
fn the_schedule_is_shown_without_an_agent_and_an_expression_is_explained() {
    let home = Home::of("ann");
    let rules = "[[connect]]\nname = \"noon\"\ncron = \"0 12 * * *\"\nbudget = \"50 KiB\"\n[[connect]]\nwhen = \"link-up\"\n";
    std::fs::write(home.path().join("agent.toml"), rules).unwrap();
    let calls = home.rows(&["schedule"]);
    assert_eq!(calls.len(), 10);
    assert_eq!((&calls[0]["rule"], &calls[0]["budget"]), (&"noon".into(), &(50 << 10).into()));
    assert_eq!(calls[0]["why"], "cron = \"0 12 * * *\"");
    let shown = home.run(&["schedule"]).out;
    assert!(shown.contains("12:00:00") && shown.contains("rule 2: calls when a link comes up"));
    let tested = home.one(&["schedule", "test", "30 8 * * Mon-Fri"]);
    assert_eq!(tested["next"].as_array().unwrap().len(), 5);
    assert!(tested["words"].as_str().unwrap().contains("08:30"), "{tested}");
    let wrong = home.run(&["schedule", "test", "30 8"]);
    assert_eq!(wrong.code, exit::USAGE, "{wrong:?}");
    assert!(wrong.err.contains("2 fields"), "{wrong:?}");
}

#[test]
fn errors_are_objects_for_scripts() {
    let home = Home::of("ann");
    let ran = home.run(&["accept", "m99", "--json"]);
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(
        (ran.code, &error["error"]["code"]),
        (exit::FAILED, &"unknown_id".into()),
        "{ran:?}"
    );
}

#[test]
fn help_and_version_go_to_standard_output() {
    let home = Home::new();
    for args in ["--help", "--version"] {
        let ran = home.run(&[args]);
        assert_eq!((ran.code, ran.err.as_str()), (exit::DONE, ""));
        assert!(ran.out.contains("mailboat"));
    }
    assert!(home.run(&["completions", "bash"]).out.contains("complete"));
}

#[test]
fn manual_pages_are_written_for_each_command() {
    let home = Home::new();
    let dir = home.path().join("share/man/man1");
    assert_eq!(home.run(&["man", dir.to_str().unwrap()]).code, exit::DONE);
    for (page, words) in
        [("mailboat.1", "not always online"), ("mailboat-outbox-hold.1", "Keep something here")]
    {
        let page = std::fs::read_to_string(dir.join(page)).unwrap();
        assert!(page.contains(words) && page.starts_with(".ie"), "{page}");
    }
    let ran = home.run(&["man", dir.join("mailboat.1").to_str().unwrap()]);
    assert_eq!(ran.code, exit::FAILED);
    assert!(ran.err.contains("manual pages"), "{ran:?}");
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

#[test]
fn with_an_agent_commands_go_through_it_and_readers_see_what_it_wrote() {
    let home = Home::of("ann");
    let agent = Resident::start(&home);
    assert_eq!(home.one(&["status"])["agent"], true);
    home.one(&["chat", "bob"]);
    let sent = home.one(&["send", "bob", "-m", "hi"]);
    assert_eq!(home.rows(&["inbox", "--all"]).last().unwrap()["id"], sent["id"]);
    assert_eq!(home.run(&["sync"]).code, exit::LATER, "nobody is there to be called");
    assert_eq!(home.one(&["status"])["link"], "down");
    let refused = home.run(&["accept", "m99"]);
    assert_eq!(refused.code, exit::FAILED);
    agent.end().unwrap();
    assert!(!home.path().join("agent.sock").exists());
    home.one(&["send", "bob", "-m", "without it"]);
}

#[test]
fn a_second_agent_is_told_who_has_the_store() {
    let home = Home::of("ann");
    let agent = Resident::start(&home);
    let ran = home.run(&["agent"]);
    assert_eq!(ran.code, exit::FAILED);
    let pid = std::process::id().to_string();
    assert!(ran.err.contains("another agent") && ran.err.contains(&pid), "{ran:?}");
    assert_eq!(home.one(&["status"])["agent"], true, "the first goes on");
    agent.end().unwrap();
}

#[test]
fn many_commands_at_once_all_get_their_turn() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let home = &home;
            scope.spawn(move || home.one(&["send", "bob", "-m", &format!("number {n}")]));
        }
    });
    let texts = home.rows(&["search", "number"]);
    assert_eq!(texts.len(), 8);
}

#[cfg(unix)]
#[test]
fn what_is_kept_here_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let agent = Resident::start(&home);
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
        // The lock holds nothing.
        assert!(mode == 0 || entry.file_name() == "store.lock", "{:?} {mode:o}", entry.file_name());
    }
    agent.end().unwrap();
}

mod clocks;
mod relay;
mod running;
mod units;

use relay::Polite;

/// A folder that is logged in at a relay that runs here.
fn home_at(relay: &Polite) -> Home {
    let home = Home::new();
    let ran =
        home.run_with(&["login", &relay.url, "ann", "--password-stdin"], "secret\n", &nobody());
    assert_eq!(ran.code, exit::DONE, "{ran:?}");
    home
}

#[test]
fn a_login_writes_the_account_and_a_second_one_makes_no_second_device() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let path = home.path().join("account.toml");
    let account = Account::load(&path).unwrap().unwrap();
    assert_eq!(
        (account.account, account.device, account.relay.as_str()),
        (7, 70, relay.url.as_str())
    );
    let login = relay.asked().remove(0);
    assert_eq!(
        (login.0.as_str(), &login.1["token"]),
        ("POST /v1/login", &account.token.expose().into())
    );
    let again =
        home.run_with(&["login", &relay.url, "ann", "--password-stdin"], "secret\n", &nobody());
    assert_eq!(again.code, exit::DONE, "{again:?}");
    assert_eq!(Account::load(&path).unwrap().unwrap(), account);
    assert_eq!(relay.asked().iter().filter(|(what, _)| what == "POST /v1/login").count(), 1);
    let other =
        home.run_with(&["login", &relay.url, "bob", "--password-stdin"], "secret\n", &nobody());
    assert_eq!(other.code, exit::FAILED);
    assert!(other.err.contains("belongs to ann"), "{other:?}");
    // Shut out: now the password counts again.
    relay.revoke_all();
    home.run_with(&["login", &relay.url, "ann", "--password-stdin"], "secret\n", &nobody());
    let logins: Vec<_> =
        relay.asked().into_iter().filter(|(what, _)| what == "POST /v1/login").collect();
    assert_eq!(logins.len(), 2);
    // The store is not empty any more: delivery goes on from where it stands, or the relay would see a fork.
    assert!(logins[0].1["cursors"].is_null() && logins[1].1["cursors"].is_object(), "{logins:?}");
}

#[test]
fn an_exchange_with_nothing_new_is_one_request_of_few_bytes() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let outcome = home.one(&["sync"]);
    assert_eq!(
        (&outcome["outcome"], &outcome["requests"]),
        (&"done".into(), &1.into()),
        "{outcome}"
    );
    let bytes = outcome["bytes_up"].as_u64().unwrap() + outcome["bytes_down"].as_u64().unwrap();
    assert!(0 < bytes && bytes <= 235, "{bytes}");
    let usage = home.rows(&["usage"]);
    assert_eq!(
        (&usage[0]["outcome"], &usage[0]["bytes_up"]),
        (&"done".into(), &outcome["bytes_up"])
    );
}

mod costs;

#[test]
fn a_budget_below_what_one_exchange_costs_is_kept() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let outcome = home.one(&["sync", "--budget", "12KiB"]);
    assert!(outcome["bytes_up"].as_u64().unwrap() < 12 << 10);
}

#[test]
fn a_device_that_was_shut_out_is_told_to_log_in_again() {
    let relay = Polite::start();
    let home = home_at(&relay);
    relay.revoke_all();
    let ran = home.run(&["sync"]);
    assert_eq!(ran.code, exit::FAILED, "{ran:?}");
    assert!(ran.err.contains("mailboat login"), "{ran:?}");
}

#[test]
fn an_agent_with_a_rule_calls_at_once_and_says_when_it_calls_next() {
    let relay = Polite::start();
    let home = home_at(&relay);
    std::fs::write(home.path().join("agent.toml"), "[[connect]]\nevery = \"1h\"\n").unwrap();
    let agent = Resident::start(&home);
    let seen = relay.next();
    assert!((3_500..=3_600 + 900).contains(&seen.next_call_s), "{seen:?}");
    home.one(&["block", "bob"]);
    let outcome = home.one(&["sync"]);
    assert_eq!((&outcome["outcome"], &outcome["sent"]), (&"done".into(), &1.into()), "{outcome}");
    let status = home.one(&["status"]);
    assert_eq!(status["link"], "up");
    assert!(status["next_call"].as_str().unwrap().parse::<Timestamp>().is_ok());
    agent.end().unwrap();
}

#[test]
fn a_line_that_is_held_carries_at_once_what_is_written_and_gives_way_to_a_visit() {
    let relay = Polite::start();
    let home = home_at(&relay);
    std::fs::write(home.path().join("agent.toml"), "[[connect]]\nlive = true\n").unwrap();
    let agent = Resident::start(&home);
    assert_eq!(relay.next().hold_s, 0, "a whole visit first");
    assert!(0 < relay.next().hold_s);
    assert_eq!(home.one(&["status"])["link"], "live");
    home.one(&["block", "bob"]);
    let seen = relay.next();
    assert_eq!((seen.items, seen.hold_s), (1, 0));
    assert_eq!(home.one(&["sync"])["outcome"], "done");
    assert_eq!(relay.next().hold_s, 0, "the visit that was asked for");
    while relay.next().hold_s == 0 {}
    agent.end().unwrap();
}

/// A rule that dials: what its programs do, as shell words, and what they wrote, waited for.
#[cfg(unix)]
struct Dialling {
    home: Home,
    agent: Resident,
    diary: std::path::PathBuf,
}

#[cfg(unix)]
impl Dialling {
    /// `dial` is the text of the dial program; both programs write one line into a diary.
    fn start(home: Home, dial: &str, timeout: &str) -> Self {
        let diary = home.path().join("diary");
        let shown = diary.display();
        let rule = format!(
            "log = \"off\"\n[[connect]]\nname = \"modem\"\nevery = \"2s\"\ndial_timeout = \"{timeout}\"\n\
            dial = [\"sh\", \"-c\", \"echo dial $MAILBOAT_RULE >> {shown}; {dial}\"]\n\
            hangup = [\"sh\", \"-c\", \"echo hangup $MAILBOAT_OUTCOME >> {shown}\"]\n"
        );
        std::fs::write(home.path().join("agent.toml"), rule).unwrap();
        Self { agent: Resident::start(&home), home, diary }
    }

    /// The diary once it has so many lines.
    fn lines(&self, count: usize) -> Vec<String> {
        let began = std::time::Instant::now();
        loop {
            let text = std::fs::read_to_string(&self.diary).unwrap_or_default();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            if count <= lines.len() {
                return lines;
            }
            assert!(began.elapsed().as_secs() < 60, "{lines:?}");
            std::thread::yield_now();
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
    }

    /// Ends it; gives what the user was told meanwhile.
    fn told(self) -> Vec<String> {
        let notices = self.home.rows(&["inbox"]);
        self.agent.end().unwrap();
        notices.iter().map(|row| row["text"].as_str().unwrap().to_owned()).collect()
    }
}

#[cfg(unix)]
#[test]
fn a_visit_dials_before_it_and_hangs_up_after_it() {
    let relay = Polite::start();
    let dialling = Dialling::start(home_at(&relay), "true", "10s");
    assert_eq!(dialling.lines(4)[..4], ["dial modem", "hangup done", "dial modem", "hangup done"]);
    assert!(dialling.told().is_empty());
}

#[cfg(unix)]
#[test]
fn a_dial_program_that_fails_hangs_or_connects_to_nothing_is_told_once_and_the_next_window_happens()
{
    let cases = [
        ("echo no carrier; exit 3", "10s", "no carrier"),
        ("sleep 600", "1s", "longer than 1 s"),
        ("true", "1s", "no relay answered"),
    ];
    for (dial, timeout, why) in cases {
        let dialling = Dialling::start(Home::of("ann"), dial, timeout);
        let lines = dialling.lines(6);
        assert_eq!(lines[..4], ["dial modem", "hangup no_link", "dial modem", "hangup no_link"]);
        let trouble = dialling.home.one(&["status"])["trouble"].to_string();
        assert!(trouble.contains(why), "{trouble}");
        let told = dialling.told();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("modem") && told[0].contains(why), "{told:?}");
    }
}

#[cfg(unix)]
#[test]
fn what_was_told_of_a_dial_program_is_not_told_again_by_the_next_agent() {
    let dialling = Dialling::start(Home::of("ann"), "echo no carrier; exit 3", "10s");
    dialling.lines(2);
    while dialling.home.rows(&["inbox"]).is_empty() {}
    dialling.agent.end().unwrap();
    let told = dialling.home.rows(&["inbox"]);
    let id = told[0]["id"].as_str().unwrap().to_owned();
    let ran = dialling.home.run(&["inbox", "--mark-read"]);
    assert!(ran.out.contains("no carrier"), "{ran:?}");
    let again = Dialling { agent: Resident::start(&dialling.home), ..dialling };
    let status = again.home.one(&["status"]);
    assert!(status["trouble"].to_string().contains("no carrier"), "from the beginning: {status}");
    again.lines(6);
    assert_eq!(again.home.rows(&["inbox"]).last().unwrap()["id"], id.as_str());
    std::fs::write(again.home.path().join("agent.toml"), "log = \"off\"\n").unwrap();
    again.agent.signals.blocking_send(Signal::Reload).unwrap();
    while again.home.one(&["status"])["trouble"] != serde_json::json!([]) {}
    again.agent.end().unwrap();
    drop(again.home);
}

#[cfg(unix)]
#[test]
fn a_hangup_program_that_is_not_there_or_hangs_is_told_once_because_the_link_may_still_be_up() {
    let cases = [
        ("[\"/nonexistent/poff\"]", "could not be started"),
        ("[\"sleep\", \"600\"]", "longer than 1 s"),
        ("[\"sh\", \"-c\", \"echo busy; exit 4\"]", "busy"),
    ];
    for (hangup, why) in cases {
        let relay = Polite::start();
        let home = home_at(&relay);
        let rule = format!(
            "log = \"off\"\n[[connect]]\nname = \"modem\"\nevery = \"1s\"\nhangup_timeout = \"1s\"\n\
            hangup = {hangup}\n"
        );
        std::fs::write(home.path().join("agent.toml"), rule).unwrap();
        let agent = Resident::start(&home);
        (0..3).for_each(|_| _ = relay.next());
        let trouble = home.one(&["status"])["trouble"].to_string();
        assert!(trouble.contains(why) && trouble.contains("may still be up"), "{trouble}");
        agent.end().unwrap();
        let told = home.rows(&["inbox"]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0]["text"].as_str().unwrap().contains(why), "{told:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_hangup_program_that_finds_nothing_to_hang_up_is_no_matter() {
    let dialling = Dialling::start(Home::of("ann"), "exit 3", "10s");
    dialling.lines(1);
    dialling.agent.end().unwrap();
    let rule = "log = \"off\"\n[[connect]]\nname = \"modem\"\nevery = \"1s\"\ndial = [\"true\"]\n\
        dial_timeout = \"1s\"\nhangup = [\"false\"]\n";
    let home = Home::of("bob");
    std::fs::write(home.path().join("agent.toml"), rule).unwrap();
    let agent = Resident::start(&home);
    while home.rows(&["inbox"]).is_empty() {}
    agent.end().unwrap();
    let told = home.rows(&["inbox"]);
    assert_eq!(told.len(), 1, "that nobody answered: {told:?}");
    assert!(!told[0]["text"].as_str().unwrap().contains("may still be up"), "{told:?}");
}

#[cfg(unix)]
#[test]
fn an_agent_that_is_stopped_while_it_dials_hangs_up() {
    let dialling = Dialling::start(Home::of("ann"), "exec sleep 600", "10m");
    dialling.lines(1);
    let (diary, home) = (dialling.diary.clone(), dialling.home);
    dialling.agent.end().unwrap();
    assert_eq!(std::fs::read_to_string(&diary).unwrap(), "dial modem\nhangup no_link\n");
    drop(home);
}

#[test]
fn the_doctor_goes_through_every_step() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let checks = |home: &Home| -> Vec<(String, String)> {
        let ran = home.run(&["doctor", "--json"]);
        let rows = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        rows.map(|row| (text(&row, "check"), text(&row, "level"))).collect()
    };
    let names: Vec<_> = checks(&home)
        .into_iter()
        .map(|(check, level)| {
            assert_ne!(level, "fail", "{check}");
            check
        })
        .collect();
    assert_eq!(
        names,
        [
            "config", "link", "clock", "name", "tcp", "login", "relay", "account", "store",
            "agent", "disk"
        ]
    );
    assert_eq!(home.run(&["doctor"]).code, exit::DONE);
    relay.revoke_all();
    assert!(checks(&home).contains(&("login".to_owned(), "fail".to_owned())));
    assert_eq!(home.run(&["doctor"]).code, exit::FAILED);
    assert_eq!(Home::of("ann").run(&["doctor"]).code, exit::FAILED, "no store yet");
}

#[test]
fn the_doctor_says_try_later_only_for_what_passes() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, exit::LATER, "nobody answers, and nothing else is wrong: {ran:?}");
    for relay in ["http://relay.example", "relay.example", "https://127.0.0.1:99999"] {
        let file = home.path().join("account.toml");
        let account = Account::load(&file).unwrap().unwrap();
        Account { relay: relay.to_owned(), ..account }.save(&file).unwrap();
        let ran = home.run(&["doctor", "--json"]);
        assert_eq!(ran.code, exit::FAILED, "{relay}: {ran:?}");
        let line = ran.out.lines().find(|line| line.contains("\"fail\"")).unwrap();
        assert!(line.contains("\"address\""), "{line}");
    }
}

#[test]
fn devices_are_listed_and_shut_out() {
    let relay = Polite::start();
    let home = home_at(&relay);
    assert_eq!(home.one(&["devices"])["id"], 70);
    assert!(home.run(&["devices"]).out.contains("this one"));
    assert_eq!(home.one(&["devices", "revoke", "71"])["revoked"], true);
    assert_eq!(relay.asked().last().unwrap().0, "DELETE /v1/devices/71");
}

/// Takes one line, then is gone, as `head -1` is.
struct Head(Vec<u8>);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.ends_with(b"\n") {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn watch_shows_what_comes_until_nobody_reads_any_more() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let agent = Resident::start(&home);
    let path = home.path().to_str().unwrap().to_owned();
    let watching = std::thread::spawn(move || {
        let (mut out, mut err) = (Head(Vec::new()), Vec::new());
        let io = Io {
            stdin: &mut io::empty(),
            out: &mut out,
            err: &mut err,
            stdin_is_terminal: false,
            out_is_terminal: false,
        };
        let args = ["mailboat", "--home", &path, "watch", "--all", "--json"].map(OsString::from);
        let code = run(args, &nobody(), io);
        (code, String::from_utf8(out.0).unwrap())
    });
    // Whenever it begins to watch, something comes after that.
    while !watching.is_finished() {
        home.one(&["send", "bob", "-m", "ahoy"]);
    }
    let (code, out) = watching.join().unwrap();
    let row: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, out.lines().count()), (exit::DONE, 1));
    assert!(row["text"] == "ahoy" || row["event"].is_string(), "{row}");
    agent.end().unwrap();
}
