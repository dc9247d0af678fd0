//! The data directory of a stack that is not running.

use std::path::Path;
use std::sync::Arc;

use tickwire::queue::{QueueName, QueueOptions, Queues};
use tickwire::store::{DataDirectory, Engine};
use tickwire_aws::{Dynamo, SystemClock};
use tickwire_service::ports::{Groups, Log};
use tickwire_streams::GroupKey;
use tickwire_telemetry::Meter;
use tickwire_wire::{LatestRow, Segment, decode};

use crate::Failure;
use crate::check::{GroupLog, Violation};

/// Bytes of log read in one call.
const READ_BYTES: usize = 1_048_576;

/// The store in a data directory, which nobody else can use meanwhile.
pub struct Store {
    /// Its tables.
    pub tables: Dynamo,
    _directory: DataDirectory,
}

impl Store {
    /// Opens it.
    ///
    /// # Errors
    /// When the directory is in use or cannot be read.
    pub fn open(data: &Path) -> Result<Self, Failure> {
        let directory = DataDirectory::open(data).map_err(Failure::of("open the data directory"))?;
        let engine = Engine::open(&directory).map_err(Failure::of("open the store"))?;
        let (meter, clock) = (Arc::<Meter>::default(), Arc::new(SystemClock));
        Ok(Self {
            tables: Dynamo::new(engine.client(), "", meter, clock),
            _directory: directory,
        })
    }
}

/// Reads the logs of the groups that `wanted` takes.
///
/// # Errors
/// When the directory is in use or cannot be read.
pub async fn read_logs(data: &Path, wanted: impl Fn(&GroupKey) -> bool) -> Result<Vec<GroupLog>, Failure> {
    let store = Store::open(data)?;
    let groups = store.tables.groups().await;
    let mut logs = Vec::new();
    for group in groups.map_err(Failure::of("list the groups"))? {
        if wanted(&group) {
            logs.push(read_log(&store.tables, group).await?);
        }
    }
    Ok(logs)
}

/// Reads the log of a group.
///
/// # Errors
/// When it cannot be read.
pub async fn read_log(store: &Dynamo, group: GroupKey) -> Result<GroupLog, Failure> {
    let mut segments = Vec::new();
    let mut next = 1;
    loop {
        let stored = store
            .read(&group, next, READ_BYTES)
            .await
            .map_err(Failure::of("read a log"))?;
        let Some(last) = stored.last() else { break };
        next = last.number + 1;
        for stored in stored {
            let segment: Segment = decode(&stored.bytes).map_err(Failure::of("decode a segment"))?;
            segments.push((stored.number, segment));
        }
    }
    let latest = store
        .latest(&group)
        .await
        .map_err(Failure::of("read a latest row"))?;
    let latest = latest
        .map(|(_, bytes)| decode::<LatestRow>(&bytes))
        .transpose()
        .map_err(Failure::of("decode a latest row"))?;
    Ok(GroupLog {
        group,
        segments,
        latest,
    })
}

/// All queues must be empty, those of dead letters too.
///
/// # Errors
/// When one is not.
pub fn check_queues_empty(data: &Path) -> Result<(), Failure> {
    let directory = DataDirectory::open(data).map_err(Failure::of("open the data directory"))?;
    let queues = Queues::open(
        &directory,
        QueueOptions::default(),
        Arc::new(SystemClock),
        Arc::<Meter>::default(),
    )
    .map_err(Failure::of("open the queues"))?;
    for queue in QueueName::ALL {
        let gauges = queues.gauges(queue);
        let messages = gauges.waiting + gauges.in_flight;
        if messages > 0 {
            return Err(
                Violation::Left(format!("{messages} messages were left in {}", queue.as_str())).into(),
            );
        }
    }
    Ok(())
}
