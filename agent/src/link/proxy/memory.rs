//! What was learned of a proxy (or of the straight way), kept while the agent lives: it saves round trips, and nothing
//! depends on it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{digest::Session, login::LoginKind};

/// Somebody who cuts lines that are quiet for less cannot be lived with: holds are whole seconds. A line that was quiet
/// for less when it was cut may also have been cut for another reason.
pub(crate) const QUIET_LEAST: Duration = Duration::from_millis(1_500);
/// The shortest hold that is asked for, in seconds.
const HOLD_LEAST_S: u16 = 1;
/// Two cuts after about the same silence are a rule of somebody on the way: within a fifth, or this.
const SAME_WITHIN: Duration = Duration::from_millis(500);
/// After so many holds that came to their end a longer one is tried again: the rule may be gone. Where it is not, that
/// costs one cut, and the next trial comes after twice as many, up to [`HOLDS_BEFORE_TRYING_MAX`].
const HOLDS_BEFORE_TRYING: u32 = 60;
const HOLDS_BEFORE_TRYING_MAX: u32 = 64 * HOLDS_BEFORE_TRYING;
/// Cuts in a row that came too soon for any hold, after which somebody is taken to make them.
const TOO_SOON: u32 = 3;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    session: Mutex<Option<Session>>,
    login: Mutex<Taken>,
    /// Questions for a login since the proxy last let anything through.
    asked: AtomicU32,
    tunnel_refused: AtomicBool,
    forward_refused: AtomicBool,
    looked_into: AtomicBool,
    /// By link: behind another one somebody else may stand.
    quiet: Mutex<HashMap<Arc<str>, Quiet>>,
}

/// How a proxy takes a login.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    /// As it said last.
    kind: Option<LoginKind>,
    /// As it did, with a request that went through.
    proved: Option<LoginKind>,
}

/// How long somebody on the way leaves a quiet line alone.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    /// After what silence it was cut the last time.
    cut_after: Option<Duration>,
    /// What holds are kept to.
    hold_s: Option<u16>,
    /// Holds that came to their end since.
    held: u32,
    /// So many of them make it worth to try a longer one.
    try_after: u32,
    /// A longer one is being tried.
    is_trying: bool,
    /// Cuts in a row before [`QUIET_LEAST`].
    too_soon: u32,
}

impl Default for Quiet {
    fn default() -> Self {
        Self {
            cut_after: None,
            hold_s: None,
            held: 0,
            try_after: HOLDS_BEFORE_TRYING,
            is_trying: false,
            too_soon: 0,
        }
    }
}

impl Quiet {
    fn was_cut(&mut self, quiet: Duration) {
        if quiet < QUIET_LEAST {
            self.too_soon = self.too_soon.saturating_add(1);
            return;
        }
        self.too_soon = 0;
        let before = self.cut_after.replace(quiet);
        let is_same = |before: Duration| before.abs_diff(quiet) <= SAME_WITHIN.max(quiet / 5);
        if before.is_some_and(is_same) || self.hold_s.is_some() {
            let most = u16::try_from(quiet.as_millis() * 4 / 5_000).unwrap_or(u16::MAX);
            (self.hold_s, self.held) = (Some(most.max(HOLD_LEAST_S)), 0);
            if std::mem::take(&mut self.is_trying) {
                self.try_after = (2 * self.try_after).min(HOLDS_BEFORE_TRYING_MAX);
            }
        }
    }

    fn ended_well(&mut self) {
        self.too_soon = 0;
        self.held = self.held.saturating_add(1);
        if self.is_trying {
            // The longer one went well: the rule is gone.
            (self.is_trying, self.cut_after, self.try_after) = (false, None, HOLDS_BEFORE_TRYING);
        } else if self.hold_s.is_some() && self.try_after <= self.held {
            // What was learned last is kept: one further cut is enough to be sure again.
            (self.hold_s, self.held, self.is_trying) = (None, 0, true);
        }
    }
}

impl Memory {
    /// Whether somebody was met on this way whom the user lets look into TLS.
    pub(crate) fn is_looked_into(&self) -> bool {
        self.looked_into.load(Relaxed)
    }

    /// Learns whether such a one was met.
    pub(crate) fn note_looked_into(&self, is_so: bool) {
        self.looked_into.store(is_so, Relaxed);
    }

    pub(super) fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The proxy asks for a login; gives how often it has in a row, this time included.
    pub(super) fn is_asked(&self) -> u32 {
        self.asked.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// The proxy has let something through, or it is given up.
    pub(super) fn is_answered(&self) {
        self.asked.store(0, Relaxed);
    }

    fn login(&self) -> MutexGuard<'_, Taken> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the proxy takes a login, as far as it said.
    pub(super) fn kind(&self) -> Option<LoginKind> {
        self.login().kind
    }

    /// It says that it takes it so.
    pub(super) fn takes(&self, kind: LoginKind) {
        self.login().kind = Some(kind);
    }

    /// It took it so.
    pub(super) fn has_taken(&self, kind: LoginKind) {
        self.login().proved = Some(kind);
    }

    /// How it took a login the last time.
    pub(crate) fn proved(&self) -> Option<LoginKind> {
        self.login().proved
    }

    /// How it took a login before this process began, which it may have said otherwise since.
    pub(crate) fn recall(&self, kind: LoginKind) {
        self.login().kind.get_or_insert(kind);
    }

    /// Whether requests without TLS go out in absolute form.
    pub(super) fn forwards(&self, held: bool) -> bool {
        let (tunnel, forward) =
            (self.tunnel_refused.load(Relaxed), self.forward_refused.load(Relaxed));
        tunnel || (!held && !forward)
    }

    /// The proxy tunnels not to this relay; whether it may take requests in absolute form.
    pub(super) fn no_tunnels(&self) -> bool {
        self.tunnel_refused.store(true, Relaxed);
        !self.forward_refused.load(Relaxed)
    }

    /// The proxy takes no requests in absolute form; whether it may tunnel. Where it does neither, the next visit begins anew.
    pub(super) fn no_forwarding(&self) -> bool {
        let may_tunnel = !self.tunnel_refused.swap(false, Relaxed);
        self.forward_refused.store(may_tunnel, Relaxed);
        may_tunnel
    }

    /// Seconds that a hold lasts at most for the line not to be cut; `None` where nobody cuts it.
    pub(crate) fn hold_max_s(&self, link: &Arc<str>) -> Option<u16> {
        self.quiet(link, |known| known.hold_s)
    }

    /// Whether held lines are cut so soon, again and again, that no hold is short enough.
    pub(crate) fn cuts_too_soon(&self, link: &Arc<str>) -> bool {
        self.quiet(link, |known| TOO_SOON <= known.too_soon)
    }

    /// A line was cut while the relay held it, `quiet` after its last byte.
    pub(crate) fn hold_was_cut(&self, link: &Arc<str>, quiet: Duration) {
        self.quiet(link, |known| known.was_cut(quiet));
    }

    /// A hold came to its end.
    pub(crate) fn hold_ended_well(&self, link: &Arc<str>) {
        self.quiet(link, Quiet::ended_well);
    }

    fn quiet<T>(&self, link: &Arc<str>, with: impl FnOnce(&mut Quiet) -> T) -> T {
        let mut known = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        with(known.entry(link.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Arc<str> {
        Arc::from("office")
    }

    fn cut(memory: &Memory, after_ms: u64) -> Option<u16> {
        memory.hold_was_cut(&link(), Duration::from_millis(after_ms));
        memory.hold_max_s(&link())
    }

    #[test]
    fn two_cuts_after_the_same_silence_shorten_holds_and_others_do_not() {
        let memory = Memory::default();
        assert_eq!(cut(&memory, 10_050), None, "one cut is an accident");
        assert_eq!(cut(&memory, 120_000), None);
        assert_eq!(cut(&memory, 1_000), None, "it was not quiet");
        assert_eq!(cut(&memory, 10_050), None);
        assert_eq!(cut(&memory, 10_010), Some(8));
        assert_eq!(cut(&memory, 6_000), Some(4), "stricter than thought");
        assert_eq!(memory.hold_max_s(&Arc::from("home")), None, "another link, another rule");
    }

    #[test]
    fn every_limit_from_the_least_on_is_learned_and_holds_are_shorter() {
        for limit_ms in [1_500, 2_000, 2_500, 5_000, 10_000, 60_000, 290_000] {
            let memory = Memory::default();
            assert_eq!(cut(&memory, limit_ms), None);
            let hold_s = cut(&memory, limit_ms + 20).unwrap();
            assert!(
                0 < hold_s && u64::from(hold_s) * 1_000 + 400 <= limit_ms,
                "{limit_ms}: {hold_s}"
            );
            assert!(!memory.cuts_too_soon(&link()));
        }
    }

    #[test]
    fn who_cuts_sooner_than_the_shortest_hold_is_known_after_three_cuts_in_a_row() {
        let memory = Memory::default();
        for _ in 0..2 {
            cut(&memory, 300);
            cut(&memory, 300);
            assert!(!memory.cuts_too_soon(&link()));
            memory.hold_ended_well(&link());
        }
        for _ in 0..3 {
            assert!(!memory.cuts_too_soon(&link()));
            assert_eq!(cut(&memory, 300), None);
        }
        assert!(memory.cuts_too_soon(&link()));
        memory.hold_ended_well(&link());
        assert!(!memory.cuts_too_soon(&link()));
    }

    #[test]
    fn a_longer_hold_is_tried_again_after_many_and_ever_more_seldom() {
        let memory = Memory::default();
        cut(&memory, 10_000);
        assert_eq!(cut(&memory, 10_000), Some(8));
        for wait in [1, 2, 4, 8, 16, 32, 64, 64, 64] {
            for _ in 1..wait * HOLDS_BEFORE_TRYING {
                memory.hold_ended_well(&link());
            }
            assert_eq!(memory.hold_max_s(&link()), Some(8));
            memory.hold_ended_well(&link());
            assert_eq!(memory.hold_max_s(&link()), None);
            assert_eq!(cut(&memory, 10_000), Some(8), "one cut ends that");
        }
    }

    #[test]
    fn a_longer_hold_that_goes_well_makes_the_limit_forgotten() {
        let memory = Memory::default();
        cut(&memory, 10_000);
        cut(&memory, 10_000);
        for _ in 0..=HOLDS_BEFORE_TRYING {
            memory.hold_ended_well(&link());
        }
        assert_eq!(memory.hold_max_s(&link()), None);
        assert_eq!(cut(&memory, 10_000), None, "one cut is an accident again");
    }

    #[test]
    fn a_proxy_that_refuses_one_form_gets_the_other_and_one_that_refuses_both_is_asked_anew() {
        let memory = Memory::default();
        assert!(memory.forwards(false) && !memory.forwards(true));
        assert!(memory.no_forwarding() && !memory.forwards(false));
        assert!(!memory.no_tunnels(), "nothing is left to try");
        assert!(!memory.no_forwarding());
        assert!(memory.forwards(false) && !memory.forwards(true));
        assert!(memory.no_tunnels() && memory.forwards(true));
    }
}
