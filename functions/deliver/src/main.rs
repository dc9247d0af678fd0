//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_aws::{Aws, Need, SystemClock, TokioTimer};
use tickwire_service::deliver_signals::{Deliver, DeliverPorts};
use tickwire_telemetry::Meter;
use tickwire_telemetry::export::{Invocations, of_deliver, of_meter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables, Need::Queues, Need::Connections])?;
    let meter = Arc::<Meter>::default();
    let store = Arc::new(aws.dynamo(meter.clone(), Arc::new(SystemClock)));
    let queues = Arc::new(aws.queues(meter.clone())?);
    let ports = DeliverPorts {
        groups: store.clone(),
        connections: store,
        push: Arc::new(aws.posts(meter.clone())?),
        park: queues.clone(),
        postpone: queues,
        timer: Arc::new(TokioTimer),
    };
    let deliver = &Deliver::new(ports, aws.placement());
    let stats = deliver.stats();
    let counts = move || [of_meter(&meter.snapshot()), of_deliver(&stats)].concat();
    let invocations = &Invocations::new("deliver", counts);
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| {
        invocations.answer::<_, Error>(tickwire_deliver::handle(deliver, event.payload))
    }))
    .await
}
