//! What all commands that are clients share: where, as whom, and how they end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::FutureExt;
use hyper::Method;
use serde::Deserialize;
use tickwire_entitlements::Tier;
use tickwire_service::authenticate::{Role, sign_token_of};
use tickwire_service::ports::Secrets;
use tickwire_wire::{ErrorBody, SignalsPage};

use super::up::PORT_DEFAULT;
use crate::client::{ClientError, ConnectError, Ended, Endpoint, TokenSource, fixed_token, http};
use crate::host::OPERATOR;
use crate::secrets::{JWT_KEY, LocalSecrets};

/// How long a token that a command makes for itself lives.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3_600);

/// Output of the template for AWS: address of the socket.
pub const SOCKET_OUTPUT: &str = "SocketUrl";
/// Output of the template for AWS: address of the HTTP API.
pub const API_OUTPUT: &str = "ApiUrl";

/// An output of a stack on AWS.
#[derive(Deserialize)]
struct StackOutput {
    #[serde(rename = "OutputKey")]
    key: String,
    #[serde(rename = "OutputValue")]
    value: String,
}

/// How a client's command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Good,
    /// It ran and found something wrong.
    Bad,
    /// It was called wrongly.
    Usage,
    /// There is no connection.
    Connect,
    /// The server refuses.
    Denied,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Good => 0,
            Exit::Bad => 1,
            Exit::Usage => 2,
            Exit::Connect => 3,
            Exit::Denied => 4,
        })
    }
}

/// What went wrong, and how the command ends for it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// For people.
    pub message: String,
    /// The end.
    pub exit: Exit,
}

impl Failure {
    /// The command was called wrongly.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            exit: Exit::Usage,
        }
    }

    /// Says it on standard error.
    pub fn report(&self) -> ExitCode {
        tickwire_telemetry::logging::complain(format!("tickwire: {}", self.message));
        self.exit.into()
    }

    fn refused(message: String, error: &ErrorBody) -> Self {
        // The request itself is wrong, or the one who asks may not.
        let exit = if (100..200).contains(&error.code) {
            Exit::Usage
        } else {
            Exit::Denied
        };
        Self { message, exit }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let message = error.to_string();
        match &error {
            ConnectError::Refused { error, .. } if !error.temporary => Self::refused(message, error),
            ConnectError::Refused { .. } | ConnectError::Unreachable { .. } => Self {
                message,
                exit: Exit::Connect,
            },
            ConnectError::Address { .. } | ConnectError::Tls(_) | ConnectError::Token(_) => {
                Self::usage(message)
            }
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Connect(error) => error.into(),
            ClientError::Ended(Ended::Denied(error) | Ended::NoStream(error)) => {
                Self::refused(message, &error)
            }
        }
    }
}

/// Where the stack is, and who asks.
#[derive(Args, Clone, Debug)]
pub struct ClientArgs {
    /// Address of the socket, ws:// or wss://
    #[arg(long, value_name = "URL", default_value_t = format!("ws://127.0.0.1:{PORT_DEFAULT}"))]
    pub url: String,
    /// Address of the HTTP API, where it is another host than the socket's
    #[arg(long, value_name = "URL")]
    pub api: Option<String>,
    /// Both addresses from a stack on AWS, as `sam list stack-outputs --output json` prints them
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["url", "api"])]
    pub outputs: Option<PathBuf>,
    /// Token of the user; without it one is made with the key of --data
    #[arg(long, env = "TICKWIRE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Data directory of a stack on this machine
    #[arg(long, value_name = "DIR", default_value = "tickwire-data")]
    pub data: PathBuf,
    /// World to read, such as live or sim-demo; without it the one that is served
    #[arg(long, value_name = "NAME")]
    pub universe: Option<String>,
}

impl ClientArgs {
    /// Where.
    ///
    /// # Errors
    /// When an address is not one.
    pub fn endpoint(&self) -> Result<Endpoint, Failure> {
        let Some(path) = &self.outputs else {
            return Ok(Endpoint::parse(&self.url, self.api.as_deref())?);
        };
        let fail =
            |why: String| Failure::usage(format!("failed to read the outputs {}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
        let outputs: Vec<StackOutput> = serde_json::from_str(&text).map_err(|e| fail(e.to_string()))?;
        let value = |name: &str| {
            let output = outputs.iter().find(|output| output.key == name);
            output
                .map(|output| output.value.as_str())
                .ok_or_else(|| fail(format!("{name} is not among them")))
        };
        Ok(Endpoint::parse(value(SOCKET_OUTPUT)?, Some(value(API_OUTPUT)?))?)
    }

    /// Tokens: the one given, or such as are made for `user` with the stack's key.
    ///
    /// # Errors
    /// When there is neither.
    pub fn tokens(&self, user: &str) -> Result<TokenSource, Failure> {
        self.tokens_of(user, Role::User)
    }

    /// The same for an admin.
    ///
    /// # Errors
    /// When there is neither.
    pub fn admin_tokens(&self) -> Result<TokenSource, Failure> {
        self.tokens_of(OPERATOR, Role::Admin)
    }

    fn tokens_of(&self, user: &str, role: Role) -> Result<TokenSource, Failure> {
        if let Some(token) = &self.token {
            return Ok(fixed_token(token.trim()));
        }
        let data = self.data.clone();
        let user = user.to_owned();
        // Read anew for each: the key may have been rotated.
        let source = move || make_token_of(&data, &user, Tier::Enterprise, role, TOKEN_LIFETIME);
        if let Err(why) = source() {
            let message = format!("{why}; or give --token (or TICKWIRE_TOKEN)");
            return Err(Failure::usage(message));
        }
        Ok(Arc::new(source))
    }

    /// The streams of an instrument that the user may read.
    ///
    /// # Errors
    /// When the API does not say.
    pub async fn streams_of(&self, instrument: &str, tokens: &TokenSource) -> Result<Vec<String>, Failure> {
        let token = tokens().map_err(Failure::usage)?;
        let mut path = format!("/v1/signals/{}", percent_encoded(instrument));
        if let Some(universe) = &self.universe {
            path.push_str(&format!("?universe={}", percent_encoded(universe)));
        }
        let body = http(&self.endpoint()?, Method::GET, &path, &token, Vec::new().into()).await?;
        let page: SignalsPage = serde_json::from_slice(&body).map_err(|e| Failure {
            message: format!("failed to read the signals of {instrument}: {e}"),
            exit: Exit::Connect,
        })?;
        Ok(page.signals.into_iter().map(|signal| signal.key).collect())
    }
}

/// A token that the stack of `data` accepts.
///
/// # Errors
/// When the key cannot be read, or such a token cannot be made.
pub fn make_token(data: &Path, user: &str, tier: Tier, lifetime: Duration) -> Result<String, String> {
    make_token_of(data, user, tier, Role::User, lifetime)
}

/// The same for a role.
///
/// # Errors
/// When the key cannot be read, or such a token cannot be made.
pub fn make_token_of(
    data: &Path,
    user: &str,
    tier: Tier,
    role: Role,
    lifetime: Duration,
) -> Result<String, String> {
    let secrets = LocalSecrets::read(data).map_err(|e| e.to_string())?;
    // Nothing is waited for: the file has been read.
    let versions = secrets.secret(JWT_KEY).now_or_never();
    let versions = versions
        .ok_or("the key is not there yet")?
        .map_err(|e| e.to_string())?;
    let token = sign_token_of(&versions.current, user, tier, role, lifetime, crate::now())
        .map_err(|e| e.to_string())?;
    Ok(token.expose().to_owned())
}

/// Text as a segment of a path or a value of a query (RFC 3986, 2.3).
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@' | b':') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use tickwire_service::authenticate::verify_token;
    use tickwire_wire::ErrorCode;

    use super::*;
    use crate::store::DataDirectory;

    #[test]
    fn ends_say_what_happened() {
        let check = |code: ErrorCode, expected: Exit| {
            let error: ErrorBody = code.into();
            let failure = Failure::from(ConnectError::Refused {
                status: code.status(),
                error,
            });
            assert_eq!(failure.exit, expected, "{code:?}");
        };
        check(ErrorCode::TokenInvalid, Exit::Denied);
        check(ErrorCode::GrantRequired, Exit::Denied);
        check(ErrorCode::InstrumentUnknown, Exit::Usage);
        check(ErrorCode::Unavailable, Exit::Connect);
        let nobody = ConnectError::Unreachable {
            address: "x".into(),
            why: "y".into(),
        };
        assert_eq!(Failure::from(nobody).exit, Exit::Connect);
    }

    #[test]
    fn addresses_come_from_the_outputs_of_a_stack() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: ClientArgs,
        }
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("outputs.json");
        let endpoint = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let line = ["watch", "--outputs", path.to_str().unwrap()];
            <Line as clap::Parser>::try_parse_from(line)
                .unwrap()
                .args
                .endpoint()
        };
        let both = r#"[{"OutputKey":"SocketUrl","OutputValue":"wss://s.example/live","Description":"x"},
            {"OutputKey":"ApiUrl","OutputValue":"https://a.example"}]"#;
        let expected = Endpoint::parse("wss://s.example/live", Some("https://a.example")).unwrap();
        assert_eq!(endpoint(both).unwrap(), expected);
        let refused =
            endpoint(r#"[{"OutputKey":"SocketUrl","OutputValue":"wss://s.example/live"}]"#).unwrap_err();
        assert!(refused.message.contains("ApiUrl is not among them"), "{refused}");
        assert_eq!(refused.exit, Exit::Usage);
    }

    #[test]
    fn paths_carry_any_instrument() {
        assert_eq!(percent_encoded("NSE@M&M@EQ"), "NSE@M%26M@EQ");
        assert_eq!(percent_encoded("a/b?c d"), "a%2Fb%3Fc%20d");
    }

    #[tokio::test]
    async fn a_token_made_from_the_data_directory_is_accepted() {
        let home = tempfile::tempdir().unwrap();
        let refused = make_token(home.path(), "u", Tier::Free, TOKEN_LIFETIME).unwrap_err();
        assert!(refused.contains("start the stack"), "{refused}");
        let directory = Arc::new(DataDirectory::open(home.path()).unwrap());
        // The directory stays open, as it does while a stack runs.
        let secrets = LocalSecrets::open(directory, Arc::new(tickwire_aws::OsEntropy)).unwrap();
        let token = make_token(home.path(), "u", Tier::Premium, TOKEN_LIFETIME).unwrap();
        let versions = secrets.secret(JWT_KEY).await.unwrap();
        let identity = verify_token(&versions, &token, crate::now()).unwrap().identity;
        assert_eq!((identity.user.as_str(), identity.tier), ("u", Tier::Premium));
        assert!(make_token(home.path(), "no user", Tier::Free, TOKEN_LIFETIME).is_err());
    }
}
