//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_aws::{Aws, Need, SystemClock};
use tickwire_service::deliver_signals::Deliver;
use tickwire_service::watermark::WATERMARK_KEY;
use tickwire_telemetry::Meter;
use tickwire_telemetry::export::{Invocations, of_deliver, of_meter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let watermark = Need::Secret(WATERMARK_KEY);
    let aws = Aws::from_environment(&[Need::Tables, Need::Queues, Need::Connections, watermark])?;
    let meter = Arc::<Meter>::default();
    let deliver = Deliver::new(aws.deliver_ports(&meter)?, aws.placement());
    let deliver = &deliver
        .marked_by(Arc::new(aws.secrets()))
        .within(aws.post_quota())
        .counting_in(Arc::new(aws.dynamo(meter.clone(), Arc::new(SystemClock))));
    let stats = deliver.stats();
    let counts = move || [of_meter(&meter.snapshot()), of_deliver(&stats)].concat();
    let invocations = &Invocations::new("deliver", counts);
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| {
        invocations.answer::<_, Error>(tickwire_deliver::handle(deliver, event.payload))
    }))
    .await
}
