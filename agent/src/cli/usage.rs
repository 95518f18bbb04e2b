//! `usage`: what visits cost, and the quotas of links.

use config::agent::Link;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{
    Session,
    args::Usage,
    out::{bytes, safe, span},
};
use crate::{
    control::{Failure, Order},
    quota::Quota,
    store::{Reader, VisitRow},
    usage::{By, Sum, sums, sums_csv, total, visits_csv},
};

/// Days of `usage`, and of `usage --month`.
const DAYS: [i64; 2] = [7, 31];
const DAY_S: i64 = 86_400;

impl Session<'_> {
    pub(super) fn usage(&mut self, asked: &Usage) -> Result<(), Failure> {
        if let Some(link) = &asked.lift_quota {
            return self.lift_quota(link, asked.until.as_deref());
        }
        let reader = self.reader()?;
        let visits = reader.visits(self.since(asked)?)?;
        // Who asks for days sees days, and a script each visit.
        let for_scripts = self.out.json || asked.csv;
        let by = asked.by.unwrap_or(if for_scripts { By::Visit } else { By::Day });
        let zone = self.out.zone.clone();
        if asked.csv {
            let text = match by {
                By::Visit => visits_csv(&visits),
                by => sums_csv(&sums(&visits, by, &zone), by),
            };
            return self.out.raw(&text);
        }
        let quotas = self.quotas(&reader)?;
        if self.out.json {
            return self.usage_objects(&visits, by, &quotas);
        }
        match by {
            By::Visit => self.visit_table(&visits)?,
            By::Kind => self.kind_table(&sums(&visits, by, &zone))?,
            by => {
                let mut rows = sums(&visits, by, &zone);
                rows.push(total(&visits));
                self.sum_table(&rows, by)?;
            }
        }
        if visits.iter().any(|visit| !visit.ip_measured && 0 < visit.bytes_up) {
            self.out.note(
                "bytes on the link are in part an estimate: the system does not tell of segments",
            )?;
        }
        self.quota_lines(&quotas)
    }

    /// From when on, in seconds since 1970.
    fn since(&self, asked: &Usage) -> Result<i64, Failure> {
        let Some(since) = &asked.since else {
            return Ok(self.out.now.as_second() - DAYS[usize::from(asked.month)] * DAY_S);
        };
        let wrong =
            || Failure::usage(format!("--since: \"{since}\" is no day; write it as 2026-11-01"));
        let day: Date = since.parse().map_err(|_| wrong())?;
        let begins = day.to_zoned(self.out.zone.clone()).map_err(|_| wrong())?;
        Ok(begins.timestamp().as_second())
    }

    fn usage_objects(
        &mut self,
        visits: &[VisitRow],
        by: By,
        quotas: &[Quota],
    ) -> Result<(), Failure> {
        if by == By::Visit {
            return visits.iter().try_for_each(|visit| self.out.object(visit));
        }
        let zone = self.out.zone.clone();
        for sum in sums(visits, by, &zone) {
            if by == By::Kind {
                // Of a kind nothing else is known.
                let Sum { key, bytes_up, bytes_down, .. } = sum;
                let object = json!({ "kind": key, "bytes_up": bytes_up, "bytes_down": bytes_down });
                self.out.object(&object)?;
                continue;
            }
            let mut object =
                serde_json::to_value(&sum).map_err(|err| Failure::chain("internal", &err))?;
            object[by.name()] = Value::from(&sum.key[..]);
            if let Some(quota) = quotas.iter().find(|quota| by == By::Link && quota.link == sum.key)
            {
                object["quota"] = json!(quota.row());
            }
            self.out.object(&object)?;
        }
        Ok(())
    }

    fn visit_table(&mut self, visits: &[VisitRow]) -> Result<(), Failure> {
        let cells: Vec<_> = visits
            .iter()
            .map(|visit| {
                let how = match &visit.outcome[..] {
                    "" => "not ended".to_owned(),
                    outcome => outcome.replace('_', " "),
                };
                let money = visit.cost.map(|cost| format!("{cost} {}", visit.currency));
                [
                    self.out.when(visit.start),
                    span(visit.seconds()),
                    safe(&visit.link, false),
                    safe(&visit.rule, false),
                    how,
                    bytes(visit.bytes_up),
                    bytes(visit.bytes_down),
                    bytes(visit.ip_bytes_up + visit.ip_bytes_down),
                    money.unwrap_or_default(),
                ]
            })
            .collect();
        let heads =
            ["began", "online", "link", "rule", "outcome", "up", "down", "on the link", "cost"];
        self.out.table(heads, &cells)
    }

    fn sum_table(&mut self, rows: &[Sum], by: By) -> Result<(), Failure> {
        let cells: Vec<_> = rows
            .iter()
            .map(|sum| {
                [
                    safe(&sum.key, false),
                    sum.visits.to_string(),
                    sum.not_done.to_string(),
                    bytes(sum.bytes_up),
                    bytes(sum.bytes_down),
                    bytes(sum.ip_bytes_up + sum.ip_bytes_down),
                    span(sum.seconds),
                    format!("{} up, {} down", sum.sent, sum.received),
                    sum.money(),
                ]
            })
            .collect();
        let heads = [
            by.name(),
            "visits",
            "not done",
            "up",
            "down",
            "on the link",
            "online",
            "messages",
            "cost",
        ];
        self.out.table(heads, &cells)
    }

    fn kind_table(&mut self, rows: &[Sum]) -> Result<(), Failure> {
        let cells: Vec<_> = rows
            .iter()
            .map(|sum| [sum.key.clone(), bytes(sum.bytes_up), bytes(sum.bytes_down)])
            .collect();
        self.out.table(["kind", "up", "down"], &cells)
    }

    /// The quotas of all links that have one. Settings that cannot be read are another command's matter.
    pub(super) fn quotas(&self, reader: &Reader) -> Result<Vec<Quota>, Failure> {
        let links = self.settings().map(|settings| settings.link).unwrap_or_default();
        Ok(Quota::all(&links, reader, self.out.now.as_second(), &self.out.zone)?)
    }

    pub(super) fn quota_lines(&mut self, quotas: &[Quota]) -> Result<(), Failure> {
        for quota in quotas {
            let words = quota.words(self.out.now.as_second(), &self.out.zone);
            let stopped = if quota.is_stopped() { "; calls over it are refused" } else { "" };
            let line = format!("quota of {}: {words}{stopped}", safe(&quota.link, false));
            self.out.line(&line)?;
        }
        Ok(())
    }

    fn lift_quota(&mut self, link: &str, until: Option<&str>) -> Result<(), Failure> {
        let until = match until.unwrap_or("reset") {
            "reset" => None,
            size => Some(size.parse::<config::Size>().map_err(|err| {
                Failure::usage(format!("--until: {err}, or \"reset\" for the rest of the month"))
            })?),
        };
        known(&self.settings()?.link, link)?;
        let order =
            Order::LiftQuota { link: link.to_owned(), bytes: until.map(config::Size::bytes) };
        let answer = self.order(order)?;
        if self.out.json {
            return self.out.object(&answer);
        }
        let quotas = self.quotas(&self.reader()?)?;
        let own: Vec<_> = quotas.into_iter().filter(|quota| quota.link == link).collect();
        self.quota_lines(&own)
    }
}

/// The profile with a quota that is meant.
fn known<'l>(links: &'l [Link], name: &str) -> Result<&'l Link, Failure> {
    let with_quota = || links.iter().filter(|link| link.quota.is_some());
    with_quota().find(|link| link.name == name).ok_or_else(|| {
        let names: Vec<_> = with_quota().map(|link| &link.name[..]).collect();
        let known = match &names[..] {
            [] => "no [[link]] in the settings has one".to_owned(),
            names => format!("these have one: {}", names.join(", ")),
        };
        Failure::usage(format!("no link called \"{name}\" has a quota; {known}"))
    })
}
