//! `/v1/signals`: newest signals, and those of a stream's past.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use tickwire_market::{InstrumentKey, Timeframe, UnixNanos};
use tickwire_service::query_history::{PastQuestion, SignalsQuestion, signals_per_page_max};
use tickwire_streams::StreamKey;
use tickwire_wire::{ErrorBody, ErrorCode, SignalsPage};
use utoipa::IntoParams;

use crate::answer::{Form, Page};
use crate::question::{Asker, Instrument, Parameters, fields, limit, parsed, time, universe};
use crate::refusal::Refusal;
use crate::router::Api;

/// The fields of a signal.
pub(crate) const SIGNAL_FIELDS: [&str; 6] = ["key", "offset", "t", "mock", "d", "wm"];

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SignalsParameters {
    /// Only this stream. That it may not be read is an error then.
    #[param(example = "common:BINANCE@BTCUSDT@SPOT:1m:rsi(close,14)")]
    key: Option<String>,
    /// All signals of `key` after this, by exchange time: nanoseconds since 1970, or RFC 3339.
    #[param(example = "2026-11-18T00:00:00Z")]
    from: Option<String>,
    /// All signals of `key` up to and at this time. Now, if only `from` is given.
    #[param(example = "1795000000000000000")]
    to: Option<String>,
    /// Only streams of this timeframe: tick, or as of a bar.
    #[param(example = "1m")]
    timeframe: Option<String>,
    /// How many to a page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 4096, default = 4096)]
    limit: Option<String>,
    /// `next` of the page before, with all else as it was there.
    #[param(max_length = 1024)]
    cursor: Option<String>,
    /// Only these, separated by commas: key, offset, t, mock, d, wm.
    #[param(example = "key,d")]
    fields: Option<String>,
    /// Another world than the one served: live, sim-… or replay-….
    #[param(max_length = 64)]
    universe: Option<String>,
}

/// Signals of an instrument
///
/// The newest of each stream that the reader may see; or, where `from` or `to` is given, all
/// of the one stream `key` in that range: the newest page first, within a page the oldest first.
/// A page of a range may hold fewer than its limit, or none, and yet have a `next`, since one
/// request reads so much of the log and no more. JSON, or CSV where `Accept` prefers `text/csv`;
/// there `d` and `wm` are JSON in a cell.
#[utoipa::path(
    get,
    path = "/v1/signals/{instrument}",
    operation_id = "signals",
    tag = "history",
    params(
        ("instrument" = String, Path, description = "Instrument key.", example = "BINANCE@BTCUSDT@SPOT", min_length = 1, max_length = 64),
        SignalsParameters
    ),
    responses(
        (status = 200, description = "A page of signals.",
            content((SignalsPage = "application/json"), (String = "text/csv"))),
        (status = 304, description = "The reader has the page already: If-None-Match named its ETag."),
    )
)]
pub(crate) async fn signals(
    State(api): State<Arc<Api>>,
    Asker(principal): Asker,
    Instrument(instrument): Instrument,
    parameters: Parameters<SignalsParameters>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let form = Form::wanted(&headers, &[Form::Json, Form::Csv])?;
    let given = &parameters.given;
    let malformed = |error: tickwire_streams::StreamKeyError| {
        Refusal::from(ErrorBody::with_message(
            ErrorCode::StreamMalformed,
            error.to_string(),
        ))
    };
    let key = given.key.as_deref().map(str::parse::<StreamKey>);
    let key = key.transpose().map_err(malformed)?;
    let timeframe = given.timeframe.as_deref().map(|text| parsed("timeframe", text));
    let limit = limit(given.limit.as_deref(), signals_per_page_max, signals_per_page_max)?;
    let fields = fields(given.fields.as_deref(), &SIGNAL_FIELDS)?;
    let of = parameters.question(&format!("signals {instrument}"));
    let position = match &given.cursor {
        None => None,
        Some(cursor) => Some(api.cursors.open(&of, cursor).await?),
    };
    let universe = universe(&api, given.universe.as_deref())?;
    let timeframe = timeframe.transpose()?;
    let page = if given.from.is_some() || given.to.is_some() {
        let key = stream_of(key, &instrument, timeframe)?;
        let from = time("from", given.from.as_deref())?.unwrap_or(UnixNanos(0));
        let to = time("to", given.to.as_deref())?.unwrap_or_else(|| api.history.now());
        if from >= to {
            return Err(Refusal::parameter("from is not before to."));
        }
        let question = PastQuestion {
            universe,
            key,
            from,
            to,
            limit,
            position,
        };
        api.history.past_signals(&principal.identity, &question).await?
    } else {
        let after = position.map(|position| position.parse().map_err(|_| ErrorCode::CursorInvalid));
        let question = SignalsQuestion {
            universe,
            instrument,
            key,
            timeframe,
            after: after.transpose()?,
            limit,
        };
        api.history.signals(&principal.identity, &question).await?
    };
    let next = match &page.next {
        None => None,
        Some(position) => Some(api.cursors.seal(&of, position).await?),
    };
    let mut head = json!({"instrument": page.instrument, "epoch": page.epoch});
    if let Some(next) = &next {
        head["next"] = next.as_str().into();
    }
    let page = Page {
        head,
        name: "signals",
        rows: &page.signals,
        known: &SIGNAL_FIELDS,
        fields,
        next: next.map(|next| parameters.next(&next)),
    };
    page.write(form, &headers)
}

/// The one stream whose past is asked for.
fn stream_of(
    key: Option<StreamKey>,
    instrument: &InstrumentKey,
    timeframe: Option<Timeframe>,
) -> Result<StreamKey, Refusal> {
    let key = key.ok_or_else(|| Refusal::parameter("key is missing: a range is of one stream."))?;
    if key.stream.instrument != *instrument {
        return Err(Refusal::parameter(format!(
            "key: stream {key} is not one of instrument {instrument}."
        )));
    }
    if timeframe.is_some_and(|timeframe| timeframe != key.stream.timeframe) {
        return Err(Refusal::parameter("timeframe is not that of key."));
    }
    Ok(key)
}
