//! The month's ledger of a link, with the quota that its profile in the settings gives it.

use std::sync::Arc;

use agent::store::Ledger;
use config::{AgentSettings, Sources};

use super::{Door, DoorError};

impl Door {
    /// The month in which `at` (seconds since 1970) lies, over the link whose profile has this name; over all links where
    /// there is none of that name, or the settings cannot be read.
    pub(crate) fn ledger(
        &self,
        link: String,
        at: i64,
    ) -> impl Future<Output = Result<Arc<Ledger>, DoorError>> + use<> {
        let path = self.paths.config.clone();
        self.read(move |reader| {
            let settings: AgentSettings =
                Sources::new().usual_file(path).load().unwrap_or_default();
            let profile = settings.link.iter().find(|profile| profile.name == link);
            reader.ledger(profile, at).map(Arc::new)
        })
    }
}
