//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_aws::{Aws, Need, OsEntropy, SystemClock};
use tickwire_schedule::ScheduleEvent;
use tickwire_service::ingest_ticks::{Ingest, IngestPorts};
use tickwire_service::run_job::Jobs;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables, Need::Queues])?;
    let clock = Arc::new(SystemClock);
    let store = Arc::new(aws.dynamo(Arc::default(), clock.clone()));
    let queues = Arc::new(aws.queues(Arc::default())?);
    let ports = IngestPorts {
        log: store.clone(),
        groups: store.clone(),
        checkpoints: store.clone(),
        bars: store,
        enqueue: queues.clone(),
        park: queues.clone(),
        postpone: queues,
        clock,
        entropy: Arc::new(OsEntropy),
    };
    let jobs = &Jobs::new((&ports).into(), Arc::new(Ingest::new(ports)));
    lambda_runtime::run(service_fn(|event: LambdaEvent<ScheduleEvent>| {
        tickwire_schedule::handle(jobs, event.payload)
    }))
    .await
}
