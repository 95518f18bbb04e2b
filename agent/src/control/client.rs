//! The asking side of the socket; for the command line, the window and tests.

use std::{io, path::Path};

use interprocess::local_socket::tokio::Stream;
use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader, ReadHalf, WriteHalf, split};

use super::{
    Event, Failure, Hello, Order, VERSION,
    failure::NOT_TAKEN,
    line::Lines,
    order::{Answer, Request},
    place,
};

/// A connection to the resident agent. One order at a time.
#[derive(Debug)]
pub struct Client {
    lines: Lines<BufReader<ReadHalf<Stream>>>,
    out: WriteHalf<Stream>,
    hello: Hello,
    next_id: u64,
}

/// Why an order has no good answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The agent carried it out and it failed, or it refused.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The agent went before it took the order, or is ending and begins nothing: asking again (elsewhere) is safe.
    #[error("the agent stopped before it took the order")]
    NotTaken,
    /// The agent went while it had the order: it may have been carried out.
    #[error("the agent ended while it worked; look with `mailboat outbox` before asking again")]
    Lost(#[source] io::Error),
}

impl From<AskError> for Failure {
    fn from(err: AskError) -> Self {
        match err {
            AskError::Failed(failure) => failure,
            AskError::NotTaken => Self::later("agent_stopped", &err),
            AskError::Lost(_) => Self::new("agent_lost", super::failure::chain(&err)),
        }
    }
}

impl Client {
    /// Connects to the agent at `socket`; `None` when there is none.
    ///
    /// # Errors
    /// Those of the system (permissions), and a peer that does not speak this protocol: of another version
    /// (`Unsupported`), or none at all (`InvalidData`).
    pub async fn connect(socket: &Path) -> io::Result<Option<Self>> {
        let Some(stream) = place::connect(socket).await? else {
            return Ok(None);
        };
        let (reader, out) = split(stream);
        let mut lines = Lines::new(BufReader::new(reader));
        // An agent that stops just now closes without a word, or says goodbye at once.
        let line = match lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(None),
            Err(err) if err.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(err) => return Err(err),
        };
        match serde_json::from_slice(&line) {
            Ok(Event::Hello(hello)) if hello.v == VERSION => {
                Ok(Some(Self { lines, out, hello, next_id: 1 }))
            }
            Ok(Event::Hello(Hello { v, pid })) => {
                let words = format!(
                    "the running agent (pid {pid}) speaks control version {v}, this program {VERSION}: restart the agent"
                );
                Err(io::Error::new(io::ErrorKind::Unsupported, words))
            }
            Ok(Event::Bye) => Ok(None),
            _ => {
                let words = "what listens there is no Mailboat agent";
                Err(io::Error::new(io::ErrorKind::InvalidData, words))
            }
        }
    }

    /// The agent's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.hello.pid
    }

    /// Asks and waits for the answer, however long that takes ([`Order::Sync`]: a whole visit).
    ///
    /// # Errors
    /// See [`AskError`]. After anything but [`AskError::Failed`] this client is of no further use.
    pub async fn ask(&mut self, order: &Order) -> Result<Value, AskError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut line = serde_json::to_vec(&Request { v: VERSION, id, order })
            .map_err(|err| AskError::Failed(Failure::chain("bad_request", &err)))?;
        line.push(b'\n');
        // A failed write tells nothing: `bye` may stand in the buffer before it.
        let written = self.out.write_all(&line).await;
        let Some(line) = self.lines.next().await.map_err(AskError::Lost)? else {
            let cause = written.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
            return Err(AskError::Lost(cause));
        };
        if let Ok(Event::Bye) = serde_json::from_slice(&line) {
            return Err(AskError::NotTaken);
        }
        let answer: Answer =
            serde_json::from_slice(&line).map_err(|err| AskError::Lost(err.into()))?;
        if answer.id != id && !answer.id.is_null() {
            return Err(AskError::Lost(io::Error::other("the agent answered something else")));
        }
        match answer.error {
            Some(failure) if failure.code == NOT_TAKEN => Err(AskError::NotTaken),
            Some(failure) => Err(AskError::Failed(failure)),
            None => Ok(answer.ok.unwrap_or(Value::Null)),
        }
    }

    /// Turns the connection into a stream of events.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn watch(mut self) -> Result<Events, AskError> {
        self.ask(&Order::Watch).await?;
        Ok(Events { lines: self.lines, _out: self.out })
    }

    /// Turns the connection into a stream of what the agent does: [`Event::Agent`] only.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn follow(mut self) -> Result<Events, AskError> {
        self.ask(&Order::Follow).await?;
        Ok(Events { lines: self.lines, _out: self.out })
    }
}

/// What happens at the agent, as it happens.
#[derive(Debug)]
pub struct Events {
    lines: Lines<BufReader<ReadHalf<Stream>>>,
    /// Dropping it would end the connection.
    _out: WriteHalf<Stream>,
}

impl Events {
    /// The next event that this version knows; `None` when the agent is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        while let Ok(Some(line)) = self.lines.next().await {
            match serde_json::from_slice(&line) {
                Ok(Event::Bye) => return None,
                Ok(event) => return Some(event),
                Err(_) => {}
            }
        }
        None
    }
}
