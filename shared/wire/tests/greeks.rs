//! Greeks of options in a segment: stored as what they were computed from, read to the same bits.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use proptest::prelude::*;
use tickwire_market::{InstrumentKey, Quality, Quote, Right, Tick, UnixNanos};
use tickwire_options::{Basis, Carry};
use tickwire_signals::{Absence, Event, PriceValue, Signal, SignalValue, Valuation, Value, Valuer};
use tickwire_streams::Offset;
use tickwire_wire::{Caused, LoggedEvent, Segment, decode, encode};

/// -0 is not 0.
fn exact(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

const NUMBER: u64 = 7;
const START: i64 = 1_767_584_700_000_000_000;
const WEEK: i64 = 7 * 86_400 * UnixNanos::PER_SECOND;
/// What a signal of all six Greeks takes at most where one follows each tick.
const GREEKS_BYTES_MAX: f64 = 12.0;

/// A contract that ticked, what is told of it, and how.
#[derive(Clone, Debug)]
struct Row {
    steps: i32,
    strike: i32,
    is_call: bool,
    is_twin: bool,
    is_own: bool,
    week: i64,
    carry: Carry,
    told: Told,
}

#[derive(Clone, Copy, Debug)]
enum Told {
    All,
    One(usize),
    /// Other values than what it was computed from gives.
    Other,
    Absent,
}

fn row() -> impl Strategy<Value = Row> {
    let carry = prop_oneof![
        (-0.1..0.1f64).prop_map(Carry::Yield),
        (23_000.0..25_000.0f64).prop_map(Carry::Forward),
        Just(Carry::Future),
    ];
    let told = prop_oneof![
        4 => Just(Told::All),
        2 => (0usize..6).prop_map(Told::One),
        1 => Just(Told::Other),
        1 => Just(Told::Absent),
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (1i32..20_000, -20i32..20, flags, 0i64..3, carry, told).prop_map(
        |(steps, strike, (is_call, is_twin, is_own), week, carry, told)| Row {
            steps,
            strike,
            is_call,
            is_twin,
            is_own,
            week,
            carry,
            told,
        },
    )
}

fn event(at: usize, row: &Row) -> LoggedEvent {
    let quote = |steps: i32| {
        Some(Quote {
            price: f64::from(steps) / 20.0,
            size: None,
        })
    };
    let time = UnixNanos(START + at as i64 * 1_000_000);
    LoggedEvent {
        source: 0,
        seq: at as u64,
        event: Event::Tick(Tick {
            bid: quote(row.steps),
            ask: quote(row.steps + 1),
            quality: Quality::Mock,
            ..Tick::at(
                InstrumentKey::parse("NFO@NIFTY@OPT@2026-01-13@CE@24000").unwrap(),
                time,
                f64::from(row.steps) / 20.0,
            )
        }),
    }
}

/// The segment's bytes without and with its signals, the signals, and how many were solvable.
fn pack(rows: &[Row], rates: &[(f64, f64)]) -> (usize, Vec<u8>, Vec<Signal>, usize) {
    let events: Vec<LoggedEvent> = rows.iter().enumerate().map(|(at, row)| event(at, row)).collect();
    let (mut signals, mut valuations) = (Vec::new(), Vec::new());
    for (at, (row, logged)) in rows.iter().zip(&events).enumerate() {
        let Event::Tick(tick) = &logged.event else {
            continue;
        };
        let close = UnixNanos(START + (1 + row.week) * WEEK);
        let own = PriceValue::of(tick).option_price().unwrap();
        let right = if row.is_call { Right::Call } else { Right::Put };
        let spot = 24_000.0 + (at / 10) as f64 * 0.05;
        let conditions = Valuation::conditions(rates, close, tick.exchange_time, spot, row.carry).unwrap();
        let basis = Basis {
            conditions,
            strike: 24_000.0 + 50.0 * f64::from(row.strike),
            right,
            solved: match (row.is_twin, right) {
                (false, right) => right,
                (true, Right::Call) => Right::Put,
                (true, Right::Put) => Right::Call,
            },
            price: if row.is_own { own } else { own + 7.125 },
        };
        let greeks = Valuer::default().greeks(&basis);
        let values = match (row.told, greeks) {
            (Told::All, Some(greeks)) => greeks.to_vec(),
            (Told::One(which), Some(greeks)) => vec![greeks[which]],
            (Told::Other, _) => vec![Value::Number(0.1); 6],
            _ => vec![Value::Absent(Absence::BelowIntrinsic); 6],
        };
        valuations.push((
            at as u32,
            Valuation {
                close,
                rates: rates.into(),
                basis,
            },
        ));
        signals.push(Signal {
            stream: row.strike.unsigned_abs(),
            offset: Offset::new(NUMBER, at as u16),
            previous: None,
            exchange_time: tick.exchange_time,
            receive_time: tick.receive_time,
            source: 0,
            mock: true,
            value: SignalValue::Values(values),
        });
    }
    let causes: Vec<u32> = (0..signals.len() as u32).collect();
    let segment = |signals: &[Signal]| {
        let segment = Segment::new(1, 4, UnixNanos(START), Vec::new(), Vec::new());
        let caused = Caused {
            signals,
            causes: &causes,
            valuations: &valuations,
        };
        let packed = segment.pack(NUMBER, &events, |_| 1, |_| 0, &caused);
        encode(&packed).unwrap()
    };
    let solved = signals.iter().filter(|signal| {
        matches!(&signal.value, SignalValue::Values(values) if !matches!(values[0], Value::Absent(_)))
    });
    let solved = solved.count();
    (segment(&[]).len(), segment(&signals), signals, solved)
}

proptest! {
    #[test]
    fn any_greeks_come_back_to_the_bit(
        rows in prop::collection::vec(row(), 0..40),
        rates in prop_oneof![
            Just(vec![(0.0, 0.065)]),
            Just(vec![(1.0, 0.06), (9.0, 0.07), (90.0, 0.05)]),
        ],
    ) {
        let (_, bytes, signals, _) = pack(&rows, &rates);
        let read: Segment = decode(&bytes).unwrap();
        prop_assert_eq!(exact(&read.signals(NUMBER)), exact(&signals));
        let even: Vec<&Signal> = signals.iter().filter(|signal| signal.stream % 2 == 0).collect();
        prop_assert_eq!(exact(&read.signals_where(NUMBER, |stream| stream % 2 == 0)), exact(&even));
    }

    #[test]
    fn damage_gives_no_panic(rows in prop::collection::vec(row(), 1..20), at in any::<prop::sample::Index>(), byte: u8) {
        let (_, mut bytes, _, _) = pack(&rows, &[(0.0, 0.065)]);
        let content = bytes.len() - 4;
        bytes[1 + at.index(content - 1)] = byte;
        let checksum = crc32fast::hash(&bytes[..content]);
        bytes[content..].copy_from_slice(&checksum.to_le_bytes());
        if let Ok(segment) = decode::<Segment>(&bytes) {
            let _ = segment.signals(NUMBER);
        }
    }
}

#[test]
fn greeks_are_small() {
    let rows: Vec<Row> = (0..28)
        .map(|at| Row {
            steps: 5_000 + 40 * at,
            strike: at % 7 - 3,
            is_call: at % 7 >= 3,
            is_twin: at % 3 == 0,
            is_own: at % 3 != 0,
            week: 0,
            carry: Carry::Yield(0.012_345_678_9),
            told: Told::All,
        })
        .collect();
    let (without, bytes, signals, solved) = pack(&rows, &[(0.0, 0.065)]);
    assert_eq!(solved, signals.len());
    let each = (bytes.len() - without) as f64 / rows.len() as f64;
    println!("{each:.1} bytes a signal");
    assert!(each <= GREEKS_BYTES_MAX, "{each}");
}
