//! Trend.

pub(crate) mod adx;
pub(crate) mod adxr;
pub(crate) mod aroon;
pub(crate) mod aroonosc;
pub(crate) mod dx;
pub(crate) mod ht_dcperiod;
pub(crate) mod ht_sine;
pub(crate) mod ht_trendmode;
pub(crate) mod linearreg_angle;
pub(crate) mod linearreg_intercept;
pub(crate) mod linearreg_slope;
pub(crate) mod minus_di;
pub(crate) mod minus_dm;
pub(crate) mod plus_di;
pub(crate) mod plus_dm;
pub(crate) mod qstick;
pub(crate) mod tsf;
pub(crate) mod vhf;
pub(crate) mod vortex;
