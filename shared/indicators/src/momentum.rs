//! Momentum.

pub(crate) mod macd;
pub(crate) mod rsi;

pub use macd::{Macd, MacdValue};
pub use rsi::Rsi;
