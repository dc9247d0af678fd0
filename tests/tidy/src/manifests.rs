//! Members inherit, and versions stand in one place.

use toml::{Table, Value};

use crate::{Finding, TidyError};

/// Crates whose version others choose, so that the lock file alone pins it: two
/// exact pins of what must be one crate would only get in each other's way.
pub const FOLLOWERS: &[(&str, &str)] = &[
    ("aws-smithy-http-client", "the SDK's own client"),
    ("aws-smithy-runtime-api", "types of the SDK"),
    ("aws-smithy-types", "types of the SDK"),
    ("http", "types of the SDK and of axum"),
    ("rusqlite", "one SQLite with dynoxide-rs"),
];

/// What a member takes from `[workspace.package]`.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

fn table<'a>(of: &'a Table, name: &str) -> Option<&'a Table> {
    of.get(name).and_then(Value::as_table)
}

fn is_inherited(value: Option<&Value>) -> bool {
    let inherits = value
        .and_then(Value::as_table)
        .and_then(|table| table.get("workspace"));
    inherits.and_then(Value::as_bool) == Some(true)
}

fn parse(at: &str, text: &str) -> Result<Table, TidyError> {
    text.parse().map_err(|why: toml::de::Error| TidyError::Manifest {
        at: at.into(),
        why: why.to_string(),
    })
}

/// Finds what a member's manifest does not inherit.
///
/// # Errors
/// When it is no TOML.
pub fn member(at: &str, text: &str) -> Result<Vec<Finding>, TidyError> {
    let manifest = parse(at, text)?;
    let mut findings = Vec::new();
    let package = table(&manifest, "package");
    for field in INHERITED {
        if !is_inherited(package.and_then(|package| package.get(*field))) {
            findings.push(Finding::new(at, format!("write {field}.workspace = true")));
        }
    }
    if !is_inherited(manifest.get("lints")) {
        findings.push(Finding::new(at, "write [lints] workspace = true"));
    }
    let targets = table(&manifest, "target")
        .into_iter()
        .flat_map(Table::values)
        .filter_map(Value::as_table);
    for section in targets.chain([&manifest]) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in table(section, kind).into_iter().flatten() {
                // A crate may import itself with what it shows to tests only.
                let is_itself = value.get("path").and_then(Value::as_str) == Some(".");
                if !is_inherited(Some(value)) && !is_itself {
                    findings.push(Finding::new(
                        at,
                        format!("write {name}.workspace = true in [{kind}]"),
                    ));
                }
            }
        }
    }
    Ok(findings)
}

/// Finds dependencies of the workspace without an exact version, and exceptions
/// that are not needed.
///
/// # Errors
/// When it is no TOML.
pub fn pins(root: &str, followers: &[(&str, &str)]) -> Result<Vec<Finding>, TidyError> {
    let manifest = parse("Cargo.toml", root)?;
    let dependencies = table(&manifest, "workspace").and_then(|workspace| table(workspace, "dependencies"));
    let mut findings = Vec::new();
    for (name, value) in dependencies.into_iter().flatten() {
        let field = |field: &str| {
            value
                .as_table()
                .and_then(|table| table.get(field))
                .and_then(Value::as_str)
        };
        let ours = field("path").is_some();
        let version = value.as_str().or_else(|| field("version"));
        let follows = followers.iter().any(|(follower, _)| follower == name);
        let exact = version.is_some_and(|version| version.starts_with('='));
        let stated = ours || exact || (follows && version.is_some());
        if !stated {
            findings.push(Finding::new(name, "write its version as \"=x.y.z\""));
        }
        if follows && exact {
            findings.push(Finding::new(name, "is pinned: take it off FOLLOWERS"));
        }
    }
    let gone = followers
        .iter()
        .filter(|(name, _)| !dependencies.is_some_and(|table| table.contains_key(*name)));
    findings.extend(gone.map(|(name, _)| Finding::new(*name, "is no dependency: take it off FOLLOWERS")));
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places;

    const GOOD: &str = "
        [package]
        name = \"x\"
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        publish.workspace = true
        [lints]
        workspace = true
        [dependencies]
        serde.workspace = true
        tokio = { workspace = true, features = [
            \"sync\",
        ] }
        [target.'cfg(unix)'.dependencies]
        libc.workspace = true
    ";

    #[test]
    fn what_is_not_inherited_is_found() {
        let check = |from: &str, to: &str, expected: &str| {
            assert!(GOOD.contains(from));
            let findings = member("x", &GOOD.replacen(from, to, 1)).unwrap();
            let words: Vec<_> = findings.iter().map(|finding| finding.what.as_str()).collect();
            assert_eq!(words, [expected], "{to}");
        };
        assert_eq!(member("x", GOOD).unwrap(), []);
        check(
            "edition.workspace = true",
            "edition = \"2024\"",
            "write edition.workspace = true",
        );
        check("license.workspace = true", "", "write license.workspace = true");
        check(
            "[lints]\n        workspace = true",
            "",
            "write [lints] workspace = true",
        );
        check(
            "serde.workspace = true",
            "serde = \"1\"",
            "write serde.workspace = true in [dependencies]",
        );
        check(
            "libc.workspace = true",
            "libc = \"1\"",
            "write libc.workspace = true in [dependencies]",
        );
        check(
            "{ workspace = true,",
            "{ version = \"1\",",
            "write tokio.workspace = true in [dependencies]",
        );
        check(
            "[dependencies]",
            "[dev-dependencies]\na = { path = \"a\" }\n[dependencies]",
            "write a.workspace = true in [dev-dependencies]",
        );
        assert!(member("x", "[package").is_err());
        let itself = format!("{GOOD}\n[dev-dependencies]\nx = {{ path = \".\", features = [\"testing\"] }}");
        assert_eq!(member("x", &itself).unwrap(), []);
    }

    #[test]
    fn a_loose_version_is_found() {
        let check = |dependency: &str, found: &[&str]| {
            let root = format!("[workspace.dependencies]\nsdk = \"1\"\n{dependency}");
            assert_eq!(
                places(&pins(&root, &[("sdk", "why")]).unwrap()),
                found,
                "{dependency}"
            );
        };
        check("a = \"=1.2.3\"", &[]);
        check("a = { version = \"=1.2.3\", features = [] }", &[]);
        check("a = { path = \"a\" }", &[]);
        check("a = \"1\"", &["a"]);
        check("a = { version = \"1.2.3\" }", &["a"]);
        check("a = { git = \"x\" }", &["a"]);
        assert_eq!(
            places(&pins("[workspace.dependencies]", &[("sdk", "why")]).unwrap()),
            ["sdk"]
        );
        assert_eq!(
            places(&pins("[workspace.dependencies]\nsdk = \"=1\"", &[("sdk", "why")]).unwrap()),
            ["sdk"]
        );
    }
}
