//! Who may read what: tiers, grants, decisions.
//!
//! Pure: no input or output, no clock.

mod tier;

pub use tier::{Limits, Tier, UnknownTier};
