//! Bodies of the HTTP API.

mod access;
mod chain;

use serde::{Deserialize, Serialize};
use tickwire_entitlements::Grant;
use tickwire_market::{Bar, InstrumentKey, UnixNanos};
use tickwire_signals::Latest;
use tickwire_streams::Offset;

use crate::error::ErrorBody;
use crate::server::{Watermark, write_value};

pub use access::{
    AuditLine, AuditPage, BanRow, BansPage, KeyBody, KeyRequest, KeyRow, KeysPage, RevocationRequest,
    RevocationRow, RevocationsPage,
};
pub use chain::{BucketRow, ChainBody, ChainRow, ForwardBody, GreeksRow, SideRow};

/// The one shape of every error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HttpError {
    /// What is wrong.
    pub error: HttpErrorBody,
}

/// An error, and the request it was the answer to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HttpErrorBody {
    /// The error.
    #[serde(flatten)]
    pub body: ErrorBody,
    /// The request's id, as in the header `x-request-id` and in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl From<ErrorBody> for HttpError {
    fn from(body: ErrorBody) -> Self {
        Self {
            error: HttpErrorBody {
                body,
                request_id: None,
            },
        }
    }
}

/// A one-time ticket.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TicketBody {
    /// For `?ticket=` when connecting. Works once.
    pub ticket: String,
    /// When it ends, nanoseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub expires_at: UnixNanos,
}

/// A closed bar. Times are nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BarRow {
    /// First nanosecond that belongs to the bar.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, required = false))]
    pub start: UnixNanos,
    /// First nanosecond after it.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, required = false))]
    pub end: UnixNanos,
    /// First price.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub open: f64,
    /// Highest price.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub high: f64,
    /// Lowest price.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub low: f64,
    /// Last price.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub close: f64,
    /// Quantity traded inside the bar; null when no tick told.
    pub volume: Option<f64>,
    /// Open interest at the bar's last tick that told; null when none did.
    pub open_interest: Option<f64>,
    /// Ticks in the bar.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub ticks: u32,
    /// At the bar's close, of an option, where it was asked for.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub greeks: Option<GreeksRow>,
}

impl From<Bar> for BarRow {
    fn from(bar: Bar) -> Self {
        let Bar {
            start,
            end,
            open,
            high,
            low,
            close,
            volume,
            open_interest,
            ticks,
        } = bar;
        Self {
            start,
            end,
            open,
            high,
            low,
            close,
            volume,
            open_interest,
            ticks,
            greeks: None,
        }
    }
}

/// Closed bars of an instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BarsPage {
    /// Instrument key.
    pub instrument: String,
    /// Timeframe.
    pub timeframe: String,
    /// Bars, oldest first.
    pub bars: Vec<BarRow>,
    /// Stretches of the page's range in which the exchange was open and no bar is stored, oldest
    /// first: nothing was traded, or it was not recorded. The first 100; left out of a page
    /// without any, and of CSV.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub gaps: Vec<GapRow>,
    /// Pass as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A stretch in which bars are missing by the sessions of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GapRow {
    /// When the bar before it ends, or the range begins.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub from: UnixNanos,
    /// When the bar behind it begins, or what is closed ends.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub to: UnixNanos,
    /// How many bars are missing.
    pub bars: u64,
}

/// The newest signal of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignalRow {
    /// Stream key.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub key: String,
    /// Its offset; absent when it has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub offset: Option<Offset>,
    /// Exchange time, nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub t: Option<UnixNanos>,
    /// Made up by a simulation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub mock: bool,
    /// The value as in a data frame: an object of named numbers, or `absent` with the reason.
    #[cfg_attr(feature = "openapi", schema(value_type = Object, required = false))]
    pub d: serde_json::Value,
    /// Who received it, of streams that are paid for: the signature is over the text of `d` as it stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wm: Option<Watermark>,
}

impl SignalRow {
    /// Of a stream and its newest signal, if it has one. `outputs` names the
    /// outputs of its expression.
    pub fn of(key: &str, latest: Option<&Latest>, outputs: &[&str]) -> Self {
        let mut d = String::new();
        match latest {
            Some(latest) => write_value(&mut d, &latest.value, outputs),
            None => d.push_str(r#"{"absent":"cold"}"#),
        }
        Self {
            key: key.to_owned(),
            offset: latest.map(|latest| latest.offset),
            t: latest.map(|latest| latest.exchange_time),
            mock: latest.is_some_and(|latest| latest.mock),
            d: serde_json::from_str(&d).unwrap_or_default(),
            wm: None,
        }
    }
}

/// The newest signals of an instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignalsPage {
    /// Instrument key.
    pub instrument: String,
    /// Epoch of the group's log.
    pub epoch: String,
    /// Its streams that the reader may see.
    pub signals: Vec<SignalRow>,
    /// Pass as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An instrument, and what its key says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstrumentRow {
    /// Instrument key.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub key: String,
    /// Where it is traded.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub exchange: String,
    /// What the exchange calls it, or its underlying.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub symbol: String,
    /// What is traded: IDX, EQ, FUT, OPT, SPOT or PERP.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub product: String,
    /// Last day of a future or option, YYYY-MM-DD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<String>,
    /// CE (call) or PE (put), of an option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<String>,
    /// Strike of an option, in the instrument's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strike: Option<f64>,
}

impl InstrumentRow {
    /// Of a key.
    pub fn of(key: &InstrumentKey) -> Self {
        Self {
            key: key.to_string(),
            exchange: key.exchange().to_owned(),
            symbol: key.symbol().to_owned(),
            product: key.product().to_string(),
            expiry: key.expiry().map(|day| day.to_string()),
            right: key.right().map(|right| right.to_string()),
            strike: key.strike(),
        }
    }
}

/// Instruments that are known, ascending by key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstrumentsPage {
    /// Those asked for.
    pub instruments: Vec<InstrumentRow>,
    /// Pass as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A product that a user may read in `[from, until)`. Times are nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantRow {
    /// The user.
    pub user: String,
    /// The product, as in `marketplace/{product}`.
    pub product: String,
    /// First moment at which it holds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub from: UnixNanos,
    /// First moment at which it no longer holds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub until: UnixNanos,
    /// Given for trial.
    pub trial: bool,
    /// The product's newest version when it was given.
    pub version: u32,
}

impl From<Grant> for GrantRow {
    fn from(grant: Grant) -> Self {
        let Grant {
            user,
            product,
            from,
            until,
            trial,
            version,
        } = grant;
        Self {
            user,
            product,
            from,
            until,
            trial,
            version,
        }
    }
}

/// All grants of a user, ended ones included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantsPage {
    /// The user.
    pub user: String,
    /// By product, ascending.
    pub grants: Vec<GrantRow>,
}

/// What is granted: body of a PUT.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// First moment at which it holds, nanoseconds; now if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 0))]
    pub from: Option<UnixNanos>,
    /// First moment at which it no longer holds, nanoseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 1))]
    pub until: UnixNanos,
    /// Given for trial.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub trial: bool,
}

/// A message that was set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetterRow {
    /// Its id among the dead letters.
    pub id: String,
    /// Its message group.
    pub group: String,
    /// When it was set aside, nanoseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub parked_at: UnixNanos,
    /// Its id in the queue it came from; absent where that queue itself set it aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_message_id: Option<String>,
    /// Code of the reason; absent where the queue set it aside: received too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reason in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Bytes of its text.
    pub bytes: u64,
    /// Its text, where one letter is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Dead letters of a queue: the oldest ten of a message group at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLettersPage {
    /// About how many there are.
    pub count: u64,
    /// Those that can be seen.
    pub letters: Vec<DeadLetterRow>,
}

/// Which dead letters go back: body of a POST. Either `ids`, or `oldest`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RedriveRequest {
    /// These, at most 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub ids: Option<Vec<String>>,
    /// So many, the oldest of each message group first; 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100))]
    pub oldest: Option<usize>,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RedriveBody {
    /// On their way back.
    pub redriven: Vec<String>,
    /// Asked for and not found: gone, in other hands, or behind ten of their group.
    pub not_found: Vec<String>,
    /// About how many dead letters are left.
    pub left: u64,
}

/// Body of /health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthBody {
    /// Always `alive`.
    pub status: String,
    /// Version of the build.
    pub version: String,
}

/// Body of /ready: 200 when ready, else 503.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadyBody {
    /// Whether all dependencies answered.
    pub ready: bool,
    /// Each dependency: name, whether it answered, latency.
    pub dependencies: Vec<Dependency>,
}

/// A dependency's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Whether it answered.
    pub ok: bool,
    /// How long it took, milliseconds.
    pub latency_ms: f64,
}
