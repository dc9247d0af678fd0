//! Technical indicators: one definition for stream, batch and state.
//!
//! Two layers over one step function:
//! - typed: a struct an indicator ([`Sma`], [`Rsi`], …) behind the trait [`Indicator`];
//! - dynamic: [`Running`], built by name from the [`registry`].
//!
//! A value is there or absent (`None`): never NaN, never infinite, never a 0 that
//! stands for "not yet". Input that is not finite or contradicts itself is refused:
//! it yields nothing and leaves the state as it was.
//!
//! ```
//! use tickwire_indicators::{Indicator, Rsi, find};
//!
//! let mut typed = Rsi::new(2)?;
//! assert_eq!(typed.next(10.0), None);
//! assert_eq!(typed.next(11.0), None);
//! assert_eq!(typed.next(10.0), Some(50.0));
//! assert_eq!(typed.peek(11.0), Some(75.0)); // a forming bar commits nothing
//! assert_eq!(typed.next(11.0), Some(75.0));
//!
//! let rsi = find("rsi").ok_or("no such indicator")?;
//! let mut running = rsi.build(&[2.0])?;
//! let mut output = [None];
//! for close in [10.0, 11.0, 10.0] {
//!     running.next(&[close], &mut output);
//! }
//! assert_eq!(output, [Some(50.0)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod average;
mod error;
mod indicator;
mod momentum;
mod registry;
mod sample;
mod smoothing;
mod state;
mod volatility;
mod volume;
mod window;

pub use average::{Ema, Sma};
pub use error::{BatchError, ParameterError, StateError};
pub use indicator::{Indicator, Row, Running};
pub use momentum::{Macd, MacdValue, Rsi};
pub use registry::{Definition, Parameter, ParameterKind, find, registry};
pub use sample::{HighLowClose, HighLowCloseVolume, Input, MAGNITUDE_MAX, Sample, Series, SessionBar};
pub use smoothing::{SETTLE_BARS_MAX, SETTLE_RESIDUE};
pub use state::{STATE_BYTES_FIXED_MAX, StateReader, StateWriter};
pub use volatility::{Atr, Bands, Bbands};
pub use volume::{SESSION_BARS_MAX, Vwap, VwapSession};

/// Longest window of an indicator, in bars.
pub const PERIOD_BARS_MAX: u32 = 10_000;
