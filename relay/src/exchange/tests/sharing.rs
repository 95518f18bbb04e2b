//! What stands beside what in a packet, and that each stands for itself.

use wire::{BodyReader, BodyWriter, Codec, Entry, Frame, Item, MemberState, Submit};

use super::{
    World,
    phone::{Reply, body, item, request},
};

fn greetings(packet: &[Frame]) -> usize {
    let latest = packet.iter().filter_map(|frame| match frame {
        Frame::Latest(latest) => Some(&latest.entries),
        _ => None,
    });
    let invited =
        |entry: &Entry| matches!(entry, Entry::Conversation { mine: MemberState::Invited, .. });
    latest.flatten().filter(|(_, entry)| invited(entry)).count()
}

fn rows(packet: &[Frame]) -> usize {
    let rows = packet.iter().map(|frame| match frame {
        Frame::Latest(latest) => latest.entries.len(),
        Frame::Deliveries(mail) => mail.entries.len(),
        Frame::Answered(answered) => answered.runs.len(),
        _ => 0,
    });
    rows.sum()
}

async fn busy_mailbox(world: &World) -> Reply {
    let (mut ann, mut bob) = world.pair().await;
    let mut new = world.device(bob.login.account, "bob-2", 0).await;
    for name in ["eve", "mallory"] {
        world.person(name).await.sync(world, vec![request(&["bob"])]).await.founded();
    }
    bob.sync(world, vec![bob.text("one of mine")]).await.done();
    ann.sync(world, vec![ann.text("the code is 471100")]).await.done();
    world.person("trent").await.sync(world, vec![request(&["bob"])]).await.founded();
    new.sync(world, vec![]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_18_a_strangers_words_stand_alone_and_names_apart_from_texts() {
    let world = World::new();
    let reply = busy_mailbox(&world).await;
    assert_eq!(reply.packets.iter().map(|packet| greetings(packet)).sum::<usize>(), 3);
    for packet in &reply.packets {
        if 0 < greetings(packet) {
            assert_eq!(rows(packet), 1, "{packet:?}");
        }
        let has_text = packet.iter().any(|frame| matches!(frame, Frame::Deliveries(_)));
        let has_names = packet.iter().any(|frame| match frame {
            Frame::Latest(latest) => latest.entries.iter().any(|(_, entry)| {
                matches!(
                    entry,
                    Entry::Contact { .. } | Entry::Conversation { .. } | Entry::Member { .. }
                )
            }),
            _ => false,
        });
        assert!(!(has_text && has_names), "{packet:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_18_a_greeting_changes_the_size_of_no_other_packet() {
    let mut sizes = Vec::new();
    for guess in ["the code is 471100", "zzzzqqqqxxxxjjjjww"] {
        let world = World::new();
        let (mut ann, mut bob) = world.pair().await;
        bob.sync(&world, vec![]).await;
        let mut eve = world.person("eve").await;
        let (to, title, greeting) = (vec!["bob".to_owned()], String::new(), guess.to_owned());
        let ask = item(wire::ConversationRef::None, &Item::Request { to, title, greeting });
        eve.sync(&world, vec![ask]).await.founded();
        ann.sync(&world, vec![ann.text("the code is 471100")]).await.done();
        let reply = bob.ask(&world, vec![]).await.unwrap();
        let others =
            reply.packets.iter().zip(&reply.sizes).filter(|(packet, _)| greetings(packet) == 0);
        sizes.push(others.map(|(_, size)| *size).collect::<Vec<_>>());
    }
    assert_eq!(sizes[0], sizes[1]);
    assert!(!sizes[0].is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_11_every_packet_reads_without_its_neighbours() {
    let world = World::new();
    let reply = busy_mailbox(&world).await;
    let mut at = wire::PREAMBLE_LEN;
    for (number, size) in reply.sizes.iter().enumerate() {
        // The same packet behind empty ones that only count.
        let mut writer = BodyWriter::new(Codec::Zstd);
        let mut alone = writer.preamble().to_vec();
        for _ in 0..number {
            alone.extend(writer.packet(&[]).unwrap());
        }
        alone.extend(&reply.body[at..at + size]);
        at += size;
        let mut reader = BodyReader::new();
        reader.push(&alone);
        for _ in 0..number {
            reader.next().unwrap().unwrap();
        }
        assert_eq!(reader.next().unwrap().unwrap().frames, reply.packets[number]);
    }
    assert!(3 < reply.packets.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_17_what_is_not_understood_is_passed_on_or_refused_and_the_rest_flows() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let opaque = Submit { kind: 99, body: vec![0xFF, 0x00, 0xFE], ..ann.text("") };
    let unreadable = Submit { kind: 5, body: vec![0xFF; 9], ..ann.text("") };
    let unknown = Submit { kind: 42, body: vec![1], ..ann.text("") };
    ann.hello.x += 1;
    let submits = wire::Submits {
        first: ann.hello.told + 1,
        items: vec![opaque, unreadable, unknown, ann.text("flows")],
    };
    let odd = Frame::Unknown { kind: 77, payload: vec![1, 2, 3] };
    let packets = [
        vec![Frame::Hello(ann.hello.clone()), odd.clone()],
        vec![odd, Frame::Submits(submits), Frame::End],
    ];
    let reply = ann.send(&world, &body(ann.codec, &packets)).await.unwrap();
    reply.done();
    assert_eq!(reply.refusals().len(), 2, "{:?}", reply.runs());
    bob.sync(&world, vec![]).await.done();
    let kinds: Vec<_> =
        bob.inbox.iter().map(|delivery| (delivery.kind, &delivery.body[..])).collect();
    assert_eq!(kinds, [(99, &[0xFF, 0x00, 0xFE][..]), (1, b"flows")]);
}
