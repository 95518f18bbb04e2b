//! `device list NAME` and `device revoke NAME ID`.

use anyhow::{Context, bail};

use super::{Missing, Open, account::shown, args::DeviceCommand, terminal::Terminal};
use crate::{
    clock::now_s,
    store::{AccountAnswer, AccountOrder, AccountQuery, DeviceRow, Store},
};

pub(super) fn device(
    command: DeviceCommand,
    open: impl FnOnce(Missing) -> anyhow::Result<Open>,
    json: bool,
    terminal: &mut dyn Terminal,
) -> anyhow::Result<()> {
    let open = open(Missing::Refuse)?;
    match command {
        DeviceCommand::List(named) => list(&open, &named.name, json, terminal),
        DeviceCommand::Revoke { named, id } => {
            let account = open.account(&named.name)?.id;
            open.order(AccountOrder::Revoke { account, device: id, now_s: now_s() })?;
            terminal.print(&if json {
                serde_json::json!({ "name": named.name, "device": id, "done": "revoked" })
                    .to_string()
            } else {
                format!("device {id} of {} revoked", named.name)
            })?;
            Ok(())
        }
    }
}

fn list(open: &Open, name: &str, json: bool, terminal: &mut dyn Terminal) -> anyhow::Result<()> {
    let rows = devices(open, name)?;
    if !json && !rows.is_empty() {
        terminal.print("ID          LAST SEEN             LABEL")?;
    }
    for row in rows {
        let seen = shown(row.seen_at_s);
        terminal.print(&if json {
            serde_json::json!({
                "id": row.id, "label": row.label, "created": shown(row.created_at_s),
                "last_seen": seen,
            })
            .to_string()
        } else {
            let seen = seen.map_or_else(|| "never".to_owned(), |at| at.to_string());
            format!("{:<10}  {seen:20}  {}", row.id, row.label)
        })?;
    }
    Ok(())
}

fn devices(open: &Open, name: &str) -> anyhow::Result<Vec<DeviceRow>> {
    let query = AccountQuery::Devices(open.account(name)?.id);
    match open.wait(open.store.look_up(query)).context("the store cannot be read")? {
        AccountAnswer::Devices(rows) => Ok(rows),
        _ => bail!("the store answered something that it was not asked"),
    }
}
