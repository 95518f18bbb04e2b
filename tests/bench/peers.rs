//! What other systems cost on the same emulated links with a corpus of the same shape: recorded
//! once (IP bytes of the whole visit, SYN to FIN, both directions; each tuned as its expert would;
//! single runs: bytes to ±6 %, seconds to ±15 %). `trips` are round trips waited for.

/// What a visit cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) bytes: f64,
    pub(crate) trips: f64,
    pub(crate) seconds: f64,
}

/// The best peer by bytes, and Mailboat's goal, of one kind of visit on one link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) peer: &'static str,
    pub(crate) cost: Cost,
    /// A bare HTTPS POST of JSON with zstd -19, session resumed: no peer, but what is plain.
    pub(crate) floor: Cost,
    pub(crate) bytes_goal: f64,
    pub(crate) trips_goal: f64,
    pub(crate) seconds_goal: Option<f64>,
}

/// One link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    /// As the link emulator knows it.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// What the line itself takes: bits a second each way, and seconds to the other end and back.
    line: Line,
    pub(crate) idle: Mark,
    pub(crate) batch: Mark,
}

/// A line, whatever is said over it.
#[derive(Clone, Copy, Debug)]
struct Line {
    up_bps: f64,
    down_bps: f64,
    round_trip_s: f64,
}

/// Bytes of an IPv4 and a TCP header with timestamps.
const HEADERS: f64 = 52.0;
/// Bytes of a segment's payload.
const SEGMENT: f64 = 1448.0;

impl Profile {
    /// What nothing that asks and is answered can do with less than: one round trip, segments full of what is said, as
    /// well as it packs, and no handshake, no name, no proof of who asks.
    pub(crate) fn limit(&self, up: u64, down: u64) -> Cost {
        let Line { up_bps, down_bps, round_trip_s } = self.line;
        let whole = |text: u64| text as f64 + HEADERS * (text as f64 / SEGMENT).ceil().max(1.0);
        let (up, down) = (whole(up), whole(down));
        let seconds = round_trip_s + up * 8.0 / up_bps + down * 8.0 / down_bps;
        Cost { bytes: up + down, trips: 1.0, seconds }
    }
}

const fn cost(bytes: f64, trips: f64, seconds: f64) -> Cost {
    Cost { bytes, trips, seconds }
}

/// The links of which there are figures.
pub(crate) const PROFILES: [Profile; 3] = [
    Profile {
        name: "v34",
        what: "modem, 33.6 kbit/s",
        line: Line { up_bps: 33_600.0, down_bps: 33_600.0, round_trip_s: 0.15 },
        idle: Mark {
            peer: "mosquitto",
            cost: cost(3561.0, 6.0, 2.4),
            floor: cost(2355.0, 3.0, 1.2),
            bytes_goal: 1650.0,
            trips_goal: 3.0,
            seconds_goal: Some(0.9),
        },
        batch: Mark {
            peer: "UUCP",
            cost: cost(12604.0, 10.0, 3.5),
            floor: cost(8487.0, 3.0, 2.5),
            bytes_goal: 7200.0,
            trips_goal: 3.0,
            seconds_goal: None,
        },
    },
    Profile {
        name: "gprs",
        what: "40/20 kbit/s, 600 ms, 1 % loss",
        line: Line { up_bps: 20_000.0, down_bps: 40_000.0, round_trip_s: 0.6 },
        idle: Mark {
            peer: "mosquitto",
            cost: cost(3636.0, 6.0, 5.1),
            floor: cost(2355.0, 3.0, 2.9),
            bytes_goal: 1700.0,
            trips_goal: 3.0,
            seconds_goal: Some(2.3),
        },
        batch: Mark {
            peer: "UUCP",
            cost: cost(11888.0, 10.0, 7.2),
            floor: cost(8347.0, 3.0, 4.2),
            bytes_goal: 7200.0,
            trips_goal: 3.0,
            seconds_goal: None,
        },
    },
    Profile {
        name: "iridium",
        what: "2.4 kbit/s, 1.3 s",
        line: Line { up_bps: 2_400.0, down_bps: 2_400.0, round_trip_s: 0.9 },
        idle: Mark {
            peer: "mosquitto",
            cost: cost(5981.0, 5.0, 18.2),
            floor: cost(3386.0, 3.0, 10.1),
            bytes_goal: 1900.0,
            trips_goal: 3.0,
            seconds_goal: Some(7.0),
        },
        batch: Mark {
            peer: "UUCP",
            cost: cost(14980.0, 10.0, 37.5),
            floor: cost(11156.0, 3.5, 29.0),
            bytes_goal: 7500.0,
            trips_goal: 3.0,
            seconds_goal: None,
        },
    },
];
