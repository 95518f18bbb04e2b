//! The message bus, with a limit on every wait for an answer: a service may own its name and be stuck.

use std::{collections::HashMap, io, num::NonZeroUsize, pin::Pin, time::Duration};

use tokio::time::timeout;
use zbus::{
    Connection, MatchRule, Message, MessageStream, OwnedVariant, Variant, connection::Builder,
    export::futures_core::Stream, message::Type,
};

use super::linux::Lost;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Signals that wait to be looked at.
const SIGNALS_MAX: NonZeroUsize = NonZeroUsize::new(16).expect("16 is not 0");

const BUS_NAME: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A connection to the bus.
#[derive(Clone, Debug)]
pub(super) struct Bus(Connection);

impl Bus {
    /// Connects to the bus at `address`, or to the system's.
    pub(super) async fn connect(address: Option<&str>) -> Result<Self, Lost> {
        let builder = address.map_or_else(Builder::system, Builder::address);
        let connecting = builder.method_timeout(ANSWER_MAX).build();
        let connected = timeout(ANSWER_MAX, connecting).await.map_err(|_| timed_out())?;
        Ok(Self(connected?))
    }

    /// Whether somebody owns `name` now, and when that changes. Starts no service.
    pub(super) async fn owner(&self, name: &'static str) -> Result<Owner, Lost> {
        let rule =
            signals(BUS_NAME, BUS_PATH, BUS_NAME, "NameOwnerChanged").arg(0, name).build()?;
        let changes = self.listen(rule).await?;
        let (bus, name) = (Some(BUS_NAME), (name,));
        let answer = self.0.call_method(bus, BUS_PATH, bus, "NameHasOwner", &name).await?;
        let is_there = answer.body().deserialize()?;
        Ok(Owner { is_there, changes })
    }

    /// Changes of properties of one interface at `path`.
    pub(super) async fn property_changes(
        &self,
        sender: &'static str,
        path: &'static str,
        interface: &'static str,
    ) -> Result<Signals, Lost> {
        let rule = signals(sender, path, PROPERTIES, "PropertiesChanged").arg(0, interface);
        self.listen(rule.build()?).await
    }

    /// The signals `member` of `sender`.
    pub(super) async fn signals(
        &self,
        sender: &'static str,
        path: &'static str,
        interface: &'static str,
        member: &'static str,
    ) -> Result<Signals, Lost> {
        self.listen(signals(sender, path, interface, member).build()?).await
    }

    async fn listen(&self, rule: MatchRule<'static>) -> Result<Signals, Lost> {
        let listening = MessageStream::for_match_rule(rule, &self.0, Some(SIGNALS_MAX));
        Ok(Signals(timeout(ANSWER_MAX, listening).await.map_err(|_| timed_out())??))
    }

    /// All properties of `interface` at `path`; `None` when there is no such thing (any more).
    pub(super) async fn properties(
        &self,
        service: &str,
        path: &str,
        interface: &str,
    ) -> Result<Option<Properties>, Lost> {
        let interface = (interface,);
        let asking =
            self.0.call_method(Some(service), path, Some(PROPERTIES), "GetAll", &interface);
        match asking.await {
            Ok(answer) => Ok(Some(Properties(answer.body().deserialize()?))),
            Err(zbus::Error::FDO(_) | zbus::Error::MethodError(..)) => Ok(None),
            Err(err) => Err(err.into()),
        }
    }
}

/// Whether a name is owned.
pub(super) struct Owner {
    is_there: bool,
    changes: Signals,
}

impl Owner {
    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// Waits until the name is owned by another, or by nobody, or again. Cancel safe.
    pub(super) async fn changed(&mut self) -> Result<(), Lost> {
        let message = self.changes.next().await?;
        let body = message.body();
        let (_, _, owner): (&str, &str, &str) = body.deserialize()?;
        self.is_there = !owner.is_empty();
        Ok(())
    }
}

/// Signals as they come.
pub(super) struct Signals(MessageStream);

impl Signals {
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Message, Lost> {
        let next = std::future::poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)).await;
        Ok(next.ok_or(Lost::BusGone)??)
    }
}

/// Properties by name.
pub(super) struct Properties(HashMap<String, OwnedVariant>);

impl Properties {
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        match **self.0.get(name)? {
            Variant::U32(number) => Some(number),
            _ => None,
        }
    }

    /// A string or path that says something: neither empty nor `/`.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        text(self.0.get(name)?)
    }

    /// Those of a list of paths that say something.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        match self.0.get(name).map(|value| &**value) {
            Some(Variant::Array(paths)) => paths.iter().filter_map(text).collect(),
            _ => Vec::new(),
        }
    }

    /// A string that is written as its bytes, which need not be UTF-8.
    pub(super) fn bytes_as_text(&self, name: &str) -> Option<String> {
        let Variant::Array(bytes) = &**self.0.get(name)? else { return None };
        let byte = |value: &Variant<'_>| match value {
            Variant::U8(byte) => Some(*byte),
            _ => None,
        };
        let bytes: Vec<u8> = bytes.iter().map(byte).collect::<Option<_>>()?;
        Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|text| !text.is_empty())
    }
}

fn text(value: &Variant<'_>) -> Option<String> {
    let text = match value {
        Variant::Str(text) => text.as_str(),
        Variant::ObjectPath(path) => path.as_str(),
        _ => return None,
    };
    (!text.is_empty() && text != "/").then(|| text.to_owned())
}

fn signals(
    sender: &'static str,
    path: &'static str,
    interface: &'static str,
    member: &'static str,
) -> zbus::match_rule::Builder<'static> {
    MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(sender)
        .path(path)
        .interface(interface)
        .member(member)
}

fn timed_out() -> Lost {
    zbus::Error::from(io::Error::from(io::ErrorKind::TimedOut)).into()
}
