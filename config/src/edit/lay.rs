//! What each change comes to in the text.

use toml_edit::DocumentMut;

use super::{
    Change, EditError,
    document::{Fields, section},
    list::{Place, list},
};
use crate::agent::{MinPriority, Notify, Rule, Settings, Source};

/// Lays the change into the text's document.
pub(super) fn lay(
    document: &mut DocumentMut,
    now: &Settings,
    change: &Change,
) -> Result<(), EditError> {
    match change {
        Change::AddRule(rule) => list(document, Place::RULES).add(&Fields::new(rule)),
        Change::SetRule(index, rule) => {
            let old = known(&now.connect, *index, "rule")?;
            list(document, Place::RULES).set(*index, &Fields::of_change(old, rule));
        }
        Change::RemoveRule(index) => {
            known(&now.connect, *index, "rule")?;
            list(document, Place::RULES).remove(*index);
        }
        Change::AddLink(link) => list(document, Place::LINKS).add(&Fields::new(link)),
        Change::SetLink(index, link) => {
            let old = known(&now.link, *index, "link")?;
            list(document, Place::LINKS).set(*index, &Fields::of_change(old, link));
            if old.name != link.name {
                rename_link(document, now, &old.name, &link.name);
            }
        }
        Change::RemoveLink(index) => {
            known(&now.link, *index, "link")?;
            list(document, Place::LINKS).remove(*index);
        }
        Change::Notify(notify) => {
            let notify = Notify { source: now.notify.source.clone(), ..notify.clone() };
            section(document, "notify", &Fields::of_change(&now.notify, &notify));
        }
        Change::Source { whom, min_priority } => {
            lay_source(document, &now.notify.source, whom, *min_priority);
        }
        Change::Proxy(proxy) => section(document, "proxy", &Fields::of_change(&now.proxy, proxy)),
        Change::Window(window) => {
            section(document, "window", &Fields::of_change(&now.window, window));
        }
        Change::Account(account) => {
            section(document, "account", &Fields::of_change(&now.account, account));
        }
        Change::Sync(sync) => section(document, "sync", &Fields::of_change(&now.sync, sync)),
    }
    Ok(())
}

fn known<'s, T>(all: &'s [T], index: usize, what: &'static str) -> Result<&'s T, EditError> {
    all.get(index).ok_or(EditError::Gone { what, index })
}

/// Rules that name a profile go on naming it.
fn rename_link(document: &mut DocumentMut, now: &Settings, from: &str, to: &str) {
    for (index, rule) in now.connect.iter().enumerate() {
        if rule.links.iter().any(|link| link == from) {
            let links = rule.links.iter().map(|link| if link == from { to } else { link });
            let renamed = Rule { links: links.map(str::to_owned).collect(), ..rule.clone() };
            list(document, Place::RULES).set(index, &Fields::of_change(rule, &renamed));
        }
    }
}

/// The first that fits holds, so a new one goes before all others.
fn lay_source(
    document: &mut DocumentMut,
    sources: &[Source],
    whom: &Source,
    min_priority: Option<MinPriority>,
) {
    let is_same =
        |other: &Source| (&other.person, &other.conversation) == (&whom.person, &whom.conversation);
    let found = sources.iter().position(is_same);
    match (found, min_priority) {
        // A rule for a person before it would hold for what that person writes here.
        (Some(index), Some(min_priority))
            if sources[..index].iter().any(|other| !other.person.is_empty())
                && whom.person.is_empty() =>
        {
            lay_source(document, sources, whom, None);
            lay_source(document, &[], whom, Some(min_priority));
        }
        (Some(index), Some(min_priority)) => {
            let changed = Source { min_priority, ..sources[index].clone() };
            let fields = Fields::of_change(&sources[index], &changed);
            list(document, Place::SOURCES).set(index, &fields);
        }
        (None, Some(min_priority)) => {
            let source = Source { min_priority, ..whom.clone() };
            list(document, Place::SOURCES).add_first(&Fields::new(&source));
        }
        (Some(_), None) => {
            let all = sources.iter().enumerate().rev().filter(|(_, source)| is_same(source));
            for (index, _) in all {
                list(document, Place::SOURCES).remove(index);
            }
        }
        (None, None) => {}
    }
}
