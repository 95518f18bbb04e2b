//! What leaves with TLS's first packet, and what does not.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::link::{
    RelayUrl, TlsSettings,
    tests::server::{Ca, answer_all, answer_of},
};

/// Types of TLS's records.
const HANDSHAKE: u8 = 0x16;
const DATA: u8 = 0x17;

/// The types of the records in what somebody said, whole ones.
fn records(mut said: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = said {
        types.push(*kind);
        said = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    types
}

/// Takes down what somebody says, answers nothing, and hears it to its end.
async fn take_down(mut stream: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    stream.read_buf(&mut said).await.unwrap();
    stream.shutdown().await.unwrap();
    // A reset after what was said is as good as an end.
    let _ = stream.read_to_end(&mut said).await;
    said
}

#[tokio::test]
async fn an_exchange_leaves_with_the_first_packet_and_one_that_is_to_be_held_behind_the_handshake()
{
    let ca = Ca::new();
    let mut server = rustls::ServerConfig::clone(&ca.server("127.0.0.1", 2999));
    (server.send_tls13_tickets, server.max_early_data_size) = (2, 16 * 1024);
    let server = TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let client = Client::new(
        RelayUrl::parse(&url, false).unwrap(),
        TlsSettings { early_data: true, ..ca.settings() },
    );
    let account = Account {
        relay: url,
        name: "ann".to_owned(),
        account: 7,
        device: 70,
        token: Secret::new("AbCdEfGhIjKlMnOpQrStUv"),
        ca: None,
        relay_key: None,
    };
    let way = || {
        let account = Arc::new(Mutex::new(account.clone()));
        Way::new(client.clone(), Meter::new(None), account, PathBuf::new())
    };
    let ask = async |hold_s: u64| {
        let mut way = way();
        let answer = way.post(Bytes::from_static(&[7; 100]), Duration::from_secs(hold_s)).await;
        answer?.whole(100).await
    };
    for (hold_s, is_early) in [(0, true), (20, false)] {
        // A whole visit, which brings tickets.
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            answer_all(Box::new(server.accept(stream).await.unwrap()), answer_of(b"")).await;
        };
        let (_, answer) = tokio::join!(serve, ask(0));
        answer.unwrap();
        let watch = async { take_down(listener.accept().await.unwrap().0).await };
        let (said, answer) = tokio::join!(watch, ask(hold_s));
        let records = records(&said);
        assert_eq!((records[0], records.contains(&DATA)), (HANDSHAKE, is_early), "{records:?}");
        answer.unwrap_err();
    }
}
