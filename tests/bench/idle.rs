//! What the resident agent costs while nothing happens: wake-ups of all its threads, from the kernel's counts, and memory.
//!
//! With a schedule, the link monitor and notifications: once where there is no bus (the kernel is asked for the link), and
//! once with NetworkManager and a service for notifications, both simulated on a bus of its own.

use std::{env, fs, time::Duration};

use anyhow::Context;
use harness::{
    desktop::{Bus, Mock},
    program::Running,
    relay::RelayOptions,
    world::{Person, World},
};
use tokio::time::sleep;

use super::page::{Page, Row};

/// Seconds that are counted, where `IDLE_SECONDS` says nothing else.
const SECONDS: u64 = 300;
/// What began with the agent is over after this: threads that waited for work have ended.
const SETTLES: Duration = Duration::from_secs(20);
/// What five minutes may cost.
const WAKES_MAX: f64 = 10.0;
const RSS_MAX_KIB: f64 = 20.0 * 1024.0;
/// A schedule that has nothing to do meanwhile, and notifications, which are on by default.
const SETTINGS: &str = "[[connect]]\ncron = \"0 4 * * *\"\n\n[[connect]]\nwhen = \"urgent-queued\"\n\n\
    [[connect]]\nwhen = \"link-up\"\n\n[[link]]\nname = \"home\"\nmetered = false";

/// Writes the figures.
pub(crate) async fn print(page: &Page) -> anyhow::Result<()> {
    let seconds = env::var("IDLE_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or(SECONDS);
    page.section(&format!("Idle for {seconds} s: the resident agent, TLS, a schedule, no window"));
    let options = RelayOptions { tls: true, ..RelayOptions::default() };
    let world = World::new(&options, &["ann"]).await;
    let ann = &world.people[0];
    ann.home.add_settings(SETTINGS);
    let agent = Running::start(ann.home.command(&["agent"]));
    idle(page, "no bus", ann, agent, seconds).await?;

    let bus = Bus::start().await;
    let _desktop = Mock::start(&bus, "actions body persistence").await;
    let _network = bus.network_manager().await;
    let mut command = bus.on(ann.home.command(&["agent"]));
    command.env("DBUS_SYSTEM_BUS_ADDRESS", bus.address());
    idle(page, "NetworkManager, notifications", ann, Running::start(command), seconds).await
}

async fn idle(
    page: &Page,
    what: &str,
    person: &Person,
    mut agent: Running,
    seconds: u64,
) -> anyhow::Result<()> {
    agent.wait_line(|line| (line == "ready").then_some(())).await;
    // A whole visit, so that everything has been used once.
    person.home.run(&["sync"]).await.done();
    let pid = person.home.one(&["status"]).await["pid"].as_u64().context("the agent runs")?;
    sleep(SETTLES).await;
    let before = switches(pid)?;
    sleep(Duration::from_secs(seconds)).await;
    let woke = switches(pid)?.saturating_sub(before);
    let figure = |key: &str| memory(pid, key);
    page.row(&Row::count(format!("wake-ups, {what}"), woke, "").at_most(WAKES_MAX));
    page.row(&Row::count("  memory (RSS)", figure("VmRSS:")?, " KiB").at_most(RSS_MAX_KIB));
    page.row(&Row::count("    of it not from files", figure("RssAnon:")?, " KiB"));
    page.row(&Row::count("  threads", figure("Threads:")?, ""));
    agent.terminate().await;
    Ok(())
}

/// Times that any thread gave up or lost a processor, each of which it took up before.
pub(super) fn switches(pid: u64) -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let status = fs::read_to_string(task?.path().join("status")).unwrap_or_default();
        sum += field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
        sum += field(&status, "nonvoluntary_ctxt_switches:").unwrap_or(0);
    }
    Ok(sum)
}

/// A number of `/proc/PID/status`; of memory in KiB.
pub(super) fn memory(pid: u64, key: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    field(&status, key).with_context(|| format!("no {key}"))
}

fn field(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}
