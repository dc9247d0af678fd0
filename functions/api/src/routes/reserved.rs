//! Addresses that are reserved: they say so, and pretend nothing.

use tickwire_service::audit::allow;
use tickwire_wire::{ErrorBody, ErrorCode, HttpError};

use crate::question::Asker;
use crate::refusal::Refusal;

/// API keys: reserved
///
/// For admins. Answers `not_available`.
#[utoipa::path(
    get,
    path = "/v1/keys",
    operation_id = "keys",
    tag = "reserved",
    responses((status = 404, description = "`not_available`: not made yet.", body = HttpError)),
)]
pub(crate) async fn keys(Asker(admin): Asker) -> Refusal {
    if let Err(fault) = allow(&admin, "list_keys") {
        return fault.into();
    }
    let message = "API keys are not made yet: use tokens.";
    ErrorBody::with_message(ErrorCode::NotAvailable, message).into()
}
