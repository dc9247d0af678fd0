//! The template against the code: names, variables, limits, routes. What a role
//! may do is not compared here: the emulator enforces it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use tickwire_aws::config;
use tickwire_aws::{
    TABLES, TableDefinition, message_bytes_max, receive_messages_max, receives_max, visibility_timeout,
};
use tickwire_aws_api::FUNCTIONS;
use tickwire_schedule::ScheduleEvent;
use tickwire_service::authenticate::JWT_KEY;
use tickwire_service::run_job::Job;
use tickwire_service::watermark::WATERMARK_KEY;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The resources of the template: the text of each, by name.
fn resources() -> BTreeMap<String, String> {
    let template = read("infra/template.yaml");
    let (_, rest) = template.split_once("\nResources:\n").unwrap();
    let (rest, _) = rest.split_once("\nOutputs:\n").unwrap();
    let mut resources = BTreeMap::new();
    let mut name = String::new();
    for line in rest.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match line.strip_prefix("  ") {
            Some(head) if head.starts_with(char::is_alphabetic) => {
                name = head.trim_end_matches(':').to_owned();
                resources.insert(name.clone(), String::new());
            }
            _ if name.is_empty() => {}
            _ => {
                let text = resources.get_mut(&name).unwrap();
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    resources
}

fn of_type<'a>(resources: &'a BTreeMap<String, String>, wanted: &str) -> Vec<(&'a str, &'a str)> {
    let head = format!("    Type: {wanted}\n");
    resources
        .iter()
        .filter(|(_, text)| text.contains(&head))
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect()
}

/// The value of `key` in a resource's text, as it is written.
fn value<'a>(text: &'a str, key: &str) -> &'a str {
    let head = format!("{key}: ");
    let line = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(&head));
    line.ok_or_else(|| format!("{key} is missing in\n{text}"))
        .unwrap()
}

fn number(text: &str, key: &str) -> u64 {
    value(text, key).parse().unwrap()
}

fn capital(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

#[test]
fn tables_are_those_of_the_code() {
    let resources = resources();
    assert_eq!(of_type(&resources, "AWS::DynamoDB::Table").len(), TABLES.len());
    for TableDefinition {
        table,
        sort_key,
        time_to_live,
    } in TABLES
    {
        let text = &resources[&format!("{}Table", capital(table.as_str()))];
        let name = format!("!Sub \"${{AWS::StackName}}-{}\"", table.as_str());
        assert_eq!(value(text, "TableName"), name);
        assert!(text.contains("{ AttributeName: pk, AttributeType: S }"), "{text}");
        let key = sort_key.map(|key| format!("{{ AttributeName: sk, AttributeType: {} }}", key.as_str()));
        let has_key = key.as_ref().is_some_and(|key| text.contains(key));
        assert_eq!(
            (has_key, text.contains(" sk,")),
            (key.is_some(), key.is_some()),
            "{text}"
        );
        let expires = time_to_live.map(|name| format!("{{ AttributeName: {name}, Enabled: true }}"));
        let has_expires = expires.as_ref().is_some_and(|expires| text.contains(expires));
        assert_eq!(
            (has_expires, text.contains("TimeToLive")),
            (expires.is_some(), expires.is_some()),
            "{text}"
        );
    }
}

#[test]
fn queues_keep_the_limits_of_the_code() {
    let resources = resources();
    assert_eq!(of_type(&resources, "AWS::SQS::Queue").len(), 4);
    for (source, function) in [("Ticks", "Ingest"), ("Signals", "Deliver")] {
        let queue = &resources[&format!("{source}Queue")];
        let visible = number(queue, "VisibilityTimeout");
        assert_eq!(Duration::from_secs(visible), visibility_timeout);
        assert!(
            queue.contains(&format!("maxReceiveCount: {receives_max} }}")),
            "{queue}"
        );
        for queue in [queue, &resources[&format!("{source}DeadQueue")]] {
            assert_eq!(number(queue, "MaximumMessageSize"), message_bytes_max as u64);
            assert_eq!(value(queue, "FifoQueue"), "true");
        }
        let timeout = number(&resources[&format!("{function}Function")], "Timeout");
        assert!(visible >= 6 * timeout, "{source}: {visible} s and {timeout} s");
        let mapping = &resources[&format!("{source}Source")];
        assert_eq!(number(mapping, "BatchSize"), receive_messages_max as u64);
        assert_eq!(
            value(mapping, "FunctionResponseTypes"),
            "[ReportBatchItemFailures]"
        );
        assert_eq!(value(mapping, "FunctionName"), format!("!Ref {function}Function"));
    }
}

#[test]
fn functions_are_those_of_the_house_with_role_log_and_events() {
    let resources = resources();
    let functions = of_type(&resources, "AWS::Serverless::Function");
    let names: BTreeSet<String> = FUNCTIONS.map(|name| format!("{}Function", capital(name))).into();
    assert_eq!(
        functions
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect::<BTreeSet<_>>(),
        names
    );
    let folders = std::fs::read_dir(root().join("functions")).unwrap();
    let folders: BTreeSet<String> = folders
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, FUNCTIONS.map(str::to_owned).into());
    for name in FUNCTIONS {
        let text = &resources[&format!("{}Function", capital(name))];
        assert_eq!(value(text, "CodeUri"), format!("../functions/{name}"));
        assert!(text.contains(&format!(
            "BuildMethod: rust-cargolambda, BuildProperties: {{ Binary: {name} }}"
        )));
        assert_eq!(
            value(text, "FunctionName"),
            format!("!Sub \"${{AWS::StackName}}-{name}\"")
        );
        assert_eq!(value(text, "Role"), format!("!GetAtt {}Role.Arn", capital(name)));
        assert!(resources.contains_key(&format!("{}Logs", capital(name))));
        let events = std::fs::read_dir(root().join("events")).unwrap();
        let own = events.filter(|event| {
            let file = event.as_ref().unwrap().file_name().into_string().unwrap();
            file.strip_suffix(".json")
                .is_some_and(|stem| stem == name || stem.starts_with(&format!("{name}-")))
        });
        assert!(own.count() >= 2, "{name} has no ordinary and no nasty event");
    }
}

/// What a bootstrap reads is what the template gives it, no less and no more.
#[test]
fn variables_are_those_that_the_bootstraps_read() {
    let resources = resources();
    let queues = [
        config::TICKS_QUEUE_URL,
        config::TICKS_DEAD_QUEUE_URL,
        config::SIGNALS_QUEUE_URL,
        config::SIGNALS_DEAD_QUEUE_URL,
    ];
    let [secret, watermark] =
        [JWT_KEY, WATERMARK_KEY].map(|name| format!("{}{}", config::SECRET_ID_PREFIX, name.to_uppercase()));
    for name in FUNCTIONS {
        let main = read(&format!("functions/{name}/src/main.rs"));
        let mut read: BTreeSet<&str> = BTreeSet::new();
        for (said, variables) in [
            ("Need::Queues", &queues[..]),
            ("Need::Connections", &[config::CONNECTIONS_ENDPOINT]),
            ("Need::Secret(JWT_KEY)", &[secret.as_str()]),
            ("Need::Secret(WATERMARK_KEY)", &[watermark.as_str()]),
            ("aws.universe()", &[config::UNIVERSE]),
            ("aws.placement()", &[config::BASKETS]),
            ("aws.post_quota()", &[config::POST_QUOTA]),
            ("aws.origins()", &[config::ORIGINS]),
            (
                "aws.issuer()",
                &[config::JWKS_URL, config::JWT_ISSUER, config::JWT_AUDIENCE],
            ),
        ] {
            if main.contains(said) {
                read.extend(variables);
            }
        }
        let text = &resources[&format!("{}Function", capital(name))];
        let given: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.trim_start().split_once(':'))
            .map(|(variable, _)| variable)
            .filter(|variable| variable.starts_with("TICKWIRE_"))
            .collect();
        assert_eq!(given, read, "{name}");
    }
    let template = self::read("infra/template.yaml");
    let (globals, _) = template.split_once("\nResources:\n").unwrap();
    for variable in [config::TABLE_PREFIX, tickwire_telemetry::logging::LOG] {
        assert!(globals.contains(&format!("        {variable}: ")), "{variable}");
    }
}

#[test]
fn schedules_name_jobs() {
    let resources = resources();
    let mut jobs = Vec::new();
    for (name, text) in of_type(&resources, "AWS::Scheduler::Schedule") {
        let input = value(text, "Input").trim_matches('\'');
        let event: ScheduleEvent = serde_json::from_str(input).unwrap_or_else(|e| panic!("{name}: {e}"));
        jobs.push(event.job);
    }
    for job in [Job::Clock, Job::Reconcile, Job::Compact, Job::Expire] {
        assert!(jobs.contains(&job), "{job:?} is not in {jobs:?}");
    }
}

/// Nobody else's secret: the function is called for the one that its role may rotate.
#[test]
fn the_key_that_signs_tokens_is_rotated_by_schedule() {
    let resources = resources();
    let rotation = &resources["JwtKeyRotation"];
    assert_eq!(value(rotation, "SecretId"), "!Ref JwtKey");
    assert_eq!(
        value(rotation, "RotationLambdaARN"),
        "!GetAtt ScheduleFunction.Arn"
    );
    let permission = &resources["RotationMayCall"];
    assert_eq!(value(permission, "Principal"), "secretsmanager.amazonaws.com");
    assert_eq!(value(permission, "SourceArn"), "!Ref JwtKey");
    for (name, text) in of_type(&resources, "AWS::IAM::Role") {
        let writes = text.contains("secretsmanager:PutSecretValue");
        assert_eq!(writes, name == "ScheduleRole", "{name}");
    }
    let role = &resources["ScheduleRole"];
    assert!(
        role.contains("/jwt-key-??????") && !role.contains("watermark"),
        "{role}"
    );
}

#[test]
fn routes_lead_to_functions_and_the_closed_ones_ask() {
    let resources = resources();
    let routes: BTreeMap<&str, (&str, &str)> = of_type(&resources, "AWS::ApiGatewayV2::Route")
        .into_iter()
        .map(|(name, text)| (name, (value(text, "RouteKey"), value(text, "AuthorizationType"))))
        .collect();
    let expected = BTreeMap::from([
        ("ClosedRoute", ("ANY /v1/{proxy+}", "CUSTOM")),
        ("ConnectRoute", ("$connect", "CUSTOM")),
        ("DefaultRoute", ("$default", "NONE")),
        ("DisconnectRoute", ("$disconnect", "NONE")),
        ("OpenRoute", ("$default", "NONE")),
    ]);
    assert_eq!(routes, expected);
    let socket = read("functions/socket/src/lib.rs");
    assert!(socket.contains("\"$connect\"") && socket.contains("\"$disconnect\""));
    assert_eq!(
        number(&resources["HttpAuthorizer"], "AuthorizerResultTtlInSeconds"),
        0
    );
    // What the API closes by itself is closed before it, and nothing else is.
    let document = serde_json::to_value(tickwire_api::document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(!paths.is_empty());
    let cors = &resources["HttpApi"];
    let methods = value(cors, "AllowMethods");
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let asks = operation["security"].is_array();
            assert_eq!(asks, path.starts_with("/v1/"), "{method} {path}");
            assert!(
                methods.contains(&method.to_uppercase()),
                "{method} {path}: {methods}"
            );
        }
    }
}

#[test]
fn outputs_are_those_that_clients_read() {
    use tickwire::commands::client_args::{API_OUTPUT, SOCKET_OUTPUT};
    let template = read("infra/template.yaml");
    let (_, outputs) = template.split_once("\nOutputs:\n").unwrap();
    for name in [SOCKET_OUTPUT, API_OUTPUT] {
        assert!(outputs.contains(&format!("  {name}:\n")), "{name}");
    }
}
