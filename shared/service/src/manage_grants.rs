//! Grants, given and taken back by admins. Every change is a row of the audit before it takes
//! place; every attempt that the role did not allow is a line of the log with target `audit`.

use std::sync::Arc;

use tickwire_entitlements::Grant;
use tickwire_market::UnixNanos;
use tickwire_streams::is_class_name;
use tickwire_wire::{ErrorBody, ErrorCode};

use crate::access::Access;
use crate::audit::{Audit, allow};
use crate::authenticate::{Principal, is_user_name};
use crate::manage_products::no_product;
use crate::open_connection::Fault;
use crate::ports::{AuditRows, Clock, Entropy, GrantBook, Grants};

/// The use case.
#[derive(Clone)]
pub struct ManageGrants {
    grants: Arc<dyn Grants>,
    book: Arc<dyn GrantBook>,
    access: Access,
    audit: Audit,
    clock: Arc<dyn Clock>,
}

impl ManageGrants {
    /// Over its ports.
    pub fn new<S: Grants + GrantBook + AuditRows + 'static>(
        store: Arc<S>,
        access: Access,
        entropy: Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            audit: Audit::new(store.clone(), clock.clone(), entropy),
            grants: store.clone(),
            book: store,
            access,
            clock,
        }
    }

    /// Now.
    pub fn now(&self) -> UnixNanos {
        self.clock.now()
    }

    /// All grants of a user, ended ones included.
    pub async fn list(&self, admin: &Principal, user: &str) -> Result<Vec<Grant>, Fault> {
        allow(admin, "list_grants")?;
        check_user(user)?;
        let mut grants = self.grants.grants(user).await?;
        grants.sort_by(|a, b| a.product.cmp(&b.product));
        Ok(grants)
    }

    /// Gives a grant, in place of the one that the user has of the product; as it stands then,
    /// of the product's newest version.
    pub async fn give(&self, admin: &Principal, grant: &Grant) -> Result<Grant, Fault> {
        allow(admin, "give_grant")?;
        check_user(&grant.user)?;
        check_product(&grant.product)?;
        if grant.from.0 < 0 || grant.until <= grant.from {
            return Err(invalid("until is not after from."));
        }
        if grant.until <= self.clock.now() {
            return Err(invalid("until is over: to end a grant, delete it."));
        }
        let found = self.grants.products(std::slice::from_ref(&grant.product)).await?;
        let product = found.first().ok_or_else(|| no_product(&grant.product))?;
        if product.retired_at.is_some() {
            return Err(invalid(
                "the product is retired: nobody can be given it any more.",
            ));
        }
        let grant = Grant {
            version: product.newest(),
            ..grant.clone()
        };
        self.audit.note(admin, "give_grant", &detail(&grant)).await?;
        self.book.put_grant(&grant).await?;
        self.access.raise().await?;
        Ok(grant)
    }

    /// Ends a grant now. It stays in the book, ended, so that a denial can tell.
    pub async fn take_back(&self, admin: &Principal, user: &str, product: &str) -> Result<Grant, Fault> {
        allow(admin, "take_back_grant")?;
        check_user(user)?;
        check_product(product)?;
        let found = self.grants.grants(user).await?;
        let found = found.into_iter().find(|grant| grant.product == product);
        let grant = found.ok_or_else(|| {
            let message = format!("User {user} has no grant of product {product}.");
            ErrorBody::with_message(ErrorCode::NotFound, message)
        })?;
        let now = self.clock.now();
        if grant.until <= now {
            // An attempt before this one may not have come as far as to tell.
            self.access.raise().await?;
            return Ok(grant);
        }
        let ended = Grant {
            // One that has not begun never begins.
            from: grant.from.min(now),
            until: now,
            ..grant
        };
        self.audit.note(admin, "take_back_grant", &detail(&ended)).await?;
        self.book.put_grant(&ended).await?;
        self.access.raise().await?;
        Ok(ended)
    }
}

fn detail(grant: &Grant) -> String {
    let [from, until] = [grant.from, grant.until].map(jiff::Timestamp::from);
    let trial = if grant.trial { ", for trial" } else { "" };
    format!(
        "product {} at version {} for {} from {from} until {until}{trial}",
        grant.product, grant.version, grant.user
    )
}

fn invalid(message: &str) -> Fault {
    ErrorBody::with_message(ErrorCode::ParameterInvalid, message).into()
}

fn check_user(user: &str) -> Result<(), Fault> {
    if is_user_name(user) {
        return Ok(());
    }
    Err(invalid("user is not a name: 1 to 64 of A-Z a-z 0-9 - _ ."))
}

/// A product is what a stream's class can name.
fn check_product(product: &str) -> Result<(), Fault> {
    if is_class_name(product) {
        return Ok(());
    }
    Err(invalid("product is not a name: 1 to 64 of A-Z a-z 0-9 - _ ."))
}
