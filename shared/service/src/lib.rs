//! The use cases, over narrow ports.

pub mod authenticate;
pub mod entitle;
pub mod ports;
pub mod group;
pub mod ingest_ticks;
pub mod load_group;
mod checkpoint;
mod history;
mod settle;
pub mod explain_signal;
pub mod run_job;
pub mod deliver_signals;
pub mod log_reader;
pub mod manage_subscription;
pub mod open_connection;
pub mod placement;
pub mod plans;
pub mod query_history;
pub mod queue_message;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "testing")]
pub mod testing_sockets;
