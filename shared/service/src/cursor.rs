//! Cursors: where the next page of a question begins, sealed so that a reader
//! can neither make one nor use one with another question.
//!
//! A cursor is base64url of a tag and the position. The tag is HMAC-SHA256 over
//! question and position under a key derived from the secret that signs tokens,
//! so both versions of that secret open a cursor while it is being rotated.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tickwire_wire::ErrorCode;

use crate::authenticate::secret_bytes_min;
use crate::open_connection::Fault;
use crate::ports::{PortError, Secret, SecretVersions, Secrets};

/// Longest cursor that is looked at, in bytes.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const cursor_bytes_max: usize = 1_024;
/// Bytes of the tag: half of the hash, as RFC 2104, 5 allows.
const TAG_BYTES: usize = 16;
/// What the key is derived for. No token begins like it.
const PURPOSE: &[u8] = b"tickwire cursor 1";

/// Seals and opens cursors.
#[derive(Clone)]
pub struct Cursors {
    secrets: Arc<dyn Secrets>,
    secret_name: Arc<str>,
}

impl Cursors {
    /// `secret_name` names the secret that signs tokens.
    pub fn new(secrets: Arc<dyn Secrets>, secret_name: &str) -> Self {
        Self {
            secrets,
            secret_name: secret_name.into(),
        }
    }

    /// A cursor of `question` at `position`.
    pub async fn seal(&self, question: &str, position: &str) -> Result<String, Fault> {
        let secrets = self.secrets.secret(&self.secret_name).await?;
        let tag = mac(&secrets.current, question, position.as_bytes())?
            .finalize()
            .into_bytes();
        let mut bytes = tag[..TAG_BYTES].to_vec();
        bytes.extend_from_slice(position.as_bytes());
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The position of a cursor of `question`; anything else is `cursor_invalid`.
    pub async fn open(&self, question: &str, cursor: &str) -> Result<String, Fault> {
        let invalid = || Fault::from(ErrorCode::CursorInvalid);
        if cursor.len() > cursor_bytes_max {
            return Err(invalid());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let (tag, position) = bytes.split_at_checked(TAG_BYTES).ok_or_else(invalid)?;
        let secrets = self.secrets.secret(&self.secret_name).await?;
        let mut sealed = is_sealed(&secrets, question, position, tag)?;
        if !sealed {
            // It may have been sealed with a key that came after those held.
            let renewed = self.secrets.renewed_secret(&self.secret_name).await?;
            sealed = !renewed.is_same_as(&secrets) && is_sealed(&renewed, question, position, tag)?;
        }
        if !sealed {
            return Err(invalid());
        }
        String::from_utf8(position.to_vec()).map_err(|_| invalid())
    }
}

/// Whether either version made `tag`.
fn is_sealed(
    secrets: &SecretVersions,
    question: &str,
    position: &[u8],
    tag: &[u8],
) -> Result<bool, PortError> {
    let versions = std::iter::once(&secrets.current).chain(&secrets.previous);
    let mut sealed = false;
    for secret in versions {
        // In constant time.
        sealed |= mac(secret, question, position)?
            .verify_truncated_left(tag)
            .is_ok();
    }
    Ok(sealed)
}

fn mac(secret: &Secret, question: &str, position: &[u8]) -> Result<Hmac<Sha256>, PortError> {
    let refused = |why: &str| PortError::Refused {
        what: "cursors",
        why: why.to_owned(),
    };
    if secret.expose().len() < secret_bytes_min {
        return Err(refused("the secret is too short"));
    }
    let keyed = |key: &[u8]| {
        // Any length is taken.
        Hmac::<Sha256>::new_from_slice(key).map_err(|_| refused("the key is not taken"))
    };
    let key = keyed(secret.expose())?
        .chain_update(PURPOSE)
        .finalize()
        .into_bytes();
    let length = (question.len() as u64).to_be_bytes();
    Ok(keyed(&key)?
        .chain_update(length)
        .chain_update(question)
        .chain_update(position))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::ports::PortResult;

    struct Fixed(&'static str, Option<&'static str>);

    #[async_trait]
    impl Secrets for Fixed {
        async fn secret(&self, _: &str) -> PortResult<SecretVersions> {
            let secret = |text: &str| Secret::new(text.as_bytes());
            Ok(SecretVersions {
                current: secret(self.0),
                previous: self.1.map(secret),
            })
        }
    }

    fn cursors(current: &'static str, previous: Option<&'static str>) -> Cursors {
        Cursors::new(Arc::new(Fixed(current, previous)), "any")
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        futures_util::FutureExt::now_or_never(future).expect("nothing is waited for")
    }

    const ONE: &str = "the first secret, of 32 bytes or so";
    const TWO: &str = "the other secret, of 32 bytes or so";

    fn slug(result: Result<String, Fault>) -> Result<String, String> {
        result.map_err(|fault| fault.into_body().slug)
    }

    #[test]
    fn a_cursor_opens_with_its_own_question_only() {
        let cursors = cursors(ONE, None);
        let sealed = now(cursors.seal("bars?a=1", "123")).unwrap();
        let invalid = Err("cursor_invalid".to_owned());
        let open = |question: &str, cursor: &str| slug(now(cursors.open(question, cursor)));
        assert_eq!(open("bars?a=1", &sealed), Ok("123".to_owned()));
        assert_eq!(open("bars?a=2", &sealed), invalid);
        // Nothing moves from the question to the position.
        let moved = now(cursors.seal("bars?a=1", "1")).unwrap();
        assert_eq!(open("bars?a=11", &moved), invalid);
        for forged in [
            "",
            "x",
            "123",
            "AAAA",
            "====",
            "\u{e9}",
            &sealed[1..],
            &"A".repeat(2_000),
        ] {
            assert_eq!(open("bars?a=1", forged), invalid, "{forged}");
        }
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            assert_eq!(open("bars?a=1", &forged), invalid, "{forged}");
        }
    }

    /// Holds the first of its secrets until it is told to read anew.
    struct Held(std::sync::atomic::AtomicUsize, [&'static str; 2]);

    #[async_trait]
    impl Secrets for Held {
        async fn secret(&self, _: &str) -> PortResult<SecretVersions> {
            let held = self.0.load(std::sync::atomic::Ordering::Relaxed);
            Fixed(self.1[held], None).secret("").await
        }

        async fn renewed_secret(&self, name: &str) -> PortResult<SecretVersions> {
            self.0.store(1, std::sync::atomic::Ordering::Relaxed);
            self.secret(name).await
        }
    }

    #[test]
    fn a_cursor_of_a_newer_secret_opens() {
        let sealed = now(cursors(TWO, None).seal("q", "p")).unwrap();
        let open = |secrets: [&'static str; 2]| {
            let held = Cursors::new(Arc::new(Held(0.into(), secrets)), "any");
            slug(now(held.open("q", &sealed)))
        };
        assert_eq!(open([ONE, TWO]), Ok("p".to_owned()));
        assert_eq!(open([ONE, ONE]), Err("cursor_invalid".to_owned()));
    }

    #[test]
    fn a_rotated_secret_opens_and_a_foreign_one_does_not() {
        let sealed = now(cursors(ONE, None).seal("q", "p")).unwrap();
        assert_eq!(
            slug(now(cursors(TWO, Some(ONE)).open("q", &sealed))),
            Ok("p".to_owned())
        );
        assert_eq!(
            slug(now(cursors(TWO, None).open("q", &sealed))),
            Err("cursor_invalid".to_owned())
        );
        assert_eq!(
            slug(now(cursors("short", None).open("q", &sealed))),
            Err("internal".to_owned())
        );
    }
}
