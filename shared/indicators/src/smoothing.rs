//! Recursive averages: exponential, and Wilder's.

use crate::lane::Lane;
use crate::state::{State, StateReader, StateWriter, Warm, state};
use crate::{Parameters, StateError};

/// Weight that the seed of a recursive average may still have once it counts as
/// settled.
pub const SETTLE_RESIDUE: f64 = 1e-9;

/// Most bars that a recursive average is given to settle.
pub const SETTLE_BARS_MAX: usize = 10_000;

/// Counts the first bars, which make a seed.
#[derive(Clone)]
pub(crate) struct Seed {
    bars: u32,
    seen: u32,
}

impl Seed {
    pub(crate) fn of(bars: u32) -> Self {
        Self { bars, seen: 0 }
    }

    /// Another bar; how many they are.
    #[inline(always)]
    pub(crate) fn add(&mut self) -> u32 {
        self.seen += 1;
        self.seen
    }
}

impl Warm for Seed {
    /// Whether they are all there.
    #[inline(always)]
    fn is_warm(&self) -> bool {
        self.seen == self.bars
    }
}

impl State for Seed {
    fn write(&self, into: &mut StateWriter<'_>) {
        into.count(self.seen);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.seen = from.count(self.bars)?;
        Ok(())
    }

    fn bytes_max(&self) -> usize {
        4
    }
}

state! {
    /// `value = (1 - weight) × value + weight × input`, seeded by the mean of the first
    /// `seed` inputs. One rounded step from bar to bar, and as the two weights add up to
    /// exactly 1, a flat input stays flat.
    Smoothing<L> { keep: f64, weight: f64; seed: Seed, value: L }
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
            seed: Seed::of(seed as u32),
            keep: 1.0 - weight,
            weight,
            value: L::zero(),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, input: L) -> Option<L> {
        if self.seed.is_warm() {
            self.value = self.value.mul_add(self.keep, input.scale(self.weight));
            return Some(self.value);
        }
        let seen = self.seed.add();
        self.value = self.value + (input - self.value).scale(1.0 / f64::from(seen));
        self.seed.is_warm().then_some(self.value)
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
