//! The checker finds what is planted.

use tickwire_market::{Calendar, InstrumentKey, Tick, Timeframe, UnixNanos};
use tickwire_service::group::{GroupState, Origin, TakeCounts};
use tickwire_signals::{PlanChange, ReferenceChange, SignalValue, WarmUp};
use tickwire_streams::SourceName;
use tickwire_wire::{Caused, LatestStream, LoggedEvent};

use super::*;

const TICKS: u64 = 40;

fn instrument() -> InstrumentKey {
    "NSE@NIFTY@IDX".parse().unwrap()
}

fn price_stream() -> String {
    StreamKey::price(instrument()).to_string()
}

fn tick(seq: u64) -> Tick {
    // A second apart from 09:15 in India on 2026-01-05.
    let time =
        UnixNanos(1_767_584_700_000_000_000 + i64::try_from(seq).unwrap() * 10 * UnixNanos::PER_SECOND);
    Tick::at(instrument(), time, 24_000.0 + seq as f64 / 4.0)
}

fn fold(state: &mut GroupState, source: &str, events: Vec<(u64, Event)>) -> Segment {
    let source: SourceName = source.into();
    let mut draft = state.draft();
    for (seq, event) in events {
        let origin = Origin {
            source: &source,
            epoch: 1,
            seq,
            sent: UnixNanos(0),
            now: UnixNanos(i64::MAX),
        };
        state.take(&mut draft, &origin, Ok(event), &mut TakeCounts::default());
    }
    state.close(draft, UnixNanos(1)).0
}

/// A log of three segments, and what it must hold.
fn whole() -> (GroupLog, Vec<Expected>) {
    let mut state = GroupState::default();
    let add = |timeframe, text: &str| {
        let stream = match text {
            "price" => StreamKey::price(instrument()),
            text => StreamKey::common(instrument(), timeframe, text),
        };
        Event::Plan(PlanChange::Add {
            stream,
            warm_up: WarmUp::default(),
        })
    };
    let reference = ReferenceChange::Instrument {
        instrument: instrument(),
        calendar: Calendar::of(&instrument()).unwrap(),
        tick_size: None,
    };
    let plan = vec![
        (1, Event::Reference(reference)),
        (2, add(Timeframe::TICK, "price")),
        (3, add(Timeframe::TICK, "ema(close,3)")),
        (4, add(Timeframe::MINUTE, "sma(close,2)")),
    ];
    let ticks = |range: std::ops::Range<u64>| range.map(|seq| (seq, Event::Tick(tick(seq)))).collect();
    let mut segments = vec![(1, fold(&mut state, "control", plan))];
    segments.push((2, fold(&mut state, "feed", ticks(0..TICKS / 2))));
    segments.push((3, fold(&mut state, "feed", ticks(TICKS / 2..TICKS))));
    let streams = (0u32..).zip(state.engine.streams());
    let streams = streams.filter_map(|(stream, found)| {
        Some(LatestStream {
            stream,
            latest: found.latest.clone()?,
        })
    });
    let latest = LatestRow {
        segment: 3,
        plan_version: state.engine.plan_version(),
        ticks: TICKS,
        set_aside: 0,
        written_at: UnixNanos(1),
        streams: streams.collect(),
    };
    let expected = (0..TICKS)
        .map(|seq| Expected {
            source: "feed".to_owned(),
            epoch: 1,
            seq,
            tick: tick(seq),
        })
        .collect();
    let group = "live/NIFTY".parse().unwrap();
    (
        GroupLog {
            group,
            segments,
            latest: Some(latest),
        },
        expected,
    )
}

/// Takes segment 2 apart, and packs it again as `change` leaves it.
fn tampered(change: impl FnOnce(&mut Vec<LoggedEvent>, &mut Vec<Signal>)) -> GroupLog {
    let (mut log, _) = whole();
    let segment = &log.segments[1].1;
    let mut events = Vec::new();
    segment.for_each_event(
        &mut events,
        |_, _| Some(instrument()),
        |events, logged| events.push(logged),
    );
    let mut signals = segment.signals(2);
    change(&mut events, &mut signals);
    let causes: Vec<u32> = signals
        .iter()
        .map(|signal| {
            let of_cause = |logged: &LoggedEvent| match &logged.event {
                Event::Tick(tick) => tick.exchange_time == signal.receive_time,
                _ => false,
            };
            events.iter().position(of_cause).unwrap_or(0) as u32
        })
        .collect();
    let again = Segment::new(
        segment.engine_version,
        segment.plan_version,
        segment.committed_at,
        segment.sources.clone(),
        Vec::new(),
    );
    log.segments[1].1 = again.pack(
        2,
        &events,
        |_| 0,
        |_| 1,
        &Caused {
            signals: &signals,
            causes: &causes,
            ..Caused::default()
        },
    );
    log
}

fn found(log: &GroupLog, expected: &[Expected]) -> String {
    check_log(log, expected, |_| false)
        .map_or_else(|violation| violation.to_string(), |_| "nothing".to_owned())
}

#[test]
fn a_whole_log_is_whole() {
    let (log, expected) = whole();
    let checked = check_log(&log, &expected, |_| true).unwrap();
    assert_eq!((checked.segments, checked.ticks), (3, TICKS));
    assert_eq!(checked.streams[&price_stream()].len() as u64, TICKS);
    assert_eq!(
        found(&tampered(|_, _| {}), &expected),
        "nothing",
        "packing again changes nothing"
    );
}

#[test]
fn what_is_planted_in_a_log_is_found() {
    let (_, expected) = whole();
    let check = |what: &str, log: GroupLog, words: &str| {
        let found = found(&log, &expected);
        assert!(found.contains(words), "{what}: found {found}");
    };
    check(
        "a dropped signal",
        tampered(|_, signals| drop(signals.remove(7))),
        "the number of signals",
    );
    check(
        "a dropped tick",
        tampered(|events, _| drop(events.remove(7))),
        "does not fold",
    );
    check(
        "a changed value",
        tampered(|_, signals| change_a_value(signals)),
        "is not what its events fold to",
    );
    check(
        "a broken chain",
        tampered(|_, signals| signals[9].previous = signals[1].previous),
        "is not what its events fold to",
    );
    check(
        "swapped signals",
        tampered(|_, signals| signals.swap(4, 5)),
        "is not what its events fold to",
    );
    check(
        "a duplicated tick",
        tampered(|events, _| events.insert(5, events[4].clone())),
        "does not fold",
    );
    check(
        "swapped ticks",
        tampered(|events, _| {
            let (a, b) = (events[4].event.clone(), events[5].event.clone());
            (events[4].event, events[5].event) = (b, a);
        }),
        "is not what its events fold to",
    );
    check(
        "another source's number",
        tampered(|events, _| events[6].seq += 1),
        "tick 6 is",
    );
    let mut log = whole().0;
    log.segments.remove(1);
    check("a missing segment", log, "its number does not follow");
    let mut log = whole().0;
    log.segments.pop();
    check("a log cut short", log, "is the end");
    let mut log = whole().0;
    log.latest.as_mut().unwrap().streams[0].latest.offset = Offset(1);
    check("a latest row that is old", log, "latest row");
    let mut log = whole().0;
    log.latest.as_mut().unwrap().segment = 2;
    check("a latest row that is behind", log, "the log ends at 3");
}

fn change_a_value(signals: &mut [Signal]) {
    for signal in signals {
        if let SignalValue::Values(values) = &mut signal.value
            && let [tickwire_signals::Value::Number(number)] = &mut values[..]
        {
            *number = f64::from_bits(number.to_bits() + 1);
            return;
        }
    }
    panic!("no value to change");
}

/// A log that folds to itself, and yet is not what was sent: consistent forgeries.
#[test]
fn ticks_taken_twice_or_in_another_order_are_found() {
    let (log, expected) = whole();
    let check = |what: &str, expected: Vec<Expected>, words: &str| {
        let found = found(&log, &expected);
        assert!(found.contains(words), "{what}: found {found}");
    };
    // The log then has one more, or others, than were sent.
    let mut fewer = expected.clone();
    fewer.remove(11);
    check("a tick twice", fewer, "tick 11 is");
    let mut swapped = expected.clone();
    swapped.swap(20, 21);
    check("another order", swapped, "tick 20 is");
    let mut more = expected;
    more.push(Expected {
        seq: TICKS,
        ..more[0].clone()
    });
    check("a lost tick", more, "is the end");
}

fn items(logged: &[Logged]) -> Vec<Taken> {
    let link = |logged: &Logged| Taken {
        snapshot: false,
        offset: Some(logged.offset),
        previous: Some(logged.previous),
        count: 1,
        value: logged.value.clone(),
    };
    let mut items: Vec<Taken> = logged.iter().map(link).collect();
    items[0] = Taken {
        snapshot: true,
        previous: None,
        ..items[0].clone()
    };
    items
}

#[test]
fn what_is_planted_in_a_client_s_record_is_found() {
    let (log, expected) = whole();
    let logged = check_log(&log, &expected, |_| true)
        .unwrap()
        .streams
        .remove(&price_stream())
        .unwrap();
    let whole = items(&logged);
    assert_eq!(check_client("s", &whole, &logged).unwrap(), (TICKS - 1, 0));
    assert_eq!(
        check_client("s", &whole[5..], &logged).unwrap(),
        (TICKS - 5, 0),
        "it may begin later"
    );
    let mut conflated = whole.clone();
    conflated.splice(
        4..7,
        [Taken {
            count: 3,
            previous: whole[4].previous,
            ..whole[6].clone()
        }],
    );
    assert_eq!(
        check_client("s", &conflated, &logged).unwrap(),
        (TICKS - 1, 2),
        "conflation keeps the chain"
    );
    let mut spelled = whole.clone();
    spelled[3].value = spelled[3].value.replace(":", ": ");
    assert!(
        check_client("s", &spelled, &logged).is_ok(),
        "a value may be spelled otherwise"
    );

    let check = |what: &str, change: &dyn Fn(&mut Vec<Taken>), words: &str| {
        let mut taken = whole.clone();
        change(&mut taken);
        let found = check_client("s", &taken, &logged)
            .map_or_else(|found| found.to_string(), |_| "nothing".to_owned());
        assert!(found.contains(words), "{what}: found {found}");
    };
    check(
        "a dropped signal",
        &|taken| drop(taken.remove(8)),
        "item 8 has offset",
    );
    check(
        "a signal twice",
        &|taken| taken.insert(8, taken[7].clone()),
        "item 8 has offset",
    );
    check("another order", &|taken| taken.swap(8, 9), "item 8 has offset");
    check(
        "another value",
        &|taken| taken[8].value = r#"{"price":1}"#.to_owned(),
        "item 8 at",
    );
    check(
        "another link",
        &|taken| taken[8].previous = Some(None),
        "item 8 says",
    );
    check(
        "too little conflated",
        &|taken| taken[8].count = 2,
        "item 8 has offset",
    );
    check(
        "a snapshot between",
        &|taken| taken[8].snapshot = true,
        "item 8 is a snapshot",
    );
    check("the end missing", &|taken| drop(taken.pop()), "1 signals from");
    check("nothing", &Vec::clear, "nothing was taken");
}
