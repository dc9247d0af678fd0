//! Bytes that may be a state.

use crate::bytes::Bytes;

/// Bars that follow on a state that was taken.
const BARS: usize = 40;

/// Imports bytes. What is refused leaves the state as it was; what is taken is exported as it
/// came, and the indicator goes on with it.
pub fn state(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let (definition, parameters) = bytes.indicator();
    let name = definition.name;
    let Ok(mut running) = definition.build(&parameters) else {
        panic!("{name} with parameters that were checked");
    };
    let mut cold = Vec::new();
    running.export(&mut cold);
    // Behind a right head, so that more than the head is looked at.
    let head = cold.get(..5).unwrap_or_default();
    let given = match bytes.byte() % 4 {
        0 => bytes.0.to_vec(),
        _ => [head, bytes.0].concat(),
    };
    let taken = running.import(&given).is_ok();
    let mut after = Vec::new();
    running.export(&mut after);
    if taken {
        assert!(
            running.state_bytes_max() >= after.len(),
            "{name}: more state than it says"
        );
    } else {
        assert_eq!(after, cold, "{name}: a refused state left a trace");
    }
    let (mut day, mut cells) = (1e6, vec![None; definition.outputs.len()]);
    for _ in 0..BARS {
        let row = bytes.row(definition, &mut day);
        running.next(&row, &mut cells);
        assert!(
            cells.iter().flatten().all(|value| value.is_finite()),
            "{name}: told {cells:?}"
        );
    }
}
