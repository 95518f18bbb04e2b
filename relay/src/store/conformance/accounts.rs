//! Who may use the relay.

use super::{
    Engine,
    phone::{Phone, START_S, item, new_device, pair, texts, token},
};
use crate::store::{
    AccountAnswer, AccountOrder, AccountOutcome, AccountQuery, AccountRefusal, AccountState,
    NewDevice, Policy, SecretHash, Taken,
};

fn join(name: &str, invite: Option<SecretHash>, device: NewDevice) -> AccountOrder {
    AccountOrder::Join { invite, name: name.to_owned(), password: "hash".to_owned(), device }
}

pub(super) async fn joining_again_with_the_same_token_makes_nothing_new(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let code = token();
    let invite = AccountOrder::Invite { code, uses: 1, expires_at_s: START_S + 60 };
    store.administer(invite).await.unwrap();
    let order = join("ann", Some(code), new_device());
    let first = store.administer(order.clone()).await.unwrap();
    assert!(matches!(first, AccountOutcome::Device(_)), "{first:?}");
    assert_eq!(store.administer(order).await.unwrap(), first, "the answer was lost");
    let other = store.administer(join("ann", None, new_device())).await.unwrap();
    assert_eq!(other, AccountOutcome::Refused(AccountRefusal::NameTaken));
    let AccountOutcome::Device(grant) = first else { unreachable!() };
    let device = new_device();
    let order = AccountOrder::Login { account: grant.account, device, since_s: 0, cursors: None };
    let login = store.administer(order.clone()).await.unwrap();
    assert_eq!(store.administer(order).await.unwrap(), login);
    let AccountAnswer::Devices(devices) =
        store.look_up(AccountQuery::Devices(grant.account)).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(devices.len(), 2);
}

pub(super) async fn an_invite_is_good_for_its_uses_and_its_time(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let code = token();
    let invite = AccountOrder::Invite { code, uses: 2, expires_at_s: START_S + 60 };
    store.administer(invite).await.unwrap();
    let bad = AccountOutcome::Refused(AccountRefusal::BadInvite);
    let unknown = join("ann", Some(token()), new_device());
    assert_eq!(store.administer(unknown).await.unwrap(), bad);
    let late = NewDevice { now_s: START_S + 60, ..new_device() };
    assert_eq!(store.administer(join("ann", Some(code), late)).await.unwrap(), bad);
    for name in ["ann", "bob"] {
        let outcome = store.administer(join(name, Some(code), new_device())).await.unwrap();
        assert!(matches!(outcome, AccountOutcome::Device(_)), "{outcome:?}");
    }
    assert_eq!(store.administer(join("carl", Some(code), new_device())).await.unwrap(), bad);
}

pub(super) async fn a_removed_account_keeps_its_name_and_leaves(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let remove = AccountOrder::State {
        account: bob.account(),
        state: AccountState::Removed,
        now_s: START_S,
    };
    assert_eq!(store.administer(remove).await.unwrap(), AccountOutcome::Done);
    let turn = bob.turn();
    assert_eq!(bob.take(turn).await, Taken::Revoked);
    let taken = store.administer(join("bob", None, new_device())).await.unwrap();
    assert_eq!(taken, AccountOutcome::Refused(AccountRefusal::NameTaken));
    let text = wire::Item::Text("anyone?".into());
    let run = ann.send_one(item(wire::ConversationRef::Number(chat), &text)).await;
    let wire::Run::Refused { reason, .. } = run else { panic!("{run:?}") };
    assert_eq!(reason, wire::Refusal::NobodyThere);
}

pub(super) async fn a_revoked_device_is_no_login_and_takes_no_turn(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let device = new_device();
    let mut ann = Phone::granted(&store, join("ann", None, device.clone())).await;
    let found = store.authenticate(vec![device.token]).await.pop().unwrap().unwrap();
    assert_eq!(found, Some(ann.login));
    let mut watch = store.changes().watch(ann.account());
    let revoke =
        AccountOrder::Revoke { account: ann.account(), device: ann.login.device, now_s: START_S };
    assert_eq!(store.administer(revoke.clone()).await.unwrap(), AccountOutcome::Done);
    watch.changed().await.unwrap();
    assert_eq!(store.authenticate(vec![device.token]).await.pop().unwrap().unwrap(), None);
    let turn = ann.turn();
    assert_eq!(ann.take(turn).await, Taken::Revoked);
    assert!(!ann.peek().await.active);
    let again = AccountOutcome::Refused(AccountRefusal::NoSuchDevice);
    assert_eq!(store.administer(revoke).await.unwrap(), again);
}

pub(super) async fn a_login_starts_at_the_logs_end_or_as_far_back_as_it_asks(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, bob, chat) = pair(&store).await;
    ann.text(chat, "old").await;
    ann.now_s += 1_000;
    ann.text(chat, "recent").await;
    let device = NewDevice { now_s: ann.now_s + 10, ..new_device() };
    let account = bob.account();
    let order = |since_s, device| AccountOrder::Login { account, device, since_s, cursors: None };
    let fresh = Phone::granted(&store, order(0, device)).await;
    let page = fresh.peek().await;
    assert!(page.ordinary.is_empty() && !page.latest.is_empty(), "{page:?}");
    let device = NewDevice { now_s: ann.now_s + 10, ..new_device() };
    let back = Phone::granted(&store, order(100, device)).await;
    assert_eq!(texts(&back.peek().await.ordinary), ["recent"]);
    // A login from a store that had read nothing goes on from there.
    let device = new_device();
    let cursors = Some(bob.cursors);
    let order = AccountOrder::Login { account, device, since_s: 0, cursors };
    let again = Phone::granted(&store, order).await;
    assert_eq!(texts(&again.peek().await.ordinary), ["old", "recent"]);
    // A fork of bob's store that had read nothing.
    let order = AccountOrder::Fork {
        from: bob.login.device,
        device: new_device(),
        cursors: Some(bob.cursors),
    };
    let fork = Phone::granted(&store, order).await;
    assert_eq!(texts(&fork.peek().await.ordinary), ["old", "recent"]);
}
