//! Who is asked on Linux, and in what order.

use std::{future::Future, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::{debug, info};

use super::{
    LinkState, Sources, Told,
    bus::{Bus, Owner},
    kernel::Kernel,
    network_manager::{self, NetworkManager},
    sleep,
};

/// So long nothing changes before the state is read again …
const QUIET: Duration = Duration::from_millis(500);
/// … unless changes go on and on.
const SETTLE_MAX: Duration = Duration::from_secs(3);

/// A source that can say no more; in words for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("the bus failed")]
    Bus(#[from] zbus::Error),
    #[error("the bus is gone")]
    BusGone,
    #[error("the kernel's events cannot be read")]
    Kernel(#[from] std::io::Error),
}

/// Something that knows of the link.
pub(super) trait Source: Send {
    /// Waits for something that may have changed the state. Cancel safe.
    fn changed(&mut self) -> impl Future<Output = Result<(), Lost>> + Send;

    /// The state; `None` while it is between two states, of which `changed` tells.
    fn read(&mut self) -> impl Future<Output = Result<Option<LinkState>, Lost>> + Send;
}

pub(super) async fn watch(sources: Sources, told: Told) {
    let bus = match Bus::connect(sources.bus.as_deref()).await {
        Ok(bus) => bus,
        Err(err) => {
            info!(error = %err, "no system bus: the kernel alone is asked for the link");
            return follow_kernel(&told).await;
        }
    };
    // Listened to before anything is told: who knows the state may count on hearing of a wake.
    let sleep = sleep::listen(&bus).await;
    tokio::join!(follow_link(&bus, &told), sleep::follow(sleep, &told.wakes));
}

/// NetworkManager while it runs and answers, else the kernel.
async fn follow_link(bus: &Bus, told: &Told) {
    let mut owner = match bus.owner(network_manager::NAME).await {
        Ok(owner) => owner,
        Err(err) => {
            info!(error = %err, "the bus does not answer: the kernel alone is asked for the link");
            return follow_kernel(told).await;
        }
    };
    loop {
        let mut lost = None;
        if owner.is_there() {
            let mut follow = std::pin::pin!(follow_manager(bus, told));
            tokio::select! {
                biased;
                changed = owner.changed() => match changed {
                    Ok(()) => continue,
                    Err(err) => lost = Some(err),
                },
                err = &mut follow => lost = Some(err),
            }
        }
        if let Some(err) = lost {
            info!(error = %err, "NetworkManager is not heard: the kernel is asked for the link");
        }
        tokio::select! {
            () = follow_kernel(told) => {}
            () = appears(&mut owner) => {}
        }
    }
}

async fn appears(owner: &mut Owner) {
    if let Err(err) = owner.changed().await {
        debug!(error = %err, "the kernel is asked for the link from now on");
        std::future::pending::<()>().await;
    }
}

async fn follow_manager(bus: &Bus, told: &Told) -> Lost {
    match NetworkManager::open(bus).await {
        Ok(mut manager) => follow(&mut manager, told).await,
        Err(err) => err,
    }
}

/// Never ends: without the kernel nobody is left, and the state is unknown.
async fn follow_kernel(told: &Told) {
    let lost = match Kernel::open() {
        Ok(mut kernel) => follow(&mut kernel, told).await,
        Err(err) => Lost::Kernel(err),
    };
    info!(error = %lost, "nobody tells of the link: calls are made as if it were up");
    told.state.send_replace(LinkState::default());
    std::future::pending::<()>().await;
}

/// Tells what `source` says, until it is lost.
async fn follow(source: &mut impl Source, told: &Told) -> Lost {
    let mut wakes = told.wakes.subscribe();
    let mut is_first = true;
    loop {
        match source.read().await {
            Ok(Some(state)) => tell(&told.state, state, &mut is_first),
            Ok(None) => {}
            Err(err) => return err,
        }
        if let Err(err) = settled(source, &mut wakes).await {
            return err;
        }
    }
}

/// Waits for a change, and then until all is quiet.
async fn settled(source: &mut impl Source, wakes: &mut watch::Receiver<u64>) -> Result<(), Lost> {
    tokio::select! {
        changed = source.changed() => changed?,
        // What changed during sleep may not have been told. The sender outlives this.
        _ = wakes.changed() => {}
    }
    let latest = Instant::now() + SETTLE_MAX;
    while let Ok(changed) = timeout_at(latest.min(Instant::now() + QUIET), source.changed()).await {
        changed?;
        if latest <= Instant::now() {
            break;
        }
    }
    Ok(())
}

/// The first word of a source is told even where it repeats another's: somebody may wait for it.
fn tell(told: &watch::Sender<LinkState>, state: LinkState, is_first: &mut bool) {
    debug!(?state, "the link");
    told.send_if_modified(|known| {
        let is_news = *is_first || *known != state;
        *known = state;
        is_news
    });
    *is_first = false;
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        pin::pin,
        task::{Context, Waker},
    };

    use tokio::time::{advance, sleep_until};

    use super::*;

    /// Changes that come by themselves: each at a time.
    struct Changes(VecDeque<Instant>);

    impl Source for Changes {
        async fn changed(&mut self) -> Result<(), Lost> {
            let Some(at) = self.0.front() else { return std::future::pending().await };
            sleep_until(*at).await;
            self.0.pop_front();
            Ok(())
        }

        async fn read(&mut self) -> Result<Option<LinkState>, Lost> {
            Ok(None)
        }
    }

    /// Whenever it is asked, something has changed, and a tenth of a second has passed.
    struct Flood(u32);

    impl Source for Flood {
        async fn changed(&mut self) -> Result<(), Lost> {
            self.0 += 1;
            assert!(self.0 < 1_000, "it is never read");
            let mut step = pin!(advance(Duration::from_millis(100)));
            let mut cx = Context::from_waker(Waker::noop());
            while step.as_mut().poll(&mut cx).is_pending() {}
            Ok(())
        }

        async fn read(&mut self) -> Result<Option<LinkState>, Lost> {
            Ok(None)
        }
    }

    async fn settles_after(source: &mut impl Source) -> Duration {
        let (began, (_woke, mut wakes)) = (Instant::now(), watch::channel(0));
        settled(source, &mut wakes).await.unwrap();
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn the_state_is_read_once_it_was_quiet_or_after_three_seconds() {
        for (changes, settles) in [
            (vec![1_000], 1_500),
            (vec![1_000, 1_400, 1_800, 2_400], 2_300),
            ((0..100).map(|step| step * 150).collect(), 3_000),
        ] {
            let begin = Instant::now();
            let changes = changes.into_iter().map(|ms| begin + Duration::from_millis(ms));
            let took = settles_after(&mut Changes(changes.collect())).await;
            assert_eq!(took, Duration::from_millis(settles));
        }
        assert_eq!(settles_after(&mut Flood(0)).await, Duration::from_millis(3_100));
    }
}
