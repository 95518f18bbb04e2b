//! Conversations over a real socket.

use std::path::PathBuf;

use interprocess::local_socket::{
    GenericFilePath, ToFsName, tokio::Stream, traits::tokio::Stream as _,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, split},
    sync::{broadcast, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::*;

struct Served {
    dir: tempfile::TempDir,
    orders: mpsc::Receiver<Handed>,
    events: broadcast::Sender<Event>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = bind(&dir.path().join("agent.sock")).unwrap();
        let (orders_in, orders) = mpsc::channel(ORDERS_MAX);
        let (events, _) = broadcast::channel(4);
        let stop = CancellationToken::new();
        let told = Told { events: events.clone(), states: tokio::sync::watch::Sender::default() };
        let task = tokio::spawn(serve(listener, orders_in, told, stop.clone()));
        Self { dir, orders, events, stop, task }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("agent.sock")
    }

    async fn client(&self) -> Client {
        Client::connect(&self.socket()).await.unwrap().unwrap()
    }

    /// A connection that says what it likes.
    async fn raw(&self) -> Stream {
        let socket = self.socket();
        Stream::connect(socket.as_path().to_fs_name::<GenericFilePath>().unwrap()).await.unwrap()
    }
}

#[tokio::test]
async fn an_order_is_answered_and_so_is_the_next() {
    let mut served = Served::start();
    let mut client = served.client().await;
    let asked = tokio::spawn(async move {
        let first = client.ask(&Order::Status).await;
        let second = client.ask(&Order::Accept { target: "m9".to_owned() }).await;
        (first, second)
    });
    let handed = served.orders.recv().await.unwrap();
    assert_eq!(handed.order, Order::Status);
    handed.reply.send(Ok(json!({"waiting_here": 3}))).unwrap();
    let handed = served.orders.recv().await.unwrap();
    assert_eq!(handed.order, Order::Accept { target: "m9".to_owned() });
    handed.reply.send(Err(Failure::new("unknown_id", "there is no m9"))).unwrap();
    let (first, second) = asked.await.unwrap();
    assert_eq!(first.unwrap(), json!({"waiting_here": 3}));
    let AskError::Failed(failure) = second.unwrap_err() else { panic!("not a refusal") };
    assert_eq!(failure.code, "unknown_id");
}

#[tokio::test]
async fn garbage_is_answered_and_does_not_end_the_connection() {
    let served = Served::start();
    let stream = served.raw().await;
    let mut lines = BufReader::new(&stream).lines();
    assert!(lines.next_line().await.unwrap().unwrap().contains("\"hello\""));
    (&stream).write_all(b"\xff\xfe\n\nnull\n{\"v\":1,\"id\":5,\"do\":\"x\"}\n").await.unwrap();
    for id in [Value::Null, Value::Null, 5.into()] {
        let answer: Value =
            serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!("bad_request")));
    }
}

#[tokio::test]
async fn an_endless_line_is_refused_and_the_connection_closed() {
    let served = Served::start();
    let stream = served.raw().await;
    let (mut reader, mut writer) = split(stream);
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&vec![b'x'; LINE_MAX + 1]).await;
        writer
    });
    let mut said = String::new();
    // The rest of the line was never read, so the close may show as a reset.
    let _ = reader.read_to_string(&mut said).await;
    assert!(said.contains("longer than"), "{said}");
    writing.await.unwrap();
}

#[tokio::test]
async fn who_watches_hears_of_events_and_of_those_that_were_lost() {
    let served = Served::start();
    let mut watching = served.client().await.watch().await.unwrap();
    served.events.send(Event::Changed).unwrap();
    assert_eq!(watching.next().await, Some(Event::Changed));
    let row = json!({"id": "m1", "text": "hi"}).as_object().unwrap().clone();
    served.events.send(Event::Message { row: row.clone() }).unwrap();
    assert_eq!(watching.next().await, Some(Event::Message { row }));
    // All at once and without a pause, so that the connection's task cannot run in between.
    for n in 0..9 {
        served.events.send(Event::State { id: format!("m{n}"), state: "relayed".into() }).unwrap();
    }
    assert_eq!(watching.next().await, Some(Event::Missed));
    served.stop.cancel();
    while watching.next().await.is_some() {}
    served.task.await.unwrap();
}

#[tokio::test]
async fn what_was_taken_is_answered_when_the_server_stops_and_the_rest_is_not_taken() {
    let mut served = Served::start();
    let mut taken = served.client().await;
    let mut idle = served.client().await;
    let asked = tokio::spawn(async move { taken.ask(&Order::Status).await });
    let handed = served.orders.recv().await.unwrap();
    served.stop.cancel();
    handed.reply.send(Ok(json!(1))).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), json!(1));
    served.task.await.unwrap();
    assert!(matches!(idle.ask(&Order::Status).await, Err(AskError::NotTaken)));
    assert!(Client::connect(&served.dir.path().join("agent.sock")).await.unwrap().is_none());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn only_the_owner_comes_to_the_socket_and_a_stale_one_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(Client::connect(&path).await.unwrap().is_none(), "a dead socket is nobody");
    let _listener = bind(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let file = dir.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(bind(&file).is_err(), "what is no socket is left alone");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}
