//! Rows as a person reads them.

use std::collections::HashMap;

use super::out::{Out, brief, safe};
use crate::{
    control::Failure,
    store::{ConversationId, InboxRow, Kind, Member, OutboxState, Reader},
};

/// Titles of the groups: a pair needs none, its other member's name says it.
pub(super) type Titles = HashMap<ConversationId, String>;

pub(super) fn titles(reader: &Reader) -> Result<Titles, Failure> {
    let conversations = reader.conversations()?.into_iter();
    Ok(conversations
        .map(|row| (row.id, if row.pair { String::new() } else { row.title }))
        .collect())
}

/// A head line (who, when, where, how far), then the text below it.
pub(super) fn message(out: &mut Out<'_>, row: &InboxRow, titles: &Titles) -> Result<(), Failure> {
    let who = match (row.kind, row.mine) {
        (Kind::Notice, _) => "Mailboat".to_owned(),
        (_, true) => "you".to_owned(),
        (Kind::Request, _) => format!("{} asks to chat", safe(&row.from, false)),
        _ => safe(&row.from, false),
    };
    let place = match row.conversation {
        None => String::new(),
        Some(id) => match titles.get(&id).filter(|title| !title.is_empty()) {
            Some(title) => format!("  {id} {}", brief(title, 30)),
            None => format!("  {id}"),
        },
    };
    let marks: Vec<&str> = [
        (!row.read && !row.mine, "new"),
        (row.urgent, "urgent"),
        (row.edited, "edited"),
        (row.deleted, "deleted"),
    ]
    .into_iter()
    .filter_map(|(is, mark)| is.then_some(mark))
    .chain(row.state.map(state))
    .collect();
    let marks = if marks.is_empty() { String::new() } else { format!("  [{}]", marks.join(", ")) };
    let reply = row.reply_to.map(|id| format!("  answers {id}")).unwrap_or_default();
    let when = out.when(row.sent_at);
    let head = out.bold(&format!("{}  {who}", row.id));
    out.line(&format!("{head}{place}  {when}{reply}{marks}"))?;
    let text = safe(&row.text, true);
    let reason = safe(&row.reason, false);
    for line in text
        .lines()
        .filter(|_| !row.deleted)
        .chain([reason.as_str()].into_iter().filter(|r| !r.is_empty()))
    {
        out.line(&format!("    {line}"))?;
    }
    Ok(())
}

pub(super) fn member(member: &Member) -> String {
    let name = safe(&member.name, false);
    if member.state == "member" { name } else { format!("{name} ({})", member.state) }
}

pub(super) fn state(state: OutboxState) -> &'static str {
    match state {
        OutboxState::Held => "held",
        OutboxState::Queued => "queued",
        OutboxState::Relayed => "relayed",
        OutboxState::Expired => "expired",
        OutboxState::Delivered => "delivered",
        OutboxState::Read => "read",
        OutboxState::Refused => "refused",
    }
}
