//! Which connections are open: so many in all, so many for an address that has not logged in, two for a device.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use config::relay::Proxies;
use tokio_util::sync::CancellationToken;

use super::limits::Origin;
use crate::ops::metrics::{DropReason, GaugeGuard, Metrics};

/// The key that the accounts know a device by, as far as connections go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceKey(pub u64);

/// How many connections may be open.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// In all; at one more the newcomer is closed at once.
    pub connections_max: usize,
    /// For one address (IPv6: one /64) without a login; at one more the newcomer is closed at once.
    pub strangers_per_address_max: usize,
    /// For one device; at one more its oldest is asked to end.
    pub connections_per_device_max: usize,
    /// Whether loopback addresses may have any number of strangers: a reverse proxy shows all people as one address.
    pub loopback_unlimited: bool,
    /// Reverse proxies elsewhere, for which the same holds: whom a connection of theirs is for is known only when it
    /// asks something, and the next request on it may be somebody else's.
    pub proxies: Proxies,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            strangers_per_address_max: 64,
            connections_per_device_max: 2,
            loopback_unlimited: true,
            proxies: Proxies::default(),
        }
    }
}

impl ConnectionLimits {
    /// Whether connections of `address` are those of many people.
    fn is_shared(&self, address: IpAddr) -> bool {
        let is_local = self.loopback_unlimited && address.to_canonical().is_loopback();
        is_local || self.proxies.holds(address)
    }
}

/// All open connections.
#[derive(Debug)]
pub(crate) struct Table {
    limits: ConnectionLimits,
    metrics: Metrics,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next_id: u64,
    entries: HashMap<u64, Entry>,
    strangers: HashMap<Origin, usize>,
    /// Oldest first; those asked to end are not counted any more.
    devices: HashMap<DeviceKey, VecDeque<u64>>,
}

#[derive(Debug)]
struct Entry {
    standing: Standing,
    closing: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Stranger(Origin),
    Exempt,
    Device(DeviceKey),
}

impl Table {
    pub(crate) fn new(limits: ConnectionLimits, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { limits, metrics, open: Mutex::default() })
    }

    /// A place for a new connection, or why there is none. `closing` is how it will be asked to end.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        closing: CancellationToken,
    ) -> Result<Place, DropReason> {
        let mut open = self.lock();
        if open.entries.len() >= self.limits.connections_max {
            return Err(DropReason::Full);
        }
        let standing = if self.limits.is_shared(address) {
            Standing::Exempt
        } else {
            let origin = address.into();
            let count = open.strangers.get(&origin).copied().unwrap_or(0);
            if count >= self.limits.strangers_per_address_max {
                return Err(DropReason::Address);
            }
            open.strangers.insert(origin, count + 1);
            Standing::Stranger(origin)
        };
        let id = open.next_id;
        open.next_id += 1;
        open.entries.insert(id, Entry { standing, closing });
        Ok(Place { table: self.clone(), id, _counted: GaugeGuard::new(&self.metrics.connections) })
    }

    /// The connection `id` has proved to be `device`; the device's oldest ends if that makes one too many.
    pub(crate) fn mark_device(&self, id: u64, device: DeviceKey) {
        let mut guard = self.lock();
        let open = &mut *guard;
        let Some(entry) = open.entries.get_mut(&id) else { return };
        let before = std::mem::replace(&mut entry.standing, Standing::Device(device));
        if before == Standing::Device(device) {
            return;
        }
        open.release(id, before);
        let ids = open.devices.entry(device).or_default();
        ids.push_back(id);
        if ids.len() > self.limits.connections_per_device_max.max(1)
            && let Some(oldest) = ids.pop_front()
            && let Some(oldest) = open.entries.get(&oldest)
        {
            oldest.closing.cancel();
            self.metrics.dropped(DropReason::Device);
        }
    }

    fn leave(&self, id: u64) {
        let mut open = self.lock();
        if let Some(entry) = open.entries.remove(&id) {
            open.release(id, entry.standing);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing between two changes that belong together can panic.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn release(&mut self, id: u64, standing: Standing) {
        match standing {
            Standing::Exempt => {}
            Standing::Stranger(origin) => {
                if let Some(count) = self.strangers.get_mut(&origin) {
                    *count -= 1;
                    if *count == 0 {
                        self.strangers.remove(&origin);
                    }
                }
            }
            Standing::Device(device) => {
                if let Some(ids) = self.devices.get_mut(&device) {
                    ids.retain(|other| *other != id);
                    if ids.is_empty() {
                        self.devices.remove(&device);
                    }
                }
            }
        }
    }
}

/// A connection's place in the table, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    table: Arc<Table>,
    id: u64,
    _counted: GaugeGuard,
}

impl Place {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.leave(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> ConnectionLimits {
        ConnectionLimits {
            connections_max: 5,
            strangers_per_address_max: 2,
            connections_per_device_max: 2,
            ..ConnectionLimits::default()
        }
    }

    fn admit(table: &Arc<Table>, address: &str) -> Result<(Place, CancellationToken), DropReason> {
        let closing = CancellationToken::new();
        Ok((table.admit(address.parse().unwrap(), closing.clone())?, closing))
    }

    #[test]
    fn an_address_has_few_places_until_its_connections_log_in() {
        let table = Table::new(limits(), Metrics::new());
        let (first, _) = admit(&table, "192.0.2.1").unwrap();
        let _second = admit(&table, "192.0.2.1").unwrap();
        assert_eq!(admit(&table, "192.0.2.1").unwrap_err(), DropReason::Address);
        let _other = admit(&table, "192.0.2.2").unwrap();
        table.mark_device(first.id(), DeviceKey(1));
        let _third = admit(&table, "192.0.2.1").unwrap();
        assert_eq!(admit(&table, "192.0.2.1").unwrap_err(), DropReason::Address);
    }

    #[test]
    fn loopback_is_bounded_by_the_total_only() {
        let table = Table::new(limits(), Metrics::new());
        let places: Vec<_> = (0..5).map(|_| admit(&table, "127.0.0.1").unwrap()).collect();
        assert_eq!(admit(&table, "127.0.0.1").unwrap_err(), DropReason::Full);
        drop(places);
        assert!(admit(&table, "127.0.0.1").is_ok());
    }

    #[test]
    fn a_trusted_proxy_is_bounded_by_the_total_only_and_no_other() {
        let proxies = "10.0.0.0/8".parse().unwrap();
        let table = Table::new(ConnectionLimits { proxies, ..limits() }, Metrics::new());
        let _others: Vec<_> = (0..2).map(|_| admit(&table, "192.0.2.1").unwrap()).collect();
        let _proxys: Vec<_> = (0..3).map(|_| admit(&table, "10.1.2.3").unwrap()).collect();
        assert_eq!(admit(&table, "10.1.2.3").unwrap_err(), DropReason::Full);
        let table = Table::new(limits(), Metrics::new());
        let _places: Vec<_> = (0..2).map(|_| admit(&table, "10.1.2.3").unwrap()).collect();
        assert_eq!(admit(&table, "10.1.2.3").unwrap_err(), DropReason::Address);
    }

    #[test]
    fn a_devices_third_connection_ends_its_oldest() {
        let table = Table::new(limits(), Metrics::new());
        let connections: Vec<_> = (0..3).map(|_| admit(&table, "127.0.0.1").unwrap()).collect();
        for (place, _) in &connections {
            table.mark_device(place.id(), DeviceKey(9));
            table.mark_device(place.id(), DeviceKey(9));
        }
        let asked: Vec<bool> =
            connections.iter().map(|(_, closing)| closing.is_cancelled()).collect();
        assert_eq!(asked, [true, false, false]);
    }

    #[test]
    fn nothing_is_left_behind_by_connections_that_ended() {
        let table = Table::new(limits(), Metrics::new());
        let (stranger, _) = admit(&table, "2001:db8::1").unwrap();
        let (device, _) = admit(&table, "192.0.2.1").unwrap();
        table.mark_device(device.id(), DeviceKey(4));
        table.mark_device(device.id(), DeviceKey(5));
        assert_eq!(table.metrics.connections.get(), 2);
        drop((stranger, device));
        let open = table.lock();
        assert!(open.entries.is_empty() && open.strangers.is_empty() && open.devices.is_empty());
        assert_eq!(table.metrics.connections.get(), 0);
    }
}
