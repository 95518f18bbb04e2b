//! Against a bus of one's own and simulated services on it (dbusmock's templates).

pub(crate) mod services;

use std::time::Duration;

use tokio::{sync::watch, time::timeout};
use zbus::Variant;

use self::services::{Mock, PrivateBus};
use super::*;
use crate::link::Reach;

/// Enough for a machine that is busy with other tests; every wait ends with its event.
const PATIENCE: Duration = Duration::from_secs(60);
const NETWORK_MANAGER: &str = "org.freedesktop.NetworkManager";
/// Not ASCII; the template names the connection after it.
const NETWORK: &str = "Caf\u{e9} 3";
const MANAGER_PATH: &str = "/org/freedesktop/NetworkManager";

/// NetworkManager with a wireless network that is its way out.
pub(crate) async fn wireless(bus: &PrivateBus) -> Mock {
    let mock = bus.mock("networkmanager", NETWORK_MANAGER).await;
    let device: String = mock.ask("AddWiFiDevice", &("w0", "wlan0", 100_i32)).await;
    let point = (&*device, "point", NETWORK, "00:23:f8:7e:12:bb", 2_u32, 2425_u32, 5400_u32);
    let point = (point.0, point.1, point.2, point.3, point.4, point.5, point.6, 82_u8, 0x100_u32);
    let point: String = mock.ask("AddAccessPoint", &point).await;
    let connection: String = mock.ask("AddWiFiConnection", &(&*device, "cafe", NETWORK, "")).await;
    let devices = [&*device];
    let active = (&devices[..], &*connection, &*point, "active", 2_u32);
    let active: String = mock.ask("AddActiveConnection", &active).await;
    let path = zbus::ObjectPath::try_from(active).unwrap();
    mock.add_property("PrimaryConnection", Variant::from(path)).await;
    mock.add_property("Metered", Variant::from(3_u32)).await;
    mock
}

async fn start(bus: &PrivateBus) -> Monitor {
    Monitor::start(Sources { bus: Some(bus.address.clone()) }).await
}

async fn becomes(
    state: &mut watch::Receiver<LinkState>,
    expected: impl Fn(&LinkState) -> bool,
) -> LinkState {
    let came = timeout(PATIENCE, state.wait_for(&expected)).await.map(|came| came.unwrap().clone());
    came.unwrap_or_else(|_| panic!("the state stays {:?}", state.borrow()))
}

#[tokio::test]
async fn network_manager_tells_interface_connection_network_and_whether_bytes_cost() {
    let bus = PrivateBus::start().await;
    let _mock = wireless(&bus).await;
    let monitor = start(&bus).await;
    let told = monitor.state().borrow().clone();
    assert_eq!(told.up, Reach::Up);
    assert_eq!(told.interface.as_deref(), Some("wlan0"));
    assert_eq!(told.connection.as_deref(), Some(NETWORK));
    assert_eq!(told.ssid.as_deref(), Some(NETWORK));
    assert_eq!(told.metered, Some(true), "a guess counts");
}

#[tokio::test]
async fn what_network_manager_changes_is_told_without_asking() {
    let bus = PrivateBus::start().await;
    let mock = wireless(&bus).await;
    let monitor = start(&bus).await;
    let mut state = monitor.state();
    assert_eq!(state.borrow_and_update().up, Reach::Up);
    mock.set("Connectivity", Variant::from(2_u32)).await;
    let portal = becomes(&mut state, |state| state.up == Reach::Portal).await;
    assert_eq!(portal.interface.as_deref(), Some("wlan0"));
    mock.set("Connectivity", Variant::from(4_u32)).await;
    mock.set("Metered", Variant::from(2_u32)).await;
    let unmetered = becomes(&mut state, |state| state.metered == Some(false)).await;
    assert_eq!(unmetered.up, Reach::Up);
    mock.set("State", Variant::from(20_u32)).await;
    let down = becomes(&mut state, |state| state.up == Reach::Down).await;
    assert_eq!(down, LinkState { up: Reach::Down, ..LinkState::default() });
    mock.set("State", Variant::from(70_u32)).await;
    becomes(&mut state, |state| state.up == Reach::Up && state.ssid.is_some()).await;
}

#[tokio::test]
async fn many_changes_at_once_are_told_as_one() {
    let bus = PrivateBus::start().await;
    let mock = wireless(&bus).await;
    let monitor = start(&bus).await;
    let mut state = monitor.state();
    state.borrow_and_update();
    for step in [20_u32, 40, 70] {
        mock.set("State", Variant::from(step)).await;
    }
    mock.set("Metered", Variant::from(2_u32)).await;
    timeout(PATIENCE, state.changed()).await.unwrap().unwrap();
    let told = state.borrow_and_update().clone();
    assert_eq!((told.up, told.metered), (Reach::Up, Some(false)), "it was never told to be down");
}

#[tokio::test]
async fn without_a_default_route_a_cable_leads_to_its_own_network_and_a_bridge_nowhere() {
    let bus = PrivateBus::start().await;
    let mock = bus.mock("networkmanager", NETWORK_MANAGER).await;
    mock.set("State", Variant::from(50_u32)).await;
    mock.add_active("b0", "virbr0", "bridge").await;
    mock.add_active("e0", "eth0", "802-3-ethernet").await;
    let path = |name: &str| zbus::ObjectPath::try_from(format!("/mock/{name}")).unwrap();
    mock.set("ActiveConnections", Variant::from(vec![path("b0")])).await;
    let monitor = start(&bus).await;
    let mut state = monitor.state();
    assert_eq!(state.borrow_and_update().up, Reach::Down);
    mock.set("ActiveConnections", Variant::from(vec![path("b0"), path("e0")])).await;
    let told = becomes(&mut state, |state| state.up == Reach::Up).await;
    assert_eq!(told.interface.as_deref(), Some("eth0"));
    assert_eq!(told.connection.as_deref(), Some("e0"));
}

#[tokio::test]
async fn network_manager_may_come_late_go_and_come_back() {
    let bus = PrivateBus::start().await;
    let monitor = start(&bus).await;
    let mut state = monitor.state();
    assert_eq!(state.borrow_and_update().connection, None, "the kernel knows no connections");
    let mock = wireless(&bus).await;
    becomes(&mut state, |state| state.connection.as_deref() == Some(NETWORK)).await;
    drop(mock);
    becomes(&mut state, |state| state.connection.is_none()).await;
    let _mock = wireless(&bus).await;
    becomes(&mut state, |state| state.connection.as_deref() == Some(NETWORK)).await;
}

#[tokio::test]
async fn one_that_owns_its_name_and_never_answers_is_given_up() {
    let bus = PrivateBus::start().await;
    let (stuck, _messages) = bus.own_and_ignore(NETWORK_MANAGER).await;
    let monitor = start(&bus).await;
    let mut state = monitor.state();
    becomes(&mut state, |state| state.up != Reach::Unknown).await;
    stuck.close().await.unwrap();
    let _mock = wireless(&bus).await;
    becomes(&mut state, |state| state.connection.as_deref() == Some(NETWORK)).await;
}

#[tokio::test]
async fn without_a_bus_the_kernel_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let address = format!("unix:path={}", dir.path().join("nobody").display());
    let monitor = Monitor::start(Sources { bus: Some(address) }).await;
    assert_ne!(monitor.state().borrow().up, Reach::Unknown);
}

#[tokio::test]
async fn a_bus_that_never_answers_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bus");
    let _deaf = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let address = format!("unix:path={}", path.display());
    let monitor = Monitor::start(Sources { bus: Some(address) }).await;
    let mut state = monitor.state();
    becomes(&mut state, |state| state.up != Reach::Unknown).await;
}

#[tokio::test]
async fn a_bus_that_ends_leaves_the_kernel() {
    let bus = PrivateBus::start().await;
    let mock = wireless(&bus).await;
    let monitor = start(&bus).await;
    let mut state = monitor.state();
    assert!(state.borrow_and_update().connection.is_some());
    drop((mock, bus));
    becomes(&mut state, |state| state.connection.is_none()).await;
}

#[tokio::test]
async fn a_wake_is_counted_and_falling_asleep_is_not() {
    let bus = PrivateBus::start().await;
    let mock = bus.mock("logind", "org.freedesktop.login1").await;
    let monitor = start(&bus).await;
    let mut wakes = monitor.wakes();
    for expected in [1, 2] {
        for is_before in [true, false] {
            mock.signal("org.freedesktop.login1.Manager", "PrepareForSleep", is_before).await;
        }
        let counted = timeout(PATIENCE, wakes.wait_for(|count| expected <= *count)).await;
        assert_eq!(*counted.unwrap().unwrap(), expected);
    }
}
