//! Lambda function `authorize`: who may open a socket, who may call the API.
//!
//! One function answers two kinds of question of API Gateway:
//! - a WebSocket API's REQUEST authorizer at `$connect`, by `?ticket=`: a policy;
//! - an HTTP API's authorizer (payload 2.0, simple response), by `Authorization: Bearer`.
//!
//! It never fails: what cannot be judged is denied. The context of a denial
//! carries its code for the access log, that of an allowance the identity.

use aws_lambda_events::event::apigw::{
    ApiGatewayCustomAuthorizerPolicy, ApiGatewayCustomAuthorizerRequestTypeRequest,
    ApiGatewayV2CustomAuthorizerIamPolicyResponse, ApiGatewayV2CustomAuthorizerSimpleResponse,
    ApiGatewayV2CustomAuthorizerV2Request,
};
use aws_lambda_events::event::iam::{IamPolicyEffect, IamPolicyStatement};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tickwire_service::authenticate::{Authenticate, Identity, IdentityContext, Refused, RefusedCode};
use tickwire_service::limit_use::LimitUse;
use tickwire_wire::ErrorCode;

/// What a socket's authorizer is asked.
pub type SocketRequest = ApiGatewayCustomAuthorizerRequestTypeRequest;
/// What it answers: the form of a custom authorizer's policy that leaves out what is not set.
pub type SocketAnswer = ApiGatewayV2CustomAuthorizerIamPolicyResponse<Context>;
/// What the API's authorizer is asked.
pub type HttpRequest = ApiGatewayV2CustomAuthorizerV2Request;
/// What it answers.
pub type HttpAnswer = ApiGatewayV2CustomAuthorizerSimpleResponse<Context>;

/// Version of the policy language.
const POLICY_VERSION: &str = "2012-10-17";
/// The right to call a route, and so to open a socket.
const INVOKE: &str = "execute-api:Invoke";
/// Principal of those who were not let in.
const NOBODY: &str = "nobody";
/// Payload version of an HTTP API's authorizer.
const HTTP_PAYLOAD_VERSION: &str = "2.0";

/// What is handed on behind the authorizer: the identity, or why there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The identity, if it was let in.
    #[serde(flatten)]
    pub identity: Option<IdentityContext>,
    /// The reason, if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<RefusedCode>,
}

/// The answer to either kind of question.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To a socket's authorizer.
    Socket(SocketAnswer),
    /// To the API's authorizer.
    Http(HttpAnswer),
}

/// Who may connect, and how often one may be wrong.
#[derive(Clone)]
pub struct Door {
    /// Who.
    pub authenticate: Authenticate,
    /// How often; without, as often as one likes.
    pub limits: Option<LimitUse>,
}

impl From<Authenticate> for Door {
    fn from(authenticate: Authenticate) -> Self {
        Self {
            authenticate,
            limits: None,
        }
    }
}

impl Door {
    /// What `attempt` finds, unless its address is banned; a wrong one counts against the address.
    async fn tried(
        &self,
        address: Option<&str>,
        attempt: impl Future<Output = Result<Identity, Refused>>,
    ) -> Result<Identity, Refused> {
        let Some((limits, address)) = self.limits.as_ref().zip(address) else {
            return attempt.await;
        };
        if let Err(fault) = limits.check_address(address).await {
            // A check that cannot run lets nobody in either.
            return Err(match fault.code() {
                Some(ErrorCode::AttemptsRate) => RefusedCode::AddressBanned,
                _ => RefusedCode::AuthenticationUnavailable,
            }
            .into());
        }
        let found = attempt.await;
        if let Err(refused) = &found {
            limits.note_attempt(address, refused.code).await;
        }
        found
    }
}

/// Answers an event of either kind.
pub async fn handle(door: &Door, event: Value) -> Answer {
    let is_http = event.get("version").and_then(Value::as_str) == Some(HTTP_PAYLOAD_VERSION);
    if is_http {
        Answer::Http(match read(event) {
            Ok(request) => authorize_http(door, &request).await,
            Err(refused) => http_answer(Err(refused)),
        })
    } else {
        Answer::Socket(match read(event) {
            Ok(request) => authorize_socket(door, &request).await,
            Err(refused) => socket_answer(None, Err(refused)),
        })
    }
}

/// Whether a socket may be opened with the ticket of `request`.
pub async fn authorize_socket(door: &Door, request: &SocketRequest) -> SocketAnswer {
    let Some(route) = request.method_arn.as_deref() else {
        tracing::error!("event names no route: denied");
        return socket_answer(None, Err(RefusedCode::AuthenticationUnavailable.into()));
    };
    let ticket = request.query_string_parameters.first("ticket");
    let identity = request.request_context.identity.as_ref();
    let address = identity.and_then(|identity| identity.source_ip.as_deref());
    if ticket.is_none_or(str::is_empty) {
        return socket_answer(Some(route), Err(RefusedCode::TicketMissing.into()));
    }
    let attempt = door.authenticate.take_ticket(ticket);
    socket_answer(Some(route), door.tried(address, attempt).await)
}

/// Whether the API may be called with the token of `request`.
pub async fn authorize_http(door: &Door, request: &HttpRequest) -> HttpAnswer {
    let answer = match request.headers.get("authorization").map(|value| value.to_str()) {
        None => Err(RefusedCode::TokenMissing.into()),
        Some(Err(_)) => Err(RefusedCode::TokenMalformed.into()),
        Some(Ok(header)) => {
            let address = request.request_context.http.source_ip.as_deref();
            door.tried(address, door.authenticate.by_authorization(Some(header)))
                .await
        }
    };
    http_answer(answer)
}

/// The error of a reader quotes what it read, which may be a token, so only its place is logged.
fn read<T: DeserializeOwned>(event: Value) -> Result<T, Refused> {
    serde_json::from_value(event).map_err(|error| {
        tracing::error!(category = ?error.classify(), "event is not one of an authorizer: denied");
        RefusedCode::AuthenticationUnavailable.into()
    })
}

fn socket_answer(route: Option<&str>, answer: Result<Identity, Refused>) -> SocketAnswer {
    let mut statement = IamPolicyStatement::default();
    statement.action = vec![INVOKE.into()];
    statement.effect = if answer.is_ok() {
        IamPolicyEffect::Allow
    } else {
        IamPolicyEffect::Deny
    };
    statement.resource = vec![route.unwrap_or("*").into()];
    let mut policy = ApiGatewayCustomAuthorizerPolicy::default();
    policy.version = Some(POLICY_VERSION.into());
    policy.statement = vec![statement];
    let mut response = SocketAnswer::default();
    response.principal_id = Some(answer.as_ref().map_or(NOBODY, |identity| &identity.user).into());
    response.policy_document = policy;
    response.context = context(answer);
    response
}

fn http_answer(answer: Result<Identity, Refused>) -> HttpAnswer {
    let mut response = HttpAnswer::default();
    response.is_authorized = answer.is_ok();
    response.context = context(answer);
    response
}

fn context(answer: Result<Identity, Refused>) -> Context {
    match answer {
        Ok(identity) => Context {
            identity: Some((&identity).into()),
            code: None,
        },
        Err(refused) => {
            tracing::info!(code = refused.code.as_str(), "denied");
            Context {
                identity: None,
                code: Some(refused.code),
            }
        }
    }
}
