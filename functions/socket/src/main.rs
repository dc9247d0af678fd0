//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_aws::{Aws, Need, SystemClock};
use tickwire_service::limit_use::LimitUse;
use tickwire_service::manage_subscription::SubscriptionPorts;
use tickwire_service::watermark::WATERMARK_KEY;
use tickwire_socket::Socket;
use tickwire_telemetry::Meter;
use tickwire_telemetry::export::{Invocations, of_meter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let watermark = Need::Secret(WATERMARK_KEY);
    let aws = Aws::from_environment(&[Need::Tables, Need::Queues, Need::Connections, watermark])?;
    let (clock, meter) = (Arc::new(SystemClock), Arc::<Meter>::default());
    let store = Arc::new(aws.dynamo(meter.clone(), clock.clone()));
    let push = Arc::new(aws.posts(meter.clone())?);
    let enqueue = Arc::new(aws.queues(meter.clone())?);
    let ports = SubscriptionPorts::on(&store, push, enqueue, clock.clone());
    let limits = LimitUse::new(store, ports.access.clone(), clock);
    let socket = Socket::new(ports, aws.placement(), aws.universe()).limited_by(limits);
    let socket = &socket
        .for_origins(aws.origins())
        .marked_by(Arc::new(aws.secrets()));
    let invocations = &Invocations::new("socket", move || of_meter(&meter.snapshot()));
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| {
        invocations.answer::<_, Error>(tickwire_socket::handle(socket, event.payload))
    }))
    .await
}
