//! The command that prints expressions of a manifest, as it is called.

use std::collections::BTreeMap;
use std::error::Error;
use std::process::{Command, Output};

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/goldens/manifest.json");

fn run(arguments: &[&str]) -> Result<Output, Box<dyn Error>> {
    Ok(Command::new(env!("CARGO_BIN_EXE_expressions"))
        .args(arguments)
        .output()?)
}

#[test]
fn every_entry_has_its_expressions_in_order() -> Result<(), Box<dyn Error>> {
    let output = run(&[MANIFEST])?;
    assert!(output.status.success(), "{output:?}");
    let expressions: BTreeMap<String, Vec<String>> = serde_json::from_slice(&output.stdout)?;
    let manifest: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(MANIFEST)?)?;
    let entries = manifest["indicators"].as_array().ok_or("no entries")?;
    assert!(!entries.is_empty());
    for entry in entries {
        let id = entry["id"].as_str().ok_or("an entry without an id")?;
        let listed = expressions.get(id).ok_or_else(|| format!("{id} is not listed"))?;
        assert!(!listed.is_empty(), "{id}");
    }
    assert_eq!(
        expressions["bbands_20_2"],
        [
            "bbands(close,20,2,2).upper",
            "bbands(close,20,2,2).middle",
            "bbands(close,20,2,2).lower"
        ]
    );
    // By Cargo's package, where its name stands before it.
    assert_eq!(run(&["expressions", MANIFEST])?.stdout, output.stdout);
    Ok(())
}

#[test]
fn a_manifest_that_cannot_be_read_is_named() -> Result<(), Box<dyn Error>> {
    let here = env!("CARGO_MANIFEST_DIR");
    let cargo = format!("{here}/Cargo.toml");
    for (arguments, told) in [
        (vec!["nowhere.json"], "nowhere.json: No such file"),
        (vec![cargo.as_str()], "Cargo.toml: expected value"),
        (vec![], "usage: expressions MANIFEST"),
    ] {
        let output = run(&arguments)?;
        assert!(!output.status.success());
        let error = String::from_utf8(output.stderr)?;
        assert!(error.contains(told), "{error}");
    }
    Ok(())
}
