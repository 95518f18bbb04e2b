//! Two people: one at a laptop behind the line that is measured, with a resident agent, and one in
//! an office. Driven through the `mailboat` command as they would.

use std::{path::Path, time::Instant};

use anyhow::{Context, ensure};
use harness::{agent::AgentHome, program::Running};
use serde_json::Value;

use super::corpus::Corpus;

/// Names of the accounts.
pub(crate) const LAPTOP: &str = "laptop";
pub(crate) const OFFICE: &str = "office";
/// Rows that a list is asked for: all there are.
const ALL: &str = "100000";

/// The two, acquainted, with nothing under way.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    laptop: &'a AgentHome,
    office: &'a AgentHome,
    _resident: Running,
}

/// What a visit of the laptop came to, as the agent tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) requests: u64,
    /// From the command's start to its end.
    pub(crate) seconds: f64,
}

impl<'a> Scene<'a> {
    /// Acquaints two homes that are logged in, starts the laptop's resident agent and lets it make
    /// its first visits: it then holds a session to resume, and nothing is new.
    pub(crate) async fn begin(
        laptop: &'a AgentHome,
        office: &'a AgentHome,
    ) -> anyhow::Result<Self> {
        sync(laptop).await?;
        office.run(&["chat", LAPTOP]).await.done();
        sync(office).await?;
        sync(laptop).await?;
        let inbox = laptop.json(&["inbox"]).await;
        let request = inbox.iter().find(|row| row["kind"] == "request");
        let id = request.and_then(|row| row["id"].as_str()).context("no request arrived")?;
        laptop.run(&["accept", id]).await.done();
        sync(laptop).await?;
        sync(office).await?;
        let resident = laptop.resident().await;
        let scene = Self { laptop, office, _resident: resident };
        scene.settle().await?;
        Ok(scene)
    }

    /// Visits until there is nothing left to tell.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        for _ in 0..2 {
            sync(self.office).await?;
            sync(self.laptop).await?;
        }
        Ok(())
    }

    /// The laptop's visit.
    pub(crate) async fn call(&self) -> anyhow::Result<Visit> {
        sync(self.laptop).await
    }

    /// The office's visit, by a process of its own.
    pub(crate) async fn office_calls(&self) -> anyhow::Result<Visit> {
        sync(self.office).await
    }

    /// IP bytes of the laptop's newest visit, as its ledger has them.
    pub(crate) async fn ledger(&self) -> anyhow::Result<u64> {
        ledger(self.laptop).await
    }

    /// The same of the office's.
    pub(crate) async fn office_ledger(&self) -> anyhow::Result<u64> {
        ledger(self.office).await
    }

    /// The office writes to the laptop, up to the relay.
    pub(crate) async fn office_writes(&self, lines: &[String]) -> anyhow::Result<()> {
        write(self.office, LAPTOP, lines).await;
        let visit = sync(self.office).await?;
        ensure!(visit.sent == lines.len() as u64, "the office sent {}", visit.sent);
        Ok(())
    }

    /// The laptop writes to the office; it stays in the outbox.
    pub(crate) async fn laptop_writes(&self, lines: &[String]) {
        write(self.laptop, OFFICE, lines).await;
    }

    /// Fails unless every line is in the store of the other, once, in order.
    pub(crate) async fn check(&self, corpus: &Corpus) -> anyhow::Result<()> {
        sync(self.office).await?;
        for (home, lines) in [(self.laptop, &corpus.down), (self.office, &corpus.up)] {
            let rows = home.json(&["inbox", "--limit", ALL]).await;
            let came: Vec<&str> = rows
                .iter()
                .filter(|row| row["kind"] == "message")
                .filter_map(|row| row["text"].as_str())
                .collect();
            ensure!(came == *lines, "other lines arrived than were sent: {came:?}");
        }
        Ok(())
    }
}

/// Logs a home in.
pub(crate) async fn log_in(home: &AgentHome, url: &str, name: &str, ca: Option<&Path>) {
    home.login(url, name, ca).await.done();
}

async fn write(home: &AgentHome, to: &str, lines: &[String]) {
    for line in lines {
        home.run(&["send", to, "-m", line]).await.done();
    }
}

async fn sync(home: &AgentHome) -> anyhow::Result<Visit> {
    let began = Instant::now();
    let row = home.one(&["sync"]).await;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(row["outcome"] == "done", "a visit ended with {row}");
    let number = |field: &str| {
        row.get(field).and_then(Value::as_u64).with_context(|| format!("no {field} in {row}"))
    };
    let [sent, received, requests] = [number("sent")?, number("received")?, number("requests")?];
    Ok(Visit { sent, received, requests, seconds })
}

async fn ledger(home: &AgentHome) -> anyhow::Result<u64> {
    let visit = home.json(&["usage"]).await.pop().context("the ledger is empty")?;
    let bytes = |key: &str| visit[key].as_u64().context("the ledger has no IP bytes");
    Ok(bytes("ip_bytes_up")? + bytes("ip_bytes_down")?)
}
