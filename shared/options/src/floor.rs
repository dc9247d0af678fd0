//! The least that Greeks can cost, for the benchmark: one logarithm, one
//! exponential and two Mills' ratios an option.

use crate::functions::{exp, ln_ratio, mills};
use crate::lanes::{Lanes, Real, map_rows, on_lanes};

/// Computes those four functions of each row, and nothing that makes sense.
pub fn floor(lanes: Lanes, strikes: &[f64], sigmas: &[f64], sums: &mut [f64]) {
    on_lanes!(lanes, simd => map_rows(simd, [strikes, sigmas], [sums], [1.0; 2], #[inline(always)] |[strike, sigma]| {
        let x = ln_ratio(strike.like(24_000.0), strike.like(0.0), strike);
        [exp(-(x * x)) + mills(x.abs()) + mills(sigma)]
    }));
}
