//! A relay and people, each at the end of a link of their own.

use std::path::Path;

use crate::agent::AgentHome;
use crate::link::Link;
use crate::relay::{RelayOptions, RelayProcess};

/// A person with one device. Somebody with several is several of these with one name.
#[derive(Debug)]
pub struct Person {
    /// The account's name.
    pub name: String,
    /// The device's home.
    pub home: AgentHome,
    /// The device's line to the relay.
    pub link: Link,
}

/// A relay and people.
#[derive(Debug)]
pub struct World {
    /// The relay.
    pub relay: RelayProcess,
    /// What everybody's links lead to, in the order in which they came.
    pub people: Vec<Person>,
}

impl World {
    /// A relay without anybody.
    pub async fn empty(options: &RelayOptions) -> Self {
        Self { relay: RelayProcess::start(options).await, people: Vec::new() }
    }

    /// A relay with people who are logged in, each at one device.
    pub async fn new(options: &RelayOptions, names: &[&str]) -> Self {
        let mut world = Self::empty(options).await;
        for name in names {
            world.relay.account(name).await;
            let person = world.device(name).await;
            world.people.push(person);
        }
        world
    }

    /// A relay with plain HTTP and two people, ann and bob, who have accepted each other and know it.
    pub async fn of_two() -> Self {
        let world = Self::new(&RelayOptions::default(), &["ann", "bob"]).await;
        world.acquaint().await;
        world
    }

    /// Lets the first two people chat with each other.
    pub async fn acquaint(&self) {
        let [ann, bob] = [&self.people[0], &self.people[1]];
        ann.home.run(&["chat", &bob.name]).await.done();
        ann.sync().await;
        bob.sync().await;
        let request = bob.request().await;
        bob.home.run(&["accept", &request]).await.done();
        bob.sync().await;
        ann.sync().await;
    }

    /// A further device of the account `name`, logged in.
    pub async fn device(&self, name: &str) -> Person {
        let person = self.stranger(name);
        person.home.login(&self.url(&person.link), name, self.relay.ca()).await.done();
        person
    }

    /// Somebody with an empty home and a link.
    pub fn stranger(&self, name: &str) -> Person {
        Person {
            name: name.to_owned(),
            home: AgentHome::new(),
            link: Link::start(self.relay.addr()),
        }
    }

    /// The relay's address as it is seen at the near end of `link`.
    pub fn url(&self, link: &Link) -> String {
        format!("{}://{}", self.relay.scheme(), link.addr())
    }

    /// The certificate authority to trust, if the relay speaks TLS.
    pub fn ca(&self) -> Option<&Path> {
        self.relay.ca()
    }

    /// Starts the relay again after it was killed or ended, and leads everybody's link there.
    pub async fn restart_relay(&mut self) {
        self.relay.restart().await;
        for person in &self.people {
            person.link.set_target(self.relay.addr());
        }
    }
}

impl Person {
    /// One visit, which has to end well.
    pub async fn sync(&self) -> serde_json::Value {
        let result = self.home.one(&["sync"]).await;
        assert_eq!(result["outcome"], "done", "{}: {result}", self.name);
        result
    }

    /// The id of the one request that waits to be answered.
    pub async fn request(&self) -> String {
        let rows = self.home.json(&["inbox"]).await;
        let mut requests = rows.iter().filter(|row| row["kind"] == "request");
        let request = requests.next_back().unwrap_or_else(|| panic!("no request: {rows:?}"));
        text(request, "id")
    }
}

/// A field that has to be a string. Panics with the whole row when it is none.
#[track_caller]
pub fn text(row: &serde_json::Value, field: &str) -> String {
    row[field].as_str().unwrap_or_else(|| panic!("no {field}: {row}")).to_owned()
}
