//! Ports of what was given to whom, and taken back.

use async_trait::async_trait;
pub use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize};
use tickwire_entitlements::{Ban, Banned, Grant, Product, Proof, Revocation, Tier, Usage};
use tickwire_market::UnixNanos;

use super::PortResult;
use crate::authenticate::ApiKey;

/// What was taken back, and the number by which all processes notice.
#[async_trait]
pub trait AccessBook: Send + Sync {
    /// Raised behind every change of what someone may do or get. Strongly consistent.
    async fn access_epoch(&self) -> PortResult<u64>;
    /// Raises it.
    async fn raise_access_epoch(&self) -> PortResult<()>;
    /// All revocations that are not forgotten. Strongly consistent.
    async fn revocations(&self) -> PortResult<Vec<Revocation>>;
    /// Stores a revocation, in place of one of the same.
    async fn put_revocation(&self, revocation: &Revocation) -> PortResult<()>;
    /// All bans that have not lifted. Strongly consistent.
    async fn bans(&self) -> PortResult<Vec<Ban>>;
    /// Stores a ban, in place of one of the same.
    async fn put_ban(&self, ban: &Ban) -> PortResult<()>;
    /// Lifts a ban.
    async fn lift_ban(&self, of: &Banned) -> PortResult<()>;
}

/// The keys that another issuer publishes.
#[async_trait]
pub trait KeySets: Send + Sync {
    /// Reads them now, within bounds of time and size.
    async fn key_set(&self) -> PortResult<Vec<Jwk>>;
}

/// API keys, by prefix.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Stores a key, in place of that of the same prefix.
    async fn put_key(&self, key: &ApiKey) -> PortResult<()>;
    /// A key. Strongly consistent.
    async fn key(&self, prefix: &str) -> PortResult<Option<ApiKey>>;
    /// All keys of a user.
    async fn keys_of(&self, user: &str) -> PortResult<Vec<ApiKey>>;
    /// Notes when a key was used; of one that is gone nothing.
    async fn note_key_use(&self, prefix: &str, at: UnixNanos) -> PortResult<()>;
}

/// What became of a change of a usage.
pub type Swapped = Result<(), Option<Usage>>;

/// What subjects used, changed only by who knows how it stands.
#[async_trait]
pub trait UsageRows: Send + Sync {
    /// What a subject used. Strongly consistent.
    async fn usage(&self, name: &str) -> PortResult<Option<Usage>>;
    /// Stores what it used now if what is stored is still `was`; else says what stands.
    async fn swap_usage(&self, name: &str, was: Option<&Usage>, usage: &Usage) -> PortResult<Swapped>;
}

/// Who changed what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// When.
    pub at: UnixNanos,
    /// Who.
    pub by: String,
    /// What kind of change.
    pub action: String,
    /// What, in words, with nothing secret in it.
    pub detail: String,
}

/// The audit, by days of UTC.
#[async_trait]
pub trait AuditRows: Send + Sync {
    /// Adds a row; `nonce` tells apart what happens at the same moment.
    async fn add_audit(&self, day: &str, row: &AuditRow, nonce: u32) -> PortResult<()>;
    /// The newest rows of a day, newest first.
    async fn audit_of(&self, day: &str, limit: usize) -> PortResult<Vec<AuditRow>>;
}

/// What a ticket stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketGrant {
    /// The user.
    pub user: String,
    /// The user's tier.
    pub tier: Tier,
    /// End of the ticket.
    pub expires_at: UnixNanos,
    /// End of the identity it was made from.
    pub identity_expires_at: UnixNanos,
    /// What proved that identity.
    pub proof: Proof,
}

/// One-time tickets, stored by the hash of their text.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Stores a ticket.
    async fn put_ticket(&self, hash: &str, grant: &TicketGrant) -> PortResult<()>;
    /// Takes a ticket: deletes it and returns what it stood for. Of two takers one gets it.
    async fn take_ticket(&self, hash: &str) -> PortResult<Option<TicketGrant>>;
}

/// Grants of products to users.
#[async_trait]
pub trait Grants: Send + Sync {
    /// All grants of a user, those that ended and those to come among them.
    async fn grants(&self, user: &str) -> PortResult<Vec<Grant>>;
    /// Those of the products named that there are, in no order. Strongly consistent.
    async fn products(&self, names: &[String]) -> PortResult<Vec<Product>>;
}

/// Writes grants and products.
#[async_trait]
pub trait GrantBook: Send + Sync {
    /// Stores a grant, in place of the one that the user has of the product.
    async fn put_grant(&self, grant: &Grant) -> PortResult<()>;
    /// Stores a product, if what stands is of the revision before, or if there is none and its
    /// revision is 1; whether it is stored.
    async fn put_product(&self, product: &Product) -> PortResult<bool>;
    /// All products, by name.
    async fn all_products(&self) -> PortResult<Vec<Product>>;
}
