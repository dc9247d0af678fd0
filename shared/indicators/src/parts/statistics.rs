//! Moments, and values in order.

use crate::StateError;
use crate::lane::Lane;
use crate::state::{State, StateReader, StateWriter, Warm, state};
use crate::window::{Lag, Recent, Squares};

/// ln(a / b); no value unless both are positive.
#[inline(always)]
pub(crate) fn log_ratio(a: f64, b: f64) -> f64 {
    if a > 0.0 && b > 0.0 {
        (a / b).ln()
    } else {
        f64::NAN
    }
}

state! {
    /// Sums of the second, third and fourth powers of deviations from the mean.
    Moments<L> { count: f64; window: Recent<L> }
}

impl<L: Lane> Moments<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            count: f64::from(period),
            window: Recent::new(period),
        }
    }

    /// How many values, and the sums.
    #[inline(always)]
    pub(crate) fn next(&mut self, x: L) -> (f64, Option<[L; 3]>) {
        let share = 1.0 / self.count;
        let moments = self.window.push(x).map(|window| {
            let first = window.newest();
            let sum = window.iter().fold(L::zero(), |sum, value| sum + (value - first));
            let mean = first + sum.scale(share);
            window.iter().fold([L::zero(); 3], |[m2, m3, m4], value| {
                let deviation = value - mean;
                let square = deviation * deviation;
                [m2 + square, m3 + square * deviation, m4 + square * square]
            })
        });
        (self.count, moments)
    }
}

/// The last values, in order of arrival and sorted.
#[derive(Clone)]
pub(crate) struct Sorted {
    oldest: Lag<f64>,
    sorted: Vec<f64>,
}

impl Sorted {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            oldest: Lag::new(period),
            sorted: Vec::with_capacity(period as usize + 1),
        }
    }

    pub(crate) fn push(&mut self, value: f64) -> Option<&Self> {
        if let Some(old) = self.oldest.push(value) {
            let at = self.below(old);
            self.sorted.remove(at.min(self.sorted.len() - 1));
        }
        let at = self.below(value);
        self.sorted.insert(at, value);
        (self.sorted.len() == self.oldest.period() as usize).then_some(self)
    }

    /// How many are less than `value`.
    pub(crate) fn below(&self, value: f64) -> usize {
        self.sorted.partition_point(|known| *known < value)
    }

    /// At `q` from 0 to 1, linearly between neighbours.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let last = self.sorted.len() - 1;
        let place = q * last as f64;
        let at = (place as usize).min(last);
        let (low, high) = (self.sorted[at], self.sorted[(at + 1).min(last)]);
        low + (high - low) * (place - at as f64)
    }
}

impl Warm for Sorted {}

impl State for Sorted {
    fn write(&self, into: &mut StateWriter<'_>) {
        self.oldest.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.oldest.read(from)?;
        self.sorted = self.oldest.held().collect();
        self.sorted.sort_by(f64::total_cmp);
        Ok(())
    }

    fn bytes_max(&self) -> usize {
        self.oldest.bytes_max()
    }
}

state! {
    /// Mean, and a number of standard deviations.
    Spread<L> { share: f64, deviations: f64; window: Squares<L> }
}

impl<L: Lane> Spread<L> {
    /// `ddof` is 0 for the deviation of a population, 1 for that of a sample.
    pub(crate) fn new(period: u32, ddof: f64, deviations: f64) -> Self {
        Self {
            share: 1.0 / (f64::from(period) - ddof),
            deviations,
            window: Squares::new(period),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, x: L) -> Option<(L, L)> {
        let window = self.window.push(x)?;
        let deviation = window.deviations().scale(self.share).sqrt();
        Some((window.mean(), deviation.scale(self.deviations)))
    }
}
