//! Folds over the last `period` values, in O(1), accurate for ever.
//!
//! A running sum that adds the new value and subtracts the old one collects every
//! rounding error it ever made. Here nothing is subtracted: values are filled in
//! blocks of `period`; a window is a tail of the previous block, whose folds are
//! made when the block is full, and a head of the current one, which is added to.
//! The same holds for whatever can be joined: sums of powers, greatest, least.
//!
//! Sums are of values relative to an anchor, the last value of the previous block,
//! which every window contains: so a flat window is flat to the bit, and a variance
//! loses at most a factor `period` to cancellation.

use crate::StateError;
use crate::column::{Column, ColumnMut};
use crate::lane::{Lane, OrAbsent};
use crate::state::{State, StateReader, StateWriter, Warm};

/// What is known of a stretch of values, and joins with what is known of the next.
pub(crate) trait Fold<L>: Copy {
    /// Whether values are taken relative to the anchor.
    const ANCHORED: bool;

    /// Of no value at all.
    fn none() -> Self;

    /// With one more value at the end.
    fn append(self, value: L) -> Self;

    /// With one more value at the beginning.
    fn prepend(self, value: L) -> Self;

    /// With a whole stretch at the end.
    fn join(self, after: Self) -> Self;
}

/// Sums of the first `P` powers.
#[derive(Clone, Copy)]
pub(crate) struct Powers<L, const P: usize>([L; P]);

impl<L: Lane, const P: usize> Fold<L> for Powers<L, P> {
    const ANCHORED: bool = true;

    #[inline(always)]
    fn none() -> Self {
        Self([L::zero(); P])
    }

    #[inline(always)]
    fn append(mut self, value: L) -> Self {
        let mut power = value;
        for sum in &mut self.0 {
            *sum = *sum + power;
            power = power * value;
        }
        self
    }

    #[inline(always)]
    fn prepend(self, value: L) -> Self {
        self.append(value)
    }

    #[inline(always)]
    fn join(mut self, after: Self) -> Self {
        for (sum, after) in self.0.iter_mut().zip(after.0) {
            *sum = *sum + after;
        }
        self
    }
}

/// The sum, and the sum weighted 1, 2, 3 … from the oldest value.
#[derive(Clone, Copy)]
pub(crate) struct Weighted<L> {
    count: f64,
    sum: L,
    weighted: L,
}

impl<L: Lane> Fold<L> for Weighted<L> {
    const ANCHORED: bool = true;

    #[inline(always)]
    fn none() -> Self {
        Self {
            count: 0.0,
            sum: L::zero(),
            weighted: L::zero(),
        }
    }

    #[inline(always)]
    fn append(self, value: L) -> Self {
        Self {
            count: self.count + 1.0,
            sum: self.sum + value,
            weighted: self.weighted + value.scale(self.count + 1.0),
        }
    }

    #[inline(always)]
    fn prepend(self, value: L) -> Self {
        Self {
            count: self.count + 1.0,
            sum: self.sum + value,
            weighted: self.weighted + self.sum + value,
        }
    }

    #[inline(always)]
    fn join(self, after: Self) -> Self {
        Self {
            count: self.count + after.count,
            sum: self.sum + after.sum,
            weighted: self.weighted + (after.weighted + after.sum.scale(self.count)),
        }
    }
}

/// The greatest value.
#[derive(Clone, Copy)]
pub(crate) struct Greatest<L>(pub(crate) L);

/// The least value.
#[derive(Clone, Copy)]
pub(crate) struct Least<L>(pub(crate) L);

macro_rules! extreme {
    ($name:ident $function:ident $none:expr) => {
        impl<L: Lane> Fold<L> for $name<L> {
            const ANCHORED: bool = false;

            #[inline(always)]
            fn none() -> Self {
                Self(L::splat($none))
            }

            #[inline(always)]
            fn append(self, value: L) -> Self {
                Self(self.0.$function(value))
            }

            #[inline(always)]
            fn prepend(self, value: L) -> Self {
                Self(self.0.$function(value))
            }

            #[inline(always)]
            fn join(self, after: Self) -> Self {
                Self(self.0.$function(after.0))
            }
        }
    };
}

extreme!(Greatest max f64::NEG_INFINITY);
extreme!(Least min f64::INFINITY);

/// A place of a block.
#[derive(Clone, Copy)]
struct Cell<L, F> {
    /// Of the current block before `Window::at`, of the previous one from there on.
    value: L,
    /// Fold over what follows this place in the previous block.
    after: F,
}

/// The last `period` values, and a fold over them.
#[derive(Clone)]
pub(crate) struct Window<L, F> {
    /// All places of a block but the last.
    cells: Box<[Cell<L, F>]>,
    /// The value at the last place of the previous block: the anchor.
    last: L,
    head: F,
    period: f64,
    /// 1 / period.
    share: f64,
    at: usize,
    full: bool,
}

/// The sum over the last values.
pub(crate) type Sum<L> = Window<L, Powers<L, 1>>;
/// Sums of values and squares.
pub(crate) type Squares<L> = Window<L, Powers<L, 2>>;
/// The linearly weighted sum.
pub(crate) type Linear<L> = Window<L, Weighted<L>>;
/// The greatest of the last values.
pub(crate) type Highest<L> = Window<L, Greatest<L>>;
/// The least of the last values.
pub(crate) type Lowest<L> = Window<L, Least<L>>;

/// A fold over a full window, relative to `anchor`.
#[derive(Clone, Copy)]
pub(crate) struct Folded<L, F> {
    anchor: L,
    fold: F,
    count: f64,
    share: f64,
}

impl<L: Lane, F: Fold<L>> Window<L, F> {
    pub(crate) fn new(period: u32) -> Self {
        let period = period.max(1);
        let cell = Cell {
            value: L::zero(),
            after: F::none(),
        };
        Self {
            cells: vec![cell; period as usize - 1].into(),
            last: L::zero(),
            head: F::none(),
            period: f64::from(period),
            share: 1.0 / f64::from(period),
            at: 0,
            full: false,
        }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: L) -> Option<Folded<L, F>> {
        if let Some(cell) = self.cells.get_mut(self.at) {
            self.at += 1;
            cell.value = value;
            if !self.full {
                return None;
            }
            let after = cell.after;
            self.head = self.head.append(relative::<L, F>(value, self.last));
            return Some(self.folded(after.join(self.head)));
        }
        self.at = 0;
        self.full = true;
        self.last = value;
        self.head = F::none();
        let fold = self.fold_block(0);
        Some(self.folded(fold))
    }

    #[inline(always)]
    fn folded(&self, fold: F) -> Folded<L, F> {
        Folded {
            anchor: self.last,
            fold,
            count: self.period,
            share: self.share,
        }
    }

    /// Fold over the previous block from a place on, and over what follows each of them.
    #[inline(always)]
    fn fold_block(&mut self, from: usize) -> F {
        let anchor = self.last;
        let mut fold = F::none().prepend(relative::<L, F>(anchor, anchor));
        for cell in self.cells.iter_mut().skip(from).rev() {
            cell.after = fold;
            fold = fold.prepend(relative::<L, F>(cell.value, anchor));
        }
        fold
    }
}

#[inline(always)]
fn relative<L: Lane, F: Fold<L>>(value: L, anchor: L) -> L {
    if F::ANCHORED { value - anchor } else { value }
}

impl<L, F> Warm for Window<L, F> {
    #[inline(always)]
    fn is_warm(&self) -> bool {
        self.full
    }
}

impl<F: Fold<f64>> State for Window<f64, F> {
    fn write(&self, into: &mut StateWriter<'_>) {
        into.count(self.at as u32);
        self.full.write(into);
        let filled = if self.full { self.cells.len() } else { self.at };
        self.cells[..filled]
            .iter()
            .for_each(|cell| into.number(cell.value));
        if self.full {
            into.number(self.last);
        }
        if F::ANCHORED {
            into.number(self.last);
        }
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.at = from.count(self.cells.len() as u32)? as usize;
        self.full.read(from)?;
        let filled = if self.full { self.cells.len() } else { self.at };
        for cell in &mut self.cells[..filled] {
            cell.value = from.number()?;
        }
        if self.full {
            self.last = from.number()?;
        }
        if F::ANCHORED {
            // The anchor is the last value of the previous block.
            let anchor = from.number()?;
            if self.full && anchor.to_bits() != self.last.to_bits() {
                return Err(StateError::Damaged);
            }
            self.last = anchor;
        }
        // Heads and folds follow from the values, so they need no bytes.
        self.fold_block(self.at);
        self.head = F::none();
        if self.full {
            for cell in &self.cells[..self.at] {
                self.head = self.head.append(relative::<f64, F>(cell.value, self.last));
            }
        }
        Ok(())
    }

    fn bytes_max(&self) -> usize {
        24 + 8 * self.cells.len()
    }
}

impl<L: Lane, const P: usize> Folded<L, Powers<L, P>> {
    #[inline(always)]
    pub(crate) fn mean(&self) -> L {
        self.anchor + self.fold.0[0].scale(self.share)
    }

    #[inline(always)]
    pub(crate) fn sum(&self) -> L {
        self.anchor.scale(self.count) + self.fold.0[0]
    }
}

impl<L: Lane> Folded<L, Powers<L, 2>> {
    /// Sum of squared deviations from the mean.
    #[inline(always)]
    pub(crate) fn deviations(&self) -> L {
        let mean = self.fold.0[0].scale(self.share);
        (self.fold.0[1] - self.fold.0[0] * mean).positive()
    }

    /// Of the population (divided by the count, ddof 0).
    #[inline(always)]
    pub(crate) fn variance(&self) -> L {
        self.deviations().scale(self.share)
    }
}

impl<L: Lane> Folded<L, Weighted<L>> {
    /// The mean weighted 1, 2, 3 … from the oldest value.
    #[inline(always)]
    pub(crate) fn weighted_mean(&self) -> L {
        self.anchor + self.fold.weighted.scale(2.0 / (self.count * (self.count + 1.0)))
    }

    #[inline(always)]
    pub(crate) fn mean(&self) -> L {
        self.anchor + self.fold.sum.scale(self.share)
    }

    /// Slope of the regression line, a bar.
    #[inline(always)]
    pub(crate) fn slope(&self) -> L {
        let n = self.count;
        // With x = 1 … n: Σxy - mean(x) Σy over Σ(x - mean(x))².
        let numerator = self.fold.weighted - self.fold.sum.scale((n + 1.0) / 2.0);
        if n < 2.0 {
            return L::zero();
        }
        numerator.scale(12.0 / (n * (n * n - 1.0)))
    }
}

impl<L: Lane> Folded<L, Greatest<L>> {
    #[inline(always)]
    pub(crate) fn value(&self) -> L {
        self.fold.0
    }
}

impl<L: Lane> Folded<L, Least<L>> {
    #[inline(always)]
    pub(crate) fn value(&self) -> L {
        self.fold.0
    }
}

/// Bars after which windows of these periods all begin again; none for more than any batch
/// is worth.
pub(crate) fn common_multiple(periods: &[f64]) -> Option<usize> {
    periods.iter().try_fold(1, |multiple: usize, period| {
        let period = *period as usize;
        let (mut a, mut b) = (multiple, period);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        multiple.checked_mul(period)?.checked_div(a)
    })
}

/// The value `bars` bars ago.
#[derive(Clone)]
pub(crate) struct Lag<L> {
    values: Box<[L]>,
    at: usize,
    full: bool,
}

impl<L: Lane> Lag<L> {
    pub(crate) fn new(bars: u32) -> Self {
        Self {
            values: vec![L::zero(); bars.max(1) as usize].into(),
            at: 0,
            full: false,
        }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: L) -> Option<L> {
        let cell = self.values.get_mut(self.at)?;
        let old = std::mem::replace(cell, value);
        let was_full = self.full;
        self.at += 1;
        if self.at == self.values.len() {
            self.at = 0;
            self.full = true;
        }
        was_full.then_some(old)
    }

    /// Pushes a column and writes `of` each value and the one that it pushed out.
    #[inline(always)]
    pub(crate) fn push_column(
        &mut self,
        column: impl Column<L>,
        into: &mut impl ColumnMut<L>,
        bars: usize,
        of: impl Fn(L, L) -> L,
    ) {
        let turn = self.values.len().min(bars);
        for bar in 0..turn {
            let value = column.at(bar);
            into.put(bar, self.push(value).map(|old| of(value, old)).or_absent());
        }
        // From here on the older values stand in the column.
        for bar in turn..bars {
            into.put(bar, of(column.at(bar), column.at(bar - turn)));
        }
        let kept = (bars - turn).min(self.values.len());
        self.at = (self.at + bars - turn - kept) % self.values.len();
        for bar in bars - kept..bars {
            self.push(column.at(bar));
        }
    }

    /// The values of a full ring, in no order.
    #[inline(always)]
    pub(crate) fn unordered(&self) -> impl Iterator<Item = &L> {
        self.values.iter()
    }

    /// The last value of a full ring.
    #[inline(always)]
    pub(crate) fn newest(&self) -> L {
        let at = if self.at == 0 { self.values.len() } else { self.at };
        self.values[at - 1]
    }

    /// The values so far, oldest first.
    pub(crate) fn held(&self) -> impl Iterator<Item = L> + '_ {
        let (newer, older) = self.values.split_at(self.at);
        let older = if self.full { older } else { &[] };
        older.iter().chain(newer).copied()
    }

    pub(crate) fn period(&self) -> u32 {
        self.values.len() as u32
    }

    /// The values of a full ring, oldest first.
    #[inline(always)]
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = L> + '_ {
        let (newer, older) = self.values.split_at(self.at);
        older.iter().chain(newer).copied()
    }
}

impl<L> Warm for Lag<L> {
    #[inline(always)]
    fn is_warm(&self) -> bool {
        self.full
    }
}

impl State for Lag<f64> {
    fn write(&self, into: &mut StateWriter<'_>) {
        into.count(self.at as u32);
        self.full.write(into);
        let filled = if self.full { self.values.len() } else { self.at };
        self.values[..filled].iter().for_each(|value| into.number(*value));
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.at = from.count(self.values.len() as u32 - 1)? as usize;
        self.full.read(from)?;
        let filled = if self.full { self.values.len() } else { self.at };
        self.values[..filled]
            .iter_mut()
            .try_for_each(|value| value.read(from))
    }

    fn bytes_max(&self) -> usize {
        8 + 8 * self.values.len()
    }
}

/// The last `period` values, to go over.
#[derive(Clone)]
pub(crate) struct Recent<L>(Lag<L>);

impl<L: Lane> Recent<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self(Lag::new(period))
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: L) -> Option<&Lag<L>> {
        self.0.push(value);
        self.0.full.then_some(&self.0)
    }
}

impl<L> Warm for Recent<L> {
    #[inline(always)]
    fn is_warm(&self) -> bool {
        self.0.is_warm()
    }
}

impl State for Recent<f64> {
    fn write(&self, into: &mut StateWriter<'_>) {
        self.0.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.0.read(from)
    }

    fn bytes_max(&self) -> usize {
        self.0.bytes_max()
    }
}

/// The previous value; none before the second.
#[derive(Clone)]
pub(crate) struct Previous<L>(Option<L>);

impl<L: Lane> Previous<L> {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: L) -> Option<L> {
        self.0.replace(value)
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> Option<L> {
        self.0
    }
}

impl<L> Warm for Previous<L> {
    #[inline(always)]
    fn is_warm(&self) -> bool {
        self.0.is_some()
    }
}

impl State for Previous<f64> {
    fn write(&self, into: &mut StateWriter<'_>) {
        self.0.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.0.read(from)
    }

    fn bytes_max(&self) -> usize {
        9
    }
}
