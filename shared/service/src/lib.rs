//! The use cases, over narrow ports.

pub mod access;
pub mod audit;
pub mod authenticate;
pub mod backfill;
mod checkpoint;
mod compact_bars;
pub mod contract_end;
pub mod cursor;
pub mod deliver_signals;
pub mod entitle;
pub mod expire_log;
pub mod explain_signal;
mod few;
pub mod gaps;
pub mod group;
mod history;
pub mod ingest_ticks;
pub mod limit_use;
pub mod load_group;
pub mod log_reader;
pub mod manage_access;
pub mod manage_dead_letters;
pub mod manage_grants;
pub mod manage_products;
pub mod manage_subscription;
mod moment;
pub mod open_connection;
pub mod placement;
pub mod plans;
pub mod ports;
pub mod query_history;
pub mod query_instruments;
pub mod queue_message;
pub mod replay_log;
pub mod rotate_key;
pub mod run_job;
mod settle;
mod single_flight;
mod stored_bars;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "testing")]
pub mod testing_sockets;
pub mod trace_leak;
pub mod watermark;
