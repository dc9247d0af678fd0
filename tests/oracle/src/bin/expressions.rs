//! Prints, as JSON, the expressions that compute each entry of a manifest.

use std::collections::BTreeMap;

use tickwire_oracle::{Manifest, Ours};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    // `cargo run -p tickwire-oracle -- expressions MANIFEST` names it once more.
    arguments.next_if_eq("expressions");
    let path = arguments.next().ok_or("usage: expressions MANIFEST")?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
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
