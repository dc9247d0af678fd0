//! A new key for tokens, in the four steps that Secrets Manager calls.
//!
//! A step may come twice, and may come after one that was never finished: each
//! looks at where the versions stand, and does what is left of it. The key that
//! is replaced becomes the previous version, with which tokens still verify.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tickwire_entitlements::Tier;

use crate::authenticate::{SignError, secret_bytes_min, sign_token, verify_token};
use crate::ports::{Clock, Entropy, PortError, Secret, SecretRotation, SecretVersions};

/// Random bytes of a key: 64 characters in base64url, the block of the hash.
const KEY_RANDOM_BYTES: usize = 48;
/// Whose token a key is tried with.
const TRIAL_USER: &str = "rotation";
/// How long that token lives.
const TRIAL_LIFETIME: Duration = Duration::from_secs(1);

/// A step of a rotation, as Secrets Manager names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RotationStep {
    /// Makes the new key.
    CreateSecret,
    /// Tells it to others: there are none, the functions read it by themselves.
    SetSecret,
    /// Signs and verifies with it.
    TestSecret,
    /// Makes it the current one.
    FinishSecret,
}

/// Why a step was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RotationError {
    /// Another secret: nothing of it was read.
    #[error("this secret is not rotated here: call with the secret that signs tokens")]
    OtherSecret,
    /// The version belongs to no rotation under way.
    #[error("version {0} is neither pending nor current: rotate the secret anew")]
    NotPending(String),
    /// A step was left out.
    #[error("version {0} has no value: createSecret comes first")]
    NoValue(String),
    /// There is nothing to be replaced.
    #[error("the secret has no current version: put one first")]
    NoCurrent,
    /// Both versions are the same key.
    #[error("version {0} holds the key that it is to replace: rotate the secret anew")]
    SameKey(String),
    /// Nothing can be signed with it.
    #[error("the new key cannot sign: {0}")]
    CannotSign(#[from] SignError),
    /// What is signed with one of both does not verify.
    #[error("a token of the {0} key does not verify")]
    DoesNotVerify(&'static str),
    /// A port failed; Secrets Manager calls again.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The use case.
pub struct RotateKey {
    secrets: Arc<dyn SecretRotation>,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
    /// Id of the one secret that is rotated.
    id: String,
}

impl RotateKey {
    /// Rotates the secret with this id, and no other.
    pub fn new(
        secrets: Arc<dyn SecretRotation>,
        entropy: Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
        id: &str,
    ) -> Self {
        let id = id.to_owned();
        Self {
            secrets,
            entropy,
            clock,
            id,
        }
    }

    /// Does a step towards `version`; whether there was something to do.
    ///
    /// # Errors
    /// When the step cannot be done. The current version stays then.
    pub async fn step(&self, step: RotationStep, secret: &str, version: &str) -> Result<bool, RotationError> {
        if secret != self.id {
            return Err(RotationError::OtherSecret);
        }
        let stages = self.secrets.stages(secret).await?;
        if stages.current.as_deref() == Some(version) {
            // Done before, to the end.
            return Ok(false);
        }
        if stages.pending.as_deref() != Some(version) {
            return Err(RotationError::NotPending(version.to_owned()));
        }
        let current = stages.current.ok_or(RotationError::NoCurrent)?;
        match step {
            RotationStep::CreateSecret => self.create(version).await,
            RotationStep::SetSecret => Ok(false),
            RotationStep::TestSecret => self.test(version, &current).await,
            RotationStep::FinishSecret => self.finish(version, &current).await,
        }
    }

    async fn create(&self, version: &str) -> Result<bool, RotationError> {
        if self.secrets.version(&self.id, version).await?.is_some() {
            return Ok(false);
        }
        let mut random = [self.entropy.bytes()?, self.entropy.bytes()?].concat();
        random.truncate(KEY_RANDOM_BYTES);
        let key = Secret::new(URL_SAFE_NO_PAD.encode(random).into_bytes());
        self.secrets.put_pending(&self.id, version, &key).await?;
        Ok(true)
    }

    async fn test(&self, version: &str, current: &str) -> Result<bool, RotationError> {
        let old = self.value(current).await?;
        // Secrets Manager tries a schedule by this step alone: there is no new key then.
        let new = self.secrets.version(&self.id, version).await?;
        self.tried(new.unwrap_or_else(|| old.clone()), old)?;
        Ok(true)
    }

    async fn finish(&self, version: &str, current: &str) -> Result<bool, RotationError> {
        let (new, old) = (self.value(version).await?, self.value(current).await?);
        if new.expose() == old.expose() {
            return Err(RotationError::SameKey(version.to_owned()));
        }
        // A key that cannot sign would shut everybody out.
        self.tried(new, old)?;
        self.secrets.promote(&self.id, version, current).await?;
        Ok(true)
    }

    async fn value(&self, version: &str) -> Result<Secret, RotationError> {
        let value = self.secrets.version(&self.id, version).await?;
        value.ok_or_else(|| RotationError::NoValue(version.to_owned()))
    }

    /// Tokens of both verify once `new` is current and `old` previous.
    fn tried(&self, new: Secret, old: Secret) -> Result<(), RotationError> {
        let now = self.clock.now();
        let versions = SecretVersions {
            current: new,
            previous: Some(old),
        };
        let verifies = |key: &Secret, which: &'static str| {
            let token = sign_token(key, TRIAL_USER, Tier::Free, TRIAL_LIFETIME, now)?;
            verify_token(&versions, token.expose(), now).map_err(|_| RotationError::DoesNotVerify(which))
        };
        verifies(&versions.current, "new")?;
        if let Some(old) = versions
            .previous
            .as_ref()
            .filter(|old| old.expose().len() >= secret_bytes_min)
        {
            verifies(old, "old")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

    use async_trait::async_trait;
    use futures_util::FutureExt as _;
    use tickwire_market::UnixNanos;

    use super::*;
    use crate::ports::{PortResult, SecretStages};

    const ID: &str = "stack/jwt-key";
    const STEPS: [RotationStep; 4] = [
        RotationStep::CreateSecret,
        RotationStep::SetSecret,
        RotationStep::TestSecret,
        RotationStep::FinishSecret,
    ];

    /// Versions, and stages, as a service keeps them.
    #[derive(Default)]
    struct Versions(Mutex<(SecretStages, BTreeMap<String, Secret>, Option<String>)>);

    impl Versions {
        fn new(key: &str) -> Self {
            let versions = Self::default();
            let mut all = versions.0.lock().unwrap();
            all.0.current = Some("one".into());
            all.1.insert("one".into(), Secret::new(key.as_bytes()));
            drop(all);
            versions
        }

        fn begin(&self, version: &str) {
            self.0.lock().unwrap().0.pending = Some(version.into());
        }

        fn key(&self, version: &str) -> Option<Vec<u8>> {
            let all = self.0.lock().unwrap();
            all.1.get(version).map(|key| key.expose().to_vec())
        }

        fn stages(&self) -> (Option<String>, Option<String>) {
            let all = self.0.lock().unwrap();
            (all.0.current.clone(), all.2.clone())
        }
    }

    #[async_trait]
    impl SecretRotation for Versions {
        async fn stages(&self, _: &str) -> PortResult<SecretStages> {
            Ok(self.0.lock().unwrap().0.clone())
        }

        async fn version(&self, _: &str, version: &str) -> PortResult<Option<Secret>> {
            Ok(self.0.lock().unwrap().1.get(version).cloned())
        }

        async fn put_pending(&self, _: &str, version: &str, value: &Secret) -> PortResult<()> {
            self.0.lock().unwrap().1.insert(version.into(), value.clone());
            Ok(())
        }

        async fn promote(&self, _: &str, version: &str, current: &str) -> PortResult<()> {
            let mut all = self.0.lock().unwrap();
            assert_eq!(all.0.current.as_deref(), Some(current));
            all.0.current = Some(version.into());
            all.2 = Some(current.into());
            Ok(())
        }
    }

    struct Bytes(AtomicU8);

    impl Entropy for Bytes {
        fn bytes(&self) -> PortResult<[u8; 32]> {
            Ok([self.0.fetch_add(1, SeqCst); 32])
        }
    }

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> UnixNanos {
            UnixNanos(1_795_000_000 * UnixNanos::PER_SECOND)
        }
    }

    fn step(rotation: &RotateKey, step: RotationStep, id: &str) -> Result<bool, RotationError> {
        rotation.step(step, id, "two").now_or_never().unwrap()
    }

    fn rotation(versions: &Arc<Versions>) -> RotateKey {
        RotateKey::new(
            versions.clone(),
            Arc::new(Bytes(AtomicU8::new(1))),
            Arc::new(Noon),
            ID,
        )
    }

    #[test]
    fn four_steps_each_of_them_twice_make_a_new_key() {
        let versions = Arc::new(Versions::new(&"k".repeat(64)));
        let rotation = rotation(&versions);
        versions.begin("two");
        let mut made = None;
        for one in STEPS {
            for again in [false, true] {
                let acted = step(&rotation, one, ID).unwrap();
                let expected = match one {
                    RotationStep::CreateSecret | RotationStep::FinishSecret => !again,
                    RotationStep::SetSecret => false,
                    RotationStep::TestSecret => true,
                };
                assert_eq!(acted, expected, "{one:?}, again: {again}");
                made = made.or_else(|| versions.key("two"));
                assert_eq!(versions.key("two"), made, "the new key is made once");
            }
        }
        assert_eq!(versions.stages(), (Some("two".into()), Some("one".into())));
        assert_eq!(made.unwrap().len(), 64);
        assert_eq!(versions.key("one"), Some("k".repeat(64).into_bytes()));
    }

    #[test]
    fn what_cannot_be_done_leaves_the_current_key() {
        let versions = Arc::new(Versions::new(&"k".repeat(64)));
        let rotation = rotation(&versions);
        let finish = RotationStep::FinishSecret;
        for one in STEPS {
            let other = step(&rotation, one, "stack/watermark-key");
            assert!(matches!(other, Err(RotationError::OtherSecret)), "{other:?}");
            let unknown = step(&rotation, one, ID);
            assert!(
                matches!(unknown, Err(RotationError::NotPending(_))),
                "{unknown:?}"
            );
        }
        versions.begin("two");
        // A schedule is tried by this step alone.
        assert!(step(&rotation, RotationStep::TestSecret, ID).unwrap());
        let early = step(&rotation, finish, ID);
        assert!(matches!(early, Err(RotationError::NoValue(_))), "{early:?}");
        for (key, expected) in [
            (
                "k".repeat(64),
                "version two holds the key that it is to replace: rotate the secret anew",
            ),
            (
                "short".to_owned(),
                "the new key cannot sign: secret for tokens is too short: it needs at least 32 bytes",
            ),
        ] {
            let key = Secret::new(key.into_bytes());
            let put = versions.put_pending(ID, "two", &key);
            put.now_or_never().unwrap().unwrap();
            assert_eq!(step(&rotation, finish, ID).unwrap_err().to_string(), expected);
        }
        assert_eq!(versions.stages(), (Some("one".into()), None));
    }

    #[test]
    fn steps_are_named_as_secrets_manager_names_them() {
        for (step, name) in STEPS
            .iter()
            .zip(["createSecret", "setSecret", "testSecret", "finishSecret"])
        {
            assert_eq!(serde_json::to_value(step).unwrap(), name);
        }
    }
}
