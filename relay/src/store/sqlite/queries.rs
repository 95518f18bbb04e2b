//! Reads about accounts, devices and invites.

use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::super::{
    AccountAnswer, AccountQuery, AccountRow, AccountState, DeviceRow, InviteRow, Login, SecretHash,
};

/// Whose active device holds a token.
pub(super) fn authenticate(db: &Connection, token: SecretHash) -> Result<Option<Login>> {
    db.prepare_cached(
        "SELECT d.account, d.id FROM device d JOIN account a ON a.id = d.account
         WHERE d.token = ? AND d.revoked_at_s = 0 AND a.state = 0",
    )?
    .query_row([&token.0[..]], |row| Ok(Login { account: row.get(0)?, device: row.get(1)? }))
    .optional()
}

pub(super) fn look_up(db: &Connection, query: &AccountQuery) -> Result<AccountAnswer> {
    const ACCOUNT: &str = "SELECT a.id, a.name, a.password, a.state, a.created_at_s,
        (SELECT count(*) FROM device d WHERE d.account = a.id AND d.revoked_at_s = 0),
        coalesce((SELECT waiting_count FROM mailbox b WHERE b.account = a.id), 0)
        FROM account a";
    let accounts = |filter: &str, value: &dyn rusqlite::ToSql| -> Result<AccountAnswer> {
        let sql = format!("{ACCOUNT} WHERE {filter} ORDER BY a.name");
        let rows: Result<_> = db.prepare_cached(&sql)?.query_map([value], read_account)?.collect();
        Ok(AccountAnswer::Accounts(rows?))
    };
    match query {
        AccountQuery::ByName(name) => accounts("a.name = ?", name),
        AccountQuery::ById(id) => accounts("a.id = ?", id),
        AccountQuery::All => accounts("? = 1", &1),
        AccountQuery::Invites(now_s) => {
            let rows: Result<_> = db
                .prepare_cached(
                    "SELECT code, uses_left, expires_at_s FROM invite
                     WHERE uses_left > 0 AND expires_at_s > ? ORDER BY expires_at_s",
                )?
                .query_map([now_s], read_invite)?
                .collect();
            Ok(AccountAnswer::Invites(rows?))
        }
        AccountQuery::Waiting => {
            let bytes = db
                .prepare_cached("SELECT coalesce(sum(waiting_bytes), 0) FROM mailbox")?
                .query_row([], |row| row.get(0))?;
            Ok(AccountAnswer::Waiting(bytes))
        }
        AccountQuery::Devices(account) => {
            let rows: Result<_> = db
                .prepare_cached(
                    "SELECT id, label, created_at_s, seen_at_s FROM device
                     WHERE account = ? AND revoked_at_s = 0 ORDER BY id",
                )?
                .query_map([account], |row| {
                    Ok(DeviceRow {
                        id: row.get(0)?,
                        label: row.get(1)?,
                        created_at_s: row.get(2)?,
                        seen_at_s: row.get(3)?,
                    })
                })?
                .collect();
            Ok(AccountAnswer::Devices(rows?))
        }
    }
}

fn read_account(row: &Row<'_>) -> Result<AccountRow> {
    Ok(AccountRow {
        id: row.get(0)?,
        name: row.get(1)?,
        password: row.get(2)?,
        state: AccountState::from_number(row.get(3)?),
        created_at_s: row.get(4)?,
        devices: row.get(5)?,
        waiting: row.get(6)?,
    })
}

fn read_invite(row: &Row<'_>) -> Result<InviteRow> {
    let code = SecretHash(row.get(0)?);
    Ok(InviteRow { code, uses_left: row.get(1)?, expires_at_s: row.get(2)? })
}
