//! Devices: made at a login or from a forked store, repeatable by their token, revoked.

use rusqlite::{OptionalExtension, Result, params};
use wire::{AccountId, Cursors, DeviceId, Lane};

use super::{
    super::{AccountOutcome, AccountRefusal, DeviceGrant, NewDevice, SecretHash},
    accounts::Granted,
    cache::Allot,
    tx::Tx,
};

impl Tx<'_> {
    pub(super) fn log_in(
        &mut self,
        account: AccountId,
        device: &NewDevice,
        since_s: u64,
        cursors: Option<Cursors>,
    ) -> Result<Granted> {
        if !self.cache.mailbox(self.db, account)?.active {
            return Ok(Err(AccountRefusal::NoSuchAccount));
        }
        if let Some((id, holder)) = self.holder(device.token)? {
            return self.same_device(id, holder, account);
        }
        let start = match cursors {
            Some(start) => {
                self.meet_cursors(account, Cursors::default(), start)?;
                start
            }
            None => self.start_since(account, since_s)?,
        };
        self.add_device(account, device, start, self.policy.devices_max)
    }

    pub(super) fn fork(
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
            Some(start) => {
                self.meet_cursors(old.account, old.cursors, start)?;
                start
            }
            None => self.start_since(old.account, 0)?,
        };
        // A fork must find a place, or its store could never be used again.
        self.add_device(old.account, device, start, 2 * self.policy.devices_max)
    }

    /// The device that an earlier attempt made, if it is this account's and not revoked.
    pub(super) fn same_device(
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

    pub(super) fn holder(&self, token: SecretHash) -> Result<Option<(DeviceId, AccountId)>> {
        self.db
            .prepare_cached("SELECT id, account FROM device WHERE token = ?")?
            .query_row([&token.0[..]], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    }

    pub(super) fn grant(&self, device: DeviceId, account: AccountId) -> Result<DeviceGrant> {
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

    /// Where an empty store begins: all that is so, and of the mail what came in the last `since_s`.
    fn start_since(&mut self, account: AccountId, since_s: u64) -> Result<Cursors> {
        Ok(Cursors {
            latest: 0,
            urgent: self.position_since(account, Lane::Urgent, since_s)?,
            ordinary: self.position_since(account, Lane::Ordinary, since_s)?,
        })
    }

    /// The last position whose entry is older than `since_s`; the log's end for 0.
    pub(super) fn position_since(
        &mut self,
        account: AccountId,
        lane: Lane,
        since_s: u64,
    ) -> Result<u64> {
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

    pub(super) fn add_device(
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

    pub(super) fn revoke_one(&mut self, account: AccountId, device: DeviceId) -> Result<Granted> {
        let known = self.cache.device(self.db, device)?;
        if known.is_none_or(|known| known.account != account || known.revoked) {
            return Ok(Err(AccountRefusal::NoSuchDevice));
        }
        self.revoke(account, device)?;
        Ok(Ok(AccountOutcome::Done))
    }

    pub(super) fn revoke(&mut self, account: AccountId, device: DeviceId) -> Result<()> {
        self.db
            .prepare_cached("UPDATE device SET revoked_at_s = ? WHERE id = ? AND revoked_at_s = 0")?
            .execute([self.now_s.max(1), device])?;
        self.cache.note_revoked(device);
        self.cache.note_ended(account);
        Ok(())
    }
}
