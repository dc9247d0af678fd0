//! Logs: one line an event, to standard error.

use std::fmt::Display;
use std::future::Future;
use std::io::IsTerminal;
use std::process::ExitCode;

use tickwire_service::audit::AUDIT;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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
/// target [`AUDIT`] are logged always, unless a directive names it.
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
                directives: directives.to_owned(),
                why: e.to_string(),
            },
        )?;
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(std::io::stderr);
    match format {
        Format::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .finish()
            .with(filter)
            .try_init(),
        Format::Text => {
            let builder = builder.with_target(false);
            // Colours only for eyes; on a terminal NO_COLOR decides, as it does by itself.
            if std::io::stderr().is_terminal() {
                builder.finish().with(filter).try_init()
            } else {
                builder.with_ansi(false).finish().with(filter).try_init()
            }
        }
    }
    .map_err(|_| LoggingError::Started)
}

/// Variable that chooses what a function logs, as the directives of [`init`].
pub const LOG: &str = "TICKWIRE_LOG";

/// Runs the `main` of a function: starts logging, and says in one line what ended it.
pub async fn run<E: Display>(main: impl Future<Output = Result<(), E>>) -> ExitCode {
    let directives = std::env::var(LOG).unwrap_or_default();
    if let Err(error) = init(Format::Json, &directives) {
        eprintln!("{LOG}: {error}");
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

    #[test]
    fn refuses_what_it_cannot_read_and_a_second_start() {
        assert!(matches!(
            init(Format::Text, "a=b=c"),
            Err(LoggingError::Directives { .. })
        ));
        assert_eq!(init(Format::Json, ""), Ok(()));
        assert_eq!(init(Format::Text, "info"), Err(LoggingError::Started));
    }
}
