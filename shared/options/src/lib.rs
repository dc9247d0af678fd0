//! European options: prices, Greeks, implied volatility, chains.
//!
//! This crate does no input or output, reads no clock, and calls no function
//! of the platform: the same input gives the same bits on every machine, one
//! contract at a time or a chain at once. Unknown is never 0: a value is there
//! or absent with its reason; in columns, absent is NaN.
//!
//! ```
//! use tickwire_market::Right;
//! use tickwire_options::{Expiry, Greek, Lanes};
//!
//! let lanes = Lanes::detect();
//! let expiry = Expiry::without_dividends(49.0, 0.05, 0.3846).unwrap();
//! let greeks = expiry.greeks(lanes, 50.0, Right::Call, 0.2);
//! let price = greeks.get(Greek::Price).unwrap();
//! assert!((price - 2.400461).abs() < 1e-6);
//! let sigma = expiry.implied_volatility(lanes, 50.0, Right::Call, price).unwrap();
//! assert!((sigma - 0.2).abs() < 1e-15);
//! ```

mod analytics;
mod basis;
mod chain;
mod columns;
mod contracts;
mod curve;
mod double;
mod expiry;
mod figures;
#[doc(hidden)]
pub mod floor;
mod forward;
mod functions;
mod greeks;
mod implied_volatility;
mod lanes;
mod smile;
mod time;
mod window;

pub use analytics::{Analytics, Arbitrage, Bound, Bucket, Severity, premium};
pub use basis::{Basis, Carry, Conditions};
pub use chain::{
    Chain, ChainError, Exercise, Place, PriceSource, Quote, Settings, Slice, Underlying, Valued,
    contracts_max,
};
pub use columns::{AllGreeks, FirstGreeks, GreekColumns, PairColumns};
pub use contracts::{ContractColumns, Contracts, StrikeError};
pub use curve::{Curve, CurveError, curve_points_max};
pub use expiry::{Expiry, ExpiryError, Model};
pub use figures::{BUCKET_VALUES, Figure, Moneyness};
pub use forward::{Forward, ParityPoint, WINDOW, fit_forward};
pub use greeks::{Greek, Greeks};
pub use implied_volatility::{ImpliedColumns, Unsolved};
pub use lanes::Lanes;
pub use smile::Smile;
pub use time::{ExpiryDay, ExpiryDayError, expiry_close, years_to};
pub use window::{OptionWindow, WindowChange, WindowSettings};
