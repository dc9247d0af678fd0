//! Messages of the queue of events: JSON, version 1.
//!
//! ```json
//! {"v":1,"group":"live/NIFTY","source":"feed-1","epoch":3,"seq":1200,"sent":1790000000000000000,
//!  "ticks":[{"i":"NSE@NIFTY@IDX","t":1790000000000000000,"p":24000.05}]}
//! ```
//! In place of `ticks` stands one of `clock` (a time), `plan` (a list of
//! `{"add":KEY}` and `{"remove":KEY}`) or `reference` (a list of
//! `{"instrument":KEY,"calendar":…,"tick_size":…}`,
//! `{"split":KEY,"ratio":2,"at":TIME}` and, of the underlying of options,
//! `{"chain":KEY,"rates":[[DAYS,RATE],…],"dividend_yield":…,"every_ms":…,"underlying_stale_ms":…,"quote_stale_ms":…}`,
//! of which all but the rates may be left out). Each member of a list counts as one
//! event: it has the sequence number `seq` plus its place. Times are
//! nanoseconds since 1970-01-01T00:00:00Z.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tickwire_market::{Calendar, Depth, InstrumentKey, Quality, Quote, Tick, UnixNanos};
use tickwire_signals::{ChainTerms, Event, PlanChange, ReferenceChange, WarmUp};
use tickwire_streams::{GroupKey, SourceName, StreamKey};

/// Version that is written and read.
const VERSION: u32 = 1;

/// Events in one message.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const events_per_message_max: usize = 20_000;
/// Bytes of one message, the queue's own bound.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const message_bytes_max: usize = 1_048_576;
/// Sequence numbers stay below this: what every reader of JSON holds exactly.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const sequence_max: u64 = 1 << 53;
/// Bytes kept of an event or a message that could not be read, and of what is wrong with it.
const QUOTED_BYTES_MAX: usize = 200;
/// Bytes of a source's name.
const SOURCE_BYTES_MAX: usize = 80;

/// Why a whole message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InboundError {
    /// Not JSON, or not this shape.
    #[error("the message is not of the form of version 1: {0}")]
    Malformed(String),
    /// A version that is not known.
    #[error("the message has version {0}; this build reads version 1")]
    Version(u32),
    /// Too large.
    #[error("the message has {bytes} bytes; at most {message_bytes_max} are taken")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Too many events.
    #[error("the message has {events} events; at most {events_per_message_max} are taken")]
    TooMany {
        /// How many.
        events: usize,
    },
    /// None or several of ticks, clock, plan, reference.
    #[error("a message carries exactly one of ticks, clock, plan, reference")]
    Kind,
    /// A list without a member.
    #[error("the message has no event: send none instead")]
    Empty,
    /// The sequence numbers of its events reach too far.
    #[error("the message's seq is {seq}: the sequence numbers of its events must stay below {sequence_max}")]
    Sequence {
        /// That of the first event.
        seq: u64,
    },
    /// The source's name is empty, too long or has odd characters.
    #[error("source is not a name of 1 to 80 letters, digits and -_./:")]
    Source,
}

impl InboundError {
    /// The stable code of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "message_malformed",
            Self::Version(_) => "message_version_unknown",
            Self::TooLong { .. } => "message_too_long",
            Self::TooMany { .. } => "message_too_many_events",
            Self::Kind => "message_kind_unclear",
            Self::Empty => "message_empty",
            Self::Sequence { .. } => "message_sequence_invalid",
            Self::Source => "message_source_invalid",
        }
    }
}

/// An event that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEvent {
    /// What is wrong.
    pub why: String,
    /// The beginning of its text.
    pub raw: String,
}

/// One event of a message.
pub type InboundEvent = Result<Event, BadEvent>;

/// A message, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbound {
    /// The group it says it is for.
    pub group: GroupKey,
    /// Who sent it.
    pub source: SourceName,
    /// The sender's fencing token or start time.
    pub epoch: u64,
    /// Sequence number of the first event.
    pub seq: u64,
    /// When the sender had it; stands in for a tick's receive time.
    pub sent: UnixNanos,
    /// The events.
    pub events: Vec<InboundEvent>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    v: u32,
    group: GroupKey,
    source: SourceName,
    epoch: u64,
    seq: u64,
    sent: UnixNanos,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    ticks: Option<Vec<&'a RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<UnixNanos>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    plan: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reference: Option<Vec<&'a RawValue>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireTick {
    /// Instrument.
    i: InstrumentKey,
    /// Exchange time.
    t: UnixNanos,
    /// Receive time, where it is not the message's `sent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<UnixNanos>,
    /// Price.
    p: f64,
    /// Size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<f64>,
    /// Cumulative volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v: Option<f64>,
    /// Open interest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oi: Option<f64>,
    /// Bid and its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    b: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bs: Option<f64>,
    /// Ask and its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#as: Option<f64>,
    /// Depth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<Box<Depth>>,
    /// Quality.
    #[serde(default, skip_serializing_if = "is_live")]
    q: Quality,
}

fn is_live(quality: &Quality) -> bool {
    *quality == Quality::Live
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum WirePlan {
    Add(StreamKey),
    Remove(StreamKey),
}

/// One of `instrument` and what is known of it, `split` with `ratio` and `at`, `chain` with
/// `rates` and more.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireReference {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instrument: Option<InstrumentKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calendar: Option<Calendar>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tick_size: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    split: Option<InstrumentKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<UnixNanos>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain: Option<InstrumentKey>,
    /// Days to expiry with the continuous rate per year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rates: Option<Vec<(f64, f64)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dividend_yield: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    underlying_stale_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quote_stale_ms: Option<u32>,
}

const NANOS_PER_MS: i64 = 1_000_000;

impl WireReference {
    fn of_chain(underlying: &InstrumentKey, terms: &ChainTerms) -> Self {
        let ms = |nanos: i64| Some(u32::try_from(nanos / NANOS_PER_MS).unwrap_or(u32::MAX));
        Self {
            chain: Some(underlying.clone()),
            rates: Some(terms.rates.clone()),
            dividend_yield: Some(terms.dividend_yield),
            every_ms: ms(terms.every),
            underlying_stale_ms: ms(terms.underlying_stale),
            quote_stale_ms: ms(terms.quote_stale),
            ..Self::default()
        }
    }

    /// Whether anything but of a chain is told.
    fn is_of_chain(&self) -> bool {
        self.chain.is_some()
            && self.instrument.is_none()
            && self.calendar.is_none()
            && self.tick_size.is_none()
            && self.split.is_none()
            && self.ratio.is_none()
            && self.at.is_none()
    }

    fn into_change(self) -> Result<ReferenceChange, String> {
        if self.is_of_chain()
            && let (Some(underlying), Some(rates)) = (&self.chain, &self.rates)
        {
            let usual = ChainTerms::flat(0.0);
            let nanos = |ms: Option<u32>, usual| ms.map_or(usual, |ms| i64::from(ms) * NANOS_PER_MS);
            return Ok(ReferenceChange::Chain {
                underlying: underlying.clone(),
                terms: ChainTerms {
                    rates: rates.clone(),
                    dividend_yield: self.dividend_yield.unwrap_or(usual.dividend_yield),
                    every: nanos(self.every_ms, usual.every),
                    underlying_stale: nanos(self.underlying_stale_ms, usual.underlying_stale),
                    quote_stale: nanos(self.quote_stale_ms, usual.quote_stale),
                },
            });
        }
        match self {
            Self {
                instrument: Some(instrument),
                calendar,
                tick_size,
                split: None,
                ratio: None,
                at: None,
                chain: None,
                rates: None,
                dividend_yield: None,
                every_ms: None,
                underlying_stale_ms: None,
                quote_stale_ms: None,
            } => {
                let calendar = match calendar {
                    Some(calendar) => calendar,
                    None => Calendar::of(&instrument).map_err(|e| e.to_string())?,
                };
                Ok(ReferenceChange::Instrument {
                    instrument,
                    calendar,
                    tick_size,
                })
            }
            Self {
                instrument: None,
                calendar: None,
                tick_size: None,
                split: Some(instrument),
                ratio: Some(ratio),
                at: Some(at),
                chain: None,
                rates: None,
                dividend_yield: None,
                every_ms: None,
                underlying_stale_ms: None,
                quote_stale_ms: None,
            } => Ok(ReferenceChange::Split {
                instrument,
                ratio,
                at,
                warm_up: Vec::new(),
            }),
            _ => Err(
                "a change is instrument with calendar and tick_size, split with ratio and at, or chain with rates"
                    .into(),
            ),
        }
    }
}

impl WireTick {
    fn into_event(self, sent: UnixNanos) -> Result<Event, String> {
        if (self.b.is_none() && self.bs.is_some()) || (self.a.is_none() && self.r#as.is_some()) {
            return Err("bs and as are the sizes of b and a: send those too".into());
        }
        let quote = |price: Option<f64>, size| price.map(|price| Quote { price, size });
        Ok(Event::Tick(Tick {
            instrument: self.i,
            exchange_time: self.t,
            receive_time: self.r.unwrap_or(sent),
            price: self.p,
            size: self.s,
            volume: self.v,
            open_interest: self.oi,
            bid: quote(self.b, self.bs),
            ask: quote(self.a, self.r#as),
            depth: self.d,
            quality: self.q,
        }))
    }
}

fn read_list<'a, T: Deserialize<'a>>(
    list: &[&'a RawValue],
    into_event: impl Fn(T) -> Result<Event, String>,
) -> Vec<InboundEvent> {
    let bad = |raw: &RawValue, why: String| BadEvent {
        why: beginning(&why),
        raw: beginning(raw.get()),
    };
    list.iter()
        .map(|raw| {
            let value = serde_json::from_str(raw.get()).map_err(|e| bad(raw, e.to_string()))?;
            into_event(value).map_err(|why| bad(raw, why))
        })
        .collect()
}

/// The beginning of a text: the parser quotes what it found, however long that is.
fn beginning(text: &str) -> String {
    text[..text.floor_char_boundary(QUOTED_BYTES_MAX)].to_owned()
}

/// Reads a message. One event that cannot be read does not spoil the others.
///
/// # Errors
/// When the message as a whole is not one.
pub fn parse_inbound(body: &str) -> Result<Inbound, InboundError> {
    if body.len() > message_bytes_max {
        return Err(InboundError::TooLong { bytes: body.len() });
    }
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let message: Message<'_> = serde_json::from_str(body).map_err(|e| match serde_json::from_str(body) {
        Ok(Version { v }) if v != VERSION => InboundError::Version(v),
        _ => InboundError::Malformed(beginning(&e.to_string())),
    })?;
    if message.v != VERSION {
        return Err(InboundError::Version(message.v));
    }
    let name_is_good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':');
    if !(1..=SOURCE_BYTES_MAX).contains(&message.source.len()) || !message.source.bytes().all(name_is_good) {
        return Err(InboundError::Source);
    }
    let sent = message.sent;
    let events = match (message.ticks, message.clock, message.plan, message.reference) {
        (Some(ticks), None, None, None) => read_list(&ticks, |tick: WireTick| tick.into_event(sent)),
        (None, Some(clock), None, None) => vec![Ok(Event::Clock(clock))],
        (None, None, Some(plan), None) => read_list(&plan, |change| {
            Ok(Event::Plan(match change {
                WirePlan::Add(stream) => PlanChange::Add {
                    stream,
                    warm_up: WarmUp::default(),
                },
                WirePlan::Remove(stream) => PlanChange::Remove { stream },
            }))
        }),
        (None, None, None, Some(reference)) => read_list(&reference, |change: WireReference| {
            change.into_change().map(Event::Reference)
        }),
        _ => return Err(InboundError::Kind),
    };
    if events.len() > events_per_message_max {
        return Err(InboundError::TooMany { events: events.len() });
    }
    if events.is_empty() {
        return Err(InboundError::Empty);
    }
    if message
        .seq
        .checked_add(events.len() as u64)
        .is_none_or(|end| end > sequence_max)
    {
        return Err(InboundError::Sequence { seq: message.seq });
    }
    Ok(Inbound {
        group: message.group,
        source: message.source,
        epoch: message.epoch,
        seq: message.seq,
        sent,
        events,
    })
}

/// Source, epoch and first sequence number of a message, without reading its
/// events; `None` if it cannot be told.
pub fn peek_origin(body: &str) -> Option<(SourceName, u64, u64)> {
    #[derive(Deserialize)]
    struct Origin {
        source: SourceName,
        epoch: u64,
        seq: u64,
    }
    let head = body.find(r#","ticks":"#).map(|at| &body[..at])?;
    let origin: Origin = serde_json::from_str(&format!("{head}}}")).ok()?;
    Some((origin.source, origin.epoch, origin.seq))
}

/// Who sends, and from which sequence number on.
#[derive(Clone, Debug)]
pub struct Sender<'a> {
    /// The group.
    pub group: &'a GroupKey,
    /// The source's name.
    pub source: &'a str,
    /// Its fencing token or start time.
    pub epoch: u64,
    /// Sequence number of the first event.
    pub seq: u64,
    /// When the sender had it.
    pub sent: UnixNanos,
}

#[derive(Serialize)]
struct Outbound<'a, T: Serialize> {
    v: u32,
    group: &'a GroupKey,
    source: &'a str,
    epoch: u64,
    seq: u64,
    sent: UnixNanos,
    #[serde(flatten)]
    content: T,
}

fn write<T: Serialize>(sender: &Sender<'_>, content: T) -> String {
    let Sender {
        group,
        source,
        epoch,
        seq,
        sent,
    } = *sender;
    let message = Outbound {
        v: VERSION,
        group,
        source,
        epoch,
        seq,
        sent,
        content,
    };
    // These types always have a JSON form; an empty message would be refused by every reader.
    serde_json::to_string(&message).unwrap_or_default()
}

/// A message of ticks.
pub fn ticks_message<'a>(sender: &Sender<'_>, ticks: impl IntoIterator<Item = &'a Tick>) -> String {
    #[derive(Serialize)]
    struct Content {
        ticks: Vec<WireTick>,
    }
    let ticks = ticks
        .into_iter()
        .map(|tick| WireTick {
            i: tick.instrument.clone(),
            t: tick.exchange_time,
            r: (tick.receive_time != sender.sent).then_some(tick.receive_time),
            p: tick.price,
            s: tick.size,
            v: tick.volume,
            oi: tick.open_interest,
            b: tick.bid.map(|quote| quote.price),
            bs: tick.bid.and_then(|quote| quote.size),
            a: tick.ask.map(|quote| quote.price),
            r#as: tick.ask.and_then(|quote| quote.size),
            d: tick.depth.clone(),
            q: tick.quality,
        })
        .collect();
    write(sender, Content { ticks })
}

/// A message of the clock. `time` has lateness taken off already.
pub fn clock_message(sender: &Sender<'_>, time: UnixNanos) -> String {
    #[derive(Serialize)]
    struct Content {
        clock: UnixNanos,
    }
    write(sender, Content { clock: time })
}

/// A message that adds and removes streams.
pub fn plan_message(sender: &Sender<'_>, add: &[StreamKey], remove: &[StreamKey]) -> String {
    #[derive(Serialize)]
    struct Content {
        plan: Vec<WirePlan>,
    }
    let plan = add
        .iter()
        .cloned()
        .map(WirePlan::Add)
        .chain(remove.iter().cloned().map(WirePlan::Remove))
        .collect();
    write(sender, Content { plan })
}

/// A message of what is known of instruments.
pub fn reference_message(sender: &Sender<'_>, changes: &[ReferenceChange]) -> String {
    #[derive(Serialize)]
    struct Content {
        reference: Vec<WireReference>,
    }
    let reference = changes
        .iter()
        .map(|change| match change {
            ReferenceChange::Instrument {
                instrument,
                calendar,
                tick_size,
            } => WireReference {
                instrument: Some(instrument.clone()),
                calendar: Some(*calendar),
                tick_size: *tick_size,
                ..WireReference::default()
            },
            ReferenceChange::Split {
                instrument,
                ratio,
                at,
                ..
            } => WireReference {
                split: Some(instrument.clone()),
                ratio: Some(*ratio),
                at: Some(*at),
                ..WireReference::default()
            },
            ReferenceChange::Chain { underlying, terms } => WireReference::of_chain(underlying, terms),
        })
        .collect();
    write(sender, Content { reference })
}
