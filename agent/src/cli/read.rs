//! Commands that read. They open the store read-only, whoever writes it meanwhile.

use config::{Account, agent::Direction};
use serde_json::{Value, json};

use super::{
    Session,
    args::Inbox,
    block_on,
    out::{brief, bytes, count, safe},
    scope::why_stays,
    show,
};
use crate::{
    control::{Client, Failure, Order},
    schedule::Scope,
    store::{self, OutboxState, VisitRow},
};

impl Session<'_> {
    pub(super) fn inbox(&mut self, asked: &Inbox) -> Result<(), Failure> {
        let reader = self.reader()?;
        let conversation =
            asked.conversation.as_deref().map(|words| reader.find(words)).transpose()?;
        let which =
            store::Inbox { unread: asked.unread, conversation, limit: asked.limit, all: asked.all };
        let rows = reader.inbox(&which)?;
        self.rows(&reader, &rows)?;
        if rows.is_empty() {
            let what = if asked.unread { "nothing unread" } else { "nothing here yet" };
            self.out.note(&format!("{what}; look for more with: mailboat sync"))?;
        }
        self.note_waiting_there(&reader)?;
        if rows.iter().any(|row| row.kind == store::Kind::Request && !row.read) {
            self.out
                .note("answer a request with: mailboat accept ID   or   mailboat decline ID")?;
        }
        if asked.mark_read {
            // Shown first: what could not be shown was not read.
            let unread = rows.iter().filter(|row| !row.read && !row.mine);
            self.mark_read(unread.map(|row| row.id.to_string()).collect())?;
        }
        Ok(())
    }

    /// What the relay kept back when it was asked last, where a call took only a part of it or its budget was spent.
    fn note_waiting_there(&mut self, reader: &store::Reader) -> Result<(), Failure> {
        let there = reader.counters()?.waiting_there.by_kind.get("message").copied();
        let Some(there) = there.filter(|there| 0 < there.count) else { return Ok(()) };
        let all = Scope { direction: Direction::Down, ..Scope::default() };
        let wait = if there.count == 1 { "message waits" } else { "messages wait" };
        let when = match why_stays(&self.rules(), all) {
            Some(why) => format!("{why}, so fetch with: mailboat sync"),
            None => "for the next call, or now: mailboat sync".to_owned(),
        };
        self.out.note(&format!("{} {wait} at the relay: {when}", there.count))
    }

    pub(super) fn search(&mut self, words: &str, limit: u32) -> Result<(), Failure> {
        let reader = self.reader()?;
        let rows = reader.search(words, limit)?;
        self.rows(&reader, &rows)?;
        if rows.is_empty() {
            self.out.note("no message holds all of these words")?;
        }
        Ok(())
    }

    fn rows(&mut self, reader: &store::Reader, rows: &[store::InboxRow]) -> Result<(), Failure> {
        if self.out.json {
            return rows.iter().try_for_each(|row| self.out.object(row));
        }
        let titles = show::titles(reader)?;
        rows.iter().try_for_each(|row| show::message(&mut self.out, row, &titles))
    }

    pub(super) fn outbox_list(&mut self) -> Result<(), Failure> {
        let (rows, calls) = self.expected(&self.reader()?)?;
        if self.out.json {
            return rows.iter().try_for_each(|row| self.out.object(row));
        }
        if rows.is_empty() {
            return self.out.note("nothing waits here");
        }
        let cells: Vec<_> = rows
            .iter()
            .map(|row| {
                let words = match (row.state, row.on_its_way) {
                    (OutboxState::Queued, true) => "on its way".to_owned(),
                    (state, _) => show::state(state).to_owned(),
                };
                let why = self.prospect(row, &calls);
                let text = if row.action == "text" {
                    brief(&row.text, 40)
                } else {
                    brief(format!("[{}] {}", row.action, row.text).trim(), 40)
                };
                [row.id.to_string(), brief(&row.to, 20), text, words, why]
            })
            .collect();
        self.out.table(["id", "to", "text", "state", "why"], &cells)?;
        self.note_veto()
    }

    /// Why nothing goes for now, where the user's own program says so.
    pub(super) fn note_veto(&mut self) -> Result<(), Failure> {
        let status = self.agent_status().ok().flatten();
        match status.as_ref().and_then(|status| status["not_now"].as_str()) {
            Some(why) => self.out.note(&format!("no call for now: {}", safe(why, false))),
            None => Ok(()),
        }
    }

    pub(super) fn members(&mut self) -> Result<(), Failure> {
        let rows = self.reader()?.members()?;
        if self.out.json {
            return rows.iter().try_for_each(|row| self.out.object(row));
        }
        if rows.is_empty() {
            return self.out.note("nobody is known yet: ask somebody with mailboat chat NAME");
        }
        let cells: Vec<_> = rows
            .iter()
            .map(|row| {
                let chat = row.conversation.map_or_else(|| "-".to_owned(), |id| id.to_string());
                [safe(&row.name, false), self.presence(row), self.next_call(row), chat]
            })
            .collect();
        self.out.table(["name", "presence", "next call", "chat"], &cells)
    }

    pub(super) fn conversations(&mut self) -> Result<(), Failure> {
        let rows = self.reader()?.conversations()?;
        if self.out.json {
            return rows.iter().try_for_each(|row| self.out.object(row));
        }
        if rows.is_empty() {
            return self.out.note("no conversation yet: ask somebody with mailboat chat NAME");
        }
        let cells: Vec<_> = rows
            .iter()
            .map(|row| {
                let members: Vec<_> = row.members.iter().map(show::member).collect();
                let unread = if row.unread == 0 { "-".to_owned() } else { row.unread.to_string() };
                let title = brief(&row.title, 30);
                let newest = self.out.when(row.newest_at);
                [
                    row.id.to_string(),
                    title,
                    row.state.to_owned(),
                    unread,
                    newest,
                    brief(&members.join(", "), 50),
                ]
            })
            .collect();
        self.out.table(["id", "title", "you", "unread", "newest", "others"], &cells)
    }

    pub(super) fn status(&mut self) -> Result<(), Failure> {
        let paths = self.paths()?;
        let account = Account::load(&paths.account)
            .map_err(|err| Failure::chain("account_file", &err))?
            .ok_or(store::StoreError::NotLoggedIn)?;
        let reader = self.reader()?;
        let (identity, counters) = (reader.identity()?, reader.counters()?);
        let agent = self.agent_status()?;
        let of_agent = |key: &str| agent.as_ref().map_or(Value::Null, |agent| agent[key].clone());
        let relay_key = super::account::shown_key(&account).map(str::to_owned);
        let mut status = json!({
            "account": if identity.domain.is_empty() { account.name }
                else { format!("{}@{}", account.name, identity.domain) },
            "relay": account.relay,
            "device": account.device,
            "relay_key": relay_key,
            "agent": agent.is_some(),
            "link": agent.as_ref().map_or(json!("unknown"), |agent| agent["link"].clone()),
            "next_call": of_agent("next_call"),
            "next_rule": of_agent("next_rule"),
            "trouble": agent.as_ref().map_or(json!([]), |agent| agent["trouble"].clone()),
            "pid": of_agent("pid"),
            "profile": of_agent("profile"),
            "metered": of_agent("metered"),
            "interface": of_agent("interface"),
            "connection": of_agent("connection"),
            "ssid": of_agent("ssid"),
            "network": of_agent("network"),
            "not_now": of_agent("not_now"),
        });
        let quotas = self.quotas(&reader)?;
        status["quotas"] = quotas.iter().map(|quota| json!(quota.row())).collect();
        let counted =
            serde_json::to_value(&counters).map_err(|err| Failure::chain("internal", &err))?;
        if let (Value::Object(status), Value::Object(counted)) = (&mut status, counted) {
            status.extend(counted);
        }
        if self.out.json {
            return self.out.object(&status);
        }
        self.status_lines(&status, &counters)?;
        self.quota_lines(&quotas)
    }

    fn status_lines(&mut self, status: &Value, counters: &store::Counters) -> Result<(), Failure> {
        let text = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
        let next = match text("next_call").parse::<jiff::Timestamp>() {
            Ok(at) => self.out.when(at.as_second()),
            Err(_) if text("link") == "live" => "the line is held".to_owned(),
            Err(_) => "only when asked: mailboat sync".to_owned(),
        };
        let agent = match status["pid"].as_u64() {
            Some(pid) => format!("running (pid {pid})"),
            None => "not running (start it with: mailboat agent)".to_owned(),
        };
        let here = format!(
            "{} to go, {} held, {} refused",
            counters.waiting_here, counters.held_here, counters.refused
        );
        let there = &counters.waiting_there;
        let last = match &counters.last_visit {
            None => "none yet".to_owned(),
            Some(visit) => self.visit_line(visit),
        };
        let key = match status["relay_key"].as_str() {
            Some(key) => key.to_owned(),
            None if text("relay").starts_with("http://") => "none: without TLS".to_owned(),
            None => "none: a certificate".to_owned(),
        };
        let rows = [
            ("account", text("account")),
            ("relay", text("relay")),
            ("its key", key),
            ("agent", agent),
            ("link", link_words(status)),
            ("next call", next),
            ("waits here", here),
            ("waits there", format!("{} ({})", count(there.count, "item"), bytes(there.bytes))),
            ("unread", counters.unread.to_string()),
            ("requests", counters.requests.to_string()),
            ("last visit", last),
        ];
        rows.iter().try_for_each(|(name, is)| self.out.line(&format!("{name:<12}{is}")))?;
        if let Some(why) = status["not_now"].as_str() {
            self.out.line(&format!("{:<12}{}", "not now", safe(why, false)))?;
        }
        let trouble = status["trouble"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for why in trouble {
            self.out.line(&format!("{:<12}{}", "trouble", safe(why, false)))?;
        }
        Ok(())
    }

    fn visit_line(&self, visit: &VisitRow) -> String {
        let cost = bytes(visit.bytes_up + visit.bytes_down);
        let said =
            format!("{}, {}, {cost}", self.out.when(visit.start), visit.outcome.replace('_', " "));
        if visit.words.is_empty() { said } else { format!("{said}: {}", safe(&visit.words, false)) }
    }

    /// What the agent says of itself; `None` when none runs.
    pub(super) fn agent_status(&self) -> Result<Option<Value>, Failure> {
        let paths = self.paths()?;
        block_on(async {
            let connected = Client::connect(&paths.socket).await;
            match connected.map_err(|err| super::ask::cannot_connect(&paths, &err))? {
                // An agent that just stops is none.
                Some(mut client) => Ok(client.ask(&Order::Status).await.ok()),
                None => Ok(None),
            }
        })
    }
}

/// The link as the agent sees it: how far it got, by which interface, what its bytes are.
fn link_words(status: &Value) -> String {
    let text = |key: &str| status[key].as_str().map(|text| safe(text, false));
    let mut words = vec![text("link").unwrap_or_default()];
    match status["network"].as_str() {
        Some("down") => words.push("nothing leads out of this computer".to_owned()),
        Some("portal") => words.push("a login page stands before it".to_owned()),
        _ => {}
    }
    let named = [
        ("by", "interface"),
        ("connection", "connection"),
        ("wireless network", "ssid"),
        ("profile", "profile"),
    ];
    words.extend(named.iter().filter_map(|(name, key)| Some(format!("{name} {}", text(key)?))));
    words.extend(
        status["metered"].as_bool().map(|is| if is { "metered" } else { "unmetered" }.to_owned()),
    );
    words.join(", ")
}
