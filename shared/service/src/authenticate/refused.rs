//! Why someone was not let in.

use std::fmt;

use serde::{Deserialize, Serialize};
use tickwire_wire::ErrorCode;

/// Why someone was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", code.reason())]
pub struct Refused {
    /// The reason.
    pub code: RefusedCode,
}

/// The reasons for a refusal. Their texts are part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedCode {
    /// No token.
    TokenMissing,
    /// Not a token, or too long for one.
    TokenMalformed,
    /// No secret of ours signed it.
    TokenForged,
    /// Signed with a key that is not known here; it may be one that came a moment ago.
    SigningKeyUnknown,
    /// Past its `exp`.
    TokenExpired,
    /// Before its `nbf`, or made in the future.
    TokenNotYetValid,
    /// Signed with another algorithm.
    WrongAlgorithm,
    /// Made by another issuer.
    WrongIssuer,
    /// Made for another audience.
    WrongAudience,
    /// A required claim is not there.
    ClaimMissing,
    /// A claim's value is out of bounds.
    ClaimInvalid,
    /// No ticket.
    TicketMissing,
    /// Not a ticket.
    TicketMalformed,
    /// Used before, or never issued.
    TicketUnknown,
    /// Older than it may be.
    TicketExpired,
    /// The identity behind it no longer holds.
    IdentityExpired,
    /// It was taken back.
    IdentityRevoked,
    /// No such API key, or not its secret.
    KeyUnknown,
    /// Too many attempts from its address failed.
    AddressBanned,
    /// The check could not be run.
    AuthenticationUnavailable,
}

impl RefusedCode {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::TokenMissing,
        Self::TokenMalformed,
        Self::TokenForged,
        Self::SigningKeyUnknown,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::WrongAlgorithm,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::ClaimMissing,
        Self::ClaimInvalid,
        Self::TicketMissing,
        Self::TicketMalformed,
        Self::TicketUnknown,
        Self::TicketExpired,
        Self::IdentityExpired,
        Self::IdentityRevoked,
        Self::KeyUnknown,
        Self::AddressBanned,
        Self::AuthenticationUnavailable,
    ];

    /// The code as sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenMissing => "token_missing",
            Self::TokenMalformed => "token_malformed",
            Self::TokenForged => "token_forged",
            Self::SigningKeyUnknown => "signing_key_unknown",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::ClaimMissing => "claim_missing",
            Self::ClaimInvalid => "claim_invalid",
            Self::TicketMissing => "ticket_missing",
            Self::TicketMalformed => "ticket_malformed",
            Self::TicketUnknown => "ticket_unknown",
            Self::TicketExpired => "ticket_expired",
            Self::IdentityExpired => "identity_expired",
            Self::IdentityRevoked => "identity_revoked",
            Self::KeyUnknown => "key_unknown",
            Self::AddressBanned => "address_banned",
            Self::AuthenticationUnavailable => "authentication_unavailable",
        }
    }

    /// The reason for a reader, with what to do.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TokenMissing => "no token: send the header Authorization: Bearer TOKEN",
            Self::TokenMalformed => "the token is not one: send it as it was issued",
            Self::TokenForged => "the token's signature is wrong: get a new token",
            Self::SigningKeyUnknown => "the token's key is not known here: try again in some seconds",
            Self::TokenExpired => "the token has expired: get a new token",
            Self::TokenNotYetValid => "the token is not valid yet: check the clock of its issuer",
            Self::WrongAlgorithm => "the token's algorithm is not HS256: get a token from this service",
            Self::WrongIssuer => "the token has another issuer: get a token from this service",
            Self::WrongAudience => "the token is for another audience: get a token for this service",
            Self::ClaimMissing => {
                "the token lacks one of sub, tier, iat, nbf, exp, iss, aud: get a new token"
            }
            Self::ClaimInvalid => "a claim of the token is out of bounds: get a new token",
            Self::TicketMissing => "no ticket: get one by POST /v1/tickets and connect with ?ticket=",
            Self::TicketMalformed => "the ticket is not one: send it as it was issued",
            Self::TicketUnknown => "the ticket was used or never issued: get a new ticket",
            Self::TicketExpired => "the ticket has expired: get a new ticket",
            Self::IdentityExpired => "the identity has expired: get a new token",
            Self::KeyUnknown => "there is no such API key: send it as it was issued",
            Self::AddressBanned => "too many attempts from this address failed: wait five minutes",
            Self::IdentityRevoked => "the identity was taken back: ask whoever gave it",
            Self::AuthenticationUnavailable => "nobody can be let in at the moment: try again later",
        }
    }

    /// Its place in the table of error codes, which is coarser: what a client is to do.
    pub const fn error_code(self) -> ErrorCode {
        match self {
            Self::TokenMissing => ErrorCode::TokenMissing,
            Self::TokenExpired => ErrorCode::TokenExpired,
            Self::TokenMalformed
            | Self::TokenForged
            | Self::SigningKeyUnknown
            | Self::TokenNotYetValid
            | Self::WrongAlgorithm
            | Self::WrongIssuer
            | Self::WrongAudience
            | Self::ClaimMissing
            | Self::ClaimInvalid
            | Self::IdentityRevoked
            | Self::KeyUnknown => ErrorCode::TokenInvalid,
            Self::TicketMissing | Self::TicketMalformed | Self::TicketUnknown | Self::TicketExpired => {
                ErrorCode::TicketInvalid
            }
            Self::IdentityExpired => ErrorCode::SessionExpired,
            Self::AddressBanned => ErrorCode::AttemptsRate,
            Self::AuthenticationUnavailable => ErrorCode::Unavailable,
        }
    }

    /// Whether someone may be guessing: it counts against the address it came from.
    pub const fn is_attempt(self) -> bool {
        !matches!(
            self,
            Self::TokenMissing
                | Self::TicketMissing
                | Self::TokenExpired
                | Self::TicketExpired
                | Self::IdentityExpired
                | Self::AddressBanned
                | Self::AuthenticationUnavailable
        )
    }

    /// Whether the same request may succeed later.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::AuthenticationUnavailable | Self::AddressBanned)
    }
}

impl fmt::Display for RefusedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<RefusedCode> for Refused {
    fn from(code: RefusedCode) -> Self {
        Self { code }
    }
}
