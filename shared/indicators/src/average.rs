//! Averages.

pub(crate) mod ema;
pub(crate) mod sma;

pub use ema::Ema;
pub use sma::Sma;
