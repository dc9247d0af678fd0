//! A stack on the emulator: how it gets there, and the ways to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::{Credentials, Region, SharedHttpClient};
use hyper::Method;
use serde_json::{Value as Json, json};
use tickwire::client::{Endpoint, TokenSource, fixed_token};
use tickwire_aws::{Dynamo, SystemClock};
use tickwire_entitlements::Tier;
use tickwire_service::authenticate::{Role, sign_token, sign_token_of};
use tickwire_service::ports::Secret;
use tickwire_telemetry::Meter;

use crate::bootstraps::Bootstraps;
use crate::emulator::{ACCOUNT, Emulator, REGION};
use crate::http::{Answer, Request, call};
use crate::tools::{Tools, run};
use crate::{FUNCTIONS, Failure};

/// The template, from this package.
const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
/// What stands in for cargo-lambda.
const STAND_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/stand-in");
/// How long a token lives.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3_600);

/// Lines of a function's log that are shown.
const WARNINGS_MAX: usize = 5;

/// Puts versions of a stack on an emulator.
#[derive(Clone, Debug)]
pub struct Deployer {
    tools: Tools,
    host: String,
    home: PathBuf,
    /// The stack's name.
    pub name: String,
}

impl Deployer {
    /// For a stack of a name; `home` holds what is built.
    pub fn new(tools: &Tools, emulator: &Emulator, home: &Path, name: &str) -> Self {
        Self {
            tools: tools.clone(),
            host: emulator.host.clone(),
            home: home.to_owned(),
            name: name.to_owned(),
        }
    }

    /// `sam build` and `sam deploy` with these bootstraps; gives the outputs.
    ///
    /// # Errors
    /// When either fails, with its last words.
    pub fn deploy(&self, bootstraps: &Bootstraps) -> Result<BTreeMap<String, String>, Failure> {
        let built = self.home.join("built");
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        };
        let architecture = format!("Architecture={architecture}");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut build = self.sam();
        build
            .args(["build", "--beta-features", "--template", TEMPLATE, "--build-dir"])
            .arg(&built)
            .args(["--parameter-overrides", &architecture])
            .env("PATH", format!("{STAND_IN}:{path}"))
            .env("CARGO_TARGET_DIR", self.home.join("target"))
            .env(crate::BOOTSTRAPS, &bootstraps.folder);
        run("build the stack with sam", &mut build)?;
        let mut deploy = self.sam();
        deploy
            .args(["deploy", "--template-file"])
            .arg(built.join("template.yaml"))
            .args(["--stack-name", &self.name, "--resolve-s3"])
            .args(["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
            .args([
                "--no-confirm-changeset",
                "--no-progressbar",
                "--parameter-overrides",
            ])
            .args([&architecture, &format!("EmulatorHost={}", self.host)])
            .args(["ProtectData=false", "LogRetentionDays=1"]);
        run("deploy the stack with sam", &mut deploy)?;
        let mut list = self.sam();
        list.args([
            "list",
            "stack-outputs",
            "--output",
            "json",
            "--stack-name",
            &self.name,
        ]);
        outputs(&run("list the stack's outputs with sam", &mut list)?)
    }

    fn sam(&self) -> Command {
        let mut command = Command::new(self.tools.path("sam"));
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.host))
            .env("AWS_ACCESS_KEY_ID", ACCOUNT)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", REGION)
            .env("SAM_CLI_TELEMETRY", "0")
            .current_dir(&self.home);
        command
    }
}

/// The account's root asks a service. The emulator does not check its signature.
fn operator(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=none"
    )
}

fn outputs(printed: &str) -> Result<BTreeMap<String, String>, Failure> {
    let list: Vec<Json> = serde_json::from_str(printed).map_err(Failure::of("read the stack's outputs"))?;
    let text = |output: &Json, name: &str| output[name].as_str().unwrap_or_default().to_owned();
    Ok(list
        .iter()
        .map(|output| (text(output, "OutputKey"), text(output, "OutputValue")))
        .collect())
}

/// The SDK's configuration of one service, for an account of an emulator.
#[macro_export]
macro_rules! emulator_config {
    ($service:ident, $host:expr, $account:expr) => {
        $service::Config::builder()
            .http_client($crate::stack::plain_http())
            .region($crate::stack::region())
            .credentials_provider($crate::stack::credentials($account))
            .endpoint_url(format!("http://{}", $host))
            .build()
    };
}

/// HTTP without TLS.
pub fn plain_http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

/// The region, for the SDK.
pub fn region() -> Region {
    Region::new(REGION)
}

/// Credentials of an account's root.
pub fn credentials(account: &str) -> Credentials {
    Credentials::new(account, "test", None, None, "test")
}

/// The ways to a stack that stands.
#[derive(Clone)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// The template's outputs.
    pub outputs: BTreeMap<String, String>,
    /// SQS.
    pub queues: aws_sdk_sqs::Client,
    /// Secrets Manager.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// The tables.
    pub store: Arc<Dynamo>,
    host: String,
}

impl Stack {
    /// To the stack with these outputs.
    ///
    /// # Errors
    /// When an output is missing.
    pub fn new(emulator: &Emulator, name: &str, outputs: BTreeMap<String, String>) -> Result<Self, Failure> {
        let dynamodb =
            aws_sdk_dynamodb::Client::from_conf(emulator_config!(aws_sdk_dynamodb, emulator.host, ACCOUNT));
        let mut stack = Self {
            name: name.to_owned(),
            outputs,
            queues: aws_sdk_sqs::Client::from_conf(emulator_config!(aws_sdk_sqs, emulator.host, ACCOUNT)),
            secrets: aws_sdk_secretsmanager::Client::from_conf(emulator_config!(
                aws_sdk_secretsmanager,
                emulator.host,
                ACCOUNT
            )),
            store: Arc::new(Dynamo::new(
                dynamodb.clone(),
                "",
                Arc::<Meter>::default(),
                Arc::new(SystemClock),
            )),
            host: emulator.host.clone(),
        };
        let prefix = stack.output("TablePrefix")?.to_owned();
        stack.store = Arc::new(Dynamo::new(
            dynamodb,
            &prefix,
            Arc::<Meter>::default(),
            Arc::new(SystemClock),
        ));
        Ok(stack)
    }

    /// An output of the template.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn output(&self, name: &str) -> Result<&str, Failure> {
        self.outputs
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| Failure::Process(format!("the template has no output {name}")))
    }

    /// Where a client finds socket and HTTP API.
    ///
    /// # Errors
    /// When the outputs are no addresses.
    pub fn endpoint(&self) -> Result<Endpoint, Failure> {
        Endpoint::parse(self.output("SocketUrl")?, Some(self.output("ApiUrl")?))
            .map_err(Failure::of("read the stack's addresses"))
    }

    /// Asks the HTTP API.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn api(&self, method: Method, path: &str, token: Option<&str>) -> Result<Answer, Failure> {
        let mut request = Request::new(method);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.ask(path, request).await
    }

    /// Sends the HTTP API a request of any kind.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, path: &str, request: Request) -> Result<Answer, Failure> {
        call(&format!("{}{path}", self.output("ApiUrl")?), request).await
    }

    /// Calls a function, as one of the account's operators.
    ///
    /// # Errors
    /// When there is no answer, or the function failed.
    pub async fn invoke(&self, function: &str, event: &Json) -> Result<Json, Failure> {
        let url = format!(
            "http://{}/2015-03-31/functions/{}-{function}/invocations",
            self.host, self.name
        );
        let request = Request::new(Method::POST)
            .header("authorization", operator("lambda"))
            .body(event.to_string());
        let answer = call(&url, request).await?;
        if answer.status != 200 || answer.headers.contains_key("x-amz-function-error") {
            return Err(Failure::Process(format!(
                "{function} answered {}: {}",
                answer.status,
                answer.text()
            )));
        }
        Ok(answer.json())
    }

    /// What the functions logged that is more than information, the last of each.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn warnings(&self) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        for function in FUNCTIONS {
            let group = format!("/aws/lambda/{}-{function}", self.name);
            let request = Request::new(Method::POST)
                .header("authorization", operator("logs"))
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", "Logs_20140328.FilterLogEvents")
                .body(json!({ "logGroupName": group }).to_string());
            let answer = call(&format!("http://{}/", self.host), request).await?.json();
            let events = answer["events"].as_array().cloned().unwrap_or_default();
            let texts = events.iter().filter_map(|event| event["message"].as_str());
            let bad: Vec<&str> = texts
                .filter(|text| text.contains("WARN") || text.contains("ERROR") || text.contains("panicked"))
                .collect();
            let last = bad.iter().rev().take(WARNINGS_MAX).rev();
            lines.extend(last.map(|text| format!("{function}: {text}")));
        }
        Ok(lines)
    }

    /// The secret that signs tokens, in its current version.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn key(&self) -> Result<Secret, Failure> {
        let secret = self
            .secrets
            .get_secret_value()
            .secret_id(self.output("JwtKeyArn")?);
        let answer = secret
            .send()
            .await
            .map_err(|e| Failure::Process(format!("{e:?}")))?;
        Ok(Secret::new(answer.secret_string.unwrap_or_default().into_bytes()))
    }

    /// A token of `user`, signed with `key`.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(key: &Secret, user: &str, tier: Tier) -> Result<String, Failure> {
        let token = sign_token(key, user, tier, TOKEN_LIFETIME, tickwire::now());
        Ok(token.map_err(Failure::of("sign a token"))?.expose().to_owned())
    }

    /// A token of an admin.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn admin_token(key: &Secret) -> Result<String, Failure> {
        let token = sign_token_of(
            key,
            "chief",
            Tier::Free,
            Role::Admin,
            TOKEN_LIFETIME,
            tickwire::now(),
        );
        Ok(token.map_err(Failure::of("sign a token"))?.expose().to_owned())
    }

    /// The same token for every connection.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn tokens(key: &Secret, user: &str) -> Result<TokenSource, Failure> {
        Ok(fixed_token(&Self::token(key, user, Tier::Enterprise)?))
    }
}
