//! Closed loops: so many agents, each of which waits for its answer before it asks again.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{task::JoinSet, time::sleep};

/// What runs before counting begins, and what is counted.
const WARM_UP: Duration = Duration::from_millis(500);
const WINDOW: Duration = Duration::from_millis(2500);

/// Something that does work and hears when it is durable.
pub(crate) trait Agent: Send + 'static {
    /// Does one piece of work; how many units of it are durable.
    fn work(&mut self) -> impl Future<Output = anyhow::Result<u64>> + Send;
}

/// Units of work a second by all agents together; gives the agents back.
pub(crate) async fn measure<A: Agent>(agents: Vec<A>) -> anyhow::Result<(f64, Vec<A>)> {
    let (units, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut running = JoinSet::new();
    for agent in agents {
        running.spawn(work_until(agent, units.clone(), stop.clone()));
    }
    sleep(WARM_UP).await;
    let (began, before) = (Instant::now(), units.load(Ordering::Relaxed));
    sleep(WINDOW).await;
    let (seconds, after) = (began.elapsed().as_secs_f64(), units.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    let mut agents = Vec::with_capacity(running.len());
    while let Some(ended) = running.join_next().await {
        agents.push(ended.context("an agent of the bench panicked")??);
    }
    Ok(((after - before) as f64 / seconds, agents))
}

async fn work_until<A: Agent>(
    mut agent: A,
    units: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<A> {
    while !stop.load(Ordering::Relaxed) {
        units.fetch_add(agent.work().await?, Ordering::Relaxed);
    }
    Ok(agent)
}
