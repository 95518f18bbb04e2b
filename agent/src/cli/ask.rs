//! Getting an order done: by the agent that runs, or here under the store's lock.

use std::time::Duration;

use config::{Account, AgentPaths, AgentSettings};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    control::{AskError, Client, Failure, Order},
    orders::carry_out,
    store::{Identity, Options, Store, StoreError},
};

/// How long to wait for who has the store and does not listen: a command that writes for a moment, or
/// an agent that is just starting or stopping.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Who carries an order out.
#[derive(Debug)]
pub(super) enum Who {
    /// The agent that runs.
    Agent(Client),
    /// Nobody else has the store.
    Us(Box<Store>),
}

/// Finds out who carries orders out now.
pub(super) async fn who(paths: &AgentPaths) -> Result<Who, Failure> {
    let began = Instant::now();
    loop {
        let connected = Client::connect(&paths.socket).await;
        if let Some(client) = connected.map_err(|err| cannot_connect(paths, &err))? {
            return Ok(Who::Agent(client));
        }
        match open(paths) {
            Ok(store) => return Ok(Who::Us(Box::new(store))),
            Err(StoreError::InUse { .. }) if began.elapsed() < PATIENCE => sleep(LOOK_AGAIN).await,
            Err(err) => return Err(err.into()),
        }
    }
}

/// Opens the store for writing, as the device that `account.toml` names.
pub(super) fn open(paths: &AgentPaths) -> Result<Store, StoreError> {
    let account = Account::load(&paths.account).ok().flatten().ok_or(StoreError::NotLoggedIn)?;
    let store = Store::open(&paths.store, Options::default())?;
    store.log_in(&identity(&account), None)?;
    Ok(store)
}

/// Who `account.toml` says that we are. The domain is the store's to know.
pub(crate) fn identity(account: &Account) -> Identity {
    Identity {
        account: account.account,
        device: account.device,
        name: account.name.clone(),
        domain: String::new(),
    }
}

/// Gets an order done that needs no link.
pub(super) async fn ask(
    paths: &AgentPaths,
    settings: &AgentSettings,
    order: Order,
) -> Result<Value, Failure> {
    let began = Instant::now();
    loop {
        match who(paths).await? {
            Who::Us(store) => return carry_out(&store, settings, order),
            Who::Agent(mut client) => match client.ask(&order).await {
                // It was just stopping: somebody else can do it.
                Err(AskError::NotTaken) => not_taken(began).await?,
                answer => return Ok(answer?),
            },
        }
    }
}

/// An agent is ending and has not taken the order: gives it a moment, so that it can be asked for again.
///
/// # Errors
/// It has been ending for too long.
pub(super) async fn not_taken(began: Instant) -> Result<(), Failure> {
    if PATIENCE <= began.elapsed() {
        return Err(AskError::NotTaken.into());
    }
    sleep(LOOK_AGAIN).await;
    Ok(())
}

pub(super) fn cannot_connect(paths: &AgentPaths, err: &std::io::Error) -> Failure {
    let words = format!("the agent at {} cannot be asked: {err}", paths.socket.display());
    Failure::new("agent_unreachable", words)
}
