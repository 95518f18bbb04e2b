//! The post-quantum key exchange: with relays that have it, that have never heard of it, and that answer nonsense.

use config::agent::PostQuantum;
use rustls::{
    Error, NamedGroup,
    crypto::{
        ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup, ring::kx_group,
    },
};

use super::{
    server::{Ca, answer_all, answer_of},
    *,
};

/// What one exchange showed.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    resumed: Option<bool>,
    post_quantum: Option<bool>,
    up: u64,
    down: u64,
}

async fn visit(client: &Client, meter: &Meter) -> Result<Seen, LinkError> {
    let mut connection = client.connect(meter).await?;
    exchange(&mut connection, vec![2; 50].into()).await?;
    let (resumed, post_quantum) = (connection.tls_resumed(), connection.is_post_quantum());
    Ok(Seen { resumed, post_quantum, up: meter.up(), down: meter.down() })
}

async fn serving(ca: &Ca, takes: &[&'static dyn SupportedKxGroup]) -> (Server, String) {
    let tls = Some(ca.server_taking(takes.to_vec()));
    let server = Server::start(tls, u64::MAX, |peer| answer_all(peer, answer_of(&[1; 30]))).await;
    let url = format!("https://{}", server.address);
    (server, url)
}

fn both() -> [&'static dyn SupportedKxGroup; 2] {
    [::tls::X25519MLKEM768, kx_group::X25519]
}

#[tokio::test]
async fn it_costs_what_is_said_and_an_older_relay_answers_as_soon_and_as_short() {
    const MORE_UP: u64 = ::tls::HYBRID_MORE as u64 - MORE_DOWN;
    const MORE_DOWN: u64 = 1088;
    let ca = Ca::new();
    for (takes, is_taken) in [(&both()[..], true), (&both()[1..], false)] {
        let (_server, url) = serving(&ca, takes).await;
        let new = || client(&url, ca.settings());
        let (plain, ample) = (new(), new().over_ample(true));
        for resumed in [false, true, true] {
            let least = visit(&plain, &Meter::new(None)).await.unwrap();
            assert_eq!((least.resumed, least.post_quantum), (Some(resumed), Some(false)));
            let seen = visit(&ample, &Meter::new(None)).await.unwrap();
            assert_eq!((seen.resumed, seen.post_quantum), (Some(resumed), Some(is_taken)));
            // A second hello would be another 1,500. A signature's length is not always the same.
            let up = least.up + MORE_UP;
            let down = least.down + if is_taken { MORE_DOWN } else { 0 };
            assert_eq!(seen.up, up);
            assert!(seen.down.abs_diff(down) <= 4, "{seen:?}, {least:?}");
        }
    }
}

#[tokio::test]
async fn it_is_offered_where_bytes_are_ample_and_nothing_limits_them_or_as_the_settings_say() {
    let ca = Ca::new();
    let (_server, url) = serving(&ca, &both()).await;
    let budget = || Meter::new(Some(100_000));
    let quota = || Meter::within(None, Some(1_000_000));
    use PostQuantum::{Always, Never, Unmetered};
    for (post_quantum, expected) in
        [(Unmetered, [true, false, false, false]), (Always, [true; 4]), (Never, [false; 4])]
    {
        let cases = [
            (true, Meter::new(None)),
            (true, budget()),
            (true, quota()),
            (false, Meter::new(None)),
        ];
        for ((is_ample, meter), expected) in cases.into_iter().zip(expected) {
            let tls = TlsSettings { post_quantum, ..ca.settings() };
            let client = client(&url, tls).over_ample(is_ample);
            let seen = visit(&client, &meter).await.unwrap();
            assert_eq!(seen.post_quantum, Some(expected), "{post_quantum:?} {is_ample} {meter:?}");
        }
    }
}

#[tokio::test]
async fn what_it_agreed_on_stays_with_the_sessions_that_go_on_from_it() {
    let ca = Ca::new();
    let (_server, url) = serving(&ca, &both()).await;
    let plain = client(&url, ca.settings());
    let ample = plain.over_ample(true);
    let mut seen = Vec::new();
    for client in [&plain, &plain, &ample, &plain, &plain] {
        let Seen { resumed, post_quantum, .. } = visit(client, &Meter::new(None)).await.unwrap();
        seen.push((resumed.unwrap(), post_quantum.unwrap()));
    }
    let (anew, goes_on) = (false, true);
    let expected =
        [(anew, false), (goes_on, false), (goes_on, true), (goes_on, true), (goes_on, true)];
    assert_eq!(seen, expected);
    // A relay that knows the session no more begins one without it, whatever ticket it was shown.
    let (_other, url) = serving(&ca, &both()).await;
    let moved = client(&url, ca.settings());
    visit(&moved.over_ample(true), &Meter::new(None)).await.unwrap();
    let spoken = moved.spoken(Proof::Certificate, false).await.unwrap().unwrap();
    let (_forgetful, url) = serving(&ca, &both()).await;
    let url = RelayUrl::parse(&url, false).unwrap();
    let meter = Meter::new(None);
    let line = dial::dial(&url, Some(&spoken), &meter, None, false, false).await.unwrap();
    let is_post_quantum = line.session.map(|session| session.is_post_quantum());
    assert_eq!((line.tls_resumed, is_post_quantum), (Some(false), Some(false)));
}

/// A relay that takes the group and answers with this.
#[derive(Debug)]
struct Liar(Vec<u8>);

impl SupportedKxGroup for Liar {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        ::tls::X25519MLKEM768.start()
    }

    fn start_and_complete(&self, _: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (group, pub_key) = (self.name(), self.0.clone());
        let secret = SharedSecret::from(vec![0; 64]);
        Ok(CompletedKeyExchange { group, pub_key, secret })
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error_and_never_a_panic() {
    let ca = Ca::new();
    let asked = ::tls::X25519MLKEM768.start().unwrap();
    let good = ::tls::X25519MLKEM768.start_and_complete(asked.pub_key()).unwrap().pub_key;
    let zero = [&good[..1088], &[0; 32]].concat();
    let shares = [
        good[..32].to_vec(),
        good[..1088].to_vec(),
        good[..1119].to_vec(),
        [&good[..], &[0]].concat(),
        vec![7; 1216],
        vec![7; 16_000],
        zero,
        // Well formed, and not what we asked.
        good.clone(),
        vec![0xff; 1120],
    ];
    for share in shares {
        let len = share.len();
        let (_server, url) = serving(&ca, &[Box::leak(Box::new(Liar(share)))]).await;
        let client = client(&url, ca.settings()).over_ample(true);
        let err = visit(&client, &Meter::new(None)).await.unwrap_err();
        assert!(matches!(err, LinkError::Tls { .. }), "{len}: {err:?}");
    }
}
