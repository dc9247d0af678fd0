//! Which instruments there are: found by text, exchange, product, expiry and strike.
//!
//! What is known stands in the plans of the groups. They are read together and
//! kept for [`instruments_age_max`], so that a search costs reads only then.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::civil::Date;
use tickwire_market::{InstrumentKey, Product, UnixNanos};
use tickwire_streams::{GroupKey, Universe};

use crate::few::Few;
use crate::plans::Plans;
use crate::ports::{Clock, Groups, PortResult};

#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
mod limits {
    use std::time::Duration;

    /// Instruments in one page.
    pub const instruments_per_page_max: usize = 1_000;
    /// An instrument is found so long after its first event at the latest.
    pub const instruments_age_max: Duration = Duration::from_secs(10);
    /// Longest text that is searched for, in bytes.
    pub const search_bytes_max: usize = 64;
}

pub use limits::{instruments_age_max, instruments_per_page_max, search_bytes_max};

/// Plans read at once.
const PLANS_AT_ONCE: usize = 16;
/// Universes kept in memory.
const UNIVERSES_MAX: usize = 16;

/// Which instruments are asked for: those that fit all that is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Words that stand in the key, in any case, in any order.
    pub search: Option<String>,
    /// Where it is traded.
    pub exchange: Option<String>,
    /// What is traded.
    pub product: Option<Product>,
    /// It expires on this day or later.
    pub expiry_from: Option<Date>,
    /// It expires on this day or earlier.
    pub expiry_to: Option<Date>,
    /// Lowest strike.
    pub strike_min: Option<f64>,
    /// Highest strike.
    pub strike_max: Option<f64>,
}

impl Wanted {
    fn fits(&self, instrument: &InstrumentKey) -> bool {
        // What has no expiry or strike is in no range of them.
        let from =
            |bound: Option<Date>| bound.is_none_or(|day| instrument.expiry().is_some_and(|e| e >= day));
        let to = |bound: Option<Date>| bound.is_none_or(|day| instrument.expiry().is_some_and(|e| e <= day));
        let min =
            |bound: Option<f64>| bound.is_none_or(|least| instrument.strike().is_some_and(|s| s >= least));
        let max =
            |bound: Option<f64>| bound.is_none_or(|most| instrument.strike().is_some_and(|s| s <= most));
        self.exchange
            .as_ref()
            .is_none_or(|name| instrument.exchange() == name)
            && self.product.is_none_or(|product| instrument.product() == product)
            && self.search.as_ref().is_none_or(|text| {
                text.split_whitespace()
                    // Keys are in upper case.
                    .all(|word| instrument.as_str().contains(&word.to_ascii_uppercase()))
            })
            && from(self.expiry_from)
            && to(self.expiry_to)
            && min(self.strike_min)
            && max(self.strike_max)
    }
}

/// All instruments of a universe, ascending.
struct Known {
    read_at: UnixNanos,
    instruments: Vec<InstrumentKey>,
}

/// The use case.
#[derive(Clone)]
pub struct QueryInstruments {
    groups: Arc<dyn Groups>,
    plans: Plans,
    clock: Arc<dyn Clock>,
    known: Few<Universe, Arc<Known>>,
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl QueryInstruments {
    /// Over its ports.
    pub fn new(groups: Arc<dyn Groups>, clock: Arc<dyn Clock>) -> Self {
        Self {
            plans: Plans::new(groups.clone()),
            groups,
            clock,
            known: Few::new(UNIVERSES_MAX),
            reading: Arc::default(),
        }
    }

    /// The first `limit` that are wanted, ascending by key, behind `after`; and
    /// whether there are more. They are for everyone to see, as their prices are.
    pub async fn page(
        &self,
        universe: &Universe,
        wanted: &Wanted,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<(Vec<InstrumentKey>, bool)> {
        let known = self.known(universe).await?;
        let begin = after.map_or(0, |after| {
            known.instruments.partition_point(|key| key.as_str() <= after)
        });
        let mut found: Vec<InstrumentKey> = known.instruments[begin..]
            .iter()
            .filter(|instrument| wanted.fits(instrument))
            .take(limit.saturating_add(1))
            .cloned()
            .collect();
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found, more))
    }

    fn fresh(&self, universe: &Universe) -> Option<Arc<Known>> {
        let age_max = i64::try_from(instruments_age_max.as_nanos()).unwrap_or(i64::MAX);
        let now = self.clock.now();
        self.known
            .get(universe)
            .filter(|known| now.nanos_since(known.read_at) < age_max)
    }

    async fn known(&self, universe: &Universe) -> PortResult<Arc<Known>> {
        if let Some(known) = self.fresh(universe) {
            return Ok(known);
        }
        // One reads, and the others wait for what it found.
        let _reading = self.reading.lock().await;
        if let Some(known) = self.fresh(universe) {
            return Ok(known);
        }
        let read_at = self.clock.now();
        let groups = self.groups.groups().await?;
        let of_universe = groups.into_iter().filter(|group| group.universe() == universe);
        let found: Vec<Vec<InstrumentKey>> = stream::iter(of_universe.map(|group| self.of_group(group)))
            .buffer_unordered(PLANS_AT_ONCE)
            .try_collect()
            .await?;
        let mut instruments = found.concat();
        instruments.sort_unstable();
        instruments.dedup();
        let known = Arc::new(Known { read_at, instruments });
        self.known.insert(universe.clone(), known.clone());
        Ok(known)
    }

    async fn of_group(&self, group: GroupKey) -> PortResult<Vec<InstrumentKey>> {
        let plan = self.plans.newest(&group).await?;
        Ok(plan.map_or_else(Vec::new, |plan| {
            plan.instruments().filter_map(|text| text.parse().ok()).collect()
        }))
    }
}
