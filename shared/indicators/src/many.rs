//! Many instruments side by side.

use std::hint::black_box;

use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Ix2, SliceInfo, SliceInfoElem, s};

use crate::catalogue::MANY;
use crate::column::{self, Rows, RowsMut};
use crate::kernel::Kernel;
use crate::lane::{LANES, Lanes};
use crate::sample::are_valid;
use crate::{BatchError, Definition, Input, ParameterError};

/// Numbers of a block, inputs and outputs together, that are gone through before its next bars: so
/// many stay in the second-level cache.
const TILE_CELLS: usize = 32 * 1024;
/// Fewest and most bars that are computed of one group before the next.
const TILE_BARS_MIN: usize = 16;
const TILE_BARS_MAX: usize = 32;
/// Groups of [`LANES`] instruments that are computed in turn.
const GROUPS: usize = 64;

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

/// The valid bars of a group.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
pub(crate) fn run<K: Kernel<Lanes, I, O>, const I: usize, const O: usize>(
    kernel: &mut K,
    inputs: [Rows<'_>; I],
    outputs: &mut [RowsMut<'_>; O],
    bars: usize,
) {
    if target_cfg_f!(all(target_arch = "x86_64", not(target_feature = "avx2"))) {
        return;
    }
    let (inputs, outputs) = &mut column::alike(inputs, outputs, bars);
    if kernel.columns(*inputs, outputs, bars) {
        return;
    }
    for bar in 0..bars {
        column::put(outputs, bar, kernel.step(column::row(*inputs, bar)));
    }
}

/// A block of groups of instruments from column `first` on.
pub(crate) fn many<K: Kernel<Lanes, I, O>, const I: usize, const O: usize>(
    parameters: &[f64],
    inputs: &[ArrayView2<'_, f64>],
    outputs: &mut [ArrayViewMut2<'_, f64>],
    first: usize,
) -> [bool; GROUPS] {
    let instruments = inputs.first().map_or(0, |input| input.dim().1);
    let groups = (instruments - first).div_ceil(LANES).min(GROUPS);
    let mut kernels = Vec::with_capacity(groups);
    for _ in 0..groups {
        kernels.push(K::new(parameters));
    }
    block(
        K::INPUTS,
        inputs,
        outputs,
        first,
        &mut |group, columns, results, bars| {
            run(&mut kernels[group], columns, results, bars);
        },
    )
}

/// Runs some valid bars of a group.
type Run<'a, const I: usize, const O: usize> =
    dyn FnMut(usize, [Rows<'_>; I], &mut [RowsMut<'_>; O], usize) + 'a;

/// Goes over a block. Not generic over the kernel: it would be compiled for each.
fn block<const I: usize, const O: usize>(
    taken: [Input; I],
    inputs: &[ArrayView2<'_, f64>],
    outputs: &mut [ArrayViewMut2<'_, f64>],
    first: usize,
    run: &mut Run<'_, I, O>,
) -> [bool; GROUPS] {
    let (bars, instruments) = inputs.first().map_or((0, 0), ArrayView2::dim);
    let width = (instruments - first).min(GROUPS * LANES);
    let in_order = inputs.iter().all(|input| input.is_standard_layout())
        && outputs.iter().all(|output| output.is_standard_layout());
    // Those that are computed where they stand.
    let in_place = if in_order { width / LANES } else { 0 };
    let tile_bars = (TILE_CELLS / ((I + O) * width.max(1))).clamp(TILE_BARS_MIN, TILE_BARS_MAX);
    let mut valid = [true; GROUPS];
    for start in (0..bars).step_by(tile_bars) {
        let bars = tile_bars.min(bars - start);
        let at = start * instruments + first;
        let rows = rows(inputs, at, instruments);
        let all_valid = in_place > 0 && are_usable(taken, rows, bars, in_place);
        fetch(outputs, at, bars, in_place);
        for (group, valid) in valid[..width.div_ceil(LANES)].iter_mut().enumerate() {
            if !*valid {
                continue;
            }
            let column = group * LANES;
            if group < in_place {
                let columns = rows.map(|rows| rows.from(column));
                *valid = all_valid || are_usable(taken, columns, bars, 1);
                if *valid {
                    run(
                        group,
                        columns,
                        &mut rows_mut(outputs, at + column, instruments),
                        bars,
                    );
                }
                continue;
            }
            // The last instrument stands in for those that are missing.
            let place = s![start..start + bars, first + column..];
            let gathered = gather(inputs, place);
            let columns = gathered.each_ref().map(|tile| Rows::of(tile));
            *valid = are_usable(taken, columns, bars, 1);
            if *valid {
                let mut computed = [[[0.0; LANES]; TILE_BARS_MAX]; O];
                run(
                    group,
                    columns,
                    &mut computed.each_mut().map(|tile| RowsMut::of(tile)),
                    bars,
                );
                scatter(&computed, outputs, place);
            }
        }
    }
    valid
}

/// Lanes of some bars, a row each.
type Tile = [[f64; LANES]; TILE_BARS_MAX];
/// Some bars of the instruments from one on.
type Place = SliceInfo<[SliceInfoElem; 2], Ix2, Ix2>;

/// A group that is no whole one, or not in order.
fn gather<const I: usize>(inputs: &[ArrayView2<'_, f64>], place: Place) -> [Tile; I] {
    let mut gathered = [[[0.0; LANES]; TILE_BARS_MAX]; I];
    for (tile, input) in gathered.iter_mut().zip(inputs) {
        for (cells, row) in tile.iter_mut().zip(input.slice(place).rows()) {
            *cells = std::array::from_fn(|lane| row[lane.min(row.len() - 1)]);
        }
    }
    gathered
}

fn scatter(computed: &[Tile], outputs: &mut [ArrayViewMut2<'_, f64>], place: Place) {
    for (tile, output) in computed.iter().zip(outputs) {
        for (cells, mut row) in tile.iter().zip(output.slice_mut(place).rows_mut()) {
            row.iter_mut().zip(cells).for_each(|(cell, value)| *cell = *value);
        }
    }
}

/// The rows of arrays in order, from a cell on.
fn rows<'a, const I: usize>(arrays: &'a [ArrayView2<'_, f64>], at: usize, stride: usize) -> [Rows<'a>; I] {
    let mut arrays = arrays.iter();
    std::array::from_fn(|_| {
        let cells = arrays.next().and_then(|array| array.as_slice()?.get(at..));
        Rows {
            cells: cells.unwrap_or_default(),
            stride,
        }
    })
}

/// The same, to write.
fn rows_mut<'a, const O: usize>(
    arrays: &'a mut [ArrayViewMut2<'_, f64>],
    at: usize,
    stride: usize,
) -> [RowsMut<'a>; O] {
    let mut arrays = arrays.iter_mut();
    std::array::from_fn(|_| {
        let cells = arrays
            .next()
            .and_then(|array| array.as_slice_mut()?.get_mut(at..));
        RowsMut {
            cells: cells.unwrap_or_default(),
            stride,
        }
    })
}

/// Whether bars of so many groups can be used. Row by row, so that memory comes in order: what
/// computes a group after the other finds it in the caches.
fn are_usable<const I: usize>(
    inputs: [Input; I],
    columns: [Rows<'_>; I],
    bars: usize,
    groups: usize,
) -> bool {
    (0..bars).all(|bar| are_valid(&inputs, &columns.map(|rows| rows.groups(bar, groups))))
}

/// Has so many groups of some bars on their way into the caches, in order, before they are written
/// in another.
fn fetch(outputs: &[ArrayViewMut2<'_, f64>], at: usize, bars: usize, groups: usize) {
    /// Numbers of a cache line.
    const LINE: usize = 8;
    for output in outputs {
        let (_, stride) = output.dim();
        for row in output
            .as_slice()
            .and_then(|cells| cells.get(at..))
            .into_iter()
            .flat_map(|cells| cells.chunks(stride))
            .take(bars)
        {
            let lines = row[..groups * LANES].iter().step_by(LINE);
            black_box(lines.fold(0, |bits, cell| bits ^ cell.to_bits()));
        }
    }
}
