//! What there is to tell the person at this computer, and that it is told once.

use rusqlite::Connection;
use wire::Refusal;

use super::{
    super::{Cause, NewsId, NewsKind, Notice, Says, Told, VisitEnd},
    *,
};

fn untold(bench: &Bench) -> Vec<(NewsKind, String)> {
    let news = bench.store.reader().untold().unwrap();
    news.into_iter().map(|one| (one.kind, one.text)).collect()
}

fn tell_all(bench: &Bench) -> Vec<NewsId> {
    let news = bench.store.reader().untold().unwrap();
    let ids: Vec<_> = news.into_iter().map(|one| one.id).collect();
    bench.store.note_told(&ids).unwrap();
    ids
}

#[test]
fn what_came_is_told_once_also_after_the_store_was_opened_again() {
    let (mut bench, bob) = Bench::with_bob();
    bench.deliver(vec![bob_says(1, 11, "one"), bob_says(2, 12, "two")]);
    bench.send(bob, "mine");
    let news = bench.store.reader().untold().unwrap();
    assert_eq!(news.len(), 2);
    let one = &news[0];
    assert_eq!((&one.from[..], &one.title[..], one.pair, one.urgent), ("bob", "bob", true, false));
    bench.store.note_told(&[news[0].id.clone()]).unwrap();
    let bench = bench.reopen();
    assert_eq!(untold(&bench), [(NewsKind::Message, "two".to_owned())]);
    tell_all(&bench);
    let commits = bench.store.commits();
    tell_all(&bench);
    assert_eq!(bench.store.commits(), commits, "nothing to tell writes nothing");
}

#[test]
fn news_say_with_a_code_what_the_agent_knows() {
    let (bench, bob) = Bench::with_bob();
    let notice = Notice::LapsedHere { count: 2 };
    bench.store.notice("some words", &notice).unwrap();
    let cause = Cause::QuotaRanOut;
    bench.store.trouble("visit", Told::new("used up", cause.clone())).unwrap();
    bench.send(bob, "hello");
    bench.attempt();
    bench.answer(1, 1, 1, vec![Run::Refused { reason: Refusal::Full, words: "full".into() }]);
    let news = bench.store.reader().untold().unwrap();
    let says: Vec<_> = news.into_iter().map(|one| one.says).collect();
    let expected = [Says::Notice(notice), Says::Refusal("full"), Says::Cause(cause)];
    assert_eq!(says, expected.map(Some));
}

#[test]
fn what_was_taken_off_the_desktop_before_anybody_looked_is_news_again_unless_it_was_read() {
    let (mut bench, _) = Bench::with_bob();
    bench.deliver(vec![bob_says(1, 11, "one"), bob_says(2, 12, "two")]);
    bench.store.trouble("dial:gsm", "no modem").unwrap();
    let ids = tell_all(&bench);
    let NewsId::Message(one) = ids[0] else { panic!("{ids:?}") };
    bench.store.mark_read(&[one]).unwrap();
    bench.store.note_untold(&ids).unwrap();
    let bench = bench.reopen();
    let words: Vec<_> = untold(&bench).into_iter().map(|(_, words)| words).collect();
    assert_eq!(words, ["two", "no modem"]);
}

#[test]
fn news_of_a_conversation_names_the_ids_that_it_had_before() {
    let (mut bench, bob) = Bench::with_bob();
    let sql = "INSERT INTO conversation (merged_into, is_pair, created_at) VALUES (?1, 1, 0)";
    let db = Connection::open(bench.dir.path().join("store.db")).unwrap();
    db.execute(sql, [bob]).unwrap();
    let second = ConversationId(db.last_insert_rowid());
    db.execute(sql, [second]).unwrap();
    let third = ConversationId(db.last_insert_rowid());
    bench.deliver(vec![bob_says(1, 11, "one")]);
    let news = bench.store.reader().untold().unwrap();
    assert_eq!((news[0].conversation, &news[0].also), (Some(bob), &vec![second, third]));
}

#[test]
fn trouble_that_is_told_otherwise_is_no_news_and_is_known_again_after_a_restart() {
    let bench = Bench::new();
    assert!(bench.store.trouble_told("rule:gsm", "no modem").unwrap());
    assert!(untold(&bench).is_empty());
    let bench = bench.reopen();
    assert!(!bench.store.trouble_told("rule:gsm", "still none").unwrap());
    assert!(untold(&bench).is_empty());
    assert_eq!(bench.store.reader().troubles().unwrap()[0].told.words, "still none");
    bench.store.trouble_over("rule:gsm").unwrap();
    assert!(bench.store.trouble_told("rule:gsm", "again none").unwrap());
}

#[test]
fn what_was_read_here_or_elsewhere_or_deleted_is_no_news() {
    let (mut bench, _) = Bench::with_bob();
    bench.deliver((1..=3).map(|n| bob_says(n, 10 + n, &format!("{n}"))).collect());
    let ids = tell_all(&bench);
    let read_elsewhere = Entry::Receipt {
        conversation: 50,
        lane: Lane::Ordinary,
        account: ME,
        delivered: 11,
        read: 11,
    };
    bench.latest(vec![read_elsewhere]);
    bench.deliver(vec![from_bob(4, 14, &Item::Delete { target: bobs(2) })]);
    let still = bench.store.reader().still_news(&ids).unwrap();
    assert_eq!(still.into_iter().collect::<Vec<_>>(), ids[2..]);
    let NewsId::Message(three) = ids[2] else { panic!("{ids:?}") };
    bench.store.mark_read(&[three]).unwrap();
    assert!(bench.store.reader().still_news(&ids).unwrap().is_empty());
}

#[test]
fn an_edit_that_comes_before_its_message_makes_it_news_once() {
    let (mut bench, _) = Bench::with_bob();
    bench.deliver(vec![from_bob(2, 12, &Item::Edit { target: bobs(1), text: "edited".into() })]);
    let before = tell_all(&bench).len();
    bench.deliver(vec![bob_says(1, 11, "one")]);
    assert_eq!(before + tell_all(&bench).len(), 1);
    assert!(untold(&bench).is_empty());
}

#[test]
fn a_request_is_news_until_it_is_answered() {
    let mut bench = Bench::new();
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    assert_eq!(untold(&bench), [(NewsKind::Request, "Ahoy".to_owned())]);
    let ids = tell_all(&bench);
    assert_eq!(bench.store.reader().still_news(&ids).unwrap().len(), 1);
    bench.store.accept(bench.store.reader().find("bob").unwrap()).unwrap();
    assert!(bench.store.reader().still_news(&ids).unwrap().is_empty());
}

#[test]
fn what_of_ours_is_refused_or_expires_is_told_and_told_again_when_it_fails_again() {
    let (mut bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.send(bob, "two");
    bench.attempt();
    let refused = |words: &str| Run::Refused { reason: Refusal::TooLong, words: words.into() };
    bench.answer(1, 2, 1, vec![refused("too long"), placed(1, 30)]);
    let name = Name { device: MY_DEVICE, n: 2 };
    bench.latest(vec![Entry::Expired { name, missing: 1, of: 1 }]);
    let told = untold(&bench);
    assert!(told.iter().all(|(kind, _)| *kind == NewsKind::Failure), "{told:?}");
    let words: Vec<_> = told.iter().map(|(_, words)| &words[..]).collect();
    assert_eq!(words, ["it expired before it was delivered", "too long"]);
    let ids = tell_all(&bench);
    bench.store.outbox_release(OutboxId::Message(one)).unwrap();
    assert_eq!(bench.store.reader().still_news(&ids).unwrap().len(), 1);
    let attempt = bench.attempt();
    bench.answer(attempt.x, 3, 3, vec![refused("still too long")]);
    assert_eq!(untold(&bench), [(NewsKind::Failure, "still too long".to_owned())]);
}

#[test]
fn trouble_is_told_once_until_it_is_over() {
    let bench = Bench::new();
    bench.store.trouble("dial:gsm", "no modem").unwrap();
    bench.store.trouble("dial:gsm", "no modem at all").unwrap();
    assert_eq!(untold(&bench), [(NewsKind::Trouble, "no modem at all".to_owned())]);
    let ids = tell_all(&bench);
    bench.store.trouble("dial:gsm", "still none").unwrap();
    assert!(untold(&bench).is_empty());
    assert_eq!(bench.store.reader().troubles().unwrap()[0].told.words, "still none");
    bench.store.trouble_over("dial:gsm").unwrap();
    assert!(bench.store.reader().still_news(&ids).unwrap().is_empty());
    bench.store.trouble("dial:gsm", "again").unwrap();
    assert_eq!(untold(&bench).len(), 1);
}

#[test]
fn a_visit_that_was_refused_is_trouble_until_one_gets_through() {
    let bench = Bench::new();
    let end = |outcome, words: &str| {
        let visit = bench.store.begin_visit("").unwrap();
        let end = VisitEnd { outcome, told: words.into(), ..VisitEnd::default() };
        bench.store.end_visit(visit, &end).unwrap();
    };
    end("no_link", "nobody there");
    assert!(untold(&bench).is_empty());
    end("refused", "this device was shut out");
    assert_eq!(untold(&bench), [(NewsKind::Trouble, "this device was shut out".to_owned())]);
    end("done", "");
    assert!(untold(&bench).is_empty());
}

#[test]
fn a_store_of_the_first_version_opens_and_what_it_holds_is_no_news() {
    let dir = tempfile::tempdir().unwrap();
    let db = Connection::open(dir.path().join("store.db")).unwrap();
    db.execute_batch(include_str!("../../../migrations/0001_store.sql")).unwrap();
    db.execute_batch(
        "INSERT INTO message (shown_as, is_mine, account, author, is_here, base, text, sent_at, received_at, is_read)
        VALUES (3, 0, 0, '', 1, 'old', 'old', 0, 0, 0)",
    )
    .unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    drop(db);
    let store = open(&dir);
    assert!(store.reader().untold().unwrap().is_empty());
    assert_eq!(store.reader().inbox(&Inbox::default()).unwrap().len(), 1);
}

#[test]
fn notices_of_no_conversation_are_found_until_they_are_read() {
    let (mut bench, _) = Bench::with_bob();
    bench.deliver(vec![bob_says(1, 11, "one")]);
    assert_eq!(bench.store.reader().notices(9).unwrap(), []);
    for count in 1..=3 {
        let notice = Notice::LapsedHere { count };
        assert!(bench.store.notice(&format!("{count} left"), &notice).unwrap());
    }
    let notices = |bench: &Bench, limit| {
        let rows = bench.store.reader().notices(limit).unwrap();
        rows.into_iter().map(|row| (row.id, row.notice.unwrap())).collect::<Vec<_>>()
    };
    let all = notices(&bench, 9);
    let counted: Vec<_> = all.iter().map(|(_, notice)| notice.clone()).collect();
    assert_eq!(counted, [3, 2, 1].map(|count| Notice::LapsedHere { count }));
    assert_eq!(notices(&bench, 2), all[..2]);
    bench.store.mark_read(&[all[1].0]).unwrap();
    assert_eq!(notices(&bench, 9), [all[0].clone(), all[2].clone()]);
}
