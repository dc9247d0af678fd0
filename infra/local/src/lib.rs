//! Tickwire whole on one machine: the embedded host, its feeds and its commands.

pub mod cli;
pub mod client;
pub mod commands;
pub mod faults;
pub mod feed;
pub mod host;
pub mod log_file;
pub mod play;
pub mod push;
pub mod queue;
pub mod report;
pub mod run;
pub mod secrets;
pub mod sender;
pub mod signal_list;
pub mod store;

use tickwire_service::ports::Clock;

/// Now, to the microsecond: finer stamps tell nothing more and take more room in the log.
pub fn now() -> tickwire_market::UnixNanos {
    let now = tickwire_aws::SystemClock.now();
    tickwire_market::UnixNanos(now.0 - now.0.rem_euclid(1_000))
}
