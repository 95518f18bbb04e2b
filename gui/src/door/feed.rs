//! What happens at the agent, for as long as one runs; and the wait for one while none does.
//!
//! Without an agent a watch on the folder tells when one comes, and when a command writes the store. That costs no
//! wake-up while nothing happens.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use agent::control::{AskError, Client, Event, Events};
use iced::futures::{SinkExt, Stream, channel::mpsc::Sender};
use notify::{RecursiveMode, Watcher};
use serde_json::Map;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::{DoorError, Follow};

/// Between two reads of the store while commands write it.
const GAP: Duration = Duration::from_millis(250);
/// The longest wait between two looks for an agent; one that stayed for longer is looked for at once.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// For an agent to greet and to begin to tell.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    /// An agent runs.
    There,
    /// None runs; where one seems to and cannot be talked to, why.
    Absent(Option<DoorError>),
    /// What the agent does now.
    Doing(Box<Follow>),
    /// The store changed, or may have.
    Changed,
    /// Somebody's presence did.
    Presence,
    /// A visit began, or ended so.
    Visit { began: bool, outcome: Option<String> },
}

/// Where the agent is looked for; the identity of the feed.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) socket: PathBuf,
    pub(super) store: PathBuf,
    /// How often somebody said to look once more.
    pub(super) looks: u32,
}

/// The feed: it never ends.
pub(super) fn feed(place: &Place) -> impl Stream<Item = News> + use<> {
    let place = place.clone();
    iced::stream::channel(64, async move |mut out: Sender<News>| {
        let mut told = None;
        let mut pause = GAP;
        loop {
            let began = Instant::now();
            // Who listened has gone: so does this.
            let Some(was_there) = listen(&place, &mut told, &mut out).await else { return };
            if !was_there || PAUSE_MAX < began.elapsed() {
                pause = GAP;
                continue;
            }
            // An agent that ends again and again is not to keep the window busy.
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    })
}

/// One time with an agent, or one wait for something to change, and whether there was one; `None` when nobody listens any
/// more.
async fn listen(place: &Place, told: &mut Option<News>, out: &mut Sender<News>) -> Option<bool> {
    // Before the look, so that nothing falls between.
    let mut watch = Watch::new(place);
    let why = match timeout(PATIENCE, connect(&place.socket)).await {
        Ok(Ok(Some((happens, does)))) => {
            drop(watch);
            *told = None;
            out.send(News::There).await.ok()?;
            out.send(News::Changed).await.ok()?;
            return pass_on(happens, does, out).await.map(|()| true);
        }
        Ok(Ok(None)) => None,
        Ok(Err(why)) => Some(why),
        Err(_) => Some(DoorError::Stalled),
    };
    let absent = News::Absent(why);
    if told.as_ref() != Some(&absent) {
        *told = Some(absent.clone());
        out.send(absent).await.ok()?;
    }
    if watch.stirs().await {
        out.send(News::Changed).await.ok()?;
    }
    Some(false)
}

async fn connect(socket: &Path) -> Result<Option<(Events, Events)>, DoorError> {
    let open = async || Client::connect(socket).await.map_err(|err| DoorError::of_connecting(&err));
    let (Some(one), Some(other)) = (open().await?, open().await?) else { return Ok(None) };
    let events = match (one.watch().await, other.follow().await) {
        (Ok(happens), Ok(does)) => Some((happens, does)),
        (Err(AskError::Failed(failure)), _) | (_, Err(AskError::Failed(failure))) => {
            return Err(failure.into());
        }
        _ => None,
    };
    Ok(events)
}

async fn pass_on(mut happens: Events, mut does: Events, out: &mut Sender<News>) -> Option<()> {
    let mut fields = Map::new();
    loop {
        let event = tokio::select! {
            event = happens.next() => event,
            event = does.next() => event,
        };
        let news = match event {
            // The agent went. Where to: the next look says.
            None => return Some(()),
            Some(Event::Agent { whole, fields: told }) => {
                if whole {
                    fields.clear();
                }
                fields.extend(told);
                News::Doing(Box::new(Follow::of(&fields)))
            }
            Some(Event::Message { .. } | Event::State { .. } | Event::Changed | Event::Missed) => {
                News::Changed
            }
            Some(Event::Presence) => News::Presence,
            Some(Event::Visit { began, outcome }) => News::Visit { began, outcome },
            Some(_) => continue,
        };
        out.send(news).await.ok()?;
    }
}

/// A watch on the folder of the store, or on the nearest one above that there is.
struct Watch {
    told: mpsc::Receiver<bool>,
    /// Dropping it ends the watch. None where the system has none to give: then there is no word, and "try again" of
    /// the screen is the way.
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Watch {
    fn new(place: &Place) -> Self {
        let (tell, told) = mpsc::channel(1);
        let (socket, store) = (place.socket.clone(), place.store.clone());
        let wal = {
            let mut name = store.clone().into_os_string();
            name.push("-wal");
            PathBuf::from(name)
        };
        let is_store = move |path: &Path| path == store || path == wal;
        let heard = move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if event.kind.is_access() {
                return;
            }
            let is_news = event.paths.iter().any(|path| is_store(path));
            let is_way = !is_news && event.paths.iter().any(|path| socket.starts_with(path));
            if is_news || is_way {
                // One word that waits is enough.
                let _ = tell.try_send(is_news);
            }
        };
        let watcher = notify::recommended_watcher(heard).ok().map(|mut watcher| {
            let mut folders: Vec<&Path> = [&place.socket, &place.store]
                .into_iter()
                .filter_map(|file| nearest(file))
                .collect();
            folders.dedup();
            for folder in folders {
                let _ = watcher.watch(folder, RecursiveMode::NonRecursive);
            }
            watcher
        });
        Self { told, _watcher: watcher }
    }

    /// Waits until something happened there; whether the store changed.
    async fn stirs(&mut self) -> bool {
        let Some(mut is_news) = self.told.recv().await else { return std::future::pending().await };
        // What comes in one go is told once.
        tokio::time::sleep(GAP).await;
        while let Ok(more) = self.told.try_recv() {
            is_news |= more;
        }
        is_news
    }
}

fn nearest(file: &Path) -> Option<&Path> {
    file.ancestors().skip(1).find(|folder| folder.is_dir())
}
