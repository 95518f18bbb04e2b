//! A held request: waits for something to send, and for the end of the hold.
//!
//! The watch begins before the mailbox is read, so a commit in between wakes it. A wake-up says
//! only "look again", and is heeded once in [`LOOK_INTERVAL`] at most.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use wire::{AccountId, Hello};

use super::{Core, ExchangeError, contacts::contacts};
use crate::{
    ops::metrics::GaugeGuard,
    presence::{Arrival, Lease},
    store::{Login, Watch},
};

/// A hold looks at its mailbox at most this often.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What a hold waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// There may be something to send.
    News,
    /// The hold is over.
    Over,
}

/// An open hold.
#[derive(Debug)]
pub(super) struct Hold {
    watch: Watch,
    until: Instant,
    looked: Instant,
    over: CancellationToken,
    /// Whose presence the account may see, as of a count of changes to anybody's contacts.
    contacts: Option<(u64, Vec<AccountId>)>,
    _lease: Lease,
    _counted: GaugeGuard,
}

impl Hold {
    /// Begins to hold for `hold_s` seconds; `over` ends it before.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn begin(
        core: &Core,
        login: Login,
        hello: &Hello,
        hold_s: u16,
        over: CancellationToken,
    ) -> Result<Self, ExchangeError> {
        let Login { account, device } = login;
        let watch = core.store.changes().watch(account);
        let lease = core.presence.lease(account, device, hello.x);
        if core.presence.arrive(&arrival(login, hello, true)) {
            core.presence.show(account, &contacts(core, login.account).await?);
        }
        let now = Instant::now();
        Ok(Self {
            watch,
            until: now + Duration::from_secs(hold_s.into()),
            looked: now,
            over,
            contacts: None,
            _lease: lease,
            _counted: core.metrics.hold(),
        })
    }

    /// Waits for something to look at, or the end.
    pub(super) async fn wait(&mut self, core: &Core, closing: &CancellationToken) -> Event {
        let expiry = self.contacts.as_ref().and_then(|(_, them)| core.presence.next_change(them));
        let Self { watch, until, over, .. } = self;
        let stops = async {
            tokio::select! {
                () = closing.cancelled() => {}
                () = over.cancelled() => {}
                () = sleep_until(*until) => {}
            }
        };
        let mut stops = std::pin::pin!(stops);
        tokio::select! {
            biased;
            () = &mut stops => return Event::Over,
            changed = watch.changed() => if changed.is_err() {
                return Event::Over;
            },
            () = at(expiry) => {}
        }
        core.metrics.wakeups.inc();
        tokio::select! {
            biased;
            () = &mut stops => return Event::Over,
            () = sleep_until(self.looked + LOOK_INTERVAL) => {}
        }
        // What comes from here on wakes it anew.
        watch.mark_unchanged();
        self.looked = Instant::now();
        Event::News
    }

    /// Whose presence the account may see.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn contacts(
        &mut self,
        core: &Core,
        login: Login,
    ) -> Result<Vec<AccountId>, ExchangeError> {
        let count = core.store.changes().contacts();
        if let Some((known, contacts)) = &self.contacts
            && *known == count
        {
            return Ok(contacts.clone());
        }
        let contacts = contacts(core, login.account).await?;
        self.contacts = Some((count, contacts.clone()));
        Ok(contacts)
    }
}

/// What presence is told of an exchange.
pub(super) fn arrival(login: Login, hello: &Hello, holds: bool) -> Arrival {
    Arrival {
        account: login.account,
        device: login.device,
        x: hello.x,
        state: hello.state,
        next_call_s: hello.next_call_s,
        holds,
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
