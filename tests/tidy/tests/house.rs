//! The rules, on the house as git holds it.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::path::PathBuf;
use std::process::Command;

use cargo_metadata::MetadataCommand;
use tickwire_tidy::{
    FOLLOWERS, Finding, LAYERS, PURE, TOP_LEVEL, file_bytes_max, imports_down, imports_of, listed, literals,
    log_fields, main_is_short, member, narrow, pins, pure_imports, purity, rooms, sizes, top_level,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// Paths that git tracks and that are there.
fn paths() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        listed.status.success(),
        "failed to list the files of git: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let text = String::from_utf8(listed.stdout).unwrap();
    let paths: Vec<String> = text
        .split('\0')
        .filter(|path| !path.is_empty() && root().join(path).exists())
        .map(str::to_owned)
        .collect();
    assert!(paths.len() > 50, "git lists {} files only", paths.len());
    paths
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Runs a rule over the files that `wanted` takes, at least one.
fn over_files(wanted: impl Fn(&str) -> bool, rule: impl Fn(&str, &str) -> Vec<Finding>) -> Vec<Finding> {
    let files: Vec<String> = paths().into_iter().filter(|path| wanted(path)).collect();
    assert!(!files.is_empty(), "the rule meets no file");
    files.iter().flat_map(|path| rule(path, &read(path))).collect()
}

#[track_caller]
fn assert_none(findings: Vec<Finding>) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

#[test]
fn imports_run_downwards() {
    let metadata = MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .unwrap();
    let (members, imports) = imports_of(&metadata);
    assert!(
        imports.iter().any(|import| import.to == "tickwire-market"),
        "no import was read"
    );
    assert_none(imports_down(LAYERS, &members, &imports));
    assert_none(narrow(&imports));
    assert_none(pure_imports(&imports));
}

#[test]
fn pure_crates_do_not_name_the_world() {
    for (name, folder) in PURE {
        let source = format!("{folder}/src/");
        assert!(LAYERS.iter().any(|(known, _)| known == name), "{name}");
        assert_none(over_files(
            |path| path.starts_with(&source) && path.ends_with(".rs"),
            purity,
        ));
    }
}

#[test]
fn nothing_stray_stands_at_the_top() {
    let paths = paths();
    assert_none(top_level(paths.iter().map(String::as_str), TOP_LEVEL));
}

#[test]
fn files_are_of_reasonable_size() {
    let paths = paths();
    let sized = paths
        .iter()
        .map(|path| (path.as_str(), root().join(path).metadata().unwrap().len()));
    assert_none(sizes(sized, file_bytes_max));
}

#[test]
fn every_field_of_a_log_line_is_on_the_list() {
    let list = read("shared/telemetry/src/logging/fields.rs");
    let list = listed(&list);
    assert!(list.len() > 20);
    let is_source =
        |path: &str| path.ends_with(".rs") && path.contains("/src/") && !path.starts_with("tests/");
    assert_none(over_files(is_source, |path, text| log_fields(path, text, &list)));
}

#[test]
fn nothing_is_left_undone() {
    assert_none(over_files(|path| path.ends_with(".rs"), literals));
    assert_none(over_files(|path| path.ends_with(".rs"), main_is_short));
}

#[test]
fn members_inherit_and_versions_are_pinned() {
    // The targets of cargo-fuzz are a workspace of their own.
    let is_member = |path: &str| path.ends_with("/Cargo.toml") && path != "tests/fuzz/fuzz/Cargo.toml";
    assert_none(over_files(is_member, |path, text| member(path, text).unwrap()));
    assert_none(pins(&read("Cargo.toml"), FOLLOWERS).unwrap());
}

#[test]
fn the_rooms_of_the_readme_are_there() {
    if paths().iter().any(|path| path == "README.md") {
        assert_none(rooms(&read("README.md"), |room| root().join(room).exists()));
    }
}
