//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_api::{Api, router};
use tickwire_aws::{Aws, Need, OsEntropy, SystemClock, TokioTimer};
use tickwire_service::authenticate::{Authenticate, JWT_KEY};
use tickwire_service::query_history::{QueryHistory, QueryPorts};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables, Need::Secret(JWT_KEY)])?;
    let (clock, secrets) = (Arc::new(SystemClock), Arc::new(aws.secrets()));
    let store = Arc::new(aws.dynamo(Arc::default(), clock.clone()));
    let ports = QueryPorts {
        bars: store.clone(),
        groups: store.clone(),
        log: store.clone(),
        grants: store.clone(),
        secrets: secrets.clone(),
        clock: clock.clone(),
        timer: Arc::new(TokioTimer),
    };
    let router = &router(Arc::new(Api {
        authenticate: Authenticate::new(secrets, store, clock, Arc::new(OsEntropy), JWT_KEY),
        history: QueryHistory::new(ports, aws.placement(), aws.universe(), JWT_KEY),
    }));
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async {
        Ok::<_, Error>(tickwire_api::handle(router, event.payload).await)
    }))
    .await
}
