//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tickwire_aws::{Aws, Need, SystemClock};
use tickwire_service::entitle::Entitle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables])?;
    let clock = Arc::new(SystemClock);
    let store = Arc::new(aws.dynamo(Arc::default(), clock.clone()));
    let entitle = &Entitle::new(store, clock);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async {
        Ok::<_, Error>(tickwire_entitle::handle(entitle, event.payload).await)
    }))
    .await
}
