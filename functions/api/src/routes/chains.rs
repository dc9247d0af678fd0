//! `/v1/chains`: option chains.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use tickwire_service::query_history::ChainQuestion;
use tickwire_wire::ChainBody;
use utoipa::IntoParams;

use crate::answer::{Form, failed, tagged};
use crate::question::{Asker, Instrument, Parameters, day, universe};
use crate::refusal::Refusal;
use crate::router::Api;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChainParameters {
    /// Day of expiry, YYYY-MM-DD. The next one, if it is left out.
    #[param(example = "2026-11-24", min_length = 10, max_length = 10)]
    expiry: Option<String>,
    /// Another world than the one served: live, sim-… or replay-….
    #[param(max_length = 64)]
    universe: Option<String>,
}

/// Option chain of an underlying
///
/// One expiry, valued in one pass over the newest prices of all its contracts: fitted
/// forward, volatilities, Greeks in raw units, what the chain says as a whole. For tiers
/// that may read Greeks.
#[utoipa::path(
    get,
    path = "/v1/chains/{underlying}",
    operation_id = "chain",
    tag = "history",
    params(
        ("underlying" = String, Path, description = "Instrument key of the underlying.", example = "NSE@NIFTY@IDX", min_length = 1, max_length = 64),
        ChainParameters
    ),
    responses(
        (status = 200, description = "The chain.", body = ChainBody),
        (status = 304, description = "The reader has it already: If-None-Match named its ETag."),
    )
)]
pub(crate) async fn chain(
    State(api): State<Arc<Api>>,
    Asker(principal): Asker,
    Instrument(underlying): Instrument,
    parameters: Parameters<ChainParameters>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let form = Form::wanted(&headers, &[Form::Json])?;
    let given = &parameters.given;
    let question = ChainQuestion {
        universe: universe(&api, given.universe.as_deref())?,
        underlying,
        expiry: day("expiry", given.expiry.as_deref())?,
    };
    let chain = api.history.chain(&principal.identity, &question).await?;
    let body = serde_json::to_vec(&chain).map_err(failed)?;
    Ok(tagged(form, body, &headers))
}
