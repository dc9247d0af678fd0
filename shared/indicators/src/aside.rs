//! One series in lanes: where a value depends on the last bars only, a long column is cut
//! into parts, each of which begins `warm_up` bars early and is computed beside the others.
//!
//! A part begins where all windows of the kernel begin a block, so that it does what a run
//! over the whole column does: the bits are the same.

use multiversion::multiversion;

use crate::Definition;
use crate::column::{self, Rows, RowsMut};
use crate::kernel::Kernel;
use crate::lane::{LANES, Lanes};
use crate::many::{have_lanes, run};
use crate::sample::are_valid;

/// Bars of a tile, which stays in the first-level cache.
const TILE_BARS: usize = 64;
/// Most bars from one lane to the next: so many rows of a few columns stay in the second-level
/// cache.
const STEP_BARS_MAX: usize = 520;

/// Where the lanes of a stretch are.
#[derive(Clone, Copy)]
struct Cut {
    /// From the first bar of a lane to that of the next.
    step: usize,
    /// Bars at the beginning of a lane that are the end of the one before it.
    early: usize,
}

/// Computes columns from cold as far as that pays and bars are valid. Says from which bar a
/// cold run goes on; all before the warm-up of that is written.
pub(crate) fn aside<K: Kernel<Lanes, I, O>, const I: usize, const O: usize>(
    definition: &Definition,
    parameters: &[f64],
    inputs: [&[f64]; I],
    outputs: &mut [&mut [f64]; O],
) -> usize {
    let bars = inputs.first().map_or(0, |column| column.len());
    let early = definition.warm_up(parameters);
    let Some(cycle) = K::cycle(parameters).filter(|_| bars > 0 && have_lanes()) else {
        return 0;
    };
    let mut first = 0;
    loop {
        let step = (bars - first)
            .div_ceil(LANES)
            .min(STEP_BARS_MAX)
            .next_multiple_of(cycle);
        let end = bars.min(first + step * LANES + early);
        let inputs = column::part(inputs, first..end);
        // A row of lanes costs less than two of single bars.
        if (step + early) * 2 > end - first || !are_valid(&K::INPUTS, &inputs) {
            return first;
        }
        let mut outputs = column::part_mut(outputs, first..end);
        stretch(
            K::new(parameters),
            Cut { step, early },
            inputs,
            &mut outputs,
            first == 0,
        );
        // Where bars end within the stretch, the state follows from the last of them.
        let next = first + step * LANES;
        first = next.min((bars - early - 1) / cycle * cycle);
        if first < next {
            return first;
        }
    }
}

/// Computes what one cut of lanes covers.
fn stretch<K: Kernel<Lanes, I, O>, const I: usize, const O: usize>(
    mut kernel: K,
    cut: Cut,
    inputs: [&[f64]; I],
    outputs: &mut [&mut [f64]; O],
    from_cold: bool,
) {
    let mut gathered = [[[0.0; LANES]; TILE_BARS]; I];
    let mut computed = [[[0.0; LANES]; TILE_BARS]; O];
    let rows = cut.step + cut.early;
    for start in (0..rows).step_by(TILE_BARS) {
        let rows = TILE_BARS.min(rows - start);
        for (column, tile) in inputs.iter().zip(&mut gathered) {
            gather(column, cut, start, &mut tile[..rows]);
        }
        run(
            &mut kernel,
            gathered.each_ref().map(|tile| Rows::of(tile)),
            &mut computed.each_mut().map(|tile| RowsMut::of(tile)),
            rows,
        );
        for (column, tile) in outputs.iter_mut().zip(&computed) {
            scatter(column, cut, start, &tile[..rows], from_cold);
        }
    }
}

/// Rows of a tile from `start` of each lane. What is beyond the end of the column is not used.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
fn gather(column: &[f64], cut: Cut, start: usize, tile: &mut [[f64; LANES]]) {
    const BEYOND: [f64; TILE_BARS] = [1.0; TILE_BARS];
    let mut done = 0;
    while done < tile.len() {
        let mut lanes: [&[f64]; LANES] = [&BEYOND; LANES];
        let mut rows = tile.len() - done;
        for (at, lane) in lanes.iter_mut().enumerate() {
            let rest = column.get(at * cut.step + start + done..).unwrap_or_default();
            if !rest.is_empty() {
                *lane = rest;
                rows = rows.min(rest.len());
            }
        }
        for lane in &mut lanes {
            *lane = &lane[..rows];
        }
        for (row, cells) in tile[done..done + rows].iter_mut().enumerate() {
            for (cell, lane) in cells.iter_mut().zip(&lanes) {
                *cell = lane[row];
            }
        }
        done += rows;
    }
}

/// Rows of a tile to where each lane stands, what comes early only of the first lane of all.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
fn scatter(column: &mut [f64], cut: Cut, start: usize, tile: &[[f64; LANES]], from_cold: bool) {
    for lane in 0..LANES {
        let early = if from_cold && lane == 0 { 0 } else { cut.early };
        let tile = tile.get(early.saturating_sub(start)..).unwrap_or_default();
        let place = lane * cut.step + start.max(early);
        let part = column.get_mut(place..).unwrap_or_default();
        let rows = part.len().min(tile.len());
        let (fours, rest) = part[..rows].as_chunks_mut::<4>();
        let (row_fours, row_rest) = tile[..rows].as_chunks::<4>();
        for (cells, [a, b, c, d]) in fours.iter_mut().zip(row_fours) {
            *cells = [a[lane], b[lane], c[lane], d[lane]];
        }
        for (cell, row) in rest.iter_mut().zip(row_rest) {
            *cell = row[lane];
        }
    }
}
