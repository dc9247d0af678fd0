//! Who may read what: tiers, grants, decisions.
//!
//! Pure: no input or output, no clock. What nothing allows is denied.

mod decide;
mod grant;
mod identity;
mod tier;
pub mod watermark;

pub use decide::{
    Decision, Denial, DenialCode, GREEKS, TIER_OF_GREEKS, TIER_OF_MARKETPLACE, TIER_OF_PERSONAL, decide,
};
pub use grant::{Grant, GrantsRead};
pub use identity::{Identity, is_user_name, user_bytes_max};
pub use tier::{Limits, Tier, UnknownTier};
