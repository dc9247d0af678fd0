//! Lambda function `entitle`: which of some streams a user may read, for callers
//! inside the house.
//!
//! ```json
//! {"v":1,"user":"user-1","tier":"standard","streams":["marketplace/breakout:NSE@NIFTY@IDX:5m:rsi(close,14)"]}
//! {"v":1,"decisions":[{"key":"marketplace/…","decision":"deny","code":"grant_required","reason":"…"}]}
//! ```
//!
//! It never fails: what cannot be judged is denied, and what has no decision is
//! denied too.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tickwire_entitlements::{Decision, Identity, Proof, Tier, is_user_name};
use tickwire_market::UnixNanos;
use tickwire_service::entitle::Entitle;
use tickwire_streams::StreamKey;
use tickwire_wire::ErrorCode;

/// Version of request and response.
pub const ENTITLE_VERSION: u16 = 1;

/// Streams in one request.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const entitle_streams_max: usize = 1_000;

/// The question, version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntitleRequest {
    /// [`ENTITLE_VERSION`].
    pub v: u16,
    /// The user, who has been authenticated by the caller.
    pub user: String,
    /// The user's tier.
    pub tier: Tier,
    /// End of the user's identity, in milliseconds since the epoch; without it
    /// the caller answers for the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
    /// Stream keys.
    pub streams: Vec<String>,
}

/// The answer, version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitleResponse {
    /// [`ENTITLE_VERSION`].
    pub v: u16,
    /// One a stream, in their order; none if the request was refused as a whole.
    pub decisions: Vec<StreamDecision>,
    /// Why the request was refused as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Whether one stream may be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamDecision {
    /// The stream key as it was sent.
    pub key: String,
    /// The verdict.
    pub decision: Verdict,
    /// Code of a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The lowest tier that the stream is open to, where the tier was too low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<Tier>,
    /// Reason of a denial, with what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// May be read.
    Allow,
    /// May not.
    Deny,
}

/// Answers an event.
pub async fn handle(entitle: &Entitle, event: Value) -> EntitleResponse {
    match serde_json::from_value::<EntitleRequest>(event) {
        Ok(request) => decide(entitle, request).await,
        Err(error) => {
            tracing::error!(%error, "request to entitle is malformed: refused");
            refuse(ErrorCode::MessageMalformed)
        }
    }
}

/// Answers a request.
pub async fn decide(entitle: &Entitle, request: EntitleRequest) -> EntitleResponse {
    if request.v != ENTITLE_VERSION {
        return refuse(ErrorCode::MessageMalformed);
    }
    if !is_user_name(&request.user) {
        return refuse(ErrorCode::ParameterInvalid);
    }
    if request.streams.len() > entitle_streams_max {
        return refuse(ErrorCode::StreamsPerRequestMax);
    }
    let expires_at = request
        .expires_at_ms
        .map_or(UnixNanos(i64::MAX), UnixNanos::from_millis);
    let identity = Identity {
        user: request.user,
        tier: request.tier,
        expires_at,
        proof: Proof::default(),
    };

    let parsed = request
        .streams
        .iter()
        .map(|key| key.parse::<StreamKey>())
        .collect::<Vec<_>>();
    let good = parsed.iter().flatten().collect::<Vec<_>>();
    let mut decided = entitle.decide(&identity, &good).await.into_iter();
    let decisions = request
        .streams
        .into_iter()
        .zip(parsed)
        .map(|(key, parsed)| match parsed.map(|_| decided.next()) {
            Ok(Some(Decision::Allow)) => StreamDecision {
                key,
                decision: Verdict::Allow,
                code: None,
                required: None,
                reason: None,
            },
            Ok(Some(Decision::Deny(denial))) => deny(
                key,
                denial.code.as_str(),
                denial.required,
                denial.code.reason().to_owned(),
            ),
            Ok(None) => deny(
                key,
                ErrorCode::Internal.slug(),
                None,
                ErrorCode::Internal.message().to_owned(),
            ),
            Err(error) => deny(key, ErrorCode::StreamMalformed.slug(), None, error.to_string()),
        })
        .collect();
    EntitleResponse {
        v: ENTITLE_VERSION,
        decisions,
        code: None,
    }
}

fn deny(key: String, code: &str, required: Option<Tier>, reason: String) -> StreamDecision {
    StreamDecision {
        key,
        decision: Verdict::Deny,
        code: Some(code.to_owned()),
        required,
        reason: Some(reason),
    }
}

fn refuse(code: ErrorCode) -> EntitleResponse {
    EntitleResponse {
        v: ENTITLE_VERSION,
        decisions: Vec::new(),
        code: Some(code.slug().to_owned()),
    }
}
