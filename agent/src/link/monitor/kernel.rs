//! What the kernel says of the link: interfaces, addresses and routes. It knows neither names of connections nor
//! whether bytes cost.
//!
//! An event says only that something changed; then all is read again. So a lost event costs nothing, and there is no
//! state of our own that could differ from the kernel's.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    RouteNetlinkMessage,
    address::{AddressMessage, AddressScope},
    link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
    route::{RouteAttribute, RouteHeader, RouteMessage, RouteType},
};
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE};

use super::linux::{Lost, Source};
use crate::link::{LinkState, Reach};

/// Multicast groups: links, IPv4 and IPv6 addresses, IPv4 and IPv6 routes.
const GROUPS: [u32; 5] = [1, 5, 9, 7, 11];
/// A message's length and the rest of its header, in bytes.
const HEADER_LEN: usize = 16;

/// The kernel as a source.
pub(super) struct Kernel {
    events: TokioSocket,
}

impl Kernel {
    pub(super) fn open() -> io::Result<Self> {
        let mut events = TokioSocket::new(NETLINK_ROUTE)?;
        events.socket_mut().bind_auto()?;
        for group in GROUPS {
            events.socket_mut().add_membership(group)?;
        }
        Ok(Self { events })
    }
}

impl Source for Kernel {
    async fn changed(&mut self) -> Result<(), Lost> {
        // What was told is read from the kernel's tables; here it only has to leave the queue.
        receive(&self.events).await?;
        Ok(())
    }

    async fn read(&mut self) -> Result<Option<LinkState>, Lost> {
        let mut view = View::default();
        let requests = [
            RouteNetlinkMessage::GetLink(LinkMessage::default()),
            RouteNetlinkMessage::GetAddress(AddressMessage::default()),
            RouteNetlinkMessage::GetRoute(RouteMessage::default()),
        ];
        for request in requests {
            dump(request, &mut view).await?;
        }
        Ok(Some(view.state()))
    }
}

/// One datagram. Empty where the kernel had more to tell than its queue holds.
async fn receive(socket: &TokioSocket) -> io::Result<Vec<u8>> {
    match socket.recv_from_full().await {
        Ok((datagram, _)) => Ok(datagram),
        Err(err) if err.raw_os_error() == Some(NO_BUFFERS) => Ok(Vec::new()),
        Err(err) => Err(err),
    }
}

/// `ENOBUFS`, the same on every architecture that Mailboat is built for.
const NO_BUFFERS: i32 = 105;

/// Asks for a whole table and notes what comes.
async fn dump(request: RouteNetlinkMessage, view: &mut View) -> io::Result<()> {
    let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
    socket.socket_mut().bind_auto()?;
    socket.socket_ref().connect(&SocketAddr::new(0, 0))?;
    socket.send(&encode(request, NLM_F_DUMP | NLM_F_REQUEST)).await?;
    loop {
        let datagram = receive(&socket).await?;
        if datagram.is_empty() || view.read(&datagram)? == Dump::Done {
            return Ok(());
        }
    }
}

fn encode(message: RouteNetlinkMessage, flags: u16) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dump {
    GoesOn,
    Done,
}

/// What was read of the kernel's tables.
#[derive(Debug, Default)]
struct View {
    /// By index; only those that are up and connected.
    interfaces: BTreeMap<u32, Interface>,
    /// Interfaces with an address that others can know.
    addressed: BTreeSet<u32>,
    /// Default routes: IPv6 or not, metric, interface. The first whose interface is up holds.
    defaults: BTreeSet<(bool, u32, u32)>,
}

#[derive(Debug)]
struct Interface {
    name: String,
    /// Leads nowhere by itself: loopback, or a bridge between others.
    is_inside: bool,
}

impl View {
    /// Notes the messages of one datagram. Those that cannot be read are passed over: a newer kernel may say more.
    fn read(&mut self, mut datagram: &[u8]) -> io::Result<Dump> {
        while HEADER_LEN <= datagram.len() {
            let len: [u8; 4] = datagram[..4].try_into().expect("four bytes are four bytes");
            let len = usize::try_from(u32::from_ne_bytes(len)).unwrap_or(usize::MAX);
            if len < HEADER_LEN || datagram.len() < len {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&datagram[..len])
                .map(|message| message.payload)
            {
                Ok(NetlinkPayload::Done(_)) => return Ok(Dump::Done),
                Ok(NetlinkPayload::Error(err)) if err.code.is_some() => return Err(err.to_io()),
                Ok(NetlinkPayload::InnerMessage(message)) => self.note(&message),
                _ => {}
            }
            datagram = &datagram[len.next_multiple_of(4).min(datagram.len())..];
        }
        Ok(Dump::GoesOn)
    }

    fn note(&mut self, message: &RouteNetlinkMessage) {
        match message {
            RouteNetlinkMessage::NewLink(link) => self.note_link(link),
            RouteNetlinkMessage::NewAddress(address)
                if matches!(address.header.scope, AddressScope::Universe | AddressScope::Site) =>
            {
                self.addressed.insert(address.header.index);
            }
            RouteNetlinkMessage::NewRoute(route) => self.note_route(route),
            _ => {}
        }
    }

    fn note_link(&mut self, link: &LinkMessage) {
        let flags = link.header.flags;
        let connected = flags.contains(LinkFlags::Up | LinkFlags::LowerUp)
            && !flags.contains(LinkFlags::Dormant);
        let name = link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name.clone()),
            _ => None,
        });
        let is_bridge = link.attributes.iter().any(|attribute| match attribute {
            LinkAttribute::LinkInfo(infos) => infos
                .iter()
                .any(|info| matches!(info, LinkInfo::Kind(InfoKind::Bridge | InfoKind::Dummy))),
            _ => false,
        });
        if let Some(name) = name.filter(|_| connected) {
            let is_inside = is_bridge || flags.contains(LinkFlags::Loopback);
            self.interfaces.insert(link.header.index, Interface { name, is_inside });
        }
    }

    fn note_route(&mut self, route: &RouteMessage) {
        let header = &route.header;
        let is_default = header.destination_prefix_length == 0
            && header.kind == RouteType::Unicast
            && header.table == RouteHeader::RT_TABLE_MAIN;
        if !is_default {
            return;
        }
        let is_v6 = header.address_family == netlink_packet_route::AddressFamily::Inet6;
        let (mut metric, mut through) = (0, Vec::new());
        for attribute in &route.attributes {
            match attribute {
                RouteAttribute::Priority(priority) => metric = *priority,
                RouteAttribute::Oif(index) => through.push(*index),
                RouteAttribute::MultiPath(hops) => {
                    through.extend(hops.iter().map(|hop| hop.interface_index));
                }
                _ => {}
            }
        }
        self.defaults.extend(through.into_iter().map(|index| (is_v6, metric, index)));
    }

    /// Up with a default route; without one, with an address on an interface to somewhere: the relay may be there.
    fn state(&self) -> LinkState {
        let by_route = self.defaults.iter().find_map(|(_, _, index)| self.interfaces.get(index));
        let by_address = || {
            let outside = |index| {
                self.interfaces.get(index).filter(|interface: &&Interface| !interface.is_inside)
            };
            self.addressed.iter().find_map(outside)
        };
        match by_route.or_else(by_address) {
            Some(interface) => LinkState {
                up: Reach::Up,
                interface: Some(interface.name.clone()),
                ..LinkState::default()
            },
            None => LinkState { up: Reach::Down, ..LinkState::default() },
        }
    }
}

#[cfg(test)]
mod tests;
