//! Watermarks: what they change, and whom they name after which attacks.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use proptest::prelude::*;
use tickwire_entitlements::watermark::{
    Attack, Leaked, Marker, Original, Trace, Verdict, WatermarkKey, needed, tick_min,
};
use tickwire_market::InstrumentKey;
use tickwire_streams::Offset;

const STREAM: &str = "marketplace/gold:NSE@NIFTY@IDX:1m:ema(close,20)";
const PRODUCT: &str = "marketplace/gold";
const CANDIDATES: usize = 10_000;

fn key(byte: u8) -> WatermarkKey {
    WatermarkKey::new(&[byte; 32]).unwrap()
}

fn instrument() -> InstrumentKey {
    "NSE@NIFTY@IDX".parse().unwrap()
}

fn marker(subscriber: &str) -> Marker {
    key(1).marker(subscriber, PRODUCT, STREAM, &instrument())
}

fn offset(row: usize) -> Offset {
    Offset::new(1_000 + row as u64, 7)
}

/// A walk of an average around the price of an index (an integer hash gives the steps).
fn originals(rows: usize) -> Vec<Original> {
    let mut value = 24_000.0;
    let step = |row: usize| {
        let mixed = (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..rows)
        .map(|row| {
            value += step(row) * 7.0;
            Original {
                stream: 0,
                offset: offset(row),
                output: 0,
                value,
                tick: tick_min(&instrument()),
            }
        })
        .collect()
}

fn copy(originals: &[Original], subscriber: &str) -> Vec<f64> {
    let marker = marker(subscriber);
    originals
        .iter()
        .map(|o| marker.mark(o.offset, 0, o.value))
        .collect()
}

fn texts(values: &[f64], decimals: usize) -> Vec<Leaked> {
    values
        .iter()
        .map(|value| Leaked::parse(&format!("{value:.decimals$}")).unwrap())
        .collect()
}

fn name(candidate: usize) -> String {
    format!("user-{candidate}")
}

fn ask(originals: &[Original], leaked: &[Leaked]) -> Verdict {
    let names: Vec<String> = (0..CANDIDATES).map(name).collect();
    let candidates = names.iter().map(|name| (name.as_str(), vec![marker(name)]));
    Trace::new(originals, leaked).ask(candidates)
}

#[track_caller]
fn assert_names(verdict: &Verdict, expected: &[usize]) {
    let mut named: Vec<&str> = verdict
        .named
        .iter()
        .map(|finding| finding.subscriber.as_str())
        .collect();
    named.sort_unstable();
    let mut expected: Vec<String> = expected.iter().map(|candidate| name(*candidate)).collect();
    expected.sort_unstable();
    assert_eq!(named, expected, "{verdict:?}");
    let next = verdict.next.as_ref().unwrap();
    assert!(next.false_positive > 1e-3, "{next:?}");
}

/// A marked value has six decimals here.
const DECIMALS: usize = 6;

#[test]
fn the_subscriber_is_named_among_ten_thousand() {
    let all = originals(400);
    let whole = copy(&all, "user-4711");

    // A few values, whatever their order and time, which no text of a value has.
    let mut some: Vec<f64> = whole[100..112].to_vec();
    some.reverse();
    assert_names(&ask(&all, &texts(&some, DECIMALS)), &[4_711]);

    // Every second row dropped, one digit rounded off.
    let half: Vec<f64> = whole.iter().copied().step_by(2).take(24).collect();
    assert_names(&ask(&all, &texts(&half, DECIMALS - 1)), &[4_711]);

    // Two digits.
    assert_names(&ask(&all, &texts(&whole[..40], DECIMALS - 2)), &[4_711]);

    // Rows of two, in turn.
    let other = copy(&all, "user-9");
    let mixed: Vec<f64> = (0..48)
        .map(|row| if row % 2 == 0 { whole[row] } else { other[row] })
        .collect();
    assert_names(&ask(&all, &texts(&mixed, DECIMALS)), &[9, 4_711]);
    // And both copies whole.
    let both: Vec<f64> = whole[..16].iter().chain(&other[..16]).copied().collect();
    assert_names(&ask(&all, &texts(&both, DECIMALS)), &[9, 4_711]);
}

#[test]
fn the_average_of_two_copies_names_both() {
    let all = originals(200);
    let (a, b) = (copy(&all, "user-17"), copy(&all, "user-8000"));
    let average: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (a + b) / 2.0).collect();
    assert_names(&ask(&all, &texts(&average, DECIMALS + 1)), &[17, 8_000]);
}

#[test]
fn nobody_is_named_where_nobody_can_be() {
    let all = originals(200);
    // Values without marks, those of a subscriber of another key, and those rounded to the grid.
    let unmarked: Vec<f64> = all.iter().map(|original| original.value).collect();
    let foreign = key(2).marker("user-4711", PRODUCT, STREAM, &instrument());
    let foreign: Vec<f64> = all.iter().map(|o| foreign.mark(o.offset, 0, o.value)).collect();
    for (values, decimals) in [(&unmarked, DECIMALS), (&foreign, DECIMALS)] {
        let verdict = ask(&all[..40], &texts(&values[..40], decimals));
        assert_eq!(verdict.named, [], "{verdict:?}");
        assert!(verdict.values > 35 && verdict.next.unwrap().false_positive > 1e-4);
    }
    let trace = Trace::new(&all, &texts(&unmarked, 2));
    assert_eq!((trace.values(), trace.coarse), (0, 200));
    // Other values altogether.
    let moved: Vec<f64> = unmarked.iter().map(|value| value + 500.0).collect();
    assert_eq!(Trace::new(&all, &texts(&moved, DECIMALS)).values(), 0);
}

#[test]
fn a_mark_is_a_function_of_what_it_is_of() {
    let value = 24_013.123_987_654;
    let marked = marker("asha").mark(Offset(77), 0, value);
    assert_eq!(marked, marker("asha").mark(Offset(77), 0, value));
    let others = [
        marker("ravi").mark(Offset(77), 0, value),
        marker("asha").mark(Offset(78), 0, value),
        marker("asha").mark(Offset(77), 1, value),
        key(1)
            .marker("asha", "marketplace/silver", STREAM, &instrument())
            .mark(Offset(77), 0, value),
        key(1)
            .marker(
                "asha",
                PRODUCT,
                "marketplace/gold:NSE@NIFTY@IDX:5m:ema(close,20)",
                &instrument(),
            )
            .mark(Offset(77), 0, value),
        key(2)
            .marker("asha", PRODUCT, STREAM, &instrument())
            .mark(Offset(77), 0, value),
    ];
    assert!(others.iter().all(|other| *other != marked), "{marked} {others:?}");
    // What stands at the border of two parts of what is hashed is of one of them.
    let joined = key(1).marker("ash", "amarketplace/gold", STREAM, &instrument());
    assert_ne!(joined.level(Offset(77), 0), marker("asha").level(Offset(77), 0));
    // Absent, whole, quoted: nothing to mark.
    for same in [0.0, 24_013.05, 24_000.0, -3.0, 1e15, f64::INFINITY, 4_783_900.0] {
        assert_eq!(marker("asha").mark(Offset(77), 0, same).to_bits(), same.to_bits());
    }
}

#[test]
fn a_signature_is_of_a_subscriber_and_a_payload() {
    let payload = r#"{"value":24013.123456}"#;
    let signature = marker("asha").sign(Offset(77), payload);
    assert_eq!(signature.len(), 32);
    assert!(marker("asha").verify(Offset(77), payload, &signature));
    assert!(!marker("ravi").verify(Offset(77), payload, &signature));
    assert!(!marker("asha").verify(Offset(78), payload, &signature));
    assert!(!marker("asha").verify(Offset(77), r#"{"value":24013.123457}"#, &signature));
    for missing in [
        "",
        "00",
        &signature[..30],
        &signature.replace('a', "g"),
        &format!("{signature}00"),
    ] {
        assert!(
            missing == signature || !marker("asha").verify(Offset(77), payload, missing),
            "{missing}"
        );
    }
    assert!(WatermarkKey::new(&[7; 31]).is_err());
    assert_eq!(key(1).id(), key(1).id());
    assert_ne!(key(1).id(), key(2).id());
    assert_eq!(format!("{:?}", key(1)), format!("WatermarkKey({})", key(1).id()));
}

#[test]
fn so_many_values_are_needed() {
    let check = |attack: Attack, most: usize| {
        let counts = needed(attack, &key(1), &instrument(), CANDIDATES, 20, 1_000);
        println!("{}: {:?} to {:?}", attack.as_str(), counts[0], counts[19]);
        assert!(
            counts
                .iter()
                .all(|count| count.is_some_and(|count| count <= most)),
            "{attack:?}: {counts:?}"
        );
    };
    check(Attack::Copy, 6);
    check(Attack::HalfDropped, 6);
    check(Attack::OneDigit, 10);
    check(Attack::TwoDigits, 30);
    check(Attack::MixedRows, 16);
    check(Attack::MixedRowsOneDigit, 48);
    check(Attack::Average, 320);
    check(Attack::AverageOfThree, 800);
    check(Attack::Noise, 520);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_048, ..ProptestConfig::default() })]

    /// No comparison with a multiple of half a tick comes out otherwise, and rounding to the
    /// tick gives the same price.
    #[test]
    fn no_decision_at_the_tick_changes(
        value in prop_oneof![-100_000.0..100_000.0_f64, -10.0..10.0_f64, -0.01..0.01_f64],
        at in any::<u64>(),
        instrument in prop::sample::select(vec!["NSE@NIFTY@IDX", "NASDAQ@AAPL@EQ", "FX@EURUSD@SPOT", "BINANCE@BTCUSDT@SPOT"]),
        ticks in -3_i64..3,
    ) {
        let instrument: InstrumentKey = instrument.parse().unwrap();
        let tick = tick_min(&instrument);
        let marker = key(3).marker("asha", PRODUCT, STREAM, &instrument);
        let marked = marker.mark(Offset(at), 0, value);
        prop_assert!((marked - value).abs() <= tick / 10.0, "{} {}", value, marked);
        prop_assert!((marked - value).abs() <= value.abs() * 1e-5, "{} {}", value, marked);
        for multiple in [tick, 5.0 * tick, 0.05_f64.max(tick)] {
            let halves = 2.0 / multiple;
            let border = ((value * halves).round() + ticks as f64) / halves;
            // Where a value stands on the border but for its last bits, it is not told which side it is on.
            if (value - border).abs() > tick * 1e-4 {
                prop_assert_eq!(value > border, marked > border, "{} {} {}", value, marked, border);
                prop_assert_eq!(value < border, marked < border, "{} {} {}", value, marked, border);
            }
        }
        prop_assert_eq!((value * 10.0).floor() as i64, (marked * 10.0).floor() as i64);
        // Marked twice is marked once.
        prop_assert_eq!(marker.mark(Offset(at), 0, marked), marked);
    }
}
