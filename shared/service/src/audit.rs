//! Who may do what only admins may, and the lines of the log that say who did.

use tickwire_wire::{ErrorBody, ErrorCode};

use crate::authenticate::{Principal, Role};
use crate::open_connection::Fault;

/// Target of the lines that say who changed what others may do or get.
pub const AUDIT: &str = "audit";

/// Lets admins pass. Whoever else tries is noted.
///
/// # Errors
/// When the role does not include `action`.
pub fn allow(principal: &Principal, action: &'static str) -> Result<(), Fault> {
    if principal.role == Role::Admin {
        return Ok(());
    }
    tracing::warn!(target: AUDIT, by = principal.identity.user, action, "denied: not an admin");
    let message = "Only a token with the role admin may do this.";
    Err(ErrorBody::with_message(ErrorCode::RoleRequired, message).into())
}
