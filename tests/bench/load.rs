//! Durable submissions a second, beside what SQLite alone does on the same disk in the same run:
//! plain HTTP, kept connections, codec none, an account and a partner for every device.

use anyhow::Context;
use harness::relay::{RelayOptions, RelayProcess};
use wire::{Codec, ConversationRef, Submit, kind};

use super::{
    accounts,
    bare::Bare,
    corpus::Corpus,
    page::{Page, Row},
    rate::{self, Agent},
    raw::{self, RawDevice},
};

/// Concurrent agents; the goal holds for the last.
const AGENTS: [usize; 3] = [1, 64, 512];
/// Messages of one request.
const AT_ONCE: [usize; 2] = [1, 8];
const GOAL_PERCENT: f64 = 60.0;

/// Writes the figures.
pub(crate) async fn print(page: &Page, corpus: &Corpus) -> anyhow::Result<()> {
    page.section("Load: durable messages a second (ratio to SQLite alone)");
    let dir = tempfile::tempdir()?;
    let bare = Bare::open(dir.path())?;
    let relay = start().await?;
    let mut ready = agents(&relay, corpus).await?;
    for agents in AGENTS {
        for at_once in AT_ONCE {
            let yardstick = (0..agents)
                .map(|i| Ok(bare.agent(i64::try_from(i)? * 2 + 1, &corpus.down, at_once)))
                .collect::<anyhow::Result<_>>()?;
            let (alone, _) = rate::measure(yardstick).await?;
            let mut working = ready.split_off(ready.len() - agents);
            working.iter_mut().for_each(|agent| agent.at_once = at_once);
            let (rate, idle_again) = rate::measure(working).await?;
            ready.extend(idle_again);
            page.row(
                &Row::new(format!("{agents} agents, {at_once} a request"), rate, "/s")
                    .beside("SQLite", alone),
            );
            if agents == AGENTS[AGENTS.len() - 1] {
                let percent = 100.0 * rate / alone;
                page.row(&Row::new("  of SQLite alone", percent, "%").at_least(GOAL_PERCENT));
            }
        }
    }
    Ok(())
}

/// A relay that bounds nothing of what is measured.
async fn start() -> anyhow::Result<RelayProcess> {
    const PLENTY: u32 = 100_000_000;
    let mut options = RelayOptions::default();
    let limits = &mut options.settings.limits;
    limits.requests_per_minute = PLENTY;
    limits.requests_per_minute_per_address = PLENTY;
    limits.submits_per_minute = PLENTY;
    limits.mailbox_count_max = PLENTY;
    limits.mailbox_bytes_max = config::Size::from_mib(64 * 1024);
    limits.connections_per_address_without_login = 2 * PAIRS_MAX;
    options.settings.log = "warn,mailboat_relay=info,relay=info".to_owned();
    let mut relay = RelayProcess::start(&options).await;
    relay.terminate().await;
    accounts::make(&relay.data(), 2 * AGENTS[AGENTS.len() - 1]).await?;
    relay.restart().await;
    Ok(relay)
}

const PAIRS_MAX: u32 = 1024;

/// One writer for every two accounts, acquainted.
async fn agents(relay: &RelayProcess, corpus: &Corpus) -> anyhow::Result<Vec<RelayAgent>> {
    let mut agents = Vec::new();
    for pair in 0..AGENTS[AGENTS.len() - 1] {
        let [asker, asked] = [2 * pair, 2 * pair + 1];
        let mut device = device(relay, asker).await?;
        let mut partner = self::device(relay, asked).await?;
        let (conversation, version) =
            raw::acquaint(&mut device, &mut partner, &accounts::name(asked))
                .await
                .with_context(|| format!("acquainting pair {pair}"))?;
        let lines = corpus.down.clone();
        agents.push(RelayAgent { device, conversation, version, lines, at_once: 1 });
    }
    Ok(agents)
}

async fn device(relay: &RelayProcess, number: usize) -> anyhow::Result<RawDevice> {
    let token = accounts::token(number);
    RawDevice::connect(relay.addr(), &token, wire::Cursors::default(), Codec::None).await
}

struct RelayAgent {
    device: RawDevice,
    conversation: u64,
    version: u32,
    lines: Vec<String>,
    at_once: usize,
}

impl Agent for RelayAgent {
    async fn work(&mut self) -> anyhow::Result<u64> {
        let skip = usize::try_from(self.device.told)? % self.lines.len();
        let lines = self.lines.iter().cycle().skip(skip).take(self.at_once);
        let items = lines.map(|line| text(line, self.conversation, self.version)).collect();
        self.device.submit(items).await?;
        Ok(self.at_once as u64)
    }
}

/// A message as it is submitted.
pub(crate) fn text(line: &str, conversation: u64, version: u32) -> Submit {
    Submit {
        conversation: ConversationRef::Number(conversation),
        kind: kind::TEXT,
        urgent: false,
        version,
        age_s: 1,
        lifetime_s: 0,
        body: line.as_bytes().to_vec(),
    }
}
