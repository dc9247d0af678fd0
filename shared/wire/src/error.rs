//! The table of error codes: part of the contract, on socket and HTTP alike.

use serde::{Deserialize, Serialize};
use tickwire_entitlements::Tier;
use tickwire_streams::StreamKey;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $slug:literal $http:literal $temporary:literal $message:literal,)+) => {
        /// A stable error code: 1xx protocol, 2xx auth, 3xx entitlement, 4xx limit, 5xx server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $(#[doc = $message] $variant,)+ }

        impl ErrorCode {
            /// All codes, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number.
            pub fn code(self) -> u16 { match self { $(Self::$variant => $code,)+ } }
            /// The name.
            pub fn slug(self) -> &'static str { match self { $(Self::$variant => $slug,)+ } }
            /// The HTTP status it goes with.
            pub fn status(self) -> u16 { match self { $(Self::$variant => $http,)+ } }
            /// Whether the same request may succeed later.
            pub fn is_temporary(self) -> bool { match self { $(Self::$variant => $temporary,)+ } }
            /// What it means, for people.
            pub fn message(self) -> &'static str { match self { $(Self::$variant => $message,)+ } }
        }
    };
}

error_codes! {
    MessageMalformed = 100 "message_malformed" 400 false "The message is not JSON of a known form.",
    OperationUnknown = 101 "operation_unknown" 400 false "The operation is not one of hello, subscribe, unsubscribe, list, ping.",
    MessageTooLarge = 102 "message_too_large" 413 false "The message is larger than is taken.",
    BinaryNotTaken = 103 "binary_not_taken" 400 false "Frames are text.",
    HelloFirst = 104 "hello_first" 400 false "The first message is hello.",
    StreamMalformed = 105 "stream_malformed" 400 false "The stream key is not one.",
    ExpressionInvalid = 106 "expression_invalid" 400 false "The expression is not one, or not in canonical form.",
    InstrumentUnknown = 107 "instrument_unknown" 404 false "The instrument is not known here.",
    OtherGroup = 108 "other_group" 400 false "The expression reaches an instrument of another group.",
    RequestStale = 109 "request_stale" 409 false "A request with a greater id was already carried out.",
    HandleTaken = 110 "handle_taken" 400 false "The handle s stands for another stream.",
    NotFound = 111 "not_found" 404 false "There is nothing at this address.",
    ParameterInvalid = 112 "parameter_invalid" 400 false "A parameter is missing or out of its bounds.",
    MethodNotAllowed = 113 "method_not_allowed" 405 false "The address does not take this method.",
    CursorInvalid = 114 "cursor_invalid" 400 false "The cursor is not one, or of another question: repeat the question without it.",
    AddressTooLong = 115 "address_too_long" 414 false "The address is longer than is taken.",
    NotAcceptable = 116 "not_acceptable" 406 false "The answer has none of the forms that the header Accept names.",
    MediaTypeUnknown = 117 "media_type_unknown" 415 false "The body is not of a form that is taken: send application/json.",
    NotAvailable = 118 "not_available" 404 false "This address is reserved: what it will answer is not made yet.",
    ContractExpired = 119 "contract_expired" 410 false "Trading in the contract has ended.",
    TokenMissing = 200 "token_missing" 401 false "A token is needed.",
    TokenInvalid = 201 "token_invalid" 401 false "The token is not accepted.",
    TokenExpired = 202 "token_expired" 401 false "The token has expired: get a new one.",
    TicketInvalid = 203 "ticket_invalid" 401 false "The ticket is unknown, used or expired: get a new one.",
    SessionExpired = 204 "session_expired" 401 false "The session has ended: connect again.",
    EntitlementRequired = 300 "entitlement_required" 403 false "The tier does not include this.",
    GrantRequired = 301 "grant_required" 403 false "A grant for the product is needed.",
    NotYours = 302 "not_yours" 403 false "The stream belongs to another user.",
    EntitlementUnreadable = 303 "entitlement_unreadable" 403 true "The entitlement cannot be read just now, so it is denied.",
    RoleRequired = 304 "role_required" 403 false "The token's role does not include this.",
    OriginDenied = 305 "origin_denied" 403 false "Pages of this origin may not connect.",
    NotInProduct = 306 "not_in_product" 403 false "The product, as it was granted, does not include this stream.",
    ConnectionsMax = 400 "connections_max" 429 true "The tier's number of connections is reached.",
    SubscriptionsMax = 401 "subscriptions_max" 429 false "The tier's number of subscriptions per connection is reached.",
    RequestsRate = 402 "requests_rate" 429 true "The tier's rate of requests is reached.",
    ChangesRate = 403 "changes_rate" 429 true "The tier's rate of changes of subscriptions is reached.",
    StreamsPerRequestMax = 404 "streams_per_request_max" 400 false "The request names more streams than is taken.",
    AttemptsRate = 405 "attempts_rate" 429 true "Too many attempts from this address failed.",
    Internal = 500 "internal" 500 true "Something failed here; it has been noted.",
    Unavailable = 501 "unavailable" 503 true "A part this needs is not available just now.",
    NotReady = 502 "not_ready" 503 true "Not ready yet.",
}

/// An error as clients see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// Its number.
    pub code: u16,
    /// Its name.
    pub slug: String,
    /// Whether the same request may succeed later.
    pub temporary: bool,
    /// What to do, for people.
    pub message: String,
    /// When to try again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The stream it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The reader's tier, where it is too low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub tier: Option<Tier>,
    /// The tier that would include it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub required: Option<Box<str>>,
    /// The same stream of the next contract, of a future that has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub successor: Option<Box<StreamKey>>,
}

impl From<ErrorCode> for ErrorBody {
    fn from(code: ErrorCode) -> Self {
        Self {
            code: code.code(),
            slug: code.slug().to_owned(),
            temporary: code.is_temporary(),
            message: code.message().to_owned(),
            retry_after_ms: None,
            stream: None,
            tier: None,
            required: None,
            successor: None,
        }
    }
}

impl ErrorBody {
    /// With more to say than the table does.
    pub fn with_message(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..code.into()
        }
    }

    /// About a stream.
    #[must_use]
    pub fn about(self, stream: impl Into<String>) -> Self {
        Self {
            stream: Some(stream.into()),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_slugs_are_unique() {
        assert!(
            ErrorCode::ALL
                .windows(2)
                .all(|pair| pair[0].code() < pair[1].code())
        );
        let slugs: std::collections::BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.slug()).collect();
        assert_eq!(slugs.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            let hundred = code.code() / 100;
            let fits = match code.status() {
                401 => hundred == 2,
                403 => hundred == 3,
                429 => hundred == 4,
                500.. => hundred == 5,
                _ => hundred == 1 || hundred == 4,
            };
            assert!(
                fits,
                "{code:?} is in the wrong hundred for status {}",
                code.status()
            );
        }
    }
}
