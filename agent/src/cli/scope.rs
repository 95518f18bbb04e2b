//! What calls carry, in words, and why something waits that none of the rules takes.

use config::agent::{Direction, Priority, Rule};

use crate::schedule::Scope;

/// What a call carries.
pub(super) fn carries(scope: Scope) -> &'static str {
    match (scope.min_priority, scope.direction) {
        (Priority::Ordinary, Direction::Both) => "everything",
        (Priority::Ordinary, Direction::Up) => "up only",
        (Priority::Ordinary, Direction::Down) => "down only",
        (Priority::Urgent, Direction::Both) => "urgent only",
        (Priority::Urgent, Direction::Up) => "urgent, up only",
        (Priority::Urgent, Direction::Down) => "urgent, down only",
    }
}

/// Why what asks for a call of this scope, which goes one way, waits for somebody to call: there are rules, and none of
/// them takes it.
pub(super) fn why_stays(rules: &[Rule], wanted: Scope) -> Option<&'static str> {
    let takes = |wanted| rules.iter().any(|rule| Scope::of(rule).covers(wanted));
    if rules.is_empty() || takes(wanted) {
        return None;
    }
    let urgent = Scope { min_priority: Priority::Urgent, ..wanted };
    Some(match (takes(urgent), wanted.direction) {
        (true, Direction::Down) => "the rules fetch what is urgent only",
        (true, _) => "the rules take what is urgent only",
        (false, Direction::Down) => "no rule fetches anything",
        (false, _) => "no rule sends anything",
    })
}

/// When that goes.
pub(super) fn when_you_call(rules: &[Rule], wanted: Scope) -> String {
    match why_stays(rules, wanted) {
        Some(why) => format!("when you call: mailboat sync ({why})"),
        None => "when you call: mailboat sync".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(direction: Direction, min_priority: Priority) -> Rule {
        Rule { direction, min_priority, ..Rule::default() }
    }

    #[test]
    fn what_no_rule_takes_is_told_from_what_some_rule_does() {
        let ordinary = |direction| Scope { direction, min_priority: Priority::Ordinary };
        let (up, down) = (ordinary(Direction::Up), ordinary(Direction::Down));
        let urgent_up = Scope { min_priority: Priority::Urgent, ..up };
        let all = rule(Direction::Both, Priority::Ordinary);
        let fetches = rule(Direction::Down, Priority::Ordinary);
        let hurries = rule(Direction::Both, Priority::Urgent);
        let sends = rule(Direction::Up, Priority::Ordinary);
        for (rules, wanted, why) in [
            (&[][..], up, None),
            (&[&all], up, None),
            (&[&fetches, &all], up, None),
            (&[&fetches], down, None),
            (&[&fetches], up, Some("no rule sends anything")),
            (&[&fetches], urgent_up, Some("no rule sends anything")),
            (&[&hurries], urgent_up, None),
            (&[&hurries, &fetches], up, Some("the rules take what is urgent only")),
            (&[&hurries], down, Some("the rules fetch what is urgent only")),
            (&[&sends], down, Some("no rule fetches anything")),
        ] {
            let rules: Vec<_> = rules.iter().copied().cloned().collect();
            assert_eq!(why_stays(&rules, wanted), why, "{rules:?} {wanted:?}");
        }
    }
}
