//! One window program for one store: a second start hands over what it was started for, and the first comes to the front.
//!
//! Who holds the lock `window.lock` beside the store is the first; the kernel lets go of it when the program dies, so two
//! starts at once cannot both win and a crash leaves nothing behind that matters. The first listens at `window.sock`, a
//! line in and a line out, for its user only. A socket that a killed program left is replaced.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use agent::control::{self, Listener};
use iced::{
    Subscription,
    futures::{SinkExt, Stream, channel::mpsc::Sender},
};
use interprocess::local_socket::traits::tokio::Listener as _;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    time::{sleep, timeout},
};

use crate::goal::{Fault, Goal};

/// How long a second start waits for the first, which may itself just be starting.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// For one second start to say what it wants.
const SAY_WITHIN: Duration = Duration::from_secs(5);
/// The longest line, in bytes: a link and what stands around it.
const LINE_MAX: u64 = 8 << 10;

/// What the program was started for, as it was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Start {
    /// `--open`.
    pub(crate) open: Option<String>,
    /// A link.
    pub(crate) link: Option<String>,
}

impl Start {
    /// Where that leads.
    pub(crate) fn goal(&self) -> Result<Goal, Fault> {
        match (&self.link, &self.open) {
            (Some(link), _) => Goal::of_link(link),
            (None, Some(id)) => Goal::of_id(id),
            (None, None) => Ok(Goal::Portal),
        }
    }
}

/// The right to be the one window program of a store, as long as it lives.
#[derive(Debug)]
pub(crate) struct Claim {
    _lock: File,
}

/// Takes the right; `None` where another program has it, which was told `start`.
///
/// # Errors
/// Where the lock cannot be opened, or the other program does not answer.
pub(crate) async fn claim(socket: &Path, start: &Start) -> io::Result<Option<Claim>> {
    let lock = config::private::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(socket.with_extension("lock"))?;
    let decide = async {
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(true),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(err)) => return Err(err),
            }
            // It may have the lock and not listen yet, or be about to end.
            if hand_over(socket, start).await.unwrap_or(false) {
                return Ok(false);
            }
            sleep(LOOK_AGAIN).await;
        }
    };
    let is_first = timeout(PATIENCE, decide).await.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, "the window that is open does not answer"))
    })?;
    Ok(is_first.then_some(Claim { _lock: lock }))
}

/// Tells the first; whether it took it.
async fn hand_over(socket: &Path, start: &Start) -> io::Result<bool> {
    let Some(mut stream) = control::connect(socket).await? else { return Ok(false) };
    let mut line = serde_json::to_vec(start)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = String::new();
    BufReader::new(stream).take(LINE_MAX).read_line(&mut answer).await?;
    Ok(answer == "ok\n")
}

/// What further starts want, for as long as the program runs.
pub(crate) fn starts(socket: &Path) -> Subscription<Start> {
    Subscription::run_with(socket.to_owned(), listen)
}

#[expect(clippy::ptr_arg, reason = "iced hands over what it was given")]
fn listen(socket: &PathBuf) -> impl Stream<Item = Start> + use<> {
    let socket = socket.clone();
    iced::stream::channel(8, async move |mut out: Sender<Start>| {
        let listener = match control::bind(&socket) {
            Ok(listener) => listener,
            // The window works all the same; only a second start will say that nobody answers.
            Err(err) => {
                eprintln!("mailboat-gui: {}: {err}", socket.display());
                return;
            }
        };
        serve(&listener, &mut out).await;
    })
}

/// One after the other: who says nothing holds the others up for a few seconds, and only this user can.
async fn serve(listener: &Listener, out: &mut Sender<Start>) {
    loop {
        let Ok(stream) = listener.accept().await else {
            // Out of descriptors: an error that comes again at once must not spin.
            sleep(SAY_WITHIN).await;
            continue;
        };
        let hear = async {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            (&mut stream).take(LINE_MAX).read_until(b'\n', &mut line).await.ok()?;
            let start: Start = serde_json::from_slice(&line).ok()?;
            out.send(start).await.ok()?;
            stream.get_mut().write_all(b"ok\n").await.ok()
        };
        let _ = timeout(SAY_WITHIN, hear).await;
    }
}

#[cfg(test)]
mod tests {
    use iced::futures::{StreamExt, channel::mpsc};

    use super::*;

    fn start(open: &str) -> Start {
        Start { open: Some(open.to_owned()), link: None }
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("window.sock");
        (dir, socket)
    }

    #[tokio::test]
    async fn of_many_starts_at_once_one_is_the_first_and_hears_of_all_others() {
        let (_dir, socket) = place();
        let mut racing = tokio::task::JoinSet::new();
        for n in 1..=20 {
            let socket = socket.clone();
            racing.spawn(async move { claim(&socket, &start(&format!("c{n}"))).await.unwrap() });
        }
        let first = racing.join_next().await.unwrap().unwrap().expect("nobody else listens yet");
        // The others wait meanwhile: the first has the lock and does not listen yet.
        let mut heard = Box::pin(listen(&socket));
        let mut told = std::collections::BTreeSet::new();
        for _ in 1..20 {
            told.insert(heard.next().await.unwrap().open.unwrap());
        }
        assert_eq!(told.len(), 19);
        while let Some(other) = racing.join_next().await {
            assert!(other.unwrap().is_none(), "two are the first");
        }
        drop(first);
    }

    #[tokio::test]
    async fn a_socket_that_a_killed_program_left_does_not_matter() {
        let (_dir, socket) = place();
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        assert!(socket.exists());
        let _first = claim(&socket, &Start::default()).await.unwrap().unwrap();
        let mut heard = Box::pin(listen(&socket));
        let second = tokio::spawn({
            let socket = socket.clone();
            async move { claim(&socket, &start("c3")).await.unwrap() }
        });
        assert_eq!(heard.next().await, Some(start("c3")));
        assert!(second.await.unwrap().is_none());
    }

    #[tokio::test]
    async fn who_says_something_else_or_nothing_is_passed_over() {
        let (_dir, socket) = place();
        let listener = control::bind(&socket).unwrap();
        let (mut out, mut heard) = mpsc::channel(8);
        tokio::spawn(async move { serve(&listener, &mut out).await });
        for words in [&b"hello\n"[..], b"\xff\0\n", &[b'a'; 9000]] {
            let mut stream = control::connect(&socket).await.unwrap().unwrap();
            let _ = stream.write_all(words).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            assert!(answer.is_empty(), "{words:?}");
        }
        drop(control::connect(&socket).await.unwrap());
        assert!(hand_over(&socket, &start("c3")).await.unwrap());
        assert_eq!(heard.next().await, Some(start("c3")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_that_never_answers_is_said() {
        let (_dir, socket) = place();
        let _first = claim(&socket, &Start::default()).await.unwrap().unwrap();
        let err = claim(&socket, &Start::default()).await.unwrap_err();
        assert!(err.to_string().contains("does not answer"), "{err}");
    }
}
