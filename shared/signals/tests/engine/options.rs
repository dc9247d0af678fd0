//! Options: Greeks of contracts, chains, and that they are the same however they came about.

use proptest::prelude::*;
use tickwire_market::{Quality, Quote, Right, Tick, Timeframe, UnixNanos};
use tickwire_options::{Expiry, Figure, Greek, Lanes};
use tickwire_signals::{
    Absence, Batch, ChainTerms, Event, Expression, Folded, Member, OptionContract, ReferenceChange,
    SignalValue, Value,
};

use crate::bench::*;

const INDEX: &str = "NSE@NIFTY@IDX";
const RATE: f64 = 0.065;
const DAYS: [&str; 2] = ["2024-07-11", "2024-08-08"];

fn contract(day: &str, right: &str, strike: i32) -> String {
    format!("NFO@NIFTY@OPT@{day}@{right}@{strike}")
}

fn contracts() -> Vec<String> {
    let strikes = (-6..=6).map(|level| 24_000 + 100 * level);
    let of_day = |day: &'static str| {
        let rows = strikes.clone();
        rows.flat_map(move |strike| ["CE", "PE"].map(|right| contract(day, right, strike)))
    };
    DAYS.into_iter().flat_map(of_day).collect()
}

fn start() -> UnixNanos {
    // 09:30 in India.
    at("2024-07-05T04:00:00Z")
}

fn chain_event() -> Event {
    Event::Reference(ReferenceChange::Chain {
        underlying: key(INDEX),
        terms: ChainTerms::flat(RATE),
    })
}

fn smile(strike: f64, forward: f64) -> f64 {
    let x = (strike / forward).ln();
    0.14 - 0.2 * x + 2.0 * x * x
}

/// An option's tick, quoted half a rupee around what the smile makes it worth.
fn option_tick(option: &str, time: UnixNanos, spot: f64) -> Tick {
    let of = OptionContract::of(&key(option), None).unwrap();
    let years = of.close.nanos_since(time) as f64 / (365.0 * 86_400.0 * 1e9);
    let terms = Expiry::on_spot(spot, RATE, 0.0, years).unwrap();
    let greeks = terms.greeks(
        Lanes::detect(),
        of.strike,
        of.right,
        smile(of.strike, terms.forward()),
    );
    let price = greeks.get(Greek::Price).unwrap().max(0.05);
    let quote = |price: f64| Some(Quote { price, size: None });
    Tick {
        bid: quote((price - 0.5).max(0.05)),
        ask: quote(price + 0.5),
        volume: Some(if of.right == Right::Put { 30.0 } else { 20.0 }),
        open_interest: Some(100.0),
        quality: Quality::Mock,
        ..tick(option, time, price)
    }
}

fn known() -> Vec<Event> {
    let mut events = vec![instrument(INDEX)];
    events.extend(contracts().iter().map(|option| instrument(option)));
    events.push(chain_event());
    events
}

/// The whole chain quoted once, a millisecond apart, around `spot`.
fn quoted(time: UnixNanos, spot: f64) -> Vec<Event> {
    let mut events = vec![Event::Tick(tick(INDEX, time, spot))];
    events.extend(
        (1..)
            .zip(contracts())
            .map(|(at, option)| Event::Tick(option_tick(&option, time.saturating_add(at * 1_000_000), spot))),
    );
    events
}

fn last(bench: &Bench, stream_key: &str) -> Vec<Value> {
    let wanted = stream(stream_key);
    let signals = bench.signals.iter().rev();
    let mut of_stream = signals.filter(|signal| bench.engine.streams()[signal.stream as usize].key == wanted);
    match &of_stream.next().unwrap().value {
        SignalValue::Values(values) => values.clone(),
        other => panic!("{other:?}"),
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => *number,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_contract_that_ticks_is_valued_at_once() {
    let option = contract(DAYS[0], "CE", 24_200);
    let greeks = format!("common:{option}:tick:greeks()");
    let vega = format!("common:{option}:tick:vega");
    let mut bench = Bench::with(&known());
    for event in [add(&greeks), add(&vega)]
        .iter()
        .chain(&quoted(start(), 24_000.0))
    {
        bench.fold(event);
    }
    let time = start().saturating_add(100_000_000);
    bench.tick(INDEX, time, 24_010.0);
    let told = bench.signals.len();
    // Within a second of the pass: the contract alone.
    let time = start().saturating_add(200_000_000);
    bench.fold(&Event::Tick(option_tick(&option, time, 24_010.0)));
    assert_eq!(bench.signals.len(), told + 2);
    let values = last(&bench, &greeks);
    let of = OptionContract::of(&key(&option), None).unwrap();
    let years = of.close.nanos_since(time) as f64 / (365.0 * 86_400.0 * 1e9);
    let terms = Expiry::on_spot(24_010.0, RATE, 0.0, years).unwrap();
    let sigma = smile(24_200.0, terms.forward());
    assert!((number(&values[0]) - sigma).abs() < 1e-4, "{values:?} {sigma}");
    let truth = terms.greeks(Lanes::detect(), of.strike, of.right, number(&values[0]));
    for (value, greek) in values[1..].iter().zip(&Greek::ALL[1..]) {
        let (found, expected) = (number(value), truth.get(*greek).unwrap());
        assert!(
            (found / expected - 1.0).abs() < 1e-3,
            "{greek:?}: {found} {expected}"
        );
    }
    assert_eq!(last(&bench, &vega), [values[4]]);
}

#[test]
fn the_whole_chain_is_valued_once_a_second() {
    let option = contract(DAYS[1], "PE", 23_900);
    let streams = [
        format!("common:{INDEX}:tick:chain(2024-07-11)"),
        format!("common:{INDEX}:tick:chain(20d)"),
        format!("common:{INDEX}:tick:atm_iv(20d)>0.25"),
        format!("common:{INDEX}:tick:greeks(2024-08-08,put_25d)"),
        format!("common:{option}:tick:greeks()"),
        format!("common:{INDEX}:1m:ema(atm_iv(20d),2)"),
        format!("common:{INDEX}:tick:close/forward(20d)"),
    ];
    let mut bench = Bench::with(&known());
    for event in streams
        .iter()
        .map(|stream| add(stream))
        .chain(quoted(start(), 24_000.0))
    {
        bench.fold(&event);
    }
    let passes = |bench: &Bench| bench.of(&streams[0]).len();
    assert_eq!(passes(&bench), 1, "the first tick");
    for event in quoted(start().saturating_add(SECOND), 24_050.0) {
        bench.fold(&event);
    }
    assert_eq!(passes(&bench), 2);
    bench.tick(INDEX, start().saturating_add(2 * SECOND), 24_050.0);
    assert_eq!(passes(&bench), 3);

    let figures: Vec<f64> = last(&bench, &streams[0]).iter().map(number).collect();
    let of = |figure: Figure| figures[Figure::ALL.iter().position(|other| *other == figure).unwrap()];
    assert!((of(Figure::AtmIv) - 0.14).abs() < 1e-3, "{figures:?}");
    assert!(
        of(Figure::Skew25d) > 0.0 && of(Figure::Butterfly25d) > 0.0,
        "{figures:?}"
    );
    assert_eq!((of(Figure::PcrOi), of(Figure::PcrVolume)), (1.0, 1.5));
    assert_eq!(of(Figure::MaxPain), 24_000.0);
    let years = 6.0 / 365.0 + 6.0 / 365.0 / 24.0;
    assert!(
        (of(Figure::Forward) / (24_050.0 * (RATE * years).exp()) - 1.0).abs() < 1e-5,
        "{figures:?}"
    );
    let between = number(&last(&bench, &streams[1])[0]);
    assert!((between - 0.14).abs() < 1e-3);
    assert_eq!(last(&bench, &streams[2]), [Value::Truth(false)]);
    let bucket: Vec<f64> = last(&bench, &streams[3]).iter().map(number).collect();
    assert!(
        bucket[0] < 24_000.0 && (bucket[2] + 0.25).abs() < 0.05,
        "{bucket:?}"
    );
    let of_option: Vec<f64> = last(&bench, &streams[4]).iter().map(number).collect();
    assert!((-0.6..-0.3).contains(&of_option[1]), "{of_option:?}");
    // A bar reads what stood when it closed; what has a price in it comes with the ticks.
    bench.clock(start().saturating_add(MINUTE));
    assert_eq!(bench.of(&streams[5]).len(), 1);
    assert_eq!(last(&bench, &streams[5]), [Value::Absent(Absence::Cold)]);
    assert_eq!(bench.of(&streams[6]).len(), 3);
    assert!(number(&last(&bench, &streams[6])[0]) < 1.0);
}

#[test]
fn what_is_missing_is_told() {
    let option = contract(DAYS[0], "CE", 24_200);
    let stream_key = format!("common:{option}:tick:delta");
    let check = |events: &[Event], expected: Absence| {
        let mut bench = Bench::with(events);
        bench.fold(&Event::Tick(option_tick(
            &option,
            start().saturating_add(200 * SECOND),
            24_000.0,
        )));
        assert_eq!(last(&bench, &stream_key), [Value::Absent(expected)]);
    };
    let all = known();
    let with = |events: &[Event], more: &[Event]| [events, &[add(&stream_key)], more].concat();
    check(&with(&all, &[]), Absence::NoUnderlying);
    check(&with(&all[1..all.len() - 1], &[]), Absence::NoUnderlying);
    let index = [Event::Tick(tick(INDEX, start(), 24_000.0))];
    check(&with(&all[..all.len() - 1], &index), Absence::NoRate);
    check(&with(&all, &index), Absence::StaleUnderlying);
    let fresh = [Event::Tick(tick(
        INDEX,
        start().saturating_add(190 * SECOND),
        30_000.0,
    ))];
    check(&with(&all, &fresh), Absence::BelowIntrinsic);
}

#[test]
fn what_cannot_be_is_refused() {
    let mut bench = Bench::with(&known());
    let option = contract(DAYS[0], "CE", 24_200);
    let mut check = |stream: String, message: &str| {
        let refusal = bench.try_fold(&add(&stream)).expect_err(&stream).to_string();
        assert!(refusal.starts_with(message), "{refusal}");
    };
    check(
        format!("common:{INDEX}:tick:close+delta"),
        "NSE@NIFTY@IDX is no option and has no `delta`",
    );
    check(
        format!("common:{option}:tick:atm_iv(30d)"),
        &format!("`atm_iv` is of a chain: ask for it on the underlying, not on {option}"),
    );
    check(
        format!("common:{INDEX}:tick:atm_iv(30)"),
        "expression \"atm_iv(30)\" is written \"atm_iv(30d)\"",
    );
    let terms = ChainTerms {
        rates: Vec::new(),
        ..ChainTerms::flat(RATE)
    };
    let underlying = key(INDEX);
    let refused = bench.try_fold(&Event::Reference(ReferenceChange::Chain { underlying, terms }));
    assert_eq!(refused.unwrap_err().code(), "chain_terms_invalid");
    assert_eq!(bench.fold(&chain_event()), Folded::Unchanged);
}

#[test]
fn bars_are_valued_from_bars() {
    let option = contract(DAYS[0], "CE", 24_200);
    let streams = [
        format!("common:{option}:1m:greeks()"),
        format!("common:{option}:1m:ema(iv,2)"),
        format!(
            "common:{INDEX}:1m:iv[{option}]-iv[{}]@5m",
            contract(DAYS[0], "PE", 24_200)
        ),
    ];
    let mut events = known();
    events.extend(streams.iter().map(|stream| add(stream)));
    let mut bench = Bench::with(&events);
    let spots: Vec<f64> = (0..12)
        .map(|at| 24_000.0 + f64::from(at * 7 % 5) * 20.0)
        .collect();
    for (minute, spot) in (0..).zip(&spots) {
        for event in quoted(start().saturating_add(minute * MINUTE + SECOND), *spot) {
            bench.fold(&event);
        }
    }
    bench.clock(start().saturating_add(13 * MINUTE));
    let found = bench.of(&streams[0]);
    assert_eq!(found.len(), spots.len());
    let members = [
        Member {
            key: Some(key(&option)),
            calendar: Some(tickwire_market::Calendar::Nse),
            chain: None,
        },
        Member {
            key: Some(key(INDEX)),
            calendar: Some(tickwire_market::Calendar::Nse),
            chain: Some(ChainTerms::flat(RATE)),
        },
    ];
    let expressions = ["greeks()", "ema(iv,2)"].map(|text| Expression::parse(text).unwrap());
    let mut batch = Batch::new(&expressions, Timeframe::MINUTE, Timeframe::MINUTE, &members).unwrap();
    let mut rows = [Vec::new(), Vec::new()];
    let bars_of = |instrument: &str| {
        let bars = bench.bars.iter().filter(|bar| bar.timeframe == Timeframe::MINUTE);
        let bars: Vec<_> = bars
            .filter(|bar| bar.instrument == key(instrument))
            .map(|bar| bar.bar)
            .collect();
        bars
    };
    for (own, other) in bars_of(&option).into_iter().zip(bars_of(INDEX)) {
        batch.next(&[(0, own), (1, other)], |batch, bar| {
            for (row, rows) in rows.iter_mut().enumerate() {
                rows.push(format!(
                    "{} {:?}",
                    bar.end,
                    SignalValue::Values(batch.values(row).to_vec())
                ));
            }
        });
    }
    assert_eq!(found, rows[0]);
    assert_eq!(bench.of(&streams[1]), rows[1]);
    assert!(matches!(last(&bench, &streams[2])[0], Value::Number(_)));
    let refused = Batch::new(
        &[Expression::parse("atm_iv(30d)").unwrap()],
        Timeframe::MINUTE,
        Timeframe::MINUTE,
        &members[1..],
    );
    assert!(refused.unwrap_err().to_string().contains("computed live"));
}

#[test]
fn an_underlying_that_is_known_late_is_found() {
    let option = contract(DAYS[0], "CE", 24_200);
    let stream_key = format!("common:{option}:1m:iv");
    let mut bench = Bench::with(&[
        instrument(&option),
        add(&stream_key),
        instrument(INDEX),
        chain_event(),
    ]);
    for minute in 0..2 {
        let time = start().saturating_add(minute * MINUTE);
        bench.tick(INDEX, time, 24_000.0);
        bench.fold(&Event::Tick(option_tick(&option, time, 24_000.0)));
        if minute == 0 {
            bench.restart();
        }
    }
    bench.clock(start().saturating_add(2 * MINUTE));
    let values = bench.values(&stream_key);
    assert_eq!(values.len(), 2);
    assert!((number(&values[1]) - 0.14).abs() < 0.02, "{values:?}");
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Index {
        after: i64,
        price: i32,
    },
    Option {
        after: i64,
        option: usize,
        spot: i32,
        late: i64,
    },
    Add(usize),
    Remove(usize),
    Know(usize),
    Rate(u32),
    Clock(i64),
}

fn streams() -> Vec<String> {
    let (call, put) = (contract(DAYS[0], "CE", 24_000), contract(DAYS[0], "PE", 24_000));
    vec![
        format!("common:{call}:tick:greeks()"),
        format!("common:{put}:tick:iv>0.14"),
        format!("common:{call}:tick:ema(iv,3)"),
        format!("common:{call}:tick:close*delta"),
        format!("common:{put}:1m:ema(vega,2)"),
        format!("common:{INDEX}:tick:chain(10d)"),
        format!("common:{INDEX}:tick:ema(atm_iv(2024-07-11),2)"),
        format!("common:{INDEX}:tick:iv[{call}]-iv[{put}]"),
        format!("common:{INDEX}:1m:crosses_above(pcr_oi(10d),1)"),
        format!("common:{INDEX}:tick:greeks(10d,call_25d)"),
        format!("common:{INDEX}:1m:greeks(10d,atm)"),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let after = prop_oneof![6 => 0i64..400, 3 => 400i64..3_000, 1 => 3_000i64..150_000];
    prop_oneof![
        6 => (after.clone(), -300..300).prop_map(|(after, price)| Step::Index { after, price }),
        20 => (after.clone(), 0..52_usize, -300..300, prop_oneof![4 => Just(0i64), 1 => 0i64..5_000])
            .prop_map(|(after, option, spot, late)| Step::Option { after, option, spot, late }),
        3 => (0..11_usize).prop_map(Step::Add),
        1 => (0..11_usize).prop_map(Step::Remove),
        2 => (0..53_usize).prop_map(Step::Know),
        1 => (40..80_u32).prop_map(Step::Rate),
        2 => after.prop_map(Step::Clock),
    ]
}

fn run(steps: &[Step], restarts: bool) -> Bench {
    let (all, streams) = (contracts(), streams());
    let mut bench = Bench::default();
    let mut now = start();
    for step in steps {
        let event = match step {
            Step::Index { after, price } => {
                now = now.saturating_add(after * 1_000_000);
                Event::Tick(tick(INDEX, now, 24_000.0 + f64::from(*price)))
            }
            Step::Option {
                after,
                option,
                spot,
                late,
            } => {
                now = now.saturating_add(after * 1_000_000);
                let time = now.saturating_add(-late * 1_000_000);
                Event::Tick(option_tick(&all[*option], time, 24_000.0 + f64::from(*spot)))
            }
            Step::Add(stream) => add(&streams[*stream]),
            Step::Remove(stream) => remove(&streams[*stream]),
            Step::Know(0) => instrument(INDEX),
            Step::Know(option) => instrument(&all[*option - 1]),
            Step::Rate(per_mille) => Event::Reference(ReferenceChange::Chain {
                underlying: key(INDEX),
                terms: ChainTerms::flat(f64::from(*per_mille) / 1_000.0),
            }),
            Step::Clock(after) => Event::Clock(now.saturating_add(after * 1_000_000)),
        };
        // Some are of what is not known yet.
        let _ = bench.try_fold(&event);
        if restarts {
            bench.restart();
        }
    }
    bench
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whether state is kept, stored and restored at every event, or folded again from the log.
    #[test]
    fn the_same_however_it_came_about(steps in prop::collection::vec(step(), 1..120), known_first in any::<bool>()) {
        let mut all = Vec::new();
        if known_first {
            all.extend((0..53).map(Step::Know));
            all.push(Step::Rate(65));
            all.extend((0..11).map(Step::Add));
        }
        all.extend(steps);
        let live = run(&all, false);
        let restored = run(&all, true);
        prop_assert_eq!(&live.signals, &restored.signals);
        prop_assert_eq!(export(&live.engine), export(&restored.engine));
        let again = Bench::with(&live.logged);
        prop_assert_eq!(&live.signals, &again.signals);
        prop_assert_eq!(export(&live.engine), export(&again.engine));
    }
}
