//! What NetworkManager says of the link. It is never asked to do anything, and never started.
//!
//! Only the changes of its own object are listened to. Those of access points come every few seconds, with the strength
//! of the signal; what is wanted of them does not change while the connection stands.

use super::{
    bus::{Bus, Properties, Signals},
    linux::{Lost, Source},
};
use crate::link::{LinkState, Reach};

/// Its name on the bus, and that of its interface.
pub(super) const NAME: &str = "org.freedesktop.NetworkManager";
const PATH: &str = "/org/freedesktop/NetworkManager";
const ACTIVE: &str = "org.freedesktop.NetworkManager.Connection.Active";
const DEVICE: &str = "org.freedesktop.NetworkManager.Device";
const ACCESS_POINT: &str = "org.freedesktop.NetworkManager.AccessPoint";

/// `NMState`: connected, but nothing leads further than the next network.
const CONNECTED_LOCAL: u32 = 50;
/// `NMState`: there is a default route.
const CONNECTED_SITE: u32 = 60;
/// `NMConnectivityState`: a login page stands before the link.
const PORTAL: u32 = 2;
/// Connections that lead somewhere; others (bridges, tunnels, loopback) stand only on these.
const LEADING: [&str; 7] =
    ["802-3-ethernet", "802-11-wireless", "gsm", "cdma", "bluetooth", "pppoe", "infiniband"];

/// NetworkManager as a source.
pub(super) struct NetworkManager {
    bus: Bus,
    changes: Signals,
}

impl NetworkManager {
    pub(super) async fn open(bus: &Bus) -> Result<Self, Lost> {
        let changes = bus.property_changes(NAME, PATH, NAME).await?;
        Ok(Self { bus: bus.clone(), changes })
    }

    /// The connection that leads out, with its properties.
    async fn leading(&self, manager: &Properties) -> Result<Option<Properties>, Lost> {
        if let Some(primary) = manager.text("PrimaryConnection") {
            return self.bus.properties(NAME, &primary, ACTIVE).await;
        }
        for path in manager.texts("ActiveConnections") {
            let active = self.bus.properties(NAME, &path, ACTIVE).await?;
            let leads =
                |active: &Properties| active.text("Type").is_some_and(|t| LEADING.contains(&&*t));
            if let Some(active) = active.filter(leads) {
                return Ok(Some(active));
            }
        }
        Ok(None)
    }

    async fn interface(&self, active: &Properties) -> Result<Option<String>, Lost> {
        let Some(path) = active.texts("Devices").into_iter().next() else { return Ok(None) };
        let device = self.bus.properties(NAME, &path, DEVICE).await?;
        // A modem has a port (ttyUSB0) and the interface that its bytes go by (ppp0).
        Ok(device.and_then(|d| d.text("IpInterface").or_else(|| d.text("Interface"))))
    }

    async fn ssid(&self, active: &Properties) -> Result<Option<String>, Lost> {
        let wireless = active.text("Type").is_some_and(|kind| kind == "802-11-wireless");
        let Some(path) = active.text("SpecificObject").filter(|_| wireless) else {
            return Ok(None);
        };
        let point = self.bus.properties(NAME, &path, ACCESS_POINT).await?;
        Ok(point.and_then(|point| point.bytes_as_text("Ssid")))
    }
}

impl Source for NetworkManager {
    async fn changed(&mut self) -> Result<(), Lost> {
        self.changes.next().await.map(drop)
    }

    async fn read(&mut self) -> Result<Option<LinkState>, Lost> {
        let Some(manager) = self.bus.properties(NAME, PATH, NAME).await? else { return Ok(None) };
        let (state, connectivity) = (manager.number("State"), manager.number("Connectivity"));
        let mut reach = reach(state, connectivity);
        if matches!(reach, Reach::Down | Reach::Unknown) && state != Some(CONNECTED_LOCAL) {
            return Ok(Some(LinkState { up: reach, ..LinkState::default() }));
        }
        let Some(active) = self.leading(&manager).await? else {
            let stale = manager.text("PrimaryConnection").is_some();
            return Ok((!stale).then(|| LinkState { up: reach, ..LinkState::default() }));
        };
        if reach == Reach::Down {
            // Its own network can be reached, and the relay may be in it.
            reach = Reach::Up;
        }
        Ok(Some(LinkState {
            up: reach,
            interface: self.interface(&active).await?,
            connection: active.text("Id"),
            ssid: self.ssid(&active).await?,
            metered: manager.number("Metered").and_then(metered),
        }))
    }
}

fn reach(state: Option<u32>, connectivity: Option<u32>) -> Reach {
    match state {
        None | Some(0) => Reach::Unknown,
        Some(state) if state < CONNECTED_SITE => Reach::Down,
        // "None" and "limited" are no news: where its own page cannot be reached, a relay may.
        Some(_) if connectivity == Some(PORTAL) => Reach::Portal,
        Some(_) => Reach::Up,
    }
}

/// `NMMetered`: yes, no, and a guess at either.
fn metered(metered: u32) -> Option<bool> {
    match metered {
        1 | 3 => Some(true),
        2 | 4 => Some(false),
        _ => None,
    }
}
