//! The log's oldest segments go, and nothing that is needed does.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tickwire_service::expire_log::log_kept;
use tickwire_service::explain_signal::{ExplainError, ExplainPorts, explain};
use tickwire_service::ingest_ticks::Ingest;
use tickwire_service::load_group::LoadError;
use tickwire_service::ports::Clock as _;
use tickwire_service::replay_log::{Span, Verified, VerifyError, replay};
use tickwire_service::run_job::{Job, JobReport};
use tickwire_service::testing::{Fault, Store};
use tickwire_streams::Offset;

use crate::bench::*;
use crate::checkpoints::{hours, manifests};
use crate::jobs::{jobs, run_job};

const NOTHING: JobReport = JobReport {
    groups: 1,
    acted: 0,
    failed: 0,
};
const SOME: JobReport = JobReport { acted: 1, ..NOTHING };

/// So many days of log with a tick of each instrument an hour, then no more for so long that the
/// time of the first half of them is over.
fn old_store(days: u64) -> (Arc<Store>, Ingest) {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    hours(&store, &ingest, 0..days * 24);
    store.advance(log_kept - Duration::from_secs(days * 12 * 3_600));
    (store, ingest)
}

fn numbers(store: &Store) -> Vec<u64> {
    store.content().tables.log[&group()].keys().copied().collect()
}

fn expire(store: &Arc<Store>) -> JobReport {
    run_job(&jobs(&store.process()), Job::Expire)
}

fn ports(store: &Arc<Store>) -> ExplainPorts {
    let process = store.process();
    ExplainPorts {
        log: process.clone(),
        checkpoints: process,
    }
}

fn verify(store: &Arc<Store>, span: Span) -> Result<Verified, VerifyError> {
    let (ports, group) = (ports(store), group());
    replay(&ports, &group, span, true, |_, _| Ok(()))
        .now_or_never()
        .unwrap()
}

/// Where the log has to be cut: at the newest checkpoint of which the time is over.
fn base(store: &Arc<Store>) -> u64 {
    let segments: std::collections::BTreeMap<_, _> = store.content().segments(&group()).into_iter().collect();
    let now = store.process().now();
    let old = |segment: &u64| now.nanos_since(segments[segment].committed_at) > log_kept.as_nanos() as i64;
    manifests(store).into_iter().rev().find(old).unwrap()
}

#[test]
fn what_is_old_goes_and_the_state_stays() {
    let (store, ingest) = old_store(4);
    check_promises(&store);
    let (all, (_, signals, _), before) = (numbers(&store), fold_log(&store), load(&store));
    let (base, kept) = (base(&store), manifests(&store));
    assert_eq!(expire(&store), SOME);
    assert_eq!(numbers(&store), (base..=*all.last().unwrap()).collect::<Vec<_>>());
    let left = kept.into_iter().filter(|segment| *segment >= base);
    assert_eq!(manifests(&store), left.collect::<Vec<_>>());
    let after = load(&store);
    assert_eq!(after.0, before.0);
    assert!(export(&after.1) == export(&before.1));
    assert_eq!(expire(&store), NOTHING, "once is enough");

    // What was taken once is known to be, by one who comes anew too.
    let segments = numbers(&store).len();
    for consumer in [&ingest, &crate::bench::ingest(&store.process())] {
        let known = [tick(BTC, 0, 100.0), tick(ETH, 1, 7.0)];
        take(consumer, vec![ticks_of("feed-a", 1, 0, &known)]);
    }
    assert_eq!(numbers(&store).len(), segments);
    let new = tick(BTC, 40 * 86_400, 5.0);
    take(&ingest, vec![ticks_of("feed-b", 1, 0, &[new])]);
    assert_eq!(numbers(&store).len(), segments + 1);

    // What has gone is said to have, and what is left can be explained.
    let told = |offset: Offset| {
        let key = stream(STREAMS[0]);
        explain(&ports(&store), &group(), &key, offset)
            .now_or_never()
            .unwrap()
    };
    let mut of_stream = signals.iter().filter(|signal| signal.stream == 0);
    let gone = told(of_stream.next().unwrap().offset).unwrap_err();
    assert!(
        matches!(gone, ExplainError::Load(LoadError::Expired { first }) if first == base),
        "{gone}"
    );
    let first_left = of_stream.find(|signal| signal.offset.segment() > base).unwrap();
    assert!(told(first_left.offset).unwrap().bits_equal);

    // From any checkpoint that is left it can go on.
    let before = load(&store).1;
    for segment in manifests(&store).into_iter().rev() {
        let (loaded, state) = load(&store);
        assert!(loaded == segment && export(&state) == export(&before));
        store.content().tables.manifests.remove(&(group(), segment));
    }
}

#[test]
fn what_is_left_can_be_replayed() {
    let (store, _) = old_store(4);
    let whole = verify(&store, Span::default()).unwrap();
    assert_eq!(expire(&store), SOME);
    let error = verify(&store, Span::default()).unwrap_err();
    let VerifyError::Expired { first, from } = error else {
        panic!("{error}")
    };
    assert_eq!(first, numbers(&store)[0]);
    let text = error.to_string();
    assert!(
        text.contains(&format!("replayed from {} on", from.unwrap())),
        "{text}"
    );
    let left = verify(&store, Span { from, to: None }).unwrap();
    assert_eq!(left.segments + first, whole.segments);
    // A moment earlier is too early.
    let span = Span {
        from: from.map(|from| from.saturating_add(-1)),
        to: None,
    };
    assert!(matches!(verify(&store, span), Err(VerifyError::Expired { .. })));
}

#[test]
fn what_no_two_whole_checkpoints_stand_for_stays() {
    let check = |spoiled: &dyn Fn(u64, u64) -> bool, expected: JobReport| {
        let (store, _) = old_store(4);
        let (all, base) = (numbers(&store), base(&store));
        for segment in manifests(&store) {
            if spoiled(segment, base) {
                let mut content = store.content();
                content.tables.manifests.get_mut(&(group(), segment)).unwrap()[3] ^= 1;
            }
        }
        let before = load(&store);
        assert_eq!(expire(&store), expected);
        assert!(expected == SOME || numbers(&store) == all);
        let after = load(&store);
        assert!(before.0 == after.0 && export(&before.1) == export(&after.1));
        assert!(numbers(&store)[0] <= base);
    };
    check(&|_, _| false, SOME);
    check(&|segment, base| segment > base, NOTHING);
    check(&|segment, base| segment <= base, NOTHING);
    check(&|_, _| true, NOTHING);
    // The one before is cut at.
    check(&|segment, base| segment == base, SOME);

    // Of a group that has had few events none has gone.
    let store = Store::new(START);
    take(&ingest(&store.process()), setup());
    store.advance(log_kept * 3);
    assert_eq!(expire(&store), NOTHING);
    check_promises(&store);
}

#[test]
fn of_a_group_that_fell_silent_the_last_two_checkpoints_stay() {
    let (store, _) = old_store(2);
    store.advance(log_kept * 2);
    let before = (load(&store), manifests(&store));
    assert_eq!(expire(&store), SOME);
    assert_eq!(manifests(&store), before.1[before.1.len() - 2..]);
    assert_eq!(numbers(&store)[0], manifests(&store)[0]);
    assert!(export(&load(&store).1) == export(&before.0.1));
    assert_eq!(expire(&store), NOTHING);
}

#[test]
fn what_is_young_stays() {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    hours(&store, &ingest, 0..50);
    store.advance(log_kept - Duration::from_secs(52 * 3_600));
    assert_eq!(expire(&store), NOTHING);
    // Another time that it is kept.
    let (all, kept) = (numbers(&store), Duration::from_secs(24 * 3_600));
    let jobs = jobs(&store.process()).keeping_log(kept);
    assert_eq!(run_job(&jobs, Job::Expire), SOME);
    assert!(numbers(&store)[0] > all[0]);
    assert_eq!(numbers(&store)[0], manifests(&store)[0]);
}

#[test]
fn cut_short_it_goes_on() {
    for what in ["delete", "forget"] {
        for fault in [Fault::Before, Fault::After, Fault::Throttle, Fault::DieAfter] {
            let (store, _) = old_store(4);
            let (base, before) = (base(&store), load(&store));
            let process = store.process_with(move |call| (call.what == what).then_some(fault));
            let outcome = jobs(&process).run(Job::Expire).now_or_never();
            let failed = JobReport { failed: 1, ..NOTHING };
            assert!(
                outcome.is_none_or(|report| report.unwrap() == failed),
                "{what} {fault:?}"
            );
            assert!(export(&load(&store).1) == export(&before.1));
            expire(&store);
            assert_eq!(numbers(&store)[0], base, "{what} {fault:?}");
            assert_eq!(manifests(&store)[0], base, "{what} {fault:?}");
            assert_eq!(expire(&store), NOTHING);
        }
    }
}
