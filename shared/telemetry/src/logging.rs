//! Logs: one line an event, to standard error, and to a file where one is kept.
//!
//! Every line, that of a panic too, goes through one writer, which redacts it
//! (see [`crate::redact`]). A field is shown if its name is on the list of
//! [`fields`]; of any other only the name is.

pub mod fields;
mod line;

use std::fmt::Display;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use tickwire_service::audit::AUDIT;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::redact::{redact, redact_bytes};

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, for functions: fields at the top level, in UTC.
    Json,
    /// Text for a terminal.
    Text,
}

/// Starts logging for the process. `directives` choose what is logged, e.g.
/// `info` or `warn,tickwire_service=debug`; an empty text means `info`. Lines of
/// target [`AUDIT`] are logged always, unless a directive names it. Panics are
/// lines from then on.
///
/// # Errors
/// Malformed directives; logging that was started before.
pub fn init(format: Format, directives: &str) -> Result<(), LoggingError> {
    let directives = if directives.trim().is_empty() {
        "info"
    } else {
        directives
    };
    // By target and level alone: no regular expressions are linked for it.
    let filter = format!("{AUDIT}=info,{directives}");
    let filter: Targets =
        filter.parse().map_err(
            |e: tracing_subscriber::filter::ParseError| LoggingError::Directives {
                directives: redact(directives).into_owned(),
                why: redact(&e.to_string()).into_owned(),
            },
        )?;
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(Lines);
    match format {
        Format::Json => builder
            .fmt_fields(JsonFields::new())
            .event_format(line::JsonLine)
            .finish()
            .with(filter)
            .try_init(),
        Format::Text => {
            let builder = builder.with_target(false).fmt_fields(line::text_fields());
            // Colours only for eyes; on a terminal NO_COLOR decides, as it does by itself.
            if io::stderr().is_terminal() {
                builder.finish().with(filter).try_init()
            } else {
                builder.with_ansi(false).finish().with(filter).try_init()
            }
        }
    }
    .map_err(|_| LoggingError::Started)?;
    std::panic::set_hook(Box::new(move |panic| report(format, panic)));
    Ok(())
}

/// Where lines go beside standard error.
static KEPT: Mutex<Option<Box<dyn Write + Send>>> = Mutex::new(None);

/// Keeps all further lines of the process in `log` too, in place of what was given before.
pub fn keep_in(log: impl Write + Send + 'static) {
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(log));
}

/// Shows an error to whoever runs a command, redacted, on standard error.
pub fn complain(error: impl Display) {
    let text = error.to_string();
    let _ = writeln!(io::stderr(), "{}", redact(&text));
}

/// The one writer of lines.
#[derive(Clone, Copy, Debug)]
struct Lines;

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

impl Write for Lines {
    /// Takes whole lines: an event is written at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = redact_bytes(line);
        if let Some(log) = &mut *KEPT.lock().unwrap_or_else(PoisonError::into_inner) {
            // A disk that is full must not end what works.
            let _ = log.write_all(&shown).and_then(|()| log.flush());
        }
        io::stderr().write_all(&shown)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A panic as a line. It goes by no subscriber: it may have begun in one.
fn report(format: Format, panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no text");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let line = match format {
        Format::Json => line::json_of_panic(message, &place),
        Format::Text => format!("ERROR panicked at {place}: {message}"),
    };
    let _ = Lines.write(format!("{line}\n").as_bytes());
}

/// Variable that chooses what a function logs, as the directives of [`init`].
pub const LOG: &str = "TICKWIRE_LOG";

/// Runs the `main` of a function: starts logging, and says in one line what ended it.
pub async fn run<E: Display>(main: impl Future<Output = Result<(), E>>) -> ExitCode {
    let directives = std::env::var(LOG).unwrap_or_default();
    if let Err(error) = init(Format::Json, &directives) {
        complain(format!("{LOG}: {error}"));
        return ExitCode::FAILURE;
    }
    match main.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Why logging could not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoggingError {
    /// The directives do not parse.
    #[error("log filter {directives:?} is malformed ({why}): write for example warn,tickwire_service=debug")]
    Directives {
        /// As given.
        directives: String,
        /// What the parser said.
        why: String,
    },
    /// A second start.
    #[error("logging was started twice in one process")]
    Started,
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// One test, as logging is started once in a process.
    #[test]
    fn all_lines_are_redacted_and_fields_are_on_a_list() {
        let malformed = init(Format::Text, "password=hunter2=x");
        let Err(LoggingError::Directives { directives, .. }) = malformed else {
            panic!("{malformed:?}");
        };
        assert_eq!(directives, "password=[redacted]");
        assert_eq!(init(Format::Json, ""), Ok(()));
        assert_eq!(init(Format::Text, "info"), Err(LoggingError::Started));

        let kept = Kept::default();
        keep_in(kept.clone());
        let span = tracing::info_span!("request", id = "r1", pin = "4711", route = "/v1/x?token=abcdef12");
        span.in_scope(|| {
            tracing::warn!(
                group = "live/X",
                messages = 3_u64,
                pin = "4711",
                error = %io::Error::other("api_key: \"k7Jq9sPz\" refused"),
                "bearer of {}", "Bearer k7Jq9sPz2LmX",
            );
        });
        tracing::debug!("not at this level");
        let ended = std::panic::catch_unwind(|| panic!("password={}", "hunter2"));
        assert!(ended.is_err());
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        for secret in ["k7Jq9sPz", "hunter2", "4711", "abcdef12"] {
            assert!(!text.contains(secret), "{text}");
        }
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["message"], "bearer of Bearer [redacted]");
        assert_eq!(lines[0]["error"], "api_key: \"[redacted]\" refused");
        assert_eq!(
            (lines[0]["messages"].as_u64(), lines[0]["group"].as_str()),
            (Some(3), Some("live/X"))
        );
        assert_eq!(lines[0]["pin"], "[unlisted]");
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["target"], "tickwire_telemetry::logging::tests");
        assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(
            lines[0]["span"],
            serde_json::json!({"name": "request", "id": "r1", "pin": "[unlisted]", "route": "/v1/x?token=[redacted]"})
        );
        assert_eq!(lines[1]["message"], "panicked: password=[redacted]");
        assert!(lines[1]["location"].as_str().unwrap().contains("logging.rs:"));
    }
}
