//! macOS and Windows, through notify-rust: shown, without buttons, and not taken away again.

use std::collections::HashSet;

use notify_rust::Notification;
use tokio::{task::spawn_blocking, time::timeout};

use super::{Abilities, CALL_MAX, ShowError, Sign};
use crate::notify::card::{Card, Key};

#[derive(Debug, Default)]
pub(in crate::notify) struct Desktop {
    /// A call that never came back: nothing more is asked of the service.
    is_stuck: bool,
    shown: HashSet<Key>,
}

impl Desktop {
    /// Whether the service can be used.
    #[expect(clippy::unused_async, reason = "other platforms have to ask")]
    pub(in crate::notify) async fn ready(&mut self) -> Result<Abilities, ShowError> {
        if self.is_stuck { Err(ShowError::Silent) } else { Ok(Abilities::default()) }
    }

    /// Shows a card.
    pub(in crate::notify) async fn show(
        &mut self,
        card: &Card,
        _: Abilities,
        _: bool,
    ) -> Result<(), ShowError> {
        let mut notification = Notification::new();
        notification.appname("Mailboat").summary(&card.title).body(&card.body);
        let show = spawn_blocking(move || notification.show().map(drop));
        match timeout(CALL_MAX, show).await {
            Ok(Ok(Ok(()))) => {
                self.shown.insert(card.key.clone());
                Ok(())
            }
            Ok(Ok(Err(err))) => Err(ShowError::Refused(err.to_string())),
            Ok(Err(err)) => Err(ShowError::Refused(err.to_string())),
            Err(_) => {
                self.is_stuck = true;
                Err(ShowError::Silent)
            }
        }
    }

    /// There is no way to take one away: it is forgotten only.
    #[expect(clippy::unused_async, reason = "other platforms have to ask")]
    pub(in crate::notify) async fn close(&mut self, key: &Key) -> bool {
        self.shown.remove(key);
        false
    }

    /// Nothing is told of what the user does.
    pub(in crate::notify) async fn next(&mut self) -> Sign {
        std::future::pending().await
    }
}
