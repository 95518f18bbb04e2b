//! A disk whose power can be cut: what was not synced is lost, all of it or any sectors of it.
//!
//! It keeps, for every file, what is durable and the writes since, in order. Nothing of a file is durable before its
//! sync, and no name before a sync of its directory. Power goes at a chosen step (a write, a truncation, a sync or a
//! deletion): that step and all later ones fail, and once everything that had the files open has closed them,
//! [`lose_power`] makes them what such a disk may hold.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use harness::rng::Rng;

/// Bytes that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// All disks of this process, by the directory that each stands for.
static DISKS: Mutex<Vec<Disk>> = Mutex::new(Vec::new());

/// What is left of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing.
    All,
    /// Any sectors of any writes, chosen by a seed.
    Some(u64),
}

#[derive(Debug, Default)]
struct Disk {
    root: PathBuf,
    names: HashMap<PathBuf, Entry>,
    objects: Vec<Object>,
    steps: u64,
    off_at: Option<u64>,
    is_off: bool,
    /// It says that it synced, and did not.
    lies: bool,
    open: usize,
}

/// What a name stands for: on the disk, and for programs.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    durable: Option<usize>,
    now: Option<usize>,
}

#[derive(Debug, Default)]
struct Object {
    durable: Vec<u8>,
    since: Vec<Change>,
    /// Its next sync makes the names of its directory durable too, as SQLite asks for new journals.
    syncs_names: bool,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// The power is off.
#[derive(Debug)]
pub(crate) struct Off;

/// An open file.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    pub(crate) path: PathBuf,
    object: usize,
}

fn disks() -> MutexGuard<'static, Vec<Disk>> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with<T>(path: &Path, act: impl FnOnce(&mut Disk) -> T) -> Option<T> {
    disks().iter_mut().find(|disk| path.starts_with(&disk.root)).map(act)
}

/// Puts a disk under a directory, whose files as they are now are durable.
pub(crate) fn insert(root: &Path) {
    disks().push(Disk { root: root.to_owned(), ..Disk::default() });
}

/// Takes the disk away again.
pub(crate) fn remove(root: &Path) {
    disks().retain(|disk| disk.root != root);
}

/// Cuts the power at so many steps from the first.
pub(crate) fn cut_at(root: &Path, step: u64) {
    with(root, |disk| disk.off_at = Some(step));
}

/// From now on it forgets what it is asked to keep.
pub(crate) fn lie(root: &Path) {
    with(root, |disk| disk.lies = true);
}

/// Steps that it has made.
pub(crate) fn steps(root: &Path) -> u64 {
    with(root, |disk| disk.steps).unwrap_or_default()
}

/// Whether the power is off.
pub(crate) fn is_off(root: &Path) -> bool {
    with(root, |disk| disk.is_off).unwrap_or_default()
}

/// Makes the files what the disk holds, and gives it power again for good. Panics while somebody has a file open.
pub(crate) fn lose_power(root: &Path, loss: Loss) {
    let files = with(root, |disk| disk.restart(loss)).expect("there is a disk");
    for (path, content) in files {
        match content {
            Some(bytes) => fs::write(path, bytes).expect("there is room for a file"),
            // Not there either way is what it is to be.
            None => drop(fs::remove_file(path)),
        }
    }
    for file in fs::read_dir(root).expect("it is ours").flatten() {
        // Shared memory is no file on a disk.
        if file.file_name().to_string_lossy().ends_with("-shm") {
            fs::remove_file(file.path()).expect("it is ours");
        }
    }
}

/// Whether a disk of ours holds this file.
pub(crate) fn holds(path: &Path) -> bool {
    with(path, |_| ()).is_some()
}

/// Opens a file, which is created where it was not `existing`; `syncs_names` as SQLite asks for new journals.
pub(crate) fn open(path: &Path, existing: Option<Vec<u8>>, syncs_names: bool) -> Option<Handle> {
    with(path, |disk| disk.open(path, existing, syncs_names))
}

/// Closes it.
pub(crate) fn close(handle: &Handle) {
    with(&handle.path, |disk| disk.open -= 1);
}

fn step(path: &Path, act: impl FnOnce(&mut Disk)) -> Result<(), Off> {
    with(path, |disk| disk.step(act)).unwrap_or(Ok(()))
}

/// Notes a write.
pub(crate) fn write(handle: &Handle, at: usize, bytes: &[u8]) -> Result<(), Off> {
    // What is being written when the power goes may be there in part.
    let change = |disk: &mut Disk| {
        disk.objects[handle.object].since.push(Change::Write(at, bytes.to_vec()));
    };
    step(&handle.path, change)
}

/// Notes a truncation.
pub(crate) fn truncate(handle: &Handle, len: usize) -> Result<(), Off> {
    step(&handle.path, |disk| disk.objects[handle.object].since.push(Change::Truncate(len)))
}

/// Makes what was written durable.
pub(crate) fn sync(handle: &Handle) -> Result<(), Off> {
    step(&handle.path, |disk| {
        if !disk.is_off && !disk.lies {
            disk.sync(handle.object, &handle.path);
        }
    })
}

/// Deletes a file; `durably` where its directory is synced.
pub(crate) fn delete(path: &Path, durably: bool) -> Result<(), Off> {
    step(path, |disk| {
        disk.names.entry(path.to_owned()).or_default().now = None;
        if durably && !disk.is_off && !disk.lies {
            disk.sync_names(path);
        }
    })
}

impl Disk {
    fn step(&mut self, act: impl FnOnce(&mut Self)) -> Result<(), Off> {
        if self.is_off {
            return Err(Off);
        }
        self.is_off = self.off_at == Some(self.steps);
        self.steps += 1;
        act(self);
        if self.is_off { Err(Off) } else { Ok(()) }
    }

    fn open(&mut self, path: &Path, existing: Option<Vec<u8>>, syncs_names: bool) -> Handle {
        self.open += 1;
        let known = self.names.get(path).and_then(|entry| entry.now);
        let object = known.unwrap_or_else(|| self.create(path, existing, syncs_names));
        Handle { path: path.to_owned(), object }
    }

    fn create(&mut self, path: &Path, existing: Option<Vec<u8>>, syncs_names: bool) -> usize {
        let object = self.objects.len();
        let entry = self.names.entry(path.to_owned()).or_default();
        if existing.is_some() {
            entry.durable = Some(object);
        }
        entry.now = Some(object);
        let syncs_names = syncs_names && existing.is_none();
        let durable = existing.unwrap_or_default();
        self.objects.push(Object { durable, since: Vec::new(), syncs_names });
        object
    }

    fn sync(&mut self, object: usize, path: &Path) {
        let object = &mut self.objects[object];
        for change in std::mem::take(&mut object.since) {
            change.apply(&mut object.durable);
        }
        if std::mem::take(&mut object.syncs_names) {
            self.sync_names(path);
        }
    }

    fn sync_names(&mut self, beside: &Path) {
        for (path, entry) in &mut self.names {
            if path.parent() == beside.parent() {
                entry.durable = entry.now;
            }
        }
    }

    fn restart(&mut self, loss: Loss) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        assert_eq!(self.open, 0, "a file is still open");
        let mut rng = match loss {
            Loss::All => None,
            Loss::Some(seed) => Some(Rng::new(seed)),
        };
        let mut names: Vec<_> = self.names.drain().collect();
        names.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut files = Vec::new();
        for (path, entry) in names {
            let is_now = rng.as_mut().is_some_and(|rng| rng.chance(50));
            let object = if is_now { entry.now } else { entry.durable };
            let content = object.map(|object| self.objects[object].left(rng.as_mut()));
            files.push((path, content));
        }
        let root = std::mem::take(&mut self.root);
        *self = Self { root, lies: self.lies, steps: self.steps, ..Self::default() };
        files
    }
}

impl Object {
    /// What the disk holds of it: of what was not synced nothing, or sectors that the power was still enough for.
    fn left(&self, rng: Option<&mut Rng>) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let Some(rng) = rng else { return bytes };
        // Most of it, little of it, or anything between.
        let percent = *rng.pick(&[5, 50, 95]);
        for change in &self.since {
            match change {
                Change::Write(at, written) => {
                    for (at, sector) in sectors(*at, written) {
                        if rng.chance(percent) {
                            put(&mut bytes, at, sector);
                        }
                    }
                }
                change if rng.chance(percent) => change.apply(&mut bytes),
                Change::Truncate(_) => {}
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, written) => put(bytes, *at, written),
            Self::Truncate(len) => bytes.truncate(*len),
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    let end = at + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(written);
}

/// The pieces of a write that lie in one sector each.
fn sectors(mut at: usize, mut bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let len = (SECTOR - at % SECTOR).min(bytes.len());
        let (piece, rest) = bytes.split_at(len);
        pieces.push((at, piece));
        (at, bytes) = (at + len, rest);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_synced_survives_and_a_name_only_with_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let (root, path) = (dir.path(), dir.path().join("a"));
        insert(root);
        let file = open(&path, Some(b"old".to_vec()), false).unwrap();
        write(&file, 3, b" and new").unwrap();
        sync(&file).unwrap();
        write(&file, 0, b"lost").unwrap();
        let fresh = open(&root.join("b"), None, false).unwrap();
        sync(&fresh).unwrap();
        let journal = open(&root.join("c"), None, true).unwrap();
        for file in [&file, &fresh, &journal] {
            close(file);
        }
        lose_power(root, Loss::All);
        assert_eq!(fs::read(&path).unwrap(), b"old and new");
        assert!(!root.join("b").exists() && !root.join("c").exists());
        remove(root);
    }

    #[test]
    fn a_write_that_the_power_cuts_is_there_in_sectors() {
        let dir = tempfile::tempdir().unwrap();
        let (root, path) = (dir.path(), dir.path().join("a"));
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..40 {
            insert(root);
            let file = open(&path, Some(vec![1; 4 * SECTOR]), false).unwrap();
            cut_at(root, 1);
            write(&file, 0, b"x").unwrap();
            assert!(write(&file, SECTOR / 2, &vec![2; 2 * SECTOR]).is_err());
            assert!(sync(&file).is_err() && is_off(root));
            close(&file);
            lose_power(root, Loss::Some(seed));
            let left = fs::read(&path).unwrap();
            lengths.insert(left.iter().filter(|byte| **byte == 2).count());
            remove(root);
        }
        let expected = [0, 1, 2, 3, 4].map(|halves| halves * SECTOR / 2);
        assert!(
            lengths.iter().all(|len| expected.contains(len)) && lengths.len() > 2,
            "{lengths:?}"
        );
    }
}
