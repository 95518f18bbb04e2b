//! Becoming somebody at a relay.

use harness::relay::{RelayOptions, password_of};
use harness::world::{World, text};

#[tokio::test]
async fn an_invite_makes_one_account_and_the_same_device_may_repeat_it() {
    let world = World::empty(&RelayOptions::default()).await;
    let code = world.relay.invite(1).await;
    let ann = world.stranger("ann");
    let url = world.url(&ann.link);

    let join = ["join", url.as_str(), code.as_str(), "--name", "ann", "--password-stdin"];
    ann.home.run_with(&join, &password_of("ann")).await.done();
    let status = ann.home.one(&["status"]).await;
    assert_eq!(status["account"], "ann@localhost");
    assert!(text(&status, "relay").contains(&ann.link.addr().to_string()), "{status}");

    // The code is used up.
    let bob = world.stranger("bob");
    let url = world.url(&bob.link);
    let join = ["join", url.as_str(), code.as_str(), "--name", "bob", "--password-stdin"];
    let refused = bob.home.run_with(&join, &password_of("bob")).await.exits(1);
    assert!(refused.stderr.contains("invite"), "{refused:?}");
    assert!(!bob.home.dir().join("account.toml").exists());
}

#[tokio::test]
async fn a_wrong_password_is_refused_with_words_and_leaves_nothing() {
    let world = World::empty(&RelayOptions::default()).await;
    world.relay.account("ann").await;
    let ann = world.stranger("ann");
    let url = world.url(&ann.link);
    let login = ["login", url.as_str(), "ann", "--password-stdin"];
    let refused = ann.home.run_with(&login, "not the password").await.exits(1);
    assert!(refused.stderr.contains("password"), "{refused:?}");
    assert_eq!(refused.stdout, "");
    assert!(!ann.home.dir().join("account.toml").exists());
    ann.home.run_with(&login, &password_of("ann")).await.done();
    ann.sync().await;
}

#[tokio::test]
async fn without_a_link_logging_in_says_so_and_may_be_tried_again() {
    let world = World::empty(&RelayOptions::default()).await;
    world.relay.account("ann").await;
    let ann = world.stranger("ann");
    let url = world.url(&ann.link);
    ann.link.down();
    let output = ann.home.login(&url, "ann", None).await;
    assert_eq!(output.code, Some(75), "{output:?}");
    ann.link.up();
    ann.home.login(&url, "ann", None).await.done();
}

#[tokio::test]
async fn a_login_survives_a_cut_at_every_byte_of_its_answer_as_one_device() {
    let world = World::empty(&RelayOptions::default()).await;
    world.relay.account("ann").await;
    let ann = world.stranger("ann");
    let url = world.url(&ann.link);
    // What a login weighs, seen from another home.
    let probe = world.device("ann").await;
    let (up, down) = (probe.link.counters().up, probe.link.counters().down);

    for cut in [(up - 1, None), (up, Some(0)), (up, Some(down / 2)), (up, Some(down - 1))] {
        let plan = harness::link::CutPlan { up: Some(cut.0), down: cut.1, ..Default::default() };
        let plan = if cut.1.is_some() { harness::link::CutPlan { up: None, ..plan } } else { plan };
        ann.link.plan(vec![plan; 16]);
        let output = ann.home.login(&url, "ann", None).await;
        assert_eq!(output.code, Some(75), "{output:?}");
        ann.link.clear_plans();
    }
    ann.home.login(&url, "ann", None).await.done();
    let devices = ann.home.json(&["devices"]).await;
    assert_eq!(devices.len(), 2, "the probe and this one: {devices:?}");
    ann.sync().await;
}

#[tokio::test]
async fn the_files_of_a_home_are_where_scripts_expect_them_and_the_token_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new(&RelayOptions::default(), &["ann"]).await;
    let dir = world.people[0].home.dir();
    let mode = std::fs::metadata(dir.join("account.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(dir.join("store.db").is_file());
    // What login leaves can be appended to.
    world.people[0].home.add_settings("[[connect]]\nevery = \"15m\"");
    world.people[0].home.one(&["status"]).await;
}
