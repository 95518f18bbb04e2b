//! The item in the desktop's tray, where it has one: what is unread, the next call, and a menu.
//!
//! It is told of what it shows when that is not as it was told last; nothing else wakes it. Where no tray is there, one
//! connection to the session's bus waits for one; without a bus, or elsewhere than on a free desktop, there is nothing.

#[cfg(all(unix, not(target_os = "macos")))]
mod item;

use iced::{
    Subscription,
    futures::{Stream, channel::mpsc::Sender},
};

/// What the item shows, in the user's language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Something was not read, or somebody asks.
    pub(crate) has_news: bool,
    /// What there is, in a line.
    pub(crate) news: String,
    /// The next call, or why there is none.
    pub(crate) next: String,
    /// Names of the menu's lines.
    pub(crate) open: String,
    pub(crate) call: String,
    pub(crate) quit: String,
    /// Somebody can be asked to call.
    pub(crate) can_call: bool,
}

/// What happens to it.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// It is there.
    Ready(Handle),
    /// A tray shows it, or none does.
    Hosted(bool),
    OpenPressed,
    CallPressed,
    QuitPressed,
    /// It took what it was told.
    Told,
}

/// The way to the item.
#[derive(Clone)]
pub(crate) struct Handle(#[cfg(all(unix, not(target_os = "macos")))] ksni::Handle<item::Item>);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle")
    }
}

/// What the first picture shows; the same subscription, whatever that is.
#[derive(Clone, Debug)]
struct First(Shown);

impl std::hash::Hash for First {
    fn hash<H: std::hash::Hasher>(&self, _state: &mut H) {}
}

/// The item, for as long as it is wanted. It begins with `shown`.
pub(crate) fn tray(shown: Shown) -> Subscription<Message> {
    Subscription::run_with(First(shown), feed)
}

fn feed(first: &First) -> impl Stream<Item = Message> + use<> {
    let shown = first.0.clone();
    iced::stream::channel(8, async move |out: Sender<Message>| run(shown, out).await)
}

#[cfg(all(unix, not(target_os = "macos")))]
use self::item::run;

#[cfg(not(all(unix, not(target_os = "macos"))))]
async fn run(_shown: Shown, _out: Sender<Message>) {
    std::future::ready(()).await;
}

impl Handle {
    /// Tells it what to show.
    #[cfg(all(unix, not(target_os = "macos")))]
    pub(crate) fn show(&self, shown: Shown) -> impl Future<Output = ()> + use<> {
        let handle = self.0.clone();
        async move { _ = handle.update(|item| item.shown = shown).await }
    }

    /// There is none.
    #[cfg(not(all(unix, not(target_os = "macos"))))]
    pub(crate) fn show(&self, _shown: Shown) -> impl Future<Output = ()> + use<> {
        std::future::ready(())
    }
}

/// What the program knows of its item.
#[derive(Debug, Default)]
pub(crate) struct Tray {
    handle: Option<Handle>,
    /// A tray said that it is not there.
    is_lost: bool,
    told: Option<Shown>,
}

impl Tray {
    /// It can be told of things.
    pub(crate) fn is_there(&self) -> bool {
        self.handle.is_some()
    }

    /// Somebody can see it.
    pub(crate) fn is_shown(&self) -> bool {
        self.handle.is_some() && !self.is_lost
    }

    /// It is there. What it shows is not known: it may have waited for long.
    pub(crate) fn ready(&mut self, handle: Handle) {
        (self.handle, self.told) = (Some(handle), None);
    }

    /// Whether a tray shows it.
    pub(crate) fn hosted(&mut self, is_hosted: bool) {
        self.is_lost = !is_hosted;
    }

    /// What has to be told, and to whom; none where it shows that already.
    pub(crate) fn due(&mut self, shown: &Shown) -> Option<Handle> {
        let handle = self.handle.clone().filter(|_| self.told.as_ref() != Some(shown))?;
        self.told = Some(shown.clone());
        Some(handle)
    }
}
