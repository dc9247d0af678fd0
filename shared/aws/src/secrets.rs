//! Secrets Manager, read through a cache of a few minutes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use tickwire_service::ports::{PortError, PortResult, Secret, SecretVersions, Secrets};

use crate::error::port_error;

/// A secret is read anew after this time: so long may a rotation go unseen,
/// and both versions verify meanwhile.
const KEPT: Duration = Duration::from_secs(300);

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The secrets of a function. Text is taken as its bytes.
pub struct RemoteSecrets {
    client: aws_sdk_secretsmanager::Client,
    ids: BTreeMap<String, String>,
    cache: Mutex<HashMap<String, (Instant, SecretVersions)>>,
}

impl RemoteSecrets {
    /// On `client`; `ids` leads from a name to the id in Secrets Manager.
    pub fn new(client: aws_sdk_secretsmanager::Client, ids: BTreeMap<String, String>) -> Self {
        Self {
            client,
            ids,
            cache: Mutex::default(),
        }
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

fn content(answer: GetSecretValueOutput) -> Option<Secret> {
    match (answer.secret_string, answer.secret_binary) {
        (Some(text), _) => Some(Secret::new(text.into_bytes())),
        (None, Some(blob)) => Some(Secret::new(blob.into_inner())),
        (None, None) => None,
    }
}

#[async_trait]
impl Secrets for RemoteSecrets {
    async fn secret(&self, name: &str) -> PortResult<SecretVersions> {
        let refused = |why: String| PortError::Refused {
            what: "secrets.secret",
            why,
        };
        let id = self
            .ids
            .get(name)
            .ok_or_else(|| refused(format!("there is no secret {name}")))?;
        let kept = {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache
                .get(name)
                .filter(|(at, _)| at.elapsed() < KEPT)
                .map(|(_, versions)| versions.clone())
        };
        if let Some(versions) = kept {
            return Ok(versions);
        }
        let current = self.version(id, CURRENT).await?;
        let current = current.ok_or_else(|| refused(format!("secret {name} does not exist")))?;
        let versions = SecretVersions {
            current,
            previous: self.version(id, PREVIOUS).await?,
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(name.to_owned(), (Instant::now(), versions.clone()));
        Ok(versions)
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
