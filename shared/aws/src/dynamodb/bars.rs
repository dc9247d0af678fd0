//! Table `bars`: `pk` is `{group}#{timeframe}`, `sk` is
//! `{end of the first bar}#{segment}`, both as 16 hexadecimal digits that sort
//! as the numbers do; `bytes`.

use async_trait::async_trait;
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_service::ports::{Bars, PortResult};
use tickwire_streams::GroupKey;
use tickwire_telemetry::metrics::Table;

use super::Dynamo;
use super::calls::{Expression, Query};
use super::item::Item;

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

    async fn blocks(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        from: UnixNanos,
        to: UnixNanos,
        newest_first: bool,
        limit: usize,
    ) -> PortResult<Vec<Vec<u8>>> {
        let what = "bars.blocks";
        if from >= to {
            return Ok(Vec::new());
        }
        // A key is longer than the bare time of its first bar and so sorts
        // behind it: the range takes what ends at `from` and leaves out `to`.
        let query = Query {
            key: Expression::new("pk = :partition AND sk BETWEEN :from AND :to")
                .text(":partition", &partition(group, timeframe))
                .text(":from", &time_key(from))
                .text(":to", &time_key(to)),
            descending: newest_first,
            limit: Some(limit),
            ..Query::default()
        };
        let rows = self.query(what, Table::Bars, query).await?;
        rows.into_iter().map(|row| row.into_bytes(what, BYTES)).collect()
    }
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
