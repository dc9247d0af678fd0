//! Products of the marketplace, published and retired by admins. Every change is a row of the
//! audit before it takes place.

use std::sync::Arc;

use tickwire_entitlements::{Policy, Product, StreamPattern};
use tickwire_streams::is_class_name;
use tickwire_wire::{ErrorBody, ErrorCode};

use crate::access::Access;
use crate::audit::{Audit, allow};
use crate::authenticate::Principal;
use crate::open_connection::Fault;
use crate::ports::{AuditRows, Clock, Entropy, GrantBook, Grants};

/// The use case.
#[derive(Clone)]
pub struct ManageProducts {
    grants: Arc<dyn Grants>,
    book: Arc<dyn GrantBook>,
    access: Access,
    audit: Audit,
    clock: Arc<dyn Clock>,
}

impl ManageProducts {
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

    /// All products, retired ones too.
    pub async fn list(&self, admin: &Principal) -> Result<Vec<Product>, Fault> {
        allow(admin, "list_products")?;
        let mut products = self.book.all_products().await?;
        products.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(products)
    }

    /// One of them.
    pub async fn show(&self, admin: &Principal, name: &str) -> Result<Product, Fault> {
        allow(admin, "show_product")?;
        self.known(name).await
    }

    /// Makes a product with a first version.
    pub async fn create(
        &self,
        admin: &Principal,
        name: &str,
        patterns: &[String],
        policy: Policy,
    ) -> Result<Product, Fault> {
        allow(admin, "create_product")?;
        if self.find(name).await?.is_some() {
            return Err(stands(name));
        }
        let mut product = Product::new(name, policy);
        self.publish_version(&mut product, patterns)?;
        self.store(admin, "create_product", product, || stands(name))
            .await
    }

    /// Publishes the next version of a product, and changes its policy if one is given.
    pub async fn publish(
        &self,
        admin: &Principal,
        name: &str,
        patterns: &[String],
        policy: Option<Policy>,
    ) -> Result<Product, Fault> {
        allow(admin, "publish_product")?;
        let mut product = self.known(name).await?;
        product.policy = policy.unwrap_or(product.policy);
        self.publish_version(&mut product, patterns)?;
        self.store(admin, "publish_product", product, || changed(name))
            .await
    }

    /// Ends a product for everybody, for good; its name is not given again.
    pub async fn retire(&self, admin: &Principal, name: &str) -> Result<Product, Fault> {
        allow(admin, "retire_product")?;
        let mut product = self.known(name).await?;
        if product.retired_at.is_some() {
            // An attempt before this one may not have come as far as to tell.
            self.access.raise().await?;
            return Ok(product);
        }
        product.retire(self.clock.now());
        self.store(admin, "retire_product", product, || changed(name))
            .await
    }

    fn publish_version(&self, product: &mut Product, patterns: &[String]) -> Result<(), Fault> {
        let patterns = patterns.iter().map(|text| text.parse::<StreamPattern>());
        let patterns: Vec<StreamPattern> = patterns
            .collect::<Result<_, _>>()
            .map_err(|error| invalid(format!("patterns: {error}.")))?;
        product
            .publish(patterns, self.clock.now())
            .map_err(|error| invalid(format!("patterns: {error}.")))
    }

    async fn store(
        &self,
        admin: &Principal,
        action: &'static str,
        product: Product,
        late: impl Fn() -> Fault,
    ) -> Result<Product, Fault> {
        let newest = product
            .versions
            .last()
            .map_or(&[][..], |version| &version.patterns);
        let detail = format!(
            "product {}, {}, version {} of {} patterns",
            product.name,
            product.policy,
            product.newest(),
            newest.len()
        );
        self.audit.note(admin, action, &detail).await?;
        if !self.book.put_product(&product).await? {
            return Err(late());
        }
        // Behind the change: whoever sees the number sees what it is about.
        self.access.raise().await?;
        Ok(product)
    }

    async fn known(&self, name: &str) -> Result<Product, Fault> {
        self.find(name).await?.ok_or_else(|| no_product(name))
    }

    async fn find(&self, name: &str) -> Result<Option<Product>, Fault> {
        if !is_class_name(name) {
            return Err(invalid(
                "product is not a name: 1 to 64 of A-Z a-z 0-9 - _ .".to_owned(),
            ));
        }
        Ok(self.grants.products(&[name.to_owned()]).await?.pop())
    }
}

/// What is told where there is no such product.
pub(crate) fn no_product(name: &str) -> Fault {
    let message = format!("There is no product {name}.");
    ErrorBody::with_message(ErrorCode::NotFound, message).into()
}

fn stands(name: &str) -> Fault {
    invalid(format!(
        "There is a product {name} already: publish a version of it."
    ))
}

fn changed(name: &str) -> Fault {
    let message = format!("Somebody else changed product {name} at the same moment: try again.");
    ErrorBody::with_message(ErrorCode::Unavailable, message).into()
}

fn invalid(message: String) -> Fault {
    ErrorBody::with_message(ErrorCode::ParameterInvalid, message).into()
}
