//! The planner: single cases, and random histories against its promises.

use std::collections::{BTreeMap, BTreeSet};

use config::agent::{MinPriority, Notify, Preview, Source};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{
    card::{Card, Key},
    plan::{OPEN_MAX, Plan, Planner},
};
use crate::{
    store::{Cause, ConversationId, MessageId, News, NewsId, NewsKind, Notice, Says},
    words::Words,
};

const HOUR: i64 = 3_600;
/// Noon, UTC.
const NOON: i64 = 20_000 * 86_400 + 12 * HOUR;

fn message(id: i64, conversation: i64, text: &str) -> News {
    News {
        id: NewsId::Message(MessageId(id)),
        kind: NewsKind::Message,
        conversation: Some(ConversationId(conversation)),
        title: format!("person{conversation}"),
        pair: true,
        from: format!("person{conversation}"),
        text: text.to_owned(),
        says: None,
        urgent: false,
        also: Vec::new(),
    }
}

fn urgent(id: i64, conversation: i64) -> News {
    News { urgent: true, ..message(id, conversation, "now!") }
}

fn request(id: i64, conversation: i64) -> News {
    News { kind: NewsKind::Request, ..message(id, conversation, "It is me") }
}

fn failure(id: i64, conversation: i64) -> News {
    let from = String::new();
    News { kind: NewsKind::Failure, from, ..message(id, conversation, "it expired") }
}

fn english() -> Words {
    Words::of("en", TimeZone::UTC)
}

fn night() -> Notify {
    Notify { quiet_hours: vec!["22:00-07:00".parse().unwrap()], ..Notify::default() }
}

/// A desktop that shows everything at once.
struct Desk {
    planner: Planner,
    shown: BTreeMap<Key, Card>,
}

impl Desk {
    fn new(settings: Notify) -> Self {
        Self { planner: Planner::new(settings), shown: BTreeMap::new() }
    }

    /// With nothing to tell at first.
    fn caught_up(settings: Notify) -> Self {
        let mut desk = Self::new(settings);
        assert_eq!(desk.look(NOON, &[], |_| true), Plan::default());
        desk
    }

    fn look(&mut self, now: i64, untold: &[News], is_new: impl Fn(&NewsId) -> bool) -> Plan {
        let still: BTreeSet<NewsId> =
            self.planner.on_desktop().into_iter().filter(is_new).collect();
        let plan = self.planner.plan(now, &TimeZone::UTC, untold.to_vec(), &still, english);
        for key in &plan.close {
            assert!(self.shown.remove(key).is_some(), "{key:?} was not there");
        }
        for card in &plan.show {
            self.planner.shown(card);
            self.shown.insert(card.key.clone(), card.clone());
        }
        self.planner.caught_up(&plan);
        plan
    }

    fn tell(&mut self, untold: &[News]) -> Vec<Card> {
        self.look(NOON, untold, |_| true).show
    }
}

fn said(card: &Card) -> (&str, &str) {
    (&card.title, &card.body)
}

#[test]
fn a_message_shows_who_wrote_and_what() {
    let cards = Desk::caught_up(Notify::default()).tell(&[message(1, 1, "At six?\nOr seven")]);
    assert_eq!(said(&cards[0]), ("person1", "At six?\nOr seven"));
    let group = News { pair: false, title: "Boats".to_owned(), ..message(1, 1, "At six?") };
    let cards = Desk::caught_up(Notify::default()).tell(&[group]);
    assert_eq!(said(&cards[0]), ("person1 in Boats", "At six?"));
}

#[test]
fn cards_speak_the_language_of_their_words_and_those_make_only_what_is_shown() {
    let german = || Words::of("de", TimeZone::UTC);
    let show = |untold: Vec<News>| {
        let mut desk = Desk::caught_up(Notify::default());
        let plan = desk.planner.plan(NOON, &TimeZone::UTC, untold, &BTreeSet::new(), german);
        let card = plan.show.into_iter().next().unwrap();
        (card.title.clone(), card.body.clone(), card.buttons.accept)
    };
    let own = |kind, says, text: &str| {
        let (from, title) = (String::new(), String::new());
        News { kind, says, from, title, conversation: None, ..message(1, 1, text) }
    };
    let quota = Notice::Quota {
        link: "stick".to_owned(),
        used: 1_500_000,
        allowed: Some(2_000_000),
        left: 500_000,
        stopped: false,
        resets: NOON,
    };
    let cause = Cause::DialNoLink { program: "pon".to_owned(), links: "stick".to_owned() };
    let trouble = News {
        id: NewsId::Trouble("rule:day".to_owned()),
        ..own(NewsKind::Trouble, Some(Says::Cause(cause)), "as it stands")
    };
    let late = News { text: "it expired before it was delivered".to_owned(), ..failure(1, 1) };
    let full = News { says: Some(Says::Refusal("full")), ..failure(1, 1) };
    let group = News { pair: false, title: "Boote".to_owned(), ..request(1, 1) };
    for (news, title, body) in [
        (urgent(1, 1), "Dringend: person1", "now!"),
        (request(1, 1), "person1 bittet um ein Gespräch", "It is me"),
        (group, "person1 lädt dich ein: Boote", "It is me"),
        (late, "Kam nicht durch: person1", "ihre Zeit war um, bevor sie zugestellt war"),
        (full, "Kam nicht durch: person1", "das Postfach am anderen Ende ist voll"),
        (
            own(NewsKind::Notice, Some(Says::Notice(quota)), "as it stands"),
            "Mailboat",
            "Vom Kontingent von stick sind 1,5 MB von 2,0 MB verbraucht; 500 KB bleiben. Es beginnt heute neu. Ist alles \
            verbraucht, geht kein Anruf mehr darüber.",
        ),
        (
            trouble,
            "Bei Mailboat klemmt etwas",
            "Das Wählprogramm pon endete gut, aber keine seiner Verbindungen kam zustande: stick",
        ),
        (own(NewsKind::Notice, None, "of a later version"), "Mailboat", "of a later version"),
    ] {
        assert_eq!(show(vec![news]), (title.to_owned(), body.to_owned(), "Annehmen".to_owned()));
    }
    let many: Vec<_> = (1..=12).map(|id| message(id, id % 6, "hallo")).collect();
    let (title, body, _) = show([many, vec![request(13, 9), failure(14, 2)]].concat());
    assert_eq!(
        title,
        "12 neue Nachrichten in 6 Gesprächen, 1 Anfrage, 1 von dir kamen nicht durch"
    );
    assert!(body.ends_with("und 3 weitere"), "{body}");
    // With nothing to show nobody makes words.
    let mut planner = Planner::new(night());
    let speak = || -> Words { panic!("there is nothing to say") };
    let (night, kept) = (NOON + 11 * HOUR, vec![message(1, 1, "at night")]);
    planner.plan(night, &TimeZone::UTC, kept, &BTreeSet::new(), speak);
    planner.plan(NOON, &TimeZone::UTC, Vec::new(), &BTreeSet::new(), speak);
}

#[test]
fn several_of_one_conversation_are_one_card_and_what_follows_replaces_it() {
    let mut desk = Desk::caught_up(Notify::default());
    let cards = desk.tell(&[message(1, 1, "one"), message(2, 1, "two")]);
    assert_eq!(said(&cards[0]), ("person1 (2)", "one\ntwo"));
    let cards = desk.tell(&[message(3, 1, "three")]);
    assert_eq!(said(&cards[0]), ("person1 (3)", "one\ntwo\nthree"));
    assert_eq!((desk.shown.len(), cards[0].fresh.len()), (1, 1));
}

#[test]
fn a_visit_that_brings_many_conversations_is_one_digest() {
    let mut desk = Desk::caught_up(Notify::default());
    let three: Vec<_> = (1..=3).map(|id| message(id, id, "hello")).collect();
    assert_eq!(desk.tell(&three).len(), 3, "digest_after conversations are shown one by one");
    let mut desk = Desk::caught_up(Notify::default());
    let mut many: Vec<_> = (1..=12).map(|id| message(id, id % 4, &format!("text {id}"))).collect();
    many.push(request(13, 9));
    many.push(failure(14, 2));
    let cards = desk.tell(&many);
    assert_eq!(cards.len(), 1);
    assert_eq!(
        said(&cards[0]),
        (
            "12 new messages in 4 conversations, 1 request to chat, 1 of yours did not get through",
            "1 of yours did not get through: it expired\nperson9 asks to chat: It is me\nperson0 (3): text 12\n\
            person3 (3): text 11\nperson2 (3): text 10\nand 1 more"
        )
    );
    let cards = desk.tell(&[message(20, 20, "later")]);
    assert_eq!(cards[0].key, Key::Digest, "what follows goes into the digest that is still there");
    desk.planner.closed(&Key::Digest);
    assert_eq!(
        desk.tell(&[message(21, 20, "later")])[0].key,
        Key::Conversation(ConversationId(20))
    );
}

#[test]
fn after_a_gap_more_than_one_conversation_is_a_digest() {
    let two = [message(1, 1, "one"), message(2, 2, "two")];
    let mut desk = Desk::new(Notify::default());
    assert_eq!(desk.tell(&two)[0].key, Key::Digest, "after a start");
    let mut desk = Desk::caught_up(Notify::default());
    desk.planner.missed();
    assert_eq!(desk.tell(&two).len(), 1, "when a service has come");
    let mut desk = Desk::new(Notify::default());
    assert_eq!(
        desk.tell(&two[..1])[0].key,
        Key::Conversation(ConversationId(1)),
        "a single one is itself"
    );
}

#[test]
fn quiet_hours_keep_back_until_they_end_and_tell_in_one_digest() {
    let mut desk = Desk::caught_up(night());
    let late = NOON + 11 * HOUR;
    let came = [message(1, 1, "one"), request(2, 2)];
    let plan = desk.look(late, &came, |_| true);
    assert_eq!((plan.show.len(), plan.look_at), (0, Some(NOON + 19 * HOUR)));
    let plan = desk.look(NOON + 19 * HOUR, &came, |_| true);
    assert_eq!((plan.show.len(), plan.look_at), (1, None));
    assert_eq!(plan.show[0].title, "1 new message, 1 request to chat");
    assert!(plan.show[0].stays(), "who was asleep has to find it");
}

#[test]
fn urgent_ones_break_quiet_hours_only_where_the_settings_say_so() {
    let late = NOON + 11 * HOUR;
    let came = [message(1, 1, "one"), urgent(2, 2)];
    let mut desk = Desk::caught_up(night());
    let plan = desk.look(late, &came, |_| true);
    assert_eq!(said(&plan.show[0]), ("Urgent: person2", "now!"));
    assert!(plan.show.len() == 1 && plan.show[0].urgent && plan.look_at.is_some());
    let mut desk = Desk::caught_up(Notify { urgent_breaks_quiet: false, ..night() });
    let plan = desk.look(late, &came, |_| true);
    assert!(plan.show.is_empty() && plan.look_at.is_some());
}

#[test]
fn a_source_may_be_muted_or_heard_only_when_urgent() {
    let rule = |person: &str, conversation: &str, min_priority| Source {
        person: person.to_owned(),
        conversation: conversation.to_owned(),
        min_priority,
    };
    let settings = Notify {
        source: vec![
            rule("person1", "", MinPriority::Urgent),
            rule("", "c2", MinPriority::Never),
            rule("person3", "", MinPriority::Ordinary),
        ],
        min_priority: MinPriority::Urgent,
        ..Notify::default()
    };
    let came =
        [message(1, 1, "a"), urgent(2, 1), urgent(3, 2), message(4, 3, "b"), message(5, 4, "c")];
    let mut desk = Desk::caught_up(settings);
    let plan = desk.look(NOON, &came, |_| true);
    let told: BTreeSet<NewsId> = plan.show.iter().flat_map(|card| card.fresh.clone()).collect();
    assert_eq!(told, BTreeSet::from([2, 4].map(|id| NewsId::Message(MessageId(id)))));
    assert_eq!(plan.passed_over.len(), 3);
}

#[test]
fn of_two_rules_for_one_source_the_first_holds() {
    for (first, second, shown) in [
        (MinPriority::Never, MinPriority::Ordinary, 0),
        (MinPriority::Ordinary, MinPriority::Never, 1),
    ] {
        let rule = |person: &str, conversation: &str, min_priority| Source {
            person: person.to_owned(),
            conversation: conversation.to_owned(),
            min_priority,
        };
        let source = vec![rule("person1", "", first), rule("", "c1", second)];
        let mut desk = Desk::caught_up(Notify { source, ..Notify::default() });
        assert_eq!(desk.tell(&[message(1, 1, "a")]).len(), shown);
    }
}

#[test]
fn urgent_ones_of_many_conversations_are_one_digest_too() {
    let mut desk = Desk::caught_up(Notify::default());
    let few: Vec<_> = (1..=3).map(|id| urgent(id, id)).collect();
    assert_eq!(desk.tell(&few).len(), 3);
    let mut desk = Desk::caught_up(Notify::default());
    let many: Vec<_> = (1..=4).map(|id| urgent(id, id)).collect();
    let cards = desk.tell(&many);
    assert_eq!((cards.len(), &cards[0].key, cards[0].urgent), (1, &Key::Digest, true));
}

#[test]
fn where_many_cards_stand_what_follows_goes_into_one() {
    let mut desk = Desk::caught_up(Notify::default());
    let most = i64::try_from(OPEN_MAX).unwrap();
    for id in 1..=most {
        let card = &desk.tell(&[message(id, id, "hello")])[0];
        assert_eq!(card.key, Key::Conversation(ConversationId(id)));
    }
    assert_eq!(desk.tell(&[message(most + 1, most + 1, "hello")])[0].key, Key::Digest);
    assert_eq!(desk.tell(&[message(most + 2, most + 2, "hello")])[0].key, Key::Digest);
    assert_eq!(desk.shown.len(), OPEN_MAX + 1);
}

#[test]
fn a_rule_for_a_conversation_holds_after_it_was_found_to_be_another_one() {
    let rule = Source {
        conversation: "c7".to_owned(),
        min_priority: MinPriority::Never,
        ..Source::default()
    };
    let mut desk = Desk::caught_up(Notify { source: vec![rule], ..Notify::default() });
    let merged = News { also: vec![ConversationId(7)], ..message(1, 2, "a") };
    let plan = desk.look(NOON, &[merged, message(2, 3, "b")], |_| true);
    assert_eq!(plan.passed_over, [NewsId::Message(MessageId(1))]);
    assert_eq!(plan.show.len(), 1);
}

#[test]
fn what_was_read_elsewhere_is_cleared_here() {
    let mut desk = Desk::caught_up(Notify::default());
    desk.tell(&[message(1, 1, "one"), message(2, 1, "two"), message(3, 2, "three")]);
    let read = |id: i64| NewsId::Message(MessageId(id));
    let plan = desk.look(NOON, &[], |id| *id != read(1));
    assert_eq!(plan, Plan::default(), "one of two is read: nothing flashes");
    let plan = desk.look(NOON, &[], |id| *id == read(3));
    assert_eq!(plan.close, [Key::Conversation(ConversationId(1))]);
    let cards = desk.tell(&[message(4, 2, "four")]);
    assert_eq!(said(&cards[0]), ("person2 (2)", "three\nfour"));
}

#[test]
fn a_request_asks_for_an_answer_unless_nobody_may_see_whose_it_is() {
    let mut desk = Desk::caught_up(Notify::default());
    let cards = desk.tell(&[request(1, 1)]);
    assert_eq!(said(&cards[0]), ("person1 asks to chat", "It is me"));
    assert!(cards[0].asks && cards[0].stays());
    let mut desk = Desk::caught_up(Notify { preview: Preview::Name, ..Notify::default() });
    assert_eq!(said(&desk.tell(&[request(1, 1)])[0]), ("person1 asks to chat", ""));
    let mut desk = Desk::caught_up(Notify { preview: Preview::None, ..Notify::default() });
    let cards = desk.tell(&[request(1, 1)]);
    assert_eq!(said(&cards[0]), ("Mailboat", "1 request to chat"));
    assert!(!cards[0].asks);
}

#[test]
fn a_click_leads_to_the_newest() {
    let mut desk = Desk::new(Notify::default());
    desk.tell(&[message(1, 1, "one"), message(2, 2, "two")]);
    let place = desk.planner.place(&Key::Digest);
    assert_eq!((place.conversation, place.message), (Some(ConversationId(2)), Some(MessageId(2))));
}

/// What may happen to an agent.
#[derive(Clone, Debug)]
enum Step {
    Came { conversation: i64, urgent: bool, kind: u8 },
    Read { nth: usize },
    Later { seconds: i64 },
    Look,
    Restart,
    NoService,
    Dismiss { nth: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..7_i64, prop::bool::weighted(0.1), 0..8_u8)
            .prop_map(|(conversation, urgent, kind)| Step::Came { conversation, urgent, kind }),
        2 => (0..20_usize).prop_map(|nth| Step::Read { nth }),
        3 => (1..20 * HOUR).prop_map(|seconds| Step::Later { seconds }),
        5 => Just(Step::Look),
        1 => Just(Step::Restart),
        1 => Just(Step::NoService),
        1 => (0..4_usize).prop_map(|nth| Step::Dismiss { nth }),
    ]
}

fn settings() -> impl Strategy<Value = Notify> {
    (1..5_u32, any::<bool>(), any::<bool>(), 0..3_u8).prop_map(
        |(digest_after, quiet, breaks, preview)| Notify {
            digest_after,
            quiet_hours: if quiet { night().quiet_hours } else { Vec::new() },
            urgent_breaks_quiet: breaks,
            preview: [Preview::Text, Preview::Name, Preview::None][preview as usize],
            source: vec![Source {
                person: "person6".to_owned(),
                min_priority: MinPriority::Never,
                ..Source::default()
            }],
            ..Notify::default()
        },
    )
}

/// The store and the desktop in a few lines.
#[derive(Default)]
struct World {
    all: Vec<News>,
    read: BTreeSet<NewsId>,
    told: BTreeSet<NewsId>,
    passed_over: BTreeSet<NewsId>,
}

impl World {
    fn untold(&self) -> Vec<News> {
        let is_untold = |news: &&News| {
            let id = &news.id;
            !self.read.contains(id) && !self.told.contains(id) && !self.passed_over.contains(id)
        };
        self.all.iter().filter(is_untold).cloned().collect()
    }

    fn came(&mut self, conversation: i64, urgent: bool, kind: u8) {
        let id = self.all.len() as i64 + 1;
        let news = match kind {
            0 => request(id, conversation + 100),
            1 => failure(id, conversation),
            _ => News { urgent, ..message(id, conversation, "text") },
        };
        self.all.push(news);
    }

    fn look(&mut self, desk: &mut Desk, settings: &Notify, now: i64, has_service: bool) {
        let untold = self.untold();
        let read = &self.read;
        let still = desk.planner.on_desktop().into_iter().filter(|id| !read.contains(id)).collect();
        let was_gap = desk.shown.is_empty();
        let plan = desk.planner.plan(now, &TimeZone::UTC, untold, &still, english);
        let hour = now.rem_euclid(86_400) / HOUR;
        let is_quiet = !settings.quiet_hours.is_empty() && !(7..22).contains(&hour);
        for key in &plan.close {
            desk.shown.remove(key);
        }
        self.passed_over.extend(plan.passed_over.iter().cloned());
        let new_cards = plan.show.iter().filter(|card| !desk.shown.contains_key(&card.key)).count();
        let most = 2 * settings.digest_after as usize + 1;
        assert!(new_cards <= most, "a flood: {:?}", plan.show);
        assert!(!was_gap || plan.show.len() <= most);
        if !has_service {
            desk.planner.missed();
            return;
        }
        for card in &plan.show {
            assert!(!card.title.is_empty() && !card.news.is_empty());
            for id in &card.fresh {
                assert!(self.told.insert(id.clone()), "{id:?} was told twice");
                assert!(!self.read.contains(id), "{id:?} was read");
            }
            assert!(card.news.iter().all(|news| !self.read.contains(&news.id)));
            let breaks = settings.urgent_breaks_quiet && card.news.iter().any(|news| news.urgent);
            assert!(!is_quiet || breaks, "in quiet hours: {card:?}");
            desk.planner.shown(card);
            desk.shown.insert(card.key.clone(), card.clone());
        }
        desk.planner.caught_up(&plan);
        assert!(desk.shown.len() <= OPEN_MAX + 1);
        // Nothing is forgotten: what is not told yet is kept back, and there is a time for it.
        let left = self.untold();
        assert_eq!(left.is_empty(), plan.look_at.is_none(), "{left:?}");
        assert!(is_quiet || left.is_empty());
        assert!(plan.look_at.is_none_or(|at| now < at && at <= now + 9 * HOUR));
        assert!(left.iter().all(|news| !(news.urgent && settings.urgent_breaks_quiet)));
        assert!(self.told.iter().all(|id| !self.passed_over.contains(id)));
        // Whatever stands there has something that is still news.
        for key in desk.shown.keys() {
            assert!(desk.planner.on_desktop().iter().any(|id| !self.read.contains(id)), "{key:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_is_told_twice_forgotten_or_told_at_the_wrong_time(
        settings in settings(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let (mut world, mut now) = (World::default(), NOON);
        let mut desk = Desk::new(settings.clone());
        for step in steps {
            match step {
                Step::Came { conversation, urgent, kind } => world.came(conversation, urgent, kind),
                Step::Read { nth } => {
                    if let Some(news) = world.all.iter().rev().nth(nth) {
                        world.read.insert(news.id.clone());
                    }
                }
                Step::Later { seconds } => now += seconds,
                Step::Look => world.look(&mut desk, &settings, now, true),
                Step::Restart => desk = Desk::new(settings.clone()),
                Step::NoService => world.look(&mut desk, &settings, now, false),
                Step::Dismiss { nth } => {
                    if let Some(key) = desk.shown.keys().nth(nth).cloned() {
                        desk.shown.remove(&key);
                        desk.planner.closed(&key);
                    }
                }
            }
        }
        // In the end, in daylight, everything is told that was neither read nor muted.
        world.look(&mut desk, &settings, NOON + 400 * 86_400, true);
        prop_assert!(world.untold().is_empty());
    }
}
