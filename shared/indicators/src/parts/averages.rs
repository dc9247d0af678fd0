//! Averages that a parameter chooses, and differences of averages.

use crate::lane::Lane;
use crate::smoothing::{Smoothing, settle_exponential};
use crate::state::{State, StateReader, StateWriter, Warm, state};
use crate::window::{Lag, Linear, Sum};
use crate::{Parameter, Parameters, StateError};

/// Lets pass what comes after the first inputs.
#[derive(Clone)]
pub(crate) struct Late {
    left: u32,
}

impl Warm for Late {
    #[inline(always)]
    fn is_warm(&self) -> bool {
        self.left == 0
    }
}

impl State for Late {
    fn write(&self, into: &mut StateWriter<'_>) {
        self.left.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.left.read(from)
    }

    fn bytes_max(&self) -> usize {
        self.left.bytes_max()
    }
}

impl Late {
    pub(crate) fn by(bars: u32) -> Self {
        Self { left: bars }
    }

    #[inline(always)]
    pub(crate) fn pass(&mut self) -> bool {
        if self.left == 0 {
            return true;
        }
        self.left -= 1;
        false
    }
}

/// Any of the averages that a parameter may choose.
#[derive(Clone)]
pub(crate) enum Average<L> {
    Simple(Sum<L>),
    Exponential(Smoothing<L>),
    Weighted(Linear<L>),
}

impl<L: Lane> Average<L> {
    /// By TA-Lib's number: 0 simple, 1 exponential, 2 weighted.
    pub(crate) fn new(number: u32, period: u32) -> Self {
        match number {
            0 => Self::Simple(Sum::new(period)),
            1 => Self::Exponential(Smoothing::exponential(period)),
            _ => Self::Weighted(Linear::new(period)),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, input: L) -> Option<L> {
        match self {
            Self::Simple(window) => window.push(input).map(|window| window.mean()),
            Self::Exponential(average) => average.next(input),
            Self::Weighted(window) => window.push(input).map(|window| window.weighted_mean()),
        }
    }
}

impl<L: Lane> Warm for Average<L> {
    #[inline(always)]
    fn is_warm(&self) -> bool {
        match self {
            Self::Simple(window) => window.is_warm(),
            Self::Exponential(average) => average.is_warm(),
            Self::Weighted(window) => window.is_warm(),
        }
    }
}

impl State for Average<f64> {
    fn write(&self, into: &mut StateWriter<'_>) {
        match self {
            Self::Simple(window) => window.write(into),
            Self::Exponential(average) => average.write(into),
            Self::Weighted(window) => window.write(into),
        }
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        match self {
            Self::Simple(window) => window.read(from),
            Self::Exponential(average) => average.read(from),
            Self::Weighted(window) => window.read(from),
        }
    }

    fn bytes_max(&self) -> usize {
        match self {
            Self::Simple(window) => window.bytes_max(),
            Self::Exponential(average) => average.bytes_max(),
            Self::Weighted(window) => window.bytes_max(),
        }
    }
}

state! {
    /// A fast exponential average less a slow one. The fast one begins late, so that
    /// both have their first value at the same bar: TA-Lib's way.
    Difference<L> { ; late: Late, fast: Smoothing<L>, slow: Smoothing<L> }
}

impl<L: Lane> Difference<L> {
    pub(crate) fn new(fast: u32, slow: u32) -> Self {
        Self {
            late: Late::by(slow.saturating_sub(fast)),
            fast: Smoothing::exponential(fast),
            slow: Smoothing::exponential(slow),
        }
    }

    /// Both averages.
    #[inline(always)]
    pub(crate) fn averages(&mut self, input: L) -> Option<(L, L)> {
        let fast = if self.late.pass() {
            self.fast.next(input)
        } else {
            None
        };
        let slow = self.slow.next(input);
        Some((fast?, slow?))
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, input: L) -> Option<L> {
        self.averages(input).map(|(fast, slow)| fast - slow)
    }
}

impl<L: Lane> Difference<L> {
    /// Both averages from the first input on.
    pub(crate) fn plain(fast: u32, slow: u32) -> Self {
        Self::of(0, Smoothing::exponential(fast), Smoothing::exponential(slow))
    }

    /// Of these averages, the fast one `late` bars late.
    pub(crate) fn of(late: u32, fast: Smoothing<L>, slow: Smoothing<L>) -> Self {
        Self {
            late: Late::by(late),
            fast,
            slow,
        }
    }
}

state! {
    /// A fast and a slow average of a kind that a parameter chooses.
    Averages<L> { ; fast: Average<L>, slow: Average<L> }
}

impl<L: Lane> Averages<L> {
    pub(crate) fn new(fast: u32, slow: u32, number: u32) -> Self {
        Self {
            fast: Average::new(number, fast),
            slow: Average::new(number, slow),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, input: L) -> Option<(L, L)> {
        let fast = self.fast.next(input);
        let slow = self.slow.next(input);
        fast.zip(slow)
    }
}

state! {
    /// The average weighted 1 2 2 1.
    Symmetric<L> { window: Lag<L> }
}

impl<L: Lane> Symmetric<L> {
    pub(crate) fn new() -> Self {
        Self { window: Lag::new(3) }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, x: L) -> Option<L> {
        let middle = {
            let mut older = self.window.iter();
            older.next();
            older.next().zip(older.next())
        };
        let oldest = self.window.push(x)?;
        let (second, third) = middle?;
        Some((oldest + (second + third).scale(2.0) + x).scale(1.0 / 6.0))
    }
}

impl<L: Lane> Averages<L> {
    /// The fast average less the slow one, in percent of the slow one; 0 where that is 0.
    #[inline(always)]
    pub(crate) fn percentage(&mut self, input: L) -> Option<L> {
        let (fast, slow) = self.next(input)?;
        Some((fast - slow).over(slow).scale(100.0))
    }
}

/// Parameters of an oscillator of two averages, and its warm-up and memory.
pub(crate) const FAST_SLOW: &[Parameter] = &[
    Parameter::bars("fast", 1, 12),
    Parameter::bars("slow", 2, 26),
    Parameter::choice("average", 2, 1),
];

/// Warm-up of [`FAST_SLOW`].
pub(crate) fn slow_warm_up(parameters: &[f64]) -> usize {
    parameters.length(1) - 1
}

/// Memory of [`FAST_SLOW`].
pub(crate) fn settle_slow(parameters: &[f64]) -> usize {
    settle_exponential(parameters.bars(1))
}
