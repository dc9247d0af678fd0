//! New versions of secrets in Secrets Manager.

use std::collections::HashMap;

use async_trait::async_trait;
use tickwire_service::ports::{PortError, PortResult, Secret, SecretRotation, SecretStages};

use crate::error::port_error;
use crate::secrets::{CURRENT, content};

const PENDING: &str = "AWSPENDING";

/// Rotates what the role of the function may rotate.
pub struct RemoteRotation {
    client: aws_sdk_secretsmanager::Client,
}

impl RemoteRotation {
    /// On `client`.
    pub fn new(client: aws_sdk_secretsmanager::Client) -> Self {
        Self { client }
    }
}

fn in_stage(stages: &HashMap<String, Vec<String>>, stage: &str) -> Option<String> {
    let found = stages.iter().find(|(_, all)| all.iter().any(|one| one == stage));
    found.map(|(version, _)| version.clone())
}

#[async_trait]
impl SecretRotation for RemoteRotation {
    async fn stages(&self, secret: &str) -> PortResult<SecretStages> {
        let asked = self.client.describe_secret().secret_id(secret).send().await;
        let answer = asked.map_err(|e| port_error("secrets.stages", &e))?;
        let stages = answer.version_ids_to_stages.unwrap_or_default();
        Ok(SecretStages {
            current: in_stage(&stages, CURRENT),
            pending: in_stage(&stages, PENDING),
        })
    }

    async fn version(&self, secret: &str, version: &str) -> PortResult<Option<Secret>> {
        let asked = self.client.get_secret_value().secret_id(secret);
        match asked.version_id(version).send().await {
            Ok(answer) => Ok(content(answer)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_resource_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(port_error("secrets.version", &error)),
        }
    }

    async fn put_pending(&self, secret: &str, version: &str, value: &Secret) -> PortResult<()> {
        let what = "secrets.put_pending";
        let text = str::from_utf8(value.expose()).map_err(|_| PortError::Refused {
            what,
            why: "a key is text".into(),
        })?;
        let put = self.client.put_secret_value().secret_id(secret);
        let put = put.client_request_token(version).version_stages(PENDING);
        let put = put.secret_string(text).send().await;
        put.map(|_| ()).map_err(|e| port_error(what, &e))
    }

    async fn promote(&self, secret: &str, version: &str, current: &str) -> PortResult<()> {
        let moved = self.client.update_secret_version_stage().secret_id(secret);
        let moved = moved.version_stage(CURRENT).move_to_version_id(version);
        let moved = moved.remove_from_version_id(current).send().await;
        moved.map(|_| ()).map_err(|e| port_error("secrets.promote", &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Canned, aws};

    #[tokio::test]
    async fn versions_are_read_and_moved_by_their_ids() {
        let missing = r#"{"__type":"ResourceNotFoundException","Message":"no value"}"#;
        let stages = r#"{"VersionIdsToStages":{"one":["AWSCURRENT"],"two":["other","AWSPENDING"]}}"#;
        let http = Canned::answering(&[
            (200, stages),
            (400, missing),
            (200, r#"{"SecretString":"new"}"#),
            (200, "{}"),
            (200, "{}"),
        ]);
        let rotation = aws(&http).rotation();
        let expected = SecretStages {
            current: Some("one".into()),
            pending: Some("two".into()),
        };
        assert_eq!(rotation.stages("id").await.unwrap(), expected);
        assert!(rotation.version("id", "two").await.unwrap().is_none());
        assert_eq!(
            rotation.version("id", "two").await.unwrap().unwrap().expose(),
            b"new"
        );
        rotation
            .put_pending("id", "two", &Secret::new(*b"key"))
            .await
            .unwrap();
        rotation.promote("id", "two", "one").await.unwrap();
        let asked = |n: usize| http.request(n).json;
        assert_eq!(
            asked(1),
            serde_json::json!({"SecretId": "id", "VersionId": "two"})
        );
        assert_eq!(
            asked(3),
            serde_json::json!({
                "SecretId": "id", "ClientRequestToken": "two", "VersionStages": ["AWSPENDING"], "SecretString": "key",
            })
        );
        assert_eq!(
            asked(4),
            serde_json::json!({
                "SecretId": "id", "VersionStage": "AWSCURRENT", "MoveToVersionId": "two", "RemoveFromVersionId": "one",
            })
        );
    }

    #[tokio::test]
    async fn what_fails_says_which_call() {
        let denied = r#"{"__type":"AccessDeniedException","Message":"no"}"#;
        let http = Canned::answering(&[(400, denied), (400, denied), (400, denied), (400, denied)]);
        let rotation = aws(&http).rotation();
        let failed = [
            rotation.stages("id").await.map(|_| ()),
            rotation.version("id", "two").await.map(|_| ()),
            rotation.put_pending("id", "two", &Secret::new(*b"key")).await,
            rotation.promote("id", "two", "one").await,
        ];
        for (failed, what) in failed
            .into_iter()
            .zip(["stages", "version", "put_pending", "promote"])
        {
            let text = failed.unwrap_err().to_string();
            assert!(text.contains(&format!("secrets.{what} was refused")), "{text}");
        }
    }
}
