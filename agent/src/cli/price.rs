//! `sync --dry-run`: what a visit would cost.

use serde_json::Value;
use tokio::time::Instant;

use super::{
    Session,
    account::{client, load},
    agent::log_to_stderr,
    args::Sync,
    ask, block_on,
    out::{bytes, count, safe, span},
};
use crate::{
    control::{AskError, Failure, Order, exit},
    link::{Monitor, Sources},
    price,
    resident::{Carry, Wish},
    sync::OutcomeKind,
};

impl Session<'_> {
    /// Without `--ask` no byte moves. With it the relay says what it keeps; where it cannot be asked the price is told
    /// all the same, and the exit code is 75.
    pub(super) fn price(&mut self, sync: &Sync) -> Result<u8, Failure> {
        let (paths, settings) = (self.paths()?, self.settings()?);
        log_to_stderr(&settings);
        config::agent::check_budget("--budget", sync.budget).map_err(Failure::usage)?;
        let order = Order::Price { ask: sync.ask, only: sync.only, pick: sync.pick.clone() };
        let account = load(&paths)?;
        let is_here = client(&account, &settings, self.env)?.url().is_loopback();
        let quote = block_on(async {
            let began = Instant::now();
            loop {
                let store = match ask::who(&paths).await? {
                    ask::Who::Us(store) => store,
                    ask::Who::Agent(mut client) => match client.ask(&order).await {
                        Err(AskError::NotTaken) => {
                            ask::not_taken(began).await?;
                            continue;
                        }
                        answer => return Ok(answer?),
                    },
                };
                // The ledger calls it by its interface where no profile gives it a name.
                let link = Monitor::look(Sources::default()).await;
                let carry = Carry::of(store.reader(), sync.only, &sync.pick)?;
                if !sync.ask {
                    return value(&price::of_call(&store, &settings, carry, &link, is_here)?);
                }
                drop(store);
                let asked = Wish { carry: Carry::Manifest, ..Wish::default() };
                let outcome = match self.visit_once(asked).await {
                    Ok(Some(outcome)) => outcome,
                    Ok(None) => {
                        return Err(Failure::later("stopped", "stopped before the relay answered"));
                    }
                    Err(failure) if failure.code == "in_use" => continue,
                    Err(failure) => return Err(failure),
                };
                // Who reads its events lets go of the store a moment later.
                let ask::Who::Us(store) = ask::who(&paths).await? else { continue };
                let was_asked = matches!(outcome.outcome, OutcomeKind::Done | OutcomeKind::Partial);
                let quote = price::of_call(&store, &settings, carry, &link, is_here)?;
                let words = if was_asked { String::new() } else { outcome.words };
                return value(&price::Quote { asked: was_asked, words, ..quote });
            }
        })?;
        let mut quote = quote;
        if let Some(budget) = sync.budget.or(settings.sync.budget) {
            quote["budget"] = budget.bytes().into();
        }
        if self.out.json {
            self.out.object(&quote)?;
        } else {
            self.price_lines(&quote)?;
        }
        let was_not_asked = sync.ask && quote["asked"] != true;
        Ok(if was_not_asked { exit::LATER } else { exit::DONE })
    }

    fn price_lines(&mut self, quote: &Value) -> Result<(), Failure> {
        let number = |key: &str| quote[key].as_u64().unwrap_or_default();
        let text = |key: &str| safe(quote[key].as_str().unwrap_or_default(), false);
        let there = &quote["waiting_there"];
        let as_of =
            if quote["asked"] == true { "as the relay says now" } else { "as it said last" };
        let kinds = there["by_kind"].as_object().into_iter().flatten().map(|(kind, of)| {
            let weight = bytes(of["bytes"].as_u64().unwrap_or_default());
            format!("{} ({weight})", count(of["count"].as_u64().unwrap_or_default(), kind))
        });
        let kinds: Vec<_> = kinds.collect();
        let waits = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
        let known = if quote["overhead_known"] == true {
            format!("as lately over {}", text("link"))
        } else {
            format!("a guess: no visit over {} ended well yet", text("link"))
        };
        let asking =
            format!("{} in {}", bytes(number("body_up")), count(number("requests"), "request"));
        let here = match number("items") {
            // What only asks what waits there is nothing that waits here.
            0 => format!("nothing: {asking} to ask"),
            items => format!("{}, {asking}", count(items, "item")),
        };
        let mut rows = vec![
            ("to send", here),
            ("to fetch", format!("{waits}, {as_of}: at most {}", bytes(number("body_down")))),
            (
                "beside it",
                format!("{} for connecting and asking, {known}", bytes(number("overhead"))),
            ),
            (
                "together",
                format!(
                    "at most {} as budgets count, {} on the link",
                    bytes(number("bytes")),
                    bytes(number("ip_bytes"))
                ),
            ),
        ];
        if let Some(seconds) = quote["seconds"].as_u64() {
            let rate = config::Rate::from_bits_per_second(price::round_rate(number("rate")));
            rows.push(("takes", format!("about {} at {rate}", span(seconds))));
        }
        if let Some(cost) = quote["cost"].as_str() {
            rows.push(("costs", format!("at most {cost} {}", text("currency"))));
        }
        let fits = |bytes: u64, bound: u64| match bytes <= bound {
            true => "it fits",
            false => "the visit ends there, and what is left goes with the next",
        };
        if let Some(budget) = quote["budget"].as_u64() {
            rows.push(("budget", format!("{}: {}", bytes(budget), fits(number("bytes"), budget))));
        }
        if !text("refused").is_empty() {
            rows.push(("refused", text("refused")));
        } else if let Some(left) = quote["quota_left"].as_u64() {
            let fits = fits(number("ip_bytes"), left);
            rows.push(("quota", format!("{} are left this month: {fits}", bytes(left))));
        }
        if !text("words").is_empty() && text("words") != text("refused") {
            rows.push(("not asked", text("words")));
        }
        rows.iter().try_for_each(|(name, is)| self.out.line(&format!("{name:<12}{is}")))
    }
}

fn value(quote: &price::Quote) -> Result<Value, Failure> {
    serde_json::to_value(quote).map_err(|err| Failure::chain("internal", &err))
}
