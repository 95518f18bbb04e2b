//! `max_time`: a large transfer ends in time at the edge of a packet, and the next call goes on from there.

use harness::link::Pace;

use super::*;

/// Messages of 400 bytes.
const MESSAGES: usize = 60;
/// A line on which they take ten times as long as a visit may.
const PACE: Pace =
    Pace { up_bytes_s: Some(2_400), down_bytes_s: Some(2_400), delay: std::time::Duration::ZERO };
const RULE: &str = "when = \"urgent-queued\"\nmax_time = \"1s\"";

async fn queue(from: &Person, to: &str) -> Vec<String> {
    let texts: Vec<_> = (0..MESSAGES).map(|n| noise(n, 400)).collect();
    for text in &texts {
        from.home.run_with(&["send", to, "-m", "-"], text).await.done();
    }
    texts
}

/// What the rule waits for: exactly one call follows.
async fn urgent(ann: &Person) {
    ann.home.one(&["send", "bob", "-m", "now", "--urgent"]).await;
}

fn ended_in_time(visit: &Value) {
    assert_eq!(visit["outcome"], "partial", "{visit}");
    assert!(text(visit, "words").contains("the time for this visit is over"), "{visit}");
    assert_eq!(visit["rule"], "rule");
}

#[tokio::test]
async fn a_large_answer_ends_at_a_packet_and_the_next_call_asks_from_there() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let texts = queue(bob, "ann").await;
    bob.sync().await;
    ann.link.set_pace(PACE);
    ann.link.record(true);
    ended_in_time(&call_when(ann, RULE, async || urgent(ann).await).await);
    let kept = received(ann).await;
    assert!((1..MESSAGES).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept, texts[..kept.len()]);
    let recorded = exchanges(&ann.link.recorded());
    assert_eq!(recorded.len(), 1, "no second request after the time is over");
    // Whole packets are kept, and nothing but them.
    let mut edges = recorded[0].down.packets.iter().scan(0, |sum, packet| {
        *sum += messages_of(packet);
        Some(*sum)
    });
    assert!(edges.any(|edge| edge == kept.len()), "{}", kept.len());

    ann.link.set_pace(Pace::INSTANT);
    ann.link.record(true);
    ann.sync().await;
    assert_eq!(received(ann).await, texts, "each once, in order");
    assert_eq!(passed(ann).down, texts[kept.len()..], "nothing that is here came again");
}

#[tokio::test]
async fn a_large_outbox_goes_in_several_calls_and_nothing_twice() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let texts = queue(ann, "bob").await;
    // So that the rate of the link is known before there is experience of it.
    let rule = format!("{RULE}\n[[link]]\nname = \"slow\"\nrate = \"19.2 kbit/s\"");
    ann.link.set_pace(PACE);
    ann.link.record(true);
    ended_in_time(&call_when(ann, &rule, async || urgent(ann).await).await);
    let went = passed(ann).up.len();
    assert!(1 < went && went < MESSAGES, "{went}");
    ann.link.set_pace(Pace::INSTANT);
    ann.sync().await;
    bob.sync().await;
    let all = [&["now".to_owned()], &texts[..]].concat();
    assert_eq!(received(bob).await, all, "each once, in order");
    assert_eq!(passed(ann).up, all, "and none went twice");
}

fn messages_of(packet: &wire::Packet) -> usize {
    let count = |frame: &Frame| match frame {
        Frame::Deliveries(mail) => mail.entries.len(),
        _ => 0,
    };
    packet.frames.iter().map(count).sum()
}
