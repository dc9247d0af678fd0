//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_aws::{Aws, Need};
use tickwire_service::ingest_ticks::Ingest;
use tickwire_telemetry::Meter;
use tickwire_telemetry::export::{Invocations, of_ingest, of_meter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables, Need::Queues])?;
    let meter = Arc::<Meter>::default();
    let ingest = &Ingest::new(aws.ingest_ports(&meter)?);
    let stats = ingest.stats();
    let counts = move || [of_meter(&meter.snapshot()), of_ingest(&stats)].concat();
    let invocations = &Invocations::new("ingest", counts);
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| {
        invocations.answer::<_, Error>(tickwire_ingest::handle(ingest, event.payload))
    }))
    .await
}
