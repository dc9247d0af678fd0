//! Signals of the past, by pages, against all that the log holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use tickwire_entitlements::{Identity, Proof, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::access::Access;
use tickwire_service::placement::Placement;
use tickwire_service::query_history::{
    PastQuestion, QueryHistory, QueryPorts, past_segments_per_request_max,
};
use tickwire_service::testing::{Process, Store};
use tickwire_service::testing_sockets::{Sockets, Turns};
use tickwire_signals::{Latest, Signal};
use tickwire_streams::Universe;
use tickwire_wire::{SignalRow, SignalsPage};

use crate::bench::*;

const HOUR: &str = "common:BINANCE@BTCUSDT@SPOT:1h:sma(close,2)";
const SELDOM: &str = "public:BINANCE@ETHUSDT@SPOT:tick:price";
const SECONDS: i64 = 3 * 3_600;

/// Three hours of ticks, of which ETH has few; some come up to a second and a half late.
fn world() -> Arc<Store> {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    take(&ingest, vec![plan(&[HOUR, SELDOM], &[])]);
    let ticks: Vec<_> = (0..SECONDS)
        // Some quiet minutes.
        .filter(|second| second / 60 % 50 != 7)
        .flat_map(|second| {
            let price = 100.0 + ((second * 37) % 90) as f64 / 8.0;
            let mut btc = tick(BTC, second, price);
            if second % 11 == 0 {
                btc.exchange_time = btc.exchange_time.saturating_add(-SECOND * 3 / 2);
            }
            let eth = (second % 701 == 0).then(|| tick(ETH, second, price * 2.0));
            std::iter::once(btc).chain(eth)
        })
        .collect();
    let mut seq = 0;
    for (nth, ticks) in ticks.chunks(7).enumerate() {
        take(&ingest, vec![ticks_of("feed-a", 1, seq, ticks)]);
        seq += ticks.len() as u64;
        if nth % 40 == 0 {
            store.advance(std::time::Duration::from_secs(1));
        }
    }
    check_promises(&store);
    store
}

pub(crate) fn history(store: &Arc<Store>) -> QueryHistory {
    history_of(&store.process())
}

pub(crate) fn history_of(process: &Arc<Process>) -> QueryHistory {
    let sockets = Sockets::new();
    let ports = QueryPorts {
        groups: process.clone(),
        log: process.clone(),
        bars: process.clone(),
        access: Access::new(sockets.clone(), sockets.clone(), process.clone()),
        secrets: sockets,
        clock: process.clone(),
        timer: Arc::new(Turns(1)),
    };
    QueryHistory::new(ports, Placement::even(1), Universe::live(), "tokens")
}

pub(crate) fn asha() -> Identity {
    Identity {
        user: "asha".into(),
        tier: Tier::Premium,
        expires_at: UnixNanos(i64::MAX),
        proof: Proof::default(),
    }
}

fn question(key: &str, from: UnixNanos, to: UnixNanos, limit: usize) -> PastQuestion {
    PastQuestion {
        universe: Universe::live(),
        key: stream(key),
        from,
        to,
        limit,
        position: None,
    }
}

fn ask(history: &QueryHistory, question: &PastQuestion) -> SignalsPage {
    let page = history.past_signals(&asha(), question).now_or_never().unwrap();
    page.map_err(|fault| fault.into_body()).unwrap()
}

/// All pages of a question, in the order of the log, and how many there were.
fn all(history: &QueryHistory, mut question: PastQuestion) -> (Vec<SignalRow>, usize) {
    let mut rows = Vec::new();
    for pages in 1.. {
        let page = ask(history, &question);
        assert!(page.signals.len() <= question.limit);
        rows = [page.signals, rows].concat();
        match page.next {
            None => return (rows, pages),
            next => question.position = next,
        }
    }
    unreachable!()
}

#[test]
fn corrections_are_in_the_range_of_their_bar() {
    let streams = ["1m", "5m"].map(|timeframe| format!("public:{BTC}:{timeframe}:bars"));
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    let mut ticks = Vec::new();
    for second in (0..1_500).step_by(5) {
        ticks.push(tick(BTC, second, 100.0));
        if second % 35 == 0 && second > 60 {
            ticks.push(tick(BTC, second - 40, 90.0 + second as f64 / 1e3));
        }
    }
    for (nth, ticks) in (0..).zip(ticks.chunks(3)) {
        take(&ingest, vec![ticks_of("feed-a", 1, nth * 3, ticks)]);
    }
    check_promises(&store);
    let history = history(&store);
    for key in &streams {
        let whole = in_log(&store, key);
        let corrections = whole.iter().filter(|row| row.d["corrected"] == true).count();
        assert!(corrections > 2, "{key}: {corrections} of {}", whole.len());
        for from in (-60..1_500).step_by(60) {
            for to in (from..1_600).step_by(60) {
                let (rows, _) = all(&history, question(key, after(from), after(to), 4));
                let of_range = |row: &&SignalRow| row.t > Some(after(from)) && row.t <= Some(after(to));
                let expected: Vec<SignalRow> = whole.iter().filter(of_range).cloned().collect();
                assert_eq!(rows, expected, "{key} {from} {to}");
            }
        }
    }
    let price = format!("public:{BTC}:tick:price");
    for from in (0..1_400).step_by(7) {
        let (rows, _) = all(&history, question(&price, after(from), after(1_600), 4_000));
        let of_range = |row: &&SignalRow| row.t > Some(after(from));
        let expected: Vec<SignalRow> = in_log(&store, &price).iter().filter(of_range).cloned().collect();
        assert_eq!(rows, expected, "{price} {from}");
    }
}

/// What the log holds of a stream, as rows.
fn in_log(store: &Store, key: &str) -> Vec<SignalRow> {
    let (state, signals, _) = fold_log(store);
    let id = state.engine.stream_id(&stream(key)).unwrap();
    let outputs = tickwire_signals::Expression::parse(key.splitn(4, ':').nth(3).unwrap());
    let outputs = outputs.map_or_else(|_| Vec::new(), |expression| expression.outputs());
    let row = |signal: Signal| {
        let latest = Latest {
            offset: signal.offset,
            exchange_time: signal.exchange_time,
            receive_time: signal.receive_time,
            mock: signal.mock,
            value: signal.value,
        };
        SignalRow::of(key, Some(&latest), &outputs)
    };
    signals
        .into_iter()
        .filter(|signal| signal.stream == id)
        .map(row)
        .collect()
}

#[test]
fn a_range_is_what_the_log_holds_of_it() {
    let store = world();
    let history = history(&store);
    // Knuth's multiplier: places all over the range, the same each time.
    let mut state = 1_u64;
    let mut any = |below: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 1) as i64 % below
    };
    for key in STREAMS.iter().chain([&HOUR, &SELDOM]) {
        let known = in_log(&store, key);
        assert!(!known.is_empty(), "{key}");
        let check = |from: i64, to: i64, limit: usize| {
            let (from, to) = (UnixNanos(from), UnixNanos(to));
            let wanted = |row: &&SignalRow| row.t.is_some_and(|t| from < t && t <= to);
            let expected: Vec<SignalRow> = known.iter().filter(wanted).cloned().collect();
            let (rows, _) = all(&history, question(key, from, to, limit));
            assert!(
                rows == expected,
                "{key} ({from}, {to}] by {limit}: {} of {}",
                rows.len(),
                expected.len()
            );
        };
        check(0, i64::MAX, 4_096);
        check(0, START.0, 10);
        check(after(SECONDS + 60).0, i64::MAX, 10);
        for row in known.iter().step_by(known.len() / 5 + 1) {
            let t = row.t.unwrap().0;
            // The ends themselves: the first is left out, the last taken.
            check(t, t + 1, 1);
            check(t - 1, t, 3);
        }
        for _ in 0..40 {
            let mut ends = [0, 0].map(|_| START.0 + any(SECONDS * SECOND));
            ends.sort_unstable();
            check(ends[0], ends[1], 1 + any(3_000) as usize);
        }
    }
}

#[test]
fn only_segments_that_hold_the_stream_are_read() {
    let store = world();
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = reads.clone();
    let process = store.process_with(move |call| {
        if matches!(call.what, "between" | "read") {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        None
    });
    let history = history_of(&process);
    let check = |key: &str, to: UnixNanos, signals: usize, reads_max: usize| {
        reads.store(0, Ordering::Relaxed);
        let (rows, _) = all(&history, question(key, UnixNanos(0), to, 1_000));
        assert_eq!(rows.len(), signals, "{rows:?}");
        let reads = reads.load(Ordering::Relaxed);
        assert!(reads <= reads_max, "{key}: {reads} reads");
    };
    // The first tick is of the hour before the first; the third hour is still open. The newest
    // signal is looked for in the latest row and in the log behind it, which is one read.
    check(HOUR, after(SECONDS), 3, 4);
    check(HOUR, after(3_600), 2, 3);
    check(STREAMS[3], after(600), 10, 11);
}

#[test]
fn a_request_reads_so_much_and_no_more() {
    let store = world();
    let segments = store.content().segments(&group()).len();
    assert!(segments > past_segments_per_request_max, "{segments}");
    let history = history(&store);
    let key = STREAMS[0];
    let known = in_log(&store, key);
    // Of one signal a page, each page reads from where the last ended.
    let last = ask(&history, &question(key, UnixNanos(0), UnixNanos(i64::MAX), 1));
    assert_eq!(last.signals, known[known.len() - 1..]);
    let (rows, pages) = all(
        &history,
        question(key, UnixNanos(0), UnixNanos(i64::MAX), 100_000),
    );
    assert_eq!(rows.len(), known.len());
    assert_eq!(pages, segments.div_ceil(past_segments_per_request_max));
}

#[test]
fn a_tick_that_came_late_is_where_it_stands() {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    let ticks = [
        (10, 1.0),
        (70, 2.0),
        (20, 3.0),
        (80, 4.0),
        (200, 5.0),
        (30, 6.0),
        (210, 7.0),
    ];
    for (seq, (second, price)) in (0..).zip(ticks) {
        take(
            &ingest,
            vec![ticks_of("feed-a", 1, seq, &[tick(BTC, second, price)])],
        );
    }
    let history = history(&store);
    let prices = |from: i64, to: i64| -> Vec<f64> {
        let (rows, _) = all(&history, question(STREAMS[0], after(from), after(to), 2));
        rows.iter().map(|row| row.d["price"].as_f64().unwrap()).collect()
    };
    assert_eq!(prices(0, 1_000), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    // That of second 20 came with its successors, that of second 30 long after.
    assert_eq!(prices(0, 60), [1.0, 3.0]);
    assert_eq!(prices(60, 100), [2.0, 4.0]);
    assert_eq!(prices(100, 205), [5.0]);
}

#[test]
fn what_is_asked_wrongly() {
    let store = world();
    let history = history(&store);
    let slug = |question: &PastQuestion, user: &Identity| {
        let page = history.past_signals(user, question).now_or_never().unwrap();
        page.map(|page| page.signals.len())
            .map_err(|fault| fault.into_body().slug)
    };
    let whole = |key: &str| question(key, UnixNanos(0), UnixNanos(i64::MAX), 5);
    let refused = |slug: &str| Err(slug.to_owned());
    assert_eq!(slug(&whole(STREAMS[0]), &asha()), Ok(5));
    assert_eq!(
        slug(&whole("common:BINANCE@BTCUSDT@SPOT:1m:sma(close,99)"), &asha()),
        refused("not_available"),
        "no such stream is no empty page"
    );
    assert_eq!(
        slug(&whole("public:BINANCE@DOGEUSDT@SPOT:tick:price"), &asha()),
        refused("instrument_unknown")
    );
    let personal = "personal/ravi:BINANCE@BTCUSDT@SPOT:1m:sma(close,3)";
    assert_eq!(slug(&whole(personal), &asha()), refused("not_yours"));
    for position in ["", "1", "other:65536", "other"] {
        let asked = PastQuestion {
            position: Some(position.to_owned()),
            ..whole(STREAMS[0])
        };
        assert_eq!(slug(&asked, &asha()), refused("cursor_invalid"), "{position}");
    }
    // What lies further back is gone: what is there is given, and then it is said.
    let page = ask(&history, &question(STREAMS[0], UnixNanos(0), after(60), 10));
    let first = store.content().segments(&group())[0].0;
    let oldest = in_log(&store, STREAMS[0])[0].offset.unwrap().segment();
    store
        .content()
        .tables
        .log
        .get_mut(&group())
        .unwrap()
        .retain(|number, _| *number > oldest.max(first) + 1);
    let history = self::history(&store);
    let mut asked = question(STREAMS[0], UnixNanos(0), after(60), 100);
    let rest = ask(&history, &asked);
    assert!(!rest.signals.is_empty() && page.next.is_some());
    asked.position = rest.next;
    let gone = history.past_signals(&asha(), &asked).now_or_never().unwrap();
    assert_eq!(gone.unwrap_err().into_body().slug, "not_available");
}
