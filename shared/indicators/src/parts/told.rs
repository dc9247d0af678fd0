//! Kernels that are a shared part and a formula on what it tells.

use std::marker::PhantomData;

use super::{Moments, Spread};
use crate::column::{Column, ColumnMut};
use crate::kernel::{Kernel, Parameters};
use crate::lane::{Lane, OrAbsent};
use crate::sample::CHOSEN;
use crate::state::{State, StateReader, StateWriter, Warm};
use crate::window::Lag;
use crate::{Input, StateError};

/// A part, and the formula `F` that is told of it.
pub(crate) struct Told<P, F> {
    pub(crate) part: P,
    formula: PhantomData<F>,
}

impl<P, F> Told<P, F> {
    pub(crate) fn of(part: P) -> Self {
        Self {
            part,
            formula: PhantomData,
        }
    }
}

impl<P: Clone, F> Clone for Told<P, F> {
    fn clone(&self) -> Self {
        Self::of(self.part.clone())
    }
}

impl<P: Warm, F> Warm for Told<P, F> {
    #[inline(always)]
    fn is_warm(&self) -> bool {
        self.part.is_warm()
    }
}

impl<P: State, F> State for Told<P, F> {
    fn write(&self, into: &mut StateWriter<'_>) {
        self.part.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.part.read(from)
    }

    fn bytes_max(&self) -> usize {
        self.part.bytes_max()
    }
}

/// A function of a value and the one as many bars before it as the first parameter says.
pub(crate) trait Change: Send + Sync + 'static {
    fn of<L: Lane>(value: L, old: L) -> L;
}

impl<L: Lane, F: Change> Kernel<L, 1, 1> for Told<Lag<L>, F> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self::of(Lag::new(parameters.bars(0)))
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.part.push(x).map(|old| F::of(x, old)).or_absent()]
    }

    #[inline(always)]
    fn columns(
        &mut self,
        [x]: [impl Column<L>; 1],
        [value]: &mut [impl ColumnMut<L>; 1],
        bars: usize,
    ) -> bool {
        self.part.push_column(x, value, bars, F::of);
        true
    }
}

/// A function of a value, the mean of the last ones, and their spread.
pub(crate) trait Deviation: Send + Sync + 'static {
    /// Less than the count is what the squares are divided by: 0 or 1.
    const DDOF: f64;

    fn of<L: Lane>(value: L, mean: L, spread: L) -> L;
}

/// Parameters: the period, and how many deviations (1 where it is not told).
impl<L: Lane, F: Deviation> Kernel<L, 1, 1> for Told<Spread<L>, F> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        let deviations = parameters.get(1).copied().unwrap_or(1.0);
        Self::of(Spread::new(parameters.bars(0), F::DDOF, deviations))
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .part
            .next(x)
            .map(|(mean, spread)| F::of(x, mean, spread))
            .or_absent()]
    }
}

/// A function of the count and of sums of the second, third and fourth powers of deviations
/// from the mean; absent where those are all 0.
pub(crate) trait Moment: Send + Sync + 'static {
    fn of(count: f64, powers: [f64; 3]) -> f64;
}

impl<L: Lane, F: Moment> Kernel<L, 1, 1> for Told<Moments<L>, F> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self::of(Moments::new(parameters.bars(0)))
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let (count, moments) = self.part.next(x);
        [moments
            .map(|[m2, m3, m4]| {
                m2.zip3(m3, m4, |m2, m3, m4| {
                    if m2 == 0.0 {
                        f64::NAN
                    } else {
                        F::of(count, [m2, m3, m4])
                    }
                })
            })
            .or_absent()]
    }
}
