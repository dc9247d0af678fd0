//! Bootstrap of the function: configure, wire, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tickwire_api::{Api, router};
use tickwire_aws::{Aws, Need, OsEntropy, SystemClock, TokioTimer};
use tickwire_service::authenticate::JWT_KEY;
use tickwire_service::limit_use::LimitUse;
use tickwire_service::query_history::QueryPorts;
use tickwire_service::watermark::WATERMARK_KEY;
use tickwire_telemetry::Meter;
use tickwire_telemetry::export::{Invocations, of_meter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tickwire_telemetry::logging::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let (tokens, marks) = (Need::Secret(JWT_KEY), Need::Secret(WATERMARK_KEY));
    let aws = Aws::from_environment(&[Need::Tables, Need::Queues, tokens, marks])?;
    let (clock, meter) = (Arc::new(SystemClock), Arc::<Meter>::default());
    let store = Arc::new(aws.dynamo(meter.clone(), clock.clone()));
    let queues = Arc::new(aws.queues(meter.clone())?);
    let (secrets, timer) = (Arc::new(aws.secrets()), Arc::new(TokioTimer));
    let ports = QueryPorts::on(&store, secrets, clock.clone(), timer);
    let limits = Some(LimitUse::new(store.clone(), ports.access.clone(), clock));
    let world = (aws.placement(), aws.universe());
    let mut api = Api::new(ports, store, queues, Arc::new(OsEntropy), world, JWT_KEY);
    (api.limits, api.authenticate) = (limits, api.authenticate.of_issuer(aws.issuer()));
    let requests = api.requests.clone();
    let counts = move || [of_meter(&meter.snapshot()), requests.samples()].concat();
    let (invocations, router) = (&Invocations::new("api", counts), &router(Arc::new(api)));
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| {
        invocations.answer::<_, Error>(tickwire_api::handle(router, event.payload))
    }))
    .await
}
