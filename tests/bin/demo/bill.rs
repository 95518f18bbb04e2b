//! What it cost: bytes, round trips and seconds on the line, beside what the raw text weighs.

use crate::screen::Screen;
use crate::story::Story;

/// Prints the table.
pub(crate) fn show(screen: &Screen, story: &Story) {
    screen.chapter("What it cost (TCP payload with TLS, as counted on each line)");
    screen.say(&format!(
        "{:<14}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>9}{:>9}",
        "", "texts", "raw B", "calls", "B up", "B down", "B/call", "rounds", "on line"
    ));
    for (person, actor) in story.world.people.iter().zip(&story.actors) {
        let passed = person.link.counters();
        let per_call = (passed.up + passed.down).checked_div(passed.connections).unwrap_or(0);
        screen.say(&format!(
            "{:<14}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>9}{:>7.1} s",
            format!("{} wrote", person.name),
            actor.texts,
            actor.text_len,
            passed.connections,
            passed.up,
            passed.down,
            per_call,
            passed.round_trips,
            actor.on_line.as_secs_f64(),
        ));
    }
    screen.say("");
    screen.say("Each call here is a visit of its own, and most found nothing new: they stand for calls a quarter of an hour");
    screen.say("apart. A call with nothing new costs under 1,000 bytes, nearly all of it TLS; texts ride along for a few bytes each.");
}
