//! Prints, as JSON, the expressions that compute each entry of a manifest.

use std::collections::BTreeMap;

use tickwire_oracle::{Manifest, Ours};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: expressions MANIFEST")?;
    let manifest: Manifest = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let mut expressions = BTreeMap::new();
    for entry in &manifest.indicators {
        match entry.ours() {
            Ok(ours) => {
                expressions.insert(&entry.id, ours.iter().map(Ours::expression).collect::<Vec<_>>());
            }
            Err(missing) => eprintln!("{}: not here: {missing}", entry.id),
        }
    }
    println!("{}", serde_json::to_string_pretty(&expressions)?);
    Ok(())
}
