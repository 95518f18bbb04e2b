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
        dial::connect_any(&addresses).await.map(drop)
    };
    timeout(ATTEMPT_MAX, connected).await.unwrap_or(Err(LinkError::Stalled {
        during: "connecting",
        received: 0,
        waited: ATTEMPT_MAX,
    }))
}
