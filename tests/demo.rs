//! `make run` without a terminal: it tells its story and ends by itself.

use harness::program;

#[tokio::test]
async fn the_demo_tells_its_story_and_ends_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let demo = program::command(&program::binary("mailboat-demo"), home.path());
    let output = program::run(demo, b"").await.done();
    for told in ["no carrier", "cut in the middle", "two cakes", "raw B", "--home"] {
        assert!(output.stdout.contains(told), "{told} is not in:\n{}", output.stdout);
    }
}
