//! Joining and logging in over a link that is cut at every byte.

use agent::account::{self, Admitted, How, Who};
use agent::link::{Client, RelayUrl, TlsSettings};
use config::Secret;
use harness::inside::InsideRelay;
use harness::link::{CutPlan, Direction, Link, Manner};
use relay::store::{AccountAnswer, AccountQuery};

/// What somebody says who is let in; all names and tokens have the same length, so every request and every answer has.
struct Asker<'a> {
    client: &'a Client,
    name: String,
    password: Secret,
    token: Secret,
}

impl Asker<'_> {
    /// The same person at another device.
    fn second(&self) -> Self {
        let token = Secret::new(self.token.expose().replacen('0', "1", 1));
        Self { name: self.name.clone(), password: self.password.clone(), token, ..*self }
    }

    async fn admitted(&self, how: &How) -> Admitted {
        let (password, token) = (&self.password, &self.token);
        let admitted = account::admit(
            self.client,
            how,
            Who { name: &self.name, password, token, label: "boat" },
            |_| {},
        )
        .await;
        admitted.unwrap_or_else(|failure| panic!("{}: {failure:?}", self.name))
    }
}

async fn devices(relay: &InsideRelay, account: u64) -> usize {
    let answer = relay.store().look_up(AccountQuery::Devices(account)).await.unwrap();
    let AccountAnswer::Devices(devices) = answer else { panic!("{answer:?}") };
    devices.len()
}

async fn accounts(relay: &InsideRelay) -> usize {
    let answer = relay.store().look_up(AccountQuery::All).await.unwrap();
    let AccountAnswer::Accounts(accounts) = answer else { panic!("{answer:?}") };
    accounts.len()
}

/// Lets somebody in at every byte of the request and of the answer: the agent asks again by itself, and what it gets
/// is one device.
async fn let_in(logs_in: bool) {
    let dir = tempfile::tempdir().unwrap();
    let relay = InsideRelay::start_open(dir.path()).await;
    let link = Link::start(relay.addr());
    let url = RelayUrl::parse(&format!("http://{}", link.addr()), false).unwrap();
    let client = Client::new(url, TlsSettings::default());
    let (join, login) =
        (How::Join { code: String::new() }, How::Login { since_s: None, cursors: None });
    let mut made = 0;
    let mut asker = || {
        made += 1;
        let (name, token) = (format!("p{made:05}"), Secret::new(format!("{made:021}A")));
        Asker { client: &client, name, password: Secret::new("secret"), token }
    };

    // What it weighs without a cut.
    let mut probe = asker();
    if logs_in {
        probe.admitted(&join).await;
        probe = probe.second();
    }
    link.reset_counters();
    probe.admitted(if logs_in { &login } else { &join }).await;
    let counters = link.counters();
    let (up, down) = (counters.up, counters.down);
    assert!(100 < up && 100 < down, "{counters:?}");

    let mut cuts = 0;
    for (direction, len) in [(Direction::Up, up), (Direction::Down, down)] {
        for at in 0..len {
            let mut who = asker();
            if logs_in {
                who.admitted(&join).await;
                who = who.second();
            }
            let manner = if at % 2 == 0 { Manner::Close } else { Manner::Reset };
            link.plan([CutPlan::at(direction, at).by(manner)]);
            let how = if logs_in { &login } else { &join };
            let first = who.admitted(how).await;
            assert_eq!(link.plans_left(), 0, "nothing was cut");
            // And again by hand, as somebody does who saw no answer.
            let again = who.admitted(how).await;
            let case = format!("{direction:?} {at}, {manner:?}");
            assert_eq!((first.account, first.device), (again.account, again.device), "{case}");
            assert_eq!(devices(&relay, first.account).await, 1 + usize::from(logs_in), "{case}");
            cuts += 1;
        }
    }
    assert_eq!(accounts(&relay).await, 1 + cuts, "somebody has two accounts, or none");
    relay.shutdown().await;
}

#[tokio::test]
async fn invariant_27_joining_cut_at_every_byte_makes_one_account_with_one_device() {
    let_in(false).await;
}

#[tokio::test]
async fn invariant_27_logging_in_cut_at_every_byte_makes_one_device() {
    let_in(true).await;
}
