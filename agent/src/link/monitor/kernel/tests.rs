//! Tables as the kernel writes them, made by the same encoder; and the real kernel, in a network of one's own.

use netlink_packet_route::{AddressFamily, link::LinkHeader, route::RouteNextHop};

use super::*;

fn link(index: u32, name: &str, flags: LinkFlags, kind: Option<InfoKind>) -> RouteNetlinkMessage {
    let mut link = LinkMessage::default();
    link.header = LinkHeader { index, flags, ..LinkHeader::default() };
    link.attributes.push(LinkAttribute::IfName(name.to_owned()));
    link.attributes.extend(kind.map(|kind| LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)])));
    RouteNetlinkMessage::NewLink(link)
}

fn up(index: u32, name: &str) -> RouteNetlinkMessage {
    link(index, name, LinkFlags::Up | LinkFlags::LowerUp, None)
}

fn address(index: u32, scope: AddressScope) -> RouteNetlinkMessage {
    let mut address = AddressMessage::default();
    address.header.family = AddressFamily::Inet;
    address.header.index = index;
    address.header.scope = scope;
    RouteNetlinkMessage::NewAddress(address)
}

fn default_route(family: AddressFamily, attributes: Vec<RouteAttribute>) -> RouteMessage {
    let mut route = RouteMessage::default();
    route.header.address_family = family;
    route.header.kind = RouteType::Unicast;
    route.header.table = RouteHeader::RT_TABLE_MAIN;
    route.attributes = attributes;
    route
}

fn through(index: u32, metric: u32) -> RouteNetlinkMessage {
    let attributes = vec![RouteAttribute::Priority(metric), RouteAttribute::Oif(index)];
    RouteNetlinkMessage::NewRoute(default_route(AddressFamily::Inet, attributes))
}

fn state(messages: Vec<RouteNetlinkMessage>) -> LinkState {
    let datagram: Vec<u8> = messages.into_iter().flat_map(|message| encode(message, 0)).collect();
    let mut view = View::default();
    assert_eq!(view.read(&datagram).unwrap(), Dump::GoesOn);
    view.state()
}

#[track_caller]
fn leads_out(messages: Vec<RouteNetlinkMessage>, expected: Option<&str>) {
    let state = state(messages);
    assert_eq!(state.interface.as_deref(), expected);
    assert_eq!(state.up, if expected.is_some() { Reach::Up } else { Reach::Down });
}

#[test]
fn the_default_route_of_least_metric_over_a_connected_interface_holds() {
    let all = || vec![up(2, "eth0"), up(3, "wlan0"), through(2, 600), through(3, 100)];
    leads_out(all(), Some("wlan0"));
    let unplugged = link(3, "wlan0", LinkFlags::Up, None);
    leads_out(vec![up(2, "eth0"), unplugged, through(2, 600), through(3, 100)], Some("eth0"));
    let v6 = default_route(AddressFamily::Inet6, vec![RouteAttribute::Oif(3)]);
    let mut both = all();
    both.truncate(3);
    both.push(RouteNetlinkMessage::NewRoute(v6));
    leads_out(both, Some("eth0"));
}

#[test]
fn a_route_over_several_links_leads_out_by_one_that_is_up() {
    let mut hops = [RouteNextHop::default(), RouteNextHop::default()];
    (hops[0].interface_index, hops[1].interface_index) = (7, 8);
    let route = default_route(AddressFamily::Inet, vec![RouteAttribute::MultiPath(hops.into())]);
    leads_out(vec![up(8, "ppp1"), RouteNetlinkMessage::NewRoute(route)], Some("ppp1"));
}

#[test]
fn routes_that_lead_nowhere_or_not_everywhere_do_not_count() {
    let route = |change: fn(&mut RouteMessage)| {
        let mut route = default_route(AddressFamily::Inet, vec![RouteAttribute::Oif(2)]);
        change(&mut route);
        vec![up(2, "eth0"), RouteNetlinkMessage::NewRoute(route)]
    };
    leads_out(route(|_| {}), Some("eth0"));
    leads_out(route(|route| route.header.destination_prefix_length = 8), None);
    leads_out(route(|route| route.header.kind = RouteType::Unreachable), None);
    leads_out(route(|route| route.header.table = 100), None);
}

#[test]
fn without_a_default_route_an_address_that_others_can_know_is_a_way() {
    let universe = || address(2, AddressScope::Universe);
    leads_out(vec![up(2, "eth0"), universe()], Some("eth0"));
    leads_out(vec![up(2, "eth0")], None);
    leads_out(vec![up(2, "eth0"), address(2, AddressScope::Link)], None);
    let connected = LinkFlags::Up | LinkFlags::LowerUp;
    leads_out(vec![link(2, "lo", connected | LinkFlags::Loopback, None), universe()], None);
    leads_out(vec![link(2, "wlan0", connected | LinkFlags::Dormant, None), universe()], None);
    leads_out(vec![link(2, "virbr0", connected, Some(InfoKind::Bridge)), universe()], None);
    leads_out(vec![link(2, "eth0", connected, Some(InfoKind::Veth)), universe()], Some("eth0"));
}

#[test]
fn damaged_tables_are_refused_and_never_loop_or_panic() {
    let datagram = encode(up(2, "eth0"), 0);
    for len in 0..datagram.len() {
        let _ = View::default().read(&datagram[..len]);
    }
    for wrong in [0_u32, 15, u32::MAX] {
        let mut damaged = datagram.clone();
        damaged[..4].copy_from_slice(&wrong.to_ne_bytes());
        assert!(View::default().read(&damaged).is_err(), "{wrong}");
    }
}

/// Runs in the namespace that the test below makes.
#[tokio::test]
#[ignore = "is run by the_kernels_events_tell_of_a_cable, in a network of its own"]
async fn in_a_network_of_its_own() {
    use super::super::{Monitor, Sources};
    let ip = |arguments: &str| {
        let done = std::process::Command::new("ip").args(arguments.split(' ')).status();
        assert!(done.expect("ip is there: apt-get install iproute2").success(), "{arguments}");
    };
    let mut state = Monitor::start(Sources { bus: Some("unix:path=/nowhere".to_owned()) }).await;
    let mut seen = state.state();
    assert_eq!(seen.borrow_and_update().up, Reach::Down);
    let wait = std::time::Duration::from_secs(30);
    let becomes = async |seen: &mut tokio::sync::watch::Receiver<LinkState>, name: Option<&str>| {
        let came = seen.wait_for(|state| state.interface.as_deref() == name);
        tokio::time::timeout(wait, came).await.expect("the kernel tells").unwrap().up
    };
    ip("link add near type veth peer name far");
    ip("address add 10.9.8.7/24 dev near");
    ip("link set far up");
    ip("link set near up");
    assert_eq!(becomes(&mut seen, Some("near")).await, Reach::Up);
    ip("link set far down");
    assert_eq!(becomes(&mut seen, None).await, Reach::Down);
    ip("link set far up");
    ip("route add default via 10.9.8.1");
    assert_eq!(becomes(&mut seen, Some("near")).await, Reach::Up);
    ip("link add tunnel type veth peer name tunnel_end");
    ip("link set tunnel up");
    ip("link set tunnel_end up");
    ip("route replace default dev tunnel");
    assert_eq!(becomes(&mut seen, Some("tunnel")).await, Reach::Up);
    // Events that nobody read while the link flapped are no loss.
    state = Monitor::start(Sources { bus: Some("unix:path=/nowhere".to_owned()) }).await;
    assert_eq!(state.state().borrow().interface.as_deref(), Some("tunnel"));
}

#[test]
fn the_kernels_events_tell_of_a_cable() {
    let alone = |program: &std::path::Path, arguments: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net"]).arg(program).args(arguments);
        command.output().expect("unshare is there: apt-get install util-linux")
    };
    let allowed = alone("true".as_ref(), &[]);
    if !allowed.status.success() {
        // A container may forbid it, and no package helps; the tables are tested above.
        let said = String::from_utf8_lossy(&allowed.stderr).into_owned();
        println!("NOT RUN: this kernel allows no network of one's own: {said}");
        return;
    }
    let name = "link::monitor::kernel::tests::in_a_network_of_its_own";
    let this = std::env::current_exe().unwrap();
    let output = alone(&this, &["--exact", name, "--ignored", "--nocapture"]);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}
