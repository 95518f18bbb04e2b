//! One notification: what it stands for, and its words.

use config::agent::Preview;

use crate::{
    cli::out::{brief, count, safe},
    store::{ConversationId, MessageId, News, NewsId, NewsKind},
};

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
    /// All that it stands for, oldest first.
    pub(crate) news: Vec<News>,
    /// What of that is told for the first time.
    pub(crate) fresh: Vec<NewsId>,
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
    pub(crate) fn new(key: Key, news: Vec<News>, fresh: Vec<NewsId>, preview: Preview) -> Self {
        let (title, body) = match (&key, preview) {
            (Key::Digest, _) => digest(&news, preview),
            (_, Preview::None) => ("Mailboat".to_owned(), tally(&news)),
            (Key::Conversation(_), _) => conversation(&news, preview),
            (Key::Request(_), _) => request(&news, preview),
            (Key::Failures, _) => failures(&news, preview),
            (Key::Notices, Preview::Text) => ("Mailboat".to_owned(), texts(&news)),
            (Key::Notices, Preview::Name) => ("Mailboat".to_owned(), tally(&news)),
            (Key::Trouble(_), _) => ("Mailboat has trouble".to_owned(), texts(&news)),
        };
        let urgent = news.iter().any(|one| one.urgent);
        let title = if urgent { format!("Urgent: {title}") } else { title };
        Self {
            title: brief(&title, TITLE_MAX),
            body,
            urgent,
            // Who it is has to be known before it can be answered.
            asks: matches!(key, Key::Request(_)) && preview != Preview::None,
            key,
            news,
            fresh,
        }
    }

    /// Something said once, which stands for nothing in the store.
    pub(crate) fn said(key: Key, title: &str, body: &str) -> Self {
        Self {
            key,
            title: brief(title, TITLE_MAX),
            body: brief(body, TEXT_MAX),
            urgent: false,
            asks: false,
            news: Vec::new(),
            fresh: Vec::new(),
        }
    }

    /// Whether it should wait for a person rather than go away by itself.
    pub(crate) fn stays(&self) -> bool {
        self.urgent || self.asks || self.key == Key::Digest
    }
}

fn conversation(news: &[News], preview: Preview) -> (String, String) {
    let Some(newest) = news.last() else { return Default::default() };
    let (title, many) = (safe(&newest.title, false), news.len());
    if preview == Preview::Name {
        return (title, count(many as u64, "new message"));
    }
    let one_author = news.iter().all(|one| one.from == newest.from);
    let title = match (newest.pair, one_author) {
        (false, true) => format!("{} in {title}", newest.from),
        _ => title,
    };
    if let [only] = news {
        return (title, text(&only.text));
    }
    let body = lines(news, |one| match one_author {
        true => brief(&one.text, LINE_MAX),
        false => brief(&format!("{}: {}", one.from, one.text), LINE_MAX),
    });
    (format!("{title} ({many})"), body)
}

fn request(news: &[News], preview: Preview) -> (String, String) {
    let Some(newest) = news.last() else { return Default::default() };
    let title = match newest.pair {
        true => format!("{} asks to chat", newest.from),
        false => format!("{} asks you into {}", newest.from, newest.title),
    };
    (title, if preview == Preview::Text { text(&newest.text) } else { String::new() })
}

fn failures(news: &[News], preview: Preview) -> (String, String) {
    let whole = preview == Preview::Text;
    if let [only] = news {
        let to = if only.title.is_empty() { "something of yours" } else { &only.title };
        let body = if whole { text(&only.text) } else { String::new() };
        return (format!("Did not get through: {to}"), body);
    }
    let body = lines(news, |one| match whole {
        true => brief(&format!("{}: {}", one.title, one.text), LINE_MAX),
        false => brief(&one.title, LINE_MAX),
    });
    (format!("{} of yours did not get through", news.len()), body)
}

fn digest(news: &[News], preview: Preview) -> (String, String) {
    if preview == Preview::None {
        return ("Mailboat".to_owned(), tally(news));
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
                many => format!("{} ({many})", newest.title),
            },
            Key::Request(_) => format!("{} asks to chat", newest.from),
            Key::Failures => format!("{} of yours did not get through", of_it.len()),
            Key::Trouble(_) => "Trouble".to_owned(),
            Key::Notices | Key::Digest => "Mailboat".to_owned(),
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
        body.push(format!("and {} more", keys.len() - LINES_MAX));
    }
    (tally(news), body.join("\n"))
}

/// `12 new messages in 4 conversations, 1 request to chat`.
fn tally(news: &[News]) -> String {
    let of = |kind: NewsKind| news.iter().filter(move |one| one.kind == kind);
    let number = |kind: NewsKind| of(kind).count() as u64;
    let mut parts = Vec::new();
    let messages = number(NewsKind::Message);
    if 0 < messages {
        let mut chats: Vec<_> = of(NewsKind::Message).map(|one| one.conversation).collect();
        chats.sort_unstable();
        chats.dedup();
        let mut part = count(messages, "new message");
        if 1 < chats.len() {
            part.push_str(&format!(" in {}", count(chats.len() as u64, "conversation")));
        }
        parts.push(part);
    }
    match number(NewsKind::Request) {
        0 => {}
        1 => parts.push("1 request to chat".to_owned()),
        requests => parts.push(format!("{requests} requests to chat")),
    }
    match number(NewsKind::Failure) {
        0 => {}
        failures => parts.push(format!("{failures} of yours did not get through")),
    }
    match number(NewsKind::Notice) {
        0 => {}
        notices => parts.push(count(notices, "notice")),
    }
    if 0 < number(NewsKind::Trouble) {
        parts.push("trouble".to_owned());
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
