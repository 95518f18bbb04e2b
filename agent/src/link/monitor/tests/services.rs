//! A message bus of one's own, and services on it. Needs Debian's packages dbus and python3-dbusmock.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;
use tokio::time::timeout;
use zbus::{Connection, MessageStream, OwnedVariant, Variant, connection::Builder};

use super::PATIENCE;
use crate::link::monitor::bus::Bus;

const MOCK: &str = "org.freedesktop.DBus.Mock";
/// Debian's: another on the PATH would not have its packages.
const PYTHON: &str = "/usr/bin/python3";
/// Without directories of services: nothing is started by itself, and nothing of this machine takes part.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
    "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=PATH</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"#;

/// A child that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(command: &mut Command, package: &str) -> Running {
    let child = command.stdin(Stdio::null()).spawn();
    Running(child.unwrap_or_else(|err| {
        panic!(
            "{} cannot be started ({err}): apt-get install {package}",
            command.get_program().display()
        )
    }))
}

/// A bus.
pub(crate) struct PrivateBus {
    pub(crate) address: String,
    _daemon: Running,
    _dir: TempDir,
}

impl PrivateBus {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("bus.conf");
        let socket = dir.path().join("bus");
        fs::write(&config, CONFIG.replace("PATH", socket.to_str().unwrap())).unwrap();
        let mut command = Command::new("dbus-daemon");
        command.arg("--nofork").arg("--print-address").arg("--config-file").arg(&config);
        let mut daemon = run(command.stdout(Stdio::piped()), "dbus");
        let mut lines = BufReader::new(daemon.0.stdout.take().unwrap()).lines();
        // It prints its address when it listens.
        let address = tokio::task::spawn_blocking(move || lines.next()).await.unwrap();
        let address = address.expect("dbus-daemon prints its address").unwrap();
        Self { address, _daemon: daemon, _dir: dir }
    }

    /// A simulated service, which has its name on the bus already.
    pub(crate) async fn mock(&self, template: &str, name: &'static str) -> Mock {
        let found = Command::new(PYTHON).args(["-c", "import dbusmock"]).output();
        assert!(
            found.is_ok_and(|output| output.status.success()),
            "{PYTHON} has no dbusmock: apt-get install python3-dbusmock"
        );
        let bus = Bus::connect(Some(&self.address)).await.unwrap();
        let mut owner = bus.owner(name).await.unwrap();
        let mut command = Command::new(PYTHON);
        command.args(["-m", "dbusmock", "--system", "--template", template]);
        command.env("DBUS_SYSTEM_BUS_ADDRESS", &self.address).stdout(Stdio::null());
        let service = run(&mut command, "python3-dbusmock");
        while !owner.is_there() {
            timeout(PATIENCE, owner.changed()).await.expect("dbusmock takes its name").unwrap();
        }
        let connection = Builder::address(&*self.address).build().await.unwrap();
        let path = format!("/{}", name.replace('.', "/"));
        Mock { name, path, connection, _service: service }
    }

    /// Somebody who has `name` and leaves every question unread.
    pub(super) async fn own_and_ignore(&self, name: &'static str) -> (Connection, MessageStream) {
        let connection = Builder::address(&*self.address).build().await.unwrap();
        connection.request_name(name).await.unwrap();
        let messages = MessageStream::from(&connection);
        (connection, messages)
    }
}

/// A simulated service.
pub(crate) struct Mock {
    name: &'static str,
    path: String,
    connection: Connection,
    _service: Running,
}

impl Mock {
    async fn call<B>(&self, path: &str, method: &str, body: &B) -> zbus::Message
    where
        B: serde::Serialize + zbus::DynamicType + Sync,
    {
        let call = self.connection.call_method(Some(self.name), path, Some(MOCK), method, body);
        call.await.unwrap_or_else(|err| panic!("{method}: {err}"))
    }

    /// Calls a method of the template, which the first object of its service has.
    pub(super) async fn ask<B>(&self, method: &str, body: &B) -> String
    where
        B: serde::Serialize + zbus::DynamicType + Sync,
    {
        self.call(&self.path, method, body).await.body().deserialize().unwrap()
    }

    pub(super) async fn add_property(&self, property: &str, value: Variant<'_>) {
        self.call(super::MANAGER_PATH, "AddProperty", &(self.name, property, value)).await;
    }

    /// Changes a property and tells of it.
    pub(crate) async fn set(&self, property: &str, value: Variant<'_>) {
        let changed = std::collections::HashMap::from([(property, value)]);
        self.call(super::MANAGER_PATH, "UpdateProperties", &(self.name, changed)).await;
    }

    /// Adds an active connection and its device, as `/mock/ID` and `/mock/ID/device`.
    pub(super) async fn add_active(&self, id: &str, interface: &str, kind: &str) {
        let device = format!("/mock/{id}/device");
        let devices = vec![zbus::ObjectPath::try_from(&*device).unwrap()];
        let active = [("Id", id.into()), ("Type", kind.into()), ("Devices", devices.into())];
        let properties = [("Interface", interface.into()), ("IpInterface", "".into())];
        self.add_object(&format!("/mock/{id}"), "Connection.Active", &active).await;
        self.add_object(&device, "Device", &properties).await;
    }

    async fn add_object(&self, path: &str, interface: &str, properties: &[(&str, Variant<'_>)]) {
        let owned =
            |value: &Variant<'_>| OwnedVariant::try_from(value.try_clone().unwrap()).unwrap();
        let properties: std::collections::HashMap<_, _> =
            properties.iter().map(|(name, value)| (*name, owned(value))).collect();
        let interface = format!("{}.{interface}", self.name);
        let methods: Vec<(&str, &str, &str, &str)> = Vec::new();
        self.call(&self.path, "AddObject", &(path, interface, properties, methods)).await;
    }

    pub(crate) async fn signal(&self, interface: &str, member: &str, value: bool) {
        let arguments = vec![Variant::from(value)];
        self.call(&self.path, "EmitSignal", &(interface, member, "b", arguments)).await;
    }
}
