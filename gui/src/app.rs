//! The program: its windows, what they show, and what goes from one to another.

mod arrive;
mod setup;
mod talk;
#[cfg(test)]
mod tests;
mod tray;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use agent::store::ConversationId;
use config::agent::Window as Look;
use iced::{
    Event, Length, Size, Subscription, Task, Theme, event, keyboard,
    keyboard::key::Named,
    system,
    theme::Mode,
    widget::{column, container, operation, row, rule},
    window,
};

use crate::{
    desk::{self, Desk},
    door::{Door, News},
    drafts::Drafts,
    goal::Goal,
    icon,
    instance::{self, Start},
    screen::{
        Cx,
        ask::{self, Ask},
        chat::{self, Chat},
        first_run::{self, FirstRun},
        help,
        notice::{self, Notice},
        portal::{self, Portal},
        settings::{self, Settings},
    },
    theme::{self, styles},
    tray::{self as item, Tray},
    widget::{Element, focus, tabbed::tabbed},
    words::Words,
};

/// From this width on the portal has the conversation beside its list.
const WIDE: f32 = 900.0;
/// Width of the list then.
const LIST: f32 = 360.0;

/// The settings as they open.
const SETTINGS: Size = Size::new(560.0, 680.0);

/// What a window shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The portal.
    Portal,
    /// One conversation.
    Chat(ConversationId),
    /// The settings.
    Settings,
}

/// What the portal shows in place of a conversation.
#[derive(Debug)]
enum Page {
    /// The form to ask somebody.
    Ask(Ask),
    /// The keys.
    Help,
}

#[derive(Debug)]
struct Window {
    place: Place,
    size: Size,
    /// It has the keyboard.
    is_focused: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct App {
    door: Door,
    desk: Desk,
    words: Words,
    clock: fn() -> i64,
    mode: Mode,
    windows: BTreeMap<window::Id, Window>,
    portal: Portal,
    /// Conversations that are shown somewhere.
    chats: BTreeMap<ConversationId, Chat>,
    /// The one in the portal itself.
    beside: Option<ConversationId>,
    /// What stands over it.
    page: Option<Page>,
    /// How often somebody said to look for the agent once more.
    looks: u32,
    /// What is being written.
    drafts: Drafts,
    /// Some of it is to be written soon.
    drafts_due: bool,
    /// Some of it could not be written.
    drafts_unwritten: bool,
    /// Where a start wants to go, while the store is not read yet.
    wanted: Option<Goal>,
    /// What has to be said of a start that led nowhere.
    notice: Option<Notice>,
    /// Shown in the portal's place until somebody is logged in and has chosen when to call.
    first_run: Option<FirstRun>,
    settings: Option<Settings>,
    /// What the settings say of colours, size and language.
    look: Look,
    tray: Tray,
}

/// Everything that happens.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Desk(desk::Message),
    Portal(portal::Message),
    Chat(ConversationId, chat::Message),
    FirstRun(first_run::Message),
    Settings(settings::Message),
    Ask(ask::Message),
    Help(help::Message),
    WindowOpened(window::Id, Size),
    WindowClosed(window::Id),
    WindowResized(window::Id, Size),
    WindowFocused(window::Id, bool),
    /// Drafts are to be written.
    DraftsDue,
    /// They were, or could not be.
    DraftsWritten(Result<(), String>),
    SystemTheme(Mode),
    /// Something that is shown is not true any more.
    TimePassed,
    Key(window::Id, Key),
    /// Somebody started the program once more.
    Started(Start),
    NoticeClosed,
    /// Of the item in the tray.
    Tray(item::Message),
}

/// A key that no widget took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Escape,
    Search,
    Ask,
    Link,
    Settings,
    Help,
    /// To the conversation below or above.
    Step {
        down: bool,
    },
    Close,
    Quit,
    Find,
}

impl App {
    /// The program with the portal open, on its way to what it was started for.
    pub(crate) fn new(
        door: Door,
        words: Words,
        look: Look,
        clock: fn() -> i64,
        start: &Start,
    ) -> (Self, Task<Message>) {
        let (desk, read) = Desk::new(&door);
        let mut app = Self {
            door,
            desk,
            words,
            clock,
            mode: Mode::None,
            windows: BTreeMap::new(),
            portal: Portal::default(),
            chats: BTreeMap::new(),
            beside: None,
            page: None,
            looks: 0,
            drafts: Drafts::default(),
            drafts_due: false,
            drafts_unwritten: false,
            wanted: None,
            notice: None,
            first_run: None,
            settings: None,
            look,
            tray: Tray::default(),
        };
        app.read_drafts();
        let arrive = app.arrive(start);
        let open = app.open(Place::Portal, theme_size());
        let mode = system::theme().map(Message::SystemTheme);
        (app, Task::batch([read.map(Message::Desk), open, mode, arrive]))
    }

    fn open(&mut self, place: Place, size: Size) -> Task<Message> {
        let settings = window::Settings {
            size,
            min_size: Some(Size::new(320.0, 400.0)),
            icon: icon::window(),
            ..window::Settings::default()
        };
        let (id, opened) = window::open(settings);
        self.windows.insert(id, Window { place, size, is_focused: false });
        opened.discard()
    }

    pub(crate) fn update(&mut self, message: Message) -> Task<Message> {
        let follows = self.follow(message);
        Task::batch([follows, self.tell_tray()])
    }

    fn follow(&mut self, message: Message) -> Task<Message> {
        match message {
            Message::Desk(message) => self.desk_moved(message),
            Message::Portal(message) => self.portal_heard(message),
            Message::Chat(id, message) => self.chat_heard(id, message),
            Message::FirstRun(message) => self.first_run_moved(message),
            Message::Settings(message) => self.settings_moved(message),
            Message::Ask(message) => self.ask_heard(message),
            Message::Help(help::Message::Closed) => {
                self.page = None;
                Task::none()
            }
            Message::WindowOpened(id, size) | Message::WindowResized(id, size) => {
                if let Some(window) = self.windows.get_mut(&id) {
                    window.size = size;
                }
                Task::none()
            }
            Message::WindowFocused(id, is_focused) => {
                if let Some(window) = self.windows.get_mut(&id) {
                    window.is_focused = is_focused;
                }
                self.tell_focus()
            }
            Message::DraftsDue => self.write_drafts(),
            Message::DraftsWritten(written) => {
                self.drafts_written(written);
                Task::none()
            }
            Message::WindowClosed(id) => self.closed(id),
            Message::SystemTheme(mode) => {
                self.mode = mode;
                Task::none()
            }
            Message::TimePassed => Task::none(),
            Message::Key(window, key) => self.key(window, key),
            Message::Started(start) => Task::batch([self.raise(), self.arrive(&start)]),
            Message::NoticeClosed => {
                self.notice = None;
                Task::none()
            }
            Message::Tray(message) => self.tray_heard(message),
        }
    }

    fn portal_heard(&mut self, message: portal::Message) -> Task<Message> {
        let wanted = self.portal.update(message, &self.desk);
        Task::batch(wanted.into_iter().map(|action| self.portal_wants(action)).collect::<Vec<_>>())
    }

    fn portal_wants(&mut self, action: portal::Action) -> Task<Message> {
        use portal::{Action, Message as Said};
        match action {
            Action::Open(id) => self.show(id),
            Action::Order(wanted, order) => Task::perform(self.door.ask(order), move |answer| {
                Message::Portal(Said::Answered(wanted, answer))
            }),
            Action::ReadLedger(link) => {
                let read = self.door.ledger(link, (self.clock)());
                Task::perform(read, |read| {
                    Message::Portal(Said::Link(portal::link::Message::LedgerRead(read)))
                })
            }
            Action::Start => Task::perform(self.door.start_agent(), |started| {
                Message::Portal(Said::Started(started))
            }),
            Action::Ask(names) => {
                self.page = Some(Page::Ask(Ask::of(names)));
                self.focus("ask-name")
            }
            Action::LookAgain => {
                self.looks += 1;
                Task::none()
            }
            Action::Focus(name) => self.focus(name),
            Action::Scroll(name, y) => {
                let to = operation::AbsoluteOffset { x: None, y: Some(y) };
                operation::scroll_to(name, to)
            }
            Action::Help => {
                self.page = Some(Page::Help);
                Task::none()
            }
            Action::Settings => self.open_settings(),
        }
    }

    /// Moves the keyboard to the field of this name in the portal.
    fn focus(&self, name: &'static str) -> Task<Message> {
        let portal = self.windows.iter().find(|(_, window)| window.place == Place::Portal);
        portal.map_or_else(Task::none, |(id, _)| focus::to(*id, name))
    }

    /// Sees that the list is to be seen in the portal, which in a narrow one makes room for a page or a conversation.
    /// Gives whether it was covered.
    fn show_list(&mut self) -> (Task<Message>, bool) {
        let portal = self.windows.values().find(|window| window.place == Place::Portal);
        let is_narrow = portal.is_some_and(|window| window.size.width < WIDE);
        if !is_narrow || (self.page.is_none() && self.beside.is_none()) {
            return (Task::none(), false);
        }
        self.page = None;
        (self.leave_chat(), true)
    }

    fn ask_heard(&mut self, message: ask::Message) -> Task<Message> {
        let Some(Page::Ask(ask)) = &mut self.page else { return Task::none() };
        match ask.update(message, &self.desk.known) {
            ask::Action::None => Task::none(),
            ask::Action::Order(order) => Task::perform(self.door.ask(order), |answer| {
                Message::Ask(ask::Message::Answered(answer))
            }),
            ask::Action::Focus(name) => self.focus(name),
            ask::Action::Open(id) => {
                self.page = None;
                self.show(id)
            }
            ask::Action::Close => {
                self.page = None;
                Task::none()
            }
        }
    }

    fn desk_moved(&mut self, message: desk::Message) -> Task<Message> {
        let has_changed =
            matches!(message, desk::Message::Heard(News::Changed | News::Visit { .. }));
        let mut tasks = vec![self.desk.update(message, &self.door).map(Message::Desk)];
        tasks.push(self.may_begin());
        if has_changed {
            for (id, chat) in &mut self.chats {
                let id = *id;
                let read = chat.read(&self.door);
                tasks.push(read.map(move |message| Message::Chat(id, message)));
            }
        }
        tasks.push(self.portal_heard(portal::Message::DeskMoved));
        if self.desk.is_read
            && let Some(goal) = self.wanted.take()
        {
            tasks.push(self.go(goal));
        }
        Task::batch(tasks)
    }

    fn closed(&mut self, id: window::Id) -> Task<Message> {
        let Some(window) = self.windows.remove(&id) else { return Task::none() };
        if window.place == Place::Settings {
            self.settings = None;
        }
        if let Place::Chat(id) = window.place
            && self.beside != Some(id)
        {
            self.chats.remove(&id);
        }
        // Without a window there is nothing that anybody could do with it: the agent goes on alone.
        if self.windows.is_empty() && !self.stays_in_tray() {
            return self.end();
        }
        Task::none()
    }

    fn key(&mut self, window: window::Id, key: Key) -> Task<Message> {
        match key {
            Key::Escape if self.is_settings(window) => self.leave_settings(window),
            Key::Escape => {
                if self.page.take().is_some() {
                    return Task::none();
                }
                let chat = self.shown_in(window).and_then(|id| self.chats.get_mut(&id));
                // What lies on top of it closes first.
                let is_done = chat.is_some_and(Chat::escape);
                // A window of its own is closed as windows are, and leaves the portal's conversation alone.
                if is_done || Some(window) != self.window_of(Place::Portal) {
                    return self.tell_focus();
                }
                self.leave_chat()
            }
            Key::Search => {
                let (shown, _) = self.show_list();
                Task::batch([shown, self.focus("search")])
            }
            Key::Ask => self.portal_heard(portal::Message::AskPressed(None)),
            Key::Link => {
                let (shown, was_covered) = self.show_list();
                // What nobody saw is not what is to be folded.
                if was_covered && self.portal.is_link_open() {
                    return shown;
                }
                let toggled = portal::Message::Link(portal::link::Message::Toggled);
                Task::batch([shown, self.portal_heard(toggled)])
            }
            Key::Help => self.portal_heard(portal::Message::HelpPressed),
            Key::Step { down } => self.portal_heard(portal::Message::Stepped { down }),
            Key::Close => window::close(window),
            Key::Find => match self.shown_in(window) {
                Some(id) => self.chat_heard(id, chat::Message::SearchToggled),
                None => Task::none(),
            },
            Key::Quit => self.end(),
            Key::Settings => self.open_settings(),
        }
    }

    fn cx(&self, width: f32) -> Cx<'_> {
        Cx { words: &self.words, desk: &self.desk, now: (self.clock)(), width }
    }

    pub(crate) fn view(&self, id: window::Id) -> Element<'_, Message> {
        let Some(window) = self.windows.get(&id) else { return container("").into() };
        let mut shown = self.place(window.place, window.size.width);
        let is_here = |notice: &&Notice| match notice {
            // Whoever writes has to know, wherever that is.
            Notice::Unwritten(_) => window.place != Place::Settings,
            _ => window.place == Place::Portal,
        };
        if let Some(notice) = self.notice.as_ref().filter(is_here) {
            let notice = notice.view(self.cx(window.size.width));
            shown = column![notice.map(|notice::Closed| Message::NoticeClosed), shown].into();
        }
        let root = container(shown)
            .id(focus::scope(id))
            .style(styles::ground)
            .width(Length::Fill)
            .height(Length::Fill);
        tabbed(id, root)
    }

    /// What a place looks like in a window of this width.
    pub(crate) fn place(&self, place: Place, width: f32) -> Element<'_, Message> {
        let cx = self.cx(width);
        let chat = |id: ConversationId, width: f32| {
            let chat = self.chats.get(&id)?;
            Some(chat.view(self.cx(width)).map(move |message| Message::Chat(id, message)))
        };
        let beside = match (place, &self.first_run, &self.settings) {
            (Place::Chat(id), ..) => {
                return chat(id, width).unwrap_or_else(|| container("").into());
            }
            (Place::Settings, _, Some(settings)) => {
                return settings.view(cx).map(Message::Settings);
            }
            (Place::Settings, _, None) => return container("").into(),
            (Place::Portal, Some(first_run), _) => {
                return first_run.view(cx).map(Message::FirstRun);
            }
            (Place::Portal, None, _) => self.beside,
        };
        let page = |width: f32| {
            let cx = self.cx(width);
            Some(match self.page.as_ref()? {
                Page::Ask(ask) => ask.view(cx).map(Message::Ask),
                Page::Help => help::view(cx).map(Message::Help),
            })
        };
        if width < WIDE {
            if let Some(page) = page(width) {
                return page;
            }
            if let Some(shown) = beside.and_then(|id| chat(id, width)) {
                return shown;
            }
            return self.portal.view(cx).map(Message::Portal);
        }
        let list = container(self.portal.view(self.cx(LIST)).map(Message::Portal)).width(LIST);
        let shown = page(width - LIST)
            .or_else(|| beside.and_then(|id| chat(id, width - LIST)))
            .unwrap_or_else(|| portal::blank(self.cx(width - LIST)).map(Message::Portal));
        row![list, rule::vertical(1).style(styles::hairline), shown].into()
    }

    pub(crate) fn title(&self, id: window::Id) -> String {
        let place = self.windows.get(&id).map(|window| window.place);
        match place {
            Some(Place::Chat(id)) => {
                let conversation = self.desk.known.conversation(id);
                conversation.map_or_else(String::new, |conversation| conversation.title.clone())
            }
            Some(Place::Settings) => self.words.say("settings-title"),
            Some(Place::Portal) | None => "Mailboat".to_owned(),
        }
    }

    pub(crate) fn theme(&self, _window: window::Id) -> Theme {
        match (self.look.theme, self.mode) {
            (config::agent::Theme::Dark, _) | (config::agent::Theme::System, Mode::Dark) => {
                theme::dark()
            }
            _ => theme::light(),
        }
    }

    /// How large everything is, beside what the desktop says.
    pub(crate) fn scale(&self, _window: window::Id) -> f32 {
        // At most 300: exact.
        self.look.scale_percent as f32 / 100.0
    }

    pub(crate) fn subscription(&self) -> Subscription<Message> {
        Subscription::batch([
            self.door.news(self.looks).map(|news| Message::Desk(desk::Message::Heard(news))),
            event::listen_with(heard),
            system::theme_changes().map(Message::SystemTheme),
            self.changes_at().map_or_else(Subscription::none, until),
            instance::starts(&self.door.paths().window).map(Message::Started),
            match self.look.tray {
                true => item::tray(self.in_tray()).map(Message::Tray),
                false => Subscription::none(),
            },
        ])
    }

    /// When something that somebody can see changes by itself, in seconds since 1970.
    fn changes_at(&self) -> Option<i64> {
        self.has_portal().then(|| self.portal.changes_at(self.cx(0.0))).flatten()
    }
}

/// One word when that moment has come. Nothing wakes up before it, and nothing after.
fn until(at: i64) -> Subscription<Message> {
    Subscription::run_with(at, |at| {
        let at = *at;
        iced::futures::stream::once(async move {
            // The computer may have slept meanwhile, or its clock been set: then there is more to wait for.
            while let Ok(left) = left_until(at) {
                tokio::time::sleep(left).await;
            }
            Message::TimePassed
        })
    })
}

/// How long it is until then; an error when that is over.
fn left_until(at: i64) -> Result<Duration, std::time::SystemTimeError> {
    let now = SystemTime::now();
    // A moment that no clock has is looked at again tomorrow.
    let tomorrow = || now + Duration::from_secs(24 * 60 * 60);
    let at = Duration::from_secs(at.max(0).unsigned_abs());
    let left =
        SystemTime::UNIX_EPOCH.checked_add(at).unwrap_or_else(tomorrow).duration_since(now)?;
    Ok(left + Duration::from_millis(1))
}

fn theme_size() -> Size {
    Size::new(360.0, 640.0)
}

/// What the windows' own events mean.
fn heard(event: Event, status: event::Status, window: window::Id) -> Option<Message> {
    match event {
        Event::Window(window::Event::Opened { size, .. }) => {
            Some(Message::WindowOpened(window, size))
        }
        Event::Window(window::Event::Resized(size)) => Some(Message::WindowResized(window, size)),
        Event::Window(window::Event::Focused) => Some(Message::WindowFocused(window, true)),
        Event::Window(window::Event::Unfocused) => Some(Message::WindowFocused(window, false)),
        Event::Window(window::Event::Closed) => Some(Message::WindowClosed(window)),
        Event::Keyboard(keyboard::Event::KeyPressed { key, modifiers, .. }) => {
            let key = shortcut(&key, modifiers, status)?;
            Some(Message::Key(window, key))
        }
        _ => None,
    }
}

fn shortcut(
    key: &keyboard::Key,
    modifiers: keyboard::Modifiers,
    status: event::Status,
) -> Option<Key> {
    let is_free = status == event::Status::Ignored;
    match key.as_ref() {
        keyboard::Key::Named(Named::Escape) if is_free => Some(Key::Escape),
        keyboard::Key::Named(Named::F1) => Some(Key::Help),
        keyboard::Key::Named(Named::ArrowDown) if modifiers.alt() => Some(Key::Step { down: true }),
        keyboard::Key::Named(Named::ArrowUp) if modifiers.alt() => Some(Key::Step { down: false }),
        keyboard::Key::Character("?") if is_free => Some(Key::Help),
        keyboard::Key::Character(character) if modifiers.command() => match character {
            "f" => Some(Key::Find),
            "k" => Some(Key::Search),
            "n" => Some(Key::Ask),
            "l" => Some(Key::Link),
            "," => Some(Key::Settings),
            "w" => Some(Key::Close),
            "q" => Some(Key::Quit),
            _ => None,
        },
        _ => None,
    }
}
