//! Table `bars`: `pk` is `{group}#{timeframe}`, `sk` is
//! `{end of the first bar}#{segment}`, both as 16 hexadecimal digits that sort
//! as the numbers do; `bytes`.

use async_trait::async_trait;
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_service::ports::{Bars, BlockRange, PortResult};
use tickwire_streams::GroupKey;
use tickwire_telemetry::metrics::Table;

use super::calls::{Expression, Query};
use super::item::{Item, unreadable};
use super::{Dynamo, SORT_KEY};

const BYTES: &str = "bytes";

fn partition(group: &GroupKey, timeframe: Timeframe) -> String {
    format!("{group}#{timeframe}")
}

/// Times before 1970 are negative: the sign is flipped, so that they sort first.
fn time_key(time: UnixNanos) -> String {
    format!("{:016x}", time.0.cast_unsigned() ^ (1 << 63))
}

#[async_trait]
impl Bars for Dynamo {
    async fn put_block(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        first_end: UnixNanos,
        segment: u64,
        bytes: &[u8],
    ) -> PortResult<()> {
        let name = format!("{}#{segment:016x}", time_key(first_end));
        let row = Item::under(&partition(group, timeframe), &name).bytes(BYTES, bytes);
        self.put("bars.put_block", Table::Bars, row, None)
            .await
            .map(|_| ())
    }

    async fn blocks(&self, group: &GroupKey, range: BlockRange) -> PortResult<Vec<Vec<u8>>> {
        let what = "bars.blocks";
        let Some(query) = query_of(group, range) else {
            return Ok(Vec::new());
        };
        let rows = self.query(what, Table::Bars, query).await?;
        rows.into_iter().map(|row| row.into_bytes(what, BYTES)).collect()
    }

    async fn block_names(&self, group: &GroupKey, range: BlockRange) -> PortResult<Vec<(UnixNanos, u64)>> {
        let what = "bars.block_names";
        let Some(query) = query_of(group, range) else {
            return Ok(Vec::new());
        };
        let query = Query {
            projection: Some(SORT_KEY),
            ..query
        };
        let rows = self.query(what, Table::Bars, query).await?;
        let name =
            |row: &Item| named(row.get_text(what, SORT_KEY)?).ok_or_else(|| unreadable(what, SORT_KEY));
        rows.iter().map(name).collect()
    }
}

/// The query of a range; none of an empty one, which the store would refuse.
fn query_of(group: &GroupKey, range: BlockRange) -> Option<Query> {
    // A key is longer than the bare time of its first bar and so sorts
    // behind it: the range takes what ends at `from` and leaves out `to`.
    (range.from < range.to).then(|| Query {
        key: Expression::new("pk = :partition AND sk BETWEEN :from AND :to")
            .text(":partition", &partition(group, range.timeframe))
            .text(":from", &time_key(range.from))
            .text(":to", &time_key(range.to)),
        descending: range.newest_first,
        limit: Some(range.limit),
        ..Query::default()
    })
}

/// What a sort key says.
fn named(key: &str) -> Option<(UnixNanos, u64)> {
    let (time, block) = key.split_once('#')?;
    let time = u64::from_str_radix(time, 16).ok()? ^ (1 << 63);
    Some((
        UnixNanos(time.cast_signed()),
        u64::from_str_radix(block, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_text() {
        let times = [i64::MIN, -1, 0, 1, 1_700_000_000_000_000_000, i64::MAX].map(|n| time_key(UnixNanos(n)));
        assert!(times.is_sorted());
    }
}
