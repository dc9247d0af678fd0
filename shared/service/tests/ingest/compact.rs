//! Blocks compacted into pages, and history beside the log: what readers see at each moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tickwire_market::{Bar, Timeframe, UnixNanos};
use tickwire_service::backfill::{
    Backfill, BackfillError, BackfillReport, BarProvider, HistoryRange, InstrumentReport, ProvidedBar,
};
use tickwire_service::placement::Placement;
use tickwire_service::ports::PortResult;
use tickwire_service::query_history::{BarsQuestion, PageOrder, QueryHistory};
use tickwire_service::run_job::Job;
use tickwire_service::testing::{Call, Fault, Process, Store};
use tickwire_signals::{SignalValue, Value};
use tickwire_streams::Universe;
use tickwire_wire::{BarRow, BarsPage, Sender, plan_message};

use crate::bench::*;
use crate::jobs::{jobs, run_job};
use crate::past::{asha, history, history_of};

const DAY: i64 = 86_400;
const MINUTES: [&str; 2] = ["1m", "7m"];

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

fn page(history: &QueryHistory, question: &BarsQuestion) -> Arc<BarsPage> {
    let page = history.bars(&asha(), question).now_or_never().unwrap();
    page.map_err(|fault| fault.into_body()).unwrap()
}

fn question(instrument: &str, timeframe: &str, order: PageOrder, limit: usize) -> BarsQuestion {
    BarsQuestion {
        universe: Universe::live(),
        instrument: key(instrument),
        timeframe: timeframe.parse().unwrap(),
        from: after(-30 * DAY),
        to: after(30 * DAY),
        limit,
        order,
        greeks: false,
    }
}

/// All pages of a question, oldest bar first.
fn all(history: &QueryHistory, mut question: BarsQuestion) -> Vec<BarRow> {
    let mut rows = Vec::new();
    loop {
        let page = page(history, &question);
        assert!(page.bars.len() <= question.limit);
        rows = match question.order {
            PageOrder::Oldest => [&rows[..], &page.bars].concat(),
            PageOrder::Newest => [&page.bars[..], &rows].concat(),
        };
        let Some(next) = &page.next else {
            return rows;
        };
        let next = UnixNanos(next.parse().unwrap());
        match question.order {
            PageOrder::Oldest => question.from = next,
            PageOrder::Newest => question.to = next,
        }
    }
}

/// Every way of asking, of both instruments.
fn seen(history: &QueryHistory) -> BTreeMap<String, Vec<BarRow>> {
    let mut seen = BTreeMap::new();
    for instrument in [BTC, ETH] {
        for timeframe in MINUTES.into_iter().chain(["1h", "1d"]) {
            let oldest = all(history, question(instrument, timeframe, PageOrder::Oldest, 5_000));
            for (order, limit) in [
                (PageOrder::Oldest, 700),
                (PageOrder::Newest, 5_000),
                (PageOrder::Newest, 700),
            ] {
                let other = all(history, question(instrument, timeframe, order, limit));
                assert_eq!(other, oldest, "{instrument} {timeframe} {order:?} {limit}");
            }
            seen.insert(format!("{instrument} {timeframe}"), oldest);
        }
    }
    seen
}

/// Three days of which BTC has a tick every two minutes and ETH few; some come when their minute
/// is closed.
fn world() -> Arc<Store> {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    let ticks: Vec<_> = (0..3 * DAY / 60)
        .flat_map(|minute| {
            let price = 100.0 + ((minute * 37) % 90) as f64 / 8.0;
            let btc = (minute % 2 == 0 && minute % 500 > 20).then(|| tick(BTC, minute * 60 + 5, price));
            let eth = (minute % 97 == 0).then(|| tick(ETH, minute * 60 + 9, price * 2.0));
            let late = (minute % 25 == 1).then(|| {
                let seconds = minute * 60;
                [
                    tick(BTC, seconds + 5, price),
                    tick(BTC, seconds - 30, price - 40.0),
                ]
            });
            btc.into_iter().chain(eth).chain(late.into_iter().flatten())
        })
        .collect();
    let mut seq = 0;
    for ticks in ticks.chunks(9) {
        take(&ingest, vec![ticks_of("feed-a", 1, seq, ticks)]);
        seq += ticks.len() as u64;
    }
    check_promises(&store);
    store
}

#[test]
fn what_was_corrected_is_what_is_read() {
    let store = world();
    let (_, _, closed) = fold_log(&store);
    let mut stands: BTreeMap<UnixNanos, Bar> = BTreeMap::new();
    let mut corrected = 0;
    for closed in closed {
        if closed.instrument == key(BTC) && closed.timeframe == Timeframe::MINUTE {
            corrected += usize::from(stands.insert(closed.bar.end, closed.bar).is_some());
        }
    }
    assert!(corrected > 5, "{corrected} in segments of their own");
    let stands: Vec<BarRow> = stands.into_values().map(BarRow::from).collect();
    let stored = || all(&history(&store), question(BTC, "1m", PageOrder::Oldest, 5_000));
    assert_eq!(stored(), stands);
    run_job(&jobs(&store.process()), Job::Compact);
    assert_eq!(stored(), stands);
    // The block of a bar as it was first told may outlive that of its correction.
    let mut blocks = world().content().tables.bars.clone();
    for blocks in blocks.values_mut() {
        let mut before = None;
        blocks.retain(|(first_end, _), _| before.replace(*first_end) != Some(*first_end));
    }
    store.content().tables.bars = blocks;
    assert_eq!(stored(), stands);
    run_job(&jobs(&store.process()), Job::Compact);
    assert_eq!(stored(), stands);
}

fn blocks(store: &Store) -> usize {
    store.content().tables.bars.values().map(BTreeMap::len).sum()
}

#[test]
fn readers_see_the_same_before_and_after() {
    let store = world();
    let before = seen(&history(&store));
    assert_eq!(before[&format!("{BTC} 1d")].len(), 2, "the third day is not over");
    let blocks_before = blocks(&store);
    assert!(blocks_before > 200, "{blocks_before}");
    let jobs = jobs(&store.process());
    assert_eq!(run_job(&jobs, Job::Compact).acted, 1);
    // The newest day's stay.
    let left = blocks(&store);
    assert!(left > 0 && left * 2 < blocks_before, "{left} of {blocks_before}");
    assert_eq!(seen(&history(&store)), before);
    assert_eq!(
        run_job(&jobs, Job::Compact).acted,
        0,
        "there is nothing left to do"
    );
    // When the day is over by the clock, its blocks go too.
    store.advance(Duration::from_secs(4 * DAY as u64));
    assert_eq!(run_job(&jobs, Job::Compact).acted, 1);
    assert_eq!(blocks(&store), 0);
    assert_eq!(seen(&history(&store)), before);
}

#[test]
fn a_compaction_that_is_cut_short_loses_nothing_and_is_done_again() {
    let whole = {
        let store = world();
        run_job(&jobs(&store.process()), Job::Compact);
        store.content().tables.bar_pages.clone()
    };
    let before = seen(&history(&world()));
    let effects = ["put_bar_page", "delete_blocks"];
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        for nth in [0, 1, 4, 8, 9] {
            let store = world();
            let mut calls = 0;
            let dying = store.process_with(move |call: Call| {
                calls += u64::from(effects.contains(&call.what));
                (effects.contains(&call.what) && calls == nth + 1).then_some(fault)
            });
            let _ = jobs(&dying).run(Job::Compact).now_or_never();
            assert_eq!(seen(&history(&store)), before, "{fault:?} at effect {nth}");
            run_job(&jobs(&store.process()), Job::Compact);
            assert_eq!(seen(&history(&store)), before, "{fault:?} at effect {nth}");
            let contents = |pages: &BTreeMap<_, BTreeMap<_, (u64, Vec<u8>)>>| {
                let bytes = pages
                    .values()
                    .flat_map(|pages| pages.values().map(|(_, bytes)| bytes.clone()));
                bytes.collect::<Vec<_>>()
            };
            let pages = contents(&store.content().tables.bar_pages);
            assert_eq!(pages, contents(&whole), "{fault:?} at effect {nth}");
        }
    }
}

#[test]
fn while_it_compacts_a_reader_sees_every_bar() {
    let before = seen(&history(&world()));
    let btc = &before[&format!("{BTC} 7m")];
    for turns in 0..40 {
        let store = world();
        let slow = || store.process_with(|_| Some(Fault::Pause));
        let jobs = jobs(&slow());
        let history = history_of(&slow());
        let asked = question(BTC, "7m", PageOrder::Newest, 5_000);
        let reader = asha();
        let mut turn = turns;
        let read = async {
            Some(
                history
                    .bars(&reader, &asked)
                    .await
                    .map_err(|fault| fault.into_body())
                    .unwrap(),
            )
        };
        let compact = async {
            jobs.run(Job::Compact).await.unwrap();
            None
        };
        let results = tickwire_service::testing::by_turns(
            vec![Box::pin(read), Box::pin(compact)],
            |left| {
                // The reader begins after some turns of the compaction, then they alternate.
                turn -= 1;
                if left == 1 {
                    0
                } else if turn >= 0 {
                    1
                } else {
                    usize::from(turn % 2 == 0)
                }
            },
            100_000,
        );
        let page = results.into_iter().flatten().flatten().next().unwrap();
        assert_eq!(&page.bars, btc, "after {turns} turns");
    }
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
    let group = group();
    let sender = Sender {
        group: &group,
        source: "plan",
        epoch: 1,
        seq: 0,
        sent: after(3),
    };
    let plan = plan_message(&sender, &[stream(mean), stream(hourly)], &[]);
    take(&ingest, vec![instruments(&[BTC, ETH]), message("plan", plan)]);
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

#[test]
fn what_two_hundred_ask_at_once_is_read_once() {
    let store = world();
    let reads = Arc::new(AtomicU64::new(0));
    let counted = reads.clone();
    let slow = store.process_with(move |call| {
        let is_of_bars = ["blocks", "block_names", "bar_pages", "plan"].contains(&call.what);
        counted.fetch_add(u64::from(is_of_bars), Ordering::Relaxed);
        Some(Fault::Pause)
    });
    let history = history_of(&slow);
    let ask = |limit| {
        let (history, question) = (&history, question(BTC, "7m", PageOrder::Newest, limit));
        async move {
            let page = history.bars(&asha(), &question).await;
            page.map_err(|fault| fault.into_body()).unwrap().bars.len()
        }
    };
    let run = |limits: Vec<usize>| {
        reads.store(0, Ordering::Relaxed);
        let futures = limits.iter().map(|limit| Box::pin(ask(*limit)) as _).collect();
        let mut turn = 0;
        let choose = |left: usize| {
            turn += 1;
            turn % left
        };
        let pages = tickwire_service::testing::by_turns(futures, choose, 1_000_000);
        assert!(
            pages
                .iter()
                .zip(&limits)
                .all(|(page, limit)| page.as_ref() == Some(limit))
        );
        reads.load(Ordering::Relaxed)
    };
    let alone = run(vec![100]);
    assert!(alone > 0);
    assert_eq!(run(vec![100; 200]), alone);
    assert_eq!(run([100, 50].repeat(100)), 2 * alone);
}
