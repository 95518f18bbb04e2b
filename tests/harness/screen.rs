//! A screen for one test: Xvfb with a window manager, and somebody who looks at it, moves the mouse and types.
//!
//! Everything that is waited for is an event of the X server: a window came, something was drawn. Nobody sleeps.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use x11rb::connection::Connection;
use x11rb::protocol::damage::{ConnectionExt as _, ReportLevel};
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt as _, EventMask,
    ImageFormat, KeyButMask, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::desktop::installed;
use crate::program::{self, Running};

/// After this long what is waited for does not come.
const PATIENCE: Duration = Duration::from_secs(60);
/// Width and height, in pixels.
const SIZE: (u16, u16) = (1280, 800);

/// Events of the core protocol, as XTEST names them.
const KEY_PRESS: u8 = 2;
const KEY_RELEASE: u8 = 3;
const BUTTON_PRESS: u8 = 4;
const BUTTON_RELEASE: u8 = 5;
const MOTION: u8 = 6;

/// Keys that are no characters, by their keysyms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Return.
    Enter = 0xff0d,
    /// To the next field.
    Tab = 0xff09,
    /// Back.
    Escape = 0xff1b,
    /// Modifier.
    Control = 0xffe3,
    /// Modifier.
    Shift = 0xffe1,
}

/// A screen with nobody else on it. Dropping it ends the server, and what was drawn on it.
#[derive(Debug)]
pub struct Screen {
    display: String,
    x: Arc<RustConnection>,
    root: Window,
    keys: HashMap<u32, (u8, bool)>,
    stirs: Arc<Notify>,
    count: Arc<AtomicU64>,
    dir: TempDir,
    _manager: Running,
    _server: Child,
}

/// What is to be seen: red, green and blue of each pixel, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    rgb: Vec<[u8; 3]>,
}

/// A rectangle of the screen, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// From the left.
    pub x: i16,
    /// From the top.
    pub y: i16,
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
}

/// Starts Xvfb; the server chooses a number that is free.
pub(crate) async fn serve(home: &Path, size: &str) -> (String, Child) {
    let mut command = program::command(&installed("Xvfb", "xvfb"), home);
    command.args(["-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp", "-noreset"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn().expect("the program starts");
    let stdout = server.stdout.take().expect("standard output is a pipe");
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(stdout));
    let number = lines.next_line().await.expect("the server can be read from");
    (format!(":{}", number.expect("the server says which screen it has")), server)
}

impl Screen {
    /// Starts the server and openbox, and waits until windows are managed. Panics when one of them is missing.
    pub async fn start() -> Self {
        let dir = program::folder().expect("there is room for a folder");
        let (display, server) = serve(dir.path(), &format!("{}x{}x24", SIZE.0, SIZE.1)).await;
        let (x, number) = x11rb::connect(Some(&display)).expect("the server listens");
        let root = x.setup().roots[number].root;
        let x = Arc::new(x);
        let stirs = Arc::new(Notify::new());
        let count = Arc::new(AtomicU64::new(0));
        listen(&x, root, &stirs, &count);
        let mut command = program::command(&installed("openbox", "openbox"), dir.path());
        command.env("DISPLAY", &display).arg("--sm-disable");
        let manager = Running::start(command);
        let keys = keys_of(&x);
        let screen =
            Self { display, x, root, keys, stirs, count, dir, _manager: manager, _server: server };
        screen
            .until("a window manager", |screen| {
                screen.property(screen.root, "_NET_SUPPORTING_WM_CHECK").first().copied()
            })
            .await;
        screen
    }

    /// Makes `command` draw here.
    pub fn on(&self, mut command: Command) -> Command {
        command.env("DISPLAY", &self.display);
        command
    }

    /// Looks, and looks again whenever something happens on the screen, until there is what is wanted. Panics when
    /// nothing of it comes in a minute; the picture of then is kept and named.
    pub async fn until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stirred = self.stirs.notified();
            if let Some(found) = look(self) {
                return found;
            }
            if timeout_at(deadline, stirred).await.is_err() {
                panic!("{what} did not come; the screen: {}", self.keep().display());
            }
        }
    }

    /// The window of the process whose title is so, once it is there.
    pub async fn window(&self, pid: u32, title: &str) -> Window {
        let is_it = |screen: &Self, window: &Window| {
            screen.property(*window, "_NET_WM_PID").first() == Some(&pid)
                && screen.title(*window) == title
        };
        let what = format!("a window \"{title}\" of process {pid}");
        self.until(&what, |screen| screen.windows().into_iter().find(|one| is_it(screen, one)))
            .await
    }

    /// All windows that are managed.
    pub fn windows(&self) -> Vec<Window> {
        self.property(self.root, "_NET_CLIENT_LIST")
    }

    /// What stands above a window; empty when it has gone.
    pub fn title(&self, window: Window) -> String {
        let kind = self.atom("UTF8_STRING");
        let name = self.atom("_NET_WM_NAME");
        let asked = self.x.get_property(false, window, name, kind, 0, 256);
        let value = asked.ok().and_then(|asked| asked.reply().ok()).map(|reply| reply.value);
        String::from_utf8_lossy(&value.unwrap_or_default()).into_owned()
    }

    /// The window that has the keyboard.
    pub fn active(&self) -> Option<Window> {
        self.property(self.root, "_NET_ACTIVE_WINDOW").first().copied().filter(|one| *one != 0)
    }

    /// Gives a window the keyboard, as a click on its title does.
    pub async fn activate(&self, window: Window) {
        self.tell(window, "_NET_ACTIVE_WINDOW", [2, 0, 0, 0, 0]);
        self.until("the keyboard", |screen| (screen.active() == Some(window)).then_some(())).await;
    }

    /// Puts a window's content there.
    pub async fn place(&self, window: Window, area: Area) {
        // Its content, not its frame, from a pager: x, y, width and height.
        let flags = 10 | 0b1111 << 8 | 2 << 12;
        let sides = [area.x as u32, area.y as u32, area.width.into(), area.height.into()];
        self.tell(
            window,
            "_NET_MOVERESIZE_WINDOW",
            [flags, sides[0], sides[1], sides[2], sides[3]],
        );
        self.until("the window's place", |screen| (screen.area(window)? == area).then_some(()))
            .await;
    }

    /// Where a window's content is; none when it has gone.
    pub fn area(&self, window: Window) -> Option<Area> {
        let size = self.x.get_geometry(window).ok()?.reply().ok()?;
        let at = self.x.translate_coordinates(window, self.root, 0, 0).ok()?.reply().ok()?;
        Some(Area { x: at.dst_x, y: at.dst_y, width: size.width, height: size.height })
    }

    /// What is to be seen there.
    pub fn picture(&self, area: Area) -> Picture {
        let Area { x, y, width, height } = area;
        let asked = self.x.get_image(ImageFormat::Z_PIXMAP, self.root, x, y, width, height, !0);
        let image = asked.expect("the server is there").reply().expect("the area is on the screen");
        let rgb = image.data.chunks_exact(4).map(|bgrx| [bgrx[2], bgrx[1], bgrx[0]]).collect();
        Picture { width, height, rgb }
    }

    /// Writes what is to be seen to a file that stays (PPM), for whoever looks why a test failed.
    pub fn keep(&self) -> PathBuf {
        let all = self.picture(Area { x: 0, y: 0, width: SIZE.0, height: SIZE.1 });
        let name =
            format!("mailboat-screen-{}{}.ppm", std::process::id(), self.display.replace(':', "-"));
        let path = std::env::temp_dir().join(name);
        let mut file = format!("P6 {} {} 255\n", all.width, all.height).into_bytes();
        file.extend(all.rgb.iter().flatten());
        std::fs::write(&path, file).expect("there is room for a file");
        path
    }

    /// Clicks at a point of the screen. When this returns the window there has been sent the click.
    ///
    /// A window manager stops the pointer at a click until it has raised the window, and no key waits for it: typed right
    /// away, faster than any hand, keys come to the window before the click does, and go where the keyboard was before.
    /// Until the pointer goes on the server says that the button is down.
    pub fn click(&self, x: i16, y: i16) {
        self.fake(MOTION, 0, x, y);
        self.fake(BUTTON_PRESS, 1, 0, 0);
        self.fake(BUTTON_RELEASE, 1, 0, 0);
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.is_pressed() {
            assert!(std::time::Instant::now() < deadline, "the click did not arrive");
            std::thread::yield_now();
        }
    }

    fn is_pressed(&self) -> bool {
        let asked = self.x.query_pointer(self.root).expect("the server is there");
        let pointer = asked.reply().expect("there is a pointer");
        pointer.mask.contains(KeyButMask::BUTTON1)
    }

    /// Moves the mouse to a point of the screen.
    pub fn point(&self, x: i16, y: i16) {
        self.fake(MOTION, 0, x, y);
    }

    /// Turns the wheel away from the person by one notch, where the mouse is.
    pub fn wheel_up(&self) {
        self.fake(BUTTON_PRESS, 4, 0, 0);
        self.fake(BUTTON_RELEASE, 4, 0, 0);
    }

    /// How often something has happened on the screen so far: windows that came or went, what was drawn.
    pub fn stirred(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Presses a key.
    pub fn press(&self, key: Key) {
        self.tap(key as u32);
    }

    /// Presses a character's key while Control is held.
    pub fn control(&self, character: char) {
        let held = self.keys[&(Key::Control as u32)].0;
        self.fake(KEY_PRESS, held, 0, 0);
        self.tap(character.into());
        self.fake(KEY_RELEASE, held, 0, 0);
    }

    /// Types a text of plain ASCII.
    pub fn write(&self, text: &str) {
        assert!(text.is_ascii(), "the keyboard has no keys for {text:?}");
        text.chars().for_each(|character| self.tap(character.into()));
    }

    fn tap(&self, keysym: u32) {
        let (key, is_shifted) = self.keys[&keysym];
        let shift = self.keys[&(Key::Shift as u32)].0;
        if is_shifted {
            self.fake(KEY_PRESS, shift, 0, 0);
        }
        self.fake(KEY_PRESS, key, 0, 0);
        self.fake(KEY_RELEASE, key, 0, 0);
        if is_shifted {
            self.fake(KEY_RELEASE, shift, 0, 0);
        }
    }

    fn fake(&self, kind: u8, detail: u8, x: i16, y: i16) {
        let asked = self.x.xtest_fake_input(kind, detail, 0, self.root, x, y, 0);
        asked.expect("the server is there").check().expect("the server lets us type");
    }

    fn atom(&self, name: &str) -> u32 {
        let asked = self.x.intern_atom(false, name.as_bytes()).expect("the server is there");
        asked.reply().expect("names are given").atom
    }

    /// A property of numbers; empty where there is none.
    fn property(&self, window: Window, name: &str) -> Vec<u32> {
        let asked = self.x.get_property(false, window, self.atom(name), AtomEnum::ANY, 0, 1024);
        let reply = asked.ok().and_then(|asked| asked.reply().ok());
        reply.and_then(|reply| Some(reply.value32()?.collect())).unwrap_or_default()
    }

    /// Asks the window manager.
    fn tell(&self, window: Window, what: &str, data: [u32; 5]) {
        let message = ClientMessageEvent::new(32, window, self.atom(what), data);
        let mask = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        let sent = self.x.send_event(false, self.root, mask, message);
        sent.expect("the server is there");
        self.x.sync().expect("the server is there");
    }

    /// The folder of this screen, for whatever a test wants to put there.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Area {
    /// Its middle.
    pub const fn middle(self) -> (i16, i16) {
        (self.x + (self.width / 2) as i16, self.y + (self.height / 2) as i16)
    }
}

impl Picture {
    /// The colour of a pixel.
    pub fn at(&self, x: u16, y: u16) -> [u8; 3] {
        self.rgb[usize::from(y) * usize::from(self.width) + usize::from(x)]
    }

    /// A part of it; the area is the picture's own.
    pub fn part(&self, area: Area) -> Self {
        let Area { x, y, width, height } = area;
        let row = |y: u16| (x as u16..x as u16 + width).map(move |x| self.at(x, y));
        let rgb = (y as u16..y as u16 + height).flat_map(row).collect();
        Self { width, height, rgb }
    }

    /// What of it lies below its first `rows`.
    pub fn below(&self, rows: u16) -> Self {
        let rows = rows.min(self.height);
        let rgb = self.rgb[usize::from(rows) * usize::from(self.width)..].to_vec();
        Self { width: self.width, height: self.height - rows, rgb }
    }

    /// The first rectangle, from the top, that has this colour for so long along its upper side, and its lower one that far
    /// below. In between there may be words.
    pub fn block(&self, colour: [u8; 3], width: u16, height: u16) -> Option<Area> {
        let run = |x: u16, y: u16| (x..self.width).take_while(|x| self.at(*x, y) == colour).count();
        for y in 0..self.height.checked_sub(height)? {
            let mut x = 0;
            while x < self.width {
                let found = run(x, y) as u16;
                if width <= found && width <= run(x, y + height - 1) as u16 {
                    return Some(Area { x: x as i16, y: y as i16, width: found, height });
                }
                x += found.max(1);
            }
        }
        None
    }

    /// Whether there are words in the darkest colour, which is none of a hint's.
    pub fn has_words(&self) -> bool {
        self.rgb.iter().any(|[red, ..]| *red < 0x40)
    }

    /// How many colours there are.
    pub fn colours(&self) -> usize {
        self.rgb.iter().collect::<std::collections::HashSet<_>>().len()
    }
}

/// Tells of whatever happens, from a thread that ends with the server.
fn listen(x: &Arc<RustConnection>, root: Window, stirs: &Arc<Notify>, count: &Arc<AtomicU64>) {
    let wanted = EventMask::PROPERTY_CHANGE | EventMask::SUBSTRUCTURE_NOTIFY;
    let wanted = ChangeWindowAttributesAux::new().event_mask(wanted);
    x.change_window_attributes(root, &wanted).expect("the server is there");
    x.damage_query_version(1, 1).expect("the server is there").reply().expect("it has DAMAGE");
    let damage = x.generate_id().expect("there are numbers");
    x.damage_create(damage, root, ReportLevel::RAW_RECTANGLES).expect("the server is there");
    x.sync().expect("the server is there");
    let (x, stirs, count) = (Arc::clone(x), Arc::clone(stirs), Arc::clone(count));
    std::thread::spawn(move || {
        while x.wait_for_event().is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
            stirs.notify_one();
        }
    });
}

/// Keysyms with their keys, and whether they need Shift.
fn keys_of(x: &RustConnection) -> HashMap<u32, (u8, bool)> {
    let (first, last) = (x.setup().min_keycode, x.setup().max_keycode);
    let asked = x.get_keyboard_mapping(first, last - first + 1).expect("the server is there");
    let mapping = asked.reply().expect("there is a keyboard");
    let per_key = usize::from(mapping.keysyms_per_keycode);
    let mut keys = HashMap::new();
    for (key, syms) in (first..=last).zip(mapping.keysyms.chunks_exact(per_key)) {
        for (level, sym) in syms.iter().take(2).enumerate().filter(|(_, sym)| **sym != 0) {
            keys.entry(*sym).or_insert((key, level == 1));
        }
    }
    keys
}
