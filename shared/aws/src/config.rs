//! What a function needs to know of its surroundings, read once from the
//! environment, every missing or wrong variable reported together; and the
//! clients made from it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::config::{Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls;
use tickwire_service::access::Access;
#[cfg(feature = "key-sets")]
use tickwire_service::authenticate::Issuer;
use tickwire_service::deliver_signals::DeliverPorts;
use tickwire_service::ingest_ticks::IngestPorts;
use tickwire_service::placement::Placement;
use tickwire_service::ports::Clock;
use tickwire_streams::{PostQuota, Universe, baskets_max};
use tickwire_telemetry::Meter;

use crate::dynamodb::Dynamo;
use crate::push::Posts;
use crate::queue::{QueueUrls, Queues};
use crate::rotation::RemoteRotation;
use crate::secrets::RemoteSecrets;
use crate::system::{OsEntropy, SystemClock, TokioTimer};
use crate::traffic;

/// Before every table's name.
pub const TABLE_PREFIX: &str = "TICKWIRE_TABLE_PREFIX";
/// URL of `ticks.fifo`.
pub const TICKS_QUEUE_URL: &str = "TICKWIRE_TICKS_QUEUE_URL";
/// URL of `ticks-dead.fifo`.
pub const TICKS_DEAD_QUEUE_URL: &str = "TICKWIRE_TICKS_DEAD_QUEUE_URL";
/// URL of `signals.fifo`.
pub const SIGNALS_QUEUE_URL: &str = "TICKWIRE_SIGNALS_QUEUE_URL";
/// URL of `signals-dead.fifo`.
pub const SIGNALS_DEAD_QUEUE_URL: &str = "TICKWIRE_SIGNALS_DEAD_QUEUE_URL";
/// Where frames are posted: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.
pub const CONNECTIONS_ENDPOINT: &str = "TICKWIRE_CONNECTIONS_ENDPOINT";
/// Before a secret's name in upper case: the variable that holds its id in Secrets Manager.
pub const SECRET_ID_PREFIX: &str = "TICKWIRE_SECRET_ID_";

/// Name of the universe that clients meet; `live` if it is not set.
pub const UNIVERSE: &str = "TICKWIRE_UNIVERSE";
/// Address of the key set of another issuer whose tokens are taken; with the two below, or none of them.
pub const JWKS_URL: &str = "TICKWIRE_JWKS_URL";
/// Claim `iss` of its tokens.
pub const JWT_ISSUER: &str = "TICKWIRE_JWT_ISSUER";
/// Claim `aud` of its tokens.
pub const JWT_AUDIENCE: &str = "TICKWIRE_JWT_AUDIENCE";
/// Origins of web pages that may open sockets, as `https://a.example,https://b.example`; none if it is not set.
pub const ORIGINS: &str = "TICKWIRE_ORIGINS";
/// How instruments are grouped, as `8,NASDAQ=16,NSE@TCS@EQ` ([`Placement`]). The same for the functions
/// and for who sends.
pub const BASKETS: &str = "TICKWIRE_BASKETS";
/// Posts that all deliverers may make, as posts a second, posts at once, and how many deliverers
/// there are at the most: `8000,4000,20`. Without it as many as each likes.
pub const POST_QUOTA: &str = "TICKWIRE_POST_QUOTA";

/// What the runtime of a function is given by the platform. It panics without.
pub(crate) const PLATFORM: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
];

/// What a function uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The tables.
    Tables,
    /// The queues.
    Queues,
    /// Posting to connections.
    Connections,
    /// A secret, by name.
    Secret(&'static str),
}

/// The SDK's configuration of one service: every service has a type of its own.
macro_rules! service_config {
    ($aws:ident, $service:ident) => {{
        let mut config = $service::Config::builder()
            .http_client($aws.http.clone())
            .region($aws.region.clone())
            .credentials_provider($aws.credentials.clone())
            .retry_config(traffic::retries())
            .retry_partition(traffic::budget())
            .timeout_config(traffic::timeouts());
        config.set_endpoint_url($aws.endpoint.clone());
        config.build()
    }};
}

/// The way to AWS for one function.
pub struct Aws {
    region: Region,
    credentials: Credentials,
    /// Instead of the services' own.
    endpoint: Option<String>,
    http: SharedHttpClient,
    table_prefix: String,
    queue_urls: Option<QueueUrls>,
    connections_endpoint: Option<String>,
    secret_ids: BTreeMap<String, String>,
    universe: Universe,
    placement: Placement,
    post_quota: Option<PostQuota>,
    origins: Vec<String>,
    #[cfg(feature = "key-sets")]
    issuer: Option<Issuer>,
}

impl Aws {
    /// From the variables of this process.
    ///
    /// # Errors
    /// All variables that are missing or wrong.
    pub fn from_environment(needs: &[Need]) -> Result<Self, ConfigError> {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        Self::read(needs, |name| std::env::var(name).ok(), http)
    }

    /// From any variables, over any HTTP client.
    ///
    /// # Errors
    /// All variables that are missing or wrong.
    pub fn read(
        needs: &[Need],
        variable: impl Fn(&str) -> Option<String>,
        http: SharedHttpClient,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            variable,
            problems: Vec::new(),
        };
        for name in PLATFORM {
            reader.text(name);
        }
        let region = reader.text("AWS_REGION");
        let key_id = reader.text("AWS_ACCESS_KEY_ID");
        let key = reader.text("AWS_SECRET_ACCESS_KEY");
        let token = reader.optional("AWS_SESSION_TOKEN");
        let endpoint = reader.optional("AWS_ENDPOINT_URL");
        if let Some(endpoint) = &endpoint {
            reader.check_url("AWS_ENDPOINT_URL", endpoint);
        }
        // An empty prefix is a prefix, a missing one a mistake.
        let table_prefix = if needs.contains(&Need::Tables) {
            reader.present(TABLE_PREFIX)
        } else {
            String::new()
        };
        let queue_urls = needs.contains(&Need::Queues).then(|| QueueUrls {
            ticks: reader.url(TICKS_QUEUE_URL),
            ticks_dead: reader.url(TICKS_DEAD_QUEUE_URL),
            signals: reader.url(SIGNALS_QUEUE_URL),
            signals_dead: reader.url(SIGNALS_DEAD_QUEUE_URL),
        });
        let posts = needs.contains(&Need::Connections);
        let connections_endpoint = posts.then(|| reader.url(CONNECTIONS_ENDPOINT));
        let secret_ids = needs.iter().filter_map(|need| {
            let Need::Secret(name) = need else { return None };
            let id = reader.text(&format!("{SECRET_ID_PREFIX}{}", name.to_ascii_uppercase()));
            Some(((*name).to_owned(), id))
        });
        let secret_ids = secret_ids.collect();
        let universe = reader.parsed(UNIVERSE, |text| text.parse().ok(), "live, sim-… or replay-…");
        let placement = reader.parsed(
            BASKETS,
            |text| text.parse().ok(),
            &format!("8,NASDAQ=16,NSE=own,BSE@TCS@EQ, each once, from 1 to {baskets_max} baskets"),
        );
        let post_quota = reader.parsed(POST_QUOTA, post_quota, "8000,4000,20, none of them 0");
        let origins = reader.parsed(
            ORIGINS,
            origins,
            "https://app.example.com, no wildcard and no path",
        );
        #[cfg(feature = "key-sets")]
        let issuer = reader.issuer();
        if !reader.problems.is_empty() {
            return Err(ConfigError {
                problems: reader.problems,
            });
        }
        Ok(Self {
            region: Region::new(region),
            credentials: Credentials::new(key_id, key, token, None, "environment"),
            endpoint,
            http,
            table_prefix,
            queue_urls,
            connections_endpoint,
            secret_ids,
            universe: universe.unwrap_or_else(Universe::live),
            placement: placement.unwrap_or_default(),
            post_quota,
            origins: origins.unwrap_or_default(),
            #[cfg(feature = "key-sets")]
            issuer,
        })
    }

    /// The universe that clients meet.
    pub fn universe(&self) -> Universe {
        self.universe.clone()
    }

    /// Another issuer whose tokens are taken, where one was named.
    #[cfg(feature = "key-sets")]
    pub fn issuer(&self) -> Option<Issuer> {
        self.issuer.clone()
    }

    /// Origins of web pages that may open sockets.
    pub fn origins(&self) -> Vec<String> {
        self.origins.clone()
    }

    /// How instruments are spread over groups.
    pub fn placement(&self) -> Placement {
        self.placement.clone()
    }

    /// The posts that one deliverer may make: its share of all.
    pub fn post_quota(&self) -> Option<PostQuota> {
        self.post_quota
    }

    /// The tables.
    pub fn dynamo(&self, meter: Arc<Meter>, clock: Arc<dyn Clock>) -> Dynamo {
        let config = service_config!(self, aws_sdk_dynamodb);
        Dynamo::new(
            aws_sdk_dynamodb::Client::from_conf(config),
            &self.table_prefix,
            meter,
            clock,
        )
    }

    /// The queues.
    ///
    /// # Errors
    /// When they were not among the needs.
    pub fn queues(&self, meter: Arc<Meter>) -> Result<Queues, ConfigError> {
        let urls = needed(self.queue_urls.clone(), "the queues")?;
        let config = service_config!(self, aws_sdk_sqs);
        Ok(Queues::new(aws_sdk_sqs::Client::from_conf(config), urls, meter))
    }

    /// All that folding needs.
    ///
    /// # Errors
    /// When tables or queues were not among the needs.
    pub fn ingest_ports(&self, meter: &Arc<Meter>) -> Result<IngestPorts, ConfigError> {
        let clock = Arc::new(SystemClock);
        let store = Arc::new(self.dynamo(meter.clone(), clock.clone()));
        let queues = Arc::new(self.queues(meter.clone())?);
        Ok(IngestPorts::on(&store, &queues, clock, Arc::new(OsEntropy)))
    }

    /// All that delivering needs.
    ///
    /// # Errors
    /// When tables, queues or posting to connections were not among the needs.
    pub fn deliver_ports(&self, meter: &Arc<Meter>) -> Result<DeliverPorts, ConfigError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Arc::new(self.dynamo(meter.clone(), clock.clone()));
        let queues = Arc::new(self.queues(meter.clone())?);
        Ok(DeliverPorts {
            groups: store.clone(),
            connections: store.clone(),
            push: Arc::new(self.posts(meter.clone())?),
            park: queues.clone(),
            postpone: queues,
            timer: Arc::new(TokioTimer),
            access: Access::new(store.clone(), store, clock.clone()),
            clock,
        })
    }

    /// Posting to connections.
    ///
    /// # Errors
    /// When it was not among the needs.
    pub fn posts(&self, meter: Arc<Meter>) -> Result<Posts, ConfigError> {
        let endpoint = needed(self.connections_endpoint.clone(), "posting to connections")?;
        let config = aws_sdk_apigatewaymanagement::Config::builder()
            .http_client(self.http.clone())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .endpoint_url(endpoint)
            .retry_config(traffic::post_retries())
            .timeout_config(traffic::post_timeouts())
            .build();
        Ok(Posts::new(
            aws_sdk_apigatewaymanagement::Client::from_conf(config),
            meter,
        ))
    }

    /// The secrets that were among the needs.
    pub fn secrets(&self) -> RemoteSecrets {
        let config = service_config!(self, aws_sdk_secretsmanager);
        RemoteSecrets::new(
            aws_sdk_secretsmanager::Client::from_conf(config),
            self.secret_ids.clone(),
        )
    }

    /// Id of a secret that was among the needs, as Secrets Manager knows it.
    ///
    /// # Errors
    /// When it was not.
    pub fn secret_id(&self, name: &str) -> Result<&str, ConfigError> {
        needed(self.secret_ids.get(name), name).map(String::as_str)
    }

    /// Making new versions of secrets.
    pub fn rotation(&self) -> RemoteRotation {
        let config = service_config!(self, aws_sdk_secretsmanager);
        RemoteRotation::new(aws_sdk_secretsmanager::Client::from_conf(config))
    }
}

fn needed<T>(part: Option<T>, what: &str) -> Result<T, ConfigError> {
    let problem = || format!("{what} was not among what the function said it needs");
    part.ok_or_else(|| ConfigError {
        problems: vec![problem()],
    })
}

/// Origins, separated by commas.
fn origins(text: &str) -> Option<Vec<String>> {
    let is_origin = |text: &str| {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':');
        rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(allowed))
    };
    let origins: Vec<String> = text.split(',').map(|origin| origin.trim().to_owned()).collect();
    origins.iter().all(|origin| is_origin(origin)).then_some(origins)
}

/// A deliverer's share of the posts of all.
fn post_quota(text: &str) -> Option<PostQuota> {
    let numbers: Vec<u32> = text
        .split(',')
        .map(|part| part.trim().parse().ok())
        .collect::<Option<_>>()?;
    let [per_second, burst, deliverers] = *numbers.first_chunk::<3>()?;
    let whole = PostQuota { per_second, burst };
    (numbers.len() == 3 && !numbers.contains(&0)).then(|| whole.share(deliverers))
}

struct Reader<F> {
    variable: F,
    problems: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// All three of its variables, or none.
    #[cfg(feature = "key-sets")]
    fn issuer(&mut self) -> Option<Issuer> {
        let named = [JWKS_URL, JWT_ISSUER, JWT_AUDIENCE].map(|name| self.optional(name));
        match named {
            [None, None, None] => None,
            [Some(address), Some(issuer), Some(audience)] => match crate::HttpKeySet::new(&address) {
                Ok(keys) => Some(Issuer {
                    issuer,
                    audience,
                    keys: Arc::new(keys),
                }),
                Err(error) => {
                    self.problems.push(format!("{JWKS_URL} is wrong: {error}"));
                    None
                }
            },
            _ => {
                let problem = format!("of {JWKS_URL}, {JWT_ISSUER}, {JWT_AUDIENCE} some are not set");
                self.problems.push(problem);
                None
            }
        }
    }

    fn optional(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// A variable that is there, though it may be empty.
    fn present(&mut self, name: &str) -> String {
        (self.variable)(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is not set"));
            String::new()
        })
    }

    fn text(&mut self, name: &str) -> String {
        let value = self.present(name);
        if value.is_empty() && (self.variable)(name).is_some() {
            self.problems.push(format!("{name} is empty"));
        }
        value
    }

    fn url(&mut self, name: &str) -> String {
        let value = self.text(name);
        if !value.is_empty() {
            self.check_url(name, &value);
        }
        value
    }

    /// A variable that may be left out.
    fn parsed<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>, form: &str) -> Option<T> {
        let parsed = parse(&self.optional(name)?);
        if parsed.is_none() {
            self.problems.push(format!("{name} cannot be read: write {form}"));
        }
        parsed
    }

    fn check_url(&mut self, name: &str, value: &str) {
        let host = value
            .strip_prefix("https://")
            .or_else(|| value.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
            self.problems.push(format!(
                "{name} is no URL: it begins with https:// and names a host"
            ));
        }
    }
}

/// Every variable that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// One sentence each; no values.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "failed to read the configuration from the environment: {}",
            self.problems.join("; ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Canned;

    const ALL: [Need; 4] = [
        Need::Tables,
        Need::Queues,
        Need::Connections,
        Need::Secret("jwt_key"),
    ];

    fn read(needs: &[Need], variables: &[(&str, &str)]) -> Result<Aws, ConfigError> {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let http = SharedHttpClient::new(Canned::default());
        Aws::read(needs, |name| variables.get(name).map(|v| (*v).to_owned()), http)
    }

    #[test]
    fn all_problems_are_told_at_once_and_no_values() {
        let error = read(
            &ALL,
            &[
                ("AWS_REGION", "eu-west-1"),
                ("AWS_SECRET_ACCESS_KEY", ""),
                (TICKS_QUEUE_URL, "hunter2"),
                (UNIVERSE, "hunter2"),
                (BASKETS, "hunter2"),
            ],
        );
        let Err(error) = error else { panic!("it was read") };
        let text = error.to_string();
        for name in [
            "AWS_LAMBDA_RUNTIME_API is not set",
            "AWS_LAMBDA_FUNCTION_NAME is not set",
            "AWS_LAMBDA_FUNCTION_VERSION is not set",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE is not set",
            "AWS_ACCESS_KEY_ID is not set",
            "AWS_SECRET_ACCESS_KEY is empty",
            "TICKWIRE_TABLE_PREFIX is not set",
            "TICKWIRE_TICKS_QUEUE_URL is no URL",
            "TICKWIRE_TICKS_DEAD_QUEUE_URL is not set",
            "TICKWIRE_SIGNALS_QUEUE_URL is not set",
            "TICKWIRE_SIGNALS_DEAD_QUEUE_URL is not set",
            "TICKWIRE_CONNECTIONS_ENDPOINT is not set",
            "TICKWIRE_SECRET_ID_JWT_KEY is not set",
            "TICKWIRE_UNIVERSE cannot be read",
            "TICKWIRE_BASKETS cannot be read",
        ] {
            assert!(text.contains(name), "{name}: {text}");
        }
        assert_eq!(error.problems.len(), 15, "{text}");
        assert!(!text.contains("hunter2"));
    }

    const LEAST: [(&str, &str); 7] = [
        (PLATFORM[0], "127.0.0.1:9001"),
        (PLATFORM[1], "f"),
        (PLATFORM[2], "1"),
        (PLATFORM[3], "128"),
        ("AWS_REGION", "r"),
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];

    #[test]
    fn what_is_not_needed_is_not_asked_for() {
        let aws = read(&[], &LEAST).unwrap();
        assert!(aws.queues(Arc::default()).is_err() && aws.posts(Arc::default()).is_err());
        assert_eq!(
            (aws.universe(), aws.placement()),
            (Universe::live(), Placement::default())
        );
    }

    #[test]
    fn posts_are_shared_out_among_deliverers() {
        let check = |text: &str, expected: Option<Option<(u32, u32)>>| {
            let variables: Vec<_> = LEAST.into_iter().chain([(POST_QUOTA, text)]).collect();
            let read = read(&[], &variables).map(|aws| aws.post_quota());
            let read = read.map(|quota| quota.map(|quota| (quota.per_second, quota.burst)));
            assert_eq!(read.ok(), expected, "{text}");
        };
        check("", Some(None));
        check("8000,4000,20", Some(Some((400, 200))));
        check("8000, 4000, 3", Some(Some((2_666, 1_333))));
        for text in [
            "8000",
            "8000,4000",
            "8000,4000,0",
            "0,4000,20",
            "8000,4000,20,1",
            "8000,x,20",
            "-1,1,1",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn baskets_are_read_as_a_placement() {
        let check = |text: &str, expected: Option<&str>| {
            let variables: Vec<_> = LEAST.into_iter().chain([(BASKETS, text)]).collect();
            let read = read(&[], &variables).map(|aws| aws.placement());
            assert_eq!(read.ok(), expected.map(|text| text.parse().unwrap()), "{text}");
        };
        check("", Some("8"));
        check("NASDAQ=16, NSE@TCS@EQ", Some("8,NASDAQ=16,NSE@TCS@EQ"));
        check("NASDAQ", None);
    }
}
