//! `/v1/bars`: stored bars.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_service::query_history::{BarsQuestion, PageOrder, bars_per_page_max};
use tickwire_wire::{BarsPage, ErrorCode};
use utoipa::IntoParams;

use crate::answer::{Form, Page};
use crate::question::{Asker, Instrument, Parameters, fields, limit, parsed, time, universe};
use crate::refusal::Refusal;
use crate::router::Api;

/// Bars in a page, where the request does not say.
const BARS_PER_PAGE_DEFAULT: usize = 500;
/// The fields of a bar, and with Greeks.
pub(crate) const BAR_FIELDS: [&str; 16] = [
    "start",
    "end",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "open_interest",
    "ticks",
    "iv",
    "iv_status",
    "delta",
    "gamma",
    "theta_per_year",
    "vega_per_one",
    "rho_per_one",
];
/// Of which those without Greeks.
const PLAIN_FIELDS: &[&str] = BAR_FIELDS.split_at(9).0;

/// Now, to the second: bars end on whole ones, and who asks within one asks the same.
fn this_second(api: &Api) -> UnixNanos {
    let now = api.history.now();
    UnixNanos(now.0 - now.0.rem_euclid(UnixNanos::PER_SECOND))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BarsParameters {
    /// Length of a bar: 1m to 1440m in its shortest spelling, such as 5m, 1h, 1d.
    #[param(required = true, example = "5m", min_length = 2, max_length = 5)]
    timeframe: Option<String>,
    /// They end after this: nanoseconds since 1970, or RFC 3339.
    #[param(example = "2026-11-18T00:00:00Z")]
    from: Option<String>,
    /// They end by this. Now, if it is left out.
    #[param(example = "1795000000000000000")]
    to: Option<String>,
    /// How many to a page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 5000, default = 500)]
    limit: Option<String>,
    /// `next` of the page before, with all else as it was there.
    #[param(max_length = 1024)]
    cursor: Option<String>,
    /// Which page comes first. Within a page, bars are oldest first.
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// With volatility and Greeks at each bar's close, of an option. For tiers that may read Greeks.
    #[serde(default)]
    #[param(value_type = Option<bool>, default = false)]
    greeks: Option<String>,
    /// Only these, separated by commas: start, end, open, high, low, close, volume, open_interest, ticks;
    /// with Greeks also iv, iv_status, delta, gamma, theta_per_year, vega_per_one, rho_per_one.
    #[param(example = "end,close,volume")]
    fields: Option<String>,
    /// Another world than the one served: live, sim-… or replay-….
    #[param(max_length = 64)]
    universe: Option<String>,
}

/// Which page of a range comes first.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// From the beginning of the range on.
    #[default]
    Oldest,
    /// From the end of the range back.
    Newest,
}

/// Closed bars of an instrument
///
/// As they were traded, not adjusted for later splits, and as ticks that came up to a minute late
/// have corrected them; of an option also with volatility and
/// Greeks, in raw units. Where bars are missing by the sessions of the exchange, `gaps` says so. JSON, or CSV where
/// `Accept` prefers `text/csv`; the next page stands in `next` and in the header `Link`.
#[utoipa::path(
    get,
    path = "/v1/bars/{instrument}",
    operation_id = "bars",
    tag = "history",
    params(
        ("instrument" = String, Path, description = "Instrument key.", example = "BINANCE@BTCUSDT@SPOT", min_length = 1, max_length = 64),
        BarsParameters
    ),
    responses(
        (status = 200, description = "A page of bars, oldest first.",
            content((BarsPage = "application/json"), (String = "text/csv"))),
        (status = 304, description = "The reader has the page already: If-None-Match named its ETag."),
    )
)]
pub(crate) async fn bars(
    State(api): State<Arc<Api>>,
    Asker(principal): Asker,
    Instrument(instrument): Instrument,
    parameters: Parameters<BarsParameters>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let form = Form::wanted(&headers, &[Form::Json, Form::Csv])?;
    let given = &parameters.given;
    let timeframe = given
        .timeframe
        .as_deref()
        .ok_or_else(|| Refusal::parameter("timeframe is missing."))?;
    let timeframe: Timeframe = parsed("timeframe", timeframe)?;
    if timeframe == Timeframe::TICK {
        return Err(Refusal::parameter("timeframe: bars are of 1m to 1d."));
    }
    let mut from = time("from", given.from.as_deref())?.unwrap_or(UnixNanos(0));
    let mut to = time("to", given.to.as_deref())?.unwrap_or_else(|| this_second(&api));
    if from >= to {
        return Err(Refusal::parameter("from is not before to."));
    }
    let limit = limit(given.limit.as_deref(), BARS_PER_PAGE_DEFAULT, bars_per_page_max)?;
    let greeks = match given.greeks.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Refusal::parameter("greeks is true or false.")),
    };
    let known: &'static [&'static str] = if greeks { &BAR_FIELDS } else { PLAIN_FIELDS };
    let fields = fields(given.fields.as_deref(), known)?;
    let universe = universe(&api, given.universe.as_deref())?;
    let of = parameters.question(&format!("bars {instrument}"));
    let order = match given.order {
        Order::Oldest => PageOrder::Oldest,
        Order::Newest => PageOrder::Newest,
    };
    if let Some(cursor) = &given.cursor {
        let position = api.cursors.open(&of, cursor).await?;
        let position = position
            .parse()
            .map(UnixNanos)
            .map_err(|_| ErrorCode::CursorInvalid)?;
        match order {
            PageOrder::Oldest => from = position,
            PageOrder::Newest => to = position,
        }
    }
    let question = BarsQuestion {
        universe,
        instrument,
        timeframe,
        from,
        to,
        limit,
        order,
        greeks,
    };
    let page = api.history.bars(&principal.identity, &question).await?;
    let next = match &page.next {
        None => None,
        Some(position) => Some(api.cursors.seal(&of, position).await?),
    };
    let mut head = json!({"instrument": page.instrument, "timeframe": page.timeframe});
    if !page.gaps.is_empty() {
        head["gaps"] = json!(page.gaps);
    }
    if let Some(next) = &next {
        head["next"] = next.as_str().into();
    }
    let page = Page {
        head,
        name: "bars",
        rows: &page.bars,
        known,
        fields,
        next: next.map(|next| parameters.next(&next)),
    };
    page.write(form, &headers)
}
