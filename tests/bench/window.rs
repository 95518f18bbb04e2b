//! A store as large as they get, and how long what a window asks of it takes: a million messages, half of them in one
//! conversation, five thousand conversations, ten thousand members.

use std::{hint::black_box, path::Path, time::Instant};

use agent::store::{
    At, ConversationId, Departures, Identity, MessageId, Options, Place, Reader, Store,
};
use anyhow::{Context, ensure};
use rusqlite::{Connection, params};

use super::{
    corpus::Corpus,
    page::{Page, Row},
};

const MESSAGES: u32 = 1_000_000;
const CONVERSATIONS: u32 = 5_000;
const MEMBERS: u32 = 10_000;
/// Rows of a page, as the window asks for them.
const ROWS: u32 = 200;
/// The newest that were not read.
const UNREAD: u32 = 2_000;
/// Every so many conversations one is a group, of so many.
const GROUP_EVERY: u32 = 10;
const GROUP_OF: u32 = 12;
/// How often each figure is measured; the middle one counts.
const TIMES: usize = 9;
/// When the newest message came, in seconds since 1970, and how far they lie apart.
const NEWEST_AT: i64 = 1_795_000_000;
const APART_S: i64 = 20;

/// Writes the figures.
pub(crate) fn print(page: &Page, corpus: &Corpus) -> anyhow::Result<()> {
    page.section("The window's store: 1,000,000 messages, 5,000 conversations, 10,000 members");
    let dir = tempfile::tempdir().context("a directory for the store")?;
    let path = dir.path().join("store.db");
    let began = Instant::now();
    make(&path, corpus)?;
    page.row(&Row::new("made in", began.elapsed().as_secs_f64(), " s").at_most(60.0));
    let mib = std::fs::metadata(&path)?.len() / (1 << 20);
    page.row(&Row::count("the file", mib, " MiB"));
    let began = Instant::now();
    let reader = Reader::open(&path)?;
    page.row(&Row::new(
        "opened, and the roll for the first time",
        ms(began, || reader.roll())?,
        " ms",
    ));
    figures(page, &reader)?;
    news(page, &reader, &Connection::open(&path)?)
}

/// What a window reads when a message has come.
fn news(page: &Page, reader: &Reader, db: &Connection) -> anyhow::Result<()> {
    let mut seen = reader.roll_since(None)?.seen;
    let mut members = reader.members_since(None)?.seen;
    let mut times = (Vec::with_capacity(TIMES), Vec::with_capacity(TIMES));
    for n in 0..TIMES {
        // As a visit of the agent does: a message, and a stamp that the next transaction does not use.
        db.execute(
            "INSERT INTO message (conversation, shown_as, kind, is_mine, account, author, is_here, base, text, sent_at,
                received_at, is_read) VALUES (?1, 1, 1, 0, 101, 'user00001', 1, 'news', 'news', ?2, ?2, 0)",
            params![1 + n, NEWEST_AT],
        )?;
        db.execute("UPDATE stamp SET now = now + 1", [])?;
        let began = Instant::now();
        let since = reader.roll_since(Some(seen))?;
        times.0.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(!since.is_whole && since.rows.len() == 1, "more was read than came");
        seen = since.seen;
        let began = Instant::now();
        let since = reader.members_since(Some(members))?;
        times.1.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(!since.is_whole, "more was read than came");
        members = since.seen;
    }
    for (what, mut times) in
        [("the roll, after a message", times.0), ("the members, then", times.1)]
    {
        times.sort_by(f64::total_cmp);
        page.row(&Row::new(what, times[TIMES / 2], " ms"));
    }
    Ok(())
}

/// A store of that size at `path`, where none is yet.
pub(crate) fn make(path: &Path, corpus: &Corpus) -> anyhow::Result<()> {
    ensure!(!path.exists(), "there is something at {} already", path.display());
    let identity =
        Identity { account: 1, device: 10, name: "ann".into(), domain: "relay.example".into() };
    let store = Store::open(path, Options::default())?;
    store.log_in(&identity, None)?;
    drop(store);
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "synchronous", "OFF")?;
    db.pragma_update(None, "cache_size", -200_000)?;
    let tx = db.transaction()?;
    // The words of all at once cost a third of the words of each by itself.
    let sql = "SELECT sql FROM sqlite_schema WHERE name = 'message_text_insert'";
    let trigger: String = tx.query_row(sql, [], |row| row.get(0))?;
    tx.execute_batch("DROP TRIGGER message_text_insert")?;
    people(&tx)?;
    messages(&tx, &corpus.down)?;
    tx.execute_batch("INSERT INTO message_text (message_text) VALUES ('rebuild')")?;
    tx.execute_batch(&trigger)?;
    // As after each transaction of the agent: what was written has a stamp below the one of now.
    tx.execute("UPDATE stamp SET now = now + 1", [])?;
    tx.commit()?;
    Ok(())
}

fn people(db: &Connection) -> anyhow::Result<()> {
    let mut person = db.prepare(
        "INSERT INTO person (account, name, is_contact, presence, seen_at, as_of) VALUES (?1, ?2, 1, 0, ?3, ?3)",
    )?;
    for n in 0..MEMBERS {
        person.execute(params![account(n), name(n), NEWEST_AT - i64::from(n)])?;
    }
    let mut conversation = db.prepare(
        "INSERT INTO conversation (id, number, is_pair, peer, title, version, mine, created_at)
        VALUES (?1, ?1, ?2, ?3, ?4, 1, 2, ?5)",
    )?;
    let mut member = db.prepare(
        "INSERT INTO member (conversation, account, name, state, version) VALUES (?1, ?2, ?3, 2, 1)",
    )?;
    for id in 1..=CONVERSATIONS {
        let (is_pair, others) = if id % GROUP_EVERY == 0 { (false, GROUP_OF) } else { (true, 1) };
        let peer = if is_pair { name(id) } else { String::new() };
        let title = if is_pair { String::new() } else { format!("Group {id}") };
        conversation.execute(params![id, is_pair, peer, title, NEWEST_AT])?;
        member.execute(params![id, 1, "ann"])?;
        for n in 0..others {
            let n = (id + n) % MEMBERS;
            member.execute(params![id, account(n), name(n)])?;
        }
    }
    Ok(())
}

fn messages(db: &Connection, lines: &[String]) -> anyhow::Result<()> {
    let mut message = db.prepare(
        "INSERT INTO message (conversation, device, n, shown_as, kind, is_mine, account, author, c, is_here, base, text,
            sent_at, received_at, is_read, state) VALUES (?1, ?2, ?3, 1, 1, ?4, ?5, ?6, ?7, 1, ?8, ?8, ?9, ?9, ?10, ?11)",
    )?;
    let mut places = vec![0_u32; CONVERSATIONS as usize + 1];
    // Any numbers that look like none: the same each time.
    let mut state = 1_u64;
    for n in 0..MESSAGES {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (one, other) = ((state >> 33) as u32, (state >> 40) as u32);
        // The last of all is in the largest, which stands first in the list so.
        let id = if n % 2 == 1 { 1 } else { 1 + one % CONVERSATIONS };
        places[id as usize] += 1;
        let is_mine = other % 10 < 3;
        let (account, author, device) = match is_mine {
            true => (1, "ann".to_owned(), 10),
            false => (account(id), name(id), 20_000 + id),
        };
        let pick = |of: u32| &lines[of as usize % lines.len()];
        let text = if other % 4 == 0 {
            format!("{} {}", pick(one), pick(other))
        } else {
            pick(one).clone()
        };
        let at = NEWEST_AT - i64::from(MESSAGES - n) * APART_S;
        let is_read = is_mine || n < MESSAGES - UNREAD;
        // What is ours was read, but for the newest.
        let state = match is_mine {
            true if n < MESSAGES - UNREAD => 6,
            true => 3,
            false => 0,
        };
        message.execute(params![
            id,
            device,
            n + 1,
            is_mine,
            account,
            author,
            places[id as usize],
            text,
            at,
            is_read,
            state
        ])?;
    }
    Ok(())
}

fn account(n: u32) -> u32 {
    100 + n
}

fn name(n: u32) -> String {
    format!("user{n:05}")
}

fn figures(page: &Page, reader: &Reader) -> anyhow::Result<()> {
    let largest = reader.find("user00001").context("the largest conversation")?;
    let small = reader.find("user00007").context("a small conversation")?;
    let open = |id: ConversationId, at: At| reader.page(id, at, ROWS, &Departures::default());
    let newest = open(largest, At::Newest)?;
    let middle: MessageId = format!("m{}", MESSAGES / 2 + 2).parse()?;
    page.row(&Row::new("the roll", median(|| reader.roll())?, " ms").at_most(50.0));
    page.row(&Row::new(
        "all conversations with their members",
        median(|| reader.conversations())?,
        " ms",
    ));
    page.row(&Row::new("the members", median(|| reader.members())?, " ms"));
    page.row(&Row::new("the counters", median(|| reader.counters())?, " ms"));
    let first = newest.rows.first().context("the largest conversation is empty")?.place;
    for (what, at) in [
        ("200 newest of 500,000", At::Newest),
        ("200 before those", At::Before(first)),
        ("200 at what was not read", At::Unread),
        ("200 in the middle", At::Around(middle)),
        ("200 from the beginning", At::After(Place::START)),
    ] {
        page.row(&Row::new(what, median(|| open(largest, at))?, " ms").at_most(10.0));
    }
    for (what, words) in
        [("a frequent word", "the"), ("a rare word", "zzyzx"), ("two letters", "zq")]
    {
        let all = median(|| reader.search(words, 50))?;
        page.row(&Row::new(format!("search: {what}"), all, " ms"));
        let of_largest = median(|| reader.search_in(largest, words, 50))?;
        page.row(&Row::new("  in the largest conversation", of_largest, " ms"));
        let of_small = median(|| reader.search_in(small, words, 50))?;
        page.row(&Row::new("  in a small one", of_small, " ms"));
    }
    Ok(())
}

fn ms<T, E>(began: Instant, ask: impl FnOnce() -> Result<T, E>) -> Result<f64, E> {
    black_box(ask()?);
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn median<T, E>(mut ask: impl FnMut() -> Result<T, E>) -> Result<f64, E> {
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        times.push(ms(Instant::now(), &mut ask)?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TIMES / 2])
}
