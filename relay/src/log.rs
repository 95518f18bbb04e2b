//! Where the relay's log lines go: standard error, as text for people or JSON for collectors.
//!
//! No message body, password or token is ever a log field; what may be logged is decided where it is logged.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; coloured on a terminal only.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The operator's filter cannot be read.
    #[error("log filter {filter:?} is not understood")]
    Filter {
        /// The filter as it was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else in this process logs already.
    #[error("logging is already set up")]
    AlreadySet(#[source] tracing::dispatcher::SetGlobalDefaultError),
}

/// Starts logging for the whole process; `filter` is a level or `tracing` directives (`info,relay::store=debug`).
///
/// # Errors
/// An unreadable filter, or a second call in one process.
pub fn init(filter: &str, format: LogFormat) -> Result<(), LogError> {
    tracing::subscriber::set_global_default(subscriber(filter, format, std::io::stderr)?)
        .map_err(LogError::AlreadySet)
}

type BoxedSubscriber = Box<dyn tracing::Subscriber + Send + Sync>;

fn subscriber<W>(filter: &str, format: LogFormat, writer: W) -> Result<BoxedSubscriber, LogError>
where
    W: for<'w> fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter)
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })?;
    let lines = fmt().with_env_filter(filter).with_writer(writer);
    Ok(match format {
        LogFormat::Text => Box::new(lines.with_ansi(std::io::stderr().is_terminal()).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat) -> String {
        let sink = Sink::default();
        let lines = sink.clone();
        let subscriber = subscriber(filter, format, move || lines.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(device = 7, "came");
            tracing::debug!("not shown");
        });
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_are_objects_with_the_fields_at_the_top() {
        let line: serde_json::Value =
            serde_json::from_str(&logged("info", LogFormat::Json)).unwrap();
        assert_eq!(
            (line["level"].as_str(), line["message"].as_str()),
            (Some("INFO"), Some("came"))
        );
        assert_eq!(line["device"].as_u64(), Some(7));
    }

    #[test]
    fn text_lines_obey_the_filter() {
        assert!(logged("info", LogFormat::Text).contains("came device=7"));
        assert_eq!(logged("error", LogFormat::Text), "");
    }

    #[test]
    fn an_unreadable_filter_is_named() {
        let err = subscriber("relay=loud", LogFormat::Text, std::io::stderr).err().unwrap();
        assert_eq!(err.to_string(), "log filter \"relay=loud\" is not understood");
    }
}
