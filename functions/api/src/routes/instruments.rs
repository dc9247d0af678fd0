//! `/v1/instruments`: what is known.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use tickwire_market::{InstrumentKey, Product};
use tickwire_service::query_instruments::{Wanted, instruments_per_page_max, search_bytes_max};
use tickwire_wire::{InstrumentRow, InstrumentsPage};
use utoipa::IntoParams;

use crate::answer::{Form, Page};
use crate::question::{Asker, Parameters, day, fields, limit, number, ordered, universe};
use crate::refusal::Refusal;
use crate::router::Api;

/// Instruments in a page, where the request does not say.
const INSTRUMENTS_PER_PAGE_DEFAULT: usize = 100;
/// The fields of an instrument.
pub(crate) const INSTRUMENT_FIELDS: [&str; 7] = [
    "key", "exchange", "symbol", "product", "expiry", "right", "strike",
];

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InstrumentsParameters {
    /// Words that stand in the key, in any case, in any order.
    #[param(example = "nifty 24000", min_length = 1, max_length = 64)]
    search: Option<String>,
    /// Where they are traded.
    #[param(example = "NFO", pattern = "^[A-Z][A-Z0-9]*$", max_length = 64)]
    exchange: Option<String>,
    /// What is traded.
    #[param(inline, value_type = Option<ProductName>)]
    product: Option<String>,
    /// They expire on this day or later.
    #[param(format = Date, example = "2026-11-01")]
    expiry_from: Option<String>,
    /// They expire on this day or earlier.
    #[param(format = Date, example = "2026-11-30")]
    expiry_to: Option<String>,
    /// Lowest strike.
    #[param(value_type = Option<f64>, minimum = 0)]
    strike_min: Option<String>,
    /// Highest strike.
    #[param(value_type = Option<f64>, minimum = 0)]
    strike_max: Option<String>,
    /// How many to a page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// `next` of the page before, with all else as it was there.
    #[param(max_length = 1024)]
    cursor: Option<String>,
    /// Only these, separated by commas: key, exchange, symbol, product, expiry, right, strike.
    #[param(example = "key,strike")]
    fields: Option<String>,
    /// Another world than the one served: live, sim-… or replay-….
    #[param(max_length = 64)]
    universe: Option<String>,
}

/// Names of products, for the document.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum ProductName {
    Idx,
    Eq,
    Fut,
    Opt,
    Spot,
    Perp,
}

/// Instruments that are known
///
/// Those that fit all that is given, ascending by key. A new one is found within
/// ten seconds. JSON, or CSV where `Accept` prefers `text/csv`.
#[utoipa::path(
    get,
    path = "/v1/instruments",
    operation_id = "instruments",
    tag = "history",
    params(InstrumentsParameters),
    responses(
        (status = 200, description = "A page of instruments.",
            content((InstrumentsPage = "application/json"), (String = "text/csv"))),
        (status = 304, description = "The reader has the page already: If-None-Match named its ETag."),
    )
)]
pub(crate) async fn instruments(
    State(api): State<Arc<Api>>,
    Asker(_): Asker,
    parameters: Parameters<InstrumentsParameters>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let form = Form::wanted(&headers, &[Form::Json, Form::Csv])?;
    let given = &parameters.given;
    let wanted = wanted(given)?;
    let limit = limit(
        given.limit.as_deref(),
        INSTRUMENTS_PER_PAGE_DEFAULT,
        instruments_per_page_max,
    )?;
    let fields = fields(given.fields.as_deref(), &INSTRUMENT_FIELDS)?;
    let universe = universe(&api, given.universe.as_deref())?;
    let of = parameters.question("instruments");
    let after = match &given.cursor {
        None => None,
        Some(cursor) => Some(api.cursors.open(&of, cursor).await?),
    };
    let (found, more) = api
        .instruments
        .page(&universe, &wanted, after.as_deref(), limit)
        .await?;
    let next = match found.last().filter(|_| more) {
        None => None,
        Some(last) => Some(api.cursors.seal(&of, last.as_str()).await?),
    };
    let rows: Vec<InstrumentRow> = found.iter().map(InstrumentRow::of).collect();
    let mut head = json!({});
    if let Some(next) = &next {
        head["next"] = next.as_str().into();
    }
    let page = Page {
        head,
        name: "instruments",
        rows: &rows,
        known: &INSTRUMENT_FIELDS,
        fields,
        next: next.map(|next| parameters.next(&next)),
    };
    page.write(form, &headers)
}

fn wanted(given: &InstrumentsParameters) -> Result<Wanted, Refusal> {
    if let Some(text) = &given.search
        && !(1..=search_bytes_max).contains(&text.len())
    {
        let message = format!("search is a text of 1 to {search_bytes_max} bytes.");
        return Err(Refusal::parameter(message));
    }
    if let Some(name) = &given.exchange {
        // What no key can name is a mistake, not a search without a result.
        InstrumentKey::parse(&format!("{name}@X@EQ"))
            .map_err(|_| Refusal::parameter("exchange is a name such as NSE, in upper case."))?;
    }
    let product = given.product.as_deref().map(|text| {
        let product = Product::ALL.into_iter().find(|product| product.as_str() == text);
        product.ok_or_else(|| Refusal::parameter("product is one of IDX, EQ, FUT, OPT, SPOT, PERP."))
    });
    let wanted = Wanted {
        search: given.search.clone(),
        exchange: given.exchange.clone(),
        product: product.transpose()?,
        expiry_from: day("expiry_from", given.expiry_from.as_deref())?,
        expiry_to: day("expiry_to", given.expiry_to.as_deref())?,
        strike_min: number("strike_min", given.strike_min.as_deref())?,
        strike_max: number("strike_max", given.strike_max.as_deref())?,
    };
    ordered(
        ["expiry_from", "expiry_to"],
        wanted.expiry_from.as_ref(),
        wanted.expiry_to.as_ref(),
    )?;
    ordered(
        ["strike_min", "strike_max"],
        wanted.strike_min.as_ref(),
        wanted.strike_max.as_ref(),
    )?;
    Ok(wanted)
}
