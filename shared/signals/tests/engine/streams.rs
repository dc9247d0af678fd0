//! Streams: what they give, how they begin, and what is refused.

use proptest::prelude::*;
use tickwire_indicators::find;
use tickwire_market::{Bar, Quality, Quote, Tick, Timeframe, UnixNanos};
use tickwire_signals::{
    Absence, Engine, Event, Expression, Folded, ReferenceChange, SignalValue, Value, WarmUp, adjust, coarsen,
    split_bar,
};

use crate::bench::*;

const BTC: &str = "BINANCE@BTCUSDT@SPOT";

fn start() -> UnixNanos {
    at("2024-07-05T00:00:00Z")
}

fn common(timeframe: &str, expression: &str) -> String {
    format!("common:{BTC}:{timeframe}:{expression}")
}

fn bars(timeframe: &str) -> String {
    format!("public:{BTC}:{timeframe}:bars")
}

/// A tick a minute, at these prices, and the clock at the end.
fn minutes(bench: &mut Bench, prices: &[f64]) {
    for price in prices {
        minute(bench, *price, None);
    }
}

fn minute(bench: &mut Bench, price: f64, size: Option<f64>) {
    let time = bench
        .engine
        .last_tick(&key(BTC))
        .map_or(start(), |last| last.saturating_add(MINUTE));
    bench.fold(&Event::Tick(Tick {
        size,
        ..tick(BTC, time, price)
    }));
    bench.clock(time.saturating_add(MINUTE));
}

const NUMBER: fn(f64) -> Value = Value::Number;
const COLD: Value = Value::Absent(Absence::Cold);
const UNSOLVABLE: Value = Value::Absent(Absence::Unsolvable);

#[test]
fn absences_say_why() {
    let check = |expression: &str, bars: &[(f64, Option<f64>)], expected: &[Value]| {
        let stream = common("1m", expression);
        let mut bench = Bench::with(&[instrument(BTC), add(&stream)]);
        for (price, size) in bars {
            minute(&mut bench, *price, *size);
        }
        assert_eq!(bench.values(&stream), expected, "{expression}");
    };
    let prices = [(1.0, None), (2.0, None), (6.0, None)];
    check("sma(close,3)", &prices, &[COLD, COLD, NUMBER(3.0)]);
    check(
        "close/(close-2)",
        &prices,
        &[NUMBER(-1.0), UNSOLVABLE, NUMBER(1.5)],
    );
    check("-close", &prices, &[NUMBER(-1.0), NUMBER(-2.0), NUMBER(-6.0)]);
    // What an absence decides nothing about stays absent, what the other side decides is known.
    let (yes, no) = (Value::Truth(true), Value::Truth(false));
    check("close>0 and sma(close,3)>0", &prices, &[COLD, COLD, yes]);
    check("close<0 and sma(close,3)>0", &prices, &[no, no, no]);
    check("sma(close,3)>0 and close<0", &prices, &[no, no, no]);
    check("close>0 or sma(close,3)>0", &prices, &[yes, yes, yes]);
    check("sma(close,3)>0 or close<0", &prices, &[COLD, COLD, yes]);
    check("not sma(close,3)>5", &prices, &[COLD, COLD, yes]);
    // A hole in the input is not a bar for the indicator.
    check(
        "sma(1/(close-2),2)",
        &[(3.0, None), (2.0, None), (4.0, None)],
        &[COLD, UNSOLVABLE, NUMBER(0.75)],
    );
    let some = [
        (10.0, Some(1.0)),
        (20.0, None),
        (40.0, Some(1.0)),
        (40.0, Some(0.0)),
    ];
    check(
        "vwap()",
        &some,
        &[NUMBER(10.0), UNSOLVABLE, NUMBER(25.0), NUMBER(25.0)],
    );
    check(
        "volume",
        &some,
        &[NUMBER(1.0), UNSOLVABLE, NUMBER(1.0), NUMBER(0.0)],
    );
    check(
        "vwap()",
        &[(10.0, Some(0.0)), (10.0, Some(2.0))],
        &[COLD, NUMBER(10.0)],
    );
}

#[test]
fn outputs_stand_in_the_order_of_the_definition() {
    let (all, one) = (
        common("1m", "macd(close,2,3,2)"),
        common("1m", "macd(close,2,3,2).hist"),
    );
    let mut bench = Bench::with(&[instrument(BTC), add(&all), add(&one)]);
    minutes(&mut bench, &[1.0, 5.0, 2.0, 8.0, 3.0]);
    let hist = bench.values(&one);
    let outputs = Expression::parse("macd(close,2,3,2)").unwrap().outputs();
    let place = outputs.iter().position(|name| *name == "hist").unwrap();
    let whole: Vec<Value> = bench
        .signals
        .iter()
        .filter_map(|signal| match &signal.value {
            SignalValue::Values(values) if values.len() == outputs.len() => Some(values[place]),
            _ => None,
        })
        .collect();
    assert_eq!(whole, hist);
    assert!(matches!(hist[4], Value::Number(_)));
}

#[test]
fn a_mock_tick_marks_what_comes_of_it() {
    let price = format!("public:{BTC}:tick:price");
    let mut bench = Bench::with(&[instrument(BTC), add(&price), add(&bars("1m"))]);
    bench.fold(&Event::Tick(Tick {
        quality: Quality::Mock,
        ..tick(BTC, start(), 1.0)
    }));
    bench.clock(start().saturating_add(MINUTE));
    assert!(bench.signals.len() == 2 && bench.signals.iter().all(|signal| signal.mock));
    bench.fold(&Event::Tick(tick(BTC, start().saturating_add(MINUTE), 1.0)));
    assert!(!bench.signals[2].mock);
}

#[test]
fn a_tick_timeframe_computes_on_every_tick() {
    let stream = common("tick", "sma(close,2)");
    let mut bench = Bench::with(&[instrument(BTC), add(&stream)]);
    for (second, price) in [(0, 1.0), (1, 3.0), (2, 5.0)] {
        bench.tick(BTC, start().saturating_add(second * SECOND), price);
    }
    assert_eq!(bench.values(&stream), [COLD, NUMBER(2.0), NUMBER(4.0)]);
}

#[test]
fn refusals_leave_the_state_as_it_was() {
    let setup = || {
        let mut bench = Bench::with(&[
            instrument(BTC),
            add(&bars("5m")),
            add(&common("1m", "sma(close,2)")),
        ]);
        minutes(&mut bench, &[1.0, 2.0]);
        bench
    };
    let time = start().saturating_add(10 * MINUTE);
    let check = |event: Event, code: &str| {
        let mut bench = setup();
        let (before, changed) = (export(&bench.engine), bench.signals.len());
        let refusal = bench.try_fold(&event).unwrap_err();
        assert_eq!(refusal.code(), code, "{refusal}");
        assert_eq!(export(&bench.engine), before, "{code}");
        assert_eq!(
            (bench.signals.len(), bench.engine.watermark()),
            (changed, setup().engine.watermark())
        );
        // What would have closed is still to be closed.
        assert_eq!(bench.clock(start().saturating_add(5 * MINUTE)), Folded::Changed);
    };
    let bad = |change: fn(&mut Tick)| {
        let mut tick = tick(BTC, time, 100.0);
        change(&mut tick);
        let code = tick.check().unwrap_err().code();
        check(Event::Tick(tick), code);
    };
    bad(|tick| tick.price = f64::NAN);
    bad(|tick| tick.price = f64::NEG_INFINITY);
    bad(|tick| tick.price = 0.0);
    bad(|tick| tick.price = -1.0);
    bad(|tick| tick.price = 1e12);
    bad(|tick| tick.size = Some(-1.0));
    bad(|tick| tick.volume = Some(f64::NAN));
    bad(|tick| tick.open_interest = Some(-1.0));
    bad(|tick| {
        tick.bid = Some(Quote {
            price: -1.0,
            size: None,
        })
    });
    bad(|tick| {
        tick.depth = Some(Box::new(tickwire_market::Depth {
            bids: vec![
                Quote {
                    price: 1.0,
                    size: None
                };
                6
            ],
            asks: vec![],
        }))
    });
    bad(|tick| tick.receive_time = UnixNanos(tick.exchange_time.0 - 6 * SECOND));
    bad(|tick| tick.receive_time = UnixNanos(tick.exchange_time.0 + 8 * 24 * 60 * MINUTE));
    check(
        Event::Tick(tick("BINANCE@ETHUSDT@SPOT", time, 1.0)),
        "unknown_instrument",
    );
    let far = at("2200-01-01T00:00:00Z");
    check(Event::Tick(tick(BTC, far, 1.0)), "outside_calendar");
    check(
        add("common:BINANCE@ETHUSDT@SPOT:1m:sma(close,2)"),
        "unknown_instrument",
    );
    check(add(&common("7m", "smaa(close,2)")), "expression_invalid");
    check(add(&common("7m", "SMA( close, 2 )")), "expression_not_canonical");
    let split = |name: &str, ratio| {
        Event::Reference(ReferenceChange::Split {
            instrument: key(name),
            ratio,
            at: time,
            warm_up: Vec::new(),
        })
    };
    for ratio in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        check(split(BTC, ratio), "split_ratio_invalid");
    }
    check(split("BINANCE@ETHUSDT@SPOT", 2.0), "unknown_instrument");
}

#[test]
fn what_is_there_already_is_no_change() {
    let mut bench = Bench::with(&[instrument(BTC), add(&bars("5m"))]);
    bench.tick(BTC, start(), 1.0);
    let split = Event::Reference(ReferenceChange::Split {
        instrument: key(BTC),
        ratio: 2.0,
        at: start(),
        warm_up: vec![],
    });
    bench.fold(&split);
    let before = export(&bench.engine);
    for event in [instrument(BTC), add(&bars("5m")), remove(&bars("15m")), split] {
        assert_eq!(bench.fold(&event), Folded::Unchanged, "{event:?}");
    }
    assert_eq!(export(&bench.engine), before);
}

#[test]
fn a_stream_that_begins_again_begins_a_new_chain() {
    let stream = common("1m", "close+1");
    let mut bench = Bench::with(&[instrument(BTC), add(&stream)]);
    minutes(&mut bench, &[1.0, 2.0]);
    bench.fold(&remove(&stream));
    minutes(&mut bench, &[3.0]);
    bench.fold(&add(&stream));
    minutes(&mut bench, &[4.0]);
    let chain: Vec<_> = bench
        .signals
        .iter()
        .map(|signal| (signal.stream, signal.previous.is_some()))
        .collect();
    assert_eq!(chain, [(0, false), (0, true), (1, false)]);
    assert_eq!(bench.engine.plan_version(), 3);
    assert!(bench.engine.streams()[0].ended);
}

/// The sizes of the cell of the instrument with these streams.
fn cell_bytes(streams: &[String]) -> usize {
    let mut bench = Bench::with(&[instrument(BTC)]);
    for stream in streams {
        bench.fold(&add(stream));
    }
    minutes(&mut bench, &[1.0; 60]);
    bench.engine.export_cell(0).len()
}

#[test]
fn equal_expressions_share_one_state() {
    let rsi = "sma(close,50)";
    let alone = cell_bytes(&[common("1m", rsi)]);
    let personal = format!("personal/u1:{BTC}:1m:{rsi}");
    let both = cell_bytes(&[common("1m", rsi), personal, common("1m", "sma(close,50)>10")]);
    let other = cell_bytes(&[common("1m", rsi), common("1m", "sma(close,51)")]);
    assert!(
        both < alone + 400,
        "{both} bytes for three readers of one average, {alone} for one"
    );
    assert!(other > alone + 400, "{other} bytes for two averages");
}

fn split(ratio: f64, at: UnixNanos, warm_up: Vec<(Timeframe, WarmUp)>) -> Event {
    Event::Reference(ReferenceChange::Split {
        instrument: key(BTC),
        ratio,
        at,
        warm_up,
    })
}

#[test]
fn after_a_split_indicators_are_those_of_adjusted_bars() {
    for expression in [
        "sma(close,3)",
        "rsi(close,3)",
        "macd(close,2,3,2)",
        "atr(3)",
        "vwap()",
    ] {
        let Ok(expression) = Expression::parse(expression) else {
            panic!("{expression}")
        };
        let stream = common("1m", expression.as_str());
        let mut bench = Bench::with(&[instrument(BTC), add(&stream), add(&bars("1m")), add(&bars("1d"))]);
        for price in [100.0, 104.0, 98.0, 101.0, 107.0, 103.0] {
            minute(&mut bench, price, Some(10.0));
        }
        // A minute is still open when the news comes, and is closed by the first new price.
        let last = start().saturating_add(6 * MINUTE);
        bench.fold(&Event::Tick(Tick {
            size: Some(30.0),
            ..tick(BTC, last, 105.0)
        }));
        let from = start().saturating_add(7 * MINUTE);
        let mut history: Vec<Bar> = bench.bars.iter().map(|closed| closed.bar).collect();
        adjust(&mut history, &[(from, 3.0)]);
        let warm_up = WarmUp {
            closed: history.clone(),
            forming: None,
        };
        bench.fold(&split(3.0, from, vec![(Timeframe::MINUTE, warm_up)]));
        for price in [35.0, 36.0, 34.0, 37.0] {
            minute(&mut bench, price, Some(10.0));
        }
        // The same over adjusted bars from the start.
        let stored: Vec<Bar> = bench
            .bars
            .iter()
            .filter(|closed| closed.timeframe == Timeframe::MINUTE)
            .map(|closed| closed.bar)
            .collect();
        let traded = stored.iter().find(|bar| bar.start == last).unwrap();
        assert_eq!(traded.close, 105.0, "stored as traded");
        let mut adjusted = stored.clone();
        adjust(&mut adjusted, &[(from, 3.0)]);
        assert_eq!(adjusted[6], split_bar(traded, 3.0));
        let expected = batch(&expression, &adjusted);
        let seen = bench.of(&stream);
        assert_eq!(seen.len(), expected.len());
        assert_eq!(seen[6..], expected[6..], "{expression}");
        assert_eq!(
            bench.bars_of(&bars("1m"))[6],
            adjusted[6],
            "the stream of bars is in shares of today"
        );
        assert_eq!(bench.engine.splits(&key(BTC)), [(from, 3.0)]);
    }
}

/// Signals of an expression with one indicator over bars, by the indicator's batch form.
fn batch(expression: &Expression, bars: &[Bar]) -> Vec<String> {
    let tickwire_signals::Node::Indicator {
        definition,
        parameters,
        inputs,
        ..
    } = expression.root()
    else {
        panic!("{expression} is no indicator");
    };
    let mut chosen = inputs.iter();
    let columns: Vec<ndarray::Array1<f64>> = definition
        .inputs
        .iter()
        .map(|input| {
            let series = match (input, chosen.next()) {
                (tickwire_indicators::Input::Fixed(series), _) => Some(*series),
                (_, Some(tickwire_signals::Node::Series(series))) => Some(*series),
                _ => None,
            };
            let day = |bar: &Bar| (bar.start.0.div_euclid(24 * 60 * MINUTE)) as f64;
            bars.iter()
                .map(|bar| series.map_or_else(|| day(bar), |series| series.of(bar).unwrap_or(f64::NAN)))
                .collect()
        })
        .collect();
    let views: Vec<_> = columns.iter().map(|column| column.view()).collect();
    let values = find(definition.name)
        .unwrap()
        .build(parameters)
        .unwrap()
        .batch(&views)
        .unwrap();
    let rows = bars.iter().zip(values.columns()).map(|(bar, row)| {
        let values = row
            .iter()
            .map(|value| {
                if value.is_nan() {
                    COLD
                } else {
                    Value::number(*value)
                }
            })
            .collect();
        format!("{} {:?}", bar.end, SignalValue::Values(values))
    });
    rows.collect()
}

const EXPRESSIONS: [&str; 8] = [
    "sma(close,5)",
    "ema(hlc3,4)",
    "rsi(close,5)",
    "macd(close,3,6,4)",
    "atr(5)",
    "bbands(close,5,2,2)",
    "vwap()",
    "vwap_session()",
];

fn canonical(expression: &str) -> String {
    Expression::parse(expression)
        .unwrap_or_else(|e| panic!("{e}"))
        .to_string()
}

fn rich_tick(seconds: i64, cents: u32, size: u32) -> Event {
    let time = start().saturating_add(seconds * SECOND);
    Event::Tick(Tick {
        size: Some(f64::from(size) * 0.1),
        ..tick(BTC, time, f64::from(cents) / 100.0)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn streaming_is_batch_over_closed_bars(
        ticks in prop::collection::vec((0i64..100, 5_000u32..15_000, 0u32..50), 1..300),
    ) {
        let mut bench = Bench::with(&[instrument(BTC)]);
        for timeframe in ["1m", "5m", "1h"] {
            bench.fold(&add(&bars(timeframe)));
            for expression in EXPRESSIONS {
                bench.fold(&add(&common(timeframe, &canonical(expression))));
            }
        }
        let mut seconds = 0;
        for (gap, cents, size) in ticks {
            seconds += gap;
            bench.fold(&rich_tick(seconds, cents, size));
        }
        bench.clock(at("2024-07-07T00:00:00Z"));
        for timeframe in ["1m", "5m", "1h"] {
            let closed = bench.bars_of(&bars(timeframe));
            prop_assert!(closed.iter().all(|bar| bar.check().is_ok()));
            for expression in EXPRESSIONS {
                let expression = Expression::parse(expression).unwrap();
                prop_assert_eq!(bench.of(&common(timeframe, expression.as_str())), batch(&expression, &closed));
            }
        }
    }

    #[test]
    fn a_stream_added_live_is_as_one_that_was_there(
        ticks in prop::collection::vec((0i64..100, 5_000u32..15_000, 0u32..50), 2..300),
        cut in any::<prop::sample::Index>(),
        clocks in any::<bool>(),
    ) {
        let timeframes = ["1m", "5m", "7m", "1h", "1d"];
        let rules = ["close>ema(close,3) and macd(close,3,6,4).hist>0", "rsi(ema(close,3),5)"];
        let expressions: Vec<String> = EXPRESSIONS.iter().chain(&rules).map(|text| canonical(text)).collect();
        let streams: Vec<String> = timeframes
            .iter()
            .flat_map(|timeframe| {
                expressions.iter().map(|text| common(timeframe, text)).chain([bars(timeframe)])
            })
            .collect();
        let (mut from_start, mut live) = (Bench::with(&[instrument(BTC)]), Bench::with(&[instrument(BTC)]));
        for stream in &streams {
            from_start.fold(&add(stream));
        }
        let cut = cut.index(ticks.len());
        let mut seen = std::collections::BTreeMap::new();
        let mut seconds = 0;
        for (place, (gap, cents, size)) in ticks.into_iter().enumerate() {
            if place == cut {
                for text in &streams {
                    let timeframe = stream(text).stream.timeframe;
                    let base = tickwire_signals::base_timeframe(timeframe);
                    let stored = live.stored(&key(BTC), base);
                    let closed_until = live.engine.watermark().unwrap_or(UnixNanos(0));
                    let calendar = live.engine.calendar(&key(BTC)).unwrap();
                    let unsettled = live.engine.unsettled(&key(BTC));
                    let warm_up = coarsen(&stored, timeframe, calendar, closed_until, unsettled);
                    live.fold(&add_with(text, warm_up));
                    seen.insert(text.clone(), from_start.of(text).len());
                }
            }
            seconds += gap;
            for bench in [&mut from_start, &mut live] {
                bench.fold(&rich_tick(seconds, cents, size));
                if clocks && seconds % 3 == 0 {
                    bench.clock(start().saturating_add((seconds - 2) * SECOND));
                }
            }
        }
        for bench in [&mut from_start, &mut live] {
            bench.clock(at("2024-07-07T00:00:00Z"));
        }
        for (stream, skipped) in seen {
            prop_assert_eq!(&from_start.of(&stream)[skipped..], &live.of(&stream)[..], "{}", stream);
        }
    }
}

#[test]
fn damaged_state_is_refused() {
    let mut bench = Bench::with(&[
        instrument(BTC),
        add(&common("1m", "sma(close,3)")),
        add(&bars("1m")),
    ]);
    minutes(&mut bench, &[1.0, 2.0]);
    let (head, cell) = (bench.engine.export_head(), bench.engine.export_cell(0));
    let engine = Engine::restore(&head, std::slice::from_ref(&cell)).unwrap();
    assert_eq!(export(&engine), export(&bench.engine));
    assert!(Engine::restore::<&[u8]>(&head, &[]).is_err());
    assert!(Engine::restore(&head, &[cell.clone(), cell.clone()]).is_err());
    for len in 0..cell.len() {
        assert!(Engine::restore(&head, &[&cell[..len]]).is_err(), "{len} bytes");
    }
    for place in (0..cell.len()).step_by(7) {
        let mut spoiled = cell.clone();
        spoiled[place] ^= 0x55;
        // Refused or not, it must not bring the process down.
        if let Ok(engine) = Engine::restore(&head, &[spoiled]) {
            let mut bench = Bench {
                engine,
                ..Bench::default()
            };
            let _ = bench.try_fold(&Event::Tick(tick(BTC, start().saturating_add(9 * MINUTE), 1.0)));
        }
    }
}
