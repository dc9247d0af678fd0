//! The expressions that are told for a manifest of reference values: each is canonical,
//! and gives over stored bars what the indicator gives by itself, which the goldens check.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use tickwire_indicators::{Input, Series};
use tickwire_market::{Bar, Timeframe, UnixNanos};
use tickwire_oracle::{Manifest, Ours, Table};
use tickwire_signals::{Batch, Expression, Member, Value};

const DAY_NANOS: i64 = 24 * 60 * UnixNanos::PER_MINUTE;

fn bars() -> std::io::Result<Vec<(i32, Bar)>> {
    let table = Table::golden("ohlcv")?;
    let columns = ["open", "high", "low", "close", "volume"].map(|name| table.column(name));
    let [open, high, low, close, volume] = columns;
    let (open, high, low, close, volume) = (open?, high?, low?, close?, volume?);
    let price = |column: &[Option<f64>], at: usize| column[at].unwrap_or(f64::NAN);
    let bar = |(at, day): (usize, &f64)| {
        let start = UnixNanos(*day as i64 * DAY_NANOS);
        let bar = Bar {
            start,
            end: start.saturating_add(DAY_NANOS),
            open: price(open, at),
            high: price(high, at),
            low: price(low, at),
            close: price(close, at),
            volume: volume[at],
            open_interest: None,
            ticks: 1,
        };
        (*day as i32, bar)
    };
    Ok(table.days().iter().enumerate().map(bar).collect())
}

/// The output of the indicator by itself, bar by bar.
fn alone(ours: &Ours, bars: &[(i32, Bar)]) -> Vec<Option<f64>> {
    let mut running = ours.definition.build(&ours.parameters).unwrap();
    let mut chosen = ours.chosen.iter().map(|name| Series::find(name).unwrap());
    let inputs: Vec<(Input, Option<Series>)> = ours
        .definition
        .inputs
        .iter()
        .map(|input| {
            (
                *input,
                (*input == Input::Chosen).then(|| chosen.next().unwrap_or(Series::Close)),
            )
        })
        .collect();
    let mut row = vec![None; ours.definition.outputs.len()];
    let value = |(input, chosen): &(Input, Option<Series>), day: i32, bar: &Bar| match (input, chosen) {
        (Input::SessionDay, _) => f64::from(day),
        (Input::Fixed(series), _) | (Input::Chosen, Some(series)) => series.of(bar).unwrap_or(f64::NAN),
        (Input::Chosen, None) => f64::NAN,
    };
    bars.iter()
        .map(|(day, bar)| {
            let input: Vec<f64> = inputs.iter().map(|input| value(input, *day, bar)).collect();
            running.next(&input, &mut row);
            row[ours.output]
        })
        .collect()
}

#[test]
fn each_output_of_the_manifest_has_an_expression() {
    let bars = bars().unwrap();
    let manifest: Manifest = serde_json::from_str(include_str!("../goldens/manifest.json")).unwrap();
    let ours: Vec<Ours> = manifest
        .indicators
        .iter()
        .filter_map(|entry| entry.ours().ok())
        .flatten()
        .collect();
    assert!(ours.len() > 180, "{}", ours.len());
    let expressions: Vec<Expression> = ours
        .iter()
        .map(|ours| Expression::parse(&ours.expression()).unwrap())
        .collect();
    let mut batch = Batch::new(&expressions, Timeframe::DAY, Timeframe::DAY, &[Member::default()]).unwrap();
    let mut columns: Vec<Vec<Option<f64>>> = vec![Vec::new(); ours.len()];
    for (_, bar) in &bars {
        batch.next(&[(0, *bar)], |batch, _| {
            for (at, column) in columns.iter_mut().enumerate() {
                column.push(match batch.values(at) {
                    [Value::Number(number)] => Some(*number),
                    _ => None,
                });
            }
        });
    }
    for ((ours, expression), column) in ours.iter().zip(&expressions).zip(&columns) {
        assert_eq!(expression.as_str(), ours.expression());
        let bits = |column: &[Option<f64>]| -> Vec<Option<u64>> {
            column.iter().map(|value| value.map(f64::to_bits)).collect()
        };
        assert_eq!(bits(column), bits(&alone(ours, &bars)), "{expression}");
    }
}
