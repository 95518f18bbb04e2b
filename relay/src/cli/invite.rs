//! `invite` and `invite list`.

use anyhow::{Context, bail};
use config::{RelaySettings, Span, relay::OwnKey};
use wire::Fingerprint;

use super::{
    Missing, Open,
    account::shown,
    args::{InviteArgs, InviteCommand},
    terminal::Terminal,
};
use crate::{
    account::check,
    clock::now_s,
    ownkey::OwnKeys,
    store::{AccountAnswer, AccountOrder, AccountQuery, SecretHash, Store},
};

/// Between a code and a fingerprint; in neither.
const AND: char = '~';

/// What goes into the code beside it.
pub(super) fn fingerprint(
    args: &InviteArgs,
    settings: &RelaySettings,
) -> anyhow::Result<Option<Fingerprint>> {
    let is_needed = args.fingerprint || settings.tls.own_key == OwnKey::Alone;
    if args.command.is_some() || !is_needed {
        return Ok(None);
    }
    let keys =
        OwnKeys::load(&settings.data).context("the invite would name the relay's own key")?;
    Ok(Some(keys.current.fingerprint()))
}

pub(super) fn invite(
    args: InviteArgs,
    fingerprint: Option<Fingerprint>,
    open: impl FnOnce(Missing) -> anyhow::Result<Open>,
    json: bool,
    terminal: &mut dyn Terminal,
) -> anyhow::Result<()> {
    let InviteArgs { command, uses, expires, fingerprint: _ } = args;
    match command {
        Some(InviteCommand::List) => list(&open(Missing::Refuse)?, json, terminal),
        None => make(&open(Missing::Make)?, (uses, expires), fingerprint, json, terminal),
    }
}

/// Prints the code alone: it is what scripts take on, and it is shown only here.
fn make(
    open: &Open,
    (uses, expires): (u32, Span),
    fingerprint: Option<Fingerprint>,
    json: bool,
    terminal: &mut dyn Terminal,
) -> anyhow::Result<()> {
    let code = check::fresh_secret().context("the system has no randomness")?;
    let expires_at_s = now_s().saturating_add(expires.seconds());
    let order = AccountOrder::Invite { code: SecretHash::of(&code), uses, expires_at_s };
    open.order(order)?;
    let code = fingerprint.map_or(code.clone(), |fingerprint| format!("{code}{AND}{fingerprint}"));
    terminal.print(&if json {
        serde_json::json!({ "code": code, "uses": uses, "expires": shown(expires_at_s) })
            .to_string()
    } else {
        code
    })?;
    Ok(())
}

fn list(open: &Open, json: bool, terminal: &mut dyn Terminal) -> anyhow::Result<()> {
    let answer = open.wait(open.store.look_up(AccountQuery::Invites(now_s())));
    let AccountAnswer::Invites(rows) = answer.context("the store cannot be read")? else {
        bail!("the store answered something that it was not asked")
    };
    if !json && !rows.is_empty() {
        terminal.print("ID        USES LEFT  EXPIRES")?;
    }
    for row in rows {
        // The code itself is not stored; a few digits of its hash tell invites apart.
        let id: String = row.code.0[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let expires = shown(row.expires_at_s);
        terminal.print(&if json {
            serde_json::json!({ "id": id, "uses_left": row.uses_left, "expires": expires })
                .to_string()
        } else {
            let expires = expires.map(|at| at.to_string()).unwrap_or_default();
            format!("{id}  {:>9}  {expires}", row.uses_left)
        })?;
    }
    Ok(())
}
