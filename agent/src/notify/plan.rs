//! What to show, replace and close: values in, values out. It knows no desktop, reads no clock and no store.
//!
//! News is what the store says that nobody was told of. Some of it is passed over (its source is muted), some is kept
//! back (quiet hours), the rest becomes cards: one for each conversation, or one digest. What is on the desktop already
//! is replaced rather than joined by another. `speak` makes the words of the user's language, where something is to be shown.

use std::collections::{BTreeMap, BTreeSet};

use config::agent::{MinPriority, Notify};
use jiff::tz::TimeZone;

use super::{
    card::{Card, Key, Place},
    quiet::quiet_until,
};
use crate::{
    store::{News, NewsId, NewsKind},
    words::Words,
};

/// Cards that stand on the desktop at most: beyond, all goes into the digest.
pub(crate) const OPEN_MAX: usize = 32;
/// News that one card stands for at most; older ones are shown no more, and stay unread.
const NEWS_MAX: usize = 2_000;
/// News of one card whose text is kept, for when it is replaced.
const TEXTS_MAX: usize = 8;

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Taken off the desktop.
    pub(crate) close: Vec<Key>,
    /// Put there, each in place of the one with its key.
    pub(crate) show: Vec<Card>,
    /// Not to be told at all.
    pub(crate) passed_over: Vec<NewsId>,
    /// When to look again, in seconds since 1970: something is kept back until then.
    pub(crate) look_at: Option<i64>,
}

/// What is on the desktop, and by which rules more comes there.
#[derive(Debug)]
pub(crate) struct Planner {
    settings: Notify,
    open: BTreeMap<Key, Vec<News>>,
    /// Something could not be told when it came, or may not have been: what comes now is told at once.
    gap: bool,
}

impl Planner {
    /// Nothing is on the desktop yet, and how long nobody looked is not known.
    pub(crate) fn new(settings: Notify) -> Self {
        Self { settings, open: BTreeMap::new(), gap: true }
    }

    /// All that stands on the desktop: whether it is still news has to be known before the next plan.
    pub(crate) fn on_desktop(&self) -> Vec<NewsId> {
        self.open.values().flatten().map(|news| news.id.clone()).collect()
    }

    /// What to do at `now`, in seconds since 1970: `untold` is oldest first, `still` is what of
    /// [`Planner::on_desktop`] is still news.
    pub(crate) fn plan(
        &mut self,
        now: i64,
        zone: &TimeZone,
        untold: Vec<News>,
        still: &BTreeSet<NewsId>,
        speak: impl FnOnce() -> Words,
    ) -> Plan {
        let close = self.clear(still);
        let quiet_until = quiet_until(&self.settings.quiet_hours, now, zone);
        let mut plan = Plan { close, ..Plan::default() };
        let mut groups: BTreeMap<Key, Vec<News>> = BTreeMap::new();
        for news in untold {
            if !self.is_wanted(&news) {
                plan.passed_over.push(news.id);
            } else if quiet_until.is_some() && !self.breaks_quiet(&news) {
                self.gap = true;
                plan.look_at = quiet_until;
            } else {
                groups.entry(Key::of(&news)).or_default().push(news);
            }
        }
        if !groups.is_empty() {
            plan.show = self.cards(groups, &speak(), now);
        }
        if plan.show.is_empty() && plan.look_at.is_none() {
            self.gap = false;
        }
        plan
    }

    /// It stands on the desktop now.
    pub(crate) fn shown(&mut self, card: &Card) {
        let mut news = card.news.clone();
        news.drain(..news.len().saturating_sub(NEWS_MAX));
        let old = news.len().saturating_sub(TEXTS_MAX);
        news[..old].iter_mut().for_each(|one| one.text = String::new());
        self.open.insert(card.key.clone(), news);
    }

    /// All of a plan was shown.
    pub(crate) fn caught_up(&mut self, plan: &Plan) {
        self.gap = plan.look_at.is_some();
    }

    /// Nothing could be shown.
    pub(crate) fn missed(&mut self) {
        self.gap = true;
    }

    /// The cards that stand on the desktop, each with what it tells of.
    pub(crate) fn standing(&self) -> Vec<(Key, Vec<NewsId>)> {
        let ids = |news: &Vec<News>| news.iter().map(|one| one.id.clone()).collect();
        self.open.iter().map(|(key, news)| (key.clone(), ids(news))).collect()
    }

    /// Where a click on it leads.
    pub(crate) fn place(&self, key: &Key) -> Place {
        self.open.get(key).map(|news| Place::of(news)).unwrap_or_default()
    }

    /// It is on the desktop no more.
    pub(crate) fn closed(&mut self, key: &Key) {
        self.open.remove(key);
    }

    /// The desktop's service is another: nothing is there any more.
    pub(crate) fn desktop_is_empty(&mut self) {
        self.open.clear();
    }

    /// Forgets what is no news any more; gives the cards of which nothing is left.
    fn clear(&mut self, still: &BTreeSet<NewsId>) -> Vec<Key> {
        for news in self.open.values_mut() {
            news.retain(|one| still.contains(&one.id));
        }
        let empty = |(key, news): (&Key, &Vec<News>)| news.is_empty().then(|| key.clone());
        let close: Vec<Key> = self.open.iter().filter_map(empty).collect();
        self.open.retain(|_, news| !news.is_empty());
        close
    }

    fn cards(&self, groups: BTreeMap<Key, Vec<News>>, words: &Words, now: i64) -> Vec<Card> {
        let card = |key, news| self.card(key, news, words, now);
        let mut cards = Vec::new();
        let (mut urgent, mut rest) = (Vec::new(), Vec::new());
        for (key, news) in groups {
            if self.open.contains_key(&key) {
                cards.push(card(key, news));
            } else if news.iter().any(|one| one.urgent) {
                urgent.push((key, news));
            } else {
                rest.push((key, news));
            }
        }
        let most = self.settings.digest_after as usize;
        if most < urgent.len() {
            rest.append(&mut urgent);
        }
        let open = self.open.len() + urgent.len() + rest.len();
        let has_digest = self.open.contains_key(&Key::Digest);
        let in_digest =
            has_digest || OPEN_MAX < open || most < rest.len() || (self.gap && 1 < rest.len());
        cards.extend(urgent.into_iter().map(|(key, news)| card(key, news)));
        if in_digest && !rest.is_empty() {
            let mut news: Vec<News> = rest.into_iter().flat_map(|(_, news)| news).collect();
            news.sort_by(|a, b| a.id.cmp(&b.id));
            cards.push(card(Key::Digest, news));
        } else {
            cards.extend(rest.into_iter().map(|(key, news)| card(key, news)));
        }
        cards
    }

    /// A card of these and of what stands under its key already.
    fn card(&self, key: Key, news: Vec<News>, words: &Words, now: i64) -> Card {
        let fresh = news.iter().map(|one| one.id.clone()).collect();
        let before = self.open.get(&key).cloned().unwrap_or_default();
        let told = news.into_iter().map(|one| News { text: words.news(&one, now), ..one });
        let news = before.into_iter().chain(told).collect();
        Card::new(key, news, fresh, self.settings.preview, words)
    }

    /// Whether its source and priority are to be shown at all.
    fn is_wanted(&self, news: &News) -> bool {
        // A rule may have been written before two conversations were found to be one.
        let ids: Vec<String> =
            news.conversation.iter().chain(&news.also).map(ToString::to_string).collect();
        let is_theirs = matches!(news.kind, NewsKind::Message | NewsKind::Request);
        let rule = self.settings.source.iter().find(|rule| {
            (is_theirs && !rule.person.is_empty() && rule.person == news.from)
                || ids.contains(&rule.conversation)
        });
        match rule.map_or(self.settings.min_priority, |rule| rule.min_priority) {
            MinPriority::Ordinary => true,
            MinPriority::Urgent => news.urgent,
            MinPriority::Never => false,
        }
    }

    fn breaks_quiet(&self, news: &News) -> bool {
        news.urgent && self.settings.urgent_breaks_quiet
    }
}
