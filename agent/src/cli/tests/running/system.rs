//! NetworkManager and logind, simulated, and what a running agent makes of what they tell.

use tokio::runtime::Runtime;

use super::*;
use crate::link::{
    ATTEMPT_BYTES,
    monitor::tests::{
        services::{Mock, PrivateBus},
        wireless,
    },
};

/// `NMState`: unknown, disconnected, connected.
const UNKNOWN: u32 = 0;
const DOWN: u32 = 20;
const UP: u32 = 70;

/// A system whose link and whose sleep a test decides on.
struct System {
    runtime: Runtime,
    bus: PrivateBus,
    manager: Mock,
}

impl System {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let bus = runtime.block_on(PrivateBus::start());
        let manager = runtime.block_on(wireless(&bus));
        Self { runtime, bus, manager }
    }

    fn becomes(&self, state: u32) {
        self.runtime.block_on(self.manager.set("State", zbus::Variant::from(state)));
    }

    /// Who tells of sleep. It has to be there before the agent is.
    fn logind(&self) -> Mock {
        self.runtime.block_on(self.bus.mock("logind", "org.freedesktop.login1"))
    }

    fn wakes(&self, logind: &Mock) {
        let told = logind.signal("org.freedesktop.login1.Manager", "PrepareForSleep", false);
        self.runtime.block_on(told);
    }

    fn agent(&self, home: &Home) -> Resident {
        Resident::on(home, &self.bus.address)
    }
}

/// Waits until `name` is `value` in the status.
fn status(home: &Home, name: &str, value: &str) -> Value {
    wait(|| Some(home.one(&["status"])).filter(|status| status[name] == value))
}

const LINK_UP: &str = "[[connect]]\nwhen = \"link-up\"\n";

/// What the system tells leads to one call, once the relay can be reached.
#[test]
fn a_link_that_comes_up_leads_to_one_call() {
    let system = System::start();
    system.becomes(DOWN);
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, &format!("{LINK_UP}[[link]]\nname = \"cafe\"\nssid = \"*\"\n"));
    let agent = system.agent(&home);
    assert_eq!(home.one(&["status"])["network"], "down");
    assert!(relay.seen.try_recv().is_err(), "there is no link");
    system.becomes(UP);
    relay.next();
    let status = status(&home, "link", "up");
    assert_eq!((&status["profile"], &status["interface"]), (&"cafe".into(), &"wlan0".into()));
    assert_eq!(status["metered"], true, "as the system guesses");
    assert_eq!(home.one(&["sync"])["outcome"], "done");
    relay.next();
    assert!(relay.seen.try_recv().is_err(), "one call of its own, and the one that was asked for");
    let visits = home.rows(&["usage"]);
    assert_eq!(visits.len(), 2, "{visits:?}");
    assert!(
        bytes_up(&visits, 1) + ATTEMPT_BYTES <= bytes_up(&visits, 0),
        "the wait for the relay is paid for: {visits:?}"
    );
    agent.end().unwrap();
}

fn bytes_up(visits: &[Value], index: usize) -> u64 {
    visits[index]["bytes_up"].as_u64().unwrap()
}

#[test]
fn a_line_waits_for_the_relay_when_its_link_has_come_up_and_at_no_other_time() {
    let system = System::start();
    system.becomes(DOWN);
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(
        &home,
        "[[connect]]\nlive = true\nlinks = [\"cafe\"]\n[[link]]\nname = \"cafe\"\nssid = \"*\"\n",
    );
    let agent = system.agent(&home);
    system.becomes(UP);
    while relay.next().hold_s == 0 {}
    // The line gives way to a visit, and is taken up again.
    assert_eq!(home.one(&["sync"])["outcome"], "done");
    while relay.next().hold_s == 0 {}
    agent.end().unwrap();
    let visits = home.rows(&["usage"]);
    assert_eq!(visits.len(), 3, "{visits:?}");
    assert!(bytes_up(&visits, 2) + ATTEMPT_BYTES <= bytes_up(&visits, 0), "{visits:?}");
}

#[test]
fn a_line_over_a_link_that_is_gone_is_let_go_of() {
    let system = System::start();
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(
        &home,
        "[[connect]]\nlive = true\nlinks = [\"cafe\"]\n[[link]]\nname = \"cafe\"\nssid = \"*\"\n",
    );
    let agent = system.agent(&home);
    while relay.next().hold_s == 0 {}
    assert_eq!(home.one(&["status"])["link"], "live");
    system.becomes(DOWN);
    wait(|| (home.one(&["status"])["link"] != "live").then_some(()));
    agent.end().unwrap();
}

#[test]
fn where_nobody_can_tell_of_the_link_it_counts_as_up_from_the_beginning() {
    let system = System::start();
    system.becomes(UNKNOWN);
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, LINK_UP);
    let agent = system.agent(&home);
    relay.next();
    assert_eq!(home.one(&["status"])["network"], "unknown");
    agent.end().unwrap();
}

#[test]
fn the_relay_of_a_link_that_went_down_is_waited_for_no_more() {
    let system = System::start();
    let home = Home::of("ann");
    settings(&home, LINK_UP);
    let agent = system.agent(&home);
    wait(|| (!home.one(&["status"])["next_call"].is_null()).then_some(()));
    system.becomes(DOWN);
    status(&home, "network", "down");
    let status = wait(|| Some(home.one(&["status"])).filter(|status| status["link"] == "down"));
    assert!(status["next_call"].is_null(), "{status}");
    agent.end().unwrap();
}

#[test]
fn a_wake_is_a_link_that_comes_up_where_there_is_one() {
    let system = System::start();
    let logind = system.logind();
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, LINK_UP);
    let agent = system.agent(&home);
    relay.next();
    status(&home, "link", "up");
    system.wakes(&logind);
    relay.next();
    status(&home, "link", "up");
    system.becomes(DOWN);
    status(&home, "network", "down");
    // The bus tells of this before it tells of what follows.
    system.wakes(&logind);
    system.becomes(UP);
    status(&home, "network", "up");
    relay.next();
    status(&home, "link", "up");
    assert_eq!(home.rows(&["usage"]).len(), 3, "no call without a link");
    agent.end().unwrap();
}

#[test]
fn a_wake_takes_a_line_up_anew() {
    let system = System::start();
    let logind = system.logind();
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "[[connect]]\nlive = true\n");
    let agent = system.agent(&home);
    while relay.next().hold_s == 0 {}
    system.wakes(&logind);
    assert_eq!(relay.next().hold_s, 0, "another line begins");
    agent.end().unwrap();
}

#[test]
fn after_a_wake_a_login_page_may_be_gone() {
    let system = System::start();
    let logind = system.logind();
    let (url, asked) = super::link::portal();
    let home = Home::of("ann");
    super::link::at(&home, &url);
    settings(&home, LINK_UP);
    let agent = system.agent(&home);
    asked.recv_timeout(PATIENCE).unwrap();
    status(&home, "network", "portal");
    system.wakes(&logind);
    asked.recv_timeout(PATIENCE).unwrap();
    agent.end().unwrap();
}

#[test]
fn after_a_wake_a_call_that_had_failed_is_tried_again_without_waiting_for_the_relay() {
    let system = System::start();
    let logind = system.logind();
    let home = Home::of("ann");
    // 5 % of this budget pay for one attempt to reach the relay.
    settings(&home, "[[connect]]\nevery = \"1h\"\nbudget = \"12 KiB\"\n");
    let agent = system.agent(&home);
    let ended = |count| {
        wait(|| {
            let visits = home.rows(&["usage"]);
            let ended = visits.iter().filter(|visit| !visit["end"].is_null()).count();
            (count <= ended).then_some(visits)
        })
    };
    ended(1);
    system.wakes(&logind);
    let visits = ended(2);
    agent.end().unwrap();
    assert!(
        (0..visits.len()).all(|index| bytes_up(&visits, index) < ATTEMPT_BYTES),
        "an attempt that nobody answers costs less: {visits:?}"
    );
}

#[test]
fn a_call_that_dialled_goes_over_no_link_that_its_rule_does_not_name() {
    let system = System::start();
    let relay = Polite::start();
    let home = home_at(&relay);
    let dial = "links = [\"modem\"]\ndial = [\"true\"]\ndial_timeout = \"1s\"\n";
    settings(
        &home,
        &format!(
            "[[connect]]\nevery = \"1h\"\n{dial}[[link]]\nname = \"modem\"\ninterface = \"ppp*\"\n"
        ),
    );
    let agent = system.agent(&home);
    let status = wait(|| {
        Some(home.one(&["status"])).filter(|status| status["trouble"] != serde_json::json!([]))
    });
    assert!(status["trouble"].to_string().contains("none of its links came up"), "{status}");
    agent.end().unwrap();
    assert!(relay.seen.try_recv().is_err(), "nobody was called over the wireless network");
}

/// An agent whose rule dials, and whose link comes up while it does; `links` are those that its rule names.
fn dials_the_wireless(
    system: &System,
    home: &Home,
    links: &str,
    profiles: &str,
) -> super::Resident {
    system.becomes(DOWN);
    let began = home.path().join("began");
    settings(
        home,
        &format!(
            "[[connect]]\nevery = \"2s\"\nlinks = {links}\ndial = [\"touch\", {began:?}]\n\
            [[link]]\nname = \"cafe\"\nssid = \"*\"\n{profiles}"
        ),
    );
    let agent = system.agent(home);
    wait(|| began.exists().then_some(()));
    assert_eq!(home.one(&["status"])["network"], "down");
    system.becomes(UP);
    agent
}

#[test]
fn a_call_that_dialled_is_in_the_ledger_with_the_link_that_came_up() {
    let system = System::start();
    let relay = Polite::start();
    let home = home_at(&relay);
    let agent = dials_the_wireless(&system, &home, "[\"cafe\"]", "");
    relay.next();
    status(&home, "link", "up");
    assert_eq!(home.rows(&["usage"])[0]["link"], "cafe");
    agent.end().unwrap();
}

#[test]
fn a_call_that_dialled_a_link_whose_quota_is_used_up_is_not_made_over_it() {
    let system = System::start();
    let relay = Polite::start();
    let home = home_at(&relay);
    super::super::costs::spend_over("cafe", &home, 1 << 20);
    // Before it dials, the other one may be meant.
    let profiles = "quota = \"1 MiB\"\n[[link]]\nname = \"modem\"\ninterface = \"ppp*\"\n";
    let agent = dials_the_wireless(&system, &home, "[\"modem\", \"cafe\"]", profiles);
    let status = wait(|| {
        Some(home.one(&["status"])).filter(|status| status["trouble"] != serde_json::json!([]))
    });
    assert!(status["trouble"].to_string().contains("--lift-quota cafe"), "{status}");
    agent.end().unwrap();
    assert!(relay.seen.try_recv().is_err(), "nobody was called");
}
