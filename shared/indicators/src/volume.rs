//! Volume.

pub(crate) mod vwap;

pub use vwap::{SESSION_BARS_MAX, Vwap, VwapSession};
