//! Addresses that are reserved: they say so, and pretend nothing.

use tickwire_service::audit::allow;
use tickwire_wire::{ErrorBody, ErrorCode, HttpError};

use crate::question::Asker;
use crate::refusal::Refusal;

/// Option chain of an underlying: reserved
///
/// Answers `not_available`.
#[utoipa::path(
    get,
    path = "/v1/chains/{underlying}",
    operation_id = "chain",
    tag = "reserved",
    params(("underlying" = String, Path, description = "Instrument key of the underlying.", example = "NSE@NIFTY@IDX")),
    responses((status = 404, description = "`not_available`: not made yet.", body = HttpError)),
)]
pub(crate) async fn chain(Asker(_): Asker) -> Refusal {
    let message = "Option chains over HTTP are not made yet; `tickwire chain` computes one from a file.";
    ErrorBody::with_message(ErrorCode::NotAvailable, message).into()
}

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
