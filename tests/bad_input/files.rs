//! Files that a person, a stick or a disk made unusable.

use harness::agent::AgentHome;
use harness::world::World;

use super::{complaint, texts};

#[tokio::test]
async fn an_account_file_with_garbage_is_named_and_never_shown() {
    let world = World::of_two().await;
    let [ann, bob] = &world.people[..] else { panic!("two people") };
    ann.home.run(&["send", "bob", "-m", "kept"]).await.done();
    let path = ann.home.dir().join("account.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    let token = good.split('"').find(|word| word.len() == 22).unwrap().to_owned();
    let damaged = [
        b"\xff\xfe\x00garbage".to_vec(),
        good.replace("token", "tokem").into_bytes(),
        good.replace("account =", "account = -").into_bytes(),
        good.as_bytes()[..good.len() / 2].to_vec(),
        Vec::new(),
        good.replace("http://", "gopher://").into_bytes(),
        good.replace(&token, "not a token, with spaces\\r\\nX-Injected: 1").into_bytes(),
    ];
    for bytes in damaged {
        std::fs::write(&path, &bytes).unwrap();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        for command in [&["sync"][..], &["agent"], &["devices"]] {
            let output = ann.home.run(command).await;
            let said = complaint(&output);
            assert!(!said.contains(&token), "{command:?}: {said}");
            assert!(said.len() < 600, "{shown}: {said}");
        }
        let doctor = ann.home.run(&["doctor"]).await;
        assert!(doctor.stdout.contains("FAIL") && doctor.code != Some(0), "{shown}: {doctor:?}");
        assert!(!doctor.stdout.contains(&token), "{doctor:?}");
    }
    std::fs::write(&path, good).unwrap();
    ann.sync().await;
    bob.sync().await;
    assert_eq!(texts(bob).await, ["kept"]);
}

#[cfg(unix)]
#[tokio::test]
async fn an_account_file_that_others_can_read_is_told_of_with_the_remedy() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::of_two().await;
    let home = &world.people[0].home;
    let path = home.dir().join("account.toml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let doctor = home.run(&["doctor"]).await.done();
    assert!(doctor.stdout.contains("chmod 600"), "{doctor:?}");
    world.people[0].sync().await;
}

#[tokio::test]
async fn a_home_that_cannot_be_is_named() {
    let world = World::of_two().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    // Nobody can write below a file, whoever runs this.
    for home in [AgentHome::at(&file), AgentHome::at(&file.join("below"))] {
        let login = home.login(&world.url(&world.people[0].link), "ann", None).await;
        let said = complaint(&login);
        assert!(said.contains(&*file.to_string_lossy()), "{said}");
        for args in [&["sync"][..], &["inbox"], &["agent"]] {
            complaint(&home.run(args).await);
        }
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a folder");
}

#[tokio::test]
async fn a_setting_with_a_typo_is_named_with_file_line_and_the_nearest_key_by_both_programs() {
    let world = World::of_two().await;
    let ann = &world.people[0];
    ann.home.add_settings("allow_plain_htp = true");
    let said = ann.home.run(&["sync"]).await;
    let said = complaint(&said);
    assert!(said.contains("allow_plain_htp") && said.contains("allow_plain_http"), "{said}");
    assert!(said.contains("agent.toml"), "{said}");
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("typo.toml");
    std::fs::write(&settings, "[limits]\nenvelop_max = \"8 KiB\"\n").unwrap();
    let binary = harness::program::binary("mailboat-relay-under-test");
    let mut command = harness::program::command(&binary, dir.path());
    command.arg("serve").arg("--config").arg(&settings);
    let output = harness::program::run(command, b"").await;
    let said = complaint(&output);
    assert!(said.contains("envelop_max") && said.contains("envelope_max"), "{said}");
    assert!(said.contains("typo.toml"), "{said}");
}
