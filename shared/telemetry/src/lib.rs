//! Logs and metrics.

pub mod export;
pub mod logging;
pub mod metrics;
pub mod redact;

pub use metrics::{Meter, MeterSnapshot};
