//! A list that is kept up to date by what changed is the list read anew, after whatever happened; and the counts that
//! triggers keep are what counting gives.

use proptest::prelude::*;
use rusqlite::{Connection, params};
use wire::{Presence, PresenceRow, PresenceState};

use super::{
    super::{MemberRow, MembersSince, RollRow, RollSince, Seen},
    *,
};

/// Who keeps both lists up to date.
#[derive(Default)]
struct Keeper {
    roll: Vec<RollRow>,
    members: Vec<MemberRow>,
    seen: Option<(Seen, Seen)>,
}

impl Keeper {
    fn look(&mut self, bench: &Bench) -> (RollSince, MembersSince) {
        let reader = bench.store.reader();
        let roll = reader.roll_since(self.seen.map(|(roll, _)| roll)).unwrap();
        let members = reader.members_since(self.seen.map(|(_, members)| members)).unwrap();
        self.seen = Some((roll.seen, members.seen));
        roll.clone().onto(&mut self.roll);
        members.clone().onto(&mut self.members);
        (roll, members)
    }

    fn check(&mut self, bench: &Bench) {
        self.look(bench);
        assert_eq!(self.roll, bench.store.reader().roll().unwrap());
        assert_eq!(self.members, bench.store.reader().members().unwrap());
        is_counted_right(bench);
    }
}

fn db(bench: &Bench) -> Connection {
    Connection::open(bench.dir.path().join("store.db")).unwrap()
}

/// What the table says is what counting says.
fn is_counted_right(bench: &Bench) {
    let sql = "SELECT conversation.id, roll.conversation, roll.unread, roll.held, roll.under_way, roll.newest_at, roll.last,
            count(m.id) FILTER (WHERE m.is_read = 0 AND m.is_deleted = 0),
            count(m.id) FILTER (WHERE m.is_mine = 1 AND m.state = 1),
            count(m.id) FILTER (WHERE m.is_mine = 1 AND m.state IN (2, 3)), max(m.received_at),
            (SELECT l.id FROM message l WHERE l.conversation = conversation.id
                AND (l.is_here = 1 OR (l.is_deleted = 0 AND l.text <> '')) ORDER BY l.place DESC, l.id DESC LIMIT 1)
        FROM conversation LEFT JOIN roll ON roll.conversation = conversation.id
            LEFT JOIN message m ON m.conversation = conversation.id
        GROUP BY conversation.id";
    let db = db(bench);
    let mut statement = db.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let column = |at: usize| row.get::<_, Option<i64>>(at).unwrap();
        let (kept, counted): (Vec<_>, Vec<_>) =
            ((2..7).map(column).collect(), (7..12).map(column).collect());
        assert_eq!((column(1), kept), (column(0), counted), "of {:?}", column(0));
    }
}

/// Something that may happen, by three numbers. What makes no sense as things stand is refused, and changes nothing.
fn happen(bench: &mut Bench, (what, a, b): (u8, u8, u8)) {
    let store = bench.store.clone();
    let chats = store.reader().conversations().unwrap();
    let Some(chat) = chats.get(usize::from(a) % chats.len().max(1)).map(|chat| chat.id) else {
        let _ = store.request(&["bob".into()], "", "Ahoy");
        return;
    };
    let rows = bench.view(chat);
    let row = rows.get(usize::from(b) % rows.len().max(1)).map(|row| row.id);
    let place = u64::from(a) + 10;
    match what {
        0 | 1 => _ = store.send(chat, &format!("{a} {b}"), Compose::default()),
        2..=4 => _ = bench.deliver(vec![bob_says(u64::from(b) + 1, place, &format!("bob {b}"))]),
        5 => {
            let edit = Item::Edit {
                target: bobs(u64::from(a)),
                text: if a % 3 == 0 { String::new() } else { "new".into() },
            };
            bench.deliver(vec![from_bob(u64::from(b) + 300, place, &edit)]);
        }
        6 => {
            let delete = Item::Delete { target: bobs(u64::from(a)) };
            bench.deliver(vec![from_bob(u64::from(b) + 600, place, &delete)]);
        }
        7 => _ = row.map(|id| store.mark_read(&[id])),
        8 => {
            let x = bench.attempt().x;
            let (first, waits) = (bench.told() + 1, rows.iter().filter(|row| row.mine).count());
            let run = match b % 3 {
                0 => Run::Refused { reason: wire::Refusal::TooLong, words: "no".into() },
                1 => Run::Founded { conversation: 50 + u64::from(a % 3) },
                _ => Run::Placed { count: 1 + u32::from(a) % 2, conversation: 50, c: place },
            };
            let count = if let Run::Placed { count, .. } = run { u64::from(count) } else { 1 };
            if waits == 0 && b % 3 == 2 {
                return;
            }
            let welcome = Welcome { x, now_s: 0, k: first + count - 1, limits: None };
            let frames = [
                Frame::Welcome(welcome),
                Frame::Answered(wire::Answered { first, runs: vec![run] }),
            ];
            let _ = store.apply(Incoming {
                x,
                frames: &frames,
                welcomed_at: NOW,
                marks: &[],
                nothing_held: false,
            });
        }
        9 => {
            let states = [MemberState::Member, MemberState::Invited, MemberState::Left];
            bench.latest(pair_with_bob(states[usize::from(a) % 3], states[usize::from(b) % 3]));
        }
        10 => {
            let names = [format!("user{}", a % 4), format!("user{}", b % 4)];
            let _ = store.request(&names, "Crew", "Hello");
        }
        11 => {
            let whom = if a % 2 == 0 { "bob" } else { "carl" };
            let _ = store.request(&[whom.to_owned()], "", "Ahoy");
        }
        12 => _ = if b % 2 == 0 { store.accept(chat) } else { store.decline(chat) },
        13 => _ = store.leave(chat),
        14 => _ = store.withdraw(chat),
        15 => {
            _ = row.map(|id| match a % 3 {
                0 => store.outbox_hold(OutboxId::Message(id)),
                1 => store.outbox_cancel(OutboxId::Message(id)),
                _ => store.outbox_release(OutboxId::Message(id)).map(drop),
            });
        }
        16 => _ = row.map(|id| store.delete(id)),
        17 => bench.latest(vec![Entry::Conversation {
            number: 50 + u64::from(a % 4),
            founded: bobs(u64::from(b % 4) + 10),
            pair: a % 2 == 0,
            title: format!("Title {b}"),
            version: 1 + u32::from(b),
            mine: if b % 2 == 0 { MemberState::Member } else { MemberState::Invited },
            inviter: BOB,
            inviter_name: "bob".into(),
            greeting: "Sing".into(),
        }]),
        18 => bench.latest(vec![Entry::Member {
            conversation: 50 + u64::from(a % 4),
            account: 200 + u64::from(b % 4),
            name: format!("user{}", b % 4),
            state: if a % 2 == 0 { MemberState::Member } else { MemberState::Invited },
            version: 1 + u32::from(a),
        }]),
        19 => bench.latest(vec![Entry::Contact {
            account: 200 + u64::from(a % 5),
            name: format!("user{}", b % 6),
            blocked: b % 2 == 0,
        }]),
        20 => {
            let row = PresenceRow {
                account: 200 + u64::from(a % 5),
                state: [PresenceState::Hidden, PresenceState::Away, PresenceState::Reachable]
                    [usize::from(b) % 3],
                seen_ago_s: u32::from(b),
                next_call_s: u32::from(a) * 7,
            };
            bench.apply(
                0,
                &[
                    Frame::Presence(Presence { version: u64::from(b) + 1, rows: vec![row] }),
                    Frame::Done,
                ],
            );
        }
        _ => bench.latest(vec![Entry::Receipt {
            conversation: 50,
            lane: Lane::Ordinary,
            account: BOB,
            delivered: place,
            read: place.saturating_sub(u64::from(b % 8)),
        }]),
    }
}

/// The same, straight into the tables, where every column may become anything.
fn write(db: &Connection, (what, a, b): (u8, u8, u8)) {
    let conversation = (a % 5 != 4).then(|| 1 + a % 4);
    let (row, flag) = (1 + i64::from(b % 12), b % 2);
    let (conversations, all) = (1 + i64::from(a % 4), params![row, a, flag]);
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| db.execute(sql, params);
    let done = match what % 12 {
        0..=2 => run(
            "INSERT INTO message (conversation, shown_as, is_mine, account, author, c, is_here, base, text, sent_at,
                received_at, is_read, state, is_deleted)
            VALUES (?1, 1, ?2, 2, 'bob', ?3, ?4, 'x', ?5, ?6, ?6, ?4, ?7, ?8)",
            params![conversation, flag, (b % 3 != 0).then_some(b), a % 2, if b % 5 == 0 { "" } else { "x" }, b, a % 8, a % 7 == 0],
        ),
        3 => run("UPDATE message SET is_read = ?3, state = ?2 % 8 WHERE id <> ?1", all),
        4 => run("UPDATE message SET c = nullif(?2, 7), is_here = ?3 WHERE id = ?1", all),
        5 => run("UPDATE message SET text = CASE ?3 WHEN 0 THEN '' ELSE ?2 END, is_deleted = ?3 WHERE id = ?1", all),
        6 => run("UPDATE message SET conversation = ?2 WHERE id % 3 = ?1 % 3", params![row, conversation]),
        7 => run("DELETE FROM message WHERE id = ?1", [row].as_ref().iter().map(|row| row as _).collect::<Vec<&dyn rusqlite::ToSql>>().as_slice()),
        8 => run("UPDATE message SET received_at = ?2, author = ?2, is_mine = ?3 WHERE id = ?1", all),
        9 => run(
            "INSERT INTO item (conversation, kind, class, is_urgent, composed_at, state) VALUES (?1, 5, 0, 0, 0, ?2)",
            params![conversation, b % 5],
        ),
        10 if flag == 0 => run("DELETE FROM item WHERE id = ?1", params![row]),
        10 => run("UPDATE item SET conversation = ?1, state = ?2 WHERE id % 2 = ?3", params![conversation, a % 5, b % 2]),
        _ if flag == 0 => run("UPDATE conversation SET merged_into = nullif(?1, id), title = ?2 WHERE id = ?3",
            params![(a % 3 == 0).then_some(1), b, conversations]),
        _ => run("UPDATE member SET state = ?2, conversation = ?1 WHERE account = ?3",
            params![conversations, 1 + a % 6, 200 + i64::from(b % 4)]),
    };
    // A key that is taken, or a row that refers to nothing.
    let _ = done;
}

fn histories(of: u8) -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    prop::collection::vec((0..of, any::<u8>(), any::<u8>()), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_list_kept_up_to_date_is_the_list_read_anew_after_any_history(history in histories(22), looks in 1_usize..6) {
        let (mut bench, _) = Bench::with_bob();
        let mut keeper = Keeper::default();
        for (at, event) in history.into_iter().enumerate() {
            happen(&mut bench, event);
            if at % looks == 0 {
                keeper.check(&bench);
            }
        }
        keeper.check(&bench);
    }

    #[test]
    fn counts_are_right_whatever_is_written_into_whatever_column(history in histories(12), looks in 1_usize..6) {
        let (mut bench, _) = Bench::with_bob();
        for name in ["carl", "dora", "ella"] {
            bench.store.request(&[name.into()], "", "").unwrap();
        }
        let mut keeper = Keeper::default();
        keeper.check(&bench);
        let db = db(&bench);
        for (at, event) in history.into_iter().enumerate() {
            write(&db, event);
            if at % looks == 0 {
                keeper.check(&bench);
            }
        }
        keeper.check(&bench);
        bench.deliver(vec![bob_says(99, 99, "after that")]);
        keeper.check(&bench);
    }
}

#[test]
fn a_message_that_comes_costs_one_row_and_what_was_told_is_not_told_again() {
    let (mut bench, bob) = Bench::with_bob();
    for n in 0..20 {
        bench.store.request(&[format!("user{n}")], "", "").unwrap();
    }
    let mut keeper = Keeper::default();
    assert!(keeper.look(&bench).0.is_whole);
    let (roll, members) = keeper.look(&bench);
    assert!(roll.is_nothing() && !members.is_whole && members.rows.is_empty());
    bench.deliver(vec![bob_says(1, 11, "one")]);
    let (roll, members) = keeper.look(&bench);
    assert_eq!((roll.is_whole, roll.rows.len(), roll.rows[0].id), (false, 1, bob));
    assert_eq!((roll.rows[0].unread, members.is_whole), (1, false));
    assert!(keeper.look(&bench).0.is_nothing());
    let row = bench.view(bob)[0].id;
    bench.store.mark_read(&[row]).unwrap();
    let (roll, _) = keeper.look(&bench);
    assert_eq!((roll.rows.len(), roll.rows[0].unread), (1, 0));
    // What the list does not show.
    db(&bench).execute("UPDATE message SET is_told = 1, base = 'x'", []).unwrap();
    assert!(keeper.look(&bench).0.is_nothing());
}

#[test]
fn another_reader_reads_everything_whatever_was_seen() {
    let (mut bench, _) = Bench::with_bob();
    let seen = bench.store.reader().roll_since(None).unwrap().seen;
    bench = bench.reopen();
    bench.deliver(vec![bob_says(1, 11, "one")]);
    assert!(bench.store.reader().roll_since(Some(seen)).unwrap().is_whole);
    assert!(bench.store.reader().members_since(Some(seen)).unwrap().is_whole);
}

#[test]
fn a_transaction_that_changes_nothing_that_lists_show_leaves_the_stamp() {
    let (bench, _) = Bench::with_bob();
    let stamp =
        || db(&bench).query_row("SELECT now FROM stamp", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = stamp();
    bench.store.trouble_told("visit", "no").unwrap();
    assert_eq!(stamp(), before);
    bench.store.request(&["carl".into()], "", "").unwrap();
    assert_eq!(stamp(), before + 1);
}
