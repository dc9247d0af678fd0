//! Bars, whatever is in them.

use ndarray::{Array2, ArrayView1};
use tickwire_indicators::Running;

use crate::bytes::Bytes;

/// Bars of one input.
const BARS_MAX: usize = 600;

/// Feeds bars to an indicator in every form. Forms agree to the bit, a refused bar leaves no
/// trace, nothing told is NaN or infinite, and the first bars alone give the first rows.
pub fn bars(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let (definition, parameters) = bytes.indicator();
    let name = definition.name;
    let moved = usize::from(bytes.byte());
    let mut day = 0.0;
    let mut rows = Vec::new();
    while !bytes.0.is_empty() && rows.len() < BARS_MAX {
        rows.push(bytes.row(definition, &mut day));
    }
    let build = || match definition.build(&parameters) {
        Ok(running) => running,
        Err(error) => panic!("{name} with parameters that were checked: {error}"),
    };
    let outputs = definition.outputs.len();
    let mut stream = build();
    let mut streamed = Array2::<f64>::zeros((outputs, rows.len()));
    let (mut cells, mut peeked) = (vec![None; outputs], vec![None; outputs]);
    for (at, row) in rows.iter().enumerate() {
        if at == moved {
            stream = continued(&*stream, build(), name);
        }
        let before = export(&*stream);
        stream.peek(row, &mut peeked);
        assert_eq!(export(&*stream), before, "{name}: a forming bar was kept");
        stream.next(row, &mut cells);
        assert_eq!(
            bits(&cells),
            bits(&peeked),
            "{name}: a forming bar gave another value"
        );
        if row.iter().any(|value| !value.is_finite()) {
            assert_eq!(export(&*stream), before, "{name}: a refused bar left a trace");
            assert!(
                cells.iter().all(Option::is_none),
                "{name}: a refused bar gave a value"
            );
        }
        assert!(
            cells.iter().flatten().all(|value| value.is_finite()),
            "{name}: told {cells:?}"
        );
        for (output, cell) in cells.iter().enumerate() {
            streamed[(output, at)] = cell.unwrap_or(f64::NAN);
        }
    }
    let columns: Vec<Vec<f64>> = (0..definition.inputs.len())
        .map(|column| rows.iter().map(|row| row[column]).collect())
        .collect();
    for part in [rows.len(), moved.min(rows.len())] {
        let views: Vec<ArrayView1<'_, f64>> = columns
            .iter()
            .map(|column| ArrayView1::from(&column[..part]))
            .collect();
        let batch = match build().batch(&views) {
            Ok(batch) => batch,
            Err(error) => panic!("{name}: columns that fit were not taken: {error}"),
        };
        for ((output, at), value) in batch.indexed_iter() {
            let streamed = streamed[(output, at)];
            assert!(
                value.to_bits() == streamed.to_bits() || (value.is_nan() && streamed.is_nan()),
                "{name}: bar {at} of {part} is {value} in a column and {streamed} in a stream"
            );
        }
    }
}

fn continued(stream: &dyn Running, mut fresh: Box<dyn Running>, name: &str) -> Box<dyn Running> {
    let state = export(stream);
    assert!(
        state.len() <= stream.state_bytes_max(),
        "{name}: more state than it says"
    );
    if let Err(error) = fresh.import(&state) {
        panic!("{name}: its own state was refused: {error}");
    }
    fresh
}

fn export(running: &dyn Running) -> Vec<u8> {
    let mut bytes = Vec::new();
    running.export(&mut bytes);
    bytes
}

fn bits(cells: &[Option<f64>]) -> Vec<Option<u64>> {
    cells.iter().map(|cell| cell.map(f64::to_bits)).collect()
}
