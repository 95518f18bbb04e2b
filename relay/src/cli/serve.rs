//! `serve`: the relay in the foreground, until a signal ends it.

use std::error::Error;

use anyhow::Context;
use config::{RelaySettings, relay::LogFormat};
use tracing::{error, info};

use super::terminal::Terminal;
use crate::{
    descriptors, log,
    ops::service,
    serve::ConnectionLimits,
    settings,
    signals::Signals,
    start::{Certificates, Relay, RelayHandle},
};

/// The scheduler tells of every job that it takes on; an operator's own filter comes later and wins.
const QUIET: &str = "tokio_cron_scheduler=warn";

pub(super) fn serve(settings: RelaySettings, terminal: &mut dyn Terminal) -> anyhow::Result<()> {
    let filter = format!("{QUIET},{}", settings.log);
    log::init(&filter, settings::log_format(settings.log_format))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(served(settings, terminal))
}

async fn served(settings: RelaySettings, terminal: &mut dyn Terminal) -> anyhow::Result<()> {
    let signals = Signals::new().context("the system refuses signal handlers")?;
    let format = settings.log_format;
    descriptors::raise(ConnectionLimits::default().connections_max);
    let relay = Relay::start(settings).await?;
    terminal.print(&announcement(&relay, format)).context("cannot write to standard output")?;
    service::ready(&format!("listening on {}", relay.addr));
    let watchdog =
        tokio::spawn(service::keep_watchdog(relay.readiness.clone(), relay.shutdown.clone()));
    let certificates = relay.certificates().clone();
    let steering =
        tokio::spawn(signals.steer(relay.shutdown.clone(), move || reload(&certificates)));
    relay.shutdown.cancelled().await;
    info!("ending");
    service::stopping("waiting for running requests");
    relay.ended().await;
    steering.abort();
    watchdog.abort();
    info!("ended");
    Ok(())
}

/// The one line on standard output: scripts wait for it and read the port.
fn announcement(relay: &RelayHandle, format: LogFormat) -> String {
    match format {
        LogFormat::Text => format!("listening on {}", relay.addr),
        LogFormat::Json => serde_json::json!({
            "event": "listening",
            "address": relay.addr,
            "operations": relay.ops_addr,
            "tls": relay.certificates().is_on(),
            "keys": relay.certificates().fingerprints(),
        })
        .to_string(),
    }
}

fn reload(certificates: &Certificates) {
    match certificates.reload() {
        Ok(false) => info!("nothing to read again: there is no TLS"),
        Ok(true) => info!(keys = ?certificates.fingerprints(), "certificate and keys read again"),
        Err(err) => error!(
            error = &err as &dyn Error,
            "certificate or keys could not be read again; what is in use stays"
        ),
    }
}
