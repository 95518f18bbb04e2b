//! Whole visits, with what they start.

use std::time::Duration;

use super::*;

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_was_dialled_is_taken_down_also_after_a_fault_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let paths = AgentPaths::new(Some(dir.path()), &config::Env::default()).unwrap();
    let store = Store::open(&paths.store, crate::store::Options::default()).unwrap();
    let account = Account {
        relay: "http://127.0.0.1:9".to_owned(),
        name: "ann".to_owned(),
        account: 7,
        device: 70,
        token: config::Secret::new("AAAAAAAAAAAAAAAAAAAAAA"),
        ca: None,
        relay_key: None,
    };
    store.log_in(&crate::cli::ask::identity(&account), None).unwrap();
    let settings = Arc::new(AgentSettings::default());
    let env = config::Env::default();
    let client = crate::cli::account::client(&account, &settings, &env).unwrap();
    let (_told, link) = watch::channel(LinkState::default());
    let visitor = Visitor::new(paths, settings, account, client, store, link);
    let diary = dir.path().join("diary");
    let write = |word: &str| {
        let script = format!("echo {word} >> {}", diary.display());
        ["sh", "-c", &script].map(str::to_owned).to_vec()
    };
    let call = Call {
        dial: write("dial"),
        hangup: write("hangup $MAILBOAT_OUTCOME"),
        dial_timeout: Duration::from_secs(30),
        hangup_timeout: Duration::from_secs(30),
        panics: true,
        ..Call::default()
    };
    let report = Arc::new(visitor).visit(call, CancellationToken::new()).await;
    assert_eq!(report.outcome.outcome, OutcomeKind::Refused);
    assert_eq!(std::fs::read_to_string(&diary).unwrap(), "dial\nhangup refused\n");
}
