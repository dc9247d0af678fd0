//! What follows a commit: the plan row, blocks of bars, the publication; and,
//! less often, the latest row. All of it can be done again.

use futures_util::future::try_join_all;
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_streams::{GroupKey, Offset};
use tickwire_wire::{BarBlock, BinaryError, LatestRow, LatestStream, PlanRow, Publication, encode};

use crate::group::Settlement;
use crate::ingest_ticks::IngestPorts;
use crate::load_group::Loaded;
use crate::ports::{Outgoing, PortError, Queue};

/// Signals in one publication; as text it stays well below a message's 1 MiB.
const SIGNALS_PER_PUBLICATION: usize = 6_000;
/// Bars in one block; a row holds 400 KB.
const BARS_PER_BLOCK: usize = 2_000;
/// The latest row is written at most once in this time ...
const LATEST_NANOS_MIN: i64 = UnixNanos::PER_SECOND;
/// ... and, when it is large, so seldom that it takes at most so many write units a second.
const LATEST_UNITS_PER_SECOND_MAX: i64 = 5;

/// Why a commit could not be followed up. The segment stands; this is done again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettleError {
    /// Store or queue.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Encoding.
    #[error("failed to encode: {0}")]
    Encode(#[from] BinaryError),
}

/// Carries out what the last segment leads to, if that is still to be done.
pub(crate) async fn settle_pending(
    ports: &IngestPorts,
    group: &GroupKey,
    loaded: &mut Loaded,
) -> Result<(), SettleError> {
    let Some(mut settlement) = loaded.pending.take() else {
        return Ok(());
    };
    if settlement.plan_changed {
        // Before the publication: a reader of the publication looks its streams up there.
        let streams = loaded
            .state
            .engine
            .streams()
            .iter()
            .map(|stream| {
                if stream.ended {
                    String::new()
                } else {
                    stream.key.to_string()
                }
            })
            .collect();
        let chains = loaded.state.engine.chain_terms();
        let chains = chains.map(|(key, terms)| (key.clone(), terms.clone())).collect();
        let bytes = encode(&PlanRow { streams, chains })?;
        ports
            .groups
            .put_plan(group, settlement.plan_version, &bytes)
            .await?;
    }
    let bars = std::mem::take(&mut settlement.bars);
    let mut blocks: Vec<(Timeframe, BarBlock)> = Vec::new();
    for closed in bars {
        let block = blocks
            .iter_mut()
            .find(|(timeframe, block)| *timeframe == closed.timeframe && block.bars.len() < BARS_PER_BLOCK);
        match block {
            Some((_, block)) => block.bars.push((closed.instrument, closed.bar)),
            None => {
                blocks.push((
                    closed.timeframe,
                    BarBlock {
                        bars: vec![(closed.instrument, closed.bar)],
                    },
                ));
            }
        }
    }
    let put_blocks = try_join_all((0u16..).zip(blocks).filter_map(|(part, (timeframe, mut block))| {
        block.bars.sort_by_key(|(_, bar)| bar.end);
        let first_end = block.bars.first()?.1.end;
        // Several blocks of a segment may begin at one time.
        let number = Offset::new(settlement.segment, part).0;
        Some(async move {
            let bytes = encode(&block)?;
            ports
                .bars
                .put_block(group, timeframe, first_end, number, &bytes)
                .await?;
            Ok::<(), SettleError>(())
        })
    }));
    let publish = publish(ports, group, loaded.row.shards, &loaded.row.epoch, settlement);
    futures_util::future::try_join(put_blocks, publish).await?;
    Ok(())
}

async fn publish(
    ports: &IngestPorts,
    group: &GroupKey,
    shards: u16,
    epoch: &str,
    settlement: Settlement,
) -> Result<(), SettleError> {
    let mut publication = Publication {
        group: group.clone(),
        shard: 0,
        epoch: epoch.to_owned(),
        segment: settlement.segment,
        plan_version: settlement.plan_version,
        committed_at: settlement.committed_at,
        sources: settlement.sources,
        signals: Vec::new(),
    };
    for (part, signals) in settlement.signals.chunks(SIGNALS_PER_PUBLICATION).enumerate() {
        publication.signals = signals.to_vec();
        for shard in 0..shards.max(1) {
            publication.shard = shard;
            let message = Outgoing {
                group: format!("{group}#{shard}"),
                deduplication: format!("{group}#{shard}:{epoch}:{}:{part}", settlement.segment),
                body: publication.to_text()?,
            };
            ports.enqueue.send(Queue::Signals, message).await?;
        }
    }
    Ok(())
}

/// Writes the latest row when its time has come.
pub(crate) async fn write_latest(
    ports: &IngestPorts,
    group: &GroupKey,
    loaded: &mut Loaded,
) -> Result<(), SettleError> {
    let (not_before, segment) = loaded.latest_written;
    let now = ports.clock.now();
    if segment == loaded.state.segment || now < not_before {
        return Ok(());
    }
    let streams = (0u32..)
        .zip(loaded.state.engine.streams())
        .filter_map(|(stream, state)| {
            Some(LatestStream {
                stream,
                latest: state.latest.clone()?,
            })
        })
        .collect();
    let row = LatestRow {
        segment: loaded.state.segment,
        plan_version: loaded.state.engine.plan_version(),
        ticks: loaded.state.engine.counters().ticks,
        set_aside: loaded.state.set_aside,
        written_at: now,
        streams,
    };
    let bytes = encode(&row)?;
    ports
        .groups
        .put_latest(group, loaded.state.segment, &bytes)
        .await?;
    let units = (bytes.len() as i64 + 1_023) / 1_024;
    let wait = (units * UnixNanos::PER_SECOND / LATEST_UNITS_PER_SECOND_MAX).max(LATEST_NANOS_MIN);
    // The time from which it may be written again.
    loaded.latest_written = (now.saturating_add(wait), loaded.state.segment);
    Ok(())
}
