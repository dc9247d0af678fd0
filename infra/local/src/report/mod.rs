//! The figures of a run, and how they and the live signals are shown.

mod latency;
mod live_table;
mod prices;
mod run;
mod text;
mod utc_text;

pub use latency::{Latency, LatencyRecorder};
pub(crate) use live_table::value_text;
pub use live_table::{LiveTable, Look};
pub use prices::{Cost, CostLine, PriceTable, US_EAST_1};
pub use run::{
    Delivery, LambdaUse, Memory, PostUsage, QueueUsage, RUN_REPORT_VERSION, RunReport, StoreUsage, Ticks,
    Usage,
};
pub use text::{bytes_text, decimals, pairs, thousands};
pub(crate) use utc_text::UtcText;
