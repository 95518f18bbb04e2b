//! The beginning: the store is opened, the socket bound, everything put together that the agent consists of.

use std::{sync::Arc, time::Duration};

use config::AgentPaths;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    Arrived, Follow, Hooks, LinkWatch, Mode, Reached, Resident, Service, Setup, Trouble, Urgent,
    events,
};
use crate::{
    cli::ask,
    control::{self, Failure},
    link::state::LinkState,
    notify::Notifier,
    schedule::{Clocks, Schedule, last_began},
    store::{Options, Store, StoreError},
    sync::Outcome,
    visit::Visitor,
};

/// How long to wait for a command that has the store for a moment.
const PATIENCE: Duration = Duration::from_secs(3);
/// Events that a watcher may lag behind before it is told to read the store again.
const EVENTS_MAX: usize = 256;

/// Runs until `stop` (or, with [`Mode::Once`], until the visit is over, whose outcome it gives).
/// `ready` is called once the socket is bound.
///
/// # Errors
/// When nobody is logged in, another agent has the store, or the socket cannot be made.
pub async fn run(
    setup: Setup,
    stop: CancellationToken,
    ready: impl FnOnce(),
) -> Result<Option<Outcome>, Failure> {
    let Setup { paths, settings, sources, env, mode, link, signals, log, clocks } = setup;
    let account = crate::cli::account::load(&paths)?;
    let client = match mode {
        Mode::Stay => crate::cli::account::lasting_client(&account, &settings, &env)?,
        Mode::Once(_) => crate::cli::account::client(&account, &settings, &env)?,
    };
    let (store, link) = match mode {
        Mode::Stay => tokio::join!(open(&paths, &account, &clocks), LinkWatch::start(link)),
        Mode::Once(_) => tokio::join!(open(&paths, &account, &clocks), LinkWatch::look(link)),
    };
    let store = store?;
    let listener = control::bind(&paths.socket).map_err(|err| {
        Failure::new(
            "socket",
            format!("{} could not be listened on: {err}", paths.socket.display()),
        )
    })?;
    let (orders_in, orders) = mpsc::channel(control::ORDERS_MAX);
    let (events, _) = broadcast::channel(EVENTS_MAX);
    let stop_serving = CancellationToken::new();
    let states = watch::Sender::new(control::State::default());
    let told = control::Told { events: events.clone(), states: states.clone() };
    let serving = control::serve(listener, orders_in, told, stop_serving.clone());
    let serving = AbortOnDropHandle::new(tokio::spawn(serving));
    let arrived = Arrived::default();
    let telling = events::tell(store.clone(), events.clone(), arrived.clone());
    let telling = AbortOnDropHandle::new(tokio::spawn(telling));
    let settings = Arc::new(settings);
    let stays = mode == Mode::Stay;
    let hooks = Hooks::start(&store, settings.clone());
    let notifier = stays.then(|| Notifier::start(&store, settings.clone(), paths.home()));
    let rules = if stays { &settings.connect[..] } else { &[] };
    let seed = getrandom::u64().unwrap_or(0);
    let now = clocks.now();
    let mut schedule = Schedule::new(rules, settings.sync.budget, now, &clocks.zone(), seed);
    if let Some(began) = last_began(store.reader(), now.wall) {
        schedule.began_before(began, now);
    }
    let visitor = Visitor::new(
        paths.clone(),
        settings.clone(),
        account,
        client,
        store.clone(),
        link.state.clone(),
    );
    let trouble = Trouble::of(&store, rules);
    let service = Service::new(stays);
    service.ready();
    let resident = Resident {
        urgent: Urgent::of(&store, schedule.wants_urgent()),
        schedule,
        clocks,
        visitor: Arc::new(visitor),
        settings,
        sources,
        env,
        store,
        events,
        follow: Follow::new(states),
        arrived,
        orders,
        signals,
        log,
        mode,
        stop,
        visit: None,
        waiters: Vec::new(),
        quotes: Vec::new(),
        reached: Reached::Unknown,
        link_was: LinkState::default(),
        link,
        comes_up: false,
        portal: None,
        veto: None,
        trouble,
        service,
        notifier,
        hooks: Some(hooks),
    };
    ready();
    let outcome = resident.run(stop_serving, serving).await;
    drop(telling);
    Ok(outcome)
}

async fn open(
    paths: &AgentPaths,
    account: &config::Account,
    clocks: &Clocks,
) -> Result<Store, Failure> {
    let clock = clocks.wall.clone();
    let (at, options) =
        (paths.store.clone(), Options { patience: PATIENCE, clock, ..Options::default() });
    let opened = tokio::task::spawn_blocking(move || Store::open(&at, options)).await;
    let store = match opened.map_err(|err| Failure::chain("internal", &err))? {
        Err(err @ StoreError::InUse { .. }) => {
            let words = match control::Client::connect(&paths.socket).await {
                Ok(Some(client)) => format!("another agent (pid {}) has this store", client.pid()),
                _ => err.to_string(),
            };
            return Err(Failure { words, ..Failure::from(err) });
        }
        opened => opened?,
    };
    store.log_in(&ask::identity(account), None)?;
    Ok(store)
}
