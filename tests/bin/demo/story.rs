//! The story: Ann asks Bob to chat, they talk while their lines drop, and nothing is lost.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::link::{Direction, Event, Manner, Pace};
use harness::program::Running;
use harness::relay::RelayOptions;
use harness::world::{Person, World, text};
use serde_json::Value;
use tokio::sync::broadcast;

use crate::screen::Screen;

/// How often the two call. It stands for a quarter of an hour.
const CALLS: &str = "[[connect]]\nevery = \"2s\"";

/// Where everybody is when the story has been told.
#[derive(Debug)]
pub(crate) struct Story {
    /// The relay and the two.
    pub(crate) world: World,
    /// Ann, then Bob.
    pub(crate) actors: Vec<Actor>,
}

/// One of the two, with what runs for them.
#[derive(Debug)]
pub(crate) struct Actor {
    /// The resident agent.
    pub(crate) agent: Running,
    /// What happens there, as `mailboat watch` tells it.
    pub(crate) watch: Running,
    /// Bytes of the texts that this one wrote.
    pub(crate) text_len: usize,
    /// How many texts.
    pub(crate) texts: usize,
    /// Seconds with a connection open.
    pub(crate) on_line: Duration,
    /// What this one wrote, by its id.
    written: HashMap<String, String>,
    lines: broadcast::Receiver<Event>,
    connected: Option<Instant>,
}

/// Tells the whole story.
pub(crate) async fn tell(screen: &Screen) -> anyhow::Result<Story> {
    screen
        .chapter("A relay on this machine; Ann and Bob far away, each behind a 33.6 kbit/s modem");
    let world = World::new(&RelayOptions::tls(), &["ann", "bob"]).await;
    screen.say(&format!("the relay listens on {}://{}", world.relay.scheme(), world.relay.addr()));
    let mut actors = Vec::new();
    for person in &world.people {
        actors.push(Actor::of(person).await);
    }
    let mut story = Story { world, actors };
    story.meet(screen).await?;
    story.talk(screen).await?;
    story.lose_the_line(screen).await?;
    story.cut_in_the_middle(screen).await?;
    story.settle(screen).await?;
    Ok(story)
}

impl Actor {
    async fn of(person: &Person) -> Self {
        person.link.set_pace(Pace::V34);
        person.link.reset_counters();
        person.home.add_settings(CALLS);
        let lines = person.link.events();
        let agent = person.home.resident().await;
        let watch = person.home.start(&["watch", "--all", "--json"]);
        let on_line = Duration::ZERO;
        let written = HashMap::new();
        Self { agent, watch, text_len: 0, texts: 0, on_line, written, lines, connected: None }
    }

    /// A message of this one's went a step further.
    fn show_state(&self, screen: &Screen, name: &str, row: &Value) {
        let words = row["id"].as_str().and_then(|id| self.written.get(id));
        if let (Some(words), Some(state @ ("relayed" | "delivered"))) =
            (words, row["state"].as_str())
        {
            let begin: String = words.chars().take(24).collect();
            screen.line(name, &format!("   {state}: {begin}…"));
        }
    }

    /// Adds up the time on the line, of all that happened there since it was last called.
    fn count_time(&mut self, event: Event) {
        match event {
            Event::Connected { .. } => self.connected = Some(Instant::now()),
            Event::Closed { .. } => {
                self.on_line += self.connected.take().map_or(Duration::ZERO, |at| at.elapsed());
            }
            Event::Cut { .. } | Event::Refused => {}
        }
    }
}

impl Story {
    async fn meet(&mut self, screen: &Screen) -> anyhow::Result<()> {
        screen.chapter("They meet");
        let greeting = "Hello Bob, Ann from the harbour here.";
        screen.person("ann", &format!("asks bob to chat: \"{greeting}\""));
        self.wrote(0, greeting);
        self.do_(0, &["chat", "bob", "-m", greeting]).await?;
        self.write(screen, 0, "The pump has arrived. Shall I keep it for you?").await?;
        let request = self.until(screen, 1, |row| row["kind"] == "request").await?;
        screen.person("bob", "accepts");
        self.do_(1, &["accept", &text(&request, "id")]).await?;
        self.arrival(screen, 1, "The pump has arrived. Shall I keep it for you?").await
    }

    async fn talk(&mut self, screen: &Screen) -> anyhow::Result<()> {
        screen.chapter("They talk");
        self.exchange(screen, 1, "Please do! I can fetch it on Thursday.").await?;
        self.exchange(screen, 0, "Thursday is fine. Bring the old seals, we will see which fit.")
            .await
    }

    async fn lose_the_line(&mut self, screen: &Screen) -> anyhow::Result<()> {
        screen.chapter("Ann's line is gone; she writes all the same");
        self.world.people[0].link.down();
        screen.line("ann", "dropped");
        let lines = [
            "There is a gale coming, they say force nine.",
            "I have doubled the ropes on your boat.",
            "And the cat has moved into your wheelhouse.",
        ];
        for words in lines {
            self.write(screen, 0, words).await?;
        }
        let waiting = self.world.people[0].home.json(&["outbox"]).await;
        screen.person(
            "ann",
            &format!("{} messages wait in her outbox, safe on her disk", waiting.len()),
        );
        self.write(screen, 1, "Is everything all right over there?").await?;
        // A person would wait for an hour; two seconds are enough to see a call fail.
        let _ =
            tokio::time::timeout(Duration::from_secs(2), self.until(screen, 0, |_| false)).await;
        self.world.people[0].link.up();
        screen.line("ann", "back");
        for words in lines {
            self.arrival(screen, 1, words).await?;
        }
        self.arrival(screen, 0, "Is everything all right over there?").await
    }

    async fn cut_in_the_middle(&mut self, screen: &Screen) -> anyhow::Result<()> {
        screen.chapter("Both lines are cut in the middle of what they carry");
        let answer = "All is well, only wet. The harbour master sends his regards, and his bill.";
        self.world.people[0].link.cut_at_by(Direction::Up, 450, Manner::Reset);
        self.world.people[1].link.cut_at_by(Direction::Down, 330, Manner::Close);
        self.exchange(screen, 0, answer).await?;
        self.exchange(screen, 1, "Then I shall bring two cakes: one for you, one for the cat.")
            .await
    }

    /// Waits until everything that was written is known to be delivered, and nothing is left on the lines.
    async fn settle(&mut self, screen: &Screen) -> anyhow::Result<()> {
        screen.chapter("Everything has arrived, once, and both know it");
        for index in 0..self.actors.len() {
            while !self.world.people[index].home.json(&["outbox"]).await.is_empty() {
                self.next(screen, index).await?;
            }
        }
        for actor in &mut self.actors {
            ensure!(actor.agent.terminate().await.success(), "an agent ended badly");
        }
        for (person, actor) in self.world.people.iter().zip(&mut self.actors) {
            person.link.wait_idle().await;
            while let Ok(event) = actor.lines.try_recv() {
                actor.count_time(event);
            }
        }
        Ok(())
    }

    /// Somebody writes, and the other reads it.
    async fn exchange(&mut self, screen: &Screen, from: usize, words: &str) -> anyhow::Result<()> {
        self.write(screen, from, words).await?;
        self.arrival(screen, 1 - from, words).await
    }

    async fn write(&mut self, screen: &Screen, from: usize, words: &str) -> anyhow::Result<()> {
        let to = self.world.people[1 - from].name.clone();
        let sent = self.do_(from, &["send", &to, "-m", words, "--json"]).await?;
        let row = sent.first().context("send says nothing")?;
        let state = text(row, "state");
        screen.person(&self.world.people[from].name, &format!("writes: {words}   ({state})"));
        self.actors[from].written.insert(text(row, "id"), words.to_owned());
        self.wrote(from, words);
        Ok(())
    }

    fn wrote(&mut self, from: usize, words: &str) {
        self.actors[from].texts += 1;
        self.actors[from].text_len += words.len();
    }

    async fn arrival(&mut self, screen: &Screen, at: usize, words: &str) -> anyhow::Result<()> {
        // It may have come with something that was waited for before.
        if self.has(at, words).await {
            return Ok(());
        }
        self.until(screen, at, |row| row["text"] == words).await.map(|_| ())
    }

    async fn has(&self, at: usize, words: &str) -> bool {
        let rows = self.world.people[at].home.json(&["inbox"]).await;
        rows.iter().any(|row| row["text"] == words)
    }

    /// Shows what happens until `at` has a row that is wanted.
    async fn until(
        &mut self,
        screen: &Screen,
        at: usize,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        loop {
            let row = self.next(screen, at).await?;
            if row["mine"] == false && wanted(&row) {
                return Ok(row);
            }
        }
    }

    /// Shows what happens next anywhere, and gives back what happened at `at`.
    async fn next(&mut self, screen: &Screen, at: usize) -> anyhow::Result<Value> {
        loop {
            let [ann, bob] = &mut self.actors[..] else { unreachable!("there are two") };
            let (index, line) = tokio::select! {
                line = ann.watch.next_line() => (0, line),
                line = bob.watch.next_line() => (1, line),
                Ok(event) = ann.lines.recv() => { heard(screen, "ann", ann, event); continue }
                Ok(event) = bob.lines.recv() => { heard(screen, "bob", bob, event); continue }
            };
            let line = line.context("a watch ended")?;
            let Ok(row) = serde_json::from_str::<Value>(&line) else { continue };
            let name = &self.world.people[index].name;
            if row["event"] == "state" {
                self.actors[index].show_state(screen, name, &row);
            } else {
                show(screen, name, &row);
            }
            if index == at {
                return Ok(row);
            }
        }
    }

    async fn do_(&self, who: usize, args: &[&str]) -> anyhow::Result<Vec<Value>> {
        let output = self.world.people[who].home.run(args).await;
        ensure!(output.code == Some(0), "mailboat {args:?} failed: {}", output.stderr);
        Ok(if args.contains(&"--json") { output.json() } else { Vec::new() })
    }
}

fn heard(screen: &Screen, name: &str, actor: &mut Actor, event: Event) {
    actor.count_time(event);
    if matches!(event, Event::Cut { .. }) {
        screen.line(name, "cut in the middle");
    }
    if event == Event::Refused {
        screen.line(name, "a call fails: no carrier");
    }
}

/// What `mailboat watch` told.
pub(crate) fn show(screen: &Screen, name: &str, row: &Value) {
    let words = row["text"].as_str().unwrap_or_default();
    match row["kind"].as_str() {
        Some("request") if row["mine"] == false => {
            screen.person(
                name,
                &format!("is asked to chat by {}: {words}", row["from"].as_str().unwrap_or("?")),
            );
        }
        Some("message") if row["mine"] == false => {
            screen.person(name, &format!("   reads: {words}"));
        }
        _ => {}
    }
}
