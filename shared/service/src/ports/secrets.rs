//! Ports of secrets and their rotation.

use std::sync::Arc;

use async_trait::async_trait;

use super::PortResult;

/// A secret: printed as `***` by everything.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Wraps the bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Current and, during a rotation, previous version of a secret.
#[derive(Clone)]
pub struct SecretVersions {
    /// New signatures are made with it.
    pub current: Secret,
    /// Still accepted.
    pub previous: Option<Secret>,
}

impl SecretVersions {
    /// Whether both versions are the same.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let bytes = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.0.clone());
        self.current.0 == other.current.0 && bytes(&self.previous) == bytes(&other.previous)
    }
}

/// Secrets by name.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The versions of a secret, which may have been read a while ago.
    async fn secret(&self, name: &str) -> PortResult<SecretVersions>;
    /// The versions as they are now, or as they were a few seconds ago: for when something does
    /// not verify that may be signed with a newer one. Whoever keeps none has nothing to renew.
    async fn renewed_secret(&self, name: &str) -> PortResult<SecretVersions> {
        self.secret(name).await
    }
}

/// Which versions of a secret stand in which stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretStages {
    /// Id of the version that signs.
    pub current: Option<String>,
    /// Id of the version that a rotation is making; it may have no value yet.
    pub pending: Option<String>,
}

/// Versions of a secret while it is rotated. A version's id is given by whoever rotates.
#[async_trait]
pub trait SecretRotation: Send + Sync {
    /// Who stands in which stage.
    async fn stages(&self, secret: &str) -> PortResult<SecretStages>;
    /// The value of a version; none as long as it has none.
    async fn version(&self, secret: &str, version: &str) -> PortResult<Option<Secret>>;
    /// Gives the pending version its value.
    async fn put_pending(&self, secret: &str, version: &str, value: &Secret) -> PortResult<()>;
    /// Makes `version` the current one, and `current` the previous one.
    async fn promote(&self, secret: &str, version: &str, current: &str) -> PortResult<()>;
}
