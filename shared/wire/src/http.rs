//! Bodies of the HTTP API.

use serde::{Deserialize, Serialize};
use tickwire_market::{Bar, UnixNanos};
use tickwire_signals::Latest;
use tickwire_streams::Offset;

use crate::error::ErrorBody;
use crate::server::write_value;

/// The one shape of every error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpError {
    /// What is wrong.
    pub error: ErrorBody,
}

/// Body of a denial by entitlement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntitlementDenial {
    /// Always `entitlement_required`.
    pub code: String,
    /// The user's tier.
    pub tier: String,
    /// The tier that would do.
    pub required: String,
    /// Where to get it.
    pub upgrade_url: String,
}

/// A one-time ticket.
#[derive(Clone, Serialize, Deserialize)]
pub struct TicketBody {
    /// For `?ticket=` when connecting. Works once.
    pub ticket: String,
    /// When it ends, nanoseconds.
    pub expires_at: UnixNanos,
}

/// A bar with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BarRow {
    /// The bar.
    #[serde(flatten)]
    pub bar: Bar,
}

/// Closed bars of an instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BarsPage {
    /// Instrument key.
    pub instrument: String,
    /// Timeframe.
    pub timeframe: String,
    /// Bars, oldest first.
    pub bars: Vec<BarRow>,
    /// Pass as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The newest signal of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalRow {
    /// Stream key.
    pub key: String,
    /// Its offset; absent when it has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<Offset>,
    /// Exchange time, nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t: Option<UnixNanos>,
    /// Made up by a simulation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mock: bool,
    /// The value as in a data frame.
    pub d: serde_json::Value,
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
        }
    }
}

/// The newest signals of an instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalsPage {
    /// Instrument key.
    pub instrument: String,
    /// Epoch of the group's log.
    pub epoch: String,
    /// Its streams that the reader may see.
    pub signals: Vec<SignalRow>,
}

/// Body of /health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthBody {
    /// Always `alive`.
    pub status: String,
    /// Version of the build.
    pub version: String,
}

/// Body of /ready: 200 when ready, else 503.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadyBody {
    /// Whether all dependencies answered.
    pub ready: bool,
    /// Each dependency: name, whether it answered, latency.
    pub dependencies: Vec<Dependency>,
}

/// A dependency's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Whether it answered.
    pub ok: bool,
    /// How long it took, milliseconds.
    pub latency_ms: f64,
}
