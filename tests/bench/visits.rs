//! Whole visits through a link that counts every byte: TCP payload with TLS, and the same visits
//! with plain HTTP, which shows what of it is HTTP and what the bodies are.

use std::time::Duration;

use anyhow::ensure;
use harness::{
    link::{Link, Pace},
    relay::RelayOptions,
    wiretap,
    world::{Person, World},
};

use super::{
    corpus::Corpus,
    page::{Page, Row},
    peers::PROFILES,
    scene::{LAPTOP, OFFICE, Scene},
    wire_figures,
};

/// Round trips are told apart by what has arrived: the line needs some delay.
const DELAY: Duration = Duration::from_millis(50);

/// What passed the link in one visit.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    payload: u64,
    connections: u64,
    trips: u64,
    requests: u64,
    /// HTTP's own bytes, and the bodies'; only seen without TLS.
    heads: u64,
    up: u64,
    down: u64,
}

/// The visits, over one kind of connection.
#[derive(Clone, Copy, Debug)]
struct Visits {
    idle: Passed,
    batch: Passed,
    one_up: Passed,
    one_down: Passed,
}

/// Writes the figures.
pub(crate) async fn print(page: &Page, corpus: &Corpus) -> anyhow::Result<()> {
    let secure = visits(&RelayOptions::tls(), corpus).await?;
    let plain = visits(&RelayOptions::default(), corpus).await?;
    page.section("Whole visits: TLS 1.3, session resumed; bytes of TCP payload");
    let modem = &PROFILES[0];
    page.row(&Row::count("nothing new", secure.idle.payload, "B").at_most(1000.0));
    page.row(&Row::count("  HTTP and bodies", plain.idle.payload, "B").at_most(235.0));
    print_trips(page, secure.idle, modem.idle.trips_goal, (modem.idle.peer, modem.idle.cost.trips));
    print_layers(page, secure.idle, plain.idle);
    page.row(&Row::count("100 waiting, 20 to send", secure.batch.payload, "B"));
    page.row(&Row::count("  HTTP and bodies", plain.batch.payload, "B"));
    page.row(&Row::count("  body up", plain.batch.up, "B"));
    page.row(&Row::count("  body down", plain.batch.down, "B"));
    page.row(&Row::count("  requests", secure.batch.requests, "").at_most(1.0));
    print_trips(
        page,
        secure.batch,
        modem.batch.trips_goal,
        (modem.batch.peer, modem.batch.cost.trips),
    );
    print_metadata(page, corpus, plain)?;
    for (what, tls, http) in [
        ("one message to send", secure.one_up, plain.one_up),
        ("one message waiting", secure.one_down, plain.one_down),
    ] {
        page.row(&Row::count(what, tls.payload, "B"));
        page.row(&Row::count("  HTTP and bodies", http.payload, "B"));
    }
    Ok(())
}

fn print_trips(page: &Page, passed: Passed, goal: f64, peer: (&str, f64)) {
    page.row(&Row::count("  round trips", passed.trips, "").at_most(goal).beside(peer.0, peer.1));
    page.row(&Row::count("  connections", passed.connections, "").at_most(1.0));
}

fn print_layers(page: &Page, secure: Passed, plain: Passed) {
    page.row(&Row::count("  of it TLS", secure.payload.saturating_sub(plain.payload), "B"));
    page.row(&Row::count("  of it HTTP", plain.heads, "B"));
    page.row(&Row::count("  of it body up", plain.up, "B"));
    page.row(&Row::count("  of it body down", plain.down, "B"));
}

/// What the batch's bodies weigh beyond those of a visit with nothing new and the lines themselves.
fn print_metadata(page: &Page, corpus: &Corpus, plain: Visits) -> anyhow::Result<()> {
    for (what, lines, weight, idle) in [
        ("  metadata a message down", &corpus.down, plain.batch.down, plain.idle.down),
        ("  metadata a message up", &corpus.up, plain.batch.up, plain.idle.up),
    ] {
        let bare = wire_figures::bare_packets(wire::Codec::Zstd, lines)? as f64;
        let each = (weight as f64 - idle as f64 - bare) / lines.len() as f64;
        page.row(&Row::new(what, (each * 100.0).round() / 100.0, "B").at_most(4.0));
    }
    Ok(())
}

async fn visits(options: &RelayOptions, corpus: &Corpus) -> anyhow::Result<Visits> {
    let world = World::new(options, &[LAPTOP, OFFICE]).await;
    let [laptop, office] = [&world.people[0], &world.people[1]];
    let scene = Scene::begin(&laptop.home, &office.home).await?;
    laptop.link.set_pace(Pace { delay: DELAY, ..Pace::INSTANT });
    let idle = counted(&scene, laptop, options.tls).await?;

    scene.office_writes(&corpus.down).await?;
    scene.laptop_writes(&corpus.up).await;
    let batch = counted(&scene, laptop, options.tls).await?;
    scene.check(corpus).await?;

    scene.settle().await?;
    scene.laptop_writes(&corpus.up[..1]).await;
    let one_up = counted(&scene, laptop, options.tls).await?;
    scene.settle().await?;
    scene.office_writes(&corpus.down[..1]).await?;
    let one_down = counted(&scene, laptop, options.tls).await?;
    ensure!(idle.requests == 1, "a visit with nothing new took {} requests", idle.requests);
    Ok(Visits { idle, batch, one_up, one_down })
}

async fn counted(scene: &Scene<'_>, laptop: &Person, tls: bool) -> anyhow::Result<Passed> {
    let link: &Link = &laptop.link;
    link.wait_idle().await;
    link.reset_counters();
    link.record(true);
    let visit = scene.call().await?;
    link.wait_idle().await;
    let counters = link.counters();
    let mut passed = Passed {
        payload: counters.up + counters.down,
        connections: counters.connections,
        trips: counters.round_trips,
        requests: visit.requests,
        ..Passed::default()
    };
    if !tls {
        for exchange in wiretap::exchanges(&link.recorded()) {
            passed.up += exchange.up.len as u64;
            passed.down += exchange.down.len as u64;
        }
        passed.heads = passed.payload - passed.up - passed.down;
    }
    link.record(false);
    Ok(passed)
}
