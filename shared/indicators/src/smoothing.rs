//! Recursive averages: exponential, and Wilder's.

use crate::lane::Lane;
use crate::state::{State, StateReader, StateWriter};
use crate::{Parameters, StateError};

/// Weight that the seed of a recursive average may still have once it counts as
/// settled.
pub const SETTLE_RESIDUE: f64 = 1e-9;

/// Most bars that a recursive average is given to settle.
pub const SETTLE_BARS_MAX: usize = 10_000;

/// `value = (1 - weight) × value + weight × input`, seeded by the mean of the first
/// `seed` inputs. One rounded step from bar to bar, and as the two weights add up to
/// exactly 1, a flat input stays flat.
#[derive(Clone)]
pub(crate) struct Smoothing<L> {
    seed: u32,
    keep: f64,
    weight: f64,
    seen: u32,
    value: L,
}

impl<L: Lane> Smoothing<L> {
    /// The exponential average's weight, 2 / (period + 1).
    pub(crate) fn exponential(period: u32) -> Self {
        let period = f64::from(period);
        Self::new(period, (period - 1.0) / (period + 1.0))
    }

    /// Wilder's weight, 1 / period.
    pub(crate) fn wilder(period: u32) -> Self {
        let period = f64::from(period);
        Self::new(period, (period - 1.0) / period)
    }

    /// The exponential average that takes its first input as it is.
    pub(crate) fn unseeded(period: u32) -> Self {
        let period = f64::from(period);
        Self::new(1.0, (period - 1.0) / (period + 1.0))
    }

    /// Any weight: 1 - `keep`, seeded by the mean of `seed` inputs.
    pub(crate) fn new(seed: f64, keep: f64) -> Self {
        let weight = 1.0 - keep;
        Self {
            seed: seed as u32,
            keep: 1.0 - weight,
            weight,
            seen: 0,
            value: L::zero(),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, input: L) -> Option<L> {
        if self.seen == self.seed {
            self.value = self.value.mul_add(self.keep, input.scale(self.weight));
            return Some(self.value);
        }
        self.seen += 1;
        self.value = self.value + (input - self.value).scale(1.0 / f64::from(self.seen));
        (self.seen == self.seed).then_some(self.value)
    }
}

impl State for Smoothing<f64> {
    fn write(&self, into: &mut StateWriter<'_>) {
        into.count(self.seen);
        into.number(self.value);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.seen = from.count(self.seed)?;
        self.value = from.number()?;
        Ok(())
    }

    fn bytes_max(&self) -> usize {
        12
    }
}

/// Bars until the seed of an average of `weight` weighs [`SETTLE_RESIDUE`], at most
/// [`SETTLE_BARS_MAX`].
fn settle(weight: f64) -> usize {
    let bars = SETTLE_RESIDUE.ln() / (-weight).ln_1p();
    // At a weight of 1 the logarithm is -infinity, and the quotient 0.
    (bars.ceil() as usize).min(SETTLE_BARS_MAX)
}

/// Bars in which an exponential average of `period` forgets its seed.
pub(crate) fn settle_exponential(period: u32) -> usize {
    settle(2.0 / (f64::from(period) + 1.0))
}

/// Bars in which Wilder's average of `period` forgets its seed.
pub(crate) fn settle_wilder(period: u32) -> usize {
    settle(1.0 / f64::from(period))
}

/// [`settle_wilder`] of the first parameter.
pub(crate) fn settle_wilder_first(parameters: &[f64]) -> usize {
    settle_wilder(parameters.bars(0))
}

/// [`settle_exponential`] of the first parameter.
pub(crate) fn settle_exponential_first(parameters: &[f64]) -> usize {
    settle_exponential(parameters.bars(0))
}
