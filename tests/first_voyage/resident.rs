//! The resident agent: it is asked instead of the store, it tells what happens, it holds the line.

use harness::world::{World, text};
use serde_json::Value;

use super::{received, send, two};

fn event(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}

#[tokio::test]
async fn every_command_works_through_the_resident_agent() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let mut agent = ann.home.resident().await;
    assert_eq!(ann.home.one(&["status"]).await["agent"], true);
    send(ann, "bob", "through the agent").await;
    ann.sync().await;
    bob.sync().await;
    assert_eq!(received(bob).await, ["through the agent"]);
    let id = text(&send(ann, "bob", "soon gone").await, "id");
    ann.home.run(&["outbox", "cancel", &id]).await.done();
    assert!(agent.terminate().await.success(), "{}", agent.said());
    assert_eq!(ann.home.one(&["status"]).await["agent"], false);
    send(ann, "bob", "by itself").await;
    ann.sync().await;
    bob.sync().await;
    assert_eq!(received(bob).await, ["through the agent", "by itself"]);
}

#[tokio::test]
async fn a_second_agent_on_one_store_is_refused_and_the_first_goes_on() {
    let world = World::of_two().await;
    let (ann, _) = two(&world);
    let _agent = ann.home.resident().await;
    let second = ann.home.run(&["agent"]).await;
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(!second.stderr.is_empty());
    ann.sync().await;
}

#[tokio::test]
async fn two_that_hold_the_line_talk_as_it_happens() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    for person in [ann, bob] {
        person.home.add_settings("[[connect]]\nlive = true");
    }
    let (_ann, _bob) = (ann.home.resident().await, bob.home.resident().await);
    let mut watch = bob.home.start(&["watch", "--all", "--json"]);
    let mut back = ann.home.start(&["watch", "--all", "--json"]);
    watch.wait_line(event).await;
    back.wait_line(event).await;
    send(ann, "bob", "are you awake?").await;
    let arrived =
        watch.wait_line(|line| event(line).filter(|row| row["text"] == "are you awake?")).await;
    assert_eq!(arrived["from"], "ann");
    send(bob, "ann", "I am").await;
    back.wait_line(|line| event(line).filter(|row| row["text"] == "I am")).await;
}

#[tokio::test]
async fn a_line_that_is_cut_is_held_again() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    bob.home.add_settings("[[connect]]\nlive = true");
    let _agent = bob.home.resident().await;
    let mut watch = bob.home.start(&["watch", "--all", "--json"]);
    watch.wait_line(event).await;
    for n in 0..2 {
        bob.link.hang_up(harness::link::Manner::Reset);
        let words = format!("after cut {n}");
        send(ann, "bob", &words).await;
        ann.sync().await;
        watch.wait_line(|line| event(line).filter(|row| row["text"] == words.as_str())).await;
    }
    assert_eq!(received(bob).await, ["after cut 0", "after cut 1"]);
}

#[tokio::test]
async fn a_schedule_calls_without_being_asked() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    bob.home.add_settings("[[connect]]\nevery = \"1s\"");
    let _agent = bob.home.resident().await;
    let mut watch = bob.home.start(&["watch", "--all", "--json"]);
    watch.wait_line(event).await;
    send(ann, "bob", "when you call").await;
    ann.sync().await;
    watch.wait_line(|line| event(line).filter(|row| row["text"] == "when you call")).await;
}

/// What the service manager is told, one message after the other.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_service_manager_hears_of_the_start_a_reload_and_the_end() {
    use harness::program::Running;
    let world = World::of_two().await;
    let (ann, _) = two(&world);
    ann.home.add_settings("[[connect]]\nname = \"night\"\ncron = \"0 4 * * *\"");
    let path = ann.home.dir().join("notify");
    let manager = tokio::net::UnixDatagram::bind(&path).unwrap();
    let mut command = ann.home.command(&["agent"]);
    command.env("NOTIFY_SOCKET", &path);
    let mut agent = Running::start(command);
    let hear = async |wanted: &str| {
        let mut buffer = [0; 4096];
        loop {
            let len = manager.recv(&mut buffer).await.unwrap();
            let said = String::from_utf8_lossy(&buffer[..len]).into_owned();
            if said.contains(wanted) {
                return said;
            }
        }
    };
    hear("READY=1").await;
    let status = hear("STATUS=next call").await;
    assert!(status.contains("(night)"), "{status}");
    agent.signal("HUP").await;
    let reloading = hear("RELOADING=1").await;
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    hear("READY=1").await;
    agent.signal("USR1").await;
    hear("STATUS=calling, as asked").await;
    assert!(agent.terminate().await.success(), "{}", agent.said());
    hear("STOPPING=1").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_hears_of_each_message_once_and_of_none_from_before() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    send(ann, "bob", "before").await;
    ann.sync().await;
    bob.sync().await;
    let diary = bob.home.dir().join("diary");
    bob.home.add_settings(&format!(
        "[[connect]]\nlive = true\n[hooks]\non_message = [\"sh\", \"-c\", 'echo \"$MAILBOAT_FROM $MAILBOAT_KIND: $(cat)\" >> {}']",
        diary.display()
    ));
    let _agent = bob.home.resident().await;
    for words in ["one", "two; $(three)"] {
        send(ann, "bob", words).await;
        ann.sync().await;
    }
    send(bob, "ann", "my own").await;
    let heard = loop {
        let text = std::fs::read_to_string(&diary).unwrap_or_default();
        if 2 <= text.lines().count() {
            break text;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(heard, "ann message: one\nann message: two; $(three)\n");
}
