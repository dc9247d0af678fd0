//! Table `bars`. Of a block `pk` is `{group}#{timeframe}`, `sk` is
//! `{end of the first bar}#{segment}`, both as 16 hexadecimal digits that sort
//! as the numbers do; `bytes`. Of a page `pk` is `{group}#{timeframe}#{instrument}`,
//! or ends with `names`, `sk` is when it begins; `revision`, `bytes`.

use async_trait::async_trait;
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_service::ports::{Bars, BlockRange, PageRange, PagesOf, PortResult, StoredBlock, StoredPage};
use tickwire_streams::GroupKey;
use tickwire_telemetry::metrics::Table;

use super::calls::{Expression, Query, Written};
use super::item::{Item, unreadable};
use super::{Dynamo, SORT_KEY};

const BYTES: &str = "bytes";
const REVISION: &str = "revision";

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
        let row =
            Item::under(&partition(group, timeframe), &block_key(first_end, segment)).bytes(BYTES, bytes);
        self.put("bars.put_block", Table::Bars, row, None)
            .await
            .map(|_| ())
    }

    async fn blocks(&self, group: &GroupKey, range: BlockRange) -> PortResult<Vec<StoredBlock>> {
        let what = "bars.blocks";
        let Some(query) = query_of(group, range) else {
            return Ok(Vec::new());
        };
        let rows = self.query(what, Table::Bars, query).await?;
        let block = |row: Item| {
            Ok(StoredBlock {
                name: name_of(what, &row)?,
                bytes: row.into_bytes(what, BYTES)?,
            })
        };
        rows.into_iter().map(block).collect()
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
        rows.iter().map(|row| name_of(what, row)).collect()
    }

    async fn delete_blocks(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        names: &[(UnixNanos, u64)],
    ) -> PortResult<()> {
        let partition = partition(group, timeframe);
        let key = |(end, block): &(UnixNanos, u64)| Item::under(&partition, &block_key(*end, *block));
        self.delete_many("bars.delete_blocks", Table::Bars, names.iter().map(key).collect())
            .await
    }

    async fn put_bar_page(
        &self,
        of: PagesOf<'_>,
        start: UnixNanos,
        was: u64,
        bytes: &[u8],
    ) -> PortResult<bool> {
        let row = Item::under(&pages_partition(of), &time_key(start))
            .number(REVISION, was.saturating_add(1))
            .bytes(BYTES, bytes);
        let condition = match was {
            0 => Expression::new("attribute_not_exists(pk)"),
            _ => Expression::new("revision = :was").number(":was", was),
        };
        let written = self
            .put("bars.put_bar_page", Table::Bars, row, Some(condition))
            .await?;
        Ok(matches!(written, Written::Done))
    }

    async fn bar_pages(&self, of: PagesOf<'_>, range: PageRange) -> PortResult<Vec<StoredPage>> {
        let what = "bars.bar_pages";
        // Both ends of a range of keys are in it, and times are whole nanoseconds.
        let last = range.to.saturating_add(-1);
        if range.from > last {
            return Ok(Vec::new());
        }
        let query = Query {
            key: Expression::new("pk = :partition AND sk BETWEEN :from AND :to")
                .text(":partition", &pages_partition(of))
                .text(":from", &time_key(range.from))
                .text(":to", &time_key(last)),
            descending: range.newest_first,
            limit: Some(range.limit),
            consistent: true,
            ..Query::default()
        };
        let page = |row: Item| {
            let key = row.get_text(what, SORT_KEY)?;
            Ok(StoredPage {
                start: time_of(key).ok_or_else(|| unreadable(what, SORT_KEY))?,
                revision: row.get_number(what, REVISION)?,
                bytes: row.into_bytes(what, BYTES)?,
            })
        };
        let rows = self.query(what, Table::Bars, query).await?;
        rows.into_iter().map(page).collect()
    }
}

fn block_key(first_end: UnixNanos, segment: u64) -> String {
    format!("{}#{segment:016x}", time_key(first_end))
}

fn pages_partition(of: PagesOf<'_>) -> String {
    let partition = partition(of.group, of.timeframe);
    match of.instrument {
        Some(instrument) => format!("{partition}#{instrument}"),
        None => format!("{partition}#names"),
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

/// The name of the block of a row.
fn name_of(what: &'static str, row: &Item) -> PortResult<(UnixNanos, u64)> {
    named(row.get_text(what, SORT_KEY)?).ok_or_else(|| unreadable(what, SORT_KEY))
}

/// What a sort key says.
fn named(key: &str) -> Option<(UnixNanos, u64)> {
    let (time, block) = key.split_once('#')?;
    Some((time_of(time)?, u64::from_str_radix(block, 16).ok()?))
}

/// The time of which [`time_key`] is the text.
fn time_of(key: &str) -> Option<UnixNanos> {
    let time = u64::from_str_radix(key, 16).ok()? ^ (1 << 63);
    Some(UnixNanos(time.cast_signed()))
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
