//! Segments and publications come back to the bit, or not at all.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use tickwire_market::{InstrumentKey, UnixNanos};
use tickwire_signals::{Event, LATENESS_NANOS, PriceValue, Signal, SignalValue};
use tickwire_streams::{GroupKey, Offset, Position};
use tickwire_wire::{
    BinaryError, Caused, LoggedEvent, Publication, PublicationError, Segment, SetAside, SourceRow, decode,
    encode,
};

mod support;
use support::{INSTRUMENTS, bar, event, exact, time, value};

const NUMBER: u64 = 12;

/// An event with its source, the gap before its sequence number, and whether a
/// signal follows: what it carries and where the stream's last one was.
type Row = (
    Event,
    u32,
    u64,
    Option<(SignalSeed, u32, Option<(u64, u16)>, bool)>,
);

#[derive(Clone, Debug)]
enum SignalSeed {
    Price,
    Bar(tickwire_market::Bar),
    CorrectedBar(tickwire_market::Bar),
    Values(UnixNanos, Vec<tickwire_signals::Value>),
}

fn row() -> impl Strategy<Value = Row> {
    let seed = prop_oneof![
        Just(SignalSeed::Price),
        bar().prop_map(SignalSeed::Bar),
        bar().prop_map(SignalSeed::CorrectedBar),
        (time(), prop::collection::vec(value(), 0..4))
            .prop_map(|(time, values)| SignalSeed::Values(time, values)),
    ];
    let previous = prop::option::of((0..=NUMBER, any::<u16>()));
    let signal = (seed, any::<u32>(), previous, any::<bool>());
    (
        event(),
        0..3u32,
        prop_oneof![4 => Just(0u64), 1 => 1..1_000u64],
        prop::option::of(signal),
    )
}

struct Made {
    segment: Segment,
    events: Vec<LoggedEvent>,
    signals: Vec<Signal>,
}

fn make(rows: Vec<Row>) -> Made {
    let mut next = BTreeMap::<u32, u64>::new();
    let (mut events, mut signals, mut causes) = (Vec::new(), Vec::new(), Vec::new());
    for (event, source, gap, signal) in rows {
        let seq = next.entry(source).or_default();
        *seq += gap;
        let (exchange, receive) = match &event {
            Event::Tick(tick) => (tick.exchange_time, tick.receive_time),
            Event::Clock(time) => (*time, time.saturating_add(LATENESS_NANOS)),
            Event::Plan(_) | Event::Reference(_) => (UnixNanos(0), UnixNanos(0)),
        };
        if let Some((seed, stream, previous, mock)) = signal {
            let made = match (seed, &event) {
                (SignalSeed::Price, Event::Tick(tick)) => {
                    Some((exchange, SignalValue::Price(PriceValue::of(tick))))
                }
                (SignalSeed::Price, _) => None,
                (SignalSeed::Bar(bar), _) => Some((bar.end, SignalValue::Bar(bar))),
                (SignalSeed::CorrectedBar(bar), _) => Some((bar.end, SignalValue::CorrectedBar(bar))),
                (SignalSeed::Values(time, values), _) => Some((time, SignalValue::Values(values))),
            };
            if let Some((exchange_time, value)) = made {
                signals.push(Signal {
                    stream,
                    offset: Offset::new(NUMBER, signals.len() as u16),
                    previous: previous.map(|(segment, index)| Offset::new(segment, index)),
                    exchange_time,
                    receive_time: receive,
                    source,
                    mock,
                    value,
                });
                causes.push(events.len() as u32);
            }
        }
        events.push(LoggedEvent {
            source,
            seq: *seq,
            event,
        });
        *seq += 1;
    }
    let mut position = Position::default();
    position.take(3, 9);
    let mut head = Segment::default();
    head.engine_version = 1;
    head.plan_version = 4;
    head.committed_at = UnixNanos(5);
    head.sources = vec![SourceRow {
        name: "feed-1".into(),
        position,
        seen: UnixNanos(-6),
    }];
    head.set_aside = vec![SetAside {
        source: 0,
        seq: 3,
        code: "malformed".into(),
        detail: "x".into(),
    }];
    let place = |key: &InstrumentKey| {
        INSTRUMENTS
            .iter()
            .position(|known| *known == key.as_str())
            .unwrap() as u32
    };
    let segment = head.pack(
        NUMBER,
        &events,
        place,
        u64::from,
        &Caused {
            signals: &signals,
            causes: &causes,
            ..Caused::default()
        },
    );
    Made {
        segment,
        events,
        signals,
    }
}

fn events_of(segment: &Segment) -> (bool, Vec<LoggedEvent>) {
    let mut events = Vec::new();
    let key = |_: &Vec<LoggedEvent>, place: u32| InstrumentKey::parse(INSTRUMENTS.get(place as usize)?).ok();
    let whole = segment.for_each_event(&mut events, key, |events, event| events.push(event));
    (whole, events)
}

proptest! {
    #[test]
    fn a_segment_comes_back_to_the_bit(rows in prop::collection::vec(row(), 0..40)) {
        let made = make(rows);
        let read: Segment = decode(&encode(&made.segment).unwrap()).unwrap();
        prop_assert_eq!(exact(&read), exact(&made.segment));
        prop_assert_eq!(read.events_len(), made.events.len());
        prop_assert_eq!(read.signals_len(), made.signals.len());
        prop_assert!(read.runs().iter().all(|run| run.epoch == u64::from(run.source)));
        let (whole, events) = events_of(&read);
        prop_assert!(whole);
        prop_assert_eq!(exact(&events), exact(&made.events));
        prop_assert_eq!(exact(&read.signals(NUMBER)), exact(&made.signals));
        let odd: Vec<&Signal> = made.signals.iter().filter(|signal| signal.stream % 2 == 1).collect();
        prop_assert_eq!(exact(&read.signals_where(NUMBER, |stream| stream % 2 == 1)), exact(&odd));
    }

    #[test]
    fn a_publication_comes_back_to_the_bit(rows in prop::collection::vec(row(), 0..20)) {
        let publication = publication(make(rows).signals);
        let read = Publication::from_text(&publication.to_text().unwrap()).unwrap();
        prop_assert_eq!(exact(&read), exact(&publication));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), rows in prop::collection::vec(row(), 0..4)) {
        prop_assert!(decode::<Segment>(&bytes).is_err());
        // A content that was never written, under a checksum that fits.
        let mut content = encode(&make(rows).segment).unwrap();
        content.truncate(content.len() - 4);
        for (at, byte) in bytes.iter().enumerate().filter(|(_, byte)| **byte < 16) {
            if let Some(place) = content.get_mut(at + 1) {
                *place ^= byte;
            }
        }
        if let Ok(segment) = decode::<Segment>(&sealed(content)) {
            let _ = segment.signals(NUMBER);
            if segment.events_len() < 1_000_000 {
                let _ = events_of(&segment);
            }
        }
    }
}

fn publication(signals: Vec<Signal>) -> Publication {
    let group: GroupKey = "live/NIFTY".parse().unwrap();
    Publication {
        group,
        shard: 1,
        epoch: "k3".into(),
        segment: NUMBER,
        plan_version: 4,
        committed_at: UnixNanos(5),
        sources: vec!["feed-1".into()],
        signals,
    }
}

fn sample() -> Made {
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let rows = prop::collection::vec(row(), 30)
        .new_tree(runner)
        .unwrap()
        .current();
    make(rows)
}

/// `content` with a checksum that fits.
fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&content);
    content.extend_from_slice(&checksum.to_le_bytes());
    content
}

#[test]
fn an_epoch_has_its_own_run() {
    let check = |origins: &[(u32, u64, u64)], expected: &[(u32, u64, u64, u32)]| {
        let event = |(source, _, seq): &(u32, u64, u64)| LoggedEvent {
            source: *source,
            seq: *seq,
            event: Event::Clock(UnixNanos(7)),
        };
        let events: Vec<LoggedEvent> = origins.iter().map(event).collect();
        let mut position = Position::default();
        position.take(3, 9);
        let source = SourceRow {
            name: "feed-1".into(),
            position,
            seen: UnixNanos(6),
        };
        let asked = std::cell::Cell::new(0);
        let segment = Segment::new(1, 4, UnixNanos(5), vec![source.clone(), source], Vec::new()).pack(
            NUMBER,
            &events,
            |_| 0,
            |_| origins[asked.replace(asked.get() + 1)].1,
            &Caused::default(),
        );
        let read: Segment = decode(&encode(&segment).unwrap()).unwrap();
        assert_eq!(read, segment);
        let runs: Vec<_> = read
            .runs()
            .iter()
            .map(|run| (run.source, run.epoch, run.seq, run.events))
            .collect();
        assert_eq!(runs, expected, "{origins:?}");
        assert_eq!(events_of(&read), (true, events));
    };
    check(&[(0, 3, 7), (0, 3, 8), (0, 3, 9)], &[(0, 3, 7, 3)]);
    // The sender was replaced, and its successor counts on.
    check(&[(0, 2, 7), (0, 2, 8), (0, 3, 9)], &[(0, 2, 7, 2), (0, 3, 9, 1)]);
    // The same with a place for each epoch; then a gap, a source without a row.
    check(
        &[
            (0, 2, 8),
            (1, 3, 9),
            (1, 3, 11),
            (2, u64::MAX, u64::MAX),
            (0, 2, 9),
        ],
        &[
            (0, 2, 8, 1),
            (1, 3, 9, 1),
            (1, 3, 11, 1),
            (2, u64::MAX, u64::MAX, 1),
            (0, 2, 9, 1),
        ],
    );
}

#[test]
fn damaged_bytes_are_refused() {
    let bytes = encode(&sample().segment).unwrap();
    let damaged = BinaryError::Damaged {
        shape: "a segment of the log",
    };
    let check =
        |bytes: &[u8], at: usize| assert_eq!(decode::<Segment>(bytes), Err(damaged.clone()), "byte {at}");
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[at] ^= flip;
            check(&flipped, at);
        }
        check(&bytes[..at], at);
    }
    check(&[&bytes[..], &[0]].concat(), bytes.len());
}

#[test]
fn versions_and_left_over_bytes_are_refused() {
    let bytes = encode(&sample().segment).unwrap();
    let content = &bytes[..bytes.len() - 4];
    assert!(decode::<Segment>(&sealed(content.to_vec())).is_ok());
    let with_version = |version: u8| sealed([&[version], &content[1..]].concat());
    assert_eq!(
        decode::<Segment>(&with_version(4)),
        Err(BinaryError::Newer {
            shape: "a segment of the log",
            version: 4,
            version_max: 3
        })
    );
    assert!(matches!(
        decode::<Segment>(&with_version(0)),
        Err(BinaryError::Content { .. })
    ));
    let longer = sealed([content, &[0]].concat());
    let error = decode::<Segment>(&longer).unwrap_err().to_string();
    assert!(error.contains("1 bytes are left over"), "{error}");
}

#[test]
fn text_that_is_no_publication_is_refused() {
    for text in ["", "!", "AAAA", "AAAAAAAAAAAAAAAA"] {
        assert!(Publication::from_text(text).is_err(), "{text:?}");
    }
    assert!(matches!(
        Publication::from_text("="),
        Err(PublicationError::Text(_))
    ));
    let text = publication(sample().signals).to_text().unwrap();
    for at in 0..text.len() {
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        let mut damaged = text.clone();
        damaged.replace_range(at..=at, other);
        assert!(Publication::from_text(&damaged).is_err(), "character {at}");
    }
}
