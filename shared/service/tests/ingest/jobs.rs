//! The jobs of the schedule.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tickwire_service::ingest_ticks::Ingest;
use tickwire_service::ports::Queue;
use tickwire_service::run_job::{Job, JobPorts, JobReport, Jobs};
use tickwire_service::testing::{Fault, Process, Store};

use crate::bench::*;

pub(crate) fn jobs(process: &Arc<Process>) -> Jobs {
    let ports = JobPorts {
        groups: process.clone(),
        log: process.clone(),
        checkpoints: process.clone(),
        bars: process.clone(),
        enqueue: process.clone(),
        clock: process.clone(),
    };
    Jobs::new(ports, Arc::new(Ingest::new(process.ingest_ports())))
}

pub(crate) fn run_job(jobs: &Jobs, job: Job) -> JobReport {
    jobs.run(job).now_or_never().unwrap().unwrap()
}

#[test]
fn the_clock_closes_what_no_tick_closes() {
    let store = Store::new(START);
    let process = store.process();
    let ingest = ingest(&process);
    take(&ingest, setup());
    take(&ingest, vec![ticks_of("feed-a", 1, 0, &[tick(BTC, 5, 100.0)])]);
    store.advance(Duration::from_secs(62));
    assert_eq!(
        run_job(&jobs(&process), Job::Clock),
        JobReport {
            groups: 1,
            acted: 1,
            failed: 0
        }
    );
    let clock = {
        let content = store.content();
        let (_, sent) = content
            .sent
            .iter()
            .find(|(queue, _)| *queue == Queue::Ticks)
            .unwrap();
        assert_eq!(sent.group, group().to_string());
        message("clock", sent.body.clone())
    };
    take(&ingest, vec![clock.clone()]);
    assert_eq!(fold_log(&store).2.len(), 1, "the minute is closed");
    let segments = store.content().tables.log[&group()].len();
    take(&ingest, vec![clock]);
    assert_eq!(
        store.content().tables.log[&group()].len(),
        segments,
        "a second one finds nothing to do"
    );
    check_promises(&store);
    // A group without events for days gets no clock.
    store.advance(Duration::from_secs(3 * 86_400));
    assert_eq!(run_job(&jobs(&process), Job::Clock).acted, 0);
}

#[test]
fn replays_and_simulations_keep_their_own_time() {
    let store = Store::new(START);
    let process = store.process();
    let row = tickwire_service::ports::GroupRow {
        epoch: "e".into(),
        shards: 1,
    };
    for group in ["replay-1/BINANCE.0", "sim-1/BINANCE.0", "live/BINANCE.0"] {
        store
            .content()
            .tables
            .groups
            .insert(group.parse().unwrap(), row.clone());
    }
    assert_eq!(
        run_job(&jobs(&process), Job::Clock),
        JobReport {
            groups: 3,
            acted: 1,
            failed: 0
        }
    );
}

#[test]
fn reconcile_publishes_what_the_dead_left() {
    for fault in [Fault::DieAfter, Fault::After] {
        let store = Store::new(START);
        take(&ingest(&store.process()), setup());
        let what = if fault == Fault::DieAfter {
            "append"
        } else {
            "send"
        };
        let dying = ingest(&store.process_with(move |call| (call.what == what).then_some(fault)));
        let outcome = try_run(&dying, vec![ticks_of("feed-a", 1, 0, &[tick(BTC, 5, 100.0)])]);
        assert_ne!(outcome, Some(Vec::new()));
        let process = store.process();
        store.advance(Duration::from_secs(60));
        let jobs = jobs(&process);
        assert_eq!(
            run_job(&jobs, Job::Reconcile),
            JobReport {
                groups: 1,
                acted: 1,
                failed: 0
            }
        );
        check_promises(&store);
        assert_eq!(run_job(&jobs, Job::Reconcile).acted, 0, "once is enough");
        let content = store.content();
        assert_eq!(
            content.tables.latest[&group()].0,
            content.tables.log[&group()].len() as u64
        );
    }
}

#[test]
fn one_group_that_fails_does_not_stop_the_others() {
    let store = Store::new(START);
    let row = tickwire_service::ports::GroupRow {
        epoch: "e".into(),
        shards: 1,
    };
    for group in ["live/A", "live/B", "live/C"] {
        store
            .content()
            .tables
            .groups
            .insert(group.parse().unwrap(), row.clone());
    }
    let mut sends = 0;
    let process = store.process_with(move |call| {
        sends += u32::from(call.what == "send");
        (call.what == "send" && sends == 2).then_some(Fault::Before)
    });
    assert_eq!(
        run_job(&jobs(&process), Job::Clock),
        JobReport {
            groups: 3,
            acted: 2,
            failed: 1
        }
    );
}

#[test]
fn what_is_computed_of_an_expired_contract_ends() {
    const OPTION: &str = "NFO@NIFTY@OPT@2024-07-11@CE@24000";
    let store = Store::new(START);
    let process = store.process();
    let group: tickwire_streams::GroupKey = "live/NIFTY".parse().unwrap();
    let row = tickwire_service::ports::GroupRow {
        epoch: "e".into(),
        shards: 1,
    };
    let streams = [
        format!("public:{OPTION}:tick:price"),
        format!("common:{OPTION}:tick:greeks()"),
        "common:NSE@NIFTY@IDX:1m:sma(close,2)".to_owned(),
        // The contract that others roll into.
        "common:NFO@NIFTY@FUT@2024-07-25:5m:sma(close,2)".to_owned(),
    ];
    let plan = tickwire_wire::PlanRow {
        streams: streams.to_vec(),
        chains: Vec::new(),
    };
    let bytes = tickwire_wire::encode(&plan).unwrap();
    store.content().tables.groups.insert(group.clone(), row);
    store.content().tables.plans.insert(group.clone(), (1, bytes));
    let jobs = jobs(&process);
    let removed = || {
        let content = store.content();
        let sent = content
            .sent
            .iter()
            .filter(|(_, message)| message.body.contains("greeks"));
        sent.map(|(_, message)| message.body.clone()).collect::<Vec<_>>()
    };
    run_job(&jobs, Job::Clock);
    assert_eq!(removed(), [""; 0], "it is traded for a week still");
    // Two days after 15:30 in India on its last day.
    store.advance(Duration::from_secs(8 * 86_400 + 10 * 3_600 + 1));
    run_job(&jobs, Job::Clock);
    let sent = removed();
    assert_eq!(sent.len(), 1);
    assert!(
        sent[0].contains(&streams[1]) && !sent[0].contains(":price") && !sent[0].contains("sma"),
        "{sent:?}"
    );
    run_job(&jobs, Job::Clock);
    assert_eq!(removed().len(), 1, "once in some hours is enough");
}
