//! Many instruments side by side.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2};

use crate::catalogue::MANY;
use crate::kernel::{Kernel, finite};
use crate::lane::{LANES, Lane, Lanes};
use crate::sample::is_valid;
use crate::{BatchError, Definition, ParameterError};

/// Bars that are gathered at a time, so that a tile stays in the first-level cache.
const TILE_BARS: usize = 128;

/// Computes a group of lanes; says whether every bar of it was valid.
pub(crate) type Many = fn(&[f64], &[ArrayView2<'_, f64>], &mut [ArrayViewMut2<'_, f64>], usize) -> bool;

impl Definition {
    /// The indicator over many instruments at once, each from its first bar: an array
    /// an input and an array an output; rows are bars, columns are instruments. A cell
    /// without a value is NaN. The bits are those of a stream of each instrument.
    ///
    /// Instruments are computed [`LANES`] at a time, with AVX2 where an x86
    /// processor has it; those with a refused bar, and indicators that branch on values,
    /// one by one. Arrays in standard layout (a bar's instruments side by side) are quickest.
    ///
    /// # Errors
    /// When parameters are not taken, or the arrays do not fit together.
    pub fn many(
        &'static self,
        parameters: &[f64],
        inputs: &[ArrayView2<'_, f64>],
        outputs: &mut [ArrayViewMut2<'_, f64>],
    ) -> Result<(), ManyError> {
        self.check(parameters)?;
        let shape = inputs.first().map_or((0, 0), ArrayView2::dim);
        if inputs.len() != self.inputs.len() {
            return Err(BatchError::Columns {
                given: inputs.len(),
                taken: self.inputs.len(),
            }
            .into());
        }
        if outputs.len() != self.outputs.len() {
            return Err(BatchError::Outputs {
                given: outputs.len(),
                yielded: self.outputs.len(),
            }
            .into());
        }
        let shapes = inputs
            .iter()
            .map(ArrayView2::dim)
            .chain(outputs.iter().map(|output| output.dim()));
        for other in shapes {
            if other != shape {
                return Err(ManyError::Shapes { first: shape, other });
            }
        }
        for first in (0..shape.1).step_by(LANES) {
            let done = MANY[self.place].is_some_and(|many| many(parameters, inputs, outputs, first));
            if !done {
                self.one_by_one(parameters, inputs, outputs, first)?;
            }
        }
        Ok(())
    }

    fn one_by_one(
        &'static self,
        parameters: &[f64],
        inputs: &[ArrayView2<'_, f64>],
        outputs: &mut [ArrayViewMut2<'_, f64>],
        first: usize,
    ) -> Result<(), ManyError> {
        let end = (first + LANES).min(inputs.first().map_or(0, |input| input.dim().1));
        for instrument in first..end {
            let mut running = self.build(parameters)?;
            let columns: Vec<ArrayView1<'_, f64>> =
                inputs.iter().map(|input| input.column(instrument)).collect();
            let mut results: Vec<ArrayViewMut1<'_, f64>> = outputs
                .iter_mut()
                .map(|output| output.column_mut(instrument))
                .collect();
            running.batch_into(&columns, &mut results)?;
        }
        Ok(())
    }
}

/// Why many instruments were not computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ManyError {
    /// A parameter is not taken.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// Arrays are too many or too few.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Arrays differ in shape.
    #[error("arrays are {first:?} and {other:?} (bars, instruments), give equal shapes")]
    Shapes {
        /// Of the first.
        first: (usize, usize),
        /// Of one that differs.
        other: (usize, usize),
    },
}

/// A group of [`LANES`] instruments from column `first` on; where there are fewer, the
/// last stands in for the missing.
///
/// An x86 processor without AVX2 gains nothing from lanes: there it is never done,
/// and not even compiled.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
pub(crate) fn many<K: Kernel<Lanes, I, O>, const I: usize, const O: usize>(
    parameters: &[f64],
    inputs: &[ArrayView2<'_, f64>],
    outputs: &mut [ArrayViewMut2<'_, f64>],
    first: usize,
) -> bool {
    if target_cfg_f!(all(target_arch = "x86_64", not(target_feature = "avx2"))) {
        return false;
    }
    let Some((bars, instruments)) = inputs.first().map(ArrayView2::dim) else {
        return false;
    };
    let width = LANES.min(instruments - first);
    let mut kernel = K::new(parameters);
    let mut tile = vec![[Lanes::zero(); I]; TILE_BARS.min(bars)];
    for start in (0..bars).step_by(TILE_BARS) {
        let tile = &mut tile[..TILE_BARS.min(bars - start)];
        for (at, input) in inputs.iter().enumerate().take(I) {
            for (bar, row) in tile.iter_mut().enumerate() {
                row[at] = gather(input, start + bar, first, width);
            }
        }
        let mut valid = [true; LANES];
        for row in tile.iter() {
            for (lane, valid) in valid.iter_mut().enumerate() {
                *valid &= is_valid(K::INPUTS, row.map(|lanes| lanes.0[lane]));
            }
        }
        if valid.contains(&false) {
            return false;
        }
        for (bar, row) in tile.iter().enumerate() {
            let values = kernel.step(*row);
            for (output, value) in outputs.iter_mut().zip(values) {
                scatter(output, start + bar, first, width, value.map(finite));
            }
        }
    }
    true
}

#[inline(always)]
fn gather(input: &ArrayView2<'_, f64>, bar: usize, first: usize, width: usize) -> Lanes {
    let row = input.row(bar);
    if width == LANES
        && let Some(cells) = row.to_slice().and_then(|row| row[first..].first_chunk())
    {
        return Lanes(*cells);
    }
    Lanes(std::array::from_fn(|lane| row[first + lane.min(width - 1)]))
}

#[inline(always)]
fn scatter(output: &mut ArrayViewMut2<'_, f64>, bar: usize, first: usize, width: usize, value: Lanes) {
    let mut row = output.row_mut(bar);
    if width == LANES
        && let Some(cells) = row.as_slice_mut().and_then(|row| row[first..].first_chunk_mut())
    {
        *cells = value.0;
        return;
    }
    for (lane, value) in value.0.into_iter().enumerate().take(width) {
        row[first + lane] = value;
    }
}
