//! The `[[link]]` profiles: what the user knows of a way out that the system does not.

use serde::{Deserialize, Serialize};

use super::{ProxyChoice, QUOTA_LEAST};
use crate::{
    check::{Invalid, within},
    price::Price,
    rate::Rate,
    size::Size,
};

/// Bytes for which `tariff_per_mb` is paid.
pub const MEGABYTE: u64 = 1_000_000;
/// Longest name of a profile, in bytes.
const NAME_MAX: usize = 64;

/// One profile. All matchers that are given must match; a profile without any is the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// What rules, `status` and `usage` call it; unique, and none of [`Link::CLASSES`].
    pub name: String,
    /// NetworkManager's name of the connection; may end in `*`. Empty: any.
    pub connection: String,
    /// Name of the wireless network; may end in `*`. Empty: any.
    pub ssid: String,
    /// Name of the network interface; may end in `*`. Empty: any.
    pub interface: String,
    /// Whether bytes cost; `None`: what the system says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metered: Option<bool>,
    /// How fast it is; `None`: as measured.
    #[serde(with = "crate::optional")]
    pub rate: Option<Rate>,
    /// Price of 1,000,000 bytes, both directions together.
    #[serde(with = "crate::optional")]
    pub tariff_per_mb: Option<Price>,
    /// Price of a minute of connection.
    #[serde(with = "crate::optional")]
    pub tariff_per_minute: Option<Price>,
    /// Three letters, such as EUR; empty where there is no tariff.
    pub currency: String,
    /// Bytes a month; `None` for no limit.
    #[serde(with = "crate::optional")]
    pub quota: Option<Size>,
    /// The day of the month on which the quota begins anew; in a shorter month its last day.
    pub quota_reset_day: u8,
    /// Address of the proxy on this link; `None`: the one in `[proxy]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyChoice>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            name: String::new(),
            connection: String::new(),
            ssid: String::new(),
            interface: String::new(),
            metered: None,
            rate: None,
            tariff_per_mb: None,
            tariff_per_minute: None,
            currency: String::new(),
            quota: None,
            quota_reset_day: 1,
            proxy: None,
        }
    }
}

impl Link {
    /// What a rule's `links` may name beside profiles.
    pub const CLASSES: [&str; 3] = ["any", "metered", "unmetered"];

    /// Whether it has no matcher: it holds where no other profile does.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.matchers().iter().all(|(_, pattern)| pattern.is_empty())
    }

    /// Whether every matcher that it has matches, and it has one. What is not known matches no matcher.
    #[must_use]
    pub fn matches(
        &self,
        connection: Option<&str>,
        ssid: Option<&str>,
        interface: Option<&str>,
    ) -> bool {
        let known = [connection, ssid, interface];
        let mut each = self.matchers().into_iter().zip(known);
        !self.is_default()
            && each.all(|((_, pattern), name)| {
                pattern.is_empty() || name.is_some_and(|name| fits(pattern, name))
            })
    }

    /// What so many bytes, or so many seconds of connection, cost here; `None` without a tariff.
    #[must_use]
    pub fn cost(&self, bytes: u64, seconds: u64) -> Option<Price> {
        let moved = self.tariff_per_mb.map(|price| price.times(bytes, MEGABYTE));
        let lasted = self.tariff_per_minute.map(|price| price.times(seconds, 60));
        moved.into_iter().chain(lasted).reduce(Price::plus)
    }

    fn matchers(&self) -> [(&'static str, &str); 3] {
        [("connection", &self.connection), ("ssid", &self.ssid), ("interface", &self.interface)]
    }

    fn check(&self, index: usize) -> Result<(), Invalid> {
        let path = |key: &str| format!("link.{index}.{key}");
        self.check_name(index)?;
        for (key, pattern) in self.matchers() {
            let before_end = pattern.strip_suffix('*').unwrap_or(pattern);
            if before_end.contains('*') {
                let problem = format!("\"{pattern}\" has a * that is not at its end");
                return Err(Invalid::new(path(key), problem));
            }
        }
        self.check_money(index)?;
        if let Some(quota) = self.quota.filter(|quota| *quota < QUOTA_LEAST) {
            let problem = format!(
                "{quota} would allow no call at all; expected at least {QUOTA_LEAST}, or leave it out for no limit"
            );
            return Err(Invalid::new(path("quota"), problem));
        }
        within(&path("quota_reset_day"), &self.quota_reset_day, &(1..=31))
    }

    fn check_name(&self, index: usize) -> Result<(), Invalid> {
        let name = &self.name;
        if name.is_empty() {
            let problem = "has no name; write name = \"home\", which is how rules call it";
            return Err(Invalid::new(format!("link.{index}"), problem));
        }
        let problem = if Self::CLASSES.contains(&name.as_str()) {
            format!("\"{name}\" names a class of links; choose another")
        } else if NAME_MAX < name.len() {
            format!("is longer than {NAME_MAX} bytes")
        } else if name.trim() != name || name.chars().any(char::is_control) {
            "has spaces around it or control characters in it".to_owned()
        } else {
            return Ok(());
        };
        Err(Invalid::new(format!("link.{index}.name"), problem))
    }

    fn check_money(&self, index: usize) -> Result<(), Invalid> {
        let has_tariff = self.tariff_per_mb.or(self.tariff_per_minute).is_some();
        let letters =
            self.currency.len() == 3 && self.currency.bytes().all(|b| b.is_ascii_uppercase());
        let problem = match (has_tariff, self.currency.is_empty()) {
            (true, true) => "is missing beside a tariff; write currency = \"EUR\"".to_owned(),
            (_, false) if !letters => {
                format!("\"{}\" is no currency; expected three letters such as EUR", self.currency)
            }
            _ => return Ok(()),
        };
        Err(Invalid::new(format!("link.{index}.currency"), problem))
    }
}

/// Checks every profile, and that they do not stand in each other's way.
pub(super) fn check(links: &[Link]) -> Result<(), Invalid> {
    for (index, link) in links.iter().enumerate() {
        link.check(index)?;
        let before = &links[..index];
        if before.iter().any(|other| other.name == link.name) {
            let problem = format!("\"{}\" is the name of another profile already", link.name);
            return Err(Invalid::new(format!("link.{index}.name"), problem));
        }
        if let Some(other) = before.iter().find(|other| link.is_default() && other.is_default()) {
            let problem = format!(
                "matches every link, as \"{}\" does already; give one of them connection, ssid or interface",
                other.name
            );
            return Err(Invalid::new(format!("link.{index}"), problem));
        }
    }
    Ok(())
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(connection: &str, ssid: &str, interface: &str) -> Link {
        Link {
            name: "x".to_owned(),
            connection: connection.to_owned(),
            ssid: ssid.to_owned(),
            interface: interface.to_owned(),
            ..Link::default()
        }
    }

    #[test]
    fn all_matchers_that_are_given_must_match() {
        let known = (Some("Home"), Some("fritz"), Some("wlan0"));
        for (profile, expected) in [
            (link("Home", "", ""), true),
            (link("home", "", ""), false),
            (link("Ho*", "", "wlan*"), true),
            (link("", "*", ""), true),
            (link("Home", "other", ""), false),
            (link("", "", ""), false),
        ] {
            assert_eq!(profile.matches(known.0, known.1, known.2), expected, "{profile:?}");
        }
        assert!(
            !link("", "*", "").matches(Some("Cable"), None, Some("eth0")),
            "no wireless network"
        );
        assert!(link("", "", "").is_default() && !link("", "*", "").is_default());
    }

    #[test]
    fn a_cost_is_of_bytes_and_minutes_together() {
        let price = |written: &str| Some(written.parse::<Price>().unwrap());
        let both =
            Link { tariff_per_mb: price("2"), tariff_per_minute: price("0.06"), ..Link::default() };
        assert_eq!(both.cost(500_000, 90), price("1.09"));
        assert_eq!(Link { tariff_per_mb: None, ..both }.cost(500_000, 60), price("0.06"));
        assert_eq!(Link::default().cost(1, 1), None);
    }
}
