//! Ends before everything is done: the time is over, or somebody stops it.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    link::Meter,
    sync::{Bound, Ended, SyncError},
};

/// A visit whose time is over has this much more to come to the edge of a packet.
const OVERTIME: Duration = Duration::from_secs(15);
/// One that was stopped has this much.
const STOP_OVERTIME: Duration = Duration::from_secs(10);

pub(super) fn stopped() -> Result<Ended, SyncError> {
    Ok(Ended::Partial(Bound::Stopped))
}

/// Waits until a visit that should have come to the edge of a packet has not; gives its end. Where nothing has come there
/// is no edge to wait for.
pub(super) async fn give_up(
    until: Option<Instant>,
    stop: &CancellationToken,
    meter: &Meter,
) -> Result<Ended, SyncError> {
    let time = async {
        match until {
            Some(until) => sleep_until(until + OVERTIME).await,
            None => std::future::pending().await,
        }
    };
    let stopping = async {
        stop.cancelled().await;
        if meter.down() != 0 {
            sleep(STOP_OVERTIME).await;
        }
    };
    tokio::select! {
        () = time => Ok(Ended::Partial(Bound::Time)),
        () = stopping => stopped(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// A visit that has had something of an answer.
    async fn answered() -> Meter {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let meter = Meter::new(None);
        let mut near = meter.tcp(near, Duration::ZERO);
        listener.accept().await.unwrap().0.write_all(b"x").await.unwrap();
        tokio::io::AsyncReadExt::read_exact(&mut near, &mut [0]).await.unwrap();
        meter
    }

    #[tokio::test]
    async fn who_is_out_of_time_or_stopped_has_some_seconds_to_come_to_an_edge() {
        let (silent, answered, never) =
            (Meter::new(None), answered().await, CancellationToken::new());
        tokio::time::pause();
        let began = Instant::now();
        let until = Some(began + Duration::from_secs(60));
        let end = give_up(until, &never, &silent).await;
        assert!(matches!(end, Ok(Ended::Partial(Bound::Time))));
        assert_eq!(began.elapsed().as_secs(), 75);
        let stop = CancellationToken::new();
        stop.cancel();
        for (meter, seconds) in [(&silent, 0), (&answered, 10)] {
            let began = Instant::now();
            let end = give_up(None, &stop, meter).await;
            assert!(matches!(end, Ok(Ended::Partial(Bound::Stopped))));
            assert_eq!(began.elapsed().as_secs(), seconds);
        }
    }
}
