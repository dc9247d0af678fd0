//! Technical indicators: one definition for stream, forming bar, batch, and many
//! instruments side by side.
//!
//! An indicator is built by name from the [`registry`]: [`Definition::build`] gives a
//! [`Running`] one, which takes bars one by one or many at once and whose state can be
//! stored; [`Definition::many`] computes many instruments with SIMD instructions. All
//! forms come of one step function and agree to the bit.
//!
//! A value is there or absent: never infinite, never a 0 that stands for "not yet". In
//! a row an absence is `None`, in a column of numbers it is NaN. Input that is not
//! finite or contradicts itself is refused: it yields nothing and leaves the state as
//! it was.
//!
//! ```
//! use tickwire_indicators::find;
//!
//! let rsi = find("rsi").ok_or("no such indicator")?;
//! let mut running = rsi.build(&[2.0])?;
//! let mut output = [None];
//! for close in [10.0, 11.0, 10.0] {
//!     running.next(&[close], &mut output);
//! }
//! assert_eq!(output, [Some(50.0)]);
//! running.peek(&[11.0], &mut output); // a forming bar commits nothing
//! assert_eq!(output, [Some(75.0)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aside;
mod candles;
mod catalogue;
mod column;
mod error;
mod hilbert;
mod kernel;
mod lane;
mod many;
mod parts;
mod prelude;
mod registry;
mod sample;
mod smoothing;
mod state;
mod structure;
mod window;

pub use error::{BatchError, ComputeError, ParameterError, StateError};
pub(crate) use kernel::Parameters;
pub use kernel::Running;
pub use lane::LANES;
pub use many::ManyError;
pub use registry::{Definition, Parameter, ParameterKind, compute, find, registry};
pub use sample::{Input, MAGNITUDE_MAX, Series};
pub use smoothing::{SETTLE_BARS_MAX, SETTLE_RESIDUE};
pub use state::STATE_BYTES_FIXED_MAX;

/// Longest window of an indicator, in bars.
pub const PERIOD_BARS_MAX: u32 = 10_000;
/// Most bars of a session: minutes of a day. What is fed to seed an anchored form.
pub const SESSION_BARS_MAX: usize = 1_440;
