use config::relay;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn settings(dir: &tempfile::TempDir) -> RelaySettings {
    RelaySettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: dir.path().join("data"),
        operations_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..RelaySettings::default()
    }
}

async fn got(addr: SocketAddr, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn it_serves_both_listeners_and_leaves_its_directory_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start(settings(&dir)).await.unwrap();
    assert!(got(relay.addr, "/v1/relay").await.contains("\"protocol\":1"));
    let operations = relay.ops_addr.unwrap();
    assert!(got(operations, "/readyz").await.ends_with("ready\n"));
    assert!(got(operations, "/metrics").await.contains("route=\"/v1/relay\""));
    assert!(got(operations, "/v1/relay").await.starts_with("HTTP/1.0 404"));
    let second = Relay::start(settings(&dir)).await.unwrap_err();
    assert!(matches!(second, StartError::Data(DataDirError::Served { .. })), "{second}");
    let (addr, weak) = (relay.addr, Arc::downgrade(relay.store()));
    relay.shutdown().await;
    assert!(weak.upgrade().is_none(), "the store is still open");
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    Relay::start(settings(&dir)).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn what_may_not_listen_leaves_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let public = RelaySettings { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..settings(&dir) };
    assert!(matches!(Relay::start(public).await, Err(StartError::Listen(_))));
    let tls =
        relay::Tls { cert: "absent.crt".into(), key: "absent.key".into(), ..relay::Tls::default() };
    let broken = RelaySettings { tls, ..settings(&dir) };
    assert!(matches!(Relay::start(broken).await, Err(StartError::Tls(_))));
    assert!(!dir.path().join("data").exists());
}
