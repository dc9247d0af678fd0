//! Recursive averages: exponential, and Wilder's.

use crate::{StateError, StateReader, StateWriter};

/// Weight that the seed of a recursive average may still have once it counts as
/// settled.
pub const SETTLE_RESIDUE: f64 = 1e-9;

/// Most bars that a recursive average is given to settle.
pub const SETTLE_BARS_MAX: usize = 10_000;

/// `value += weight × (input - value)`, seeded by the mean of the first `period`
/// inputs. This form keeps a flat input flat, to the bit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Smoothing {
    period: u32,
    weight: f64,
    seen: u32,
    value: f64,
}

impl Smoothing {
    /// The exponential average's weight, 2 / (period + 1).
    pub(crate) fn exponential(period: u32) -> Self {
        Self {
            period,
            weight: 2.0 / (f64::from(period) + 1.0),
            seen: 0,
            value: 0.0,
        }
    }

    /// Wilder's weight, 1 / period.
    pub(crate) fn wilder(period: u32) -> Self {
        Self {
            period,
            weight: 1.0 / f64::from(period),
            seen: 0,
            value: 0.0,
        }
    }

    pub(crate) fn period(&self) -> u32 {
        self.period
    }

    /// Inputs taken, counted up to the period.
    pub(crate) fn seen(&self) -> u32 {
        self.seen
    }

    pub(crate) fn next(&mut self, input: f64) -> Option<f64> {
        if self.seen == self.period {
            // Spelled out for a period of 1, where value + (input - value) rounds.
            self.value = if self.period == 1 {
                input
            } else {
                self.value + self.weight * (input - self.value)
            };
            return Some(self.value);
        }
        self.seen += 1;
        self.value += (input - self.value) / f64::from(self.seen);
        (self.seen == self.period).then_some(self.value)
    }

    pub(crate) fn write(&self, into: &mut StateWriter<'_>) {
        into.count(self.seen);
        into.number(self.value);
    }

    pub(crate) fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.seen = from.count(self.period)?;
        self.value = from.number()?;
        Ok(())
    }

    /// Bars until the seed's weight is [`SETTLE_RESIDUE`], at most [`SETTLE_BARS_MAX`].
    pub(crate) fn settle(&self) -> usize {
        let bars = SETTLE_RESIDUE.ln() / (-self.weight).ln_1p();
        // At a period of 1 the logarithm is -infinity, and the quotient 0.
        (bars.ceil() as usize).min(SETTLE_BARS_MAX)
    }
}
