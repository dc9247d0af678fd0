//! History beside the log: what is told of it, and what stands against it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tickwire_market::{Bar, Timeframe, UnixNanos};
use tickwire_service::backfill::{
    Backfill, BackfillError, BackfillReport, BarProvider, HistoryRange, InstrumentReport, ProvidedBar,
};
use tickwire_service::placement::Placement;
use tickwire_service::ports::PortResult;
use tickwire_service::query_history::{BarsQuestion, PageOrder};
use tickwire_service::run_job::Job;
use tickwire_service::testing::{Process, Store};
use tickwire_signals::{SignalValue, Value};
use tickwire_streams::Universe;

use crate::bench::*;
use crate::compact::{DAY, all, page, question, world};
use crate::jobs::{jobs, run_job};
use crate::past::history;

/// Bars that are handed over as they are.
struct Provider(Vec<ProvidedBar>);

#[async_trait]
impl BarProvider for Provider {
    async fn pull(&mut self, _: &HistoryRange) -> PortResult<Vec<ProvidedBar>> {
        let rest = self.0.len().min(100);
        Ok(self.0.drain(..rest).collect())
    }
}

/// A minute of history that begins so many seconds after [`START`].
fn minute(seconds: i64, price: f64) -> Bar {
    Bar {
        start: after(seconds),
        end: after(seconds + 60),
        open: price,
        high: price + 1.0,
        low: price - 1.0,
        close: price + 0.5,
        volume: Some(10.0),
        open_interest: None,
        ticks: 4,
    }
}

fn provided(instrument: &str, bars: impl IntoIterator<Item = Bar>) -> Provider {
    let rows = (2..).zip(bars).map(|(line, bar)| ProvidedBar {
        line,
        bar: Ok((key(instrument), bar)),
    });
    Provider(rows.collect())
}

/// What was set aside, by line, and what became of the rest.
fn backfill(
    process: &Arc<Process>,
    timeframe: Timeframe,
    provider: Provider,
) -> (BackfillReport, Vec<(u64, String)>) {
    let mut set_aside = Vec::new();
    let report = try_backfill(process, timeframe, provider, &mut set_aside);
    (report.unwrap(), set_aside)
}

fn try_backfill(
    process: &Arc<Process>,
    timeframe: Timeframe,
    mut provider: Provider,
    set_aside: &mut Vec<(u64, String)>,
) -> Result<BackfillReport, BackfillError> {
    let range = HistoryRange {
        timeframe,
        from: UnixNanos(i64::MIN),
        to: UnixNanos(i64::MAX),
    };
    let backfill = Backfill::new(
        process.clone(),
        process.clone(),
        Placement::even(1),
        Universe::live(),
    );
    backfill
        .run(&mut provider, range, &mut |line, why| {
            set_aside.push((line, why.to_string()));
        })
        .now_or_never()
        .unwrap()
}

fn of<'a>(report: &'a BackfillReport, instrument: &str) -> &'a InstrumentReport {
    &report.instruments[&key(instrument)]
}

#[test]
fn what_the_log_closed_stands() {
    let store = world();
    let process = store.process();
    store.advance(Duration::from_secs(3_600));
    for compacted in [false, true] {
        let stored = all(&history(&store), question(BTC, "1m", PageOrder::Oldest, 5_000));
        let closed = Bar {
            start: stored[5].start,
            end: stored[5].end,
            open: stored[5].open,
            high: stored[5].high,
            low: stored[5].low,
            close: stored[5].close,
            volume: None,
            open_interest: Some(7.0),
            ticks: 99,
        };
        let other = Bar {
            close: closed.close + 0.25,
            high: closed.high + 1.0,
            ..closed
        };
        let (report, set_aside) = backfill(&process, Timeframe::MINUTE, provided(BTC, [closed, other]));
        let report = of(&report, BTC);
        assert_eq!((report.stored, report.known, report.different), (0, 1, 1));
        let [(3, why)] = &set_aside[..] else {
            panic!("{set_aside:?}");
        };
        let expected = format!("the log closed another bar that ends at {}", closed.end);
        assert!(
            why.starts_with(&expected) && why.contains("its high is "),
            "{why}"
        );
        assert_eq!(
            all(&history(&store), question(BTC, "1m", PageOrder::Oldest, 5_000)),
            stored
        );
        if !compacted {
            store.advance(Duration::from_secs(4 * DAY as u64));
            run_job(&jobs(&process), Job::Compact);
        }
    }
    // The other way round: history that was told first yields to what the log closes.
    let store = Store::new(START);
    let process = store.process();
    store.advance(Duration::from_secs(600));
    backfill(
        &process,
        Timeframe::MINUTE,
        provided(BTC, [minute(0, 50.0), minute(60, 51.0)]),
    );
    let ingest = ingest(&process);
    take(&ingest, setup());
    take(
        &ingest,
        vec![ticks_of(
            "feed-a",
            1,
            0,
            &[tick(BTC, 61, 70.0), tick(BTC, 130, 71.0)],
        )],
    );
    for _ in 0..2 {
        let bars = all(&history(&store), question(BTC, "1m", PageOrder::Oldest, 100));
        let closes: Vec<f64> = bars.iter().map(|bar| bar.close).collect();
        assert_eq!(closes, [50.5, 70.0]);
        store.advance(Duration::from_secs(4 * DAY as u64));
        run_job(&jobs(&process), Job::Compact);
    }
}

#[test]
fn history_is_told_once_and_what_cannot_be_is_set_aside() {
    let store = Store::new(START);
    store.advance(Duration::from_secs(200));
    let process = store.process();
    let bars = [
        minute(-3 * 60, 10.0),
        minute(-2 * 60, 11.0),
        // Again the same, and another.
        minute(-2 * 60, 11.0),
        minute(-2 * 60, 12.0),
        // Not aligned, too long, not over.
        minute(-59, 13.0),
        Bar {
            end: after(60),
            ..minute(-60, 13.0)
        },
        minute(0, 14.0),
        minute(120, 15.0),
        minute(180, 16.0),
        // Low above high.
        Bar {
            low: 99.0,
            ..minute(60, 14.0)
        },
    ];
    let told = || {
        let mut provider = provided(BTC, bars);
        provider.0.push(ProvidedBar {
            line: 99,
            bar: Err("it is no bar".to_owned()),
        });
        provider
    };
    let (report, set_aside) = backfill(&process, Timeframe::MINUTE, told());
    let lines: Vec<u64> = set_aside.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [6, 7, 5, 10, 11, 99], "{set_aside:?}");
    let of_btc = of(&report, BTC);
    assert_eq!(
        (of_btc.stored, of_btc.known, of_btc.different, of_btc.refused),
        (4, 1, 1, 4)
    );
    assert_eq!((of_btc.from, of_btc.to), (Some(after(-180)), Some(after(180))));
    assert_eq!((of_btc.missing, of_btc.gaps.len()), (2, 2));
    assert_eq!((report.refused_rows, report.set_aside()), (1, 6));
    let (again, _) = backfill(&process, Timeframe::MINUTE, told());
    assert_eq!((of(&again, BTC).stored, of(&again, BTC).known), (0, 5));
    let odd = try_backfill(&process, "5m".parse().unwrap(), told(), &mut Vec::new());
    let odd = odd.unwrap_err().to_string();
    assert!(odd.contains("are not stored"), "{odd}");
}

/// The values of a stream, in order.
fn values_of(store: &Store, key: &str) -> Vec<Value> {
    let (state, signals, _) = fold_log(store);
    let id = state.engine.stream_id(&stream(key)).unwrap();
    let of_stream = signals.iter().filter(|signal| signal.stream == id);
    let values = of_stream.filter_map(|signal| match &signal.value {
        SignalValue::Values(values) => Some(values[0]),
        _ => None,
    });
    values.collect()
}

#[test]
fn streams_are_warm_from_history() {
    let mean = "common:BINANCE@BTCUSDT@SPOT:1d:sma(close,200)";
    let hourly = "common:BINANCE@BTCUSDT@SPOT:1h:sma(close,3)";
    let (store, days) = (Store::new(START), 199);
    let process = store.process();
    store.advance(Duration::from_secs(60));
    let history = (-days..0).map(|day| Bar {
        start: after(day * DAY),
        end: after((day + 1) * DAY),
        ..minute(0, 1_000.0 + day as f64)
    });
    let (report, _) = backfill(&process, Timeframe::DAY, provided(BTC, history));
    assert_eq!((of(&report, BTC).stored, of(&report, BTC).missing), (199, 0));
    // Two hours and a half of minutes, up to now.
    let minutes = (-150..0).map(|at| minute(at * 60, 2_000.0 + at as f64));
    let (report, _) = backfill(&process, Timeframe::MINUTE, provided(BTC, minutes));
    assert_eq!(of(&report, BTC).stored, 150);
    // Before the first tick of all: history goes as far as the sender's clock.
    let ingest = ingest(&process);
    let plan = plan_sent(after(3), &[mean, hourly], &[]);
    take(&ingest, vec![instruments(&[BTC, ETH]), plan]);
    let day: Vec<_> = (0..25).map(|hour| tick(BTC, hour * 3_600 + 5, 3_000.0)).collect();
    take(&ingest, vec![ticks_of("feed-a", 1, 0, &day)]);
    check_promises(&store);
    let closes = (-days..0).map(|day| 1_000.5 + day as f64);
    let expected = (closes.sum::<f64>() + 3_000.0) / 200.0;
    match values_of(&store, mean)[..] {
        [Value::Number(value)] => assert!((value - expected).abs() < 1e-9, "{value} {expected}"),
        ref other => panic!("{other:?}"),
    }
    // The hours before, of which the first was cut, and the first one that is live.
    let hours = values_of(&store, hourly);
    let expected = (2_000.5 - 61.0 + 2_000.5 - 1.0 + 3_000.0) / 3.0;
    match hours[0] {
        Value::Number(value) => assert!((value - expected).abs() < 1e-9, "{value} {expected}"),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn no_stream_is_seeded_from_what_is_still_to_come() {
    let mean = "common:BINANCE@BTCUSDT@SPOT:1m:sma(close,3)";
    let store = Store::new(START);
    let process = store.process();
    // The group is at the fifth minute; history goes an hour beyond.
    store.advance(Duration::from_secs(4_000));
    backfill(
        &process,
        Timeframe::MINUTE,
        provided(BTC, (0..60).map(|at| minute(at * 60, 10.0 + at as f64))),
    );
    let ingest = ingest(&process);
    take(&ingest, vec![instruments(&[BTC, ETH])]);
    take(&ingest, vec![ticks_of("feed-a", 1, 0, &[tick(ETH, 303, 1.0)])]);
    take(&ingest, vec![plan(&[mean], &[])]);
    take(
        &ingest,
        vec![ticks_of(
            "feed-a",
            1,
            1,
            &[tick(BTC, 310, 20.0), tick(BTC, 370, 21.0)],
        )],
    );
    check_promises(&store);
    let expected = (13.5 + 14.5 + 20.0) / 3.0;
    assert_eq!(values_of(&store, mean), [Value::Number(expected)]);
}

#[test]
fn what_is_missing_is_told() {
    let store = Store::new(START);
    let process = store.process();
    store.advance(Duration::from_secs(1_000));
    let there = [0, 1, 4, 5, 6, 9].map(|at| minute(at * 60, 10.0));
    backfill(&process, Timeframe::MINUTE, provided(BTC, there));
    take(&ingest(&process), setup());
    let told = |timeframe, order, limit| {
        let question = BarsQuestion {
            from: after(0),
            ..question(BTC, timeframe, order, limit)
        };
        let gaps = page(&history(&store), &question).gaps.clone();
        let nanos = |time: UnixNanos| time.nanos_since(START) / (60 * SECOND);
        let gaps = gaps.iter().map(|gap| (nanos(gap.from), nanos(gap.to), gap.bars));
        gaps.collect::<Vec<_>>()
    };
    let all = [(2, 4, 2), (7, 9, 2)];
    assert_eq!(told("1m", PageOrder::Oldest, 100), all);
    assert_eq!(told("1m", PageOrder::Newest, 100), all);
    // A page tells those of its own range.
    assert_eq!(told("1m", PageOrder::Oldest, 3), all[..1]);
    assert_eq!(told("1m", PageOrder::Newest, 1), []);
    assert_eq!(told("1m", PageOrder::Newest, 2), all[1..]);
    assert_eq!(told("5m", PageOrder::Oldest, 100), []);
}
