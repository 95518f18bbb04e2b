//! `mailboat-bench laptop PROFILE DIR CORPUS`: the far end of a run over an emulated link. It lives
//! in the laptop's namespace, prepares everything over a fast link, then makes the visits over the
//! thin one, and leaves what the tool counted in `DIR`.
//!
//! The office's agent runs here as well, while the link is fast and nothing is counted.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use harness::agent::AgentHome;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{
    corpus::{Corpus, DOWN_LINES, UP_LINES},
    links::relay_url,
    scene::{self, LAPTOP, OFFICE, Scene, Visit},
};

const REPORT: &str = "report.json";
/// The link has been idle so long when a visit is over, in seconds: longer than any answer takes.
const QUIET: &str = "4";

/// What one visit cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// IP bytes, both directions.
    pub(crate) bytes: u64,
    /// Round trips that were waited for.
    pub(crate) trips: f64,
    pub(crate) seconds: f64,
    pub(crate) requests: u64,
    pub(crate) syns: u64,
    /// IP packets, both directions.
    pub(crate) packets: u64,
    /// Packets that did not arrive.
    pub(crate) lost: u64,
    /// IP bytes as the agent's ledger has them.
    pub(crate) ledger: u64,
}

/// What a run measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// Nothing new, a session resumed, with the tickets for those that go early.
    pub(crate) idle: Measured,
    /// The same with early data.
    pub(crate) early: Measured,
    /// The same from a process that has no session, but knows the relay's key.
    pub(crate) cold: Measured,
    pub(crate) batch: Measured,
    /// The same once more: the agent's ledger knows by now how slow the link is.
    pub(crate) again: Measured,
}

impl Report {
    /// Reads what [`run`] left in `dir`.
    pub(crate) fn read(dir: &Path) -> anyhow::Result<Self> {
        let report = fs::read(dir.join(REPORT)).context("the run left no report")?;
        let report: Value = serde_json::from_slice(&report)?;
        let of = |name: &str| measured(&report[name]);
        let (idle, early, cold) = (of("idle")?, of("early")?, of("cold")?);
        Ok(Self { idle, early, cold, batch: of("batch")?, again: of("again")? })
    }
}

/// The far end, with the arguments after `laptop`.
pub(crate) async fn run(mut args: impl Iterator<Item = PathBuf>) -> anyhow::Result<()> {
    let mut next = || args.next().context("laptop PROFILE DIR CORPUS");
    let (profile, dir, corpus) = (next()?, next()?, next()?);
    let profile = profile.to_str().context("the profile is no text")?;
    let corpus = Corpus::read(Some(&corpus))?;
    let [laptop, office] = [LAPTOP, OFFICE].map(|name| dir.join(name));
    fs::create_dir(&laptop)?;
    fs::create_dir(&office)?;
    let (laptop, office) = (AgentHome::at(&laptop), AgentHome::at(&office));
    let ca = dir.join("ca.pem");
    scene::log_in(&laptop, &relay_url(), LAPTOP, Some(&ca)).await;
    scene::log_in(&office, &relay_url(), OFFICE, Some(&ca)).await;
    let scene = Scene::begin(&laptop, &office).await?;

    thin(profile).await?;
    scene.call().await?;
    let [idle, early] = with_nothing_new(&scene).await?;
    let cold = visit(&scene, Who::Office, "cold", [0, 0]).await?;
    let batch = batch(&scene, "batch", profile, &corpus).await?;
    scene.check(&corpus).await?;
    let again = self::batch(&scene, "again", profile, &corpus).await?;
    let report = json!({
        "idle": idle, "early": early, "cold": cold, "batch": batch, "again": again
    });
    fs::write(dir.join(REPORT), report.to_string())?;
    Ok(())
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
enum Who {
    /// With a resident agent.
    Laptop,
    /// Without one: each call is a process of its own.
    Office,
}

/// Visits of the laptop with nothing new: one that makes the whole handshake, and one that goes early.
async fn with_nothing_new(scene: &Scene<'_>) -> anyhow::Result<[Value; 2]> {
    let (mut idle, mut early) = (None, None);
    // Of two in a row one fetches the ticket of the other.
    for _ in 0..2 {
        let made = visit(scene, Who::Laptop, "idle", [0, 0]).await?;
        let place = if measured(&made)?.trips < 2.8 { &mut early } else { &mut idle };
        *place = Some(made);
    }
    let idle = idle.context("no visit made the whole handshake")?;
    Ok([idle, early.context("no visit went early")?])
}

/// A visit with the whole corpus, which got to both ends over a fast link.
async fn batch(
    scene: &Scene<'_>,
    label: &str,
    profile: &str,
    corpus: &Corpus,
) -> anyhow::Result<Value> {
    thin("lan").await?;
    scene.office_writes(&corpus.down).await?;
    scene.laptop_writes(&corpus.up).await;
    thin(profile).await?;
    let batch = visit(scene, Who::Laptop, label, [UP_LINES, DOWN_LINES]).await?;
    thin("lan").await?;
    Ok(batch)
}

/// One visit over the link as it is, from silence to silence.
async fn visit(
    scene: &Scene<'_>,
    who: Who,
    label: &str,
    sent_received: [usize; 2],
) -> anyhow::Result<Value> {
    ctl(&["quiet", QUIET]).await?;
    ctl(&["mark", "before"]).await?;
    let visit: Visit = match who {
        Who::Laptop => scene.call().await?,
        Who::Office => scene.office_calls().await?,
    };
    ctl(&["quiet", QUIET]).await?;
    let mark = ctl(&["mark", label]).await?;
    ensure!(
        [visit.sent, visit.received] == sent_received.map(|count| count as u64),
        "the visit carried something else: {visit:?}"
    );
    let ledger = match who {
        Who::Laptop => scene.ledger().await?,
        Who::Office => scene.office_ledger().await?,
    };
    Ok(json!({
        "seconds": visit.seconds,
        "requests": visit.requests,
        "phase": mark["phase"],
        "ledger": ledger,
    }))
}

/// Changes the link, once it carries nothing.
async fn thin(profile: &str) -> anyhow::Result<()> {
    ctl(&["quiet", "1"]).await?;
    ctl(&["set", "--profile", profile]).await.map(drop)
}

/// Asks the tool that runs us.
async fn ctl(words: &[&str]) -> anyhow::Result<Value> {
    let linkbox = env::var_os("LINKBOX").context("LINKBOX is not set")?;
    let output = Command::new(linkbox).arg("ctl").args(words).output().await?;
    ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the tool answers in JSON")
}

fn measured(visit: &Value) -> anyhow::Result<Measured> {
    let phase = &visit["phase"];
    let number = |value: &Value| value.as_u64().with_context(|| format!("no number: {visit}"));
    let both = |counter: &str| {
        Ok::<_, anyhow::Error>(number(&phase["up"][counter])? + number(&phase["down"][counter])?)
    };
    Ok(Measured {
        bytes: both("bytes")?,
        ledger: number(&visit["ledger"])?,
        trips: phase["trips"].as_f64().context("no trips")? / 2.0,
        seconds: visit["seconds"].as_f64().context("no seconds")?,
        requests: number(&visit["requests"])?,
        syns: phase["syns"].as_f64().map_or(0, |syns| syns as u64),
        packets: both("packets")?,
        lost: both("lost")? + both("queue_drop")?,
    })
}
