//! Every tick once, in one order, whoever dies when.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tickwire_service::ingest_ticks::Ingest;
use tickwire_service::ports::{GroupRow, Groups as _};
use tickwire_service::queue_message::QueueMessage;
use tickwire_service::testing::{Call, Fault, Store, by_turns};

use crate::bench::*;

/// xorshift64*: what happens at a call is made of a seed alone.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// Something goes wrong at one call of `one_in`, and others come first at every second.
fn trouble(seed: u64, one_in: u64) -> impl FnMut(Call) -> Option<Fault> + Send {
    let mut dice = Dice(seed | 1);
    move |_| {
        if dice.roll(one_in) == 0 {
            let faults = [
                Fault::Before,
                Fault::After,
                Fault::Throttle,
                Fault::DieBefore,
                Fault::DieAfter,
            ];
            return Some(faults[dice.roll(faults.len() as u64) as usize]);
        }
        (dice.roll(2) == 0).then_some(Fault::Pause)
    }
}

/// Messages of two feeds, in the order of the queue, and how many ticks they hold.
fn feeds(shape: &[(bool, u8, u16)]) -> (Vec<QueueMessage>, usize) {
    let (mut messages, mut next, mut seconds) = (setup(), [0u64; 2], 0);
    for (place, (second, len, gap)) in shape.iter().enumerate() {
        let feed = usize::from(*second);
        let ticks: Vec<_> = (0..u64::from(*len) + 1)
            .map(|nth| {
                seconds += i64::from(*gap) % 40;
                let instrument = if (nth + place as u64).is_multiple_of(3) {
                    ETH
                } else {
                    BTC
                };
                tick(
                    instrument,
                    seconds,
                    100.0 + ((nth * 7 + place as u64 * 13) % 50) as f64 / 4.0,
                )
            })
            .collect();
        messages.push(ticks_of(["feed-a", "feed-b"][feed], 1, next[feed], &ticks));
        next[feed] += ticks.len() as u64;
    }
    (messages, (next[0] + next[1]) as usize)
}

fn clean_run(messages: &[QueueMessage]) -> Arc<Store> {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    for message in messages {
        take(&ingest, vec![message.clone()]);
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_tick_once_whoever_dies_when(
        shape in prop::collection::vec((any::<bool>(), 0u8..30, any::<u16>()), 1..14),
        seed in any::<u64>(),
        one_in in prop::sample::select(vec![6u64, 15, 40, 100]),
        shards in 1u16..3,
    ) {
        let (messages, ticks) = feeds(&shape);
        let store = Store::new(START);
        let row = GroupRow { epoch: "e1".into(), shards };
        futures_util::FutureExt::now_or_never(store.process().create_group(&group(), &row)).unwrap().unwrap();
        let mut dice = Dice(seed | 1);
        let mut consumers: Vec<Option<Ingest>> = vec![None, None];
        let mut queue = messages.clone();
        let mut rounds = 0;
        while !queue.is_empty() && rounds < 400 {
            rounds += 1;
            for consumer in &mut consumers {
                let ports = store.process_with(trouble(dice.roll(u64::MAX >> 33), one_in));
                consumer.get_or_insert_with(|| Ingest::new(ports.ingest_ports()));
            }
            store.advance(Duration::from_millis([0, 100, 3_000, 700_000, 4_000_000][dice.roll(5) as usize]));
            let len = 1 + dice.roll(queue.len().min(6) as u64) as usize;
            let batch: Vec<QueueMessage> = queue[..len].to_vec();
            // One consumer, the other, or both with the same messages: visibility ran out.
            let at_work: Vec<usize> = match dice.roll(4) {
                0 => vec![0, 1],
                1 => vec![1],
                _ => vec![0],
            };
            let outcomes: Vec<Option<Vec<String>>> = {
                let ingests: Vec<&Ingest> = at_work.iter().filter_map(|at| consumers[*at].as_ref()).collect();
                let futures = ingests.iter().map(|ingest| Box::pin(ingest.ingest(batch.clone())) as _).collect();
                by_turns(futures, |left| dice.roll(left as u64) as usize, 3_000)
            };
            let mut done = 0;
            for (consumer, outcome) in at_work.into_iter().zip(outcomes) {
                match outcome {
                    None => consumers[consumer] = None,
                    Some(failed) => {
                        let first = batch.iter().position(|message| failed.contains(&message.id));
                        let taken = first.unwrap_or(batch.len());
                        prop_assert!(batch[taken..].iter().all(|message| failed.contains(&message.id)));
                        done = done.max(taken);
                    }
                }
            }
            // Now and then the acknowledgement itself is lost.
            if dice.roll(5) > 0 {
                queue.drain(..done);
            }
        }
        let last = ingest(&store.process());
        take(&last, queue);
        prop_assert!(futures_util::FutureExt::now_or_never(last.reconcile(&group())).unwrap().is_ok());

        check_promises(&store);
        let mut seen = logged(&store, &["feed-a", "feed-b"]);
        prop_assert_eq!(seen.len(), ticks);
        seen.sort();
        seen.dedup();
        prop_assert_eq!(seen.len(), ticks, "none twice");
        prop_assert!(store.content().parked.is_empty());
        let clean = clean_run(&messages);
        check_promises(&clean);
        let ((state, signals, _), (clean_state, clean_signals, _)) = (fold_log(&store), fold_log(&clean));
        prop_assert_eq!(state.engine.counters().ticks, ticks as u64);
        prop_assert_eq!(state.set_aside, 0);
        prop_assert_eq!(values(&state, &signals), values(&clean_state, &clean_signals));
    }
}

/// A message of 10,000 ticks, with everything in it that a feed can tell.
fn large() -> QueueMessage {
    let ticks: Vec<_> = (0..10_000)
        .map(|n| tick(BTC, n / 50, 100.0 + (n % 400) as f64 / 8.0))
        .collect();
    ticks_of("feed-a", 1, 0, &ticks)
}

#[test]
fn a_large_message_makes_several_segments() {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    take(&ingest, vec![large()]);
    check_promises(&store);
    let content = store.content();
    assert!(
        content.tables.log[&group()].len() > 2,
        "{} segments",
        content.tables.log[&group()].len()
    );
    for (number, bytes) in &content.tables.log[&group()] {
        assert!(
            bytes.len() <= tickwire_wire::segment_bytes_max,
            "segment {number} has {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn a_half_committed_message_resumes_inside() {
    let calls = {
        let store = Store::new(START);
        let process = store.process();
        let ingest = ingest(&process);
        take(&ingest, setup());
        let before = process.calls();
        take(&ingest, vec![large()]);
        before..process.calls()
    };
    for nth in calls {
        for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Before, Fault::After] {
            let store = Store::new(START);
            let dying = store.process_with(move |call| (call.nth == nth).then_some(fault));
            let first = ingest(&dying);
            take(&first, setup());
            let outcome = try_run(&first, vec![large()]);
            let next = ingest(&store.process());
            if outcome.is_none_or(|failed| !failed.is_empty()) {
                take(&next, vec![large()]);
            }
            next_reconciles(&next);
            check_promises(&store);
            let seen = logged(&store, &["feed-a"]);
            assert!(
                seen.iter().map(|(_, _, seq)| *seq).eq(0..10_000),
                "{fault:?} at call {nth}: {}",
                seen.len()
            );
        }
    }
}

pub(crate) fn next_reconciles(ingest: &Ingest) {
    futures_util::FutureExt::now_or_never(ingest.reconcile(&group()))
        .unwrap()
        .unwrap();
}

#[test]
fn wide_ticks_of_many_sources_still_fit_a_row() {
    // Numbers that no power of ten makes whole, times of one nanosecond, a source a tick.
    let wild = |n: i64| {
        let number = (1.0 + n as f64 / 7_001.0).sqrt() * 100.0;
        let quote = |factor: f64| {
            Some(tickwire_market::Quote {
                price: number * factor,
                size: Some(number / 3.0),
            })
        };
        tickwire_market::Tick {
            exchange_time: tickwire_market::UnixNanos(START.0 + n * 1_000_003),
            receive_time: tickwire_market::UnixNanos(START.0 + n * 1_000_003 + 77),
            size: Some(number / 11.0),
            volume: Some(number * n as f64),
            open_interest: Some(number / 13.0),
            bid: quote(0.99),
            ask: quote(1.01),
            ..tick(if n % 2 == 0 { BTC } else { ETH }, 0, number)
        }
    };
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, vec![instruments(&[BTC, ETH])]);
    let ticks: Vec<_> = (0..4_000).map(wild).collect();
    let many: Vec<_> = ticks
        .chunks(2)
        .enumerate()
        .map(|(n, ticks)| ticks_of(&format!("feed-{}", n % 50), 1, (n / 50) as u64 * 3, ticks))
        .collect();
    take(&ingest, many);
    let one = ticks_of("feed-x", 1, 0, &ticks[..2_500]);
    take(&ingest, vec![one]);
    for (number, bytes) in &store.content().tables.log[&group()] {
        assert!(
            bytes.len() <= tickwire_wire::segment_bytes_max,
            "segment {number} has {} bytes",
            bytes.len()
        );
    }
    check_promises(&store);
}

#[test]
fn bars_of_thousands_of_instruments_are_all_stored() {
    let names: Vec<String> = (0..4_500).map(|n| format!("BINANCE@C{n}USDT@SPOT")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, vec![instruments(&names)]);
    for (n, names) in names.chunks(1_500).enumerate() {
        let ticks: Vec<_> = names.iter().map(|name| tick(name, 1, 2.0)).collect();
        take(&ingest, vec![ticks_of("feed-a", 1, n as u64 * 1_500, &ticks)]);
    }
    take(
        &ingest,
        vec![ticks_of("feed-a", 1, 4_500, &[tick(names[0], 62, 2.0)])],
    );
    check_promises(&store);
    assert_eq!(fold_log(&store).2.len(), 4_500);
}
