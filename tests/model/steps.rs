//! What may happen, as values: a history is a list of them, made from a seed before anything runs, so that any part of
//! it is a history too. What a step means is decided when it is carried out, by what there is then.

use harness::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Send,
    Reply,
    Edit,
    Delete,
    Ask,
    Answer,
    Withdraw,
    Leave,
    Add,
    Rename,
    Block,
    Read,
    /// Hold, release, cancel or change something in the outbox.
    Outbox,
    /// A visit by a good line.
    Visit,
    /// A visit by a bad one, with limits, masks and crashes.
    Storm,
    /// An old request once more.
    Replay,
    /// The rest of a request that was given up.
    Late,
    Clock,
    RelayClock,
    Kill,
    RelayKill,
    Login,
    Revoke,
    Shoot,
    PutBack,
    Clone,
    Backup,
    Restore,
    Housekeep,
}

/// A step and the numbers that its choices are made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) who: u64,
    pub(crate) a: u64,
    pub(crate) b: u64,
}

/// Kinds of histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Messages and bad lines.
    Lines,
    /// Who is in and who is out.
    Members,
    /// Edits, deletions, replies, marks.
    Views,
    /// Homes that are put back or cloned.
    Homes,
    /// Clones that speak as one device until one of them is told.
    Twins,
    /// A relay that is put back.
    Restores,
    /// A relay that is put back to an older copy, then to a newer one of the life that was given up, and so on.
    Lives,
    /// A relay that is put back to before people knew each other.
    Forgets,
    /// Time passes: expiry, housekeeping.
    Ages,
}

const TALK: &[(Op, u64)] = &[
    (Op::Send, 24),
    (Op::Reply, 4),
    (Op::Edit, 4),
    (Op::Delete, 2),
    (Op::Read, 4),
    (Op::Outbox, 3),
    (Op::Visit, 14),
    (Op::Storm, 30),
    (Op::Replay, 6),
    (Op::Late, 3),
    (Op::Clock, 3),
    (Op::RelayClock, 2),
    (Op::Kill, 3),
    (Op::RelayKill, 2),
    (Op::Ask, 2),
    (Op::Answer, 4),
];

impl Theme {
    fn extra(self) -> &'static [(Op, u64)] {
        match self {
            Self::Lines => &[(Op::Login, 1)],
            Self::Members => &[
                (Op::Ask, 12),
                (Op::Answer, 16),
                (Op::Withdraw, 3),
                (Op::Leave, 3),
                (Op::Add, 6),
                (Op::Rename, 4),
                (Op::Block, 4),
                (Op::Visit, 20),
                (Op::Login, 1),
                (Op::Revoke, 1),
            ],
            Self::Views => &[
                (Op::Edit, 24),
                (Op::Delete, 10),
                (Op::Reply, 12),
                (Op::Read, 10),
                (Op::Outbox, 8),
            ],
            Self::Homes => &[(Op::Shoot, 6), (Op::PutBack, 5), (Op::Clone, 2), (Op::Outbox, 4)],
            Self::Twins => &[(Op::Clone, 16), (Op::Send, 40), (Op::Storm, 30)],
            Self::Restores => &[(Op::Backup, 3), (Op::Restore, 2), (Op::Edit, 6), (Op::Delete, 3)],
            Self::Lives => &[
                (Op::Backup, 6),
                (Op::Restore, 6),
                (Op::Visit, 20),
                (Op::Send, 20),
                (Op::Edit, 4),
                (Op::Delete, 2),
            ],
            Self::Forgets => &[
                (Op::Backup, 6),
                (Op::Restore, 4),
                (Op::Ask, 12),
                (Op::Answer, 16),
                (Op::Visit, 30),
                (Op::Send, 20),
                (Op::Edit, 6),
                (Op::Delete, 3),
            ],
            Self::Ages => &[(Op::Housekeep, 8), (Op::RelayClock, 8), (Op::Login, 1), (Op::Read, 4)],
        }
    }

    /// A history of `len` steps.
    pub(crate) fn history(self, rng: &mut Rng, len: usize) -> Vec<Step> {
        let weights: Vec<(Op, u64)> = TALK.iter().chain(self.extra()).copied().collect();
        let sum = weights.iter().map(|(_, weight)| weight).sum();
        let op = |mut at: u64| {
            let mut ops = weights.iter();
            loop {
                let (op, weight) = ops.next().expect("the weights' sum is above");
                if at < *weight {
                    return *op;
                }
                at -= weight;
            }
        };
        let step = |_| Step {
            op: op(rng.below(sum)),
            who: rng.next_u64(),
            a: rng.next_u64(),
            b: rng.next_u64(),
        };
        (0..len).map(step).collect()
    }
}
