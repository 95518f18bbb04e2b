//! Command lines and what they print.

use std::{io, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::{ownkey::OwnKeys, store::sqlite::kept};

/// Somebody at a terminal, or a script: what is typed, and what was printed.
#[derive(Default)]
struct Typist {
    input: String,
    secrets: Vec<&'static str>,
    printed: Vec<String>,
    complaints: String,
}

impl Terminal for Typist {
    fn print(&mut self, line: &str) -> io::Result<()> {
        self.printed.push(line.to_owned());
        Ok(())
    }

    fn complain(&mut self, text: &str) {
        self.complaints.push_str(text);
    }

    fn input(&mut self) -> io::Result<String> {
        Ok(std::mem::take(&mut self.input))
    }

    fn ask_secret(&mut self, _prompt: &str) -> io::Result<Option<String>> {
        Ok((!self.secrets.is_empty()).then(|| self.secrets.remove(0).to_owned()))
    }
}

/// A directory for a store, and command lines about it.
struct Rig(TempDir);

struct Said {
    code: u8,
    lines: Vec<String>,
    complaints: String,
}

impl Said {
    /// The lines as JSON objects, of a command that succeeded.
    fn objects(&self) -> Vec<Value> {
        assert_eq!(self.code, DONE, "{}", self.complaints);
        self.lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn failed(&self) -> &str {
        assert_eq!((self.code, self.lines.len()), (FAILED, 0), "{}", self.complaints);
        self.complaints.trim_end()
    }
}

impl Rig {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn data(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }

    fn typed(&self, line: &str, mut typist: Typist) -> Said {
        self.typed_at(&self.data(), line, &mut typist)
    }

    fn typed_at(&self, data: &Path, line: &str, typist: &mut Typist) -> Said {
        let absent = self.0.path().join("home");
        let env: Env = [("HOME", absent.to_str().unwrap())].into_iter().collect();
        let args = ["mailboat-relay".into()]
            .into_iter()
            .chain(line.split_whitespace().map(OsString::from))
            .chain(["--data".into(), data.into()]);
        let code = run(args, &env, typist);
        Said {
            code,
            lines: std::mem::take(&mut typist.printed),
            complaints: std::mem::take(&mut typist.complaints),
        }
    }

    fn run(&self, line: &str) -> Said {
        self.typed(line, Typist { input: "secret\n".to_owned(), ..Typist::default() })
    }
}

#[test]
fn accounts_are_added_listed_disabled_enabled_and_removed() {
    let rig = Rig::new();
    assert_eq!(rig.run("account add anna --password-stdin").lines, ["anna added"]);
    let listed = || rig.run("account list --json").objects();
    let anna = &listed()[0];
    assert_eq!((&anna["name"], &anna["state"]), (&"anna".into(), &"active".into()));
    assert_eq!((&anna["devices"], &anna["waiting"]), (&0.into(), &0.into()));
    assert_eq!(rig.run("account disable anna").lines, ["anna disabled"]);
    assert_eq!(listed()[0]["state"], "disabled");
    assert_eq!(rig.run("account enable anna").code, DONE);
    assert_eq!(listed()[0]["state"], "active");
    assert_eq!(rig.run("account remove anna").code, DONE);
    assert_eq!(listed()[0]["state"], "removed");
    assert!(rig.run("account list").lines.is_empty());
    assert!(rig.run("account add anna --password-stdin").failed().ends_with("this name is taken"));
    assert_eq!(rig.run("account enable anna").failed(), "mailboat-relay: there is no account anna");
}

#[test]
fn a_password_is_asked_for_twice_and_never_without_a_terminal() {
    let rig = Rig::new();
    let typed = |secrets: &[&'static str]| {
        let typist = Typist { secrets: secrets.to_vec(), ..Typist::default() };
        rig.typed("account add anna", typist)
    };
    let nobody = typed(&[]);
    assert_eq!(nobody.code, NOT_UNDERSTOOD);
    assert!(nobody.complaints.contains("--password-stdin"), "{}", nobody.complaints);
    assert!(typed(&["one", "other"]).failed().ends_with("the two passwords differ"));
    assert_eq!(typed(&["one", "one"]).lines, ["anna added"]);
    assert_eq!(rig.run("account password anna --password-stdin").code, DONE);
}

#[test]
fn an_invite_prints_its_code_alone_and_its_list_does_not_show_it() {
    let rig = Rig::new();
    let made = rig.run("invite --uses 3 --expires 2d");
    let [code] = &made.lines[..] else { panic!("{:?}", made.lines) };
    assert_eq!(code.len(), 22);
    let listed = rig.run("invite list --json");
    assert_eq!(listed.objects()[0]["uses_left"], 3);
    assert!(!listed.lines[0].contains(code.as_str()));
    assert_eq!(rig.run("invite --json").objects()[0]["uses"], 1);
}

#[test]
fn an_invite_that_nobody_could_use_is_not_made() {
    let rig = Rig::new();
    for line in ["invite --expires 0s", "invite --expires 99999999d"] {
        assert_eq!(rig.run(line).code, NOT_UNDERSTOOD, "{line}");
    }
    assert!(rig.run("invite list --json").lines.is_empty());
}

#[test]
fn looking_where_no_store_is_makes_none() {
    let rig = Rig::new();
    for line in ["account list", "invite list", "device list anna", "backup copy.db"] {
        assert!(rig.run(line).failed().contains("there is no store in "), "{line}");
    }
    assert!(!rig.data().exists());
}

#[test]
fn what_is_not_understood_exits_with_2_and_help_with_0() {
    let rig = Rig::new();
    for line in ["frobnicate", "account add", "invite --uses 0", "serve --tls-cert x.pem"] {
        assert_eq!(rig.run(line).code, NOT_UNDERSTOOD, "{line}");
    }
    let help = rig.run("--help");
    assert_eq!(help.code, DONE);
    assert!(help.lines.join("\n").contains("mailboat-relay"));
}

#[test]
fn manual_pages_are_written_for_each_command() {
    let (rig, dir) = (Rig::new(), tempfile::tempdir().unwrap());
    let man = dir.path().join("man1");
    assert_eq!(rig.run(&format!("man {}", man.display())).code, DONE);
    let page = std::fs::read_to_string(man.join("mailboat-relay-account-add.1")).unwrap();
    assert!(page.contains("mailboat\\-relay"), "{page}");
    let taken = rig.run(&format!("man {}", man.join("mailboat-relay.1").display()));
    assert_eq!(taken.code, FAILED);
    assert!(taken.complaints.contains("manual pages"), "{}", taken.complaints);
}

#[test]
fn completions_are_printed_for_each_shell() {
    let rig = Rig::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = rig.run(&format!("completions {shell}"));
        assert_eq!(script.code, DONE, "{}", script.complaints);
        assert!(script.lines[0].contains("mailboat-relay"), "{shell}");
    }
    assert_eq!(rig.run("completions csh").code, NOT_UNDERSTOOD);
}

#[test]
fn a_setting_with_a_typo_is_named_with_the_nearest_one() {
    let rig = Rig::new();
    let file = rig.0.path().join("relay.toml");
    std::fs::write(&file, "domian = \"relay.example\"\n").unwrap();
    let said = rig.run(&format!("account list --config {}", file.display()));
    assert!(said.failed().contains("\"domain\""), "{}", said.complaints);
    assert!(said.failed().contains("line 1"), "{}", said.complaints);
}

#[test]
fn a_backup_opens_as_a_store_and_overwrites_nothing() {
    let rig = Rig::new();
    rig.run("account add anna --password-stdin");
    let restored = rig.0.path().join("restored");
    std::fs::create_dir(&restored).unwrap();
    let copy = datadir::store_file(&restored);
    let made = rig.run(&format!("backup {} --json", copy.display())).objects();
    assert_eq!(made[0]["bytes"], std::fs::metadata(&copy).unwrap().len());
    let again = rig.run(&format!("backup {}", copy.display()));
    assert!(again.failed().contains("exists; a backup goes to a new file"));
    let listed = rig.typed_at(&restored, "account list --json", &mut Typist::default());
    assert_eq!(listed.objects()[0]["name"], "anna");
}

#[test]
fn a_backup_has_the_relays_own_keys_and_only_a_backup_has() {
    let rig = Rig::new();
    rig.run("account add anna --password-stdin");
    let copy = |name: &str| {
        let file = rig.0.path().join(name);
        let made = rig.run(&format!("backup {} --json", file.display()));
        let made = made.objects().remove(0);
        assert_eq!(made["bytes"], std::fs::metadata(&file).unwrap().len());
        (file, made["key"].clone())
    };
    let (without, key) = copy("without.db");
    assert_eq!((kept::found(&without).unwrap(), key), (None, Value::Null));

    let mut keys = OwnKeys::load_or_make(&rig.data(), 0).unwrap();
    keys.prepare(&rig.data(), 0).unwrap();
    let (with, key) = copy("with.db");
    assert_eq!(key, keys.current.fingerprint().to_string());
    assert_eq!(kept::found(&datadir::store_file(&rig.data())).unwrap(), None);
    let elsewhere = tempfile::tempdir().unwrap();
    let text = kept::found(&with).unwrap().unwrap();
    let again = OwnKeys::put_back(elsewhere.path(), &text).unwrap();
    assert_eq!(again.fingerprints(), keys.fingerprints());
    assert!(!OwnKeys::others_can_read(elsewhere.path()));
    let said = rig.run(&format!("backup {}", rig.0.path().join("said.db").display()));
    assert!(said.lines[0].ends_with(&format!("own key {}", keys.current.fingerprint())));

    // A damaged file is no reason to lose the mail.
    std::fs::write(rig.data().join("relay-key.pem"), "").unwrap();
    let file = rig.0.path().join("damaged.db");
    let said = rig.run(&format!("backup {}", file.display()));
    assert_eq!(said.code, DONE);
    assert!(said.complaints.contains("own key is not in this backup"), "{}", said.complaints);
    assert_eq!(kept::found(&file).unwrap(), None);
}

#[test]
fn the_key_is_looked_for_where_the_relay_has_its_store_without_being_told() {
    let state = tempfile::tempdir().unwrap();
    let keys = OwnKeys::load_or_make(state.path(), 0).unwrap();
    let env: Env = [("STATE_DIRECTORY", state.path().to_str().unwrap())].into_iter().collect();
    let said = |line: &str| {
        let mut typist = Typist::default();
        let args = ["mailboat-relay"].into_iter().chain(line.split(' ')).map(OsString::from);
        assert_eq!(run(args, &env, &mut typist), DONE, "{line}: {}", typist.complaints);
        typist.printed.concat()
    };
    let key = keys.current.fingerprint().to_string();
    assert!(said("key").contains(&key));
    assert!(said("invite --fingerprint").ends_with(&key));
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_complained_of() {
    use std::os::unix::fs::PermissionsExt;
    let rig = Rig::new();
    std::fs::create_dir(rig.data()).unwrap();
    OwnKeys::load_or_make(&rig.data(), 0).unwrap();
    assert_eq!(rig.run("key").complaints, "");
    let file = rig.data().join("relay-key.pem");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(rig.run("key").complaints.contains("chmod 600"));
}

#[test]
fn a_store_of_a_newer_relay_is_refused_in_words() {
    let rig = Rig::new();
    rig.run("account add anna --password-stdin");
    let db = rusqlite::Connection::open(datadir::store_file(&rig.data())).unwrap();
    db.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(db);
    let said = rig.run("account list");
    assert!(said.failed().contains("schema 99"), "{}", said.complaints);
    assert!(said.complaints.contains("use the newer relay"), "{}", said.complaints);
}
