//! `/v1/tickets`: what opens a socket.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use tickwire_wire::TicketBody;

use crate::answer::Form;
use crate::question::Asker;
use crate::router::{Answer, Api};

/// A one-time ticket for a socket
///
/// It opens one socket within 60 s: `?ticket=`.
#[utoipa::path(
    post,
    path = "/v1/tickets",
    operation_id = "ticket",
    tag = "access",
    responses((status = 200, description = "The ticket.", body = TicketBody)),
)]
pub(crate) async fn issue(
    State(api): State<Arc<Api>>,
    Asker(principal): Asker,
    headers: HeaderMap,
) -> Answer<TicketBody> {
    Form::wanted(&headers, &[Form::Json])?;
    let ticket = api.authenticate.issue_ticket(&principal.identity).await?;
    Ok(Json(TicketBody {
        ticket: ticket.text.expose().to_owned(),
        expires_at: ticket.expires_at,
    }))
}
