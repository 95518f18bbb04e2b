//! Accounts, devices, invites: who may use the relay.

use rusqlite::{Result, params};
use wire::{AccountId, ConversationId, Cursors, MemberState};

use super::{
    super::{AccountOrder, AccountOutcome, AccountRefusal, AccountState, NewDevice, SecretHash},
    cache::Allot,
    tx::Tx,
};

pub(super) type Granted = std::result::Result<AccountOutcome, AccountRefusal>;

impl AccountState {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Active => 0,
            Self::Disabled => 1,
            Self::Removed => 2,
        }
    }

    pub(super) fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Active,
            1 => Self::Disabled,
            _ => Self::Removed,
        }
    }
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
            AccountOrder::Login { account, device, since_s, cursors } => {
                self.now_s = device.now_s;
                self.log_in(*account, device, *since_s, *cursors)?
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
