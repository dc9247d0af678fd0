//! Table `tickets`: `pk` the ticket's hash, and what it stands for.

use async_trait::async_trait;
use tickwire_market::UnixNanos;
use tickwire_service::ports::{PortResult, TicketGrant, Tickets};
use tickwire_telemetry::metrics::Table;

use super::Dynamo;
use super::item::{Item, proof_of, unreadable};

const USER: &str = "of";
const TIER: &str = "tier";
const EXPIRES_AT: &str = "expires_at";
const IDENTITY_EXPIRES_AT: &str = "identity_expires_at";

#[async_trait]
impl Tickets for Dynamo {
    async fn put_ticket(&self, hash: &str, grant: &TicketGrant) -> PortResult<()> {
        let row = Item::at(hash)
            .text(USER, &grant.user)
            .text(TIER, &grant.tier.to_string())
            .number(EXPIRES_AT, grant.expires_at.0)
            .number(IDENTITY_EXPIRES_AT, grant.identity_expires_at.0)
            .proof(&grant.proof)
            .expires(grant.expires_at.millis() / 1_000 + 1);
        self.put("tickets.put_ticket", Table::Tickets, row, None)
            .await
            .map(|_| ())
    }

    async fn take_ticket(&self, hash: &str) -> PortResult<Option<TicketGrant>> {
        let what = "tickets.take_ticket";
        let Some(row) = self.delete_row(what, Table::Tickets, Item::at(hash)).await? else {
            return Ok(None);
        };
        let grant = TicketGrant {
            user: row.get_text(what, USER)?.to_owned(),
            tier: row
                .get_text(what, TIER)?
                .parse()
                .map_err(|_| unreadable(what, TIER))?,
            expires_at: UnixNanos(row.get_number(what, EXPIRES_AT)?),
            identity_expires_at: UnixNanos(row.get_number(what, IDENTITY_EXPIRES_AT)?),
            proof: proof_of(&row),
        };
        // The table deletes late.
        Ok((grant.expires_at > self.clock.now()).then_some(grant))
    }
}
