//! SQLite's door to [`disk`]: a VFS that is the system's own one, but for what a cut of the power needs to know.
//!
//! Files that lie on no disk of ours go straight to the system's VFS.
#![allow(unsafe_code, reason = "SQLite's virtual file system is a C interface")]
#![allow(non_snake_case, reason = "the names of SQLite's own methods")]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    fs,
    path::{Path, PathBuf},
    ptr::null_mut,
    sync::{
        Once,
        atomic::{AtomicPtr, Ordering},
    },
};

use rusqlite::ffi::{
    self, SQLITE_FCNTL_MMAP_SIZE, SQLITE_IOERR_DELETE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_READ,
    SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE, SQLITE_NOTFOUND, SQLITE_OK, sqlite3_file,
    sqlite3_int64, sqlite3_io_methods, sqlite3_vfs,
};

use crate::disk::{self, Handle};

/// The VFS that was the default before ours.
static SYSTEM: AtomicPtr<sqlite3_vfs> = AtomicPtr::new(null_mut());

/// What SQLite sees as its file; the system's own one lies behind it in the same allocation.
#[repr(C)]
struct File {
    base: sqlite3_file,
    handle: *mut Handle,
}

/// Makes it the VFS that every connection of this process uses.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the system's VFS lives as long as the process, and so does its leaked copy, whose methods go on
        // from the same data. It is registered before any connection is opened.
        let registered = unsafe {
            let system = ffi::sqlite3_vfs_find(std::ptr::null());
            SYSTEM.store(system, Ordering::SeqCst);
            let own = sqlite3_vfs {
                szOsFile: (*system).szOsFile + c_int::try_from(size_of::<File>()).unwrap(),
                pNext: null_mut(),
                zName: c"losing".as_ptr(),
                xOpen: Some(open),
                xDelete: Some(delete),
                ..*system
            };
            ffi::sqlite3_vfs_register(Box::leak(Box::new(own)), 1)
        };
        assert_eq!(registered, SQLITE_OK);
    });
}

/// The system's VFS; our methods are called only once it is known.
fn system() -> *mut sqlite3_vfs {
    SYSTEM.load(Ordering::SeqCst)
}

/// # Safety
/// `file` is one that [`open`] made.
unsafe fn parts<'a>(file: *mut sqlite3_file) -> (&'a Handle, *mut sqlite3_file) {
    let own = file.cast::<File>();
    // SAFETY: by this function's contract; the system's file begins behind ours, and a `File` has its alignment.
    unsafe { (&*(*own).handle, own.add(1).cast()) }
}

/// # Safety
/// `path` is null or a string of C.
unsafe fn path_of<'a>(path: *const c_char) -> Option<&'a Path> {
    // SAFETY: by this function's contract.
    (!path.is_null()).then(|| Path::new(unsafe { CStr::from_ptr(path) }.to_str().unwrap()))
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let system = system();
    // SAFETY: SQLite gives room for `szOsFile` bytes and a name that is null or a string; the system's VFS is given
    // the same, in the room behind ours or, for what is on no disk of ours, in place of it.
    unsafe {
        let open = (*system).xOpen.unwrap();
        let Some(path) = path_of(name).filter(|path| disk::holds(path)) else {
            return open(system, name, file, flags, out);
        };
        (*file).pMethods = std::ptr::null();
        if disk::is_off(path) {
            return ffi::SQLITE_CANTOPEN;
        }
        let existing = path.exists().then(|| fs::read(path).unwrap());
        let own = file.cast::<File>();
        let opened = open(system, name, own.add(1).cast(), flags, out);
        if opened != SQLITE_OK {
            return opened;
        }
        let journals = ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_WAL;
        let handle = disk::open(path, existing, flags & journals != 0).unwrap();
        (*own).handle = Box::into_raw(Box::new(handle));
        (*own).base.pMethods = &raw const METHODS;
    }
    SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync_dir: c_int) -> c_int {
    let system = system();
    // SAFETY: SQLite gives a string.
    let path: PathBuf = unsafe { path_of(name) }.unwrap().to_owned();
    if disk::holds(&path) && path.exists() && disk::delete(&path, sync_dir != 0).is_err() {
        return SQLITE_IOERR_DELETE;
    }
    // SAFETY: as it was given to us.
    unsafe { (*system).xDelete.unwrap()(system, name, 0) }
}

/// The methods of our files.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    // Of version 2: without memory maps of files, which nobody could look into.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Goes on to the same method of the system's file.
macro_rules! forward {
    ($file:ident . $method:ident ( $($arg:expr),* )) => {{
        // SAFETY: SQLite calls methods on open files with the arguments that the system's own methods want.
        unsafe {
            let (_, system) = parts($file);
            (*(*system).pMethods).$method.unwrap()(system $(, $arg)*)
        }
    }};
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let closed = forward!(file.xClose());
    // SAFETY: the file was open, and is closed once.
    let handle = unsafe { Box::from_raw((*file.cast::<File>()).handle) };
    disk::close(&handle);
    closed
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    to: *mut c_void,
    len: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite reads open files.
    let (handle, _) = unsafe { parts(file) };
    if disk::is_off(&handle.path) { SQLITE_IOERR_READ } else { forward!(file.xRead(to, len, at)) }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    len: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite writes open files, from `len` bytes that are there.
    let (handle, bytes) = unsafe {
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), usize::try_from(len).unwrap());
        (parts(file).0, bytes)
    };
    match disk::write(handle, usize::try_from(at).unwrap(), bytes) {
        Ok(()) => forward!(file.xWrite(from, len, at)),
        Err(disk::Off) => SQLITE_IOERR_WRITE,
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, len: sqlite3_int64) -> c_int {
    // SAFETY: SQLite truncates open files.
    let (handle, _) = unsafe { parts(file) };
    match disk::truncate(handle, usize::try_from(len).unwrap()) {
        Ok(()) => forward!(file.xTruncate(len)),
        Err(disk::Off) => SQLITE_IOERR_TRUNCATE,
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: SQLite syncs open files.
    let (handle, _) = unsafe { parts(file) };
    // Not forwarded: the disk underneath keeps its power.
    disk::sync(handle).map_or(SQLITE_IOERR_FSYNC, |()| SQLITE_OK)
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut sqlite3_int64) -> c_int {
    forward!(file.xFileSize(size))
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    forward!(file.xLock(level))
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    forward!(file.xUnlock(level))
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, is_held: *mut c_int) -> c_int {
    forward!(file.xCheckReservedLock(is_held))
}

unsafe extern "C" fn file_control(
    file: *mut sqlite3_file,
    what: c_int,
    about: *mut c_void,
) -> c_int {
    if what == SQLITE_FCNTL_MMAP_SIZE {
        return SQLITE_NOTFOUND;
    }
    forward!(file.xFileControl(what, about))
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    forward!(file.xSectorSize())
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    forward!(file.xDeviceCharacteristics())
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    page: c_int,
    page_len: c_int,
    extend: c_int,
    to: *mut *mut c_void,
) -> c_int {
    forward!(file.xShmMap(page, page_len, extend, to))
}

unsafe extern "C" fn shm_lock(
    file: *mut sqlite3_file,
    at: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    forward!(file.xShmLock(at, count, flags))
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    forward!(file.xShmBarrier());
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    forward!(file.xShmUnmap(delete))
}
