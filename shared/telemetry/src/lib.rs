//! Logs and metrics.

pub mod export;
pub mod logging;
pub mod metrics;

pub use metrics::{Meter, MeterSnapshot};
