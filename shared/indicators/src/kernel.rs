//! From one step function to its forms: stream, forming bar, batch.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use ndarray::{Array2, ArrayView1, ArrayViewMut1, Axis};

use crate::aside::aside;
use crate::column::{self, Column, ColumnMut};
use crate::lane::{Lane, Lanes};
use crate::sample::{are_finite, are_valid, is_valid};
use crate::state::{STATE_HEADER_BYTES, State, StateReader, StateWriter, Warm, fingerprint};
use crate::{BatchError, Definition, Input, StateError};

/// An indicator's step function over `I` inputs and `O` outputs, for one instrument
/// (`L` is `f64`) or for many side by side.
///
/// Every instrument of a lane is at the same bar, so what depends on the number of
/// bars may branch; what depends on values goes through the operations of [`Lane`].
/// An output that has no value is NaN here, and absent outside.
pub(crate) trait Kernel<L: Lane, const I: usize, const O: usize>:
    Clone + Send + Sync + Warm + 'static
{
    /// The input columns, in order.
    const INPUTS: [Input; I];

    /// Cold, with checked parameters.
    fn new(parameters: &[f64]) -> Self;

    /// Takes one bar, which has been found valid.
    fn step(&mut self, row: [L; I]) -> [L; O];

    /// Takes columns of valid bars at once, where a formula has a way that is quicker than bar
    /// by bar; says whether it did.
    #[inline(always)]
    fn columns(
        &mut self,
        _inputs: [impl Column<L>; I],
        _outputs: &mut [impl ColumnMut<L>; O],
        _bars: usize,
    ) -> bool {
        false
    }

    /// Bars after which it does again what it did when cold, where its values depend on no
    /// bar before the warm-up: the common multiple of its windows. None where a value may
    /// depend on any bar before it.
    fn cycle(_parameters: &[f64]) -> Option<usize> {
        None
    }
}

/// Reads checked parameters.
pub(crate) trait Parameters {
    /// The parameter at `at`, a count of bars.
    fn bars(&self, at: usize) -> u32;

    /// The same, to count with.
    fn length(&self, at: usize) -> usize {
        self.bars(at) as usize
    }
}

impl Parameters for [f64] {
    fn bars(&self, at: usize) -> u32 {
        self[at] as u32
    }
}

/// An indicator at work: what the engine holds.
///
/// `input` and `output` are one row, in the order of the definition's inputs and
/// outputs. An input that is absent is given as NaN, which is refused: a refused bar
/// yields nothing and leaves the state as it was.
pub trait Running: fmt::Debug + Send + Sync {
    /// Commits a bar. Every output is written, with `None` where there is no value:
    /// while cold, for a refused bar, and where the formula has no answer.
    fn next(&mut self, input: &[f64], output: &mut [Option<f64>]);

    /// The value with a forming bar, committing nothing: the bits that
    /// [`next`](Self::next) would give. Costs a copy of the state.
    fn peek(&self, input: &[f64], output: &mut [Option<f64>]);

    /// Commits many bars: a column an input, in the order of the definition, and a
    /// column an output, with NaN where there is no value (no value is NaN). The bits
    /// are those of [`next`](Self::next), bar by bar.
    ///
    /// # Errors
    /// When the columns are too many, too few, or of different lengths.
    fn batch_into(
        &mut self,
        inputs: &[ArrayView1<'_, f64>],
        outputs: &mut [ArrayViewMut1<'_, f64>],
    ) -> Result<(), BatchError>;

    /// [`batch_into`](Self::batch_into) a new array, a row an output.
    ///
    /// # Errors
    /// When the columns are too many, too few, or of different lengths.
    fn batch(&mut self, inputs: &[ArrayView1<'_, f64>]) -> Result<Array2<f64>, BatchError>;

    /// Appends the state to `into`.
    fn export(&self, into: &mut Vec<u8>);

    /// Continues from exported state, bit for bit.
    ///
    /// # Errors
    /// When the bytes are of another version, indicator or parameters, or damaged;
    /// the state is then as it was.
    fn import(&mut self, from: &[u8]) -> Result<(), StateError>;

    /// Most bytes that [`export`](Self::export) appends.
    fn state_bytes_max(&self) -> usize;

    /// A copy with the same state.
    fn clone_box(&self) -> Box<dyn Running>;
}

impl Clone for Box<dyn Running> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

/// A kernel for one instrument. `FUSED` says that it may multiply and add at once: then each
/// bar asks which processor this is, since the function for it is slow where no instruction is.
#[derive(Clone)]
pub(crate) struct Scalar<K, const I: usize, const O: usize, const FUSED: bool> {
    kernel: K,
    /// Nothing was taken or imported yet.
    cold: bool,
    /// Apart, so that what each bar touches lies close together.
    about: Arc<About<I, O>>,
}

/// What stays as it was built.
struct About<const I: usize, const O: usize> {
    definition: &'static Definition,
    parameters: Box<[f64]>,
    /// Computes columns from cold side by side.
    aside: Option<Aside<I, O>>,
}

/// See [`aside`].
pub(crate) type Aside<const I: usize, const O: usize> =
    fn(&Definition, &[f64], [&[f64]; I], &mut [&mut [f64]; O]) -> usize;

/// What is not a number is no value.
#[inline(always)]
pub(crate) fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

impl<K: Kernel<f64, I, O> + State, const I: usize, const O: usize, const FUSED: bool> Scalar<K, I, O, FUSED> {
    pub(crate) fn boxed(definition: &'static Definition, parameters: &[f64]) -> Box<dyn Running> {
        Self::holding(definition, parameters, K::new(parameters), None)
    }

    /// One whose columns are computed side by side, by the same kernel over lanes.
    pub(crate) fn beside<W: Kernel<Lanes, I, O>>(
        definition: &'static Definition,
        parameters: &[f64],
    ) -> Box<dyn Running> {
        Self::holding(definition, parameters, K::new(parameters), Some(aside::<W, I, O>))
    }

    pub(crate) fn holding(
        definition: &'static Definition,
        parameters: &[f64],
        kernel: K,
        aside: Option<Aside<I, O>>,
    ) -> Box<dyn Running> {
        Box::new(Self {
            kernel,
            cold: true,
            about: Arc::new(About {
                definition,
                parameters: parameters.into(),
                aside,
            }),
        })
    }
}

impl<K, const I: usize, const O: usize, const FUSED: bool> Scalar<K, I, O, FUSED> {
    fn fingerprint(&self) -> u32 {
        fingerprint(self.about.definition.name, &self.about.parameters)
    }
}

/// Bars that are looked at before they are computed: they stay in the first-level cache.
const BLOCK_BARS: usize = 512;

/// The bars of whole columns, all of one length.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
fn run<K: Kernel<f64, I, O>, const I: usize, const O: usize, const FUSED: bool>(
    kernel: &mut K,
    inputs: [&[f64]; I],
    outputs: &mut [&mut [f64]; O],
    bars: usize,
) {
    if target_cfg_f!(all(target_arch = "x86_64", not(target_feature = "avx2"))) {
        // Not worth a loop of its own.
        return one_by_one::<K, I, O, FUSED>(kernel, inputs, outputs, 0..bars);
    }
    let mut start = 0;
    while start < bars {
        if !kernel.is_warm() {
            one_by_one::<K, I, O, FUSED>(kernel, inputs, outputs, start..start + 1);
            start += 1;
            continue;
        }
        // What nobody else can see stays in registers.
        let mut local = kernel.clone();
        let refused = loop {
            let end = bars.min(start + BLOCK_BARS);
            let inputs = column::part(inputs, start..end);
            if !are_valid(&K::INPUTS, &inputs) {
                break start..end;
            }
            let mut outputs = column::part_mut(outputs, start..end);
            let mut bar = 0;
            if local.columns(inputs, &mut outputs, end - start) {
                bar = end - start;
            }
            // Warm it stays. Asked here, the compiler need not ask within the step.
            while bar < end - start && local.is_warm() {
                column::put(&mut outputs, bar, local.step(column::row(inputs, bar)));
                bar += 1;
            }
            for column in outputs {
                // Infinities are rare: to look for them costs less than to write again.
                let column = &mut column[..bar];
                if !are_finite(column) {
                    column.iter_mut().for_each(|value| *value = finite(*value));
                }
            }
            start += bar;
            if start < end || start == bars {
                break start..start;
            }
        };
        *kernel = local;
        start = refused.end;
        one_by_one::<K, I, O, FUSED>(kernel, inputs, outputs, refused);
    }
}

/// Some bars of columns as a stream takes them: few, and so not compiled another time.
fn one_by_one<K: Kernel<f64, I, O>, const I: usize, const O: usize, const FUSED: bool>(
    kernel: &mut K,
    inputs: [&[f64]; I],
    outputs: &mut [&mut [f64]; O],
    bars: Range<usize>,
) {
    for bar in bars {
        let mut cells = [None; O];
        advance::<K, I, O, FUSED>(kernel, &column::row(inputs, bar), &mut cells);
        for (column, cell) in outputs.iter_mut().zip(cells) {
            column[bar] = cell.unwrap_or(f64::NAN);
        }
    }
}

/// One bar of a stream.
fn advance<K: Kernel<f64, I, O>, const I: usize, const O: usize, const FUSED: bool>(
    kernel: &mut K,
    input: &[f64],
    output: &mut [Option<f64>],
) {
    if FUSED {
        step(kernel, input, output);
    } else {
        step_plain(kernel, input, output);
    }
}

/// One bar, by a processor that was asked what it can.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
fn step<K: Kernel<f64, I, O>, const I: usize, const O: usize>(
    kernel: &mut K,
    input: &[f64],
    output: &mut [Option<f64>],
) {
    step_plain(kernel, input, output);
}

/// One bar.
#[inline(always)]
fn step_plain<K: Kernel<f64, I, O>, const I: usize, const O: usize>(
    kernel: &mut K,
    input: &[f64],
    output: &mut [Option<f64>],
) {
    let values = match input.first_chunk() {
        Some(row) if is_valid(K::INPUTS, *row) => kernel.step(*row),
        _ => [f64::NAN; O],
    };
    for (cell, value) in output.iter_mut().zip(values) {
        *cell = value.is_finite().then_some(value);
    }
}

impl<K: Kernel<f64, I, O> + State, const I: usize, const O: usize, const FUSED: bool> Running
    for Scalar<K, I, O, FUSED>
{
    fn next(&mut self, input: &[f64], output: &mut [Option<f64>]) {
        self.cold = false;
        advance::<K, I, O, FUSED>(&mut self.kernel, input, output);
    }

    fn peek(&self, input: &[f64], output: &mut [Option<f64>]) {
        advance::<K, I, O, FUSED>(&mut self.kernel.clone(), input, output);
    }

    fn batch_into(
        &mut self,
        inputs: &[ArrayView1<'_, f64>],
        outputs: &mut [ArrayViewMut1<'_, f64>],
    ) -> Result<(), BatchError> {
        let aside = self.about.aside.filter(|_| self.cold);
        let kernel = &mut self.kernel;
        batch_by(
            &self.about,
            aside,
            inputs,
            outputs,
            &mut |inputs, outputs, bars| {
                run::<K, I, O, FUSED>(kernel, inputs, outputs, bars);
            },
        )?;
        self.cold = false;
        Ok(())
    }

    fn batch(&mut self, inputs: &[ArrayView1<'_, f64>]) -> Result<Array2<f64>, BatchError> {
        batch(self, inputs, I, O)
    }

    fn export(&self, into: &mut Vec<u8>) {
        self.kernel.write(&mut StateWriter::new(
            into,
            self.about.definition.state_version,
            self.fingerprint(),
        ));
    }

    fn import(&mut self, from: &[u8]) -> Result<(), StateError> {
        let mut reader = StateReader::new(from, self.about.definition.state_version, self.fingerprint())?;
        let mut restored = self.kernel.clone();
        restored.read(&mut reader)?;
        reader.finish()?;
        self.kernel = restored;
        self.cold = false;
        Ok(())
    }

    fn state_bytes_max(&self) -> usize {
        STATE_HEADER_BYTES + self.kernel.bytes_max()
    }

    fn clone_box(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }
}

/// Takes columns of so many bars.
type Run<'a, const I: usize, const O: usize> = dyn FnMut([&[f64]; I], &mut [&mut [f64]; O], usize) + 'a;

/// Runs over columns to new ones.
fn batch(
    running: &mut dyn Running,
    inputs: &[ArrayView1<'_, f64>],
    taken: usize,
    yielded: usize,
) -> Result<Array2<f64>, BatchError> {
    let mut values = Array2::zeros((yielded, bars(inputs, taken)?));
    let mut columns: Vec<_> = values.axis_iter_mut(Axis(0)).collect();
    running.batch_into(inputs, &mut columns)?;
    drop(columns);
    Ok(values)
}

/// Runs over columns as slices, the first of them aside. Not generic over the kernel: it would be
/// compiled for each.
fn batch_by<const I: usize, const O: usize>(
    about: &About<I, O>,
    aside: Option<Aside<I, O>>,
    inputs: &[ArrayView1<'_, f64>],
    outputs: &mut [ArrayViewMut1<'_, f64>],
    run: &mut Run<'_, I, O>,
) -> Result<(), BatchError> {
    let bars = bars(inputs, I)?;
    check_outputs(outputs, O, bars)?;
    // Columns with gaps between their cells are copied.
    let columns: [Cow<'_, [f64]>; I] = std::array::from_fn(|at| {
        let column = &inputs[at];
        column
            .as_slice()
            .map_or_else(|| Cow::from(column.to_vec()), Cow::from)
    });
    let inputs = columns.each_ref().map(|column| &**column);
    let in_order = outputs.iter().all(|column| column.is_standard_layout());
    let mut values = vec![0.0; if in_order { 0 } else { bars * O }];
    let mut chunks = values.chunks_mut(bars.max(1));
    let mut slices = outputs.iter_mut().map(|column| column.as_slice_mut());
    let mut results: [&mut [f64]; O] = std::array::from_fn(|_| {
        let slice = if in_order {
            slices.next().flatten()
        } else {
            chunks.next()
        };
        slice.unwrap_or_default()
    });
    let first = aside.map_or(0, |aside| {
        aside(about.definition, &about.parameters, inputs, &mut results)
    });
    if first > 0 {
        // The warm-up of what is left is written.
        let early = about.definition.warm_up(&about.parameters);
        let (warm_up, rest) = (first..first + early, first + early..bars);
        let mut unused = vec![0.0; O * early];
        let mut unused = unused.chunks_mut(early.max(1));
        let mut unused = std::array::from_fn(|_| unused.next().unwrap_or_default());
        run(column::part(inputs, warm_up), &mut unused, early);
        let mut results = column::part_mut(&mut results, rest.clone());
        run(column::part(inputs, rest.clone()), &mut results, rest.len());
    } else {
        run(inputs, &mut results, bars);
    }
    if !in_order {
        for (column, values) in outputs.iter_mut().zip(values.chunks(bars.max(1))) {
            column
                .iter_mut()
                .zip(values)
                .for_each(|(cell, value)| *cell = *value);
        }
    }
    Ok(())
}

impl<K, const I: usize, const O: usize, const FUSED: bool> fmt::Debug for Scalar<K, I, O, FUSED> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Running({}, {:08x})",
            self.about.definition.name,
            self.fingerprint()
        )
    }
}

pub(crate) fn bars(inputs: &[ArrayView1<'_, f64>], taken: usize) -> Result<usize, BatchError> {
    if inputs.len() != taken {
        return Err(BatchError::Columns {
            given: inputs.len(),
            taken,
        });
    }
    let first = inputs.first().map_or(0, ArrayView1::len);
    match inputs.iter().map(ArrayView1::len).find(|&rows| rows != first) {
        Some(other) => Err(BatchError::Lengths { first, other }),
        None => Ok(first),
    }
}

fn check_outputs(outputs: &[ArrayViewMut1<'_, f64>], yielded: usize, bars: usize) -> Result<(), BatchError> {
    if outputs.len() != yielded {
        return Err(BatchError::Outputs {
            given: outputs.len(),
            yielded,
        });
    }
    match outputs
        .iter()
        .map(|column| column.len())
        .find(|&rows| rows != bars)
    {
        Some(other) => Err(BatchError::Lengths { first: bars, other }),
        None => Ok(()),
    }
}
