//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_aws::{Aws, Need, SystemClock, TokioTimer};
use tickwire_service::deliver_signals::{Deliver, DeliverPorts};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables, Need::Queues, Need::Connections])?;
    let store = Arc::new(aws.dynamo(Arc::default(), Arc::new(SystemClock)));
    let queues = Arc::new(aws.queues(Arc::default())?);
    let ports = DeliverPorts {
        groups: store.clone(),
        connections: store,
        push: Arc::new(aws.posts(Arc::default())?),
        park: queues.clone(),
        postpone: queues,
        timer: Arc::new(TokioTimer),
    };
    let deliver = &Deliver::new(ports, aws.placement());
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async {
        Ok::<_, Error>(tickwire_deliver::handle(deliver, event.payload).await)
    }))
    .await
}
