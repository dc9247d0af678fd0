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
