//! Ann, who knows bob and has something of his and of her own; and the end of every lie: the truth.

use wire::{
    Answered, Deliveries, Delivery, Entry, Frame, Item, Lane, Latest, MemberState, Name, Run,
};

use harness::agent::AgentHome;

use super::super::liar::{Liar, ME, truth, welcomed};

pub(super) const BOB: u64 = 8;
pub(super) const BOBS_DEVICE: u64 = 80;

/// Bob, and a chat with him.
pub(super) fn bob() -> Frame {
    let member = |account, name: &str| Entry::Member {
        conversation: 50,
        account,
        name: name.to_owned(),
        state: MemberState::Member,
        version: 1,
    };
    let conversation = Entry::Conversation {
        number: 50,
        founded: Name { device: BOBS_DEVICE, n: 1 },
        pair: true,
        title: String::new(),
        version: 1,
        mine: MemberState::Member,
        inviter: BOB,
        inviter_name: "bob".to_owned(),
        greeting: String::new(),
    };
    let contact = Entry::Contact { account: BOB, name: "bob".to_owned(), blocked: false };
    let entries = [contact, conversation, member(ME, "ann"), member(BOB, "bob")];
    Frame::Latest(Latest { entries: (1..).zip(entries).collect() })
}

pub(super) fn delivery(position: u64, n: u64, item: &Item) -> Delivery {
    Delivery {
        position,
        conversation: 50,
        author: BOBS_DEVICE,
        account: BOB,
        n,
        c: n,
        kind: item.kind(),
        age_s: 1,
        body: item.body(),
    }
}

pub(super) fn mail(entries: Vec<Delivery>) -> Frame {
    Frame::Deliveries(Deliveries { lane: Lane::Ordinary, entries })
}

pub(super) fn said(position: u64, n: u64, text: &str) -> Delivery {
    delivery(position, n, &Item::Text(text.to_owned()))
}

/// Ann, who knows bob, has a message of his and one of her own that waits.
pub(super) async fn ann(liar: &Liar) -> AgentHome {
    let home = liar.home().await;
    liar.says(|hello| truth(hello, vec![bob(), mail(vec![said(10, 2, "before the lies")])]));
    home.run(&["sync"]).await.done();
    home.run(&["send", "bob", "-m", "mine"]).await.done();
    home
}

/// Nothing of ann's is lost, and an honest relay gets and gives the rest.
pub(super) async fn assert_all_is_well(liar: &Liar, home: &AgentHome, what: &str) {
    let outbox = home.json(&["outbox"]).await;
    assert!(outbox.iter().any(|row| row["text"] == "mine"), "{what}: {outbox:?}");
    liar.says(|hello| {
        let answer = |first| Answered {
            first,
            runs: vec![Run::Placed { count: 1, conversation: 50, c: 1_000 }],
        };
        let latest = hello.cursors.latest;
        let position = latest.max(hello.cursors.ordinary).max(hello.cursors.urgent) + 1;
        let mut frames = vec![mail(vec![said(position, 900, "the truth again")])];
        if hello.told == 0 {
            frames.insert(0, Frame::Answered(answer(1)));
        }
        welcomed(hello, hello.told.max(1), frames)
    });
    home.run(&["sync"]).await.done();
    let texts = texts(home).await;
    for wanted in ["before the lies", "mine", "the truth again"] {
        assert!(texts.iter().any(|text| text == wanted), "{what}: no {wanted:?} in {texts:?}");
    }
}

pub(super) async fn texts(home: &AgentHome) -> Vec<String> {
    let rows = home.json(&["inbox", "--all", "--limit", "100000"]).await;
    rows.iter().map(|row| harness::world::text(row, "text")).collect()
}
