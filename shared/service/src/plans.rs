//! Plans of groups, as readers need them: which stream has which id.

use std::sync::{Arc, OnceLock};

use rustc_hash::{FxHashMap, FxHashSet};
use tickwire_market::InstrumentKey;
use tickwire_signals::{ChainTerms, StreamId, outputs_of};
use tickwire_streams::GroupKey;
use tickwire_wire::{BinaryError, PlanRow, decode};

use crate::ports::{Groups, PortError, PortResult};

/// Plans kept in memory.
const PLANS_MAX: u64 = 1_024;

/// The plan of a group at one version.
#[derive(Debug, Default)]
pub struct Plan {
    /// Its version.
    pub version: u64,
    keys: Vec<Arc<str>>,
    by_key: FxHashMap<Arc<str>, StreamId>,
    instruments: FxHashSet<Box<str>>,
    outputs: Vec<OnceLock<Vec<&'static str>>>,
    chains: Vec<(InstrumentKey, ChainTerms)>,
}

impl Plan {
    pub(crate) fn new(version: u64, row: PlanRow) -> Self {
        let keys: Vec<Arc<str>> = row.streams.into_iter().map(Arc::from).collect();
        let living = || (0u32..).zip(&keys).filter(|(_, key)| !key.is_empty());
        let by_key = living().map(|(id, key)| (key.clone(), id)).collect();
        let instruments = living()
            .filter_map(|(_, key)| key.split(':').nth(1))
            .map(Box::from)
            .collect();
        let outputs = keys.iter().map(|_| OnceLock::new()).collect();
        Self {
            version,
            keys,
            by_key,
            instruments,
            outputs,
            chains: row.chains,
        }
    }

    /// The id of a stream that is being computed.
    pub fn id(&self, key: &str) -> Option<StreamId> {
        self.by_key.get(key).copied()
    }

    /// Ids that were ever given.
    pub fn ids_len(&self) -> usize {
        self.keys.len()
    }

    /// Streams that are being computed, with their ids.
    pub fn streams(&self) -> impl Iterator<Item = (StreamId, &str)> {
        (0u32..)
            .zip(&self.keys)
            .filter(|(_, key)| !key.is_empty())
            .map(|(id, key)| (id, &**key))
    }

    /// Whether any stream is of this instrument, which is so for all that the group knows.
    pub fn knows(&self, instrument: &InstrumentKey) -> bool {
        self.instruments.contains(instrument.as_str())
    }

    /// Keys of the instruments that the group knows, in no order.
    pub fn instruments(&self) -> impl Iterator<Item = &str> {
        self.instruments.iter().map(|key| &**key)
    }

    /// How the options of an underlying are valued, if it was told.
    pub fn chain(&self, underlying: &InstrumentKey) -> Option<&ChainTerms> {
        let mut chains = self.chains.iter();
        chains.find(|(key, _)| key == underlying).map(|(_, terms)| terms)
    }

    /// Names of what a stream's expression yields.
    pub fn outputs(&self, id: StreamId) -> &[&'static str] {
        let (Some(key), Some(outputs)) = (self.keys.get(id as usize), self.outputs.get(id as usize)) else {
            return &[];
        };
        outputs.get_or_init(|| outputs_of(key.splitn(4, ':').nth(3).unwrap_or_default()))
    }
}

/// What cannot be decoded: later, if a newer build wrote it, and otherwise never.
pub(crate) fn unreadable(what: &'static str, error: &BinaryError) -> PortError {
    let why = error.to_string();
    match error {
        BinaryError::Newer { .. } => PortError::Unavailable { what, why },
        BinaryError::Damaged { .. } | BinaryError::Content { .. } => PortError::Refused { what, why },
    }
}

/// Plans by group, the newest that was seen.
#[derive(Clone)]
pub struct Plans {
    groups: Arc<dyn Groups>,
    held: moka::sync::Cache<GroupKey, Arc<Plan>>,
}

impl Plans {
    /// With nothing in memory.
    pub fn new(groups: Arc<dyn Groups>) -> Self {
        Self {
            groups,
            held: moka::sync::Cache::new(PLANS_MAX),
        }
    }

    /// The plan as last seen, which may be old.
    pub fn seen(&self, group: &GroupKey) -> Option<Arc<Plan>> {
        self.held.get(group)
    }

    /// The plan as it is now; `None` if the group has none. Strongly consistent.
    pub async fn newest(&self, group: &GroupKey) -> PortResult<Option<Arc<Plan>>> {
        let stored = self.groups.plan(group).await?;
        stored.map(|stored| self.keep(group, stored)).transpose()
    }

    /// The plan that was read just now.
    pub(crate) fn keep(&self, group: &GroupKey, (version, bytes): (u64, Vec<u8>)) -> PortResult<Arc<Plan>> {
        if let Some(plan) = self.held.get(group).filter(|plan| plan.version == version) {
            return Ok(plan);
        }
        let row = decode::<PlanRow>(&bytes).map_err(|error| unreadable("plan", &error))?;
        let plan = Arc::new(Plan::new(version, row));
        self.held.insert(group.clone(), plan.clone());
        Ok(plan)
    }

    /// The plan at `version` or later: the one seen, if it will do.
    pub async fn at_least(&self, group: &GroupKey, version: u64) -> PortResult<Option<Arc<Plan>>> {
        match self.held.get(group).filter(|plan| plan.version >= version) {
            Some(plan) => Ok(Some(plan)),
            None => self.newest(group).await,
        }
    }
}
