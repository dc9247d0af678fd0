//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_aws::{Aws, Need, SystemClock};
use tickwire_service::manage_subscription::{ManageSubscription, SubscriptionPorts};
use tickwire_service::open_connection::OpenConnection;
use tickwire_socket::Socket;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables, Need::Queues, Need::Connections])?;
    let clock = Arc::new(SystemClock);
    let store = Arc::new(aws.dynamo(Arc::default(), clock.clone()));
    let ports = SubscriptionPorts {
        connections: store.clone(),
        groups: store.clone(),
        log: store.clone(),
        push: Arc::new(aws.posts(Arc::default())?),
        enqueue: Arc::new(aws.queues(Arc::default())?),
        grants: store,
        clock,
    };
    let socket = &Socket {
        connections: OpenConnection::new((&ports).into(), aws.placement(), aws.universe()),
        subscriptions: ManageSubscription::new(ports, aws.placement()),
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async {
        Ok::<_, Error>(tickwire_socket::handle(socket, event.payload).await)
    }))
    .await
}
