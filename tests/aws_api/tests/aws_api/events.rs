//! Every event of `events/` through the real bootstrap, as a process under the
//! Runtime Interface Emulator, in tables and queues of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value as Json, json};
use tickwire::queue::QueueName;
use tickwire_aws_api::bootstraps::Bootstraps;
use tickwire_aws_api::emulator::{Emulator, REGION};
use tickwire_aws_api::interface::Interface;
use tickwire_aws_api::stack::Stack;
use tickwire_aws_api::tools::Tools;
use tickwire_aws_api::{Failure, emulator_config};
use tickwire_entitlements::Tier;
use tickwire_service::ports::Secret;

use crate::contracts::queue::QueueService as _;
use crate::contracts::{ACCOUNT, RealQueues, tables};
use crate::wait::ensure;

/// The events.
const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events");
/// What the names of tables and queues begin with.
const PREFIX: &str = "events-";
/// The version that a rotation makes in the events.
const VERSION: &str = "6f0f3f8e-62a8-4d0b-9d3c-0c6f6a3c8f11";
/// End of an identity in the events, which is over.
const OVER: &str = "1795000600000";

/// A function, one of its events, where in the answer to look, and what is there.
type Row = (&'static str, &'static str, &'static str, Json);

/// In an order in which each finds what it needs.
fn rows() -> Vec<Row> {
    vec![
        ("ingest", "ingest", "/batchItemFailures", json!([])),
        ("ingest", "ingest-poison", "/batchItemFailures", json!([])),
        ("ingest", "ingest-again", "/batchItemFailures", json!([])),
        ("authorize", "authorize-http", "/isAuthorized", json!(true)),
        (
            "authorize",
            "authorize-http-no-token",
            "/isAuthorized",
            json!(false),
        ),
        (
            "authorize",
            "authorize-connect",
            "/policyDocument/Statement/0/Effect",
            json!("Allow"),
        ),
        // The same ticket again.
        (
            "authorize",
            "authorize-connect",
            "/policyDocument/Statement/0/Effect",
            json!("Deny"),
        ),
        (
            "authorize",
            "authorize-connect-no-ticket",
            "/context/code",
            json!("ticket_missing"),
        ),
        ("api", "api-health", "/statusCode", json!(200)),
        ("api", "api-ready", "/statusCode", json!(200)),
        ("api", "api-tickets", "/statusCode", json!(200)),
        ("api", "api-bars", "/statusCode", json!(200)),
        ("api", "api-signals", "/statusCode", json!(200)),
        ("api", "api-nothing", "/statusCode", json!(404)),
        ("api", "api-no-token", "/statusCode", json!(401)),
        ("socket", "socket-connect", "/statusCode", json!(200)),
        ("socket", "socket-hello", "/statusCode", json!(200)),
        ("socket", "socket-subscribe", "/statusCode", json!(200)),
        ("socket", "socket-binary", "/statusCode", json!(200)),
        ("deliver", "deliver", "/batchItemFailures", json!([])),
        ("deliver", "deliver-poison", "/batchItemFailures", json!([])),
        ("socket", "socket-disconnect", "/statusCode", json!(200)),
        ("entitle", "entitle", "/decisions/0/decision", json!("allow")),
        ("entitle", "entitle-malformed", "/decisions", json!([])),
        ("schedule", "schedule-clock", "/groups", json!(1)),
        ("schedule", "schedule-reconcile", "/failed", json!(0)),
        ("schedule", "schedule-compact", "/failed", json!(0)),
        ("schedule", "schedule-expire", "/failed", json!(0)),
        (
            "schedule",
            "schedule-unknown",
            "/errorType",
            json!("&lambda_runtime::deserializer::DeserializeError"),
        ),
        ("schedule", "schedule-rotate", "/acted", json!(true)),
        // It has its value now.
        ("schedule", "schedule-rotate", "/acted", json!(false)),
        (
            "schedule",
            "schedule-rotate-other",
            "/errorMessage",
            json!(
                "failed to rotate the key, in FinishSecret: this secret is not rotated here: call with the secret that signs tokens"
            ),
        ),
    ]
}

/// All of them.
pub(crate) async fn through_the_bootstraps(
    tools: &Tools,
    emulator: &Emulator,
    bootstraps: &Bootstraps,
) -> Result<(), Failure> {
    every_event_has_a_row()?;
    let (_store, _clock) = tables(emulator, PREFIX).await;
    let queues = RealQueues::make(emulator, PREFIX, crate::contracts::queue::VISIBILITY).await;
    let key = Secret::new(vec![b'k'; 64]);
    let secrets = aws_sdk_secretsmanager::Client::from_conf(emulator_config!(
        aws_sdk_secretsmanager,
        emulator.host,
        ACCOUNT
    ));
    let made = secrets.create_secret().name("events/jwt-key");
    let made = made
        .secret_string(String::from_utf8_lossy(key.expose()))
        .send()
        .await;
    made.map_err(|e| Failure::Process(format!("{e:?}")))?;
    // As Secrets Manager begins a rotation: with a version that has no value.
    let pending = secrets.put_secret_value().secret_id("events/jwt-key");
    let pending = pending.client_request_token(VERSION).version_stages("AWSPENDING");
    let pending = pending.send().await;
    pending.map_err(|e| Failure::Process(format!("{e:?}")))?;
    let variables = variables(emulator, &queues);

    let mut functions: BTreeMap<&str, Interface> = BTreeMap::new();
    let mut known = BTreeMap::from([
        (
            "Bearer TOKEN",
            format!("Bearer {}", Stack::token(&key, "asha", Tier::Premium)?),
        ),
        (OVER, (tickwire::now().millis() + 3_600_000).to_string()),
    ]);
    for (function, event, place, expected) in rows() {
        if event == "deliver" {
            let publication = queues.now(QueueName::Signals, 1).await.pop();
            let body = publication
                .map(|message| message.body.to_string())
                .unwrap_or_default();
            known.insert("PUBLICATION", escaped(&body));
        }
        if !functions.contains_key(function) {
            let binary = bootstraps.folder.join(function);
            let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("aws_api/{function}.log"));
            functions.insert(
                function,
                Interface::start(tools, &binary, &variables, &output).await?,
            );
        }
        let mut text = std::fs::read_to_string(format!("{EVENTS}/{event}.json"))
            .map_err(Failure::of("read an event"))?;
        for (placeholder, value) in &known {
            text = text.replace(placeholder, value);
        }
        let answer = functions[function].invoke(&text).await?;
        ensure(
            answer.pointer(place) == Some(&expected),
            format!("{event}.json: {place} is not {expected} in {answer}"),
        )?;
        if event == "authorize-http" {
            // A ticket for the events that follow.
            let text = std::fs::read_to_string(format!("{EVENTS}/api-tickets.json"))
                .map_err(Failure::of("read an event"))?;
            let text = text.replace("Bearer TOKEN", &known["Bearer TOKEN"]);
            let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aws_api/api.log");
            let api = Interface::start(tools, &bootstraps.folder.join("api"), &variables, &output).await?;
            let answer = api.invoke(&text).await?;
            let body: Json =
                serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
            known.insert("TICKET", body["ticket"].as_str().unwrap_or("TICKET").to_owned());
            functions.insert("api", api);
        }
    }
    let parked = queues.now(QueueName::TicksDead, 10).await;
    let reasons: BTreeSet<&str> = parked
        .iter()
        .map(|message| message.attributes["reason"].as_str())
        .collect();
    let expected = BTreeSet::from(["group_mismatch", "message_malformed", "message_version_unknown"]);
    ensure(
        reasons == expected,
        format!("events of ingest were parked for {reasons:?}"),
    )?;
    let parked = queues.now(QueueName::SignalsDead, 10).await;
    ensure(
        parked.len() == 1,
        format!("{} events of deliver were parked", parked.len()),
    )
}

/// Text inside a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Json::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn every_event_has_a_row() -> Result<(), Failure> {
    let files = std::fs::read_dir(EVENTS).map_err(Failure::of("list the events"))?;
    let there: BTreeSet<String> = files
        .filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    let tried: BTreeSet<String> = rows().iter().map(|row| row.1.to_owned()).collect();
    ensure(
        there == tried,
        format!("events {there:?}, and tried are {tried:?}"),
    )
}

fn variables(emulator: &Emulator, queues: &RealQueues) -> BTreeMap<String, String> {
    let url = |queue: QueueName| queues.urls[queue.as_str()].clone();
    [
        ("PATH", "/usr/bin:/bin".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCOUNT.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{}", emulator.host)),
        ("TICKWIRE_TABLE_PREFIX", PREFIX.to_owned()),
        ("TICKWIRE_TICKS_QUEUE_URL", url(QueueName::Ticks)),
        ("TICKWIRE_TICKS_DEAD_QUEUE_URL", url(QueueName::TicksDead)),
        ("TICKWIRE_SIGNALS_QUEUE_URL", url(QueueName::Signals)),
        ("TICKWIRE_SIGNALS_DEAD_QUEUE_URL", url(QueueName::SignalsDead)),
        // No connection is there: a post finds it gone.
        (
            "TICKWIRE_CONNECTIONS_ENDPOINT",
            format!("http://{}/_aws/execute-api/abcdef12/live", emulator.host),
        ),
        ("TICKWIRE_SECRET_ID_JWT_KEY", "events/jwt-key".to_owned()),
        ("TICKWIRE_SECRET_ID_WATERMARK", "events/watermark-key".to_owned()),
        ("TICKWIRE_LOG", "warn".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
