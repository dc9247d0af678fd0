//! Random expressions of the whole language: live, with the state stored and restored at
//! every event, over stored bars, and over the first of these alone, all to the bit.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tickwire_indicators::{Definition, ParameterKind, registry};
use tickwire_market::{Bar, Calendar, Quote, Tick, Timeframe, UnixNanos};
use tickwire_signals::{Batch, Event, Expression, Member, SignalValue, Value};

use crate::bench::*;

const OWN: &str = "BINANCE@BTCUSDT@SPOT";
const OTHER: &str = "BINANCE@ETHUSDT@SPOT";
const TIMEFRAMES: [&str; 4] = ["1m", "2m", "5m", "1h"];

/// Small parameters of an indicator, within its bounds, those in order in order.
fn parameters(definition: &'static Definition) -> BoxedStrategy<String> {
    let values: Vec<BoxedStrategy<String>> = definition
        .parameters
        .iter()
        .enumerate()
        .map(|(at, parameter)| match parameter.kind {
            ParameterKind::Bars => {
                let least = (parameter.minimum as u32).max(2 + 4 * at as u32);
                let most = parameter.maximum as u32;
                (least.min(most)..=(least + 3).min(most))
                    .prop_map(|bars| bars.to_string())
                    .boxed()
            }
            ParameterKind::Real => Just(format!("{}", parameter.default)).boxed(),
        })
        .collect();
    values
        .prop_map(|values| values.iter().map(|value| format!(",{value}")).collect())
        .boxed()
}

fn indicator(input: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    (0..registry().len(), any::<prop::sample::Index>()).prop_flat_map(move |(at, output)| {
        let definition = &registry()[at];
        let inputs = prop::collection::vec(input.clone(), definition.chosen_inputs());
        (parameters(definition), inputs).prop_map(move |(parameters, inputs)| {
            // A sum with a series is never taken for a parameter.
            let inputs: Vec<String> = inputs.iter().map(|input| format!("0*close+{input}")).collect();
            let arguments = inputs.join(",") + &parameters;
            let name = match definition.name {
                "max" => "highest",
                "min" => "lowest",
                name => name,
            };
            let several = definition.outputs.len() > 1;
            let chosen = definition.outputs[output.index(definition.outputs.len())];
            let output = if several {
                format!(".{chosen}")
            } else {
                String::new()
            };
            format!("{name}({}){output}", arguments.trim_start_matches(','))
        })
    })
}

fn value() -> BoxedStrategy<String> {
    let series = prop::sample::select(vec![
        "close", "open", "high", "low", "volume", "hl2", "ohlc4", "oi", "bid",
    ]);
    let leaf = prop_oneof![
        8 => series.prop_map(str::to_owned),
        1 => (1..200_u32).prop_map(|number| number.to_string()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        let condition = (pair.clone(), prop::sample::select(vec!["<", ">=", "crosses_above", "crosses_below"]));
        prop_oneof![
            6 => indicator(inner.clone().boxed()),
            2 => (pair.clone(), prop::sample::select(vec!["+", "-", "*", "/"]))
                .prop_map(|((a, b), operator)| format!("({a}){operator}({b})")),
            1 => inner.clone().prop_map(|a| format!("abs({a})")),
            1 => (inner.clone(), 1..4_u32).prop_map(|(a, bars)| format!("shift({a},{bars})")),
            1 => pair.prop_map(|(a, b)| format!("max({a},{b})")),
            2 => (condition, (inner.clone(), inner.clone()))
                .prop_map(|(((a, b), operator), (c, d))| format!("if(({a}) {operator} ({b}),{c},{d})")),
            2 => inner.clone().prop_map(|a| format!("({a})[{OTHER}]")),
            3 => (inner, prop::sample::select(&TIMEFRAMES[1..])).prop_map(|(a, timeframe)| format!("({a})@{timeframe}")),
        ]
    })
    .boxed()
}

/// Expressions that can be: some generated ones name shorter bars inside longer ones.
fn expressions() -> impl Strategy<Value = Vec<Expression>> {
    let can_be = |text: String| Expression::parse(&text).ok();
    prop::collection::vec(value().prop_filter_map("it breaks a rule", can_be), 1..4)
}

fn ticks() -> impl Strategy<Value = Vec<Tick>> {
    let drawn = (
        0..2_usize,
        1..40_i64,
        9_000..11_000_u32,
        prop::option::of(0..50_u32),
    );
    let gap = prop_oneof![30 => Just(0_i64), 1 => 100..9_000_i64];
    prop::collection::vec((drawn, gap), 20..160).prop_map(|ticks| {
        let mut time = at("2024-07-05T23:10:00Z");
        ticks
            .into_iter()
            .map(|((of, after, cents, size), gap)| {
                time = time.saturating_add((after + gap) * SECOND);
                let price = f64::from(cents) / 100.0;
                Tick {
                    size: size.map(f64::from),
                    open_interest: size.map(|size| f64::from(size) + 1_000.0),
                    bid: size.map(|_| Quote { price, size: None }),
                    ..tick([OWN, OTHER][of], time, price)
                }
            })
            .collect()
    })
}

/// The closed minutes of both instruments, in order of their ends.
fn batched(
    expressions: &[Expression],
    on: Timeframe,
    bars: &[(usize, Bar)],
) -> Vec<(UnixNanos, Vec<Vec<Value>>)> {
    let member = |name: &str| Member {
        key: Some(key(name)),
        calendar: Some(Calendar::Crypto),
        chain: None,
    };
    let members = [member(OWN), member(OTHER)];
    let mut batch = Batch::new(expressions, Timeframe::MINUTE, on, &members).unwrap();
    let mut rows = Vec::new();
    for ended in bars.chunk_by(|(_, a), (_, b)| a.end == b.end) {
        batch.next(ended, |batch, bar| {
            let values = (0..expressions.len()).map(|at| batch.values(at).to_vec());
            rows.push((bar.end, values.collect()));
        });
    }
    rows
}

fn bits(rows: &[(UnixNanos, Vec<Vec<Value>>)]) -> Vec<String> {
    rows.iter().map(|row| format!("{row:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 160,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/regressions/agreement.txt"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn live_restored_and_batch_agree(
        expressions in expressions(),
        ticks in ticks(),
        on in prop::sample::select(&TIMEFRAMES[..2]),
        prefix in any::<prop::sample::Index>(),
    ) {
        let on: Timeframe = on.parse().unwrap();
        let expressions: Vec<Expression> =
            expressions.into_iter().filter(|expression| expression.check_on(on).is_ok()).collect();
        let mut seen = std::collections::BTreeSet::new();
        let expressions: Vec<Expression> =
            expressions.into_iter().filter(|expression| seen.insert(expression.to_string())).collect();
        let streams: Vec<String> =
            expressions.iter().map(|expression| format!("common:{OWN}:{on}:{expression}")).collect();
        let mut events = vec![instrument(OWN), instrument(OTHER)];
        events.extend(streams.iter().map(|stream| add(stream)));
        events.extend(ticks.iter().cloned().map(Event::Tick));
        let last = ticks.last().unwrap().exchange_time;
        events.push(Event::Clock(last.saturating_add(2 * MINUTE)));

        let (mut live, mut restored) = (Bench::default(), Bench::default());
        for event in &events {
            live.fold(event);
            restored.fold(event);
            restored.restart();
        }
        prop_assert_eq!(&live.signals, &restored.signals);
        prop_assert!(export(&live.engine) == export(&restored.engine));

        let mut bars: Vec<(usize, Bar)> = live
            .bars
            .iter()
            .filter(|bar| bar.timeframe == Timeframe::MINUTE)
            .map(|bar| (usize::from(bar.instrument == key(OTHER)), bar.bar))
            .collect();
        bars.sort_by_key(|(_, bar)| bar.end);
        let rows = batched(&expressions, on, &bars);
        // Live closes by the clock what in a batch waits for the next bar.
        for (at, stream) in streams.iter().enumerate() {
            let id = live.engine.stream_id(&crate::bench::stream(stream)).unwrap();
            let of_stream = live.signals.iter().filter(|signal| signal.stream == id);
            let signals: Vec<String> = of_stream
                .map(|signal| match &signal.value {
                    SignalValue::Values(values) => format!("{:?} {values:?}", signal.exchange_time),
                    other => panic!("{other:?}"),
                })
                .collect();
            let rows: Vec<String> =
                rows.iter().map(|(time, values)| format!("{time:?} {:?}", values[at])).collect();
            prop_assert!(signals.len() >= rows.len() && signals.len() <= rows.len() + 1);
            prop_assert_eq!(&signals[..rows.len()], &rows[..], "{}", stream);
        }

        // No row depends on what comes later.
        let cut = prefix.index(bars.len() + 1);
        let first = batched(&expressions, on, &bars[..cut]);
        // A cut may part bars that end together.
        let whole_rows = match (bars[..cut].last(), bars.get(cut)) {
            (Some((_, before)), Some((_, after))) if before.end == after.end => first.len().saturating_sub(1),
            _ => first.len(),
        };
        prop_assert_eq!(&bits(&first)[..whole_rows], &bits(&rows)[..whole_rows]);
    }
}
