//! x
mod double;
mod expiry;
mod functions;
mod greeks;
mod implied_volatility;
mod lanes;

pub use expiry::{Expiry, ExpiryError, Model};
pub use greeks::{AllGreeks, Contracts, FirstGreeks, Greek, GreekColumns, Greeks, sign};
pub use implied_volatility::{ImpliedColumns, Unsolved};
pub use lanes::Lanes;
