//! A link that a program brings up and another takes down again, whatever happens in between.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::call::Call;
use crate::{
    program::{self, Program},
    store::{Cause, Told},
};

/// A link that was dialled, or on which somebody tried to. Who drops it without [`Dialled::hang_up`] (a runtime that
/// ends) starts the program that takes it down and does not wait.
#[derive(Debug)]
pub(super) struct Dialled {
    hangup: Vec<String>,
    limit: Duration,
    env: Vec<(&'static str, String)>,
    dialler: Option<Program>,
}

impl Dialled {
    /// Brings the link up, if the call has a program for that. The error says what went wrong; hanging up is due then
    /// as well.
    pub(super) async fn dial(call: &Call, cancel: &CancellationToken) -> (Self, Result<(), Told>) {
        let env = vec![
            ("MAILBOAT_RULE", call.rule.clone()),
            ("MAILBOAT_LINK", call.link.clone().unwrap_or_default()),
        ];
        let mut dialled =
            Self { hangup: call.hangup.clone(), limit: call.hangup_timeout, env, dialler: None };
        if call.dial.is_empty() {
            return (dialled, Ok(()));
        }
        let dialling = program::run(&call.dial, &dialled.env, "", call.dial_timeout, cancel).await;
        let outcome = match dialling {
            Ok(program) => {
                dialled.dialler = Some(program);
                Ok(())
            }
            Err(unwell) => {
                let words = format!("the dial program {} {}", call.dial[0], unwell.words);
                let (program, how, said) = (call.dial[0].clone(), unwell.how, unwell.said);
                Err(Told::new(words, Cause::DialFailed { program, how, said }))
            }
        };
        (dialled, outcome)
    }

    /// Takes it down. `outcome` is told to the program. Nothing stops this but its own time limit. Gives what is wrong where
    /// the link may still be up: a program that fails only says so of a link that `was_up` to the end of the visit.
    pub(super) async fn hang_up(mut self, outcome: &str, was_up: bool) -> Option<Result<(), Told>> {
        let hangup = std::mem::take(&mut self.hangup);
        if hangup.is_empty() {
            return None;
        }
        self.env.push(("MAILBOAT_OUTCOME", outcome.to_owned()));
        let never = CancellationToken::new();
        match program::run(&hangup, &self.env, "", self.limit, &never).await {
            Ok(_) => Some(Ok(())),
            Err(unwell) if unwell.code.is_none() || was_up => {
                let words = format!("the hangup program {} {}", hangup[0], unwell.words);
                let (program, how, said) = (hangup[0].clone(), unwell.how, unwell.said);
                Some(Err(Told::new(words, Cause::HangupFailed { program, how, said })))
            }
            Err(_) => None,
        }
    }
}

impl Drop for Dialled {
    fn drop(&mut self) {
        if !self.hangup.is_empty() {
            program::start_and_forget(&self.hangup, &self.env);
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_link_that_nobody_hangs_up_is_taken_down_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let note = dir.path().join("note");
        let script = format!("echo down > {}", note.display());
        let call = Call {
            dial: vec!["true".to_owned()],
            hangup: ["sh", "-c", &script].map(str::to_owned).to_vec(),
            dial_timeout: Duration::from_secs(30),
            ..Call::default()
        };
        let (dialled, outcome) = Dialled::dial(&call, &CancellationToken::new()).await;
        outcome.unwrap();
        drop(dialled);
        let came = async {
            while !std::fs::read_to_string(&note).is_ok_and(|text| text == "down\n") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), came).await.expect("it was started");
    }
}
