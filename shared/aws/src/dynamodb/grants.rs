//! Table `grants`: `pk` the user, `sk` the product, and when it holds. A grant
//! that ended stays: a denial tells it from one that never was. Products are under
//! `pk` `#products`, which is no user's name, `sk` their name.

use async_trait::async_trait;
use tickwire_entitlements::{Grant, Product};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{GrantBook, Grants, PortError, PortResult};
use tickwire_telemetry::metrics::Table;
use tickwire_wire::{decode, encode};

use super::calls::{Expression, Query, Written};
use super::item::{Item, unreadable};
use super::{Dynamo, SORT_KEY};

const FROM: &str = "from";
const UNTIL: &str = "until";
const TRIAL: &str = "trial";
const VERSION: &str = "version_at";

const PRODUCTS: &str = "#products";
const PRODUCT: &str = "product";
const REVISION: &str = "revision";

fn product_of(what: &'static str, row: Item) -> PortResult<Product> {
    decode(&row.into_bytes(what, PRODUCT)?).map_err(|_| unreadable(what, PRODUCT))
}

#[async_trait]
impl GrantBook for Dynamo {
    async fn put_grant(&self, grant: &Grant) -> PortResult<()> {
        let row = Item::under(&grant.user, &grant.product)
            .number(FROM, grant.from.0)
            .number(UNTIL, grant.until.0)
            .flag(TRIAL, grant.trial)
            .number(VERSION, grant.version);
        self.put("grants.put_grant", Table::Grants, row, None)
            .await
            .map(|_| ())
    }

    async fn put_product(&self, product: &Product) -> PortResult<bool> {
        let what = "grants.put_product";
        let bytes = encode(product).map_err(|error| PortError::Refused {
            what,
            why: error.to_string(),
        })?;
        let row = Item::under(PRODUCTS, &product.name)
            .bytes(PRODUCT, &bytes)
            .number(REVISION, product.revision);
        let follows = match product.revision {
            0 | 1 => Expression::new("attribute_not_exists(pk)"),
            revision => Expression::new("revision = :before").number(":before", revision - 1),
        };
        let written = self.put(what, Table::Grants, row, Some(follows)).await?;
        Ok(matches!(written, Written::Done))
    }

    async fn all_products(&self) -> PortResult<Vec<Product>> {
        let what = "grants.all_products";
        let query = Query {
            key: Expression::new("pk = :products").text(":products", PRODUCTS),
            consistent: true,
            ..Query::default()
        };
        let rows = self.query(what, Table::Grants, query).await?;
        rows.into_iter().map(|row| product_of(what, row)).collect()
    }
}

#[async_trait]
impl Grants for Dynamo {
    async fn grants(&self, user: &str) -> PortResult<Vec<Grant>> {
        let what = "grants.grants";
        let query = Query {
            key: Expression::new("pk = :user").text(":user", user),
            // A grant that was taken back opens nothing any more.
            consistent: true,
            ..Query::default()
        };
        let rows = self.query(what, Table::Grants, query).await?;
        rows.iter()
            .map(|row| {
                Ok(Grant {
                    user: user.to_owned(),
                    product: row.get_text(what, SORT_KEY)?.to_owned(),
                    from: UnixNanos(row.get_number(what, FROM)?),
                    until: UnixNanos(row.get_number(what, UNTIL)?),
                    trial: row.get_flag(what, TRIAL)?,
                    // Rows of before there were versions have none.
                    version: row.get_number(what, VERSION).unwrap_or_default(),
                })
            })
            .collect()
    }

    async fn products(&self, names: &[String]) -> PortResult<Vec<Product>> {
        let what = "grants.products";
        let keys = names.iter().map(|name| Item::under(PRODUCTS, name)).collect();
        let rows = self.get_many(what, Table::Grants, keys).await?;
        rows.into_iter().map(|row| product_of(what, row)).collect()
    }
}
