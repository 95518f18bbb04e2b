//! Accounts, devices, invites: who may use the relay.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use wire::{AccountId, ConversationId, Cursors, DeviceId, Lane, MemberState};

use super::{
    super::{
        AccountAnswer, AccountOrder, AccountOutcome, AccountQuery, AccountRefusal, AccountRow,
        AccountState, DeviceGrant, DeviceRow, InviteRow, Login, NewDevice, SecretHash,
    },
    cache::Allot,
    tx::Tx,
};

type Granted = std::result::Result<AccountOutcome, AccountRefusal>;

impl AccountState {
    fn number(self) -> u8 {
        match self {
            Self::Active => 0,
            Self::Disabled => 1,
            Self::Removed => 2,
        }
    }

    fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Active,
            1 => Self::Disabled,
            _ => Self::Removed,
        }
    }
}

/// Whose active device holds a token.
pub(super) fn authenticate(db: &Connection, token: SecretHash) -> Result<Option<Login>> {
    db.prepare_cached(
        "SELECT d.account, d.id FROM device d JOIN account a ON a.id = d.account
         WHERE d.token = ? AND d.revoked_at_s = 0 AND a.state = 0",
    )?
    .query_row([&token.0[..]], |row| Ok(Login { account: row.get(0)?, device: row.get(1)? }))
    .optional()
}

fn read_invite(row: &Row<'_>) -> Result<InviteRow> {
    let code = SecretHash(row.get(0)?);
    Ok(InviteRow { code, uses_left: row.get(1)?, expires_at_s: row.get(2)? })
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

impl Tx<'_> {
    /// Carries an order out, or says why not; then nothing is changed.
    pub(super) fn administer(&mut self, order: &AccountOrder) -> Result<AccountOutcome> {
        let outcome = match order {
            AccountOrder::Add { name, password, now_s } => {
                self.now_s = *now_s;
                self.add_account(name, password)?.map(AccountOutcome::Added)
            }
            AccountOrder::Join { invite, name, password, device } => {
                self.now_s = device.now_s;
                self.join_relay(*invite, name, password, device)?
            }
            AccountOrder::Login { account, device, since_s } => {
                self.now_s = device.now_s;
                self.log_in(*account, device, *since_s)?
            }
            AccountOrder::Fork { from, device, cursors } => {
                self.now_s = device.now_s;
                self.fork(*from, device, *cursors)?
            }
            AccountOrder::Revoke { account, device, now_s } => {
                self.now_s = *now_s;
                self.revoke_one(*account, *device)?
            }
            AccountOrder::Password { account, password } => {
                let changed = self
                    .db
                    .prepare_cached("UPDATE account SET password = ? WHERE id = ? AND state <> 2")?
                    .execute(params![password, account])?;
                done_if(changed != 0)
            }
            AccountOrder::State { account, state, now_s } => {
                self.now_s = *now_s;
                self.set_account_state(*account, *state)?
            }
            AccountOrder::Invite { code, uses, expires_at_s } => {
                self.db
                    .prepare_cached(
                        "INSERT OR REPLACE INTO invite (code, uses_left, expires_at_s)
                         VALUES (?, ?, ?)",
                    )?
                    .execute(params![&code.0[..], uses, expires_at_s])?;
                Ok(AccountOutcome::Done)
            }
        };
        Ok(outcome.unwrap_or_else(AccountOutcome::Refused))
    }

    fn add_account(
        &mut self,
        name: &str,
        password: &str,
    ) -> Result<std::result::Result<AccountId, AccountRefusal>> {
        let taken =
            self.db.prepare_cached("SELECT 1 FROM account WHERE name = ?")?.exists([name])?;
        if taken {
            return Ok(Err(AccountRefusal::NameTaken));
        }
        let id = self.cache.allot(self.db, Allot::Account)?;
        self.db
            .prepare_cached(
                "INSERT INTO account (id, name, password, state, created_at_s)
                 VALUES (?, ?, ?, 0, ?)",
            )?
            .execute(params![id, name, password, self.now_s])?;
        self.db
            .prepare_cached("INSERT INTO mailbox VALUES (?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0)")?
            .execute([id, self.cache.position_floor()])?;
        Ok(Ok(id))
    }

    fn join_relay(
        &mut self,
        invite: Option<SecretHash>,
        name: &str,
        password: &str,
        device: &NewDevice,
    ) -> Result<Granted> {
        if let Some((id, account)) = self.holder(device.token)? {
            let grant = self.grant(id, account)?;
            let same = grant.name == name;
            return Ok(if same {
                Ok(AccountOutcome::Device(grant))
            } else {
                Err(AccountRefusal::TokenInUse)
            });
        }
        if let Some(code) = invite {
            let left = self
                .db
                .prepare_cached(
                    "SELECT 1 FROM invite
                     WHERE code = ? AND 0 < uses_left AND ? < expires_at_s",
                )?
                .exists(params![&code.0[..], self.now_s])?;
            if !left {
                return Ok(Err(AccountRefusal::BadInvite));
            }
        }
        let account = match self.add_account(name, password)? {
            Ok(account) => account,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(code) = invite {
            self.db
                .prepare_cached("UPDATE invite SET uses_left = uses_left - 1 WHERE code = ?")?
                .execute([&code.0[..]])?;
        }
        self.add_device(account, device, Cursors::default(), self.policy.devices_max)
    }

    fn log_in(&mut self, account: AccountId, device: &NewDevice, since_s: u64) -> Result<Granted> {
        if !self.cache.mailbox(self.db, account)?.active {
            return Ok(Err(AccountRefusal::NoSuchAccount));
        }
        if let Some((id, holder)) = self.holder(device.token)? {
            return self.same_device(id, holder, account);
        }
        let start = Cursors {
            latest: 0,
            urgent: self.position_since(account, Lane::Urgent, since_s)?,
            ordinary: self.position_since(account, Lane::Ordinary, since_s)?,
        };
        self.add_device(account, device, start, self.policy.devices_max)
    }

    fn fork(
        &mut self,
        from: DeviceId,
        device: &NewDevice,
        cursors: Option<Cursors>,
    ) -> Result<Granted> {
        let Some(old) = self.cache.device(self.db, from)?.filter(|old| !old.revoked) else {
            return Ok(Err(AccountRefusal::NoSuchDevice));
        };
        if let Some((id, holder)) = self.holder(device.token)? {
            return self.same_device(id, holder, old.account);
        }
        let start = match cursors {
            Some(start) => start,
            None => Cursors {
                latest: 0,
                urgent: self.position_since(old.account, Lane::Urgent, 0)?,
                ordinary: self.position_since(old.account, Lane::Ordinary, 0)?,
            },
        };
        // A fork must find a place, or its store could never be used again.
        self.add_device(old.account, device, start, 2 * self.policy.devices_max)
    }

    /// The device that an earlier attempt made, if it is this account's and not revoked.
    fn same_device(
        &mut self,
        id: DeviceId,
        holder: AccountId,
        account: AccountId,
    ) -> Result<Granted> {
        let usable = self.cache.device(self.db, id)?.is_some_and(|device| !device.revoked);
        if holder != account || !usable {
            return Ok(Err(AccountRefusal::TokenInUse));
        }
        Ok(Ok(AccountOutcome::Device(self.grant(id, account)?)))
    }

    fn holder(&self, token: SecretHash) -> Result<Option<(DeviceId, AccountId)>> {
        self.db
            .prepare_cached("SELECT id, account FROM device WHERE token = ?")?
            .query_row([&token.0[..]], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    }

    fn grant(&self, device: DeviceId, account: AccountId) -> Result<DeviceGrant> {
        self.db
            .prepare_cached(
                "SELECT a.name, d.latest, d.first_urgent, d.first_ordinary
                 FROM device d JOIN account a ON a.id = d.account WHERE d.id = ?",
            )?
            .query_row([device], |row| {
                let cursors =
                    Cursors { latest: row.get(1)?, urgent: row.get(2)?, ordinary: row.get(3)? };
                Ok(DeviceGrant { account, device, name: row.get(0)?, cursors })
            })
    }

    /// The last position whose entry is older than `since_s`; the log's end for 0.
    fn position_since(&mut self, account: AccountId, lane: Lane, since_s: u64) -> Result<u64> {
        let end = self.cache.mailbox(self.db, account)?.position;
        if since_s == 0 {
            return Ok(end);
        }
        let from_s = self.now_s.saturating_sub(since_s);
        let first: Option<u64> = self
            .db
            .prepare_cached(
                "SELECT min(position) FROM entry
                 WHERE account = ? AND lane = ? AND ? <= placed_at_s",
            )?
            .query_row(params![account, lane.number(), from_s], |row| row.get(0))?;
        Ok(first.map_or(end, |first| first - 1))
    }

    fn add_device(
        &mut self,
        account: AccountId,
        device: &NewDevice,
        start: Cursors,
        devices_max: u32,
    ) -> Result<Granted> {
        let devices = self.devices(account)?;
        let in_use = devices.iter().filter(|(_, device)| !device.revoked).count();
        if devices_max as usize <= in_use {
            return Ok(Err(AccountRefusal::TooManyDevices));
        }
        let id = self.cache.allot(self.db, Allot::Device)?;
        self.db
            .prepare_cached(
                "INSERT INTO device (id, account, token, label, created_at_s, seen_at_s,
                    revoked_at_s, x, k, told, noted, latest, urgent, ordinary, first_urgent,
                    first_ordinary)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5, 0, 0, 0, 0, 0, ?6, ?7, ?8, ?7, ?8)",
            )?
            .execute(params![
                id,
                account,
                &device.token.0[..],
                device.label,
                self.now_s,
                start.latest,
                start.urgent,
                start.ordinary
            ])?;
        self.cache.note_device(account, id);
        Ok(Ok(AccountOutcome::Device(self.grant(id, account)?)))
    }

    fn revoke_one(&mut self, account: AccountId, device: DeviceId) -> Result<Granted> {
        let known = self.cache.device(self.db, device)?;
        if known.is_none_or(|known| known.account != account || known.revoked) {
            return Ok(Err(AccountRefusal::NoSuchDevice));
        }
        self.revoke(account, device)?;
        Ok(Ok(AccountOutcome::Done))
    }

    fn revoke(&mut self, account: AccountId, device: DeviceId) -> Result<()> {
        self.db
            .prepare_cached("UPDATE device SET revoked_at_s = ? WHERE id = ? AND revoked_at_s = 0")?
            .execute([self.now_s.max(1), device])?;
        self.cache.note_revoked(device);
        self.cache.note_ended(account);
        Ok(())
    }

    fn set_account_state(&mut self, account: AccountId, state: AccountState) -> Result<Granted> {
        let changed = self
            .db
            .prepare_cached("UPDATE account SET state = ? WHERE id = ? AND state <> 2")?
            .execute(params![state.number(), account])?;
        if changed == 0 {
            return Ok(Err(AccountRefusal::NoSuchAccount));
        }
        self.cache.mailbox_mut(self.db, account)?.active = state == AccountState::Active;
        self.cache.note_ended(account);
        if state == AccountState::Removed {
            for (device, row) in self.devices(account)? {
                if !row.revoked {
                    self.revoke(account, device)?;
                }
            }
            self.leave_everything(account)?;
        }
        Ok(Ok(AccountOutcome::Done))
    }

    fn leave_everything(&mut self, account: AccountId) -> Result<()> {
        let open: Result<Vec<(ConversationId, u8)>> = self
            .db
            .prepare_cached(
                "SELECT conversation, state FROM member WHERE account = ? AND state IN (1, 2)",
            )?
            .query_map([account], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect();
        for (id, state) in open? {
            let left = if MemberState::from(state) == MemberState::Member {
                MemberState::Left
            } else {
                MemberState::Declined
            };
            self.become_state(id, account, left)?;
            self.tell_changed(id, account)?;
        }
        Ok(())
    }
}

fn done_if(found: bool) -> Granted {
    if found { Ok(AccountOutcome::Done) } else { Err(AccountRefusal::NoSuchAccount) }
}
