//! Without a link: writing, the outbox, the agent and who asks it.

use super::*;

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
fn words_to_somebody_who_was_asked_before_are_a_message() {
    let home = Home::of("ann");
    home.one(&["chat", "bob", "-m", "hello there"]);
    let sent = home.one(&["chat", "bob", "-m", "and one thing more"]);
    assert_eq!((&sent["id"], &sent["state"]), (&"m1".into(), &"held".into()));
    assert_eq!(home.rows(&["inbox", "--all"]).last().unwrap()["text"], "and one thing more");
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
