//! A bar: first, highest, lowest and last price of a stretch of time.

use serde::{Deserialize, Serialize};

use crate::UnixNanos;

/// Prices of `[start, end)`, aligned to the session.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// First nanosecond that belongs to the bar.
    pub start: UnixNanos,
    /// First nanosecond after it.
    pub end: UnixNanos,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Quantity traded inside the bar (a difference of cumulative volumes, or
    /// a sum of sizes); absent when no tick told.
    pub volume: Option<f64>,
    /// Open interest at the bar's last tick that told.
    pub open_interest: Option<f64>,
    /// Ticks in the bar.
    pub ticks: u32,
}
