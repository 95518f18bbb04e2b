//! A relay with a city's store beside one with next to nothing: what an exchange costs, how long it takes to start, to
//! copy, to migrate, and how long housekeeping keeps the writer from others.
//!
//! `SCALE_ACCOUNTS` and `SCALE_EACH` make it smaller, to try it.

use std::{
    env, fs,
    hint::black_box,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use harness::relay::{RelayOptions, RelayProcess};
use relay::store::{
    AccountAnswer, AccountQuery, Chore, LaneAsk, Policy, Store, sqlite::FILE_NAME,
    sqlite::SqliteStore,
};
use rusqlite::Connection;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};
use wire::{Codec, Cursors, Frame, LaneMask};

use super::{
    accounts,
    corpus::Corpus,
    fill::{self, Size},
    page::{Page, Row},
    process::{cpu_us, memory, share},
    raw::RawDevice,
};

const ACCOUNTS: u64 = 100_000;
const EACH: u64 = 100;
/// Devices that come with nothing new.
const VISITORS: u64 = 2_000;
/// Times that each of them comes.
const ROUNDS: u64 = 9;
/// A full relay may cost so much more than an empty one.
const MORE: f64 = 1.2;
const FETCH_P99_MS: f64 = 5.0;
/// Devices that fetch.
const FETCHES: u64 = 2_000;
/// A relay is quiet when it used so little of a second.
const QUIET_US: f64 = 20_000.0;
/// A slice of housekeeping: longest time on the writer, its commit included.
const SLICE_P99_MS: f64 = 30.0;
/// How long slices of one chore are measured.
const CHORE_TIME: Duration = Duration::from_secs(20);
const DAY_S: u64 = 24 * 3600;

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Writes the figures.
pub(crate) async fn print(page: &Page, corpus: &Corpus) -> anyhow::Result<()> {
    let (accounts, each) = (number("SCALE_ACCOUNTS", ACCOUNTS), number("SCALE_EACH", EACH));
    let full = Size { accounts, each, visitors: VISITORS };
    let empty = Size { accounts: 0, each: 0, visitors: VISITORS };
    page.section(&format!(
        "Scale: {accounts} accounts, {} waiting messages (beside an empty relay)",
        accounts * each
    ));
    let mut empty = Relay::make(empty, corpus).await?;
    let began = Instant::now();
    let mut full = Relay::make(full, corpus).await?;
    page.row(&Row::new("made in", began.elapsed().as_secs_f64(), "s"));
    page.row(&Row::count("  the store's file", full.file_len()? >> 20, "MiB"));
    start_up(page, &mut full, &mut empty).await?;
    nothing_new(page, &full, &empty).await?;
    fetch(page, &full).await?;
    rest(page, &full, &empty)?;
    back_up(page, &full).await?;
    full.process.terminate().await;
    empty.process.terminate().await;
    migrate(page, &full.file())?;
    in_process(page, &full).await
}

/// A relay and what is in its store.
struct Relay {
    process: RelayProcess,
    size: Size,
}

impl Relay {
    /// Fills the store of a relay that does not run then.
    async fn make(size: Size, corpus: &Corpus) -> anyhow::Result<Self> {
        let mut options = RelayOptions::default();
        options.settings.operations_listen = Some("127.0.0.1:0".parse()?);
        options.settings.log = "info".to_owned();
        let mut process = RelayProcess::start(&options).await;
        process.terminate().await;
        let relay = Self { process, size };
        let file = relay.file();
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{suffix}", file.display()));
        }
        let lines = corpus.down.clone();
        tokio::task::spawn_blocking(move || fill::fill(&file, size, &lines)).await??;
        Ok(relay)
    }

    fn file(&self) -> std::path::PathBuf {
        self.process.data().join(FILE_NAME)
    }

    fn file_len(&self) -> anyhow::Result<u64> {
        Ok(fs::metadata(self.file())?.len())
    }

    /// The device of an account, at a connection of its own.
    async fn device(&self, number: u64, cursors: Cursors, round: u64) -> anyhow::Result<RawDevice> {
        let token = accounts::token(usize::try_from(number)?);
        let mut device =
            RawDevice::connect(self.process.addr(), &token, cursors, Codec::None).await?;
        (device.x, device.told) = (1 + round, self.size.each + fill::ASKED);
        Ok(device)
    }

    /// Waits until it does nothing any more: what is done at the start is done.
    async fn rests(&self) -> anyhow::Result<()> {
        loop {
            let before = cpu_us(self.process.pid())?;
            sleep(Duration::from_secs(1)).await;
            if cpu_us(self.process.pid())? - before < QUIET_US {
                return Ok(());
            }
        }
    }

    /// Reads of the store so far.
    async fn reads(&self) -> anyhow::Result<f64> {
        let at = self.process.operations().context("its operations listen")?;
        let mut stream = TcpStream::connect(at).await?;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let line = answer.lines().find_map(|line| line.strip_prefix("mailboat_store_reads_total "));
        line.and_then(|number| number.trim().parse().ok()).context("it counts its reads")
    }
}

async fn start_up(page: &Page, full: &mut Relay, empty: &mut Relay) -> anyhow::Result<()> {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..3 {
        for (relay, times) in [&mut *full, &mut *empty].into_iter().zip(&mut times) {
            let began = Instant::now();
            relay.process.restart().await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            relay.rests().await?;
            if times.len() < 3 {
                relay.process.terminate().await;
            }
        }
    }
    let [full, empty] = times.map(|mut times| share(&mut times, 0.5));
    page.row(&Row::new("start-up, until it listens", full, "ms").beside("empty", empty));
    Ok(())
}

/// What an exchange with nothing new took: first of devices that the relay has not seen since its start, then of those it
/// has.
async fn nothing_new(page: &Page, full: &Relay, empty: &Relay) -> anyhow::Result<()> {
    let mut costs = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (relay, costs) in [full, empty].into_iter().zip(&mut costs) {
            costs.push(visits(relay, round).await?);
        }
    }
    for (what, rounds) in [("first time", 0..1), ("again", 1..ROUNDS as usize)] {
        // The best round: what else the machine does only adds.
        let of = |costs: &[Cost], which: Figure| {
            let mut values: Vec<f64> = costs[rounds.clone()].iter().map(which).collect();
            share(&mut values, 0.0)
        };
        let rows: [(&str, &str, Figure); 3] = [
            ("CPU of the relay", "µs", |cost| cost.cpu_us),
            ("store reads", "", |cost| cost.reads),
            ("median time", "µs", |cost| cost.median_us),
        ];
        for (figure, unit, which) in rows {
            let (full, empty) = (of(&costs[0], which), of(&costs[1], which));
            let row = Row::new(format!("nothing new, {what}: {figure}"), full, unit);
            page.row(&row.at_most(empty * MORE).beside("empty", empty));
        }
    }
    Ok(())
}

/// One of them.
type Figure = fn(&Cost) -> f64;

/// What one exchange took.
struct Cost {
    cpu_us: f64,
    reads: f64,
    median_us: f64,
}

async fn visits(relay: &Relay, round: u64) -> anyhow::Result<Cost> {
    let pid = relay.process.pid();
    let (cpu, reads) = (cpu_us(pid)?, relay.reads().await?);
    let mut times = Vec::new();
    for number in relay.size.visitors() {
        let mut device = relay.device(number, relay.size.read(), round).await?;
        let began = Instant::now();
        let answer = device.exchange(LaneMask::ALL, None).await?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
        ensure!(
            matches!(answer.frames[..], [Frame::Welcome(_), Frame::Done]),
            "there was something new: {:?}",
            answer.frames
        );
    }
    let count = times.len() as f64;
    Ok(Cost {
        cpu_us: (cpu_us(pid)? - cpu) / count,
        reads: (relay.reads().await? - reads) / count,
        median_us: share(&mut times, 0.5),
    })
}

/// Devices anywhere in the store fetch everything that waits for them.
async fn fetch(page: &Page, relay: &Relay) -> anyhow::Result<()> {
    let (mut times, Size { accounts, each, .. }) = (Vec::new(), relay.size);
    let (pid, cpu) = (relay.process.pid(), cpu_us(relay.process.pid())?);
    for at in 0..FETCHES.min(accounts) {
        let number = at * 7_919 % accounts;
        let mut device = relay.device(number, relay.size.unread(), at / accounts).await?;
        let began = Instant::now();
        let answer = device.exchange(LaneMask::ALL, None).await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let came = answer.frames.iter().map(|frame| match frame {
            Frame::Deliveries(mail) => mail.entries.len() as u64,
            _ => 0,
        });
        ensure!(came.sum::<u64>() == each, "not all that waits came");
    }
    let what = format!("fetch of {each} waiting, whole exchange");
    let each = (cpu_us(pid)? - cpu) / times.len().max(1) as f64;
    print_times(page, &what, &mut times, FETCH_P99_MS);
    page.row(&Row::new("  CPU of the relay", each, "µs"));
    Ok(())
}

fn print_times(page: &Page, what: &str, times_ms: &mut [f64], p99_max_ms: f64) {
    if times_ms.is_empty() {
        return;
    }
    page.row(&Row::new(format!("{what}: p50"), share(times_ms, 0.5), "ms"));
    page.row(&Row::new("  p99", share(times_ms, 0.99), "ms").at_most(p99_max_ms));
    page.row(&Row::new("  longest", share(times_ms, 1.0), "ms"));
}

fn rest(page: &Page, full: &Relay, empty: &Relay) -> anyhow::Result<()> {
    let [full, empty] = [memory(full.process.pid())?, memory(empty.process.pid())?];
    let mib = |kib: u64| kib as f64 / 1024.0;
    page.row(&Row::new("memory (RSS)", mib(full.rss), "MiB").beside("empty", mib(empty.rss)));
    let row = Row::new("  of it not from files", mib(full.anonymous), "MiB");
    page.row(&row.beside("empty", mib(empty.anonymous)));
    Ok(())
}

async fn back_up(page: &Page, relay: &Relay) -> anyhow::Result<()> {
    let copy = relay.process.data().with_file_name("copy.db");
    let began = Instant::now();
    relay.process.run(&["backup", &copy.to_string_lossy()], "").await.done();
    page.row(&Row::new("backup of the running relay", began.elapsed().as_secs_f64(), "s"));
    page.row(&Row::count("  its size", fs::metadata(&copy)?.len() >> 20, "MiB"));
    fs::remove_file(copy)?;
    Ok(())
}

/// From the last schema to this one, and the opening that would be made anyway.
fn migrate(page: &Page, file: &Path) -> anyhow::Result<()> {
    let open = || -> anyhow::Result<f64> {
        let began = Instant::now();
        drop(SqliteStore::open(file, Policy::default(), now_s()?)?);
        Ok(began.elapsed().as_secs_f64() * 1e3)
    };
    let plain = open()?;
    Connection::open(file)?.execute_batch("DROP TABLE gap; PRAGMA user_version = 1;")?;
    let row = Row::new("opening a store of the last schema", open()?, "ms");
    page.row(&row.beside("of this one", plain));
    Ok(())
}

fn now_s() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// What needs no network: reads, and housekeeping by another clock.
async fn in_process(page: &Page, relay: &Relay) -> anyhow::Result<()> {
    let file = relay.file();
    let commits: Arc<Mutex<Vec<f64>>> = Arc::default();
    let told = commits.clone();
    let observer = Box::new(move |_, took: Duration| {
        if let Ok(mut commits) = told.lock() {
            commits.push(took.as_secs_f64() * 1e3);
        }
    });
    let on_read = Box::new(|| {});
    let store = SqliteStore::observed(&file, Policy::default(), now_s()?, observer, on_read)?;
    read_since(page, &store, relay.size).await?;
    let began = Instant::now();
    let AccountAnswer::Waiting(bytes) = store.look_up(AccountQuery::Waiting).await? else {
        anyhow::bail!("what waits was not weighed");
    };
    ensure!(0 < bytes, "nothing waits");
    page.row(&Row::new("weighing all mailboxes", began.elapsed().as_secs_f64() * 1e3, "ms"));
    let later = now_s()? + 40 * DAY_S;
    chore(page, &store, &commits, "expiry", Chore::Mailboxes, later).await?;
    chore(page, &store, &commits, "sweeping", Chore::Sweep, later).await?;
    // Most of the store at once, as no housekeeping leaves it.
    Connection::open(&file)?.execute_batch("DELETE FROM entry")?;
    chore(page, &store, &commits, "vacuum", Chore::Vacuum, later).await
}

/// The last ten messages of devices anywhere in the store.
async fn read_since(page: &Page, store: &SqliteStore, size: Size) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for at in 0..FETCHES.min(size.accounts) {
        let id = fill::id(at * 6_007 % size.accounts);
        let ask = LaneAsk {
            account: id,
            device: id,
            after: size.lacking(10),
            up_to: None,
            lanes: LaneMask::ALL,
            bytes_max: usize::MAX,
            now_s: now_s()?,
        };
        let began = Instant::now();
        black_box(store.read(vec![ask]).await);
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    print_times(page, "fetch-since in the store, 10 messages", &mut times, FETCH_P99_MS);
    Ok(())
}

async fn chore(
    page: &Page,
    store: &SqliteStore,
    commits: &Mutex<Vec<f64>>,
    what: &str,
    chore: Chore,
    now_s: u64,
) -> anyhow::Result<()> {
    let taken = || commits.lock().map(|mut times| std::mem::take(&mut *times)).unwrap_or_default();
    taken();
    let (began, mut handled) = (Instant::now(), 0);
    loop {
        let report = store.housekeep(chore.clone(), now_s).await?;
        handled += report.handled;
        if !report.more || CHORE_TIME < began.elapsed() {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut times = taken();
    page.row(&Row::count(format!("{what}: slices"), times.len() as u64, ""));
    page.row(&Row::new("  entries or pages", (handled as f64 / seconds).round(), "/s"));
    print_times(page, "  the writer's time for one", &mut times, SLICE_P99_MS);
    Ok(())
}
