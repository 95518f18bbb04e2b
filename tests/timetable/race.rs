//! Several agents that start on one store in the same moment: one has it, the others say who.

use harness::program::Running;

use super::*;

#[tokio::test]
async fn of_agents_that_start_at_once_one_has_the_store_and_the_others_name_it() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    for round in 0..3 {
        let mut agents: Vec<_> =
            (0..5).map(|_| Running::start(ann.home.command(&["agent"]))).collect();
        let mut ready = Vec::new();
        for agent in &mut agents {
            let is_ready = loop {
                match agent.next_line().await {
                    Some(line) if line == "ready" => break true,
                    Some(_) => {}
                    None => break false,
                }
            };
            if is_ready {
                ready.push(agent.pid());
                continue;
            }
            assert_eq!(agent.end().await.code(), Some(1), "{}", agent.said());
            assert!(agent.said().contains("another agent"), "{}", agent.said());
        }
        assert_eq!(ready.len(), 1, "round {round}");
        let status = ann.home.one(&["status"]).await;
        assert_eq!(status["pid"], ready[0]);
        // The losers took nothing away from the winner: neither its socket nor what it is told.
        ann.home.one(&["send", "bob", "-m", &format!("round {round}")]).await;
        ann.sync().await;
        // A kill leaves lock and socket to whoever comes next.
        for agent in &mut agents {
            agent.kill().await;
        }
    }
    bob.sync().await;
    assert_eq!(received(bob).await, ["round 0", "round 1", "round 2"]);
}

#[tokio::test]
async fn visits_that_are_asked_for_at_once_beside_an_agent_that_starts_all_end_well() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    ann.home.one(&["send", "bob", "-m", "once"]).await;
    let agent = Running::start(ann.home.command(&["agent"]));
    let (one, two, three) = tokio::join!(ann.sync(), ann.sync(), ann.sync());
    let sent: u64 = [&one, &two, &three].iter().map(|visit| visit["sent"].as_u64().unwrap()).sum();
    assert!((1..=3).contains(&sent), "whoever shares a visit hears the same: {one} {two} {three}");
    drop(agent);
    bob.sync().await;
    assert_eq!(received(bob).await, ["once"]);
}
