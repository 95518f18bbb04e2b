//! One packet of an answer: its entries and the cursors that pass them, in one transaction.
//!
//! A packet that brings nothing new commits nothing.

use wire::{Frame, Lane, Mark};

use super::{
    Change, Store, StoreError,
    write::{Query, Tx},
};

/// A packet, and what of its exchange matters for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    /// The exchange that it answers.
    pub(crate) x: u64,
    pub(crate) frames: &'a [Frame],
    /// When the `Welcome` of this answer came, by our clock: ages count back from it.
    pub(crate) welcomed_at: i64,
    /// Marks that the request carried: the relay knows them once it says `Done`.
    pub(crate) marks: &'a [Mark],
    /// Every lane was asked for, and no `Held` came before this packet: without one, nothing waits.
    pub(crate) nothing_held: bool,
}

/// What a packet brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Messages and chat requests that are new here.
    pub(crate) messages: u64,
    /// Bytes of their bodies.
    pub(crate) message_bytes: u64,
    /// Entries of lane latest.
    pub(crate) entries: u64,
    /// Own items whose answer is new.
    pub(crate) answered: u64,
    /// Those of them that the relay took: what it refused did not go, and a void number carries nothing.
    pub(crate) relayed: u64,
    /// Steps forward of what the next request says lies here: outcomes and entries behind the cursors.
    pub(crate) advanced: u64,
}

impl Store {
    /// Commits what a packet brings.
    pub(crate) fn apply(&self, incoming: Incoming<'_>) -> Result<Applied, StoreError> {
        self.write(|tx| {
            let mut applied = Applied::default();
            for frame in incoming.frames {
                tx.apply(&incoming, frame, &mut applied)?;
            }
            Ok(applied)
        })
    }
}

impl Tx<'_> {
    fn apply(
        &self,
        incoming: &Incoming<'_>,
        frame: &Frame,
        applied: &mut Applied,
    ) -> Result<(), StoreError> {
        match frame {
            Frame::Welcome(welcome) if welcome.x == incoming.x => self.welcome(welcome),
            Frame::Answered(answered) => {
                let (answered, relayed) = self.answered(incoming.x, answered)?;
                applied.answered += answered;
                applied.advanced += answered;
                applied.relayed += relayed;
                Ok(())
            }
            Frame::Latest(latest) => {
                for (position, entry) in
                    latest.entries.iter().filter(|(position, _)| is_storable(*position))
                {
                    applied.messages += u64::from(self.latest_checked(entry)?);
                    applied.advanced += u64::from(self.move_cursor(Lane::Latest, *position)?);
                    applied.entries += 1;
                }
                Ok(())
            }
            Frame::Deliveries(deliveries) => {
                for delivery in
                    deliveries.entries.iter().filter(|delivery| is_storable(delivery.position))
                {
                    if self.deliver(deliveries.lane, delivery, incoming.welcomed_at)? {
                        applied.messages += 1;
                        applied.message_bytes += delivery.body.len() as u64;
                    }
                    let moved = self.move_cursor(deliveries.lane, delivery.position)?;
                    applied.advanced += u64::from(moved);
                }
                Ok(())
            }
            Frame::Presence(presence) => self.set_presence(presence),
            Frame::Held(rows) => self.set_waiting_there(rows),
            Frame::Unknown { kind, payload } => self.oddity(*kind, false, payload),
            Frame::Done => self.done(incoming),
            _ => Ok(()),
        }
    }

    /// The end of an exchange: what the relay knows of us now.
    fn done(&self, incoming: &Incoming<'_>) -> Result<(), StoreError> {
        let has = |wanted: fn(&Frame) -> bool| incoming.frames.iter().any(wanted);
        if has(|frame| matches!(frame, Frame::Stop(_) | Frame::Forked(_))) {
            return Ok(());
        }
        if incoming.nothing_held && !has(|frame| matches!(frame, Frame::Held(_))) {
            let sql = "SELECT 1 FROM waiting";
            if self.first(sql, [], |_| Ok(()))?.is_some() {
                self.set_waiting_there(&[])?;
            }
        }
        for Mark { conversation, lane, c, .. } in incoming.marks {
            let sql = "UPDATE mark SET told_c = max(told_c, ?3) WHERE lane = ?2
                AND conversation = (SELECT id FROM conversation WHERE number = ?1)";
            self.run(sql, rusqlite::params![conversation, lane.number(), c])?;
        }
        if incoming.nothing_held && !has(|frame| matches!(frame, Frame::Held(_))) {
            let rows = incoming.frames.iter().map(|frame| match frame {
                Frame::Presence(presence) => presence.rows.len(),
                _ => 0,
            });
            self.settle_estimates(rows.sum())?;
        }
        self.changed(Change::Visit);
        Ok(())
    }

    /// Applies an entry, or keeps it as something that cannot be understood: one bad entry blocks nothing.
    fn latest_checked(&self, entry: &wire::Entry) -> Result<bool, StoreError> {
        match entry_is_storable(entry) {
            true => self.latest(entry),
            false => {
                self.oddity(u8::MAX, true, format!("{entry:?}").as_bytes())?;
                Ok(false)
            }
        }
    }
}

/// No relay gives a greater number, nor lets a device show it one; SQLite could keep twice that.
const NUMBER_MAX: u64 = 1 << 62;

pub(crate) fn is_storable(number: u64) -> bool {
    number <= NUMBER_MAX
}

fn entry_is_storable(entry: &wire::Entry) -> bool {
    use wire::Entry::{
        Contact, Conversation, Counts, Expired, Lapsed, LapsedDevice, Member, Receipt, Unknown,
    };
    let numbers = match entry {
        Contact { account, .. } => vec![*account],
        Conversation { number, founded, inviter, .. } => {
            vec![*number, founded.device, founded.n, *inviter]
        }
        Member { conversation, account, .. } => vec![*conversation, *account],
        Receipt { conversation, account, delivered, read, .. } => {
            vec![*conversation, *account, *delivered, *read]
        }
        Counts { conversation, c, .. } => vec![*conversation, *c],
        Expired { name, .. } => vec![name.device, name.n],
        Lapsed { conversation, count } => vec![*conversation, *count],
        LapsedDevice { device, count } => vec![*device, *count],
        Unknown { .. } => vec![],
        _ => vec![u64::MAX],
    };
    numbers.into_iter().all(is_storable)
}
