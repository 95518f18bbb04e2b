//! The calls that a running agent plans, as its status tells them.

use jiff::Timestamp;
use serde_json::Value;

use crate::estimate::{Departure, Departures};

/// The calls that an agent with this status plans: what [`Reader::expected`](crate::store::Reader::expected) and
/// [`Reader::page`](crate::store::Reader::page) ask for. One that does not tell them has at least a next one; of none
/// (`null`) nothing is planned.
#[must_use]
pub fn departures(status: &Value) -> Departures {
    if let Ok(told) = serde_json::from_value(status["departures"].clone()) {
        return told;
    }
    let next = status["next_call"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let next: Vec<Departure> =
        next.into_iter().map(|at| Departure::within(at.as_second(), None)).collect();
    Departures { ordinary: next.clone(), urgent: next }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_agent_that_tells_no_departures_has_its_next_call_and_none_has_none() {
        let at = "2027-01-15T08:00:00Z".parse::<Timestamp>().unwrap().as_second();
        let next = departures(&json!({ "next_call": "2027-01-15T08:00:00Z" }));
        assert_eq!(next.leaves(false, 1 << 20, 1), Some((at, at)));
        assert_eq!(departures(&Value::Null), Departures::default());
        let told =
            json!({ "departures": { "ordinary": [{ "at": 5, "up_max": null }], "urgent": [] } });
        assert_eq!(departures(&told).leaves(false, 1, 1), Some((5, 5)));
    }
}
