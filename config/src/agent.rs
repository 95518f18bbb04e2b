//! The settings of `mailboat`: the file `agent.toml`. Who the user is stands in `account.toml`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod connect;
mod cron;
mod forecast;
mod hooks;
mod link;
mod notify;
mod proxy;
mod tls;
mod window;

use crate::{
    check::{Invalid, log_filter, within},
    size::Size,
    span::Span,
};
pub use connect::{Direction, Priority, Rule, Trigger, When, WhenError};
pub use cron::{Cron, CronError};
pub use forecast::{Planned, forecast};
pub use hooks::Hooks;
pub use link::{Link, MEGABYTE};
pub use notify::{MinPriority, Notify, Preview, QuietHours, QuietHoursError, Source};
pub use proxy::{Login, LoginWay, Proxy, ProxyChoice, ProxyScheme, ProxyUrl, ProxyUrlError};
pub use tls::{KeyTrust, PostQuantum, Tls};
pub use window::{Chats, Theme, Window};

/// What a visit costs beside what it carries: handshake, headers, the request, `Held` and `Done`.
pub const VISIT_OVERHEAD: Size = Size::from_kib(4);

/// The least budget that carries one envelope of `envelope_max`, so that no mailbox is ever stuck.
pub const fn budget_least(envelope_max: Size) -> Size {
    Size::from_bytes(VISIT_OVERHEAD.bytes() + envelope_max.bytes())
}

/// The least budget that settings accept: for a relay that kept its default `envelope_max`.
pub const BUDGET_LEAST: Size = budget_least(Size::from_kib(8));

/// The least quota of a link for a month: one visit with [`BUDGET_LEAST`], its headers, and what is read ahead.
pub const QUOTA_LEAST: Size = Size::from_kib(24);

/// All settings of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What is logged: a level, or `target=level,…`.
    pub log: String,
    /// PEM file of what is trusted instead of the system's certificate authorities; empty for those.
    pub ca: PathBuf,
    /// Speaks plain HTTP to relays on other machines.
    pub allow_plain_http: bool,
    /// What others learn about the user.
    pub account: Account,
    /// How an exchange is made.
    pub sync: Sync,
    /// How the connection is encrypted, and what is believed of the other end.
    pub tls: Tls,
    /// Who stands between this network and the relay.
    pub proxy: Proxy,
    /// What is shown on the desktop.
    pub notify: Notify,
    /// How the window looks.
    pub window: Window,
    /// Programs that run when something happens.
    pub hooks: Hooks,
    /// When the agent calls by itself. Without a rule it calls only when asked.
    pub connect: Vec<Rule>,
    /// What is known of ways out. The first that matches holds.
    pub link: Vec<Link>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            log: "warn".to_owned(),
            ca: PathBuf::new(),
            allow_plain_http: false,
            account: Account::default(),
            sync: Sync::default(),
            tls: Tls::default(),
            proxy: Proxy::default(),
            notify: Notify::default(),
            window: Window::default(),
            hooks: Hooks::default(),
            connect: Vec::new(),
            link: Vec::new(),
        }
    }
}

impl crate::Settings for Settings {
    fn check(&self) -> Result<(), Invalid> {
        log_filter("log", &self.log)?;
        self.account.check()?;
        self.sync.check()?;
        self.proxy.check()?;
        link::check(&self.link)?;
        self.notify.check()?;
        self.window.check()?;
        self.hooks.check()?;
        let profiles: Vec<&str> = self.link.iter().map(|link| link.name.as_str()).collect();
        let mut rules = self.connect.iter().enumerate();
        rules.try_for_each(|(index, rule)| rule.check(index, &profiles))?;
        check_labels(&self.connect)
    }
}

/// Refuses two rules that are called the same: lists, the log and what is told of a rule could mean either.
fn check_labels(rules: &[Rule]) -> Result<(), Invalid> {
    let labels: Vec<String> =
        rules.iter().enumerate().map(|(index, rule)| rule.label(index)).collect();
    let twin = (0..labels.len()).find_map(|index| {
        Some((labels[..index].iter().position(|one| *one == labels[index])?, index))
    });
    let Some((first, second)) = twin else { return Ok(()) };
    // The one that was given its name is the one to change.
    let index = if rules[second].name.is_empty() { first } else { second };
    let problem = format!("\"{}\" is what another rule is called already", labels[second]);
    Err(Invalid::new(format!("connect.{index}.name"), problem))
}

/// What others learn about the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// Lets contacts see when the user is reachable.
    pub share_presence: bool,
    /// Lets those who may see that also see when the next call is due.
    pub share_next_call: bool,
    /// Lets contacts see what the user has read.
    pub share_read: bool,
    /// The next call is told in steps of this.
    pub next_call_rounding: Span,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            share_presence: true,
            share_next_call: true,
            share_read: true,
            next_call_rounding: Span::from_minutes(15),
        }
    }
}

impl Account {
    fn check(&self) -> Result<(), Invalid> {
        let (least, most) = (Span::from_minutes(1), Span::from_days(1));
        within("account.next_call_rounding", &self.next_call_rounding, &(least..=most))
    }
}

/// How an exchange is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sync {
    /// Bytes that one visit may cost at the socket, both directions; none for no limit.
    #[serde(with = "crate::optional")]
    pub budget: Option<Size>,
    /// Requests in one visit.
    pub requests_max: u32,
    /// Bytes of one packet on the wire: what a cut costs at most.
    pub packet_max: Size,
    /// Further attempts of a visit that was cut, within its budget.
    pub visit_retries: u32,
    /// A message that was not delivered expires after this; the relay may shorten it.
    pub message_lifetime: Span,
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            budget: None,
            requests_max: 64,
            packet_max: Size::from_kib(2),
            visit_retries: 3,
            message_lifetime: Span::from_days(30),
        }
    }
}

impl Sync {
    fn check(&self) -> Result<(), Invalid> {
        check_budget("sync.budget", self.budget)?;
        within("sync.requests_max", &self.requests_max, &(1..=10_000))?;
        within("sync.packet_max", &self.packet_max, &(Size::from_bytes(256)..=Size::from_kib(2)))?;
        within("sync.visit_retries", &self.visit_retries, &(0..=100))?;
        let (least, most) = (Span::from_seconds(1), Span::from_days(3650));
        within("sync.message_lifetime", &self.message_lifetime, &(least..=most))
    }
}

/// Refuses a budget that could not carry one envelope. For `--budget` too.
///
/// # Errors
/// When the budget is below [`BUDGET_LEAST`]; `path` is what the error names.
pub fn check_budget(path: &str, budget: Option<Size>) -> Result<(), Invalid> {
    match budget {
        Some(budget) if budget < BUDGET_LEAST => Err(Invalid::new(
            path,
            format!(
                "{budget} cannot carry one message and its envelope; expected at least {BUDGET_LEAST}"
            ),
        )),
        _ => Ok(()),
    }
}
