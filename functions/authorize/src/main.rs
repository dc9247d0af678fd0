//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tickwire_authorize::Door;
use tickwire_aws::{Aws, Need, OsEntropy, SystemClock};
use tickwire_service::access::Access;
use tickwire_service::authenticate::{Authenticate, JWT_KEY};
use tickwire_service::limit_use::LimitUse;
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
    let (secrets, entropy) = (Arc::new(aws.secrets()), Arc::new(OsEntropy));
    let access = Access::new(store.clone(), store.clone(), clock.clone());
    let limits = Some(LimitUse::new(store.clone(), access.clone(), clock.clone()));
    let authenticate = Authenticate::new(secrets, store.clone(), access, clock, entropy, JWT_KEY);
    let authenticate = authenticate.with_keys(store).of_issuer(aws.issuer());
    let door = &Door { authenticate, limits };
    let invocations = &Invocations::new("authorize", move || of_meter(&meter.snapshot()));
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        invocations.answer::<_, Error>(tickwire_authorize::handle(door, event.payload))
    }))
    .await
}
