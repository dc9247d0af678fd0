//! The commands.

pub mod access;
pub mod backfill;
pub mod client_args;
pub mod compute;
pub mod cost;
pub mod dead_letters;
pub mod explain;
pub mod explain_view;
pub mod feed_args;
pub mod indicators;
pub mod load;
pub mod options;
pub mod products;
pub mod replay;
pub mod send;
pub mod token;
pub mod trace;
pub mod up;
pub mod verify;
mod view;
pub mod watch;

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

/// What a terminal shows of work whose end is not known; nothing where there is none.
fn spinner() -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// Cancels `stop` at the first Ctrl-C or SIGTERM; a second one ends the process at once.
/// From its return on, no signal ends the process half-way.
pub(crate) fn stop_on_signal(stop: CancellationToken) {
    let mut signals = Signals::listen();
    tokio::spawn(async move {
        signals.next().await;
        stop.cancel();
        signals.next().await;
        std::process::exit(130);
    });
}

/// Lets this process open as many files, and so connections, as the system grants it.
pub(crate) fn allow_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let all = Rlimit {
            current: limit.maximum,
            ..limit
        };
        if let Err(error) = setrlimit(Resource::Nofile, all) {
            tracing::warn!(%error, "failed to raise the number of open files");
        }
    }
}

#[cfg(unix)]
struct Signals([Option<tokio::signal::unix::Signal>; 2]);

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self([SignalKind::interrupt(), SignalKind::terminate()].map(|kind| {
            signal(kind)
                .inspect_err(|error| tracing::warn!(%error, "failed to listen for signals"))
                .ok()
        }))
    }

    async fn next(&mut self) {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        let Self([interrupt, terminate]) = self;
        tokio::select! {
            () = one(interrupt) => {}
            () = one(terminate) => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) {
        drop(tokio::signal::ctrl_c().await);
    }
}
