//! Carries orders out on the store. The resident agent does it for whoever asks through the control
//! socket; a command without an agent does it itself, under the store's lock. Both run this.

use config::AgentSettings;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{
    control::{Failure, Order},
    quota::Quota,
    store::{Compose, ConversationId, IdError, Lift, MessageId, OutboxId, Sent, Store, StoreError},
};

/// Carries out one order that needs no link.
///
/// # Errors
/// What the store refuses, in words. Orders that only a running agent can carry out, such as [`Order::Sync`], are refused
/// too.
pub fn carry_out(store: &Store, settings: &AgentSettings, order: Order) -> Result<Value, Failure> {
    let request = |target: &str| Ok::<_, Failure>(store.reader().find_request(target)?);
    let chat = |words: &str| Ok::<_, Failure>(store.reader().find(words)?);
    // A request by its row, or by who is at its other end.
    let asked = |target: &str| request(target).or_else(|err| chat(target).map_err(|_| err));
    match order {
        Order::Chat { names, title, greeting } => {
            let how = Compose { urgent: false, lifetime_s: default_lifetime_s(settings) };
            sent(&store.request_or_send(&names, &title, &greeting, how)?)
        }
        Order::Accept { target } => sent(&store.accept(asked(&target)?)?),
        Order::Decline { target } => sent(&store.decline(asked(&target)?)?),
        Order::Withdraw { target } => maybe_sent(store.withdraw(asked(&target)?)?.as_ref()),
        Order::AskAgain { target } => sent(&store.ask_again(asked(&target)?)?),
        Order::Leave { conversation } => sent(&store.leave(chat(&conversation)?)?),
        Order::Add { conversation, names, greeting } => {
            sent(&store.add(chat(&conversation)?, &names, &greeting)?)
        }
        Order::Rename { conversation, title } => sent(&store.rename(chat(&conversation)?, &title)?),
        Order::Block { name, on } => sent(&store.block(&name, on)?),
        Order::Send { to, text, urgent, reply_to, lifetime_s } => {
            let lifetime_s = lifetime_s.unwrap_or_else(|| default_lifetime_s(settings));
            let how = Compose { urgent, lifetime_s };
            send(store, &to, &text, reply_to.as_deref(), how)
        }
        Order::Edit { target, text } => sent(&store.edit(id::<MessageId>(&target)?, &text)?),
        Order::Delete { target } => maybe_sent(store.delete(id::<MessageId>(&target)?)?.as_ref()),
        Order::Rewrite { target, text } => {
            store.outbox_edit(id(&target)?, &text)?;
            Ok(json!({ "id": target, "state": "changed" }))
        }
        Order::MarkRead { targets } => {
            let ids: Vec<MessageId> =
                targets.iter().map(|one| id(one)).collect::<Result<_, _>>()?;
            Ok(json!({ "marked": store.mark_read(&ids)? }))
        }
        Order::Hold { target } => {
            store.outbox_hold(id(&target)?)?;
            Ok(json!({ "id": target, "state": "held" }))
        }
        Order::Release { target } => sent(&store.outbox_release(id::<OutboxId>(&target)?)?),
        Order::Cancel { target } => {
            store.outbox_cancel(id(&target)?)?;
            Ok(json!({ "id": target, "state": "cancelled" }))
        }
        Order::LiftQuota { link, bytes } => lift_quota(store, settings, &link, bytes),
        Order::Sync { .. }
        | Order::Price { .. }
        | Order::Stop
        | Order::Reload
        | Order::Status
        | Order::Watch
        | Order::Follow => Err(Failure::new("needs_agent", "only a running agent can do this")),
    }
}

fn send(
    store: &Store,
    to: &[String],
    text: &str,
    reply_to: Option<&str>,
    how: Compose,
) -> Result<Value, Failure> {
    if let Some(reply_to) = reply_to {
        let target: MessageId = id(reply_to)?;
        let answered = store.reader().message(target)?.conversation;
        for words in to {
            if Some(store.reader().find(words)?) != answered {
                let words =
                    format!("{target} is not in the conversation with {words}; leave the name out");
                return Err(Failure::usage(words));
            }
        }
        return rows(&[store.reply(target, text, how)?]);
    }
    // All are looked up before one is written: a slip in the last name sends nothing.
    let reader = store.reader();
    let mut chats: Vec<ConversationId> = Vec::with_capacity(to.len());
    for words in to {
        let chat = reader.find(words)?;
        if !chats.contains(&chat) {
            chats.push(chat);
        }
    }
    let sent: Vec<Sent> =
        chats.into_iter().map(|chat| store.send(chat, text, how)).collect::<Result<_, _>>()?;
    rows(&sent)
}

fn lift_quota(
    store: &Store,
    settings: &AgentSettings,
    link: &str,
    bytes: Option<u64>,
) -> Result<Value, Failure> {
    let zone = TimeZone::system();
    let profile = settings.link.iter().find(|profile| profile.name == link);
    let quota = match profile {
        Some(profile) => Quota::of(profile, store.reader(), store.now(), &zone)?,
        None => None,
    };
    let Some(quota) = quota else {
        return Err(Failure::usage(format!("no link called \"{link}\" has a quota")));
    };
    // More than was used already, whatever the quota was: who lifts it means to call.
    let over = quota.used.saturating_sub(quota.bytes);
    let lift = bytes.map_or(Lift::All, |bytes| Lift::By(over.saturating_add(bytes)));
    store.lift_quota(link, quota.period.begins, Some(lift))?;
    let lifted = Quota { lift: Some(lift), ..quota };
    serde_json::to_value(lifted.row()).map_err(|err| Failure::chain("internal", &err))
}

/// The settings' lifetime; 0 (the relay's own) while nobody changed it.
fn default_lifetime_s(settings: &AgentSettings) -> u32 {
    let lifetime = settings.sync.message_lifetime;
    if lifetime == AgentSettings::default().sync.message_lifetime {
        return 0;
    }
    u32::try_from(lifetime.seconds()).unwrap_or(u32::MAX)
}

fn sent(sent: &Sent) -> Result<Value, Failure> {
    serde_json::to_value(sent).map_err(|err| Failure::chain("internal", &err))
}

fn maybe_sent(maybe: Option<&Sent>) -> Result<Value, Failure> {
    maybe.map_or_else(|| Ok(json!({ "state": "cancelled" })), sent)
}

fn rows(all: &[Sent]) -> Result<Value, Failure> {
    serde_json::to_value(all).map_err(|err| Failure::chain("internal", &err))
}

fn id<T: std::str::FromStr<Err = IdError>>(text: &str) -> Result<T, Failure> {
    text.parse()
        .map_err(|err: IdError| Failure { code: "unknown_id".to_owned(), ..Failure::usage(&err) })
}

impl From<StoreError> for Failure {
    fn from(err: StoreError) -> Self {
        let code = match &err {
            StoreError::Full(_) => "disk_full",
            StoreError::InUse { .. } => "in_use",
            StoreError::Absent { .. } | StoreError::NotLoggedIn => "not_logged_in",
            StoreError::TooNew { .. } | StoreError::TooOld { .. } => "store_version",
            StoreError::OtherAccount { .. } => "other_account",
            StoreError::NoSuchId(_) => "unknown_id",
            StoreError::NoSuchConversation(_) => "unknown_conversation",
            StoreError::BadName { .. } | StoreError::OtherRelay { .. } => "bad_name",
            StoreError::Empty { .. } => "empty",
            StoreError::TooLong { .. } => "too_long",
            StoreError::OnItsWay(_) => "on_its_way",
            StoreError::NotYours(_) => "not_yours",
            StoreError::Unfit(_) => "unfit",
            _ => "store",
        };
        Self::chain(code, &err)
    }
}
