//! Columns as kernels read and write them: of numbers, or of rows of lanes.

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
    pub(crate) fn groups(self, bar: usize, groups: usize) -> &'a [[f64; LANES]] {
        self.cells[bar * self.stride..][..groups * LANES].as_chunks().0
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
