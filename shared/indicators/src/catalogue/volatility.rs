//! Volatility.

pub(crate) mod atr;
pub(crate) mod bandwidth;
pub(crate) mod ce;
pub(crate) mod chop;
pub(crate) mod cksp;
pub(crate) mod garman_klass;
pub(crate) mod hvol;
pub(crate) mod massi;
pub(crate) mod natr;
pub(crate) mod parkinson;
pub(crate) mod percent_b;
pub(crate) mod rvi;
pub(crate) mod trange;
pub(crate) mod ui;
pub(crate) mod yang_zhang;
