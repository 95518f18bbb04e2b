//! The program's item in the tray: what it shows, what is pressed in it, and whether the program stays in it.

use iced::Task;

use super::{App, Message, Place};
use crate::{
    desk::Agent,
    screen::portal::{self, link},
    tray::{self, Shown},
};

impl App {
    pub(super) fn tray_heard(&mut self, message: tray::Message) -> Task<Message> {
        use tray::Message as Said;
        match message {
            Said::Ready(handle) => self.tray.ready(handle),
            Said::Hosted(is_hosted) => self.tray.hosted(is_hosted),
            Said::OpenPressed => return self.raise(),
            Said::CallPressed => {
                return self.portal_heard(portal::Message::Link(link::Message::CallPressed));
            }
            Said::QuitPressed => return self.end(),
            Said::Told => {}
        }
        Task::none()
    }

    /// Tells the item what it does not show yet. Nothing wakes it otherwise.
    pub(super) fn tell_tray(&mut self) -> Task<Message> {
        if !self.look.tray || !self.tray.is_there() {
            return Task::none();
        }
        let shown = self.in_tray();
        match self.tray.due(&shown) {
            Some(handle) => {
                Task::perform(handle.show(shown), |()| Message::Tray(tray::Message::Told))
            }
            None => Task::none(),
        }
    }

    /// What it shows now. Nothing in it changes by itself: what says "in 5 min" would have to be told every minute.
    pub(super) fn in_tray(&self) -> Shown {
        let words = &self.words;
        let known = &self.desk.known;
        let requests = &known.order.requests;
        let of_requests: u64 =
            requests.iter().filter_map(|at| known.roll.get(*at)).map(|row| row.unread).sum();
        let unread: u64 = known.roll.iter().map(|row| row.unread).sum();
        let count = |n: u64, key: &str| (0 < n).then(|| words.tell(key, &[("n", n.into())]));
        let news = [
            count(unread.saturating_sub(of_requests), "tray-unread"),
            count(u64::try_from(requests.len()).unwrap_or(u64::MAX), "tray-requests"),
        ];
        let news: Vec<String> = news.into_iter().flatten().collect();
        let next = match (&self.desk.agent, self.desk.does()) {
            (Agent::Absent(_), _) => words.say("portal-state-absent"),
            (_, None) => String::new(),
            (_, Some(does)) => match &does.next {
                Some(next) => {
                    let when = words.full(next.at.as_second(), (self.clock)());
                    words.tell("tray-next", &[("when", when.into())])
                }
                None if does.visit.is_some() || does.link.state == "live" => {
                    words.say("portal-state-live")
                }
                None => words.say("tray-no-next"),
            },
        };
        Shown {
            has_news: !news.is_empty(),
            news: if news.is_empty() { words.say("tray-no-news") } else { news.join(", ") },
            next,
            open: words.say("tray-open"),
            call: words.say("link-call"),
            quit: words.say("tray-quit"),
            can_call: self.portal.can_call(&self.desk),
        }
    }

    /// Whether the program goes on without a window.
    pub(super) fn stays_in_tray(&self) -> bool {
        self.look.tray && self.look.close_to_tray && self.tray.is_shown()
    }

    /// Whether somebody can see the portal.
    pub(super) fn has_portal(&self) -> bool {
        self.windows.values().any(|window| window.place == Place::Portal)
    }

    /// Ends the program.
    pub(super) fn end(&mut self) -> Task<Message> {
        self.write_drafts_now();
        iced::exit()
    }
}
