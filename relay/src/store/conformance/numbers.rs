//! Numbers: dense, once, never again; forks; full disks.

use wire::{ConversationRef, ForkWhy, Item, Name, Refusal, Run, Submit};

use super::{
    Engine,
    phone::{FIRST_C, Phone, START_S, item, pair, text_at, texts},
};
use crate::store::{AnswerAsk, Answers, Policy, StoreError, Taken, Turn};

fn text(conversation: u64, words: &str) -> Submit {
    text_at(conversation, words, u32::MAX)
}

pub(super) async fn numbers_are_dense_and_a_gap_takes_nothing(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let k = ann.k;
    let gap = Turn { first: k + 2, submits: vec![text(chat, "too far")], ..ann.turn() };
    let taken = ann.take(gap).await;
    assert!(matches!(taken, Taken::Done { gap: true, state, .. } if state.k == k), "{taken:?}");
    assert!(bob.visit().await.ordinary.is_empty());
    let runs = ann.send(vec![text(chat, "one"), text(chat, "two")]).await;
    assert_eq!(runs, [Run::Placed { count: 2, conversation: chat, c: FIRST_C }]);
    assert_eq!(ann.k, k + 2);
    assert_eq!(texts(&bob.visit().await.ordinary), ["one", "two"]);
}

pub(super) async fn the_same_turn_twice_stores_once(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let turn = Turn { submits: vec![text(chat, "once"), text(chat, "more")], ..ann.turn() };
    let Taken::Done { state, .. } = ann.take(turn.clone()).await else { panic!() };
    // Again in a later attempt, with an age that has grown and one item behind it.
    let mut again = Turn { x: ann.x + 1, ..turn };
    again.submits[0].age_s = 77;
    again.submits.push(text(chat, "new"));
    let Taken::Done { k_before, runs, state: later, .. } = ann.take(again).await else { panic!() };
    assert_eq!((k_before, later.k), (state.k, state.k + 1));
    assert_eq!(runs, [Run::Placed { count: 1, conversation: chat, c: FIRST_C + 2 }]);
    assert_eq!(texts(&bob.visit().await.ordinary), ["once", "more", "new"]);
}

pub(super) async fn other_bytes_under_a_known_number_are_a_fork(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let turn = Turn { submits: vec![text(chat, "mine")], ..ann.turn() };
    ann.take(turn.clone()).await;
    let twin =
        Turn { x: ann.x + 1, submits: vec![text(chat, "twin's"), text(chat, "and more")], ..turn };
    assert_eq!(ann.take(twin).await, Taken::Forked(ForkWhy::OtherBytes));
    assert_eq!(texts(&bob.visit().await.ordinary), ["mine"], "nothing of the twin's was taken");
}

pub(super) async fn told_and_cursors_that_went_back_are_forks(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    ann.text(chat, "hello").await;
    bob.visit().await;
    let turn = ann.turn();
    ann.take(turn).await;
    let back = Turn { told: ann.told - 1, ..ann.turn() };
    assert_eq!(ann.take(back).await, Taken::Forked(ForkWhy::ToldWentBack));
    let mut back = bob.turn();
    back.cursors.ordinary -= 1;
    assert_eq!(bob.take(back).await, Taken::Forked(ForkWhy::CursorWentBack));
}

pub(super) async fn a_lower_exchange_takes_nothing(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let older = Turn { submits: vec![text(chat, "late")], ..ann.turn() };
    ann.send(vec![text(chat, "newer")]).await;
    assert_eq!(ann.take(older).await, Taken::Forked(ForkWhy::StaleAttempt));
    assert_eq!(texts(&bob.visit().await.ordinary), ["newer"]);
}

pub(super) async fn what_was_refused_is_repeated_until_it_is_told(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, _bob, chat) = pair(&store).await;
    let submits = vec![
        text(chat, "good"),
        text(12_345, "nowhere"),
        text(chat, &"long".repeat(10_000)),
        item(ConversationRef::Number(chat), &Item::Accept),
        item(ConversationRef::None, &Item::Void),
        text(chat, "good too"),
    ];
    let hashes: Vec<_> = submits.iter().map(wire::Submit::hash).collect();
    let turn = Turn { submits, ..ann.turn() };
    let Taken::Done { state, runs, .. } = ann.take(turn).await else { panic!() };
    let reasons: Vec<_> = runs
        .iter()
        .filter_map(|run| match run {
            Run::Refused { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [Refusal::NoSuchConversation, Refusal::TooLong]);
    assert_eq!(runs[3], Run::Done { count: 2 });
    assert_eq!(runs[4], Run::Placed { count: 1, conversation: chat, c: FIRST_C + 1 });
    let ask = AnswerAsk { device: ann.login.device, told: ann.told, k: state.k };
    for _ in 0..2 {
        let repeated = store.answers(vec![ask]).await.pop().unwrap().unwrap();
        let check = Some(wire::check_of(hashes.iter().copied()));
        assert_eq!(repeated, Answers { runs: runs.clone(), check });
    }
    let half = AnswerAsk { told: ann.told + 2, ..ask };
    let check = Some(wire::check_of(hashes[2..].iter().copied()));
    let told = store.answers(vec![half]).await.pop().unwrap().unwrap();
    assert_eq!(told, Answers { runs: runs[2..].to_vec(), check });
}

pub(super) async fn a_store_put_back_gives_no_number_twice(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    ann.text(chat, "before").await;
    bob.visit().await;
    let (position, device) = (bob.cursors.ordinary, bob.login.device);
    drop((ann, store));
    bob.store = engine.open(Policy::default(), START_S + 3_600);
    let store = std::sync::Arc::clone(&bob.store);
    // The newer store knew more: bob was told more and holds a later position.
    bob.cursors.ordinary = position + 1_000_000;
    bob.told = bob.k + 5;
    let turn = bob.turn();
    let Taken::Done { state, .. } = bob.take(turn).await else { panic!() };
    assert_eq!(state.k, bob.k, "it asks for the rest again");
    let mut carl = Phone::join(&store, "carl").await;
    assert!(device + 3_000 < carl.login.device, "numbers begin at the clock");
    let number = carl.request(&["bob"], "").await;
    assert!(chat < number);
    let first = bob.peek().await.latest.first().map(|(at, _)| *at).unwrap();
    assert!(bob.cursors.ordinary < first, "{first}");
    let named = item(ConversationRef::Number(number + 500), &Item::Accept);
    assert!(matches!(carl.send_one(named).await, Run::Refused { .. }));
    assert!(number + 500 < carl.request(&["ann"], "").await, "goes on behind a number shown");
    assert!(FIRST_C + 3_000 < bob.text(chat, "after").await, "places go on as well");
}

pub(super) async fn a_turn_that_fails_takes_no_other_with_it(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    // No engine can store such a number: this turn fails as a whole.
    let absurd = Turn { x: u64::MAX, submits: vec![text(chat, "absurd")], ..ann.turn() };
    let fine = Turn { submits: vec![text(chat, "fine")], ..bob.turn() };
    let mut taken = store.take(vec![absurd, fine]).await;
    assert!(matches!(taken.pop().unwrap(), Ok(Taken::Done { .. })));
    assert!(taken.pop().unwrap().is_err());
    assert_eq!(texts(&ann.visit().await.ordinary), ["fine"]);
    assert!(texts(&bob.visit().await.ordinary).is_empty());
}

pub(super) async fn a_full_store_says_so_and_loses_nothing(engine: &dyn Engine) {
    let store = engine.open(Policy { pages_max: Some(120), ..Policy::default() }, START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let mut sent = Vec::new();
    let refused = loop {
        let words = format!("{} {}", sent.len(), "x".repeat(4_000));
        let turn = Turn { submits: vec![text(chat, &words)], ..ann.turn() };
        match store.take(vec![turn]).await.pop().unwrap() {
            Ok(Taken::Done { state, .. }) => {
                ann.k = state.k;
                sent.push(words);
            }
            Ok(other) => panic!("{other:?}"),
            Err(err) => break err,
        }
        assert!(sent.len() < 1_000, "120 pages must be full by now");
    };
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    drop((ann, store));
    // Somebody made room: all that was acknowledged is there, and it goes on.
    bob.store = engine.open(Policy::default(), START_S);
    assert_eq!(texts(&bob.visit().await.ordinary), sent);
}

pub(super) async fn a_wide_turn_is_taken_whole(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let before = store.commits();
    // Three rows each: more than one commit takes.
    let words: Vec<_> = (0..3_000).map(|n| n.to_string()).collect();
    let submits = words.iter().map(|words| text(chat, words)).collect();
    assert_eq!(
        ann.send(submits).await,
        [Run::Placed { count: 3_000, conversation: chat, c: FIRST_C }]
    );
    assert!(2 <= store.commits() - before, "a commit takes at most 4,096 rows");
    let page = bob.visit().await;
    assert_eq!(texts(&page.ordinary), words);
    let names: Vec<_> = page.ordinary.iter().map(wire::Delivery::name).collect();
    let dense: Vec<Name> = (2..3_002).map(|n| ann.name(n)).collect();
    assert_eq!(names, dense);
}
