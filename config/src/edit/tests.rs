//! Files as people write them, changed: what was not meant stays.

use proptest::prelude::*;

use super::*;
use crate::{
    Size, Span,
    agent::{Chats, ProxyChoice, Theme},
};

const EXAMPLE: &str = include_str!("../../examples/agent.toml");

fn edit(text: &str) -> (tempfile::TempDir, Edit) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.toml");
    fs::write(&path, text).unwrap();
    let edit = Edit::open(&path).unwrap();
    (dir, edit)
}

#[track_caller]
fn changed(text: &str, changes: &[Change]) -> String {
    let (_dir, mut edit) = edit(text);
    for change in changes {
        edit.apply(change).unwrap();
    }
    edit.text().to_owned()
}

fn cron(written: &str) -> Rule {
    Rule { cron: Some(written.parse().unwrap()), ..Rule::default() }
}

fn link(name: &str) -> Link {
    Link {
        name: name.to_owned(),
        ssid: name.to_owned(),
        tariff_per_mb: Some("0.12".parse().unwrap()),
        currency: "EUR".to_owned(),
        ..Link::default()
    }
}

#[test]
fn an_empty_file_gets_only_what_was_set() {
    let text = changed(
        "",
        &[
            Change::AddRule(Rule { name: "morning".to_owned(), ..cron("30 8 * * Mon-Fri") }),
            Change::AddRule(Rule::live()),
            Change::AddLink(link("stick")),
            Change::Window(Window { theme: Theme::Dark, ..Window::default() }),
            Change::Proxy(Proxy::default()),
            Change::mute("c3", true),
        ],
    );
    let expected = "\
[[connect]]
name = \"morning\"
cron = \"30 8 * * Mon-Fri\"

[[connect]]
live = true

[[link]]
name = \"stick\"
ssid = \"stick\"
tariff_per_mb = 0.12
currency = \"EUR\"

[window]
theme = \"dark\"

[[notify.source]]
conversation = \"c3\"
min_priority = \"never\"
";
    assert_eq!(text, expected);
}

#[test]
fn a_value_is_changed_in_its_place_and_nothing_else() {
    let text = "# mine\n[notify]\n  digest_after   =  5 # often enough\nenabled = true\n\n# done\n";
    let notify = Notify { digest_after: 7, ..Notify::default() };
    assert_eq!(changed(text, &[Change::Notify(notify)]), text.replace('5', "7"));
}

#[test]
fn what_goes_back_to_its_default_goes_unless_somebody_wrote_something_beside_it() {
    let text = "[notify]\n# not too many\ndigest_after = 5\nenabled = false\n";
    let expected = "[notify]\n# not too many\ndigest_after = 3\n";
    assert_eq!(changed(text, &[Change::Notify(Notify::default())]), expected);
}

#[test]
fn a_rule_that_goes_leaves_its_comments_and_its_neighbours() {
    let text = "\
# first
[[connect]] # a
every = \"15m\" # b

# second
[[connect]]
links = [ \"any\", # c
]
# d
live = true

# end
";
    let without = changed(text, &[Change::RemoveRule(0)]);
    assert_eq!(without, format!("\n# first\n# a\n# b\n\n{}", &text[text.find("# sec").unwrap()..]));
    let none = changed(&without, &[Change::RemoveRule(0)]);
    assert!(none.ends_with("# second\n# c\n# d\n\n# end\n"), "{none}");
    let again = changed(&none, &[Change::AddRule(Rule::live())]);
    assert_eq!(again, format!("{none}\n[[connect]]\nlive = true\n"));
}

#[test]
fn a_rule_gets_another_trigger_and_a_link_no_class_any_more() {
    let text = "[[connect]]\ncron = \"0 8 * * *\"\nbudget = \"50 KiB\"\n\n[[link]]\nname = \"a\"\nmetered = true # roaming\n";
    let rule = Rule { budget: Some(Size::from_kib(50)), ..Rule::every(Span::from_minutes(15)) };
    let link = Link { name: "a".to_owned(), ..Link::default() };
    let expected =
        "[[connect]]\nbudget = \"50 KiB\"\nevery = \"15m\"\n\n[[link]]\nname = \"a\"\n# roaming\n";
    assert_eq!(changed(text, &[Change::SetRule(0, rule), Change::SetLink(0, link)]), expected);
}

#[test]
fn rules_follow_the_new_name_of_their_link_and_hold_it_in_place() {
    let text = "[[link]]\nname = \"old\"\n[[connect]]\nlive = true\nlinks = [\"old\", \"unmetered\"] # both\n";
    let renamed = Link { name: "new".to_owned(), ..Link::default() };
    assert_eq!(changed(text, &[Change::SetLink(0, renamed)]), text.replace("old", "new"));
    let (_dir, mut edit) = edit(text);
    let err = edit.apply(&Change::RemoveLink(0)).unwrap_err().to_string();
    assert!(err.contains("\"old\" is no link"), "{err}");
    assert_eq!(edit.text(), text, "nothing was changed");
}

#[test]
fn muting_comes_before_every_rule_for_a_person_and_can_be_taken_back() {
    let text =
        "[notify]\nenabled = true\n\n# Ben only\n[[notify.source]]\nperson = \"ben\"\n\n[hooks]\n";
    let muted = changed(text, &[Change::mute("c3", true)]);
    let (_dir, edit) = edit(&muted);
    assert_eq!(edit.settings().notify.source[0].conversation, "c3", "{muted}");
    assert_eq!(changed(&muted, &[Change::mute("c3", false)]), text);
    let late = format!("{text}[[notify.source]]\nconversation = \"c3\"\n");
    let (_dir, edit) = self::edit(&changed(&late, &[Change::mute("c3", true)]));
    assert_eq!(edit.settings().notify.source[0].min_priority, MinPriority::Never);
    assert_eq!(edit.settings().notify.source.len(), 2);
}

#[test]
fn the_shipped_file_takes_changes_where_their_explanations_stand() {
    let window = Window { chats: Chats::Windows, scale_percent: 125, ..Window::default() };
    let text = changed(EXAMPLE, &[Change::Window(window), Change::AddRule(Rule::live())]);
    let expected = EXAMPLE
        .replace("scale_percent = 100", "scale_percent = 125")
        .replace("chats = \"tabs\"", "chats = \"windows\"");
    assert_eq!(text, format!("{expected}\n[[connect]]\nlive = true\n"));
}

#[test]
fn lists_and_sections_in_brackets_are_changed_in_them() {
    let text = "connect = [{ live = true }, # held\n]\nnotify = { enabled = false }\n";
    let text = changed(
        text,
        &[
            Change::AddRule(Rule::every(Span::from_minutes(5))),
            Change::mute("c1", true),
            Change::Notify(Notify { digest_after: 4, ..Notify::default() }),
            Change::RemoveRule(0),
        ],
    );
    let (_dir, edit) = edit(&text);
    assert_eq!(edit.settings().connect, [Rule::every(Span::from_minutes(5))]);
    assert!(text.contains("# held"), "{text}");
    assert_eq!((edit.settings().notify.digest_after, edit.settings().notify.source.len()), (4, 1));
}

#[test]
fn what_cannot_stand_is_refused_with_the_settings_name_and_changes_nothing() {
    let (_dir, mut edit) = edit("# empty\n");
    for (change, expected) in [
        (Change::AddRule(Rule::default()), "says not when to call"),
        (
            Change::Window(Window { scale_percent: 5, ..Window::default() }),
            "\"scale_percent\" in [window]",
        ),
        (Change::RemoveRule(0), "there is no rule 1 any more"),
        (Change::AddLink(Link::default()), "has no name"),
    ] {
        let err = edit.apply(&change).unwrap_err().to_string();
        assert!(err.contains(expected), "{err}");
        assert_eq!((edit.text(), edit.settings()), ("# empty\n", &Settings::default()));
    }
}

#[test]
fn a_file_that_could_not_be_written_as_it_is_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.toml");
    fs::write(&path, "notify.enabled = true\nsync.requests_max = 3\nnotify.digest_after = 2\n")
        .unwrap();
    assert!(matches!(Edit::open(&path), Err(EditError::Scattered { .. })));
    fs::write(&path, "notfy = 1").unwrap();
    assert!(Edit::open(&path).unwrap_err().to_string().contains("did you mean \"notify\"?"));
}

#[test]
fn saving_keeps_line_ends_and_notices_what_others_wrote() {
    let (dir, mut edit) = edit("# a\r\nlog = \"info\"\r\n");
    let path = dir.path().join("agent.toml");
    edit.apply(&Change::AddRule(Rule::live())).unwrap();
    edit.save().unwrap();
    let expected = "# a\r\nlog = \"info\"\r\n\r\n[[connect]]\r\nlive = true\r\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    fs::write(&path, "log = \"warn\"\n").unwrap();
    edit.apply(&Change::RemoveRule(0)).unwrap();
    assert!(matches!(edit.save(), Err(EditError::Changed { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "log = \"warn\"\n");
    fs::remove_file(&path).unwrap();
    assert!(matches!(edit.save(), Err(EditError::Changed { .. })), "gone is changed too");
}

#[test]
fn a_file_that_is_not_there_is_made_with_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/agent.toml");
    let mut edit = Edit::open(&path).unwrap();
    edit.save().unwrap();
    assert!(!path.exists(), "nothing to say, nothing written");
    edit.apply(&Change::AddRule(Rule::live())).unwrap();
    edit.save().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "[[connect]]\nlive = true\n");
    edit.save().unwrap();
    assert!(!private::others_can_read(&path).unwrap(), "it may hold a proxy's password");
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("dotfiles.toml"), dir.path().join("agent.toml"));
    symlink("dotfiles.toml", &link).unwrap();
    for mode in [None, Some(0o640)] {
        if let Some(mode) = mode {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut edit = Edit::open(&link).unwrap();
        edit.apply(&Change::AddRule(Rule::live())).unwrap();
        edit.save().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let is = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(is, mode.unwrap_or(0o600));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left behind");
}

/// Writes a file as a person might, as the bytes decide. Every comment is another.
struct Writer<'b> {
    bytes: std::slice::Iter<'b, u8>,
    text: String,
    comments: usize,
}

impl Writer<'_> {
    fn below(&mut self, most: u8) -> u8 {
        self.bytes.next().copied().unwrap_or_default() % most
    }

    fn comment(&mut self) -> String {
        self.comments += 1;
        format!("#c{}.", self.comments)
    }

    fn line(&mut self, line: &str) {
        if self.below(3) == 0 {
            let above = self.comment();
            let indent = ["", "\n", "  "][usize::from(self.below(3))];
            self.text.push_str(&format!("{indent}{above}\n"));
        }
        let line = match self.below(3) {
            0 => line.replace(" = ", "="),
            1 => line.replace(" = ", "   =  "),
            _ => line.to_owned(),
        };
        let (end, space) = (self.below(3), [" ", "\t", ""][usize::from(self.below(3))]);
        let behind = if end == 0 { format!("{space}{}", self.comment()) } else { String::new() };
        self.text.push_str(&format!("{line}{behind}\n"));
    }

    fn block(&mut self, lines: &[&str]) {
        for (index, line) in lines.iter().enumerate() {
            if index == 0 || self.below(4) != 0 {
                self.line(line);
            }
        }
    }

    fn file(mut self) -> String {
        self.block(&["log = 'info'", "ca = \"#no comment\""]);
        let in_brackets = self.below(4) == 0;
        if in_brackets {
            let inner = self.comment();
            self.line(&format!(
                "connect = [ {inner}\n {{ live = true}}, {{ every = \"5m\", name = 'x' }}\n]"
            ));
            self.line("notify = { enabled = false, source = [{ person = \"ben\" }] }");
        }
        for _ in 0..self.below(5) {
            match self.below(6) {
                0 if !in_brackets => {
                    self.line("[[connect]]");
                    self.block(&["every = \"15m\"", "budget = '50 KiB'", "links = [ 'any' ]"]);
                }
                1 if !in_brackets => {
                    let inner = self.comment();
                    self.line("[[connect]]");
                    self.block(&[
                        "cron = \"30 8 * * *\"",
                        &format!("links = [\n \"any\", {inner}\n]"),
                        "jitter = \"1m\"",
                    ]);
                }
                2 if !in_brackets => {
                    self.line("[[notify.source]]");
                    self.block(&["person = \"ben\"", "min_priority = \"urgent\""]);
                }
                3 if !self.text.contains("[hooks]") => {
                    self.line("[hooks]");
                    self.block(&["timeout = \"10s\"", "on_message = []"]);
                }
                4 if !in_brackets && !self.text.contains("[notify]") => {
                    self.line("[notify]");
                    self.block(&[
                        "digest_after = 4",
                        "quiet_hours = ['22:00-07:00']",
                        "enabled = true",
                    ]);
                }
                5 => {
                    let name = format!("l{}", self.text.len());
                    self.line("[[link]]");
                    let (name, ssid) = (format!("name = \"{name}\""), format!("ssid = '{name}'"));
                    self.block(&[&name, "metered = true", "quota = \"5 MiB\""]);
                    self.line(&ssid);
                }
                _ => {}
            }
        }
        if self.below(2) == 0 {
            let last = self.comment();
            self.text.push_str(&format!("\n{last}\n"));
        }
        self.text
    }
}

fn comments_of(text: &str) -> Vec<&str> {
    text.split("#c").skip(1).map(|rest| &rest[..=rest.find('.').unwrap()]).collect()
}

/// A change, and what it does to the settings.
fn change(kind: u8, index: usize, now: &Settings) -> (Change, Settings) {
    let mut then = now.clone();
    let rule = [
        Rule::live(),
        cron("0 9 * * *"),
        Rule {
            budget: Some(Size::from_kib(20 + index as u64)),
            ..Rule::every(Span::from_minutes(7))
        },
    ][index % 3]
        .clone();
    let named = link(&format!("n{index}"));
    let change = match kind {
        0 => {
            then.connect.push(rule.clone());
            Change::AddRule(rule)
        }
        1 if index < now.connect.len() => {
            then.connect[index] = rule.clone();
            Change::SetRule(index, rule)
        }
        2 if index < now.connect.len() => {
            then.connect.remove(index);
            Change::RemoveRule(index)
        }
        3 if now.link.iter().all(|link| link.name != named.name) => {
            then.link.push(named.clone());
            Change::AddLink(named)
        }
        4 if index < now.link.len() => {
            let set = Link { metered: None, quota: None, ..now.link[index].clone() };
            then.link[index] = set.clone();
            Change::SetLink(index, set)
        }
        5 if index < now.link.len() => {
            then.link.remove(index);
            Change::RemoveLink(index)
        }
        6 => {
            then.notify.digest_after = 2 + index as u32;
            then.notify.enabled = index.is_multiple_of(2);
            then.notify.quiet_hours = vec!["12:00-13:00".parse().unwrap()];
            Change::Notify(then.notify.clone())
        }
        7 => {
            let id = format!("c{index}");
            then.notify.source.retain(|source| source.conversation != id);
            let muted = Source {
                conversation: id.clone(),
                min_priority: MinPriority::Never,
                ..Source::default()
            };
            then.notify.source.insert(0, muted);
            Change::mute(&id, true)
        }
        8 => {
            let id = format!("c{index}");
            then.notify.source.retain(|source| source.conversation != id);
            Change::mute(&id, false)
        }
        9 => {
            then.proxy.url =
                if index.is_multiple_of(2) { ProxyChoice::Direct } else { ProxyChoice::default() };
            Change::Proxy(then.proxy.clone())
        }
        _ => {
            then.window.scale_percent = 100 + 10 * index as u32;
            Change::Window(then.window.clone())
        }
    };
    (change, then)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_changes_leave_every_comment_and_what_they_do_not_concern(
        bytes in proptest::collection::vec(any::<u8>(), 0..90),
        changes in proptest::collection::vec((0..12_u8, 0..4_usize), 0..10),
    ) {
        let text = Writer { bytes: bytes.iter(), text: String::new(), comments: 0 }.file();
        let Ok(settings) = load::parse::<Settings>(Path::new("agent.toml"), &text) else {
            panic!("the test writes files that load:\n{text}");
        };
        let mut edit = Edit {
            path: "agent.toml".into(), read: None, text: text.clone(), crlf: false, settings,
        };
        prop_assert_eq!(edit.document().unwrap().to_string(), text.as_str());
        let hooks = text.find("[hooks]").map(|at| text[at..].lines().take(2).collect::<Vec<_>>().join("\n"));
        for (kind, index) in changes {
            let (change, mut then) = change(kind, index, edit.settings());
            let before = edit.text().to_owned();
            edit.apply(&change).unwrap();
            let mut now = edit.settings().clone();
            if kind == 7 {
                // Where it was muted already it stays in its place.
                let order = |source: &Source| format!("{source:?}");
                now.notify.source.sort_by_key(order);
                then.notify.source.sort_by_key(order);
            }
            prop_assert_eq!(&now, &then, "{:?}\n{}\n->\n{}", change, before, edit.text());
            prop_assert_eq!(comments_of(edit.text()), comments_of(&text), "{:?}\n{}\n->\n{}", change, before, edit.text());
            let kept = ["log", "ca"].map(|key| text.lines().find(|line| line.starts_with(key)));
            for line in kept.into_iter().flatten().chain(hooks.as_deref()) {
                prop_assert!(edit.text().contains(line), "{line} is gone:\n{}", edit.text());
            }
            // What the change does not concern stays line for line.
            let concerned = |line: &&str| line.contains('=');
            let in_brackets = before.contains("{ ");
            if matches!(change, Change::AddRule(_) | Change::AddLink(_)) && !in_brackets {
                let mut after = edit.text().lines();
                for line in before.lines().filter(concerned) {
                    let is_there = after.any(|other| other == line);
                    prop_assert!(is_there, "{line} is gone:\n{}", edit.text());
                }
            }
        }
    }
}
