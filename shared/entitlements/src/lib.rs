//! Who may read what: tiers, grants, decisions.
//!
//! Pure: no input or output, no clock. What nothing allows is denied.

mod decide;
mod grant;
mod identity;
mod product;
mod quota;
mod revocation;
mod tier;
pub mod watermark;

pub use decide::{
    Decision, Denial, DenialCode, GREEKS, TIER_OF_GREEKS, TIER_OF_MARKETPLACE, TIER_OF_PERSONAL, decide,
};
pub use grant::{Grant, GrantsRead};
pub use identity::{Identity, Proof, is_user_name, user_bytes_max};
pub use product::{
    PatternError, Policy, Product, ProductVersion, PublishError, StreamPattern, UnknownPolicy,
    pattern_bytes_max, patterns_per_product_max, patterns_per_version_max,
};
pub use quota::{Left, Usage, Window};
pub use revocation::{Ban, Banned, Revocation, Revocations, Revoked};
pub use tier::{Limits, Tier, UnknownTier};
