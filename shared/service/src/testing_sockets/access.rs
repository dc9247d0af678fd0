//! Who may do what, and what proves it: grants, keys, tickets, counts, secrets.

use async_trait::async_trait;
use tickwire_entitlements::{Ban, Banned, Grant, Product, Revocation, Usage};
use tickwire_market::UnixNanos;

use super::{SECRET, Sockets};
use crate::authenticate::ApiKey;
use crate::ports::{
    AccessBook, ApiKeys, AuditRow, AuditRows, GrantBook, Grants, PortResult, Secret, SecretVersions, Secrets,
    Swapped, TicketGrant, Tickets, UsageRows,
};

#[async_trait]
impl Grants for Sockets {
    async fn grants(&self, user: &str) -> PortResult<Vec<Grant>> {
        self.call("grants", |content| {
            content
                .grants
                .iter()
                .filter(|grant| grant.user == user)
                .cloned()
                .collect()
        })
        .await
    }

    async fn products(&self, names: &[String]) -> PortResult<Vec<Product>> {
        self.call("products", |content| {
            let named = names.iter().filter_map(|name| content.products.get(name));
            named.cloned().collect()
        })
        .await
    }
}

#[async_trait]
impl GrantBook for Sockets {
    async fn put_grant(&self, grant: &Grant) -> PortResult<()> {
        self.call("put_grant", |content| {
            content
                .grants
                .retain(|stands| (&stands.user, &stands.product) != (&grant.user, &grant.product));
            content.grants.push(grant.clone());
        })
        .await
    }

    async fn put_product(&self, product: &Product) -> PortResult<bool> {
        self.call("put_product", |content| {
            let stands = content.products.get(&product.name);
            let follows = stands.map_or(0, |stands| stands.revision) + 1 == product.revision;
            if follows {
                content.products.insert(product.name.clone(), product.clone());
            }
            follows
        })
        .await
    }

    async fn all_products(&self) -> PortResult<Vec<Product>> {
        self.call("all_products", |content| {
            content.products.values().cloned().collect()
        })
        .await
    }
}

#[async_trait]
impl AccessBook for Sockets {
    async fn access_epoch(&self) -> PortResult<u64> {
        self.call("access_epoch", |content| content.access_epoch).await
    }

    async fn raise_access_epoch(&self) -> PortResult<()> {
        self.call("raise_access_epoch", |content| content.access_epoch += 1)
            .await
    }

    async fn revocations(&self) -> PortResult<Vec<Revocation>> {
        self.call("revocations", |content| content.revocations.clone())
            .await
    }

    async fn put_revocation(&self, revocation: &Revocation) -> PortResult<()> {
        self.call("put_revocation", |content| {
            content.revocations.retain(|stands| stands.of != revocation.of);
            content.revocations.push(revocation.clone());
        })
        .await
    }

    async fn bans(&self) -> PortResult<Vec<Ban>> {
        self.call("bans", |content| content.bans.clone()).await
    }

    async fn put_ban(&self, ban: &Ban) -> PortResult<()> {
        self.call("put_ban", |content| {
            content.bans.retain(|stands| stands.of != ban.of);
            content.bans.push(ban.clone());
        })
        .await
    }

    async fn lift_ban(&self, of: &Banned) -> PortResult<()> {
        self.call("lift_ban", |content| content.bans.retain(|ban| ban.of != *of))
            .await
    }
}

#[async_trait]
impl ApiKeys for Sockets {
    async fn put_key(&self, key: &ApiKey) -> PortResult<()> {
        self.call("put_key", |content| {
            content.keys.insert(key.prefix.clone(), key.clone());
        })
        .await
    }

    async fn key(&self, prefix: &str) -> PortResult<Option<ApiKey>> {
        self.call("key", |content| content.keys.get(prefix).cloned())
            .await
    }

    async fn keys_of(&self, user: &str) -> PortResult<Vec<ApiKey>> {
        self.call("keys_of", |content| {
            let keys = content.keys.values().filter(|key| key.user == user);
            keys.cloned().collect()
        })
        .await
    }

    async fn note_key_use(&self, prefix: &str, at: UnixNanos) -> PortResult<()> {
        self.call("note_key_use", |content| {
            if let Some(key) = content.keys.get_mut(prefix) {
                key.used_at = Some(at);
            }
        })
        .await
    }
}

#[async_trait]
impl UsageRows for Sockets {
    async fn usage(&self, name: &str) -> PortResult<Option<Usage>> {
        self.call("usage", |content| content.usage.get(name).cloned())
            .await
    }

    async fn swap_usage(&self, name: &str, was: Option<&Usage>, usage: &Usage) -> PortResult<Swapped> {
        self.call("swap_usage", |content| {
            let stands = content.usage.get(name);
            if stands != was {
                return Err(stands.cloned());
            }
            content.usage.insert(name.to_owned(), usage.clone());
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl AuditRows for Sockets {
    async fn add_audit(&self, day: &str, row: &AuditRow, _: u32) -> PortResult<()> {
        self.call("add_audit", |content| {
            content.audit.push((day.to_owned(), row.clone()));
        })
        .await
    }

    async fn audit_of(&self, day: &str, limit: usize) -> PortResult<Vec<AuditRow>> {
        self.call("audit_of", |content| {
            let of_day = content.audit.iter().rev().filter(|(of, _)| of == day);
            of_day.take(limit).map(|(_, row)| row.clone()).collect()
        })
        .await
    }
}

#[async_trait]
impl Tickets for Sockets {
    async fn put_ticket(&self, hash: &str, grant: &TicketGrant) -> PortResult<()> {
        self.call("put_ticket", |content| {
            content.tickets.insert(hash.to_owned(), grant.clone());
        })
        .await
    }

    async fn take_ticket(&self, hash: &str) -> PortResult<Option<TicketGrant>> {
        self.call("take_ticket", |content| content.tickets.remove(hash))
            .await
    }
}

#[async_trait]
impl Secrets for Sockets {
    async fn secret(&self, _: &str) -> PortResult<SecretVersions> {
        self.call("secret", |_| SecretVersions {
            current: Secret::new(SECRET),
            previous: None,
        })
        .await
    }
}
