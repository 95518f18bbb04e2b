//! What a TCP connection costs as IP sees it: its payload, what went twice, and the headers of every segment, from
//! SYN to FIN. That is what interfaces count and providers bill.
//!
//! Linux tells of a connection's segments (`sock_diag`, no privileges needed). Elsewhere, and where it does not tell,
//! they are estimated, and the figure says so.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::meter::Tally;

/// Payload of a full segment over the usual Ethernet, in bytes.
const SEGMENT_LEN: u64 = 1_400;
/// TCP's header with time stamps, which all systems of today send, in bytes.
const TCP_HEADER: u64 = 32;
/// Segments each way beside those that carry anything: SYN, and what ends the connection.
const BARE_SEGMENTS: u64 = 3;
/// A SYN's options take so much more than a segment's.
const SYN_MORE: u64 = 8;

/// Bytes of IP packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpBytes {
    /// Sent.
    pub up: u64,
    /// Received.
    pub down: u64,
    /// The kernel told of the segments; otherwise (or in part) this is an estimate.
    pub is_measured: bool,
}

impl Default for IpBytes {
    /// Nothing, and that for sure.
    fn default() -> Self {
        Self { up: 0, down: 0, is_measured: true }
    }
}

impl IpBytes {
    /// Both directions.
    #[must_use]
    pub fn sum(self) -> u64 {
        self.up.saturating_add(self.down)
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            up: self.up.saturating_add(other.up),
            down: self.down.saturating_add(other.down),
            is_measured: self.is_measured && other.is_measured,
        }
    }
}

/// What the kernel says of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    segments_out: u64,
    segments_in: u64,
    /// With what went twice.
    bytes_out: u64,
    bytes_in: u64,
    has_timestamps: bool,
    /// Segments that its end will still take.
    last_out: u64,
    last_in: u64,
}

/// A connection that is counted. Its two addresses name it.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    ends: Option<(SocketAddr, SocketAddr)>,
    tally: Arc<Tally>,
}

impl Counted {
    pub(crate) fn new(ends: Option<(SocketAddr, SocketAddr)>, tally: Arc<Tally>) -> Self {
        Self { ends, tally }
    }

    pub(crate) fn is(&self, tally: &Arc<Tally>) -> bool {
        Arc::ptr_eq(&self.tally, tally)
    }

    /// Its cost so far, with that of its end, which is still to come.
    pub(crate) fn ip_bytes(&self) -> IpBytes {
        let (up, down) = self.tally.both();
        let ip_header = match self.ends {
            Some((local, _)) if local.is_ipv6() => 40,
            _ => 20,
        };
        match self.ends.and_then(|(local, peer)| told(local, peer)) {
            Some(told) => measured(told, up, ip_header),
            None => estimated(up, down, ip_header),
        }
    }

    /// Whether the other end, on this computer too, can say nothing more before somebody reads here: what this end's kernel
    /// takes in ahead of its reader is full, or the other end is gone.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn is_filled(&self) -> bool {
        let ends = self.ends.expect("a connection has two ends");
        kernel::is_stuck(ends.1, ends.0).unwrap_or(true)
    }
}

fn measured(told: Told, written: u64, ip_header: u64) -> IpBytes {
    let header = ip_header + if told.has_timestamps { TCP_HEADER } else { 20 };
    let headers = |segments: u64| segments * header + SYN_MORE;
    IpBytes {
        // What was written and has not left yet will.
        up: told.bytes_out.max(written) + headers(told.segments_out + told.last_out),
        down: told.bytes_in + headers(told.segments_in + told.last_in),
        is_measured: true,
    }
}

/// Full segments, and an acknowledgement of every second one.
fn estimated(up: u64, down: u64, ip_header: u64) -> IpBytes {
    let header = ip_header + TCP_HEADER;
    let (full_up, full_down) = (up.div_ceil(SEGMENT_LEN), down.div_ceil(SEGMENT_LEN));
    let headers =
        |own: u64, other: u64| (own + other.div_ceil(2) + BARE_SEGMENTS) * header + SYN_MORE;
    IpBytes {
        up: up + headers(full_up, full_down),
        down: down + headers(full_down, full_up),
        is_measured: false,
    }
}

/// What an attempt to connect cost that came to nothing after so long: a SYN, sent again after 1, 3, 7, … seconds, and
/// what refused it.
pub(crate) fn knocked(took: Duration, is_ipv6: bool, was_refused: bool) -> IpBytes {
    let ip_header = if is_ipv6 { 40 } else { 20 };
    let syns = u64::from((took.as_secs() + 1).ilog2()) + 1;
    IpBytes {
        up: syns * (ip_header + TCP_HEADER + SYN_MORE),
        // Without any options.
        down: if was_refused { ip_header + 20 } else { 0 },
        // By the clock, which the kernel goes by too.
        is_measured: true,
    }
}

/// About what a connection takes to begin and end, in bytes.
pub(crate) const CONNECTION: u64 = 400;

/// The headers of what passed a socket at once: full segments, an acknowledgement of every second one, and one more.
pub(crate) fn headers_of(bytes: u64) -> u64 {
    bytes.div_ceil(SEGMENT_LEN) * 78 + 52
}

/// The least that a link with a quota has the kernel take in ahead of its reader, in bytes: three full segments, so that
/// a thin line is never still.
const WINDOW_LEAST: u64 = 4 << 10;
/// The most, in bytes: 20 Mbit/s over a round trip of 50 ms.
const WINDOW_MOST: u64 = 128 << 10;

/// What the kernel is asked to take in ahead of its reader, in bytes, where `ip` bytes are left in all: what comes from
/// somebody who was not asked for it is paid for as well. `None` where there is no limit: the kernel's own, some MiB.
pub(crate) fn window(ip: u64) -> Option<u32> {
    let window = (ip / 32).clamp(WINDOW_LEAST, WINDOW_MOST);
    (ip != u64::MAX).then(|| u32::try_from(window).unwrap_or(u32::MAX))
}

/// What it takes in nevertheless, at most, headers included (as measured with segments of 1 byte to 64 KiB).
pub(crate) fn read_ahead(ip: u64) -> u64 {
    window(ip).map_or(0, |window| 2 * u64::from(window))
}

/// Most that a visit over one connection may move of `ip` bytes that are left, so that neither headers nor what is read
/// ahead pass them.
#[must_use]
pub(crate) fn room_within(ip: u64) -> u64 {
    payload_within(if ip == u64::MAX { ip } else { ip.saturating_sub(read_ahead(ip)) })
}

/// Most that may pass at once, so that it and [`headers_of`] it stay within `ip` bytes.
pub(crate) fn payload_at_once(ip: u64) -> u64 {
    if ip == u64::MAX {
        return ip;
    }
    let ip = ip.saturating_sub(130);
    ip - ip.div_ceil(16)
}

/// Most that payload may be of `ip` bytes still to spend, so that the headers fit too: segments of 512 bytes and more,
/// acknowledgements, and what a connection takes to begin and end.
#[must_use]
pub(crate) fn payload_within(ip: u64) -> u64 {
    /// Connecting and hanging up, twice: an attempt may be cut and made again.
    const CONNECTING: u64 = 1024;
    if ip == u64::MAX {
        return ip;
    }
    let ip = ip.saturating_sub(CONNECTING);
    ip - ip / 8
}

#[cfg(target_os = "linux")]
fn told(local: SocketAddr, peer: SocketAddr) -> Option<Told> {
    kernel::ask(local, peer)
}

#[cfg(not(target_os = "linux"))]
fn told(_local: SocketAddr, _peer: SocketAddr) -> Option<Told> {
    None
}

/// `sock_diag`, which answers in the same breath. Numbers and layouts are Linux's ABI.
#[cfg(target_os = "linux")]
mod kernel {
    use std::net::{IpAddr, SocketAddr};

    use netlink_sys::{Socket, SocketAddr as NetlinkAddr};

    use super::Told;

    const SOCK_DIAG: isize = 4;
    const BY_FAMILY: u16 = 20;
    const REQUEST: u16 = 1;
    const IPPROTO_TCP: u8 = 6;
    /// The attribute that is `struct tcp_info`.
    const INFO: u16 = 2;
    /// A netlink message's header, and `struct inet_diag_msg` behind it.
    const HEADER_LEN: usize = 16;
    const DIAG_LEN: usize = 72;
    const TIMESTAMPS: u8 = 1;

    pub(super) fn ask(local: SocketAddr, peer: SocketAddr) -> Option<Told> {
        told(read(&answer(local, peer)?)?)
    }

    /// Whether a connection has bytes to send that the other end's kernel does not take: none of them is under way, or
    /// they are sent in vain.
    #[cfg(test)]
    pub(super) fn is_stuck(local: SocketAddr, peer: SocketAddr) -> Option<bool> {
        let answer = answer(local, peer)?;
        let info = read(&answer)?;
        let (repeats, probes) = (*info.get(2)?, *info.get(3)?);
        let (under_way, unsent) = (u32_at(info, 24)?, u32_at(info, 144)?);
        Some(0 < unsent && (under_way == 0 || 0 < repeats || 0 < probes))
    }

    fn answer(local: SocketAddr, peer: SocketAddr) -> Option<Vec<u8>> {
        let socket = Socket::new(SOCK_DIAG).ok()?;
        socket.set_non_blocking(true).ok()?;
        socket.send_to(&request(local, peer), &NetlinkAddr::new(0, 0), 0).ok()?;
        Some(socket.recv_from_full().ok()?.0)
    }

    fn request(local: SocketAddr, peer: SocketAddr) -> Vec<u8> {
        let family = if local.is_ipv4() { 2 } else { 10 };
        let mut diag = vec![family, IPPROTO_TCP, 1 << (INFO - 1), 0];
        // In whatever state it is.
        diag.extend(u32::MAX.to_ne_bytes());
        diag.extend(local.port().to_be_bytes());
        diag.extend(peer.port().to_be_bytes());
        for ip in [local.ip(), peer.ip()] {
            match ip {
                IpAddr::V4(ip) => diag.extend(ip.octets().into_iter().chain([0; 12])),
                IpAddr::V6(ip) => diag.extend(ip.octets()),
            }
        }
        // Any interface, and no cookie.
        diag.extend([0; 4]);
        diag.extend([u8::MAX; 8]);
        let len = u32::try_from(HEADER_LEN + diag.len()).expect("a request is short");
        let mut message = len.to_ne_bytes().to_vec();
        message.extend(BY_FAMILY.to_ne_bytes());
        message.extend(REQUEST.to_ne_bytes());
        message.extend([0; 8]);
        message.extend(diag);
        message
    }

    /// `struct tcp_info`.
    fn read(answer: &[u8]) -> Option<&[u8]> {
        let len = usize::try_from(u32_at(answer, 0)?).ok()?.min(answer.len());
        if u16_at(answer, 4)? != BY_FAMILY {
            return None;
        }
        let mut rest = answer.get(HEADER_LEN + DIAG_LEN..len)?;
        loop {
            let len = usize::from(u16_at(rest, 0)?);
            if u16_at(rest, 2)? == INFO {
                return rest.get(4..len);
            }
            rest = rest.get(len.next_multiple_of(4).max(4)..)?;
        }
    }

    /// As far as this kernel knows it: segments since 4.2, bytes with repetitions since 4.19.
    fn told(info: &[u8]) -> Option<Told> {
        let (last_out, last_in) = last(*info.first()?);
        Some(Told {
            last_out,
            last_in,
            has_timestamps: info.get(5)? & TIMESTAMPS != 0,
            bytes_in: u64_at(info, 128)?,
            segments_out: u64::from(u32_at(info, 136)?),
            segments_in: u64::from(u32_at(info, 140)?),
            bytes_out: u64_at(info, 200).unwrap_or_default(),
        })
    }

    /// What the end of a connection in that state still takes, out and in: of our FIN, theirs with its acknowledgement,
    /// and ours of that.
    fn last(state: u8) -> (u64, u64) {
        const FIN_WAIT_1: u8 = 4;
        const FIN_WAIT_2: u8 = 5;
        const CLOSE: u8 = 7;
        const CLOSE_WAIT: u8 = 8;
        const LAST_ACK: u8 = 9;
        const CLOSING: u8 = 11;
        match state {
            FIN_WAIT_1 | FIN_WAIT_2 | CLOSE_WAIT => (1, 1),
            LAST_ACK | CLOSING => (0, 1),
            CLOSE => (0, 0),
            _ => (2, 1),
        }
    }

    fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
        Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
    }

    fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
        Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
    }

    fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
        Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::link::Meter;

    #[test]
    fn an_estimate_is_payload_with_the_headers_of_full_segments() {
        let idle = estimated(500, 600, 20);
        assert_eq!((idle.up, idle.down, idle.is_measured), (500 + 268, 600 + 268, false));
        let bulk = estimated(0, 1_400_000, 20);
        assert_eq!(bulk.down, 1_400_000 + 1_003 * 52 + 8);
        assert_eq!(bulk.up, 503 * 52 + 8);
    }

    #[test]
    fn what_may_pass_at_once_leaves_room_for_its_headers() {
        for ip in [0, 100, 131, 1_000, 5_000, 1 << 20] {
            let payload = payload_at_once(ip);
            assert!(payload == 0 || payload + headers_of(payload) <= ip, "{payload} of {ip}");
        }
    }

    #[test]
    fn what_may_be_paid_as_payload_leaves_room_for_its_headers() {
        for ip in [0, 1_000, 20_000, 1 << 20, 500 << 20] {
            let payload = payload_within(ip);
            for up in [0, payload / 2, payload] {
                let spent = estimated(up, payload - up, 40).sum();
                assert!(payload == 0 || spent <= ip, "{spent} of {ip}");
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_tells_of_the_segments_of_a_connection_and_of_one_that_has_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let meter = Meter::new(None);
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut near = meter.tcp(near, Duration::ZERO);
        let (mut far, _) = listener.accept().await.unwrap();
        near.write_all(&[1; 1_000]).await.unwrap();
        far.read_exact(&mut [0; 1_000]).await.unwrap();
        far.write_all(&[1; 3_000]).await.unwrap();
        near.read_exact(&mut [0; 3_000]).await.unwrap();
        let open = meter.ip_bytes();
        assert!(open.is_measured);
        // SYN, an acknowledgement or two, the payload, and the end.
        assert!((1_000 + 4 * 52..=1_000 + 9 * 52).contains(&open.up), "{open:?}");
        assert!((3_000 + 3 * 52..=3_000 + 9 * 52).contains(&open.down), "{open:?}");
        // A goodbye that has left is not counted as one to come.
        near.shutdown().await.unwrap();
        far.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(meter.ip_bytes().up, open.up);
        drop(near);
        let gone = meter.ip_bytes();
        assert!(gone.is_measured && open.up <= gone.up && open.down <= gone.down, "{gone:?}");
    }
}
