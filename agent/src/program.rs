//! Programs that the settings name: run without a shell, in a process group of their own, within a time limit; what they
//! print goes to the log.

use std::{
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, Command},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::store::HowEnded;

/// Longest line that is logged, in characters.
const LINE_MAX: usize = 500;
/// Lines that are logged of one run.
const LINES_MAX: usize = 200;
/// How long a program that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });
/// How long to wait for the last lines of a program that has ended.
const LAST_LINES: Duration = Duration::from_millis(500);

/// A program that was run. What it left running may go on printing: that is read until this is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    _readers: JoinSet<()>,
}

/// Why a program did not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unwell {
    /// In words that follow its name, with the last that it said.
    pub(crate) words: String,
    /// How it ended.
    pub(crate) how: HowEnded,
    /// What it exited with; `None` where it did not end by itself.
    pub(crate) code: Option<i32>,
    /// The last line that it printed; empty for none.
    pub(crate) said: String,
}

impl Unwell {
    fn started(err: &std::io::Error) -> Self {
        let how = HowEnded::NotStarted(err.to_string());
        Self { words: words_of(&how), how, code: None, said: String::new() }
    }
}

/// Runs `argv` until it ends well, with `input` on its standard input. `cancel` stops it.
pub(crate) async fn run(
    argv: &[String],
    env: &[(&str, String)],
    input: &str,
    limit: Duration,
    cancel: &CancellationToken,
) -> Result<Program, Unwell> {
    let name = argv.first().map_or("", String::as_str);
    let mut command = command(argv, env);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().map_err(|err| {
        let unwell = Unwell::started(&err);
        warn!(program = name, "{}", unwell.words);
        unwell
    })?;
    info!(program = name, "started");
    let last = Arc::new(Mutex::new(String::new()));
    let mut readers = JoinSet::new();
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_owned();
        // A program that does not read its input is right to do so.
        readers.spawn(async move { _ = stdin.write_all(input.as_bytes()).await });
    }
    if let Some(out) = child.stdout.take() {
        readers.spawn(log(out, name.to_owned(), last.clone()));
    }
    if let Some(err) = child.stderr.take() {
        readers.spawn(log(err, name.to_owned(), last.clone()));
    }
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        ended = timeout(limit, child.wait()) => Some(ended),
    };
    let mut code = None;
    let how = match ended {
        Some(Ok(Ok(status))) if status.success() => None,
        Some(Ok(Ok(status))) => {
            code = status.code();
            Some(code.map_or_else(|| HowEnded::Failed(status.to_string()), HowEnded::Exited))
        }
        Some(Ok(Err(err))) => Some(HowEnded::Lost(err.to_string())),
        Some(Err(_)) => {
            stop(&mut child).await;
            Some(HowEnded::TooSlow(limit.as_secs()))
        }
        None => {
            stop(&mut child).await;
            Some(HowEnded::Stopped)
        }
    };
    // A program that stays in the background may hold its output open: then nobody waits for its end.
    let _ = timeout(LAST_LINES, async { while readers.join_next().await.is_some() {} }).await;
    let Some(how) = how else { return Ok(Program { _readers: readers }) };
    let said = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let words = words_of(&how);
    let words = if said.is_empty() { words } else { format!("{words}, and said: {said}") };
    warn!(program = name, "{words}");
    Err(Unwell { words, how, code, said })
}

fn words_of(how: &HowEnded) -> String {
    match how {
        HowEnded::NotStarted(why) => format!("could not be started: {why}"),
        HowEnded::Exited(status) => format!("failed (exit status: {status})"),
        HowEnded::Failed(status) => format!("failed ({status})"),
        HowEnded::Lost(why) => format!("got lost: {why}"),
        HowEnded::TooSlow(limit_s) => format!("was stopped: it took longer than {limit_s} s"),
        HowEnded::Stopped => "was stopped, because the visit or the agent was".to_owned(),
    }
}

/// Starts `argv` and leaves it alone: for an end that cannot wait.
pub(crate) fn start_and_forget(argv: &[String], env: &[(&str, String)]) {
    let mut command = std::process::Command::new(argv.first().map_or("", String::as_str));
    command.args(&argv[1.min(argv.len())..]).envs(env.iter().map(|(name, value)| (*name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env_remove("NOTIFY_SOCKET");
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    match command.spawn() {
        Ok(_) => {}
        Err(err) => warn!(program = ?argv.first(), error = %err, "could not be started"),
    }
}

fn command(argv: &[String], env: &[(&str, String)]) -> Command {
    let mut command = Command::new(argv.first().map_or("", String::as_str));
    command.args(&argv[1.min(argv.len())..]).envs(env.iter().map(|(name, value)| (*name, value)));
    command.stdin(Stdio::null()).kill_on_drop(true);
    // The service manager listens to the agent, not to what it starts.
    command.env_remove("NOTIFY_SOCKET");
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// Ends a program and what it started: politely, then not.
#[cfg(unix)]
async fn stop(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let Some(group) = group else { return };
    // It may have ended meanwhile.
    let _ = kill_process_group(group, Signal::TERM);
    let _ = timeout(GRACE, child.wait()).await;
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait().await;
}

#[cfg(not(unix))]
async fn stop(child: &mut Child) {
    // It may have ended meanwhile.
    let _ = child.kill().await;
}

async fn log(out: impl AsyncRead + Unpin, program: String, last: Arc<Mutex<String>>) {
    let mut out = BufReader::new(out);
    let mut raw = Vec::new();
    let mut lines = 0;
    loop {
        raw.clear();
        // What follows a long line's beginning is another line.
        let mut piece = tokio::io::AsyncReadExt::take(&mut out, 4 * LINE_MAX as u64);
        match piece.read_until(b'\n', &mut raw).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = printable(&String::from_utf8_lossy(&raw));
        if line.is_empty() {
            continue;
        }
        lines += 1;
        if lines <= LINES_MAX {
            info!(program, "{line}");
        }
        *last.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }
}

fn printable(line: &str) -> String {
    let shown = line.trim().chars().filter(|c| !c.is_control()).take(LINE_MAX);
    shown.collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    async fn run_shell(script: &str, input: &str, limit_s: u64) -> Result<(), Unwell> {
        let cancel = CancellationToken::new();
        let limit = Duration::from_secs(limit_s);
        run(&shell(script), &[], input, limit, &cancel).await.map(drop)
    }

    #[tokio::test]
    async fn a_program_that_does_not_want_to_end_is_killed_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let note = dir.path().join("pids");
        let script = format!(
            "trap '' TERM; sleep 600 & echo $$ $! > {}; while :; do wait; done",
            note.display()
        );
        let unwell = run_shell(&script, "", 2).await.unwrap_err();
        assert!(unwell.words.contains("longer than 2 s"), "{unwell:?}");
        let pids = std::fs::read_to_string(&note).expect("it had begun, and ignored SIGTERM");
        // The one that it started is dead at once, but its entry may stay until somebody takes note of its end.
        let lives = |pid: &str| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ") && !stat.contains(") X ")
        };
        let gone = async {
            while pids.split_whitespace().any(lives) {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), gone).await.expect("all of them are gone");
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_may_tidy_up_before_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let note = dir.path().join("note");
        let script = format!("trap 'echo bye > {}; exit 0' TERM; sleep 600 & wait", note.display());
        run_shell(&script, "", 1).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(&note).unwrap(), "bye\n");
    }

    #[tokio::test]
    async fn what_is_written_to_a_program_and_how_it_ended_are_kept() {
        let unwell =
            run_shell("cat; echo; echo last words; exit 7", "hello", 30).await.unwrap_err();
        assert_eq!((unwell.code, &*unwell.said), (Some(7), "last words"));
        run_shell("test \"$(cat)\" = hello", "hello", 30).await.unwrap();
        run_shell("exit 0", &"not read ".repeat(100_000), 30).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_program_leaves_running_keeps_nobody_waiting() {
        let began = std::time::Instant::now();
        run_shell("sleep 25 & exit 0", "", 30).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(20), "its output is open all the while");
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_program_that_talks_without_end_fills_no_log_and_its_last_words_are_kept() {
        let kept = Kept::default();
        let writer = kept.clone();
        let log =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _log = tracing::subscriber::set_default(log);
        let talks = "i=0; while [ $i -lt 1000 ]; do echo \"word $i\"; i=$((i+1)); done; exit 1";
        let unwell = run_shell(talks, "", 30).await.unwrap_err();
        assert_eq!(unwell.said, "word 999");
        let said = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines = said.lines().filter(|line| line.contains(" INFO ") && line.contains("word"));
        assert_eq!(lines.count(), LINES_MAX, "{said}");
    }
}
