//! Table `grants`: `pk` the user, `sk` the product, and when it holds. A grant
//! that ended stays: a denial tells it from one that never was.

use async_trait::async_trait;
use tickwire_entitlements::Grant;
use tickwire_market::UnixNanos;
use tickwire_service::ports::{GrantBook, Grants, PortResult};
use tickwire_telemetry::metrics::Table;

use super::calls::{Expression, Query};
use super::item::Item;
use super::{Dynamo, SORT_KEY};

const FROM: &str = "from";
const UNTIL: &str = "until";
const TRIAL: &str = "trial";

#[async_trait]
impl GrantBook for Dynamo {
    async fn put_grant(&self, grant: &Grant) -> PortResult<()> {
        let row = Item::under(&grant.user, &grant.product)
            .number(FROM, grant.from.0)
            .number(UNTIL, grant.until.0)
            .flag(TRIAL, grant.trial);
        self.put("grants.put_grant", Table::Grants, row, None)
            .await
            .map(|_| ())
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
                })
            })
            .collect()
    }
}
