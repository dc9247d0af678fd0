//! Events: everything that changes an answer. They stand in the group's queue
//! and in its log, and nothing else reaches the engine.

use serde::{Deserialize, Serialize};
use tickwire_market::{Bar, Calendar, InstrumentKey, Tick, Timeframe, UnixNanos};
use tickwire_streams::StreamKey;

use crate::chain::ChainTerms;

/// An event of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// An observation.
    Tick(Tick),
    /// Time has come this far (lateness already taken off): bars that end by
    /// then are closed.
    Clock(UnixNanos),
    /// A stream begins or ends.
    Plan(PlanChange),
    /// What is known of an instrument changes.
    Reference(ReferenceChange),
}

/// Stored bars from which a stream is seeded, at the stream's timeframe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WarmUp {
    /// Closed bars in the shares of today, oldest first.
    pub closed: Vec<Bar>,
    /// What is stored of the bar that is still forming, as traded, but for minutes that the
    /// engine holds (see [`Engine::unsettled`](crate::Engine::unsettled)).
    pub forming: Option<Bar>,
}

/// A stream begins or ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PlanChange {
    /// The stream is computed from now on. To add one that is there is no change.
    Add {
        /// Which.
        stream: StreamKey,
        /// Its history. The sender leaves it empty: the consumer that folds the
        /// group fills it from stored bars before it folds.
        warm_up: WarmUp,
    },
    /// The stream is computed no longer. To remove one that is not there is no change.
    Remove {
        /// Which.
        stream: StreamKey,
    },
    /// As [`Add`](Self::Add), of a stream that reads more than its own bars.
    AddSeeded {
        /// Which.
        stream: StreamKey,
        /// The history of each place that it reads, its own first; filled by the consumer.
        seeds: Vec<Seed>,
    },
}

/// Stored bars of one instrument and length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    /// Of which instrument.
    pub instrument: InstrumentKey,
    /// Of which length.
    pub timeframe: Timeframe,
    /// The bars.
    pub warm_up: WarmUp,
}

/// What is known of an instrument changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ReferenceChange {
    /// The instrument exists. The same again is no change.
    Instrument {
        /// Which.
        instrument: InstrumentKey,
        /// Its trading hours.
        calendar: Calendar,
        /// Smallest step of its price, in its currency.
        tick_size: Option<f64>,
    },
    /// From `at` on, one old share is `ratio` new ones: older prices are
    /// divided by it, older quantities multiplied.
    Split {
        /// Which.
        instrument: InstrumentKey,
        /// New shares per old one, positive.
        ratio: f64,
        /// The first time at which prices are in new shares.
        at: UnixNanos,
        /// Adjusted history of each timeframe that has signals; filled by the
        /// consumer, as a plan's is.
        warm_up: Vec<(Timeframe, WarmUp)>,
    },
    /// How the options of an underlying are valued. The same again is no change.
    Chain {
        /// Of which underlying.
        underlying: InstrumentKey,
        /// How.
        terms: ChainTerms,
    },
}

/// A bar in new shares: prices divided by `ratio`, quantities multiplied.
pub fn split_bar(bar: &Bar, ratio: f64) -> Bar {
    Bar {
        open: bar.open / ratio,
        high: bar.high / ratio,
        low: bar.low / ratio,
        close: bar.close / ratio,
        volume: bar.volume.map(|volume| volume * ratio),
        ..*bar
    }
}
