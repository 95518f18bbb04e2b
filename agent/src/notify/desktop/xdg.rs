//! The service of Linux desktops: `org.freedesktop.Notifications` on the session bus.
//!
//! One connection, made when there is first something to show, shows, closes and hears. It has to be one: services
//! (dunst among them) tell actions and closings only to the connection that showed. The bus tells when the service
//! comes, goes or is another; nothing is polled.

use std::collections::HashMap;

use futures_util::StreamExt;
use tokio::time::timeout;
use zbus::{
    Connection, Variant, connection,
    fdo::{DBusProxy, NameOwnerChangedStream},
    proxy::SignalStream,
};

use super::{Abilities, CALL_MAX, ShowError, Sign};
use crate::notify::card::{Card, Key};

const NAME: &str = "org.freedesktop.Notifications";
/// A name of the freedesktop icon set, which every theme has.
const ICON: &str = "mail-unread";
/// The service decides how long.
const EXPIRES_AS_USUAL: i32 = -1;
/// It stays until the user does something.
const EXPIRES_NEVER: i32 = 0;

const OPEN: &str = "default";
const ACCEPT: &str = "accept";
const DECLINE: &str = "decline";

#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications"
)]
trait Notifications {
    fn get_capabilities(&self) -> zbus::Result<Vec<String>>;

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    fn notify(
        &self,
        app_name: &str,
        replaces_id: u32,
        app_icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Variant<'_>>,
        expire_timeout: i32,
    ) -> zbus::Result<u32>;

    fn close_notification(&self, id: u32) -> zbus::Result<()>;
}

#[derive(Debug, Default)]
pub(in crate::notify) struct Desktop {
    bus: Option<Bus>,
    /// What stands there, by the service's number.
    shown: HashMap<u32, Key>,
    /// The newest token to take the focus with, and for which.
    token: Option<(u32, String)>,
}

#[derive(Debug)]
struct Bus {
    service: NotificationsProxy<'static>,
    signals: SignalStream<'static>,
    owners: NameOwnerChangedStream,
}

impl Desktop {
    /// Whether there is a service, and what it can. Asking starts one that the bus can start.
    pub(in crate::notify) async fn ready(&mut self) -> Result<Abilities, ShowError> {
        let bus = match &self.bus {
            Some(bus) => bus,
            None => self.bus.insert(Bus::connect().await?),
        };
        let words = within(bus.service.get_capabilities()).await?;
        let has = |word: &str| words.iter().any(|one| one == word);
        Ok(Abilities {
            actions: has("actions"),
            markup: has("body-markup"),
            keeps: has("persistence"),
        })
    }

    /// Shows a card, in place of the one with its key; `opens` says whether a click does something.
    pub(in crate::notify) async fn show(
        &mut self,
        card: &Card,
        abilities: Abilities,
        opens: bool,
    ) -> Result<(), ShowError> {
        let Some(bus) = &self.bus else { return Err(ShowError::Absent("not connected".into())) };
        let replaces = self.number(&card.key).unwrap_or(0);
        let body = if abilities.markup { escaped(&card.body) } else { card.body.clone() };
        let mut actions = Vec::new();
        if abilities.actions && opens {
            actions.extend([OPEN, &*card.buttons.open]);
        }
        if abilities.actions && card.asks {
            let buttons = &card.buttons;
            actions.extend([ACCEPT, &*buttons.accept, DECLINE, &*buttons.decline]);
        }
        let expires =
            if card.stays() && !abilities.keeps { EXPIRES_NEVER } else { EXPIRES_AS_USUAL };
        let hints = HashMap::from([
            ("urgency", Variant::U8(if card.urgent { 2 } else { 1 })),
            ("category", Variant::from("im.received")),
        ]);
        let show = bus.service.notify(
            "Mailboat",
            replaces,
            ICON,
            &card.title,
            &body,
            &actions,
            hints,
            expires,
        );
        let id = within(show).await?;
        self.shown.retain(|_, key| *key != card.key);
        self.shown.insert(id, card.key.clone());
        Ok(())
    }

    /// Takes it away, if it is still there. Gives whether the service did.
    pub(in crate::notify) async fn close(&mut self, key: &Key) -> bool {
        let Some(id) = self.number(key) else { return false };
        self.shown.remove(&id);
        let Some(bus) = &self.bus else { return false };
        // It may have gone by itself meanwhile.
        within(bus.service.close_notification(id)).await.is_ok()
    }

    /// Waits for what the user does or becomes of the service; for ever while there is no connection. Dropping the future
    /// loses nothing.
    pub(in crate::notify) async fn next(&mut self) -> Sign {
        loop {
            let Some(bus) = &mut self.bus else { return std::future::pending().await };
            tokio::select! {
                biased;
                signal = bus.signals.next() => match signal {
                    Some(signal) => {
                        if let Some(sign) = self.heard(&signal) {
                            return sign;
                        }
                    }
                    None => {
                        // The bus is gone. The next thing to show looks for it again.
                        self.bus = None;
                        self.shown.clear();
                        return Sign::Changed { is_there: false };
                    }
                },
                Some(change) = bus.owners.next() => {
                    self.shown.clear();
                    let is_there = change.args().is_ok_and(|args| args.new_owner.is_some());
                    return Sign::Changed { is_there };
                }
            }
        }
    }

    fn heard(&mut self, signal: &zbus::Message) -> Option<Sign> {
        let (header, body) = (signal.header(), signal.body());
        match header.member()?.as_str() {
            "ActivationToken" => {
                self.token = Some(body.deserialize().ok()?);
                None
            }
            "ActionInvoked" => {
                let (id, action): (u32, String) = body.deserialize().ok()?;
                let key = self.shown.get(&id)?.clone();
                let token = self.token.take().filter(|(of, _)| *of == id);
                match action.as_str() {
                    OPEN => Some(Sign::Opened { key, token: token.unwrap_or_default().1 }),
                    ACCEPT => Some(Sign::Answered { key, accept: true }),
                    DECLINE => Some(Sign::Answered { key, accept: false }),
                    _ => None,
                }
            }
            "NotificationClosed" => {
                let (id, _why): (u32, u32) = body.deserialize().ok()?;
                Some(Sign::Closed { key: self.shown.remove(&id)? })
            }
            _ => None,
        }
    }

    fn number(&self, key: &Key) -> Option<u32> {
        self.shown.iter().find_map(|(id, shown)| (shown == key).then_some(*id))
    }
}

impl Bus {
    async fn connect() -> Result<Self, ShowError> {
        let connect = async {
            let bus = connection::Builder::session().method_timeout(CALL_MAX).build().await?;
            Self::over(&bus).await
        };
        within(connect).await
    }

    async fn over(bus: &Connection) -> zbus::Result<Self> {
        let owners = DBusProxy::new(bus).await?;
        let owners = owners.receive_name_owner_changed_with_args(&[(0, NAME)]).await?;
        let service = NotificationsProxy::new(bus).await?;
        let signals = service.inner().receive_all_signals().await?;
        Ok(Self { service, signals, owners })
    }
}

/// Waits for an answer for as long as is allowed.
async fn within<T>(call: impl Future<Output = zbus::Result<T>>) -> Result<T, ShowError> {
    match timeout(CALL_MAX, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(err)) => Err(why(&err)),
        Err(_) => Err(ShowError::Silent),
    }
}

fn why(err: &zbus::Error) -> ShowError {
    use zbus::fdo::Error as Fdo;
    match err {
        zbus::Error::InputOutput(io) if io.kind() == std::io::ErrorKind::TimedOut => {
            ShowError::Silent
        }
        zbus::Error::FDO(fdo) => match **fdo {
            Fdo::NoReply(_) | Fdo::TimedOut(_) | Fdo::Timeout(_) => ShowError::Silent,
            Fdo::ServiceUnknown(_) | Fdo::NameHasNoOwner(_) => ShowError::Absent(err.to_string()),
            _ => ShowError::Refused(err.to_string()),
        },
        zbus::Error::MethodError(..) => ShowError::Refused(err.to_string()),
        _ => ShowError::Absent(err.to_string()),
    }
}

/// What others wrote is text, not markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_no_markup() {
        let written = "<b>&amp;</b> \"'";
        assert_eq!(escaped(written), "&lt;b&gt;&amp;amp;&lt;/b&gt; &quot;&#39;");
    }
}
