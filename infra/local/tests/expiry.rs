//! A stack that runs for days on files: its log does not grow.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "contracts/world.rs"]
#[expect(dead_code, reason = "this test uses a part")]
mod world;

use std::sync::Arc;
use std::time::Duration;

use tickwire::queue::{QueueOptions, Queues};
use tickwire::store::{DataDirectory, Engine};
use tickwire_aws::{Dynamo, OsEntropy};
use tickwire_market::{Calendar, InstrumentKey, Tick};
use tickwire_service::explain_signal::ExplainPorts;
use tickwire_service::ingest_ticks::{Ingest, IngestPorts};
use tickwire_service::ports::{Checkpoints as _, Clock as _, Groups as _, Log as _};
use tickwire_service::queue_message::QueueMessage;
use tickwire_service::replay_log::{Span, VerifyError, replay};
use tickwire_service::run_job::{Job, JobPorts, Jobs};
use tickwire_signals::ReferenceChange;
use tickwire_streams::{GroupKey, StreamKey};
use tickwire_telemetry::Meter;
use tickwire_wire::{Sender, plan_message, reference_message, ticks_message};

const BTC: &str = "BINANCE@BTCUSDT@SPOT";
const DAYS: u64 = 8;
const KEPT: Duration = Duration::from_secs(2 * 86_400);
/// Of two days, and of the one that the checkpoint at their beginning is of; one an hour.
const SEGMENTS_MAX: usize = 74;
/// Ticks of an hour.
const TICKS: u64 = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_a_stack_that_runs_on_is_bounded() {
    let home = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(home.path()).unwrap();
    let engine = Engine::open(&directory).unwrap();
    let clock = Arc::new(world::ManualClock::new());
    let meter = Arc::new(Meter::default());
    let store = Arc::new(Dynamo::new(engine.client(), "", meter.clone(), clock.clone()));
    let queue = Arc::new(Queues::memory(QueueOptions::default(), clock.clone(), meter));
    let ports = IngestPorts::on(&store, &queue, clock.clone(), Arc::new(OsEntropy));
    let of_jobs = JobPorts::from(&ports);
    let ingest = Arc::new(Ingest::new(ports));
    let jobs = Jobs::new(of_jobs, ingest.clone()).keeping_log(KEPT);
    let group: GroupKey = "live/BINANCE.0".parse().unwrap();
    let instrument: InstrumentKey = BTC.parse().unwrap();
    let sender = |seq: u64| Sender {
        group: &group,
        source: "feed",
        epoch: 1,
        seq,
        sent: clock.now(),
    };
    let mut messages = 0;
    let mut take = async |body: String| {
        messages += 1;
        let message = QueueMessage {
            id: messages.to_string(),
            group: group.to_string(),
            receipt: messages.to_string(),
            body,
            receive_count: 1,
        };
        assert_eq!(ingest.ingest(vec![message]).await, Vec::<String>::new());
    };
    let known = ReferenceChange::Instrument {
        instrument: instrument.clone(),
        calendar: Calendar::Crypto,
        tick_size: None,
    };
    take(reference_message(&sender(0), &[known])).await;
    let streams = [
        "public:BINANCE@BTCUSDT@SPOT:tick:price",
        "common:BINANCE@BTCUSDT@SPOT:1m:sma(close,3)",
    ];
    let streams = streams.map(|key| key.parse::<StreamKey>().unwrap());
    take(plan_message(&sender(0), &streams, &[])).await;

    for hour in 0..DAYS * 24 {
        clock.pass(Duration::from_secs(3_600));
        let ticks: Vec<Tick> = (0..TICKS)
            .map(|nth| Tick {
                size: Some(1.0),
                ..Tick::at(
                    instrument.clone(),
                    clock.now(),
                    100.0 + (nth * 37 % 90) as f64 / 7.0,
                )
            })
            .collect();
        take(ticks_message(&sender(hour * TICKS), &ticks)).await;
        let report = jobs.run(Job::Expire).await.unwrap();
        assert_eq!((report.groups, report.failed), (1, 0));
        if hour % 24 == 23 {
            let segments = store.read(&group, 1, usize::MAX).await.unwrap().len();
            assert!(segments <= SEGMENTS_MAX, "{segments} segments");
        }
    }
    let left = store.read(&group, 1, usize::MAX).await.unwrap();
    assert!(left.len() >= 48, "{} segments", left.len());
    let checkpoints = store.manifests(&group, u64::MAX, 100).await.unwrap();
    assert_eq!(checkpoints.last().unwrap().segment, left[0].number);

    // Of what is left every signal is still the same to the bit.
    let ports = ExplainPorts {
        log: store.clone(),
        checkpoints: store.clone(),
    };
    let whole = replay(&ports, &group, Span::default(), true, |_, _| Ok(())).await;
    let Err(VerifyError::Expired { first, from }) = whole else {
        panic!("{whole:?}")
    };
    let rest = replay(&ports, &group, Span { from, to: None }, true, |_, _| Ok(())).await;
    assert_eq!(rest.unwrap().segments, left.len() as u64 - 1);
    assert_eq!(first, left[0].number);

    // Also of a group that is not listed as active any more.
    clock.pass(Duration::from_secs(20 * 86_400));
    assert_eq!(store.groups().await.unwrap(), []);
    assert_eq!(jobs.run(Job::Expire).await.unwrap().acted, 1);
    let left = store.read(&group, 1, 1).await.unwrap();
    let last_two = store.manifests(&group, u64::MAX, 100).await.unwrap();
    assert_eq!((last_two.len(), last_two[1].segment), (2, left[0].number));
}
