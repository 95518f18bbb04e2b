//! Other settings for the agent that runs: what is under way goes on with the old ones.

use std::sync::Arc;

use config::{AgentSettings, agent::Rule};
use serde_json::{Value, json};
use tracing::{info, warn};

use super::{Resident, Urgent};
use crate::{control::Failure, link::Client, notify::Notifier};

impl Resident {
    /// Reads the settings again. Where they cannot stand, or the relay could not be called by them, all stays as it is
    /// and the error says why.
    pub(super) fn reload(&mut self) -> Result<Value, Failure> {
        self.service.reloading();
        let read = self.read_settings();
        let answer = match read {
            Ok((settings, client)) => {
                self.trouble.settings(None);
                self.use_settings(&Arc::new(settings), client);
                info!("the settings were read again");
                Ok(json!({ "reloaded": true }))
            }
            Err(failure) => {
                warn!("the settings were read again, and those from before hold: {failure}");
                self.trouble.settings(Some(&failure.words));
                Err(failure)
            }
        };
        self.service.ready();
        answer
    }

    fn read_settings(&self) -> Result<(AgentSettings, Client), Failure> {
        let settings: AgentSettings =
            self.sources.load().map_err(|err| Failure::chain("config", &err))?;
        let old = &*self.settings;
        let trusts_the_same = old.ca == settings.ca
            && old.proxy.extra_ca == settings.proxy.extra_ca
            && old.tls == settings.tls
            && old.allow_plain_http == settings.allow_plain_http;
        let client = if trusts_the_same {
            // Its TLS sessions go on.
            let client = self.visitor.client().clone().behind(&settings.proxy, &self.env);
            client.map_err(|err| Failure::chain("bad_proxy", &err))?
        } else {
            crate::cli::account::lasting_client(&self.visitor.account(), &settings, &self.env)?
        };
        Ok((settings, client))
    }

    fn use_settings(&mut self, settings: &Arc<AgentSettings>, client: Client) {
        let held = self.schedule.live_rule(&self.line());
        let held = held.and_then(|rule| self.settings.connect.get(rule).cloned());
        let old = std::mem::replace(&mut self.settings, settings.clone());
        self.visitor = Arc::new(self.visitor.with(settings.clone(), client));
        if let Some(hooks) = &self.hooks {
            hooks.change(settings.clone());
        }
        if old.log != settings.log {
            self.log.set(&settings.log);
        }
        self.follow.price_anew();
        self.change_rules(&old.connect);
        if old.notify != settings.notify || old.window.language != settings.window.language {
            self.notifier = Some(match self.notifier.take() {
                Some(notifier) => notifier.change(&self.store, settings.clone()),
                None => {
                    let home = self.visitor.paths().home();
                    Notifier::start(&self.store, settings.clone(), home)
                }
            });
        }
        let holds = self.schedule.live_rule(&self.line());
        let holds = holds.and_then(|rule| settings.connect.get(rule).cloned());
        let same_way = (&old.proxy, &old.link, &old.ca)
            == (&settings.proxy, &settings.link, &settings.ca)
            && old.tls == settings.tls;
        if held != holds || !same_way || old.account != settings.account {
            self.let_go_of_line();
        }
        self.trouble.keep_rules(&settings.connect);
    }

    fn change_rules(&mut self, old: &[Rule]) {
        let new = self.settings.clone();
        let (now, zone, waited) = (self.now(), self.clocks.zone(), self.schedule.wants_urgent());
        self.schedule.change(old, &new.connect, new.sync.budget, now, &zone);
        if waited != self.schedule.wants_urgent() {
            self.urgent = Urgent::of(&self.store, !waited);
        }
    }
}
