//! One notification: what it stands for, and its words.

use config::agent::Preview;

use crate::{
    cli::out::{brief, safe},
    store::{ConversationId, MessageId, News, NewsId, NewsKind},
    words::Words,
};

/// The title of what Mailboat itself says.
const NAME: &str = "Mailboat";
/// Characters of a title.
const TITLE_MAX: usize = 120;
/// Characters of a text that stands alone.
const TEXT_MAX: usize = 300;
/// Characters of one line among others.
const LINE_MAX: usize = 100;
/// Lines of a body.
const LINES_MAX: usize = 5;

/// What a notification is about: what comes for the same key goes into the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    /// Everything at once.
    Digest,
    /// Messages of one conversation.
    Conversation(ConversationId),
    /// Somebody asks to chat.
    Request(ConversationId),
    /// What of our own did not get through.
    Failures,
    /// What Mailboat itself says.
    Notices,
    /// Something of the agent's own does not work.
    Trouble(String),
}

impl Key {
    pub(crate) fn of(news: &News) -> Self {
        match (news.kind, news.conversation, &news.id) {
            (NewsKind::Message, Some(id), _) => Self::Conversation(id),
            (NewsKind::Request, Some(id), _) => Self::Request(id),
            (NewsKind::Failure, ..) => Self::Failures,
            (NewsKind::Trouble, _, NewsId::Trouble(source)) => Self::Trouble(source.clone()),
            _ => Self::Notices,
        }
    }
}

/// One notification, to be shown in place of the one with the same key if that is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) key: Key,
    /// One line.
    pub(crate) title: String,
    /// Plain text; may be empty.
    pub(crate) body: String,
    pub(crate) urgent: bool,
    /// Whether it asks to accept or decline.
    pub(crate) asks: bool,
    /// What stands on its buttons.
    pub(crate) buttons: Buttons,
    /// All that it stands for, oldest first.
    pub(crate) news: Vec<News>,
    /// What of that is told for the first time.
    pub(crate) fresh: Vec<NewsId>,
}

/// What stands on the buttons of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Buttons {
    pub(crate) open: String,
    pub(crate) accept: String,
    pub(crate) decline: String,
}

impl Buttons {
    fn of(words: &Words) -> Self {
        let [open, accept, decline] =
            ["notify-open", "notify-accept", "notify-decline"].map(|key| words.say(key));
        Self { open, accept, decline }
    }
}

/// Where a click leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The conversation of the newest that has one.
    pub(crate) conversation: Option<ConversationId>,
    /// The newest message of it.
    pub(crate) message: Option<MessageId>,
}

impl Place {
    pub(crate) fn of(news: &[News]) -> Self {
        let newest = news.iter().rev().find(|one| one.conversation.is_some());
        let message = newest.and_then(|one| match one.id {
            NewsId::Message(id) => Some(id),
            _ => None,
        });
        Self { conversation: newest.and_then(|one| one.conversation), message }
    }
}

impl Card {
    /// The card of `news` (at least one, oldest first), all of which belongs to `key`.
    pub(crate) fn new(
        key: Key,
        news: Vec<News>,
        fresh: Vec<NewsId>,
        preview: Preview,
        words: &Words,
    ) -> Self {
        let (title, body) = match (&key, preview) {
            (Key::Digest, _) => digest(&news, preview, words),
            (_, Preview::None) => (NAME.to_owned(), tally(&news, words)),
            (Key::Conversation(_), _) => conversation(&news, preview, words),
            (Key::Request(_), _) => request(&news, preview, words),
            (Key::Failures, _) => failures(&news, preview, words),
            (Key::Notices, Preview::Text) => (NAME.to_owned(), texts(&news)),
            (Key::Notices, Preview::Name) => (NAME.to_owned(), tally(&news, words)),
            (Key::Trouble(_), _) => (words.say("notify-trouble"), texts(&news)),
        };
        let urgent = news.iter().any(|one| one.urgent);
        let title = match urgent {
            true => words.tell("notify-urgent", &[("title", title.into())]),
            false => title,
        };
        Self {
            title: brief(&title, TITLE_MAX),
            body,
            urgent,
            // Who it is has to be known before it can be answered.
            asks: matches!(key, Key::Request(_)) && preview != Preview::None,
            buttons: Buttons::of(words),
            key,
            news,
            fresh,
        }
    }

    /// Something said once, which stands for nothing in the store.
    pub(crate) fn said(key: Key, title: &str, body: &str, words: &Words) -> Self {
        Self {
            key,
            title: brief(title, TITLE_MAX),
            body: brief(body, TEXT_MAX),
            urgent: false,
            asks: false,
            buttons: Buttons::of(words),
            news: Vec::new(),
            fresh: Vec::new(),
        }
    }

    /// Whether it should wait for a person rather than go away by itself.
    pub(crate) fn stays(&self) -> bool {
        self.urgent || self.asks || self.key == Key::Digest
    }
}

fn conversation(news: &[News], preview: Preview, words: &Words) -> (String, String) {
    let Some(newest) = news.last() else { return Default::default() };
    let (title, many) = (safe(&newest.title, false), news.len());
    if preview == Preview::Name {
        return (title, words.tell("notify-messages", &[("n", many.into())]));
    }
    let one_author = news.iter().all(|one| one.from == newest.from);
    let title = match (newest.pair, one_author) {
        (false, true) => {
            let args = [("who", (&newest.from).into()), ("title", title.into())];
            words.tell("notify-in-group", &args)
        }
        _ => title,
    };
    if let [only] = news {
        return (title, text(&only.text));
    }
    let body = lines(news, |one| match one_author {
        true => brief(&one.text, LINE_MAX),
        false => brief(&format!("{}: {}", one.from, one.text), LINE_MAX),
    });
    (words.tell("notify-many", &[("title", title.into()), ("n", many.into())]), body)
}

fn request(news: &[News], preview: Preview, words: &Words) -> (String, String) {
    let Some(newest) = news.last() else { return Default::default() };
    let who = ("who", (&newest.from).into());
    let title = match newest.pair {
        true => words.tell("notify-asks", &[who]),
        false => words.tell("notify-asks-into", &[who, ("title", (&newest.title).into())]),
    };
    (title, if preview == Preview::Text { text(&newest.text) } else { String::new() })
}

fn failures(news: &[News], preview: Preview, words: &Words) -> (String, String) {
    let whole = preview == Preview::Text;
    if let [only] = news {
        let what = match only.title.is_empty() {
            true => words.say("notify-lost-something"),
            false => only.title.clone(),
        };
        let body = if whole { text(&only.text) } else { String::new() };
        return (words.tell("notify-lost", &[("what", what.into())]), body);
    }
    let body = lines(news, |one| match whole {
        true => brief(&format!("{}: {}", one.title, one.text), LINE_MAX),
        false => brief(&one.title, LINE_MAX),
    });
    (lost(news.len(), words), body)
}

fn lost(many: usize, words: &Words) -> String {
    words.tell("notify-lost-many", &[("n", many.into())])
}

fn digest(news: &[News], preview: Preview, words: &Words) -> (String, String) {
    if preview == Preview::None {
        return (NAME.to_owned(), tally(news, words));
    }
    let mut keys: Vec<Key> = Vec::new();
    for key in news.iter().rev().map(Key::of) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let line = |key: &Key| {
        let of_it: Vec<&News> = news.iter().filter(|one| Key::of(one) == *key).collect();
        let Some(newest) = of_it.last() else { return String::new() };
        let what = match key {
            Key::Conversation(_) => match of_it.len() {
                1 => newest.title.clone(),
                many => {
                    let args = [("title", (&newest.title).into()), ("n", many.into())];
                    words.tell("notify-many", &args)
                }
            },
            Key::Request(_) => words.tell("notify-asks", &[("who", (&newest.from).into())]),
            Key::Failures => lost(of_it.len(), words),
            Key::Trouble(_) => words.say("notify-trouble-line"),
            Key::Notices | Key::Digest => NAME.to_owned(),
        };
        match preview {
            Preview::Text if !newest.text.is_empty() => {
                brief(&format!("{what}: {}", newest.text), LINE_MAX)
            }
            _ => brief(&what, LINE_MAX),
        }
    };
    let mut body: Vec<String> = keys.iter().take(LINES_MAX).map(line).collect();
    if LINES_MAX < keys.len() {
        body.push(words.tell("notify-more", &[("n", (keys.len() - LINES_MAX).into())]));
    }
    (tally(news, words), body.join("\n"))
}

/// `12 new messages in 4 conversations, 1 request to chat`.
fn tally(news: &[News], words: &Words) -> String {
    let of = |kind: NewsKind| news.iter().filter(move |one| one.kind == kind);
    let mut parts = Vec::new();
    let messages = of(NewsKind::Message).count();
    if 0 < messages {
        let mut chats: Vec<_> = of(NewsKind::Message).map(|one| one.conversation).collect();
        chats.sort_unstable();
        chats.dedup();
        let part = words.tell("notify-messages", &[("n", messages.into())]);
        parts.push(match chats.len() {
            ..=1 => part,
            many => {
                let args = [("messages", part.into()), ("n", many.into())];
                words.tell("notify-messages-in", &args)
            }
        });
    }
    for (kind, key) in [
        (NewsKind::Request, "notify-requests"),
        (NewsKind::Failure, "notify-lost-many"),
        (NewsKind::Notice, "notify-notices"),
    ] {
        let many = of(kind).count();
        if 0 < many {
            parts.push(words.tell(key, &[("n", many.into())]));
        }
    }
    if of(NewsKind::Trouble).next().is_some() {
        parts.push(words.say("notify-trouble-among"));
    }
    parts.join(", ")
}

fn texts(news: &[News]) -> String {
    match news {
        [only] => text(&only.text),
        news => lines(news, |one| brief(&one.text, LINE_MAX)),
    }
}

/// The newest lines, in their order.
fn lines(news: &[News], line: impl Fn(&News) -> String) -> String {
    let newest = &news[news.len().saturating_sub(LINES_MAX)..];
    newest.iter().map(line).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// A text that stands alone keeps its line breaks.
fn text(said: &str) -> String {
    let said = safe(said.trim(), true);
    if said.chars().count() <= TEXT_MAX {
        return said;
    }
    let cut: String = said.chars().take(TEXT_MAX - 1).collect();
    format!("{}…", cut.trim_end())
}
