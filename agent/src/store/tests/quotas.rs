//! What was used of a quota, what was told of it, and a store of before.

use super::{
    super::{Lift, Notice, VisitBegin, VisitEnd},
    *,
};

fn over(link: &str) -> VisitBegin {
    VisitBegin { link: link.to_owned(), ..VisitBegin::default() }
}

#[test]
fn a_mark_of_a_quota_is_told_once_a_period_and_again_after_it_was_lifted() {
    let bench = Bench::new();
    let notice = Notice::Lapsed { count: 1 };
    let tell = |begins, percent| {
        let words = format!("{percent} of {begins}");
        bench.store.tell_of_quota("stick", begins, percent, &words, &notice).unwrap()
    };
    assert!(tell(100, 75) && !tell(100, 75) && tell(100, 100) && !tell(100, 95));
    bench.store.lift_quota("stick", 100, Some(Lift::By(5))).unwrap();
    assert_eq!(bench.store.reader().quota_lift("stick", 100).unwrap(), Some(Lift::By(5)));
    assert!(tell(100, 100), "what was lifted is used up too");
    assert_eq!(bench.store.reader().quota_lift("stick", 100).unwrap(), Some(Lift::By(5)));
    assert!(tell(200, 75), "a new month");
    assert_eq!(bench.store.reader().quota_lift("stick", 200).unwrap(), None);
    let bench = bench.reopen();
    assert!(!bench.store.tell_of_quota("stick", 200, 75, "again", &notice).unwrap());
    bench.store.lift_quota("stick", 200, Some(Lift::All)).unwrap();
    assert_eq!(bench.store.reader().quota_lift("stick", 200).unwrap(), Some(Lift::All));
}

#[test]
fn what_is_used_is_counted_as_it_is_noted_and_by_link() {
    let bench = Bench::new();
    let used = |link| bench.store.reader().used(link, NOW, NOW + 1_000).unwrap();
    let visit = bench.store.begin_visit(over("stick")).unwrap();
    assert_eq!(used("stick"), 0);
    let so_far = VisitEnd { ip_up: 30, ip_down: 4, ..VisitEnd::default() };
    bench.store.note_visit(visit, &so_far).unwrap();
    assert_eq!((used("stick"), used("home")), (34, 0), "while it goes on");
    bench.store.move_visit(visit, "home", Some(false)).unwrap();
    let end = VisitEnd { ip_up: 50, outcome: "done", ..VisitEnd::default() };
    bench.store.end_visit(visit, &end).unwrap();
    assert_eq!((used("stick"), used("home")), (0, 50));
    let row = bench.store.reader().visits(NOW).unwrap().remove(0);
    assert_eq!((&row.class[..], row.noted), ("unmetered", Some(NOW)));
    assert_eq!(bench.store.reader().used("home", NOW + 1, NOW + 1_000).unwrap(), 0);
}
