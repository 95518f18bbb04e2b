use std::net::{IpAddr, Ipv4Addr};

use config::RelaySettings;
use tempfile::TempDir;

use super::*;
use crate::store::{AccountRefusal, Policy, sqlite::SqliteStore};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const T1: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const T2: &str = "BBBBBBBBBBBBBBBBBBBBBA";

/// Accounts of a fresh store.
struct Rig {
    accounts: Accounts,
    store: Arc<dyn Store>,
    _dir: TempDir,
}

impl Rig {
    fn new(adjust: impl FnOnce(&mut RelaySettings)) -> Self {
        let mut settings = RelaySettings::default();
        settings.limits.logins_per_minute = 1_000;
        settings.limits.logins_per_minute_per_address = 1_000;
        adjust(&mut settings);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.db");
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(&path, Policy::from(&settings), now_s()).unwrap());
        let accounts = Accounts::new(
            store.clone(),
            Passwords::cheap(),
            settings.registration,
            &Rates::of(&settings.limits),
            Metrics::new(),
        );
        Self { accounts, store, _dir: dir }
    }

    fn open() -> Self {
        Self::new(|settings| settings.registration = Registration::Open)
    }

    async fn invite(&self, code: &str, uses: u32) {
        let code = SecretHash::of(code);
        let order = AccountOrder::Invite { code, uses, expires_at_s: now_s() + 60 };
        self.store.administer(order).await.unwrap();
    }

    async fn join(&self, invite: Option<&str>, name: &str, token: &str) -> Outcome<DeviceGrant> {
        let joining = Joining {
            invite: invite.map(str::to_owned),
            name: name.to_owned(),
            password: "secret".to_owned(),
            token: token.to_owned(),
            device: "boat".to_owned(),
        };
        self.accounts.join(joining, HERE).await
    }

    async fn login(&self, name: &str, password: &str, token: &str) -> Outcome<DeviceGrant> {
        self.login_from(HERE, name, password, token).await
    }

    async fn login_from(
        &self,
        from: IpAddr,
        name: &str,
        password: &str,
        token: &str,
    ) -> Outcome<DeviceGrant> {
        let asked = LoggingIn {
            name: name.to_owned(),
            password: password.to_owned(),
            token: token.to_owned(),
            device: String::new(),
            since_s: 0,
            cursors: None,
        };
        self.accounts.login(asked, from).await
    }
}

fn refusal<T: std::fmt::Debug>(outcome: Outcome<T>) -> Refusal {
    match outcome {
        Err(AccountError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn store_refusal<T: std::fmt::Debug>(outcome: Outcome<T>) -> AccountRefusal {
    match refusal(outcome) {
        Refusal::Store(refusal) => refusal,
        other => panic!("not the store's: {other:?}"),
    }
}

#[tokio::test]
async fn joining_again_with_the_same_token_uses_up_nothing() {
    let rig = Rig::new(|_| {});
    rig.invite("code", 1).await;
    let first = rig.join(Some("code"), "anna", T1).await.unwrap();
    let again = rig.join(Some(" code\n"), "anna", T1).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(rig.accounts.devices(first.account).await.unwrap().len(), 1);
    assert_eq!(store_refusal(rig.join(Some("code"), "bert", T2).await), AccountRefusal::BadInvite);
}

#[tokio::test]
async fn a_taken_name_leaves_the_invite_as_it_was() {
    let rig = Rig::new(|_| {});
    rig.invite("code", 2).await;
    rig.join(Some("code"), "anna", T1).await.unwrap();
    assert_eq!(store_refusal(rig.join(Some("code"), "anna", T2).await), AccountRefusal::NameTaken);
    rig.join(Some("code"), "bert", T2).await.unwrap();
}

#[tokio::test]
async fn the_settings_decide_who_may_join() {
    let closed = Rig::new(|settings| settings.registration = Registration::Closed);
    closed.invite("code", 1).await;
    assert_eq!(refusal(closed.join(Some("code"), "anna", T1).await), Refusal::RegistrationClosed);
    let by_invite = Rig::new(|_| {});
    assert_eq!(refusal(by_invite.join(None, "anna", T1).await), Refusal::InviteNeeded);
    assert_eq!(refusal(by_invite.join(Some(" "), "anna", T1).await), Refusal::InviteNeeded);
    Rig::open().join(Some("whatever"), "anna", T1).await.unwrap();
}

#[tokio::test]
async fn logging_in_again_with_the_same_token_is_the_same_device() {
    let rig = Rig::open();
    let first = rig.join(None, "anna", T1).await.unwrap();
    let second = rig.login("anna", "secret", T2).await.unwrap();
    assert_eq!(second, rig.login("anna", "secret", T2).await.unwrap());
    assert_ne!(first.device, second.device);
    assert_eq!(rig.accounts.devices(first.account).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_wrong_login_does_not_tell_whether_the_name_exists() {
    let rig = Rig::open();
    rig.join(None, "anna", T1).await.unwrap();
    assert_eq!(refusal(rig.login("anna", "sekret", T2).await), Refusal::WrongLogin);
    assert_eq!(refusal(rig.login("nobody", "secret", T2).await), Refusal::WrongLogin);
    let endless = "x".repeat(5_000);
    assert_eq!(refusal(rig.login("anna", &endless, T2).await), Refusal::WrongLogin);
}

#[tokio::test]
async fn a_disabled_account_is_told_so_after_the_right_password_only() {
    let rig = Rig::open();
    let account = rig.join(None, "anna", T1).await.unwrap().account;
    let state = AccountState::Disabled;
    rig.store.administer(AccountOrder::State { account, state, now_s: now_s() }).await.unwrap();
    assert_eq!(refusal(rig.login("anna", "secret", T2).await), Refusal::Disabled);
    assert_eq!(refusal(rig.login("anna", "wrong", T2).await), Refusal::WrongLogin);
}

#[tokio::test]
async fn a_removed_account_logs_in_nowhere_and_keeps_its_name() {
    let rig = Rig::open();
    let account = rig.join(None, "anna", T1).await.unwrap().account;
    let state = AccountState::Removed;
    rig.store.administer(AccountOrder::State { account, state, now_s: now_s() }).await.unwrap();
    assert_eq!(refusal(rig.login("anna", "secret", T2).await), Refusal::WrongLogin);
    assert_eq!(store_refusal(rig.join(None, "anna", T2).await), AccountRefusal::NameTaken);
}

#[tokio::test]
async fn one_account_or_one_address_cannot_try_for_ever() {
    let by_name = Rig::new(|settings| {
        settings.registration = Registration::Open;
        settings.limits.logins_per_minute = 2;
    });
    by_name.join(None, "anna", T1).await.unwrap();
    for _ in 0..2 {
        assert_eq!(refusal(by_name.login("anna", "guess", T2).await), Refusal::WrongLogin);
    }
    let limited = by_name.login("anna", "secret", T2).await.unwrap_err();
    assert!(matches!(limited, AccountError::Later { retry_after_s: 1..=30 }), "{limited:?}");
    assert_eq!(refusal(by_name.login("bert", "guess", T2).await), Refusal::WrongLogin);

    let by_address = Rig::new(|settings| settings.limits.logins_per_minute_per_address = 2);
    for name in ["anna", "bert"] {
        assert_eq!(refusal(by_address.login(name, "guess", T1).await), Refusal::WrongLogin);
    }
    let limited = by_address.login("carl", "guess", T1).await.unwrap_err();
    assert!(matches!(limited, AccountError::Later { .. }), "{limited:?}");
}

#[tokio::test]
async fn who_joins_or_changes_a_password_cannot_try_for_ever_either() {
    let rig = Rig::new(|settings| {
        settings.registration = Registration::Open;
        settings.limits.logins_per_minute_per_address = 2;
    });
    let account = rig.join(None, "anna", T1).await.unwrap().account;
    assert_eq!(store_refusal(rig.join(None, "anna", T2).await), AccountRefusal::NameTaken);
    let limited = rig.join(None, "bert", T2).await.unwrap_err();
    assert!(matches!(limited, AccountError::Later { .. }), "{limited:?}");
    let change = |from: &str| {
        let (old, new) = ("guess".to_owned(), "new".to_owned());
        rig.accounts.change_password(account, old, new, from.parse().unwrap())
    };
    for _ in 0..2 {
        assert_eq!(refusal(change("198.51.100.7").await), Refusal::WrongPassword);
    }
    let limited = change("198.51.100.7").await.unwrap_err();
    assert!(matches!(limited, AccountError::Later { .. }), "{limited:?}");
}

#[tokio::test]
async fn who_guesses_at_a_name_locks_its_owner_out_nowhere_else() {
    let rig = Rig::new(|settings| {
        settings.registration = Registration::Open;
        settings.limits.logins_per_minute = 2;
    });
    rig.join(None, "anna", T1).await.unwrap();
    for _ in 0..2 {
        assert_eq!(refusal(rig.login("anna", "guess", T2).await), Refusal::WrongLogin);
    }
    let limited = rig.login("anna", "secret", T2).await.unwrap_err();
    assert!(matches!(limited, AccountError::Later { .. }), "{limited:?}");
    rig.login_from("198.51.100.7".parse().unwrap(), "anna", "secret", T2).await.unwrap();
}

#[tokio::test]
async fn a_password_changes_only_by_the_old_one() {
    let rig = Rig::open();
    let account = rig.join(None, "anna", T1).await.unwrap().account;
    let change = |old: &str, new: &str| {
        rig.accounts.change_password(account, old.to_owned(), new.to_owned(), HERE)
    };
    assert_eq!(refusal(change("wrong", "new").await), Refusal::WrongPassword);
    assert_eq!(refusal(change("secret", "").await), Refusal::BadPassword);
    change("secret", "new").await.unwrap();
    assert_eq!(refusal(rig.login("anna", "secret", T2).await), Refusal::WrongLogin);
    rig.login("anna", "new", T2).await.unwrap();
}

#[tokio::test]
async fn a_forked_device_goes_on_at_its_own_cursors_and_again_is_the_same() {
    let rig = Rig::open();
    let DeviceGrant { account, device, .. } = rig.join(None, "anna", T1).await.unwrap();
    let from = Login { account, device };
    let fork = |cursors| {
        let forking = Forking { token: T2.to_owned(), device: "boat".to_owned(), cursors };
        rig.accounts.fork(from, forking)
    };
    let beyond = Cursors { latest: 0, urgent: u64::MAX, ordinary: 0 };
    assert_eq!(refusal(fork(Some(beyond)).await), Refusal::BadCursors);
    let cursors = Cursors { latest: 0, urgent: 0, ordinary: 0 };
    let grant = fork(Some(cursors)).await.unwrap();
    assert_eq!((grant.account, grant.cursors), (account, cursors));
    assert_eq!(grant, fork(Some(cursors)).await.unwrap());
    assert_ne!(grant.device, device);
}

#[tokio::test]
async fn a_revoked_device_is_gone_and_cannot_be_revoked_again() {
    let rig = Rig::open();
    let DeviceGrant { account, device, .. } = rig.join(None, "anna", T1).await.unwrap();
    rig.accounts.revoke(account, device).await.unwrap();
    assert!(rig.accounts.devices(account).await.unwrap().is_empty());
    assert_eq!(
        store_refusal(rig.accounts.revoke(account, device).await),
        AccountRefusal::NoSuchDevice
    );
    let known = rig.store.authenticate(vec![SecretHash::of(T1)]).await;
    assert!(matches!(known[..], [Ok(None)]));
}
