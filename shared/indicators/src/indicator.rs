//! The two layers: [`Indicator`] typed, [`Running`] by name.

use std::fmt;

use ndarray::{Array1, Array2, ArrayView1};

use crate::{BatchError, Sample, StateError, StateReader, StateWriter};

/// An indicator: parameters, state, and one step function.
///
/// Callers use [`next`](Self::next), [`peek`](Self::peek), [`batch`](Self::batch),
/// [`export`](Self::export) and [`import`](Self::import); the rest is what an
/// indicator has to supply.
pub trait Indicator: Clone + fmt::Debug + Send + Sync + 'static {
    /// What one bar gives it.
    type Input: Sample;
    /// What one bar yields.
    type Output: Row;
    /// Version of the exported state's form; grows when the form changes.
    const STATE_VERSION: u8 = 1;

    /// The step function. `input` has been found valid.
    fn update(&mut self, input: Self::Input) -> Option<Self::Output>;

    /// What [`update`](Self::update) would yield. Indicators with a window replace
    /// this so that nothing is copied.
    fn preview(&self, input: Self::Input) -> Option<Self::Output> {
        self.clone().update(input)
    }

    /// Names the indicator with its parameters.
    fn fingerprint(&self) -> u32;

    /// Appends the state.
    fn write(&self, into: &mut StateWriter<'_>);

    /// Takes the state back, in the order it was written.
    ///
    /// # Errors
    /// [`StateError::Damaged`] when the bytes end early or cannot be of a run.
    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError>;

    /// Commits a bar. `None` while cold, and for refused input, which leaves the
    /// state as it was.
    fn next(&mut self, input: Self::Input) -> Option<Self::Output> {
        if input.is_valid() {
            self.update(input)
        } else {
            None
        }
    }

    /// The value with a forming bar, committing nothing: the bits that
    /// [`next`](Self::next) would give.
    fn peek(&self, input: Self::Input) -> Option<Self::Output> {
        if input.is_valid() {
            self.preview(input)
        } else {
            None
        }
    }

    /// Commits many bars: `inputs` holds a column for each input, in the order of
    /// the definition. The bits are those of [`next`](Self::next), bar by bar.
    ///
    /// # Errors
    /// When the columns are too many, too few, or of different lengths.
    fn batch(&mut self, inputs: &[ArrayView1<'_, f64>]) -> Result<Array1<Option<Self::Output>>, BatchError> {
        let bars = bars(inputs, Self::Input::COLUMNS)?;
        let mut row = vec![0.0; inputs.len()];
        Ok(Array1::from_shape_fn(bars, |bar| {
            self.next(sample(inputs, bar, &mut row))
        }))
    }

    /// Appends the state to `into`.
    fn export(&self, into: &mut Vec<u8>) {
        self.write(&mut StateWriter::new(
            into,
            Self::STATE_VERSION,
            self.fingerprint(),
        ));
    }

    /// Continues from exported state, bit for bit.
    ///
    /// # Errors
    /// When the bytes are of another version, indicator or parameters, or damaged;
    /// the state is then as it was.
    fn import(&mut self, from: &[u8]) -> Result<(), StateError> {
        let mut reader = StateReader::new(from, Self::STATE_VERSION, self.fingerprint())?;
        let mut restored = self.clone();
        restored.read(&mut reader)?;
        reader.finish()?;
        *self = restored;
        Ok(())
    }
}

/// What one bar yields, as columns in the order of the definition's outputs.
pub trait Row: Copy + fmt::Debug + PartialEq + Send + Sync {
    /// How many columns.
    const COLUMNS: usize;

    /// One value a column. Cells beyond [`Self::COLUMNS`] are left alone.
    fn write(self, into: &mut [Option<f64>]);
}

impl Row for f64 {
    const COLUMNS: usize = 1;

    fn write(self, into: &mut [Option<f64>]) {
        fill(into, [self]);
    }
}

pub(crate) fn fill<const N: usize>(into: &mut [Option<f64>], values: [f64; N]) {
    for (cell, value) in into.iter_mut().zip(values) {
        *cell = Some(value);
    }
}

/// An indicator at work, by name: what the engine holds.
///
/// `input` and `output` are one row, in the order of the definition's inputs and
/// outputs. An input that is absent is given as NaN, which is refused.
pub trait Running: fmt::Debug + Send + Sync {
    /// Commits a bar: see [`Indicator::next`]. Every output is written, with `None`
    /// where there is no value.
    fn next(&mut self, input: &[f64], output: &mut [Option<f64>]);

    /// The value with a forming bar: see [`Indicator::peek`].
    fn peek(&self, input: &[f64], output: &mut [Option<f64>]);

    /// Commits many bars, a column an input: see [`Indicator::batch`]. Rows of the
    /// result are bars, columns are outputs.
    ///
    /// # Errors
    /// When the columns are too many, too few, or of different lengths.
    fn batch(&mut self, inputs: &[ArrayView1<'_, f64>]) -> Result<Array2<Option<f64>>, BatchError>;

    /// Appends the state to `into`.
    fn export(&self, into: &mut Vec<u8>);

    /// Continues from exported state: see [`Indicator::import`].
    ///
    /// # Errors
    /// When the bytes are of another version, indicator or parameters, or damaged;
    /// the state is then as it was.
    fn import(&mut self, from: &[u8]) -> Result<(), StateError>;

    /// A copy with the same state.
    fn clone_box(&self) -> Box<dyn Running>;
}

impl Clone for Box<dyn Running> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

/// Puts a typed indicator behind [`Running`].
#[derive(Clone, Debug)]
pub(crate) struct Dynamic<I>(pub(crate) I);

impl<I: Indicator> Running for Dynamic<I> {
    fn next(&mut self, input: &[f64], output: &mut [Option<f64>]) {
        write(self.0.next(I::Input::read(input)), output);
    }

    fn peek(&self, input: &[f64], output: &mut [Option<f64>]) {
        write(self.0.peek(I::Input::read(input)), output);
    }

    fn batch(&mut self, inputs: &[ArrayView1<'_, f64>]) -> Result<Array2<Option<f64>>, BatchError> {
        let bars = bars(inputs, I::Input::COLUMNS)?;
        let mut row = vec![0.0; inputs.len()];
        let mut values = Array2::from_elem((bars, I::Output::COLUMNS), None);
        for (bar, mut into) in values.rows_mut().into_iter().enumerate() {
            let output = self.0.next(sample(inputs, bar, &mut row));
            // A row of a new array is contiguous.
            write(output, into.as_slice_mut().unwrap_or_default());
        }
        Ok(values)
    }

    fn export(&self, into: &mut Vec<u8>) {
        self.0.export(into);
    }

    fn import(&mut self, from: &[u8]) -> Result<(), StateError> {
        self.0.import(from)
    }

    fn clone_box(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }
}

fn write<R: Row>(row: Option<R>, into: &mut [Option<f64>]) {
    match row {
        Some(row) => row.write(into),
        None => into.iter_mut().take(R::COLUMNS).for_each(|cell| *cell = None),
    }
}

/// The input of one bar, gathered in `row`.
fn sample<S: Sample>(inputs: &[ArrayView1<'_, f64>], bar: usize, row: &mut [f64]) -> S {
    for (cell, column) in row.iter_mut().zip(inputs) {
        *cell = column[bar];
    }
    S::read(row)
}

fn bars(inputs: &[ArrayView1<'_, f64>], taken: usize) -> Result<usize, BatchError> {
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
