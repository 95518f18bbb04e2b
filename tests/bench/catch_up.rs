//! A device that comes back to a thousand messages, and exchanges with nothing new: how fast, how
//! large, and that the latter write nothing.

use std::{path::Path, time::Instant};

use anyhow::{Context, ensure};
use harness::relay::{RelayOptions, RelayProcess};
use rusqlite::{Connection, OpenFlags};
use wire::{Codec, Cursors, Frame, LaneMask};

use super::{
    accounts,
    corpus::{Corpus, bytes},
    load::text,
    page::{Page, Row},
    raw::{self, RawDevice},
};

const MESSAGES: usize = 1000;
const AT_ONCE: usize = 100;
/// Exchanges with nothing new.
const EXCHANGES: u32 = 2000;

/// Writes the figures.
pub(crate) async fn print(page: &Page, corpus: &Corpus) -> anyhow::Result<()> {
    page.section("Catching up: one device, plain HTTP, zstd with the primer");
    let mut relay = RelayProcess::start(&RelayOptions::default()).await;
    relay.terminate().await;
    accounts::make(&relay.data(), 2).await?;
    relay.restart().await;
    let mut writer = device(&relay, 0).await?;
    let mut reader = device(&relay, 1).await?;
    let (conversation, version) =
        raw::acquaint(&mut writer, &mut reader, &accounts::name(1)).await?;
    reader.exchange(LaneMask::ALL, None).await?;
    let lines: Vec<&String> = corpus.down.iter().cycle().take(MESSAGES).collect();
    for some in lines.chunks(AT_ONCE) {
        writer.submit(some.iter().map(|line| text(line, conversation, version)).collect()).await?;
    }
    let raw_text = bytes(&corpus.down) as f64 * MESSAGES as f64 / corpus.down.len() as f64;
    catch_up(page, &mut reader, raw_text).await?;
    nothing_new(page, &mut reader, &relay.data()).await
}

async fn device(relay: &RelayProcess, number: usize) -> anyhow::Result<RawDevice> {
    let token = accounts::token(number);
    RawDevice::connect(relay.addr(), &token, Cursors::default(), Codec::Zstd).await
}

async fn catch_up(page: &Page, reader: &mut RawDevice, raw_text: f64) -> anyhow::Result<()> {
    let (began, mut messages, mut requests, mut bytes) = (Instant::now(), 0, 0, 0);
    while messages < MESSAGES {
        let answer = reader.exchange(LaneMask::ALL, None).await?;
        let came: usize = answer.frames.iter().map(delivered).sum();
        ensure!(came > 0, "the relay delivered {messages} of {MESSAGES} messages and then none");
        (messages, requests, bytes) = (messages + came, requests + 1, bytes + answer.bytes as u64);
    }
    let rate = MESSAGES as f64 / began.elapsed().as_secs_f64();
    page.row(&Row::new("1,000 messages", rate, "/s"));
    page.row(&Row::count("  requests", requests, ""));
    page.row(&Row::count("  bytes down, HTTP included", bytes, "B").beside("raw text", raw_text));
    Ok(())
}

fn delivered(frame: &Frame) -> usize {
    match frame {
        Frame::Deliveries(deliveries) => deliveries.entries.len(),
        _ => 0,
    }
}

async fn nothing_new(page: &Page, reader: &mut RawDevice, data: &Path) -> anyhow::Result<()> {
    // The first one still brings the cursor, the second perhaps what follows from it.
    reader.exchange(LaneMask::ALL, None).await?;
    reader.exchange(LaneMask::ALL, None).await?;
    let watch = Watch::open(data)?;
    let (before, began) = (watch.version()?, Instant::now());
    for _ in 0..EXCHANGES {
        let answer = reader.exchange(LaneMask::ALL, None).await?;
        ensure!(
            matches!(answer.frames[..], [Frame::Welcome(_), Frame::Done]),
            "there was something new: {:?}",
            answer.frames
        );
    }
    let rate = f64::from(EXCHANGES) / began.elapsed().as_secs_f64();
    let written = u64::from(watch.version()? != before);
    page.row(&Row::new("nothing new, one after the other", rate, "/s"));
    page.row(&Row::count("  of them that wrote to the store", written, "").at_most(0.0));
    Ok(())
}

/// Sees whether another process committed to the relay's store.
struct Watch(Connection);

impl Watch {
    fn open(data: &Path) -> anyhow::Result<Self> {
        let files =
            std::fs::read_dir(data)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let mut stores = files.filter(|path| path.extension().is_some_and(|ext| ext == "db"));
        let store = stores.next().context("the relay has no store")?;
        Ok(Self(Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?))
    }

    /// Another number after every commit by others.
    fn version(&self) -> anyhow::Result<i64> {
        Ok(self.0.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }
}
