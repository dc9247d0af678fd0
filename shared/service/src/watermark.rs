//! Watermarks on what is sent of paid streams. Without a key nothing of them is sent.

use std::sync::Arc;

use tickwire_entitlements::watermark::{Marker, WatermarkKey, marked_product};
use tickwire_signals::{SignalValue, Value};
use tickwire_streams::{Offset, StreamKey};
use tickwire_wire::{ErrorBody, ErrorCode, SignalRow, Watermark, write_watermark};

use crate::ports::{PortError, PortResult, Secrets};

/// Name of the secret that watermarks are made with.
pub const WATERMARK_KEY: &str = "watermark";

/// Where keys come from.
#[derive(Clone, Default)]
pub(crate) struct Watermarks(Option<Arc<dyn Secrets>>);

impl Watermarks {
    pub(crate) fn of(secrets: Arc<dyn Secrets>) -> Self {
        Self(Some(secrets))
    }

    /// The key that marks are made with now.
    async fn current(&self) -> PortResult<WatermarkKey> {
        let Some(secrets) = &self.0 else {
            let why = "this process was given none".to_owned();
            return Err(PortError::Refused {
                what: "watermark",
                why,
            });
        };
        let versions = secrets.secret(WATERMARK_KEY).await?;
        WatermarkKey::new(versions.current.expose()).map_err(|error| PortError::Refused {
            what: "watermark",
            why: error.to_string(),
        })
    }

    /// The key, if `wanted` and if there is one; that there is none is logged, and
    /// whoever asked sends nothing of what is paid for.
    pub(crate) async fn key(&self, wanted: bool) -> Option<WatermarkKey> {
        if !wanted {
            return None;
        }
        self.current()
            .await
            .inspect_err(
                |error| tracing::error!(%error, "no watermark can be made: paid streams are withheld"),
            )
            .ok()
    }
}

/// Whether a stream is sent with a watermark only.
pub(crate) fn is_marked(key: &StreamKey) -> bool {
    marked_product(&key.class).is_some()
}

/// What is told where no watermark can be made.
pub(crate) fn withheld() -> ErrorBody {
    let message =
        "No watermark can be made at the moment, so nothing of the stream is sent: try again later.";
    ErrorBody::with_message(ErrorCode::Unavailable, message)
}

/// The watermark of one stream for one subscriber.
pub(crate) struct Stamp(Marker);

impl Stamp {
    /// `None` for a stream that has none.
    pub(crate) fn of(key: &WatermarkKey, user: &str, stream: &StreamKey) -> Option<Self> {
        let product = marked_product(&stream.class)?;
        let instrument = &stream.stream.instrument;
        Some(Self(key.marker(user, &product, &stream.to_string(), instrument)))
    }

    /// The value as this subscriber receives it. Prices and bars are quotes, which all the
    /// world has.
    pub(crate) fn value(&self, offset: Offset, value: &SignalValue) -> SignalValue {
        match value {
            SignalValue::Price(_) | SignalValue::Bar(_) | SignalValue::CorrectedBar(_) => value.clone(),
            SignalValue::Values(outputs) => SignalValue::Values(
                outputs
                    .iter()
                    .enumerate()
                    .map(|(output, value)| match value {
                        Value::Number(number) => Value::Number(self.0.mark(offset, output, *number)),
                        Value::Truth(_) | Value::Absent(_) => *value,
                    })
                    .collect(),
            ),
        }
    }

    /// Signs a row over HTTP, if it has a value.
    pub(crate) fn seal_row(&self, row: &mut SignalRow) {
        row.wm = row.offset.map(|offset| Watermark {
            kid: self.0.key_id().to_owned(),
            sig: self.0.sign(offset, &row.d.to_string()),
        });
    }

    /// Signs an item whose value is `payload`.
    pub(crate) fn seal(&self, item: &mut String, offset: Offset, payload: &str) {
        write_watermark(item, self.0.key_id(), &self.0.sign(offset, payload));
    }
}
