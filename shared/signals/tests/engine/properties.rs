//! What holds for any events.

use proptest::prelude::*;
use tickwire_market::{Tick, Timeframe, UnixNanos};
use tickwire_signals::{Event, Folded, ReferenceChange, Signal, WarmUp, coarsen};
use tickwire_streams::Offset;

use crate::bench::*;

const INSTRUMENTS: [&str; 5] = [
    "NSE@NIFTY@IDX",
    "NFO@NIFTY@FUT@2024-07-25",
    "NASDAQ@AAPL@EQ",
    "FX@EURUSD@SPOT",
    "BINANCE@BTCUSDT@SPOT",
];

const STREAMS: [(&str, &str, &str); 19] = [
    ("public", "tick", "price"),
    ("public", "1m", "bars"),
    ("public", "5m", "bars"),
    ("public", "1h", "bars"),
    ("public", "1d", "bars"),
    ("common", "1m", "sma(close,3)"),
    ("common", "1m", "close>sma(close,3) and volume>10"),
    ("common", "1m", "ema(sma(close,3),4)"),
    ("common", "5m", "macd(close,2,3,2)"),
    ("common", "5m", "atr(2)"),
    ("common", "1m", "vwap_session()"),
    ("common", "1h", "rsi(close,2)"),
    ("common", "tick", "ema(close,4)"),
    ("personal/u1", "1m", "sma(close,3)"),
    ("common", "1m", "sma(close@5m,2)>close[BINANCE@BTCUSDT@SPOT]"),
    ("common", "5m", "ema(close/close[FX@EURUSD@SPOT],3)@1h"),
    (
        "common",
        "1m",
        "crosses_above(close,shift(sma(close,2)[BINANCE@BTCUSDT@SPOT],2))",
    ),
    (
        "common",
        "tick",
        "if(ask-bid>0,shift(close@1m,1),oi[FX@EURUSD@SPOT])",
    ),
    (
        "personal/u1",
        "5m",
        "(close/close[NASDAQ@AAPL@EQ])[FX@EURUSD@SPOT]",
    ),
];

/// What happens next, times as seconds from what happened before.
#[derive(Clone, Debug)]
enum Step {
    Tick {
        instrument: usize,
        after: i64,
        late: i64,
        cents: u32,
        volume: Option<u32>,
        size: Option<u32>,
    },
    Clock {
        after: i64,
    },
    Add {
        instrument: usize,
        stream: usize,
    },
    Remove {
        instrument: usize,
        stream: usize,
    },
    Split {
        instrument: usize,
        ratio: f64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let instrument = 0..INSTRUMENTS.len();
    let after = prop_oneof![12 => 0i64..20, 4 => 20i64..90, 2 => 90i64..4_000, 1 => 10_000i64..90_000];
    let late = prop_oneof![6 => Just(0i64), 3 => 0i64..5, 1 => 5i64..400];
    let tick = (
        instrument.clone(),
        after.clone(),
        late,
        9_000u32..11_000,
        prop::option::of(0u32..100_000),
        prop::option::of(0u32..50),
    )
        .prop_map(|(instrument, after, late, cents, volume, size)| Step::Tick {
            instrument,
            after,
            late,
            cents,
            volume,
            size,
        });
    let stream = 0..STREAMS.len();
    prop_oneof![
        30 => tick,
        5 => after.prop_map(|after| Step::Clock { after }),
        3 => (instrument.clone(), stream.clone()).prop_map(|(instrument, stream)| Step::Add { instrument, stream }),
        2 => (instrument.clone(), stream).prop_map(|(instrument, stream)| Step::Remove { instrument, stream }),
        1 => (instrument, prop::sample::select(vec![2.0, 0.5, 3.0]))
            .prop_map(|(instrument, ratio)| Step::Split { instrument, ratio }),
    ]
}

fn stream_key(instrument: usize, stream: usize) -> String {
    let (class, timeframe, expression) = STREAMS[stream];
    let expression = match expression {
        "price" | "bars" => expression.to_owned(),
        text => tickwire_signals::Expression::parse(text).unwrap().to_string(),
    };
    format!("{class}:{}:{timeframe}:{expression}", INSTRUMENTS[instrument])
}

/// Events of steps, after those that make the instruments known.
fn events(steps: &[Step]) -> Vec<Event> {
    let mut now = at("2024-07-05T09:50:00Z");
    let mut events: Vec<Event> = INSTRUMENTS.iter().map(|name| instrument(name)).collect();
    // Some streams are there from the start.
    events.extend(
        (0..INSTRUMENTS.len()).flat_map(|of| [1, 2, 5, 8].map(|stream| add(&stream_key(of, stream)))),
    );
    for step in steps {
        events.push(match *step {
            Step::Tick {
                instrument,
                after,
                late,
                cents,
                volume,
                size,
            } => {
                now = now.saturating_add(after * SECOND);
                let time = now.saturating_add(-late * SECOND);
                Event::Tick(Tick {
                    receive_time: now,
                    volume: volume.map(f64::from),
                    // Tenths: their sum depends on the order.
                    size: size.map(|tenths| f64::from(tenths) / 10.0),
                    ..tick(INSTRUMENTS[instrument], time, f64::from(cents) / 100.0)
                })
            }
            Step::Clock { after } => {
                now = now.saturating_add(after * SECOND);
                Event::Clock(now.saturating_add(-tickwire_signals::LATENESS_NANOS))
            }
            Step::Add { instrument, stream } => add(&stream_key(instrument, stream)),
            Step::Remove { instrument, stream } => remove(&stream_key(instrument, stream)),
            Step::Split { instrument, ratio } => Event::Reference(ReferenceChange::Split {
                instrument: key(INSTRUMENTS[instrument]),
                ratio,
                at: now,
                warm_up: vec![(Timeframe::MINUTE, WarmUp::default())],
            }),
        });
    }
    events
}

/// Text that tells every bit.
fn text(signals: &[Signal]) -> Vec<String> {
    signals.iter().map(|signal| format!("{signal:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_restored_engine_goes_on_bit_for_bit(
        steps in prop::collection::vec(step(), 0..250),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let events = events(&steps);
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(events.len())).collect();
        let (mut whole, mut restored) = (Bench::default(), Bench::default());
        for (place, event) in events.iter().enumerate() {
            if cuts.contains(&place) {
                restored.restart();
                prop_assert!(export(&whole.engine) == export(&restored.engine));
            }
            prop_assert_eq!(whole.fold(event), restored.fold(event), "{:?}", event);
        }
        prop_assert_eq!(text(&whole.signals), text(&restored.signals));
        prop_assert_eq!(&whole.bars, &restored.bars);
        prop_assert!(export(&whole.engine) == export(&restored.engine));
        prop_assert_eq!(whole.engine.counters(), restored.engine.counters());
    }

    #[test]
    fn what_is_logged_is_all_that_is_needed(steps in prop::collection::vec(step(), 0..250)) {
        let live = Bench::with(&events(&steps));
        let mut replayed = Bench::default();
        for event in &live.logged {
            prop_assert_eq!(replayed.fold(event), Folded::Changed);
        }
        prop_assert!(export(&live.engine) == export(&replayed.engine));
        prop_assert_eq!(text(&live.signals), text(&replayed.signals));
    }

    #[test]
    fn no_signal_depends_on_what_comes_later(
        steps in prop::collection::vec(step(), 1..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let events = events(&steps);
        let whole = Bench::with(&events);
        let first = Bench::with(&events[..cut.index(events.len())]);
        prop_assert_eq!(text(&first.signals), text(&whole.signals[..first.signals.len()]));
    }

    #[test]
    fn every_signal_names_the_one_before_it(steps in prop::collection::vec(step(), 0..250)) {
        let bench = Bench::with(&events(&steps));
        let mut last: Vec<Option<Offset>> = vec![None; bench.engine.streams().len()];
        for signal in &bench.signals {
            let before = last[signal.stream as usize].replace(signal.offset);
            prop_assert_eq!(signal.previous, before);
            prop_assert!(before < Some(signal.offset));
        }
        prop_assert_eq!(bench.engine.counters().signals, bench.signals.len() as u64);
        for (id, stream) in bench.engine.streams().iter().enumerate().filter(|(_, stream)| !stream.ended) {
            prop_assert_eq!(stream.latest.as_ref().map(|latest| latest.offset), last[id]);
        }
    }

    #[test]
    fn a_stream_more_changes_no_other(
        steps in prop::collection::vec(step(), 0..200),
        instrument in 0..INSTRUMENTS.len(),
        added in 0..STREAMS.len(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
    ) {
        let steps: Vec<Step> =
            steps.into_iter().filter(|step| !matches!(step, Step::Add { .. } | Step::Remove { .. })).collect();
        let events = events(&steps);
        let known = INSTRUMENTS.len() * 5;
        let places = [from, to].map(|place| known + place.index(events.len() - known + 1));
        let (from, to) = (places[0].min(places[1]), places[0].max(places[1]));
        let stream = stream_key(instrument, added);
        prop_assume!(![1, 2, 5, 8].contains(&added));
        let mut with = events.clone();
        with.insert(to, remove(&stream));
        with.insert(from, add(&stream));
        let (with, without) = (Bench::with(&with), Bench::with(&events));
        for of in 0..INSTRUMENTS.len() {
            for other in [1, 2, 5, 8].map(|other| stream_key(of, other)) {
                prop_assert_eq!(with.of(&other), without.of(&other), "{}", other);
            }
        }
        prop_assert_eq!(with.bars, without.bars);
    }

    #[test]
    fn only_changed_cells_differ(steps in prop::collection::vec(step(), 0..120)) {
        let mut bench = Bench::default();
        let mut before: Vec<Vec<u8>> = Vec::new();
        for event in events(&steps) {
            bench.fold(&event);
            let changed = bench.engine.take_changed();
            before.resize(bench.engine.cells(), Vec::new());
            for (cell, before) in before.iter_mut().enumerate() {
                let now = bench.engine.export_cell(cell);
                prop_assert!(changed.contains(&cell) || *before == now, "cell {} after {:?}", cell, event);
                *before = now;
            }
        }
        bench.engine.mark_all_changed();
        prop_assert_eq!(bench.engine.take_changed().len(), bench.engine.cells());
    }

    #[test]
    fn longer_bars_are_the_join_of_minutes(steps in prop::collection::vec(step(), 0..250)) {
        let steps: Vec<Step> = steps
            .into_iter()
            .filter(|step| matches!(step, Step::Tick { .. } | Step::Clock { .. }))
            .collect();
        let mut bench = Bench::with(&events(&steps));
        bench.clock(at("2025-03-01T00:00:00Z"));
        for (of, name) in INSTRUMENTS.iter().enumerate() {
            let name = key(name);
            let (minutes, days) = (bench.stored(&name, Timeframe::MINUTE), bench.stored(&name, Timeframe::DAY));
            prop_assert!(minutes.is_sorted_by(|a, b| a.end <= b.start));
            let calendar = bench.engine.calendar(&name).unwrap();
            let join = |timeframe| coarsen(&minutes, timeframe, calendar, UnixNanos(i64::MAX), None).closed;
            prop_assert_eq!(join(Timeframe::minutes(5).unwrap()), bench.bars_of(&stream_key(of, 2)));
            prop_assert_eq!(join(Timeframe::DAY), days);
        }
    }
}
