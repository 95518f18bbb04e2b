//! What a proxy is told of user and password, and when.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use config::{Env, agent::LoginWay};
use tokio::io::AsyncWriteExt;

use super::{server::read_request, *};

const BASIC: &str = "Proxy-Authenticate: Basic realm=\"r\"";

/// A proxy that answers the n-th request with the n-th of these, and then for ever with the last; and what it was told.
struct Proxy {
    server: Server,
    told: Arc<Mutex<Vec<Option<String>>>>,
}

impl Proxy {
    async fn start(answers: &[String]) -> Self {
        let (told, count) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (hears, answers) = (told.clone(), answers.to_vec());
        let server = Server::plain(move |mut peer| {
            let (hears, count, answers) = (hears.clone(), count.clone(), answers.clone());
            async move {
                while let Some((head, _)) = read_request(&mut peer).await {
                    let said =
                        head.lines().find_map(|line| line.strip_prefix("proxy-authorization: "));
                    hears.lock().unwrap().push(said.map(str::to_owned));
                    let at = count.fetch_add(1, SeqCst).min(answers.len() - 1);
                    if peer.write_all(answers[at].as_bytes()).await.is_err()
                        || answers[at].contains("Connection: close")
                    {
                        return;
                    }
                }
            }
        })
        .await;
        Self { server, told }
    }

    fn client(&self, login: LoginWay) -> Client {
        let url = format!("http://ann:secret@{}", self.server.address).parse().unwrap();
        Self::behind(&config::agent::Proxy { url, login, ..config::agent::Proxy::default() })
    }

    fn behind(settings: &config::agent::Proxy) -> Client {
        let client = Client::new(
            RelayUrl::parse("http://127.0.0.1:9", false).unwrap(),
            TlsSettings::default(),
        );
        client.behind(settings, &Env::default()).unwrap()
    }

    /// Somebody whose login a program says.
    fn client_of(&self, program: &[&str]) -> Client {
        let url = format!("http://{}", self.server.address).parse().unwrap();
        let authorization_program = program.iter().map(|word| (*word).to_owned()).collect();
        Self::behind(&config::agent::Proxy {
            url,
            authorization_program,
            ..config::agent::Proxy::default()
        })
    }

    /// The first word of each `Proxy-Authorization` so far; `-` without one.
    fn kinds(&self) -> String {
        let told = self.told.lock().unwrap();
        let kinds = told
            .iter()
            .map(|said| said.as_deref().map_or("-", |said| said.split(' ').next().unwrap_or("?")));
        kinds.collect::<Vec<_>>().join(" ")
    }
}

fn asks(fields: &[&str], close: bool) -> String {
    let close = if close { "Connection: close\r\n" } else { "" };
    format!("HTTP/1.1 407 No\r\n{}\r\n{close}Content-Length: 0\r\n\r\n", fields.join("\r\n"))
}

fn digest(nonce: &str, is_stale: bool) -> String {
    format!(
        "Proxy-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\", stale={is_stale}"
    )
}

fn fine() -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()
}

async fn visit(client: &Client) -> Result<Vec<u8>, LinkError> {
    let mut connection = client.connect(&Meter::new(None)).await?;
    let mut answer = connection.post_sync(TOKEN, "request".into(), Duration::ZERO).await?;
    let (body, end) = read(&mut answer).await;
    end.map(|()| body)
}

/// Visits until something else stands in the way than a connection that the proxy closed.
async fn visits(client: &Client) -> Result<Vec<u8>, LinkError> {
    for _ in 0..8 {
        match visit(client).await {
            Err(err) if !err.is_permanent() => {}
            end => return end,
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn nothing_goes_out_before_the_proxy_asks_and_what_it_asked_for_is_remembered() {
    let proxy = Proxy::start(&[asks(&[BASIC], false), fine()]).await;
    let client = proxy.client(LoginWay::Ask);
    assert_eq!(
        (visit(&client).await.unwrap(), client.login_taken()),
        (b"ok".to_vec(), Some("basic"))
    );
    visit(&client).await.unwrap();
    assert_eq!(proxy.kinds(), "- Basic Basic");
    // As in another process, from the store.
    let next = proxy.client(LoginWay::Ask);
    next.recall_login("basic");
    visit(&next).await.unwrap();
    assert_eq!(proxy.kinds(), "- Basic Basic Basic");
}

#[tokio::test]
async fn a_proxy_that_takes_digests_never_sees_the_password() {
    let both = asks(&[BASIC, &digest("n", false)], false);
    let proxy = Proxy::start(&[both, fine()]).await;
    let client = proxy.client(LoginWay::Ask);
    visit(&client).await.unwrap();
    visit(&client).await.unwrap();
    assert_eq!((&proxy.kinds()[..], client.login_taken()), ("- Digest Digest", Some("digest")));
    assert!(!format!("{:?}", proxy.told).contains("secret"));
}

#[tokio::test]
async fn the_settings_may_say_it_unasked_or_forbid_the_password() {
    let proxy = Proxy::start(&[fine()]).await;
    visit(&proxy.client(LoginWay::Basic)).await.unwrap();
    assert_eq!(proxy.kinds(), "Basic");

    let proxy = Proxy::start(&[asks(&[BASIC], false), fine()]).await;
    let err = visit(&proxy.client(LoginWay::Digest)).await.unwrap_err();
    assert!(err.is_permanent() && err.to_string().contains("password in the clear"), "{err}");
    assert!(err.remedy().contains("login = \"basic\""), "{}", err.remedy());
    let err = visit(&proxy.client(LoginWay::Digest)).await;
    assert!(err.is_ok() && proxy.kinds() == "- -", "{}", proxy.kinds());
}

#[tokio::test]
async fn who_took_digests_and_asks_for_the_password_now_is_not_told_it() {
    let proxy = Proxy::start(&[asks(&[BASIC], false)]).await;
    let client = proxy.client(LoginWay::Ask);
    client.recall_login("digest");
    let err = visit(&client).await.unwrap_err();
    assert!(err.to_string().contains("password in the clear") && err.is_permanent(), "{err}");
    assert_eq!((&proxy.kinds()[..], client.login_taken()), ("-", None));
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_program_said_and_the_proxy_did_not_take_is_not_said_again() {
    for challenge in [BASIC, "Proxy-Authenticate: Negotiate", "X-Else: Basic"] {
        let proxy = Proxy::start(&[asks(&[challenge], false)]).await;
        let err = visit(&proxy.client_of(&["echo", "Negotiate YII"])).await.unwrap_err();
        assert!(err.to_string().contains("does not accept the login"), "{challenge}: {err}");
        assert!(err.is_permanent() && proxy.kinds() == "Negotiate", "{}", proxy.kinds());
    }
}

#[tokio::test]
async fn a_proxy_that_goes_on_asking_is_told_at_most_three_times_whatever_it_does_to_the_line() {
    for close in [false, true] {
        let nonces: Vec<String> =
            (0..20).map(|n| asks(&[&digest(&format!("n{n}"), true)], close)).collect();
        let proxy = Proxy::start(&nonces).await;
        let client = proxy.client(LoginWay::Ask);
        let err = visits(&client).await.unwrap_err();
        assert!(err.to_string().contains("does not accept the login"), "{err}");
        let asked = proxy.told.lock().unwrap().len();
        assert!(asked <= 3, "{asked}: {}", proxy.kinds());
    }
}

#[tokio::test]
async fn a_page_with_a_question_for_a_login_is_not_read_for_ever() {
    let endless =
        format!("HTTP/1.1 407 No\r\n{}\r\nTransfer-Encoding: chunked\r\n\r\n", digest("n", true));
    let proxy = Proxy::start(&[endless + &"5\r\npage!\r\n".repeat(20_000), fine()]).await;
    let client = proxy.client(LoginWay::Ask);
    let meter = Meter::new(None);
    let mut connection = client.connect(&meter).await.unwrap();
    let err = connection.post_sync(TOKEN, "request".into(), Duration::ZERO).await.unwrap_err();
    assert!(!err.is_permanent() && meter.down() <= 16 << 10, "{err}, {} bytes", meter.down());
    drop(connection);
    assert_eq!(visits(&client).await.unwrap(), b"ok");
}

#[tokio::test]
async fn a_proxy_that_wants_a_new_nonce_for_each_visit_gets_one_for_ever() {
    let answers: Vec<String> =
        (0..12).flat_map(|n| [asks(&[&digest(&format!("n{n}"), true)], false), fine()]).collect();
    let proxy = Proxy::start(&answers).await;
    let client = proxy.client(LoginWay::Ask);
    for _ in 0..12 {
        assert_eq!(visit(&client).await.unwrap(), b"ok");
    }
    assert_eq!(proxy.told.lock().unwrap().len(), 24);
}

#[tokio::test]
async fn an_answer_to_connect_that_never_begins_is_given_up_after_32_kib() {
    let proxy = Proxy::start(&["HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000)]).await;
    let client = proxy.client(LoginWay::Ask).for_holding();
    let meter = Meter::new(None);
    let err = client.connect(&meter).await.unwrap_err();
    assert!(err.is_permanent() && err.to_string().contains("does not speak as a proxy"), "{err}");
    assert!(meter.down() <= 32 << 10, "{} bytes", meter.down());
}

#[tokio::test]
async fn what_comes_through_a_tunnel_may_be_long() {
    let body = "x".repeat(100_000);
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let proxy = Proxy::start(&["HTTP/1.1 200 OK\r\n\r\n".to_owned(), long]).await;
    let client = proxy.client(LoginWay::Ask).for_holding();
    assert_eq!(visit(&client).await.unwrap().len(), body.len());
}
