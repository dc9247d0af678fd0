//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tickwire_aws::{Aws, Need, SystemClock};
use tickwire_service::access::Access;
use tickwire_service::entitle::Entitle;
use tickwire_telemetry::Meter;
use tickwire_telemetry::export::{Invocations, of_meter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let aws = Aws::from_environment(&[Need::Tables])?;
    let (clock, meter) = (Arc::new(SystemClock), Arc::<Meter>::default());
    let store = Arc::new(aws.dynamo(meter.clone(), clock.clone()));
    let entitle = &Entitle::new(Access::new(store.clone(), store, clock));
    let invocations = &Invocations::new("entitle", move || of_meter(&meter.snapshot()));
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        invocations.answer::<_, Error>(tickwire_entitle::handle(entitle, event.payload))
    }))
    .await
}
