//! Table `log`: one row a segment, `pk` the group, `sk` its number, `bytes`.

use async_trait::async_trait;
use tickwire_service::ports::{Appended, Log, PortResult, StoredSegment};
use tickwire_streams::GroupKey;
use tickwire_telemetry::metrics::Table;

use super::calls::{Expression, Query, Written};
use super::item::Item;
use super::{Dynamo, SORT_KEY};

const BYTES: &str = "bytes";

#[async_trait]
impl Log for Dynamo {
    async fn append(&self, group: &GroupKey, number: u64, bytes: &[u8]) -> PortResult<Appended> {
        let item = Item::at(group.as_str())
            .number(SORT_KEY, number)
            .bytes(BYTES, bytes);
        let free = Expression::new("attribute_not_exists(pk)");
        Ok(
            match self.put("log.append", Table::Log, item, Some(free)).await? {
                Written::Done => Appended::Committed,
                Written::Not(_) => Appended::Taken,
            },
        )
    }

    async fn read(&self, group: &GroupKey, from: u64, bytes_max: usize) -> PortResult<Vec<StoredSegment>> {
        let query = Query {
            key: Expression::new("pk = :group AND sk >= :from")
                .text(":group", group.as_str())
                .number(":from", from),
            bytes_max: Some(bytes_max),
            consistent: true,
            ..Query::default()
        };
        let rows = self.query("log.read", Table::Log, query).await?;
        segments("log.read", rows)
    }

    async fn between(&self, group: &GroupKey, from: u64, to: u64) -> PortResult<Vec<StoredSegment>> {
        if from > to {
            return Ok(Vec::new());
        }
        let query = Query {
            key: Expression::new("pk = :group AND sk BETWEEN :from AND :to")
                .text(":group", group.as_str())
                .number(":from", from)
                .number(":to", to),
            consistent: true,
            ..Query::default()
        };
        let rows = self.query("log.between", Table::Log, query).await?;
        segments("log.between", rows)
    }

    async fn head(&self, group: &GroupKey) -> PortResult<u64> {
        let query = Query {
            key: Expression::new("pk = :group").text(":group", group.as_str()),
            projection: Some(SORT_KEY),
            descending: true,
            limit: Some(1),
            consistent: true,
            ..Query::default()
        };
        let rows = self.query("log.head", Table::Log, query).await?;
        rows.first()
            .map_or(Ok(0), |row| row.get_number("log.head", SORT_KEY))
    }

    async fn forget(&self, group: &GroupKey, numbers: &[u64]) -> PortResult<()> {
        let key = |number: &u64| Item::at(group.as_str()).number(SORT_KEY, *number);
        self.delete_many("log.forget", Table::Log, numbers.iter().map(key).collect())
            .await
    }
}

fn segments(what: &'static str, rows: Vec<Item>) -> PortResult<Vec<StoredSegment>> {
    let segment = |row: Item| {
        let number = row.get_number(what, SORT_KEY)?;
        let bytes = row.into_bytes(what, BYTES)?;
        Ok(StoredSegment { number, bytes })
    };
    rows.into_iter().map(segment).collect()
}
