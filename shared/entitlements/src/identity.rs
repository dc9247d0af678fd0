//! Who asks.

use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;

use crate::Tier;

/// Longest user name, in bytes.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const user_bytes_max: usize = 64;

/// A user who has proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's name, see [`is_user_name`].
    pub user: String,
    /// What the user pays for.
    pub tier: Tier,
    /// From when on the proof no longer holds.
    pub expires_at: UnixNanos,
    /// What proved it.
    pub proof: Proof,
}

/// What proved an identity: by it the identity can be taken back before its time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Claim `jti` of the token, or the prefix of the API key; empty where there is none.
    pub id: String,
    /// When it was made. What is not known counts as long ago.
    pub issued_at: UnixNanos,
}

/// Whether `text` can name a user: 1 to [`user_bytes_max`] of `A-Z a-z 0-9 - _ .`,
/// which are the characters of a user in a stream key.
pub fn is_user_name(text: &str) -> bool {
    (1..=user_bytes_max).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_bounded_and_fit_into_a_stream_key() {
        let longest = "u".repeat(user_bytes_max);
        for good in ["a", "u-1", "A.b_c", longest.as_str()] {
            assert!(is_user_name(good), "{good}");
            let key = format!("personal/{good}:NSE@NIFTY@IDX:1m:rsi(close,14)");
            assert!(key.parse::<tickwire_streams::StreamKey>().is_ok(), "{key}");
        }
        let too_long = "u".repeat(user_bytes_max + 1);
        for bad in ["", " ", "a b", "a:b", "a/b", "a@b", "ü", "a\n", too_long.as_str()] {
            assert!(!is_user_name(bad), "{bad:?}");
            let key = format!("personal/{bad}:NSE@NIFTY@IDX:1m:rsi(close,14)");
            assert!(key.parse::<tickwire_streams::StreamKey>().is_err(), "{key}");
        }
    }
}
