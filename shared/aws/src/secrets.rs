//! Secrets Manager, read through a cache of a few minutes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use tickwire_service::ports::{PortError, PortResult, Secret, SecretVersions, Secrets};
use tokio::time::Instant;

use crate::error::port_error;

/// A secret is read anew after this time: so long may a rotation go unseen,
/// and both versions verify meanwhile.
const KEPT: Duration = Duration::from_secs(300);

/// What does not verify makes it be read anew, but not within this time of the last reading:
/// so long a new key may be refused, and so seldom forged tokens cost a call.
const RENEWED_AFTER: Duration = Duration::from_secs(3);

pub(crate) const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The secrets of a function. Text is taken as its bytes.
pub struct RemoteSecrets {
    client: aws_sdk_secretsmanager::Client,
    ids: BTreeMap<String, String>,
    cache: Mutex<HashMap<String, Kept>>,
    /// Held while a secret is read: whoever waits finds it read.
    reading: tokio::sync::Mutex<()>,
}

/// A secret, and when it was read, or should have been.
#[derive(Clone)]
struct Kept {
    read_at: Instant,
    tried_at: Instant,
    versions: SecretVersions,
}

impl RemoteSecrets {
    /// On `client`; `ids` leads from a name to the id in Secrets Manager.
    pub fn new(client: aws_sdk_secretsmanager::Client, ids: BTreeMap<String, String>) -> Self {
        Self {
            client,
            ids,
            cache: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    fn kept(&self, name: &str) -> Option<Kept> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(name).cloned()
    }

    /// What is kept if it will do, else what is read now.
    async fn read(&self, name: &str, will_do: impl Fn(&Kept) -> bool) -> PortResult<SecretVersions> {
        let refused = |why: String| PortError::Refused {
            what: "secrets.secret",
            why,
        };
        let id = self
            .ids
            .get(name)
            .ok_or_else(|| refused(format!("there is no secret {name}")))?;
        if let Some(kept) = self.kept(name).filter(&will_do) {
            return Ok(kept.versions);
        }
        let _one_at_a_time = self.reading.lock().await;
        if let Some(kept) = self.kept(name).filter(&will_do) {
            return Ok(kept.versions);
        }
        let tried_at = Instant::now();
        let both = async {
            let current = self.version(id, CURRENT).await?;
            Ok(SecretVersions {
                current: current.ok_or_else(|| refused(format!("secret {name} does not exist")))?,
                previous: self.version(id, PREVIOUS).await?,
            })
        };
        let both = both.await;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        match &both {
            Ok(versions) => {
                let kept = Kept {
                    read_at: tried_at,
                    tried_at,
                    versions: versions.clone(),
                };
                cache.insert(name.to_owned(), kept);
            }
            Err(_) => {
                if let Some(kept) = cache.get_mut(name) {
                    kept.tried_at = tried_at;
                }
            }
        }
        both
    }

    /// One version; `None` if there is none in that stage.
    async fn version(&self, id: &str, stage: &'static str) -> PortResult<Option<Secret>> {
        let what = "secrets.secret";
        match self
            .client
            .get_secret_value()
            .secret_id(id)
            .version_stage(stage)
            .send()
            .await
        {
            Ok(answer) => content(answer).map(Some).ok_or_else(|| PortError::Refused {
                what,
                why: "the secret has neither text nor bytes".into(),
            }),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_resource_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(port_error(what, &error)),
        }
    }
}

pub(crate) fn content(answer: GetSecretValueOutput) -> Option<Secret> {
    match (answer.secret_string, answer.secret_binary) {
        (Some(text), _) => Some(Secret::new(text.into_bytes())),
        (None, Some(blob)) => Some(Secret::new(blob.into_inner())),
        (None, None) => None,
    }
}

#[async_trait]
impl Secrets for RemoteSecrets {
    async fn secret(&self, name: &str) -> PortResult<SecretVersions> {
        self.read(name, |kept| kept.read_at.elapsed() < KEPT).await
    }

    async fn renewed_secret(&self, name: &str) -> PortResult<SecretVersions> {
        self.read(name, |kept| kept.tried_at.elapsed() < RENEWED_AFTER)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Canned, aws};

    #[tokio::test]
    async fn both_versions_are_read_once() {
        let http = Canned::answering(&[
            (200, r#"{"SecretString":"new"}"#),
            (200, r#"{"SecretBinary":"b2xk"}"#),
        ]);
        let secrets = aws(&http).secrets();
        for _ in 0..2 {
            let versions = secrets.secret("jwt_key").await.unwrap();
            assert_eq!(versions.current.expose(), b"new");
            assert_eq!(versions.previous.unwrap().expose(), b"old");
        }
        assert_eq!(http.requests(), 2);
        assert_eq!(http.request(0).json["SecretId"], "tickwire/jwt");
        assert_eq!(http.request(1).json["VersionStage"], "AWSPREVIOUS");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_verify_makes_it_be_read_anew_once() {
        let http = Canned::answering(&[
            (200, r#"{"SecretString":"one"}"#),
            (200, r#"{"SecretString":"none"}"#),
            (200, r#"{"SecretString":"two"}"#),
            (200, r#"{"SecretString":"one"}"#),
            (500, "{}"),
        ]);
        let secrets = aws(&http).secrets();
        let current = async |renewed: bool| {
            let versions = match renewed {
                true => secrets.renewed_secret("jwt_key").await,
                false => secrets.secret("jwt_key").await,
            };
            String::from_utf8(versions.unwrap().current.expose().to_vec()).unwrap()
        };
        assert_eq!(current(false).await, "one");
        // It was read a moment ago: a flood of forged tokens reads nothing.
        for _ in 0..100 {
            assert_eq!(current(true).await, "one");
        }
        assert_eq!(http.requests(), 2);
        tokio::time::advance(RENEWED_AFTER).await;
        // Of many that ask at once, one reads.
        let all = futures_util::future::join_all((0..20).map(|_| current(true))).await;
        assert!(all.iter().all(|current| current == "two"), "{all:?}");
        assert_eq!((http.requests(), current(false).await), (4, "two".to_owned()));
        // One that failed was one as well.
        tokio::time::advance(RENEWED_AFTER).await;
        assert!(secrets.renewed_secret("jwt_key").await.is_err());
        let asked = http.requests();
        assert_eq!(current(true).await, "two");
        assert_eq!(http.requests(), asked);
        // What is kept is not renewed by that.
        assert_eq!(current(false).await, "two");
    }

    #[tokio::test]
    async fn a_secret_without_a_previous_version_is_whole_and_one_that_is_missing_is_refused() {
        let missing = r#"{"__type":"ResourceNotFoundException","Message":"no"}"#;
        let http = Canned::answering(&[(200, r#"{"SecretString":"new"}"#), (400, missing)]);
        assert!(
            aws(&http)
                .secrets()
                .secret("jwt_key")
                .await
                .unwrap()
                .previous
                .is_none()
        );
        let http = Canned::answering(&[(400, missing)]);
        let secrets = aws(&http).secrets();
        assert!(matches!(
            secrets.secret("jwt_key").await,
            Err(PortError::Refused { .. })
        ));
        assert!(matches!(
            secrets.secret("other").await,
            Err(PortError::Refused { .. })
        ));
        assert_eq!(http.requests(), 1);
    }
}
