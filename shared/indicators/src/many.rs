//! Many instruments side by side.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2};

use crate::catalogue::MANY;
use crate::kernel::{Kernel, finite};
use crate::lane::{LANES, Lane, Lanes};
use crate::sample::are_valid;
use crate::{BatchError, Definition, ParameterError};

/// Bars of a tile: what is gathered, computed and written at a time, within the caches.
const TILE_BARS: usize = 32;
/// Groups of [`LANES`] instruments that are gathered together: whole cache lines, many to
/// a page.
const GROUPS: usize = 8;

/// Computes a block of groups of lanes; says of which every bar was valid.
pub(crate) type Many =
    fn(&[f64], &[ArrayView2<'_, f64>], &mut [ArrayViewMut2<'_, f64>], usize) -> [bool; GROUPS];

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
        for block in (0..shape.1).step_by(GROUPS * LANES) {
            let done = match MANY[self.place] {
                Some(many) if have_lanes() => many(parameters, inputs, outputs, block),
                _ => [false; GROUPS],
            };
            for (first, done) in (block..shape.1).step_by(LANES).zip(done) {
                if !done {
                    self.one_by_one(parameters, inputs, outputs, first)?;
                }
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

/// Whether lanes pay. An x86 processor without AVX2 gains nothing from them: there they
/// are not even compiled.
pub(crate) fn have_lanes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    true
}

/// The valid bars of a tile.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
pub(crate) fn run<K: Kernel<Lanes, I, O>, const I: usize, const O: usize>(
    kernel: &mut K,
    inputs: [&[Lanes]; I],
    outputs: &mut [&mut [Lanes]; O],
    bars: usize,
) {
    if target_cfg_f!(all(target_arch = "x86_64", not(target_feature = "avx2"))) {
        return;
    }
    let inputs = inputs.map(|column| &column[..bars]);
    let mut outputs = outputs.each_mut().map(|column| &mut column[..bars]);
    if kernel.columns(inputs, &mut outputs) {
        for column in outputs {
            column.iter_mut().for_each(|value| *value = value.map(finite));
        }
        return;
    }
    for bar in 0..bars {
        let values = kernel.step(inputs.map(|column| column[bar]));
        for (column, value) in outputs.iter_mut().zip(values) {
            column[bar] = value.map(finite);
        }
    }
}

/// A block of groups of instruments from column `first` on; where there are fewer, the
/// last stands in for the missing.
pub(crate) fn many<K: Kernel<Lanes, I, O>, const I: usize, const O: usize>(
    parameters: &[f64],
    inputs: &[ArrayView2<'_, f64>],
    outputs: &mut [ArrayViewMut2<'_, f64>],
    first: usize,
) -> [bool; GROUPS] {
    let (bars, instruments) = inputs.first().map_or((0, 0), ArrayView2::dim);
    let width = (instruments - first).min(GROUPS * LANES);
    let groups = width.div_ceil(LANES);
    let mut kernels: Vec<K> = (0..groups).map(|_| K::new(parameters)).collect();
    let mut valid = [true; GROUPS];
    let mut cells = vec![Lanes::zero(); (I + O) * groups * TILE_BARS];
    let (gathered, computed) = cells.split_at_mut(I * groups * TILE_BARS);
    for start in (0..bars).step_by(TILE_BARS) {
        let bars = TILE_BARS.min(bars - start);
        for (input, tiles) in inputs.iter().zip(gathered.chunks_exact_mut(groups * TILE_BARS)) {
            gather(input, start, bars, first, width, tiles);
        }
        for (group, kernel) in kernels.iter_mut().enumerate() {
            let tile = |column: usize| (column * groups + group) * TILE_BARS;
            let columns: [&[Lanes]; I] = std::array::from_fn(|at| &gathered[tile(at)..][..bars]);
            valid[group] = valid[group] && are_valid(&K::INPUTS, &columns);
            if !valid[group] {
                continue;
            }
            let mut tiles = computed.chunks_exact_mut(TILE_BARS).skip(group).step_by(groups);
            let mut results = std::array::from_fn(|_| tiles.next().unwrap_or_default());
            run(kernel, columns, &mut results, bars);
        }
        for (output, tiles) in outputs.iter_mut().zip(computed.chunks_exact(groups * TILE_BARS)) {
            scatter(output, start, bars, first, width, tiles);
        }
    }
    valid
}

/// Some bars of a block into tiles, a group after the other.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
fn gather(
    input: &ArrayView2<'_, f64>,
    start: usize,
    bars: usize,
    first: usize,
    width: usize,
    tiles: &mut [Lanes],
) {
    for bar in 0..bars {
        let row = input.row(start + bar);
        if let Some(row) = row.to_slice() {
            let row = &row[first..first + width];
            let (whole, rest) = row.as_chunks::<LANES>();
            for (group, cells) in whole.iter().enumerate() {
                tiles[group * TILE_BARS + bar] = Lanes(*cells);
            }
            if let Some(last) = rest.last() {
                tiles[whole.len() * TILE_BARS + bar] =
                    Lanes(std::array::from_fn(|lane| *rest.get(lane).unwrap_or(last)));
            }
        } else {
            for group in 0..width.div_ceil(LANES) {
                tiles[group * TILE_BARS + bar] = Lanes(std::array::from_fn(|lane| {
                    row[first + (group * LANES + lane).min(width - 1)]
                }));
            }
        }
    }
}

/// Some bars of a block from tiles.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
fn scatter(
    output: &mut ArrayViewMut2<'_, f64>,
    start: usize,
    bars: usize,
    first: usize,
    width: usize,
    tiles: &[Lanes],
) {
    for bar in 0..bars {
        let mut row = output.row_mut(start + bar);
        if let Some(row) = row.as_slice_mut() {
            let (whole, rest) = row[first..first + width].as_chunks_mut::<LANES>();
            for (group, cells) in whole.iter_mut().enumerate() {
                *cells = tiles[group * TILE_BARS + bar].0;
            }
            if !rest.is_empty() {
                rest.copy_from_slice(&tiles[whole.len() * TILE_BARS + bar].0[..rest.len()]);
            }
        } else {
            for at in 0..width {
                row[first + at] = tiles[at / LANES * TILE_BARS + bar].0[at % LANES];
            }
        }
    }
}
