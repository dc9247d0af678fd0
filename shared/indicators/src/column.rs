//! Columns as kernels read and write them: of numbers, or of rows of lanes.

use std::ops::Range;

use crate::kernel::finite;
use crate::lane::{LANES, Lane, Lanes};

/// What is read, a value a bar.
pub(crate) trait Column<L>: Copy {
    fn at(self, bar: usize) -> L;
}

/// What is written, a value a bar.
pub(crate) trait ColumnMut<L> {
    fn put(&mut self, bar: usize, value: L);
}

// What arrays of columns have in common stands here, and not where it is used: there it would be
// compiled for each kernel.

/// A bar of columns.
#[inline(always)]
pub(crate) fn row<L: Lane, const I: usize>(columns: [impl Column<L>; I], bar: usize) -> [L; I] {
    let mut row = [L::zero(); I];
    for (at, value) in row.iter_mut().enumerate() {
        *value = columns[at].at(bar);
    }
    row
}

/// Writes a bar of columns.
#[inline(always)]
pub(crate) fn put<L: Lane, const O: usize>(columns: &mut [impl ColumnMut<L>; O], bar: usize, values: [L; O]) {
    for (column, value) in columns.iter_mut().zip(values) {
        column.put(bar, value);
    }
}

/// Some bars of columns.
#[inline(always)]
pub(crate) fn part<const I: usize>(columns: [&[f64]; I], bars: Range<usize>) -> [&[f64]; I] {
    columns.map(|column| &column[bars.clone()])
}

/// The same, to write.
#[inline(always)]
pub(crate) fn part_mut<'a, const O: usize>(
    columns: &'a mut [&mut [f64]; O],
    bars: Range<usize>,
) -> [&'a mut [f64]; O] {
    columns.each_mut().map(|column| &mut column[bars.clone()])
}

impl Column<f64> for &[f64] {
    #[inline(always)]
    fn at(self, bar: usize) -> f64 {
        self[bar]
    }
}

/// Infinities are looked for afterwards.
impl ColumnMut<f64> for &mut [f64] {
    #[inline(always)]
    fn put(&mut self, bar: usize, value: f64) {
        self[bar] = value;
    }
}

/// The lanes of each bar stand side by side, `stride` numbers from those of the next.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) cells: &'a [f64],
    pub(crate) stride: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn of(rows: &'a [[f64; LANES]]) -> Self {
        Self {
            cells: rows.as_flattened(),
            stride: LANES,
        }
    }

    /// From another column on.
    pub(crate) fn from(self, column: usize) -> Self {
        Self {
            cells: &self.cells[column..],
            ..self
        }
    }

    /// So many groups of lanes of a bar.
    pub(crate) fn groups(self, bar: usize, groups: usize) -> &'a [f64] {
        &self.cells[bar * self.stride..][..groups * LANES]
    }
}

impl Column<Lanes> for Rows<'_> {
    #[inline(always)]
    fn at(self, bar: usize) -> Lanes {
        let row = &self.cells[bar * self.stride..][..LANES];
        Lanes(std::array::from_fn(|lane| row[lane]))
    }
}

/// The same, to write. What is not a number is written as no value.
pub(crate) struct RowsMut<'a> {
    pub(crate) cells: &'a mut [f64],
    pub(crate) stride: usize,
}

impl<'a> RowsMut<'a> {
    pub(crate) fn of(rows: &'a mut [[f64; LANES]]) -> Self {
        Self {
            cells: rows.as_flattened_mut(),
            stride: LANES,
        }
    }
}

impl ColumnMut<Lanes> for RowsMut<'_> {
    #[inline(always)]
    fn put(&mut self, bar: usize, value: Lanes) {
        let row = &mut self.cells[bar * self.stride..][..LANES];
        row.copy_from_slice(&value.map(finite).0);
    }
}

/// So many bars of columns, of which all have one length and one stride: where one is long enough,
/// the compiler knows it of the others.
#[inline(always)]
pub(crate) fn alike<'a, const I: usize, const O: usize>(
    inputs: [Rows<'a>; I],
    outputs: &'a mut [RowsMut<'_>; O],
    bars: usize,
) -> ([Rows<'a>; I], [RowsMut<'a>; O]) {
    let stride = inputs.first().map_or(LANES, |rows| rows.stride);
    debug_assert!(inputs.iter().all(|rows| rows.stride == stride));
    debug_assert!(outputs.iter().all(|rows| rows.stride == stride));
    let cells = bars.checked_sub(1).map_or(0, |last| last * stride + LANES);
    (
        inputs.map(|rows| Rows {
            cells: &rows.cells[..cells],
            stride,
        }),
        outputs.each_mut().map(|rows| RowsMut {
            cells: &mut rows.cells[..cells],
            stride,
        }),
    )
}
