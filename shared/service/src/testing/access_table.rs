//! The tables that say who may do what, for the tests that hold the code against them.

use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../entitlements/ACCESS.md");

/// The rows of the table under a heading of ACCESS.md: their first cell, and the others
/// by column. None, if there is no such heading or table.
pub fn access_table(heading: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let text = PAGE
        .split_once(&format!("\n## {heading}\n"))
        .map(|(_, text)| text);
    let section = text
        .and_then(|text| text.split("\n## ").next())
        .unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let mut rows = lines.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let columns = rows.next().unwrap_or_default();
    rows.skip(1)
        .filter_map(|row| {
            let (first, cells) = row.split_first()?;
            let columns = columns.iter().skip(1).cloned();
            Some((first.clone(), columns.zip(cells.iter().cloned()).collect()))
        })
        .collect()
}
