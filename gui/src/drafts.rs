//! What was being written, kept over restarts: a small file of the window's own beside the store.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use agent::store::{ConversationId, MessageId};
use serde::{Deserialize, Serialize};

/// The layout of the file.
const VERSION: u32 = 1;
/// A larger file is none of ours.
const LEN_MAX: u64 = 16 << 20;

/// What is being written in one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) text: String,
    /// What it answers.
    pub(crate) reply_to: Option<MessageId>,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drafts(BTreeMap<ConversationId, Draft>);

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    version: u32,
    #[serde(default)]
    drafts: BTreeMap<String, WrittenDraft>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WrittenDraft {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
}

impl Drafts {
    pub(crate) fn draft(&self, id: ConversationId) -> Option<&Draft> {
        self.0.get(&id)
    }

    /// Notes what is being written; whether that is something new.
    pub(crate) fn set(&mut self, id: ConversationId, draft: Option<Draft>) -> bool {
        match draft {
            Some(draft) => self.0.insert(id, draft.clone()) != Some(draft),
            None => self.0.remove(&id).is_some(),
        }
    }

    /// Where they lie, for the store at `store`.
    pub(crate) fn file(store: &Path) -> PathBuf {
        store.with_file_name("window.json")
    }

    /// Reads them. None are none; of a file that cannot be read it is said why, and it is put aside.
    pub(crate) fn read(file: &Path) -> (Self, Option<String>) {
        match Self::parse(file) {
            Ok(drafts) => (drafts, None),
            Err(err) if err.kind() == io::ErrorKind::NotFound => (Self::default(), None),
            Err(err) => {
                // What is in it may still be of use to somebody.
                let _ = fs::rename(file, file.with_extension("json.bad"));
                (Self::default(), Some(format!("{}: {err}", file.display())))
            }
        }
    }

    fn parse(file: &Path) -> io::Result<Self> {
        if LEN_MAX < fs::metadata(file)?.len() {
            return Err(io::Error::other("it is too large"));
        }
        let written: Written = serde_json::from_slice(&fs::read(file)?)?;
        if written.version != VERSION {
            return Err(io::Error::other(format!("it has the layout {}", written.version)));
        }
        let drafts = written.drafts.into_iter().filter_map(|(id, draft)| {
            let reply_to = draft.reply_to.and_then(|id| id.parse().ok());
            Some((id.parse().ok()?, Draft { text: draft.text, reply_to }))
        });
        Ok(Self(drafts.collect()))
    }

    /// Writes them: all or nothing, whatever happens to the power. Blocks for a disk's write.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        let drafts = self.0.iter().map(|(id, draft)| {
            let reply_to = draft.reply_to.map(|id| id.to_string());
            (id.to_string(), WrittenDraft { text: draft.text.clone(), reply_to })
        });
        let written = Written { version: VERSION, drafts: drafts.collect() };
        let next = file.with_extension("json.new");
        let mut out = private(&next)?;
        out.write_all(&serde_json::to_vec_pretty(&written)?)?;
        out.sync_all()?;
        fs::rename(&next, file)
    }
}

/// A file that only its owner reads, as the store is.
fn private(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Drafts {
        let mut drafts = Drafts::default();
        let draft = Draft { text: "half a\nsentence".to_owned(), reply_to: "m7".parse().ok() };
        assert!(drafts.set("c2".parse().unwrap(), Some(draft.clone())));
        assert!(!drafts.set("c2".parse().unwrap(), Some(draft)), "nothing new");
        drafts
    }

    #[test]
    fn drafts_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = Drafts::file(&folder.path().join("store.db"));
        assert_eq!(Drafts::read(&file), (Drafts::default(), None));
        some().write(&file).unwrap();
        assert_eq!(Drafts::read(&file), (some(), None));
        let mut fewer = some();
        assert!(fewer.set("c2".parse().unwrap(), None));
        fewer.write(&file).unwrap();
        assert_eq!(Drafts::read(&file), (Drafts::default(), None));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_put_aside_with_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("window.json");
        for bad in ["{", "[]", "{\"version\":99}", ""] {
            fs::write(&file, bad).unwrap();
            let (drafts, words) = Drafts::read(&file);
            assert_eq!(drafts, Drafts::default());
            assert!(words.unwrap().contains("window.json"), "{bad}");
            assert_eq!(fs::read_to_string(folder.path().join("window.json.bad")).unwrap(), bad);
            assert!(!file.exists());
        }
    }
}
