//! `account add|list|disable|enable|remove|password`.

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::{
    Missing, Open, Usage,
    args::{AccountCommand, PasswordArgs},
    terminal::Terminal,
};
use crate::{
    account::{Passwords, check},
    clock::now_s,
    store::{
        AccountAnswer, AccountOrder, AccountOutcome, AccountQuery, AccountRow, AccountState, Store,
    },
};

pub(super) fn account(
    command: AccountCommand,
    open: impl FnOnce(Missing) -> anyhow::Result<Open>,
    json: bool,
    terminal: &mut dyn Terminal,
) -> anyhow::Result<()> {
    let outcome = match command {
        AccountCommand::List => return list(&open(Missing::Refuse)?, json, terminal),
        AccountCommand::Add { named, password } => {
            check::name(&named.name)?;
            let password = ask_password(&password, terminal)?;
            let id = add(&open(Missing::Make)?, &named.name, password)?;
            (named.name, Some(id), "added")
        }
        AccountCommand::Password { named, password } => {
            let open = open(Missing::Refuse)?;
            let row = open.account(&named.name)?;
            let password = ask_password(&password, terminal)?;
            let password = open.wait(Passwords::default().hash(password))?;
            open.order(AccountOrder::Password { account: row.id, password })?;
            (named.name, Some(row.id), "given another password")
        }
        AccountCommand::Disable(named) => {
            let id = open(Missing::Refuse)?.make(&named.name, AccountState::Disabled)?;
            (named.name, Some(id), "disabled")
        }
        AccountCommand::Enable(named) => {
            let id = open(Missing::Refuse)?.make(&named.name, AccountState::Active)?;
            (named.name, Some(id), "enabled")
        }
        AccountCommand::Remove(named) => {
            let id = open(Missing::Refuse)?.make(&named.name, AccountState::Removed)?;
            (named.name, Some(id), "removed")
        }
    };
    let (name, id, done) = outcome;
    terminal.print(&if json {
        serde_json::json!({ "name": name, "id": id, "done": done }).to_string()
    } else {
        format!("{name} {done}")
    })?;
    Ok(())
}

fn add(open: &Open, name: &str, password: String) -> anyhow::Result<u64> {
    let password = open.wait(Passwords::default().hash(password))?;
    let order = AccountOrder::Add { name: name.to_owned(), password, now_s: now_s() };
    match open.order(order)? {
        AccountOutcome::Added(id) => Ok(id),
        _ => bail!("the store answered something that it was not asked"),
    }
}

fn list(open: &Open, json: bool, terminal: &mut dyn Terminal) -> anyhow::Result<()> {
    let rows = open.accounts(AccountQuery::All)?;
    let rows: Vec<&AccountRow> =
        rows.iter().filter(|row| json || row.state != AccountState::Removed).collect();
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(4);
    if !json && !rows.is_empty() {
        terminal.print(&format!("{:width$}  STATE     DEVICES  WAITING  CREATED", "NAME"))?;
    }
    for row in rows {
        let (state, created) = (word(row.state), shown(row.created_at_s));
        terminal.print(&if json {
            serde_json::json!({
                "name": row.name, "id": row.id, "state": state, "devices": row.devices,
                "waiting": row.waiting, "created": created,
            })
            .to_string()
        } else {
            let created = created.map(|at| at.to_string()).unwrap_or_default();
            format!(
                "{:width$}  {state:8}  {:>7}  {:>7}  {created}",
                row.name, row.devices, row.waiting
            )
        })?;
    }
    Ok(())
}

/// The password from standard input, or from a person who types it twice.
fn ask_password(args: &PasswordArgs, terminal: &mut dyn Terminal) -> anyhow::Result<String> {
    let password = if args.password_stdin {
        let text = terminal.input().context("cannot read the password")?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        text.strip_suffix('\r').unwrap_or(text).to_owned()
    } else {
        let nobody = Usage("nobody to ask for a password: use --password-stdin");
        let once = terminal.ask_secret("Password: ")?.ok_or(nobody)?;
        if terminal.ask_secret("Again: ")?.as_ref() != Some(&once) {
            bail!("the two passwords differ");
        }
        once
    };
    check::password(&password)?;
    Ok(password)
}

fn word(state: AccountState) -> &'static str {
    match state {
        AccountState::Active => "active",
        AccountState::Disabled => "disabled",
        AccountState::Removed => "removed",
    }
}

/// Unix seconds as a time; 0 is never.
pub(super) fn shown(at_s: u64) -> Option<Timestamp> {
    let at_s = i64::try_from(at_s).ok().filter(|at_s| *at_s > 0)?;
    Timestamp::from_second(at_s).ok()
}

impl Open {
    /// The account of this name, removed ones left out.
    pub(super) fn account(&self, name: &str) -> anyhow::Result<AccountRow> {
        let rows = self.accounts(AccountQuery::ByName(name.to_owned()))?;
        let row = rows.into_iter().find(|row| row.state != AccountState::Removed);
        row.with_context(|| format!("there is no account {name}"))
    }

    /// Carries out an order; a refusal is an error.
    pub(super) fn order(&self, order: AccountOrder) -> anyhow::Result<AccountOutcome> {
        let done = self.wait(self.store.administer(order));
        match done.context("the store could not do it")? {
            AccountOutcome::Refused(refusal) => Err(refusal.into()),
            outcome => Ok(outcome),
        }
    }

    fn accounts(&self, query: AccountQuery) -> anyhow::Result<Vec<AccountRow>> {
        match self.wait(self.store.look_up(query)).context("the store cannot be read")? {
            AccountAnswer::Accounts(rows) => Ok(rows),
            _ => bail!("the store answered something that it was not asked"),
        }
    }

    fn make(&self, name: &str, state: AccountState) -> anyhow::Result<u64> {
        let account = self.account(name)?.id;
        self.order(AccountOrder::State { account, state, now_s: now_s() })?;
        Ok(account)
    }
}
