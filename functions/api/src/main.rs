//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_api::{Api, router};
use tickwire_aws::{Aws, Need, OsEntropy, SystemClock, TokioTimer};
use tickwire_service::authenticate::JWT_KEY;
use tickwire_service::query_history::QueryPorts;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables, Need::Secret(JWT_KEY)])?;
    let clock = Arc::new(SystemClock);
    let store = Arc::new(aws.dynamo(Arc::default(), clock.clone()));
    let ports = QueryPorts::on(&store, Arc::new(aws.secrets()), clock, Arc::new(TokioTimer));
    let (tickets, book, entropy) = (store.clone(), store, Arc::new(OsEntropy));
    let api = Api::new(
        ports,
        tickets,
        book,
        entropy,
        aws.placement(),
        aws.universe(),
        JWT_KEY,
    );
    let router = &router(Arc::new(api));
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async {
        Ok::<_, Error>(tickwire_api::handle(router, event.payload).await)
    }))
    .await
}
