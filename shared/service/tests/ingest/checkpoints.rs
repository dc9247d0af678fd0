//! Checkpoints: written when due, used when whole, and never more than needed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tickwire_service::ingest_ticks::Ingest;
use tickwire_service::testing::{Fault, Store};
use tickwire_signals::ENGINE_VERSION;
use tickwire_wire::{Manifest, Segment, decode, encode};

use crate::bench::*;

const HOUR: Duration = Duration::from_secs(3_601);

/// Two ticks an hour: a checkpoint is due at every second batch, though the state is loaded anew each time.
pub(crate) fn hours(store: &Arc<Store>, ingest: &Ingest, hours: std::ops::Range<u64>) {
    for hour in hours {
        store.advance(HOUR);
        let seconds = i64::try_from(hour).unwrap() * 3_600;
        take(
            ingest,
            vec![ticks_of(
                "feed-a",
                1,
                hour * 2,
                &[tick(BTC, seconds, 100.0), tick(ETH, seconds + 1, 7.0)],
            )],
        );
    }
}

pub(crate) fn manifests(store: &Store) -> Vec<u64> {
    store
        .content()
        .tables
        .manifests
        .keys()
        .map(|(_, segment)| *segment)
        .collect()
}

fn with_checkpoints() -> (Arc<Store>, Ingest) {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    hours(&store, &ingest, 0..10);
    (store, ingest)
}

/// The last three checkpoints, oldest first.
fn newest(store: &Store) -> [u64; 3] {
    *manifests(store).last_chunk().unwrap()
}

#[test]
fn the_last_three_are_kept_and_the_first_of_each_day_with_their_pages_alone() {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    let mut written = std::collections::BTreeSet::new();
    // Four days and three hours; of BTC each day has ticks, of ETH the first.
    for hour in 0..99 {
        store.advance(HOUR);
        let seconds = i64::try_from(hour).unwrap() * 3_600;
        let mut ticks = vec![tick(BTC, seconds, 100.0)];
        ticks.extend((hour < 24).then(|| tick(ETH, seconds + 1, 7.0)));
        let seq = if hour < 24 { hour * 2 } else { 24 + hour };
        take(&ingest, vec![ticks_of("feed-a", 1, seq, &ticks)]);
        written.extend(manifests(&store));
    }
    let day = |segment: &u64| {
        let content = store.content();
        let segment: Segment = decode(&content.tables.log[&group()][segment]).unwrap();
        segment.committed_at.0 / (86_400 * SECOND)
    };
    let written: Vec<u64> = written.into_iter().collect();
    assert_eq!(
        written.len() as u64,
        ingest.stats().checkpoints.load(Ordering::Relaxed)
    );
    let (older, newest) = written.split_at(written.len() - 3);
    let mut expected: Vec<u64> = older
        .chunk_by(|a, b| day(a) == day(b))
        .map(|day| day[0])
        .collect();
    assert!(expected.len() >= 4, "{expected:?}");
    expected.extend(newest);
    assert_eq!(manifests(&store), expected);
    let content = store.content();
    let mut named = std::collections::BTreeSet::new();
    for bytes in content.tables.manifests.values() {
        let manifest: Manifest = decode(bytes).unwrap();
        named.extend(
            manifest
                .pages
                .iter()
                .map(|page| (group(), page.segment, page.page)),
        );
    }
    assert_eq!(
        content
            .tables
            .pages
            .keys()
            .cloned()
            .collect::<std::collections::BTreeSet<_>>(),
        named
    );
    drop(content);
    assert_eq!(load(&store).0, *manifests(&store).last().unwrap());
    check_promises(&store);
    // All of them are whole.
    for segment in expected.into_iter().rev() {
        assert_eq!(load(&store).0, segment);
        store.content().tables.manifests.remove(&(group(), segment));
    }
}

#[test]
fn much_log_makes_one_due() {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    for n in 0..40u64 {
        let ticks: Vec<_> = (0..1_500)
            .map(|nth| tickwire_market::Tick {
                volume: Some((n * 1_500 + nth) as f64 / 7.0),
                open_interest: Some(1.0 / (nth + 3) as f64),
                ..tick(BTC, i64::try_from(n).unwrap(), 100.0 + (nth as f64).sqrt())
            })
            .collect();
        take(&ingest, vec![ticks_of("feed-a", 1, n * 1_500, &ticks)]);
    }
    let bytes: usize = store.content().tables.log[&group()].values().map(Vec::len).sum();
    let written = ingest.stats().checkpoints.load(Ordering::Relaxed) as usize;
    assert!(
        written >= 1 && written <= bytes / 1_048_576,
        "{written} checkpoints for {bytes} bytes"
    );
    check_promises(&store);
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let check = |spoil: fn(&Store, u64), expected: usize| {
        let (store, _) = with_checkpoints();
        let kept = newest(&store);
        spoil(&store, kept[2]);
        assert_eq!(load(&store).0, kept[expected]);
        check_promises(&store);
        // Whoever goes on from the older one writes a whole one.
        let next = ingest(&store.process());
        take(&next, vec![ticks_of("feed-b", 1, 0, &[tick(BTC, 80_000, 5.0)])]);
        hours(&store, &next, 20..26);
        assert_eq!(load(&store).0, *manifests(&store).last().unwrap());
        check_promises(&store);
    };
    check(
        |store, segment| {
            let mut content = store.content();
            let page = content
                .tables
                .pages
                .iter_mut()
                .find(|((_, of, _), _)| *of == segment)
                .unwrap();
            page.1[5] ^= 1;
        },
        1,
    );
    check(
        |store, segment| {
            store
                .content()
                .tables
                .pages
                .retain(|(_, of, _), _| *of != segment);
        },
        1,
    );
    check(
        |store, segment| {
            store
                .content()
                .tables
                .manifests
                .get_mut(&(group(), segment))
                .unwrap()[3] ^= 1;
        },
        1,
    );
}

#[test]
fn with_every_checkpoint_damaged_the_log_is_folded_from_the_start() {
    let (store, _) = with_checkpoints();
    store.content().tables.pages.clear();
    assert_eq!(load(&store).0, 0);
    check_promises(&store);
}

#[test]
fn a_newer_engine_stops_this_one_and_loses_nothing() {
    let newer_segment = |store: &Store| {
        let mut content = store.content();
        let log = content.tables.log.get_mut(&group()).unwrap();
        let number = *log.last_key_value().unwrap().0 + 1;
        let segment = Segment::new(ENGINE_VERSION + 1, 0, START, Vec::new(), Vec::new());
        log.insert(number, encode(&segment).unwrap());
    };
    let newer_checkpoint = |store: &Store| {
        let mut content = store.content();
        let (key, bytes) = content.tables.manifests.last_key_value().unwrap();
        let (key, manifest) = (key.clone(), decode::<Manifest>(bytes).unwrap());
        let manifest = Manifest {
            engine_version: ENGINE_VERSION + 1,
            ..manifest
        };
        content.tables.manifests.insert(key, encode(&manifest).unwrap());
    };
    for spoil in [&newer_segment as &dyn Fn(&Store), &newer_checkpoint] {
        let (store, warm) = with_checkpoints();
        spoil(&store);
        let segments = store.content().tables.log[&group()].len();
        let message = || ticks_of("feed-b", 1, 0, &[tick(BTC, 80_000, 5.0)]);
        store.advance(Duration::from_secs(700));
        for consumer in [&warm, &ingest(&store.process())] {
            for receive_count in [1, 4] {
                let message = tickwire_service::queue_message::QueueMessage {
                    receive_count,
                    ..message()
                };
                assert_eq!(run(consumer, vec![message.clone()]), [message.id]);
            }
        }
        assert_eq!(
            store.content().tables.log[&group()].len(),
            segments,
            "nothing is folded"
        );
        assert_eq!(store.content().parked, []);
    }
}

#[test]
fn consumers_that_take_turns_leave_whole_checkpoints() {
    let names: Vec<String> = (0..50).map(|n| format!("BINANCE@C{n}USDT@SPOT")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let store = Store::new(START);
    let processes = [store.process(), store.process()];
    let consumers = processes.each_ref().map(ingest);
    take(&consumers[0], vec![instruments(&names)]);
    for round in 0..400u64 {
        store.advance(Duration::from_secs(250));
        // One of them cannot write checkpoints now and then, and so writes all pages later.
        processes[1].set_script(move |call| {
            (call.what == "put_manifest" && round % 40 < 13).then_some(Fault::Before)
        });
        let name = names[(round * 7 % 50) as usize];
        let seconds = i64::try_from(round).unwrap() * 250;
        take(
            &consumers[(round % 2) as usize],
            vec![ticks_of("feed-a", 1, round, &[tick(name, seconds, 2.0)])],
        );
        let newest = manifests(&store).last().copied().unwrap_or(0);
        assert_eq!(load(&store).0, newest, "round {round}: the newest is whole");
    }
    assert!(
        consumers
            .iter()
            .all(|consumer| consumer.stats().checkpoints.load(Ordering::Relaxed) > 5)
    );
    check_promises(&store);
}
