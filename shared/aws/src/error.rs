//! What the SDK's errors mean to a port.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tickwire_service::ports::PortError;

/// Longest part of a service's message that is passed on, in characters.
const MESSAGE_CHARS_MAX: usize = 200;

/// Codes that ask for less.
const THROTTLED: [&str; 8] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "RequestThrottled",
    "TooManyRequestsException",
    "LimitExceededException",
    "OverLimit",
];

/// Codes of status 4xx behind which a later attempt can succeed: credentials
/// and clocks that are about to be renewed, and the service's own conflicts.
const LATER: [&str; 8] = [
    "ExpiredTokenException",
    "ExpiredToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "TransactionInProgressException",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
    "KmsThrottled",
];

/// Codes whose message names identities: only the code is passed on.
const NAMES_IDENTITIES: [&str; 4] = [
    "AccessDeniedException",
    "AccessDenied",
    "UnrecognizedClientException",
    "InvalidSignatureException",
];

/// Translates a failure of the call `what`.
pub(crate) fn port_error<E: ProvideErrorMetadata>(
    what: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> PortError {
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or("no code");
            if status == 429 || THROTTLED.contains(&code) {
                return PortError::Throttled { what };
            }
            let why = match answer.err().message() {
                Some(message) if !NAMES_IDENTITIES.contains(&code) => {
                    format!(
                        "{code}: {}",
                        message.chars().take(MESSAGE_CHARS_MAX).collect::<String>()
                    )
                }
                _ => code.to_owned(),
            };
            if status >= 500 || LATER.contains(&code) {
                PortError::Unavailable { what, why }
            } else {
                PortError::Refused { what, why }
            }
        }
        SdkError::TimeoutError(_) => PortError::Unavailable {
            what,
            why: "no answer in time".into(),
        },
        SdkError::DispatchFailure(failure) => {
            let why = if failure.is_timeout() {
                "no connection in time"
            } else if failure.is_io() {
                "the connection broke"
            } else if failure.is_user() {
                "the request could not be sent"
            } else {
                "no connection"
            };
            PortError::Unavailable {
                what,
                why: why.into(),
            }
        }
        SdkError::ResponseError(_) => PortError::Unavailable {
            what,
            why: "the answer cannot be read".into(),
        },
        SdkError::ConstructionFailure(_) => PortError::Refused {
            what,
            why: "the request cannot be built".into(),
        },
        _ => PortError::Unavailable {
            what,
            why: "the call failed".into(),
        },
    }
}
