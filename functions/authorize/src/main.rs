//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tickwire_aws::{Aws, Need, OsEntropy, SystemClock};
use tickwire_service::authenticate::{Authenticate, JWT_KEY};
use tickwire_telemetry::Meter;
use tickwire_telemetry::export::{Invocations, of_meter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables, Need::Secret(JWT_KEY)])?;
    let (clock, meter) = (Arc::new(SystemClock), Arc::<Meter>::default());
    let store = Arc::new(aws.dynamo(meter.clone(), clock.clone()));
    let secrets = Arc::new(aws.secrets());
    let authenticate = &Authenticate::new(secrets, store, clock, Arc::new(OsEntropy), JWT_KEY);
    let invocations = &Invocations::new("authorize", move || of_meter(&meter.snapshot()));
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        invocations.answer::<_, Error>(tickwire_authorize::handle(authenticate, event.payload))
    }))
    .await
}
