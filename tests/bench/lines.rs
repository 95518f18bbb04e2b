//! Ten thousand held lines: what one costs the relay in memory, and how soon a message to a group whose members all hold
//! one reaches them. The clients are a process of their own: this program again, as `mailboat-bench lines`.
//!
//! `LINES` makes them fewer, to try it.

use std::{
    env,
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use harness::{
    program::Running,
    relay::{RelayOptions, RelayProcess},
};
use relay::store::{
    Keep, Login, Policy, SecretHash, Store, Taken, Turn,
    sqlite::{FILE_NAME, SqliteStore},
};
use rusqlite::{Connection, OpenFlags};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    process::Command,
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;
use wire::{
    BodyReader, BodyWriter, Codec, ConversationRef, Cursors, Frame, Hello, Item, LaneMask, Run,
    Submit, Submits,
};

use super::{
    accounts,
    load::text,
    page::{Page, Row},
    process::{memory, raise_descriptors, share},
};

const LINES: u64 = 10_000;
/// Members of the group, its author among them.
const MEMBERS: usize = 256;
/// Messages to the group.
const MESSAGES: usize = 5;
/// Files that both programs have open beside the lines.
const OTHER_FILES: u64 = 200;
/// Lines that are being opened at a time.
const OPENING: usize = 32;
const KIB: f64 = 1024.0;
/// Memory of a held line, plain and with TLS, in KiB.
const PLAIN_KIB: f64 = 20.0;
const TLS_KIB: f64 = 40.0;
const REACH_MS: f64 = 300.0;
/// Time for the memory to be looked at, before messages come.
const STILL: Duration = Duration::from_secs(6);
/// Time between two messages: more than any hold waits between two looks.
const APART: Duration = Duration::from_secs(1);
const REACH_MAX: Duration = Duration::from_secs(30);

/// Writes the figures.
pub(crate) async fn print(page: &Page) -> anyhow::Result<()> {
    let files = raise_descriptors();
    let wanted = env::var("LINES").ok().and_then(|text| text.parse().ok()).unwrap_or(LINES);
    let count = wanted.min(files.saturating_sub(OTHER_FILES));
    page.section(&format!("Held lines: {count}, clients in a process of their own"));
    page.note(&format!("(open files: the limit was raised to {files}, the most that is allowed)"));
    for tls in [false, true] {
        measure(page, usize::try_from(count)?, tls).await?;
    }
    Ok(())
}

async fn measure(page: &Page, count: usize, tls: bool) -> anyhow::Result<()> {
    ensure!(MEMBERS <= count, "a group has {MEMBERS} members");
    let options = RelayOptions { tls, ..RelayOptions::default() };
    let mut relay = RelayProcess::start(&options).await;
    relay.terminate().await;
    accounts::make(&relay.data(), count).await?;
    let conversation = found(&relay.data()).await?;
    relay.restart().await;
    sleep(Duration::from_secs(1)).await;
    let before = memory(relay.pid())?;
    let mut command = Command::new(env::current_exe()?);
    command.arg("lines").arg(relay.addr().to_string()).arg(count.to_string());
    command.arg(conversation.to_string()).args(relay.ca()).kill_on_drop(true);
    let mut clients = Running::start(command);
    let opened = clients.wait_line(|line| line.strip_prefix("held ").map(str::to_owned)).await;
    sleep(STILL / 2).await;
    let after = memory(relay.pid())?;
    let (what, most) = if tls { ("with TLS", TLS_KIB) } else { ("plain", PLAIN_KIB) };
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / count as f64;
    let line = each(before.anonymous, after.anonymous);
    page.row(&Row::new(format!("memory of a held line, {what}"), line, "KiB").at_most(most));
    page.row(&Row::new("  the relay's (RSS), all of it", after.rss as f64 / KIB, "MiB"));
    page.row(&Row::new("  opened in", opened.parse()?, "s"));
    let mut times = Vec::new();
    for _ in 0..MESSAGES {
        let reached = clients
            .wait_line(|line| {
                line.strip_prefix(&format!("reached {} ", times.len())).map(str::to_owned)
            })
            .await;
        times.push(reached.parse()?);
    }
    let what = format!("a message reaches {} others who hold, {what}", MEMBERS - 1);
    page.row(&Row::new(format!("{what}: median"), share(&mut times, 0.5), "ms"));
    page.row(&Row::new("  longest", share(&mut times, 1.0), "ms").at_most(REACH_MS));
    let (texts, entries) = stored(&relay.data())?;
    let each = |rows: u64| rows as f64 / MESSAGES as f64;
    page.row(&Row::new("  texts stored for one", each(texts), "").at_most(1.0));
    page.row(&Row::new("  entries of mailboxes for one", each(entries), ""));
    clients.kill().await;
    relay.terminate().await;
    Ok(())
}

fn stored(data: &Path) -> anyhow::Result<(u64, u64)> {
    let db = Connection::open_with_flags(data.join(FILE_NAME), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let count = |table: &str| {
        db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
    };
    Ok((count("message")?.try_into()?, count("entry")?.try_into()?))
}

/// Founds a group of the first accounts, in the store of a relay that does not run.
async fn found(data: &Path) -> anyhow::Result<u64> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let policy = Policy { chat_requests_per_day: u32::MAX, ..Policy::default() };
    let store = SqliteStore::open(&data.join(FILE_NAME), policy, now_s)?;
    let tokens = (0..MEMBERS).map(|number| SecretHash::of(&accounts::token(number))).collect();
    let logins = store.authenticate(tokens).await;
    let logins: Vec<Login> = logins
        .into_iter()
        .map(|login| login?.context("no such device"))
        .collect::<Result<_, _>>()?;
    let to = (1..MEMBERS).map(accounts::name).collect();
    let request = Item::Request { to, title: "All hands".into(), greeting: String::new() };
    let founded = take(&store, logins[0], ConversationRef::None, &request, now_s).await?;
    let Run::Founded { conversation } = founded else { bail!("nothing was founded: {founded:?}") };
    for login in &logins[1..] {
        let group = ConversationRef::Number(conversation);
        let joined = take(&store, *login, group, &Item::Accept, now_s).await?;
        ensure!(!matches!(joined, Run::Refused { .. }), "nobody joined: {joined:?}");
    }
    Ok(conversation)
}

async fn take(
    store: &SqliteStore,
    login: Login,
    conversation: ConversationRef,
    item: &Item,
    now_s: u64,
) -> anyhow::Result<Run> {
    let (kind, body) = (item.kind(), item.body());
    let submit =
        Submit { conversation, kind, urgent: false, version: 0, age_s: 0, lifetime_s: 0, body };
    let turn = Turn {
        account: login.account,
        device: login.device,
        x: 1,
        told: 0,
        cursors: Cursors::default(),
        marks: Vec::new(),
        first: 1,
        submits: vec![submit],
        only_tests: false,
        now_s,
        keep: Keep::NOTHING,
    };
    let taken = store.take(vec![turn]).await.pop().context("no answer")??;
    let Taken::Done { mut runs, .. } = taken else { bail!("not taken: {taken:?}") };
    runs.pop().context("no outcome")
}

/// What reached members of the group.
#[derive(Debug, Default)]
struct Reached {
    count: AtomicUsize,
    news: Notify,
}

/// The clients: `ADDRESS COUNT CONVERSATION [CA]`. Says when all lines are held, then how long each message took.
pub(crate) async fn hold(mut args: impl Iterator<Item = PathBuf>) -> anyhow::Result<()> {
    raise_descriptors();
    let mut next = || args.next().map(PathBuf::into_os_string).context("an argument is missing");
    let number = |text: OsString| text.to_string_lossy().parse::<u64>();
    let relay: SocketAddr = next()?.to_string_lossy().parse()?;
    let (count, conversation) = (number(next()?)?, number(next()?)?);
    let tls = next().ok().map(|ca| connector(Path::new(&ca))).transpose()?;
    let (reached, opening) = (Arc::new(Reached::default()), Arc::new(Semaphore::new(OPENING)));
    let (began, mut lines) = (Instant::now(), JoinSet::new());
    let held = Arc::new(Semaphore::new(0));
    for at in 0..usize::try_from(count)? {
        let (tls, reached, held) = (tls.clone(), reached.clone(), held.clone());
        let turn = opening.clone().acquire_owned().await?;
        lines.spawn(async move {
            let mut line = Line::open(relay, tls.as_ref()).await?;
            line.send(at, 300, 2, None).await?;
            // The Welcome is the first of the answer.
            while !line.frames().await?.iter().any(|frame| matches!(frame, Frame::Welcome(_))) {}
            drop(turn);
            held.add_permits(1);
            loop {
                let frames = line.frames().await?;
                if frames.iter().any(|frame| matches!(frame, Frame::Deliveries(_))) {
                    reached.count.fetch_add(1, Ordering::Relaxed);
                    reached.news.notify_one();
                }
            }
            #[expect(unreachable_code, reason = "says what the task ends with")]
            anyhow::Ok(())
        });
    }
    tokio::select! {
        all = held.acquire_many(u32::try_from(count)?) => drop(all?),
        Some(ended) = lines.join_next() => bail!("a line ended: {ended:?}"),
    }
    println!("held {}", began.elapsed().as_secs_f64());
    sleep(STILL).await;
    for message in 0..MESSAGES {
        reached.count.store(0, Ordering::Relaxed);
        let began = Instant::now();
        let mut author = Line::open(relay, tls.as_ref()).await?;
        let words = text("All hands on deck at half past nine.", conversation, u32::MAX);
        let first = 2 + message as u64;
        let submits = Submits { first, items: vec![words] };
        author.send(0, 0, 3 + message as u64, Some(submits)).await?;
        let all = async {
            while reached.count.load(Ordering::Relaxed) < MEMBERS - 1 {
                reached.news.notified().await;
            }
        };
        timeout(REACH_MAX, all).await.context("a message did not reach all")?;
        println!("reached {message} {}", began.elapsed().as_secs_f64() * 1e3);
        sleep(APART).await;
    }
    std::future::pending().await
}

fn connector(ca: &Path) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection, and what came on it.
struct Line {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    /// Whether the answer's header was read.
    begun: bool,
    reader: BodyReader,
}

impl Line {
    async fn open(relay: SocketAddr, tls: Option<&TlsConnector>) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(relay).await.context("connecting to the relay")?;
        socket.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match tls {
            Some(tls) => {
                let name = ServerName::from(relay.ip());
                Box::new(tls.connect(name, socket).await.context("shaking hands")?)
            }
            None => Box::new(socket),
        };
        Ok(Self { stream, received: Vec::new(), begun: false, reader: BodyReader::new() })
    }

    async fn send(
        &mut self,
        number: usize,
        hold_s: u16,
        x: u64,
        submits: Option<Submits>,
    ) -> anyhow::Result<()> {
        let lanes = if hold_s == 0 { LaneMask::NONE } else { LaneMask::ALL };
        // The group's members said one thing each, and know what became of it.
        let told =
            submits.as_ref().map_or(u64::from(number < MEMBERS), |submits| submits.first - 1);
        let hello = Hello { x, told, lanes, hold_s, ..Hello::default() };
        let frames: Vec<_> = [Frame::Hello(hello)]
            .into_iter()
            .chain(submits.map(Frame::Submits))
            .chain([Frame::End])
            .collect();
        let mut writer = BodyWriter::new(Codec::None);
        let (preamble, packet) = (writer.preamble(), writer.packet(&frames)?);
        let head = format!(
            "POST /v1/sync HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
            accounts::token(number),
            preamble.len() + packet.len()
        );
        self.stream.write_all(&[head.as_bytes(), &preamble, &packet].concat()).await?;
        Ok(self.stream.flush().await?)
    }

    /// The frames of the next chunk, which is a packet.
    async fn frames(&mut self) -> anyhow::Result<Vec<Frame>> {
        loop {
            if !self.begun
                && let Some(len) = harness::link::head_len(&self.received)
            {
                let head: Vec<u8> = self.received.drain(..len).collect();
                ensure!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
                self.begun = true;
            }
            if self.begun
                && let Some(chunk) = self.chunk()?
            {
                ensure!(!chunk.is_empty(), "the hold ended");
                self.reader.push(&chunk);
                let mut frames = Vec::new();
                while let Some(packet) = self.reader.next()? {
                    frames.extend(packet.frames);
                }
                // An idle line holds no memory for what came.
                self.received.shrink_to_fit();
                return Ok(frames);
            }
            let mut some = [0; 2048];
            let count = self.stream.read(&mut some).await?;
            ensure!(0 < count, "the relay closed the connection");
            self.received.extend_from_slice(&some[..count]);
        }
    }

    /// The next chunk of the body, if all of it is here.
    fn chunk(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(line) = self.received.windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let size = usize::from_str_radix(std::str::from_utf8(&self.received[..line])?, 16)?;
        let (from, end) = (line + 2, line + 2 + size);
        if self.received.len() < end + 2 {
            return Ok(None);
        }
        let chunk = self.received[from..end].to_vec();
        self.received.drain(..end + 2);
        Ok(Some(chunk))
    }
}
