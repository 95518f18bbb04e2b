//! What a conversation looks like in each state, and what each message does.

mod all;
mod keys;
mod live;
mod looks;
mod moves;
mod orders;

use std::sync::Arc;

use agent::store::{Answered, InboxRow, MessageId, MessageState, Page, PageRow, Prospect, Reached};
use config::{AgentPaths, paths::Env};

use super::*;
use crate::kit::scene::{NOW, message};

fn door() -> Door {
    let nowhere = std::path::Path::new("/nonexistent/mailboat");
    Door::new(AgentPaths::new(Some(nowhere), &Env::default()).unwrap())
}

fn id(id: &str) -> MessageId {
    id.parse().unwrap()
}

fn row(row: InboxRow) -> PageRow {
    PageRow {
        row,
        place: agent::store::Place::END,
        answers: None,
        prospect: None,
        reached: None::<Reached>,
    }
}

/// Somebody else's message.
fn theirs(n: u32, from: &str, text: &str, ago: i64) -> PageRow {
    row(message(&format!("m{n}"), from, text, NOW - ago, None))
}

/// One's own.
fn ours(n: u32, text: &str, ago: i64, state: MessageState) -> PageRow {
    row(message(&format!("m{n}"), "ann", text, NOW - ago, Some(state)))
}

fn page(rows: Vec<PageRow>) -> Page {
    Page {
        conversation: "c1".parse().unwrap(),
        rows,
        earlier: false,
        later: false,
        first_unread: None,
        unread: 0,
        span: None,
    }
}

fn stretch(page: Page) -> Result<Arc<Stretch>, DoorError> {
    Ok(Arc::new(Stretch {
        page,
        reliability: agent::store::Reliability::default(),
        limit: Some(8_000),
        other: Some("member"),
        refused: None,
    }))
}

/// A conversation that has read this.
fn chat(rows: Vec<PageRow>) -> Chat {
    chat_of(page(rows))
}

fn chat_of(page: Page) -> Chat {
    chat_in("c1", page)
}

fn chat_in(id: &str, page: Page) -> Chat {
    let (mut chat, _) = Chat::new(id.parse().unwrap(), None, &door());
    let _ = chat.update(Message::Read(chat.epoch, Part::Opening, stretch(page)), &door());
    chat
}
