//! Reads: pages of mailbox logs from one snapshot, what is held back, answers, contacts.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use wire::{
    AccountId, Delivery, DeviceId, HeldKind, HeldRow, Lane, LaneMask, Refusal, Run, check_of,
};

use super::{
    super::{AnswerAsk, Answers, DeviceState, HeldAsk, LaneAsk, LanePage, turn::push_run},
    latest,
};

/// Keys of lane latest that one page takes.
const KEYS_MAX: usize = 4_096;
/// What an entry weighs in a page beside its body, in bytes.
const ENTRY_BYTES: usize = 16;

pub(super) const LANE_PAGE: &str = "SELECT e.position, m.conversation, m.device, m.account, m.n,
        m.c, m.kind, m.composed_at_s, m.body
    FROM entry e JOIN message m ON m.id = e.message
    WHERE e.account = ? AND e.lane = ? AND ? < e.position AND e.position <= ? AND e.device <> ?
    ORDER BY e.position";
pub(super) const FIRST_ENTRY: &str = "SELECT bytes FROM entry
    WHERE account = ? AND lane = ? AND ? < position AND device <> ? ORDER BY position LIMIT 1";

/// A page of a log. Call it within a transaction: the page is one snapshot.
pub(super) fn page(db: &Connection, ask: &LaneAsk) -> Result<LanePage> {
    let position = db
        .prepare_cached("SELECT position FROM mailbox WHERE account = ?")?
        .query_row([ask.account], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let mut page = LanePage {
        end: ask.up_to.unwrap_or(position),
        active: is_active(db, ask.device)?,
        ..LanePage::default()
    };
    let mut left = ask.bytes_max;
    for lane in Lane::ALL.into_iter().filter(|lane| ask.lanes.contains(*lane)) {
        let complete = left != 0
            && match lane {
                Lane::Latest => read_latest(db, ask, &mut page, &mut left)?,
                Lane::Urgent | Lane::Ordinary => read_lane(db, ask, lane, &mut page, &mut left)?,
            };
        if !complete {
            // Lanes are read in order: what lies behind this one waits for it.
            let asked = |behind: &Lane| lane <= *behind && ask.lanes.contains(*behind);
            let behind: Vec<_> = Lane::ALL.into_iter().filter(asked).collect();
            page.more = LaneMask::of(&behind);
            break;
        }
    }
    Ok(page)
}

/// Whether lane latest is complete in the page.
fn read_latest(
    db: &Connection,
    ask: &LaneAsk,
    page: &mut LanePage,
    left: &mut usize,
) -> Result<bool> {
    let mut after = ask.after.latest;
    loop {
        let keys = latest::keys(db, ask.account, after, page.end, KEYS_MAX)?;
        let all = keys.len() < KEYS_MAX;
        for (position, key) in keys {
            if *left == 0 {
                return Ok(false);
            }
            after = position;
            if let Some(entry) = latest::render(db, ask.account, key)? {
                page.latest.push((position, entry));
                *left = left.saturating_sub(2 * ENTRY_BYTES);
            }
        }
        // Keys that say nothing any more must not make a page without a step forward.
        if all || !page.latest.is_empty() {
            return Ok(all);
        }
    }
}

/// Whether the lane is complete in the page.
fn read_lane(
    db: &Connection,
    ask: &LaneAsk,
    lane: Lane,
    page: &mut LanePage,
    left: &mut usize,
) -> Result<bool> {
    let end = page.end;
    let into = if lane == Lane::Urgent { &mut page.urgent } else { &mut page.ordinary };
    let mut statement = db.prepare_cached(LANE_PAGE)?;
    let key = params![ask.account, lane.number(), ask.after.of(lane), end, ask.device];
    let mut rows = statement.query(key)?;
    while let Some(row) = rows.next()? {
        if *left == 0 {
            return Ok(false);
        }
        let delivery = read_delivery(row, ask.now_s)?;
        *left = left.saturating_sub(delivery.body.len() + ENTRY_BYTES);
        into.push(delivery);
    }
    Ok(true)
}

fn read_delivery(row: &Row<'_>, now_s: u64) -> Result<Delivery> {
    let age_s = now_s.saturating_sub(row.get(7)?);
    Ok(Delivery {
        position: row.get(0)?,
        conversation: row.get(1)?,
        author: row.get(2)?,
        account: row.get(3)?,
        n: row.get(4)?,
        c: row.get(5)?,
        kind: row.get(6)?,
        age_s: u32::try_from(age_s).unwrap_or(u32::MAX),
        body: row.get(8)?,
    })
}

fn is_active(db: &Connection, device: DeviceId) -> Result<bool> {
    let active = db
        .prepare_cached(
            "SELECT d.revoked_at_s = 0 AND a.state = 0
             FROM device d JOIN account a ON a.id = d.account WHERE d.id = ?",
        )?
        .query_row([device], |row| row.get(0))
        .optional()?;
    Ok(active.unwrap_or(false))
}

/// What lies behind the positions of an ask, by lane.
pub(super) fn held(db: &Connection, ask: &HeldAsk) -> Result<Vec<HeldRow>> {
    if ask.only_first {
        return first_held(db, ask);
    }
    let mut rows = Vec::new();
    let count: u32 = db
        .prepare_cached("SELECT count(*) FROM latest WHERE account = ? AND ? < position")?
        .query_row([ask.account, ask.after.latest], |row| row.get(0))?;
    if count != 0 {
        let bytes = u64::from(count) * ENTRY_BYTES as u64;
        let first = ENTRY_BYTES as u32;
        rows.push(HeldRow { lane: Lane::Latest, kind: HeldKind::State, count, bytes, first });
    }
    for lane in [Lane::Urgent, Lane::Ordinary] {
        let row = db
            .prepare_cached(
                "SELECT count(*), coalesce(sum(bytes), 0), min(position), bytes FROM entry
                 WHERE account = ? AND lane = ? AND ? < position AND device <> ?",
            )?
            .query_row(
                params![ask.account, lane.number(), ask.after.of(lane), ask.device],
                |row| {
                    let first: Option<u64> = row.get(3)?;
                    Ok(HeldRow {
                        lane,
                        kind: HeldKind::Message,
                        count: row.get(0)?,
                        bytes: row.get(1)?,
                        first: first.map_or(0, |bytes| u32::try_from(bytes).unwrap_or(u32::MAX)),
                    })
                },
            )?;
        if row.count != 0 {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The first entry of each lane behind the positions of an ask.
fn first_held(db: &Connection, ask: &HeldAsk) -> Result<Vec<HeldRow>> {
    let row = |lane, kind, first: u64| HeldRow {
        lane,
        kind,
        count: 1,
        bytes: first,
        first: u32::try_from(first).unwrap_or(u32::MAX),
    };
    let mut rows = Vec::new();
    let latest = db
        .prepare_cached("SELECT 1 FROM latest WHERE account = ? AND ? < position LIMIT 1")?
        .exists([ask.account, ask.after.latest])?;
    if latest {
        rows.push(row(Lane::Latest, HeldKind::State, ENTRY_BYTES as u64));
    }
    for lane in [Lane::Urgent, Lane::Ordinary] {
        let first = db
            .prepare_cached(FIRST_ENTRY)?
            .query_row(params![ask.account, lane.number(), ask.after.of(lane), ask.device], |row| {
                row.get(0)
            })
            .optional()?;
        rows.extend(first.map(|first| row(lane, HeldKind::Message, first)));
    }
    Ok(rows)
}

/// The outcomes of a device's items `told + 1` to `k`.
pub(super) fn answers(db: &Connection, ask: &AnswerAsk) -> Result<Answers> {
    let (mut runs, mut hashes) = (Vec::new(), Vec::new());
    let mut statement = db.prepare_cached(
        "SELECT n, 0, conversation, c, 0, '', hash FROM message
         WHERE device = ?1 AND ?2 < n AND n <= ?3
         UNION ALL
         SELECT n, run, conversation, 0, reason, words, hash FROM outcome
         WHERE device = ?1 AND ?2 < n AND n <= ?3
         ORDER BY n",
    )?;
    let mut rows = statement.query([ask.device, ask.told, ask.k])?;
    let mut next = ask.told + 1;
    while let Some(row) = rows.next()? {
        let n: u64 = row.get(0)?;
        fill(&mut runs, &mut next, n);
        push_run(&mut runs, read_run(row)?);
        hashes.push(row.get(6)?);
        next = n + 1;
    }
    fill(&mut runs, &mut next, ask.k + 1);
    let all_known = hashes.len() as u64 == ask.k.saturating_sub(ask.told);
    Ok(Answers { runs, check: all_known.then(|| check_of(hashes)) })
}

/// Answers must be dense: whatever is not known was lost by putting a store back.
fn fill(runs: &mut Vec<Run>, next: &mut u64, until: u64) {
    while *next < until {
        let words = "The relay no longer knows what became of it.".to_owned();
        runs.push(Run::Refused { reason: Refusal::Invalid, words });
        *next += 1;
    }
}

fn read_run(row: &Row<'_>) -> Result<Run> {
    Ok(match row.get::<_, u8>(1)? {
        0 => Run::Placed { count: 1, conversation: row.get(2)?, c: row.get(3)? },
        1 => Run::Founded { conversation: row.get(2)? },
        2 => Run::Done { count: 1 },
        _ => Run::Refused { reason: Refusal::from(row.get::<_, u8>(4)?), words: row.get(5)? },
    })
}

/// What is stored about a device.
pub(super) fn device(db: &Connection, id: DeviceId) -> Result<Option<DeviceState>> {
    let Some(device) = super::rows::load_device(db, id)? else { return Ok(None) };
    Ok(Some(device.state(is_active(db, id)?)))
}

/// Accepted contacts where neither blocks the other.
pub(super) fn contacts(db: &Connection, account: AccountId) -> Result<Vec<AccountId>> {
    db.prepare_cached(
        "SELECT t.account
         FROM member m
         JOIN conversation v ON v.id = m.conversation AND v.low IS NOT NULL
         JOIN member t ON t.conversation = v.id AND t.account <> m.account
         WHERE m.account = ?1 AND m.state = 2 AND t.state = 2
               AND NOT EXISTS (SELECT 1 FROM block WHERE account = ?1 AND blocked = t.account)
               AND NOT EXISTS (SELECT 1 FROM block WHERE account = t.account AND blocked = ?1)
         ORDER BY t.account",
    )?
    .query_map([account], |row| row.get(0))?
    .collect()
}
