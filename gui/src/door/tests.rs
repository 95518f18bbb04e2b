//! The doors against agents that die, stall or are none at all: the window is told, and goes on.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use agent::control::Order;
use config::{AgentPaths, paths::Env};
use iced::futures::StreamExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixListener,
};

use super::*;

pub(crate) const HELLO: Option<&str> = Some("{\"event\":\"hello\",\"v\":1,\"pid\":7}\n");

/// Something that listens where the agent would; what it says to each who comes, and then what after each line that it
/// hears. `None`: nothing more, and it stays; at the end of the list it closes.
pub(crate) struct False {
    dir: tempfile::TempDir,
    came: Arc<AtomicUsize>,
}

impl False {
    pub(crate) fn saying(lines: &'static [Option<&'static str>]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("agent.sock")).unwrap();
        let came = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&came);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    for (at, line) in lines.iter().enumerate() {
                        let mut heard = String::new();
                        if at > 0 && !matches!(stream.read_line(&mut heard).await, Ok(1..)) {
                            return;
                        }
                        let Some(line) = line else { std::future::pending().await };
                        let _ = stream.get_mut().write_all(line.as_bytes()).await;
                    }
                });
            }
        });
        Self { dir, came }
    }

    pub(crate) fn door(&self) -> Door {
        door(self.dir.path())
    }

    /// The first news of it.
    pub(crate) async fn news(&self) -> News {
        Box::pin(feed::feed(&self.place())).next().await.unwrap()
    }

    /// All news of it, one after the other.
    pub(crate) fn all_news(&self) -> impl iced::futures::Stream<Item = News> + use<> {
        feed::feed(&self.place())
    }

    fn place(&self) -> feed::Place {
        let paths = self.door().paths().clone();
        feed::Place { socket: paths.socket, store: paths.store, looks: 0 }
    }
}

fn door(home: &Path) -> Door {
    Door::new(AgentPaths::new(Some(home), &Env::default()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_accepts_and_says_nothing_is_given_up() {
    let agent = False::saying(&[None]);
    assert_eq!(agent.door().ask(Order::Status).await, Err(DoorError::Stalled));
    let why = Some(DoorError::Stalled);
    assert_eq!(agent.news().await, News::Absent(why));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_takes_an_order_and_says_nothing_is_given_up() {
    let agent = False::saying(&[HELLO, None]);
    assert_eq!(agent.door().ask(Order::Status).await, Err(DoorError::Stalled));
}

#[tokio::test]
async fn what_speaks_something_else_is_no_agent() {
    for words in [&[Some("SSH-2.0-OpenSSH_9.2\n")], &[Some("\u{1}\u{fffd}[]\n")], &[Some("{}\n")]] {
        let agent = False::saying(words);
        let err = DoorError::Refused {
            code: "not_an_agent".to_owned(),
            words: "what listens there is no Mailboat agent".to_owned(),
        };
        assert_eq!(agent.door().ask(Order::Status).await, Err(err.clone()), "{words:?}");
        assert_eq!(agent.news().await, News::Absent(Some(err)), "{words:?}");
    }
}

#[tokio::test]
async fn a_later_agent_is_told_with_the_remedy() {
    let agent = False::saying(&[Some("{\"event\":\"hello\",\"v\":9,\"pid\":7}\n")]);
    let refused = agent.door().ask(Order::Status).await;
    let Err(DoorError::Refused { code, words }) = refused else { panic!("{refused:?}") };
    assert_eq!(code, "unsupported_version");
    assert!(words.ends_with("restart the agent"), "{words}");
}

#[tokio::test]
async fn an_agent_that_ends_in_the_middle_of_its_answer_may_have_done_it() {
    for answer in ["{\"v\":1,\"id\":1,\"o", "?\n", "{\"v\":1,\"id\":9,\"ok\":{}}\n"] {
        let lines: &'static [Option<&str>] = Box::leak(Box::new([HELLO, Some(answer)]));
        let agent = False::saying(lines);
        assert_eq!(agent.door().ask(Order::Status).await, Err(DoorError::Lost), "{answer}");
    }
    // It said goodbye before it took it: that is known.
    let agent = False::saying(&[HELLO, Some("{\"event\":\"bye\"}\n")]);
    assert_eq!(agent.door().ask(Order::Status).await, Err(DoorError::NoAgent));
}

#[tokio::test]
async fn a_socket_that_nobody_listens_at_is_no_agent() {
    let dir = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(dir.path().join("agent.sock")).unwrap());
    assert_eq!(door(dir.path()).ask(Order::Status).await, Err(DoorError::NoAgent));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_always_ends_at_once_is_asked_more_and_more_rarely() {
    let agent = False::saying(&[HELLO, Some("{\"v\":1,\"id\":1,\"ok\":null}\n")]);
    let news = Box::pin(feed::feed(&agent.place()));
    let minute = tokio::time::sleep(Duration::from_secs(60));
    let told = news.take_until(Box::pin(minute)).count().await;
    // Two connections each time.
    let times = agent.came.load(Ordering::Relaxed) / 2;
    assert!((5..=20).contains(&times), "{times} times in a minute, {told} news");
}
