//! Volatility.

pub(crate) mod atr;
pub(crate) mod bbands;

pub use atr::Atr;
pub use bbands::{Bands, Bbands};
