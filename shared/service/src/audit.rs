//! Who may do what only admins may, and the rows and lines of the log that say who did.

use std::sync::Arc;

use tickwire_market::UnixNanos;
use tickwire_wire::{ErrorBody, ErrorCode};

use crate::authenticate::{Principal, Role, Scope};
use crate::open_connection::Fault;
use crate::ports::{AuditRow, AuditRows, Clock, Entropy};

/// Target of the lines that say who changed what others may do or get.
pub const AUDIT: &str = "audit";

/// Lets admins pass. Whoever else tries is noted.
///
/// # Errors
/// When the role does not include `action`.
pub fn allow(principal: &Principal, action: &'static str) -> Result<(), Fault> {
    if principal.role == Role::Admin && principal.scopes.include(Scope::Manage) {
        return Ok(());
    }
    tracing::warn!(target: AUDIT, by = principal.identity.user, action, "denied: not an admin");
    let message = "Only a token with the role admin may do this.";
    Err(ErrorBody::with_message(ErrorCode::RoleRequired, message).into())
}

/// Writes down who changes what, before it takes place: what cannot be written down is not done.
#[derive(Clone)]
pub struct Audit {
    rows: Arc<dyn AuditRows>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Audit {
    /// Over its ports.
    pub fn new(rows: Arc<dyn AuditRows>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { rows, clock, entropy }
    }

    /// Notes a change that is about to be made.
    ///
    /// # Errors
    /// When it could not be stored: then nothing is to be changed.
    pub async fn note(&self, by: &Principal, action: &'static str, detail: &str) -> Result<(), Fault> {
        let row = AuditRow {
            at: self.clock.now(),
            by: by.identity.user.clone(),
            action: action.to_owned(),
            detail: detail.to_owned(),
        };
        let [a, b, c, d, ..] = self.entropy.bytes()?;
        self.rows
            .add_audit(&day_of(row.at), &row, u32::from_be_bytes([a, b, c, d]))
            .await?;
        tracing::info!(target: AUDIT, by = row.by, action, detail, "noted");
        Ok(())
    }

    /// Rows of a day, as 2026-11-21, newest first.
    ///
    /// # Errors
    /// When it is no day, or when they cannot be read.
    pub async fn read(&self, day: &str, limit: usize) -> Result<Vec<AuditRow>, Fault> {
        if day.parse::<jiff::civil::Date>().is_err() {
            let message = "day is not a date: write 2026-11-21.";
            return Err(ErrorBody::with_message(ErrorCode::ParameterInvalid, message).into());
        }
        Ok(self.rows.audit_of(day, limit).await?)
    }
}

/// The day of UTC.
pub fn day_of(at: UnixNanos) -> String {
    let timestamp = jiff::Timestamp::from(at);
    timestamp.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}
