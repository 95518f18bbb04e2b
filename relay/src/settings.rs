//! From the operator's settings to what each part takes: the one place where the two meet.

use std::time::Duration;

use config::{RelaySettings, relay};

use crate::{
    log::LogFormat,
    ops::Metrics,
    serve::{
        BodyLimits, ConnectionLimits, ServeOptions,
        limits::Rate,
        tls::{PemFiles, TlsOptions},
    },
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How the main listener is served; everything is counted in `metrics`.
#[must_use]
pub fn serve_options(settings: &RelaySettings, metrics: Metrics) -> ServeOptions {
    let limits = &settings.limits;
    let defaults = ServeOptions::default();
    ServeOptions {
        connection_limits: ConnectionLimits {
            strangers_per_address_max: at_least_one(limits.connections_per_address_without_login),
            connections_per_device_max: at_least_one(limits.connections_per_device),
            proxies: settings.trusted_proxies.clone(),
            ..defaults.connection_limits
        },
        body_limits: BodyLimits {
            request_body_max: limits.request_body_max.bytes(),
            ..defaults.body_limits
        },
        metrics,
        ..defaults
    }
}

/// How TLS is spoken; none where it is off.
#[must_use]
pub fn tls_options(tls: &relay::Tls) -> Option<TlsOptions> {
    tls.is_on().then(|| TlsOptions {
        files: tls
            .has_certificate()
            .then(|| PemFiles { cert: tls.cert.clone(), key: tls.key.clone() }),
        tls12: tls.versions == relay::TlsVersions::From12,
        sessions: at_least_one(tls.sessions),
        early_data: tls.early_data,
    })
}

/// How log lines look.
#[must_use]
pub fn log_format(format: relay::LogFormat) -> LogFormat {
    match format {
        relay::LogFormat::Text => LogFormat::Text,
        relay::LogFormat::Json => LogFormat::Json,
    }
}

/// The rates that an operator sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Requests of one account.
    pub requests: Rate,
    /// Requests from one address.
    pub requests_per_address: Rate,
    /// Logins of one account from one address.
    pub logins: Rate,
    /// Logins and joins from one address.
    pub logins_per_address: Rate,
    /// Chat requests of one account.
    pub chat_requests: Rate,
    /// Items that one account submits.
    pub submits: Rate,
}

impl Rates {
    /// As set; each may be used up at once.
    #[must_use]
    pub fn of(limits: &relay::Limits) -> Self {
        Self {
            requests: Rate::new(limits.requests_per_minute, MINUTE),
            requests_per_address: Rate::new(limits.requests_per_minute_per_address, MINUTE),
            logins: Rate::new(limits.logins_per_minute, MINUTE),
            logins_per_address: Rate::new(limits.logins_per_minute_per_address, MINUTE),
            chat_requests: Rate::new(limits.chat_requests_per_day, DAY),
            submits: Rate::new(limits.submits_per_minute, MINUTE),
        }
    }
}

/// Saturating, for a platform with 16-bit sizes.
fn at_least_one(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_sets_reaches_the_listener() {
        let mut settings = RelaySettings::default();
        settings.limits.connections_per_device = 3;
        settings.limits.connections_per_address_without_login = 5;
        settings.limits.request_body_max = config::Size::from_kib(100);
        settings.trusted_proxies = "10.0.0.1".parse().unwrap();
        let options = serve_options(&settings, Metrics::new());
        assert_eq!(options.connection_limits.connections_per_device_max, 3);
        assert_eq!(options.connection_limits.strangers_per_address_max, 5);
        assert_eq!(options.connection_limits.proxies, settings.trusted_proxies);
        assert_eq!(options.body_limits.request_body_max, 100 * 1024);
    }

    #[test]
    fn tls_is_off_without_a_certificate() {
        let mut tls = relay::Tls::default();
        assert!(tls_options(&tls).is_none());
        tls.cert = "relay.crt".into();
        tls.versions = relay::TlsVersions::From12;
        let options = tls_options(&tls).unwrap();
        assert_eq!((options.tls12, options.sessions), (true, 4096));
        assert!(options.files.is_some() && options.early_data);
        tls = relay::Tls { own_key: relay::OwnKey::Alone, ..relay::Tls::default() };
        assert!(tls_options(&tls).unwrap().files.is_none());
    }
}
