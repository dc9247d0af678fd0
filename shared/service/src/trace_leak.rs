//! Trace: whose copy of paid streams was passed on, from values alone.

use tickwire_entitlements::watermark::{
    Leaked, Original, Trace, Verdict, WatermarkKey, WatermarkKeyError, marked_product, tick_min,
};
use tickwire_signals::{SignalValue, Value};
use tickwire_streams::{StreamKey, Universe};
use tickwire_wire::{PlanRow, Segment, decode};

use crate::plans::unreadable;
use crate::ports::{Groups, Log, PortResult, SecretVersions, StoredSegment};

/// Bytes of log read in one call.
const READ_BYTES: usize = 1_048_576;

/// What was sent of the paid streams of a world, before it was marked.
#[derive(Debug, Default)]
pub struct Sent {
    /// The streams.
    pub streams: Vec<StreamKey>,
    originals: Vec<Original>,
}

impl Sent {
    /// From the logs of all groups of `universe`, of the streams that `wanted` takes.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub async fn read(
        groups: &dyn Groups,
        log: &dyn Log,
        universe: &Universe,
        wanted: impl Fn(&StreamKey) -> bool,
    ) -> PortResult<Self> {
        let mut sent = Self::default();
        for group in groups.groups().await? {
            if group.universe() != universe {
                continue;
            }
            let Some((_, bytes)) = groups.plan(&group).await? else {
                continue;
            };
            let plan = decode::<PlanRow>(&bytes).map_err(|error| unreadable("plan", &error))?;
            let mut places: Vec<Option<(u32, f64)>> = Vec::new();
            for key in &plan.streams {
                let key = key.parse::<StreamKey>().ok();
                let key = key.filter(|key| marked_product(&key.class).is_some() && wanted(key));
                places.push(key.map(|key| {
                    let place = (sent.streams.len() as u32, tick_min(&key.stream.instrument));
                    sent.streams.push(key);
                    place
                }));
            }
            if places.iter().all(Option::is_none) {
                continue;
            }
            let mut next = 0;
            loop {
                let stored = log.read(&group, next, READ_BYTES).await?;
                if stored.is_empty() {
                    break;
                }
                for StoredSegment { number, bytes } in stored {
                    let segment = decode::<Segment>(&bytes).map_err(|error| unreadable("log", &error))?;
                    sent.take(number, &segment, &places);
                    next = number + 1;
                }
            }
        }
        Ok(sent)
    }

    fn take(&mut self, number: u64, segment: &Segment, places: &[Option<(u32, f64)>]) {
        let place = |id: u32| places.get(id as usize).copied().flatten();
        for signal in segment.signals_where(number, |id| place(id).is_some()) {
            let (Some((stream, tick)), SignalValue::Values(outputs)) = (place(signal.stream), &signal.value)
            else {
                continue;
            };
            for (output, value) in (0u32..).zip(outputs) {
                if let Value::Number(value) = value {
                    self.originals.push(Original {
                        stream,
                        offset: signal.offset,
                        output,
                        value: *value,
                        tick,
                    });
                }
            }
        }
    }

    /// Values that were sent.
    pub fn len(&self) -> usize {
        self.originals.len()
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.originals.is_empty()
    }

    /// Finds the originals of leaked values.
    pub fn compare(&self, leaked: &[Leaked]) -> Trace {
        Trace::new(&self.originals, leaked)
    }

    /// Asks who of `subscribers` received what was compared, with any of the keys.
    pub fn accuse(&self, trace: &Trace, subscribers: &[String], keys: &[WatermarkKey]) -> Verdict {
        let candidates = subscribers.iter().flat_map(|subscriber| {
            keys.iter().map(move |key| {
                let marker = |stream: &StreamKey| {
                    let product = marked_product(&stream.class).unwrap_or_default();
                    key.marker(
                        subscriber,
                        &product,
                        &stream.to_string(),
                        &stream.stream.instrument,
                    )
                };
                (subscriber.as_str(), self.streams.iter().map(marker).collect())
            })
        });
        trace.ask(candidates)
    }
}

/// The keys of the versions of a secret.
///
/// # Errors
/// When one is too short.
pub fn keys_of(versions: &SecretVersions) -> Result<Vec<WatermarkKey>, WatermarkKeyError> {
    let versions = std::iter::once(&versions.current).chain(&versions.previous);
    versions
        .map(|secret| WatermarkKey::new(secret.expose()))
        .collect()
}
