//! Market structure: what is said is said with the bar that confirms it, and stays.

pub(crate) mod bos;
pub(crate) mod choch;
pub(crate) mod fractal;
pub(crate) mod fvg;
pub(crate) mod order_block;
pub(crate) mod pivots;
pub(crate) mod pivots_camarilla;
pub(crate) mod pivots_fibonacci;
pub(crate) mod pivots_woodie;
pub(crate) mod swing;
pub(crate) mod volume_profile;
pub(crate) mod vwap_swing;
pub(crate) mod zigzag;
