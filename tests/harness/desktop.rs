//! A desktop for one test: a session bus of its own, and on it dunst (under Xvfb) or a mock service for notifications.
//!
//! The programs come from Debian's packages, which `make test` installs; one that is missing is named, with its package.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::program::{self, Running};
use crate::screen;

/// The bus starts nothing by itself: without service directories no desktop of the machine gets into a test.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
    "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=SOCKET</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;
/// Debian's: another one on the `PATH` would not find dbusmock.
const PYTHON: &str = "/usr/bin/python3";
const NOTIFICATIONS: &str = "org.freedesktop.Notifications";

/// Where `name` lies. Panics with the package that has it when it is not installed.
pub(crate) fn installed(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|dir| dir.join(name));
    places.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("{name} is not installed, and this test needs it: apt-get install {package}")
    })
}

/// A session bus. Dropping it ends it.
#[derive(Debug)]
pub struct Bus {
    dir: TempDir,
    _daemon: Running,
}

impl Bus {
    /// Starts one, without any service. Panics when it does not start.
    pub async fn start() -> Self {
        let dir = program::folder().expect("there is room for a folder");
        let config = dir.path().join("bus.conf");
        let socket = dir.path().join("bus");
        let text = CONFIG.replace("SOCKET", socket.to_str().expect("temporary paths are UTF-8"));
        std::fs::write(&config, text).expect("there is room for a file");
        let mut command = program::command(&installed("dbus-daemon", "dbus"), dir.path());
        command.arg("--config-file").arg(&config).args(["--nofork", "--print-address"]);
        let mut daemon = Running::start(command);
        daemon.wait_line(|line| line.contains("unix:path=").then_some(())).await;
        Self { dir, _daemon: daemon }
    }

    /// What `DBUS_SESSION_BUS_ADDRESS` has to be.
    pub fn address(&self) -> String {
        format!("unix:path={}", self.dir.path().join("bus").display())
    }

    /// Makes `command` run on this bus.
    pub fn on(&self, mut command: Command) -> Command {
        command.env("DBUS_SESSION_BUS_ADDRESS", self.address());
        command
    }

    /// Debian's Python with `args`, on this bus.
    fn python(&self, args: &[&str]) -> Command {
        let mut command = program::command(Path::new(PYTHON), self.dir.path());
        command.args(args);
        self.on(command)
    }

    /// NetworkManager, simulated, as the service of the system's bus: up, with nothing happening. It ends with the value.
    pub async fn network_manager(&self) -> Running {
        let script = "import dbus, subprocess, sys, time\n\
            p = subprocess.Popen([sys.executable, '-m', 'dbusmock', '--system', '--template', 'networkmanager'])\n\
            bus = dbus.SystemBus()\n\
            while not bus.name_has_owner('org.freedesktop.NetworkManager'): time.sleep(0.05)\n\
            print('here', flush=True)\n\
            p.wait()";
        let mut command = self.python(&["-c", script]);
        command.env("DBUS_SYSTEM_BUS_ADDRESS", self.address());
        let mut manager = Running::start(command);
        manager.wait_line(|line| (line == "here").then_some(())).await;
        manager
    }

    /// Waits until somebody owns the name of the service for notifications.
    async fn wait_service(&self) {
        let script = format!(
            "import dbus, dbus.mainloop.glib\n\
            from gi.repository import GLib\n\
            loop = GLib.MainLoop()\n\
            bus = dbus.SessionBus(mainloop=dbus.mainloop.glib.DBusGMainLoop())\n\
            bus.watch_name_owner('{NOTIFICATIONS}', lambda owner: owner and loop.quit())\n\
            loop.run()"
        );
        program::run(self.python(&["-c", &script]), b"").await.done();
    }
}

/// dunst on a screen of its own. Dropping it ends both.
#[derive(Debug)]
pub struct Dunst {
    display: String,
    _server: Child,
    _dunst: Running,
}

impl Dunst {
    /// Starts it on `bus` and waits until it is there; its menu chooses the line with `choice`. Panics when it does not
    /// start.
    pub async fn start(bus: &Bus, choice: &str) -> Self {
        let (display, server) = screen::serve(bus.dir.path(), "640x480x24").await;
        let menu = bus.dir.path().join("menu");
        let config = bus.dir.path().join("dunstrc");
        std::fs::write(&menu, format!("#!/bin/sh\ngrep -m 1 '{choice}'\n")).expect("there is room");
        std::fs::set_permissions(&menu, std::fs::Permissions::from_mode(0o700))
            .expect("it is ours");
        let text = format!("[global]\n    dmenu = {}\n", menu.display());
        std::fs::write(&config, text).expect("there is room for a file");
        let mut command = bus.on(program::command(&installed("dunst", "dunst"), bus.dir.path()));
        command.env("DISPLAY", &display).arg("-conf").arg(&config);
        let dunst = Running::start(command);
        bus.wait_service().await;
        Self { display, _server: server, _dunst: dunst }
    }

    /// Runs `dunstctl`; gives what it said.
    pub async fn ctl(&self, bus: &Bus, args: &[&str]) -> String {
        let mut command = bus.on(program::command(&installed("dunstctl", "dunst"), bus.dir.path()));
        command.env("DISPLAY", &self.display).args(args);
        program::run(command, b"").await.done().stdout
    }
}

/// A service that shows nothing, logs every call, and does as it is told.
#[derive(Debug)]
pub struct Mock(Running);

impl Mock {
    /// Starts one with these capabilities (words between blanks). Panics when it does not start.
    pub async fn start(bus: &Bus, capabilities: &str) -> Self {
        let parameters = format!("{{\"capabilities\": \"{capabilities}\"}}");
        let args = ["-u", "-m", "dbusmock", "--template", "notification_daemon", "-p", &parameters];
        assert!(
            Path::new("/usr/lib/python3/dist-packages/dbusmock").is_dir(),
            "dbusmock is not installed, and this test needs it: apt-get install python3-dbusmock"
        );
        let mock = Running::start(bus.python(&args));
        bus.wait_service().await;
        Self(mock)
    }

    /// The next call of `method`, as it was logged. Panics when the service ends.
    pub async fn next(&mut self, method: &str) -> String {
        loop {
            let line = self.0.next_line().await.expect("the service runs");
            if line.split_whitespace().nth(1) == Some(method) {
                return line;
            }
        }
    }

    /// Ends it.
    pub async fn end(mut self) {
        self.0.kill().await;
    }

    /// All that was logged so far.
    pub fn said(&self) -> String {
        self.0.said()
    }

    /// Lets the service send `signal` with the notification's number and `value` (a Python expression).
    pub async fn signal(&self, bus: &Bus, signal: &str, id: u32, value: &str) {
        let script = format!(
            "import dbus\n\
            o = dbus.SessionBus().get_object('{NOTIFICATIONS}', '/org/freedesktop/Notifications')\n\
            m = dbus.Interface(o, 'org.freedesktop.DBus.Mock')\n\
            v = {value}\n\
            m.EmitSignal('{NOTIFICATIONS}', '{signal}', 'us' if isinstance(v, str) else 'uu', \
                [dbus.UInt32({id}), v if isinstance(v, str) else dbus.UInt32(v)])"
        );
        program::run(bus.python(&["-c", &script]), b"").await.done();
    }
}

/// Something that owns the name and never answers.
#[derive(Debug)]
pub struct Mute(Running);

impl Mute {
    /// Starts one. Panics when it does not start.
    pub async fn start(bus: &Bus) -> Self {
        let script = format!(
            "import dbus, time\n\
            bus = dbus.SessionBus()\n\
            bus.request_name('{NOTIFICATIONS}')\n\
            print('here', flush=True)\n\
            time.sleep(3600)"
        );
        let mut mute = Running::start(bus.python(&["-c", &script]));
        mute.wait_line(|line| (line == "here").then_some(())).await;
        Self(mute)
    }

    /// Ends it.
    pub async fn end(mut self) {
        self.0.kill().await;
    }
}

/// A tray that shows nothing, and says what the items that register would have it show.
#[derive(Debug)]
pub struct Tray(Running);

/// What the tray runs: it prints `item NAME`, and after each signal of the item what that says now.
const TRAY: &str = r#"
import dbus, dbus.service, dbus.mainloop.glib
from gi.repository import GLib
bus = dbus.SessionBus(mainloop=dbus.mainloop.glib.DBusGMainLoop())
SNW, SNI = 'org.kde.StatusNotifierWatcher', 'org.kde.StatusNotifierItem'

def say(name):
    o = bus.get_object(name, '/StatusNotifierItem')
    p = dbus.Interface(o, 'org.freedesktop.DBus.Properties')
    tip = p.Get(SNI, 'ToolTip')
    m = dbus.Interface(bus.get_object(name, '/MenuBar'), 'com.canonical.dbusmenu')
    _, (_, _, lines) = m.GetLayout(0, -1, dbus.Array([], signature='s'))
    menu = [str(l[1].get('label', '-')) + ('' if l[1].get('enabled', True) else '!') for l in lines]
    width, _, pixels = p.Get(SNI, 'IconPixmap')[0]
    at = 4 * (int(width) * 17 + 17)
    dot = bytes(pixels)[at:at + 4] == bytes([255, 0x0a, 0x6a, 0x86])
    print('shows', str(tip[3]).replace('\n', ' / '), '|', ' / '.join(menu), '|', 'dot' if dot else 'no dot', flush=True)

class Watcher(dbus.service.Object):
    @dbus.service.method(SNW, in_signature='s')
    def RegisterStatusNotifierItem(self, name):
        name = str(name)
        print('item', name, flush=True)
        def later(*_, **__):
            GLib.idle_add(say, name)
        bus.add_signal_receiver(later, dbus_interface=SNI, bus_name=name)
        bus.add_signal_receiver(later, dbus_interface='com.canonical.dbusmenu', bus_name=name)
        later()

    @dbus.service.method('org.freedesktop.DBus.Properties', in_signature='ss', out_signature='v')
    def Get(self, interface, name):
        return dbus.Boolean(name == 'IsStatusNotifierHostRegistered')

Watcher(bus, '/StatusNotifierWatcher')
bus.request_name(SNW)
print('here', flush=True)
GLib.MainLoop().run()
"#;

impl Tray {
    /// Starts one. Panics when it does not start.
    pub async fn start(bus: &Bus) -> Self {
        let mut tray = Running::start(bus.python(&["-u", "-c", TRAY]));
        tray.wait_line(|line| (line == "here").then_some(())).await;
        Self(tray)
    }

    /// The bus name of the next item that comes.
    pub async fn item(&mut self) -> String {
        loop {
            let line = self.0.next_line().await.expect("the tray runs");
            if let Some(name) = line.strip_prefix("item ") {
                return name.to_owned();
            }
        }
    }

    /// What an item shows, once these words are in it; what it showed before is passed over.
    pub async fn shows(&mut self, words: &str) -> String {
        loop {
            let line = self.0.next_line().await.expect("the tray runs");
            if line.starts_with("shows ") && line.contains(words) {
                return line;
            }
        }
    }

    /// Everything that it said so far.
    pub fn said(&self) -> String {
        self.0.said()
    }

    /// Presses the line of the item's menu that begins so.
    pub async fn press(&self, bus: &Bus, item: &str, label: &str) {
        let script = format!(
            "import dbus\n\
            o = dbus.SessionBus().get_object('{item}', '/MenuBar')\n\
            m = dbus.Interface(o, 'com.canonical.dbusmenu')\n\
            _, (_, _, lines) = m.GetLayout(0, -1, dbus.Array([], signature='s'))\n\
            n = next(l[0] for l in lines if str(l[1].get('label', '')).startswith('{label}'))\n\
            m.Event(n, 'clicked', dbus.String('', variant_level=1), dbus.UInt32(0))"
        );
        program::run(bus.python(&["-c", &script]), b"").await.done();
    }
}
