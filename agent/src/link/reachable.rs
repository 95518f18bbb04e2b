//! Waiting until the relay's port answers, after a wake or when a link comes up: names and routes often work only
//! seconds later.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Client, LinkError, dial};

/// What an attempt costs, in bytes of IP packets, whether it fails or not: a SYN and three repetitions, or the whole
/// of a connection that is opened and closed.
pub const ATTEMPT_BYTES: u64 = 400;
/// An attempt has so long: three SYNs over a satellite.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// First and longest wait between attempts.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// Waits until a TCP connection to the relay (or its proxy) can be opened; one is, and is closed again. Gives the bytes that this
/// cost, estimated from [`ATTEMPT_BYTES`] for each attempt. Without end it waits as long as `bytes_max` allows
/// attempts: waits between them double from 0.5 s to 60 s.
///
/// # Errors
/// What stood in the way at the last attempt that `bytes_max` allowed, with the bytes that were spent.
pub async fn wait_until_reachable(
    client: &Client,
    bytes_max: u64,
) -> Result<u64, (u64, LinkError)> {
    let (mut wait, most) = WAITS;
    let mut spent = 0;
    loop {
        if bytes_max < spent + ATTEMPT_BYTES {
            return Err((spent, LinkError::BudgetSpent));
        }
        spent += ATTEMPT_BYTES;
        let failed = match attempt(client).await {
            Ok(()) => return Ok(spent),
            Err(err) => err,
        };
        if bytes_max < spent + ATTEMPT_BYTES {
            return Err((spent, failed));
        }
        sleep(wait).await;
        wait = most.min(wait * 2);
    }
}

async fn attempt(client: &Client) -> Result<(), LinkError> {
    let connected = async {
        let (host, port) = client.first_hop();
        let addresses = dial::resolve(&host, port).await?;
        dial::connect_any(&addresses, None).await.map(drop)
    };
    timeout(ATTEMPT_MAX, connected).await.unwrap_or(Err(LinkError::Stalled {
        during: "connecting",
        received: 0,
        waited: ATTEMPT_MAX,
    }))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::link::{RelayUrl, TlsSettings};

    async fn listening() -> (TcpListener, Client) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::new(RelayUrl::parse(&url, false).unwrap(), TlsSettings::default());
        (listener, client)
    }

    #[tokio::test]
    async fn one_connection_is_enough_where_somebody_listens() {
        let (_listener, client) = listening().await;
        assert_eq!(wait_until_reachable(&client, u64::MAX).await.unwrap(), ATTEMPT_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_when_the_bytes_do() {
        let (listener, client) = listening().await;
        drop(listener);
        let began = tokio::time::Instant::now();
        let (spent, err) = wait_until_reachable(&client, 3 * ATTEMPT_BYTES + 1).await.unwrap_err();
        assert_eq!(spent, 3 * ATTEMPT_BYTES);
        assert!(matches!(err, LinkError::Refused { .. }), "{err}");
        let waited = began.elapsed();
        assert!(
            Duration::from_millis(1_500) <= waited && waited < Duration::from_secs(2),
            "{waited:?}"
        );
        let (spent, err) = wait_until_reachable(&client, ATTEMPT_BYTES - 1).await.unwrap_err();
        assert!(spent == 0 && matches!(err, LinkError::BudgetSpent), "no byte is spent");
    }
}
