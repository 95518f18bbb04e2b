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
const AGENTS_MAX: usize = AGENTS[AGENTS.len() - 1];
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
            // Before and after: what a disk takes changes from one second to the next.
            let before = alone(&bare, corpus, agents, at_once).await?;
            let mut working = ready.split_off(ready.len() - agents);
            working.iter_mut().for_each(|agent| agent.at_once = at_once);
            let (rate, resting) = rate::measure(working).await?;
            ready.extend(resting);
            let after = alone(&bare, corpus, agents, at_once).await?;
            print_rate(page, agents, at_once, rate, f64::midpoint(before, after));
        }
    }
    Ok(())
}

fn print_rate(page: &Page, agents: usize, at_once: usize, rate: f64, alone: f64) {
    let what = format!("{agents} agents, {at_once} a request");
    page.row(&Row::new(what, rate.round(), "/s").beside("SQLite", alone.round()));
    if agents == AGENTS_MAX {
        let percent = (100.0 * rate / alone).round();
        page.row(&Row::new("  of SQLite alone", percent, "%").at_least(GOAL_PERCENT));
    }
}

async fn alone(bare: &Bare, corpus: &Corpus, agents: usize, at_once: usize) -> anyhow::Result<f64> {
    let agents = (0..agents).map(|_| bare.agent(&corpus.down, at_once)).collect();
    Ok(rate::measure(agents).await?.0)
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
    limits.connections_per_address_without_login = PLENTY / 1000;
    options.settings.log = "info".to_owned();
    let mut relay = RelayProcess::start(&options).await;
    relay.terminate().await;
    accounts::make(&relay.data(), 2 * AGENTS_MAX).await?;
    relay.restart().await;
    Ok(relay)
}

/// One writer for every two accounts, acquainted.
async fn agents(relay: &RelayProcess, corpus: &Corpus) -> anyhow::Result<Vec<RelayAgent>> {
    let mut agents = Vec::new();
    for pair in 0..AGENTS_MAX {
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
