//! `make run` without a terminal: it tells its story and ends by itself.

use std::path::Path;

use harness::program::{self, Running};

#[tokio::test]
async fn the_demo_tells_its_story_and_ends_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let demo = program::command(&program::binary("mailboat-demo"), home.path());
    let output = program::run(demo, b"").await.done();
    for told in ["no carrier", "cut in the middle", "two cakes", "raw B", "--home"] {
        assert!(output.stdout.contains(told), "{told} is not in:\n{}", output.stdout);
    }
}

#[tokio::test]
async fn a_demo_that_is_told_to_end_leaves_nothing_behind() {
    for name in ["TERM", "INT", "HUP"] {
        let home = tempfile::tempdir().unwrap();
        let mut command = program::command(&program::binary("mailboat-demo"), home.path());
        command.env("TMPDIR", home.path());
        let mut demo = Running::start(command);
        let is_told = |line: &str| line.contains("the relay listens").then_some(());
        demo.wait_line(is_told).await;
        assert!(!left_in(home.path()).is_empty(), "its programs' folders are known");
        demo.signal(name).await;
        assert!(demo.end().await.success(), "{name}: {}", demo.said());
        // Killed is soon gone; one that was not would stay for ever.
        while !left_in(home.path()).is_empty() {
            tokio::task::yield_now().await;
        }
        let left = std::fs::read_dir(home.path()).unwrap().count();
        assert_eq!(left, 0, "{name}: folders");
    }
}

/// The programs that were started with something in `dir`, zombies left out: they have no command line.
fn left_in(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap();
    let lines = processes
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("cmdline")).ok());
    lines.filter(|line| line.contains(dir)).collect()
}
