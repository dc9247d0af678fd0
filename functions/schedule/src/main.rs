//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_aws::{Aws, Need, OsEntropy, SystemClock};
use tickwire_schedule::Event;
use tickwire_service::authenticate::JWT_KEY;
use tickwire_service::ingest_ticks::Ingest;
use tickwire_service::rotate_key::RotateKey;
use tickwire_service::run_job::Jobs;
use tickwire_telemetry::Meter;
use tickwire_telemetry::export::{Invocations, of_ingest, of_meter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables, Need::Queues, Need::Secret(JWT_KEY)])?;
    let meter = Arc::<Meter>::default();
    let ports = aws.ingest_ports(&meter)?;
    let (of_jobs, ingest) = ((&ports).into(), Arc::new(Ingest::new(ports)));
    let (stats, jobs) = (ingest.stats(), &Jobs::new(of_jobs, ingest));
    let (secrets, entropy, clock) = (
        Arc::new(aws.rotation()),
        Arc::new(OsEntropy),
        Arc::new(SystemClock),
    );
    let rotation = &RotateKey::new(secrets, entropy, clock, aws.secret_id(JWT_KEY)?);
    let counts = move || [of_meter(&meter.snapshot()), of_ingest(&stats)].concat();
    let invocations = &Invocations::new("schedule", counts);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| {
        invocations.measure(tickwire_schedule::answer(jobs, rotation, event.payload))
    }))
    .await
}
