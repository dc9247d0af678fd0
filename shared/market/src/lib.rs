//! The nouns of Tickwire: instrument, tick, bar, timeframe, session, time.
//!
//! This crate does no input or output, reads no clock, and knows nothing of
//! AWS. Unknown is an absence (`Option`), never 0.

mod bar;
mod error;
mod instrument;
mod session;
mod text;
mod tick;
mod time;
mod timeframe;
mod volume;

pub use bar::{Bar, Forming};
pub use error::{BarRefusal, InstrumentKeyError, SessionError, TickRefusal, TimeError, TimeframeError};
pub use instrument::{InstrumentKey, Product, Right};
pub use session::{Calendar, Session};
pub use tick::{Depth, Quality, Quote, Tick};
pub use time::UnixNanos;
pub use timeframe::Timeframe;
pub use volume::TradedVolume;
