//! For shells and scripts: exit codes, usage, completions, doctor, the operator's commands.

use harness::agent::AgentHome;
use harness::relay::RelayOptions;
use harness::world::World;

use super::two;

#[tokio::test]
async fn mistakes_in_what_was_typed_exit_with_two() {
    let home = AgentHome::new();
    for args in [
        &["no-such-command"][..],
        &["send"],
        &["inbox", "--limit", "many"],
        &["login", "ftp://relay.example", "ann", "--password-stdin"],
        &["sync", "--budget", "1KiB"],
    ] {
        let output = home.run(args).await.exits(2);
        assert!(!output.stderr.is_empty(), "{args:?}");
        assert_eq!(output.stdout, "", "{args:?}");
    }
}

#[tokio::test]
async fn without_a_login_every_command_says_what_to_do() {
    let home = AgentHome::new();
    for args in [&["send", "bob", "-m", "hi"][..], &["inbox"], &["sync"], &["outbox"], &["agent"]] {
        let output = home.run(args).await;
        assert_eq!(output.code, Some(1), "{args:?}: {output:?}");
        assert!(output.stderr.contains("mailboat login"), "{args:?}: {output:?}");
    }
}

#[tokio::test]
async fn a_setting_with_a_typo_is_named_with_the_nearest_key() {
    let world = World::of_two().await;
    let (ann, _) = two(&world);
    ann.home.add_settings("[sync]\nvisit_retires = 3");
    let output = ann.home.run(&["sync"]).await;
    assert_ne!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("visit_retires"), "{output:?}");
    assert!(output.stderr.contains("visit_retries"), "{output:?}");
}

#[tokio::test]
async fn the_doctor_finds_all_well_and_names_what_is_not() {
    let world = World::of_two().await;
    let (ann, _) = two(&world);
    let well = ann.home.run(&["doctor"]).await.done();
    assert!(well.stdout.lines().count() >= 6, "a line each: {well:?}");
    ann.link.down();
    let ill = ann.home.run(&["doctor"]).await;
    assert_ne!(ill.code, Some(0), "{ill:?}");
}

#[tokio::test]
async fn completions_are_made_for_shells() {
    let home = AgentHome::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = home.run(&["completions", shell]).await.done();
        assert!(output.stdout.contains("mailboat"), "{shell}");
    }
}

#[tokio::test]
async fn an_operator_works_beside_a_running_relay() {
    let mut world = World::new(&RelayOptions::default(), &["ann", "bob"]).await;
    let listed = world.relay.run(&["account", "list", "--json"], "").await.done().json();
    let mut names: Vec<_> = listed.iter().map(|row| harness::world::text(row, "name")).collect();
    names.sort();
    assert_eq!(names, ["ann", "bob"]);
    world.relay.run(&["account", "disable", "bob"], "").await.done();
    let refused = world.people[1].home.run(&["sync"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    world.people[0].sync().await;

    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("backup.db");
    world.relay.run(&["backup", file.to_str().unwrap()], "").await.done();
    assert!(file.metadata().unwrap().len() > 0);
    assert!(world.relay.terminate().await.success(), "{}", world.relay.said());
    world.restart_relay().await;
    world.people[0].sync().await;
}
