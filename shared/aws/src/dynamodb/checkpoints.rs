//! Table `checkpoints`: `pk` the group, `sk` either `m#{segment}` for a
//! manifest or `p#{segment}#{page}` for a page, the numbers padded so that
//! text sorts as they do; `bytes`.

use std::collections::HashMap;

use async_trait::async_trait;
use tickwire_service::ports::{Checkpoints, PortResult, StoredCheckpoint};
use tickwire_streams::GroupKey;
use tickwire_telemetry::metrics::Table;

use super::calls::{Expression, Query};
use super::item::{Item, unreadable};
use super::{Dynamo, SORT_KEY};

const BYTES: &str = "bytes";

fn manifest_key(segment: u64) -> String {
    format!("m#{segment:020}")
}

fn page_key((segment, page): (u64, u32)) -> String {
    format!("p#{segment:020}#{page:010}")
}

#[async_trait]
impl Checkpoints for Dynamo {
    async fn put_page(&self, group: &GroupKey, segment: u64, page: u32, bytes: &[u8]) -> PortResult<()> {
        let row = Item::under(group.as_str(), &page_key((segment, page))).bytes(BYTES, bytes);
        self.put("checkpoints.put_page", Table::Checkpoints, row, None)
            .await
            .map(|_| ())
    }

    async fn pages(&self, group: &GroupKey, pages: &[(u64, u32)]) -> PortResult<Vec<Option<Vec<u8>>>> {
        let what = "checkpoints.pages";
        let names: Vec<String> = pages.iter().copied().map(page_key).collect();
        let mut unique: Vec<&str> = names.iter().map(String::as_str).collect();
        unique.sort_unstable();
        unique.dedup();
        let keys = unique
            .into_iter()
            .map(|name| Item::under(group.as_str(), name))
            .collect();
        let rows = self.get_many(what, Table::Checkpoints, keys).await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            found.insert(
                row.get_text(what, SORT_KEY)?.to_owned(),
                row.into_bytes(what, BYTES)?,
            );
        }
        Ok(names.iter().map(|name| found.get(name).cloned()).collect())
    }

    async fn put_manifest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        let row = Item::under(group.as_str(), &manifest_key(segment)).bytes(BYTES, bytes);
        self.put("checkpoints.put_manifest", Table::Checkpoints, row, None)
            .await
            .map(|_| ())
    }

    async fn manifests(
        &self,
        group: &GroupKey,
        segment_max: u64,
        limit: usize,
    ) -> PortResult<Vec<StoredCheckpoint>> {
        let what = "checkpoints.manifests";
        let query = Query {
            key: Expression::new("pk = :group AND sk BETWEEN :first AND :last")
                .text(":group", group.as_str())
                .text(":first", &manifest_key(0))
                .text(":last", &manifest_key(segment_max)),
            descending: true,
            limit: Some(limit),
            consistent: true,
            ..Query::default()
        };
        let rows = self.query(what, Table::Checkpoints, query).await?;
        rows.into_iter()
            .map(|row| {
                let name = row.get_text(what, SORT_KEY)?;
                let segment = name
                    .get(2..)
                    .and_then(|n| n.parse().ok())
                    .ok_or_else(|| unreadable(what, SORT_KEY))?;
                Ok(StoredCheckpoint {
                    segment,
                    manifest: row.into_bytes(what, BYTES)?,
                })
            })
            .collect()
    }

    /// The pages first, the manifest last: a deletion cut short is found again.
    async fn delete(&self, group: &GroupKey, segment: u64, pages: &[(u64, u32)]) -> PortResult<()> {
        let what = "checkpoints.delete";
        let mut names: Vec<String> = pages.iter().copied().map(page_key).collect();
        names.sort_unstable();
        names.dedup();
        let keys = names
            .iter()
            .map(|name| Item::under(group.as_str(), name))
            .collect();
        self.delete_many(what, Table::Checkpoints, keys).await?;
        let manifest = Item::under(group.as_str(), &manifest_key(segment));
        self.delete_row(what, Table::Checkpoints, manifest)
            .await
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_numbers_and_never_mix() {
        let ascending = [
            manifest_key(0),
            manifest_key(9),
            manifest_key(10),
            manifest_key(u64::MAX),
            page_key((0, 0)),
            page_key((9, u32::MAX)),
            page_key((10, 1)),
        ];
        assert!(ascending.is_sorted());
    }
}
