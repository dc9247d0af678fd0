//! What indicators are made of.

pub(crate) use crate::kernel::{Kernel, Parameters};
pub(crate) use crate::lane::{Lane, OrAbsent};
pub(crate) use crate::parts::*;
pub(crate) use crate::registry::{AMORTISED, Builder, kernel};
pub(crate) use crate::sample::*;
pub(crate) use crate::smoothing::{
    SETTLE_BARS_MAX, Smoothing, settle_exponential, settle_exponential_first, settle_wilder,
    settle_wilder_first,
};
pub(crate) use crate::state::state;
pub(crate) use crate::window::{
    Highest, Lag, Linear, Lowest, Previous, Recent, Squares, Sum, common_multiple,
};
pub(crate) use crate::{Definition, Parameter};

/// Warm-up of a window over the first parameter: all but its last bar.
pub(crate) fn window_first(parameters: &[f64]) -> usize {
    parameters.length(0) - 1
}

/// Warm-up of a window of changes over the first parameter.
pub(crate) fn change_first(parameters: &[f64]) -> usize {
    parameters.length(0)
}
