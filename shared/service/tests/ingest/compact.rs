//! Blocks compacted into pages: what readers see at each moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tickwire_market::{Bar, Timeframe, UnixNanos};
use tickwire_service::query_history::{BarsQuestion, PageOrder, QueryHistory};
use tickwire_service::run_job::Job;
use tickwire_service::testing::{Call, Fault, Store};
use tickwire_streams::Universe;
use tickwire_wire::{BarRow, BarsPage};

use crate::bench::*;
use crate::jobs::{jobs, run_job};
use crate::past::{asha, history, history_of};

pub(crate) const DAY: i64 = 86_400;
const MINUTES: [&str; 2] = ["1m", "7m"];

pub(crate) fn page(history: &QueryHistory, question: &BarsQuestion) -> Arc<BarsPage> {
    let page = history.bars(&asha(), question).now_or_never().unwrap();
    page.map_err(|fault| fault.into_body()).unwrap()
}

pub(crate) fn question(instrument: &str, timeframe: &str, order: PageOrder, limit: usize) -> BarsQuestion {
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
pub(crate) fn all(history: &QueryHistory, mut question: BarsQuestion) -> Vec<BarRow> {
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
pub(crate) fn world() -> Arc<Store> {
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
