//! Imports run downwards only.

use cargo_metadata::{DependencyKind, Metadata};

use crate::{Finding, PURE};

/// Every crate of the workspace with the height of its layer. A crate imports
/// from strictly lower layers; what shares a layer never imports each other.
pub const LAYERS: &[(&str, u8)] = &[
    ("tickwire-market", 0),
    ("tickwire-indicators", 1),
    ("tickwire-options", 1),
    ("tickwire-streams", 1),
    ("tickwire-signals", 2),
    ("tickwire-entitlements", 2),
    ("tickwire-wire", 3),
    ("tickwire-service", 4),
    ("tickwire-telemetry", 5),
    ("tickwire-aws", 6),
    ("tickwire-ingest", 7),
    ("tickwire-deliver", 7),
    ("tickwire-authorize", 7),
    ("tickwire-socket", 7),
    ("tickwire-entitle", 7),
    ("tickwire-api", 7),
    ("tickwire-schedule", 7),
    ("tickwire", 8),
    ("tickwire-aws-api", 10),
    ("tickwire-end-to-end", 9),
    ("tickwire-fuzz", 9),
    ("tickwire-oracle", 9),
    ("tickwire-simulation", 9),
    ("tickwire-tidy", 9),
];

/// Beginnings of names of crates that the use cases must not know: they speak
/// of ports, and adapters speak of these.
const BEYOND_SERVICE: &[&str] = &[
    "aws",
    "axum",
    "dynoxide",
    "hyper",
    "lambda",
    "reqwest",
    "rusqlite",
    "serde_json",
    "tokio",
    "tungstenite",
];

/// Beginnings of names of crates that bring in chance, clocks, files or the network.
const BEYOND_PURE: &[&str] = &[
    "async",
    "aws",
    "axum",
    "chrono",
    "getrandom",
    "hyper",
    "lambda",
    "rand",
    "reqwest",
    "tempfile",
    "tokio",
    "uuid",
];

/// The use cases await, and so wait for each other: this is theirs.
const OF_SERVICE: &[&str] = &["async-trait", TOKIO_SYNC];

/// Tokio's locks, which know no clock, and nothing else of it.
const TOKIO_SYNC: &str = "tokio::sync";

/// One crate imports another, outside its tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Which.
    pub from: String,
    /// From which.
    pub to: String,
}

/// The workspace's members and their normal and build imports, optional ones included.
pub fn imports_of(metadata: &Metadata) -> (Vec<String>, Vec<Import>) {
    let members = metadata.workspace_packages();
    let names = members.iter().map(|package| package.name.to_string()).collect();
    let imports = members
        .iter()
        .flat_map(|package| {
            let normal = package
                .dependencies
                .iter()
                .filter(|to| to.kind != DependencyKind::Development);
            normal.map(|to| Import {
                from: package.name.to_string(),
                to: match to.name == "tokio" && to.features == ["sync"] {
                    true => TOKIO_SYNC.to_owned(),
                    false => to.name.clone(),
                },
            })
        })
        .collect();
    (names, imports)
}

fn layer(layers: &[(&str, u8)], name: &str) -> Option<u8> {
    layers
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, layer)| *layer)
}

/// Finds members that are in no layer, rows of the table that are no member,
/// and imports that do not run downwards.
pub fn imports_down(layers: &[(&str, u8)], members: &[String], imports: &[Import]) -> Vec<Finding> {
    let unknown = members
        .iter()
        .filter(|name| layer(layers, name).is_none())
        .map(|name| Finding::new(name, "is in no layer: give it one in tests/tidy/src/imports.rs"));
    let gone = layers
        .iter()
        .filter(|(name, _)| !members.iter().any(|member| member == name))
        .map(|(name, _)| Finding::new(*name, "has a layer but is no member of the workspace"));
    let upwards = imports.iter().filter_map(|Import { from, to }| {
        let (above, below) = (layer(layers, from)?, layer(layers, to)?);
        (below >= above).then(|| Finding::new(from, format!("imports {to}, which does not lie below it")))
    });
    unknown.chain(gone).chain(upwards).collect()
}

fn forbidden(imports: &[Import], from: &str, beginnings: &[&str], why: &str) -> Vec<Finding> {
    imports
        .iter()
        .filter(|import| import.from == from)
        .filter(|import| from != "tickwire-service" || !OF_SERVICE.contains(&import.to.as_str()))
        .filter(|import| {
            beginnings
                .iter()
                .any(|beginning| import.to.starts_with(beginning))
        })
        .map(|import| Finding::new(from, format!("imports {}: {why}", import.to)))
        .collect()
}

/// Finds crates among the imports of the use cases that only adapters may know.
pub fn narrow(imports: &[Import]) -> Vec<Finding> {
    forbidden(
        imports,
        "tickwire-service",
        BEYOND_SERVICE,
        "use cases speak of ports only",
    )
}

/// Finds crates among the imports of pure crates that bring in the world.
pub fn pure_imports(imports: &[Import]) -> Vec<Finding> {
    let why = "pure crates know no clock, chance, file or network";
    PURE.iter()
        .flat_map(|(name, _)| forbidden(imports, name, BEYOND_PURE, why))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places;

    fn import(from: &str, to: &str) -> Import {
        Import {
            from: from.into(),
            to: to.into(),
        }
    }

    #[test]
    fn an_import_that_runs_up_is_found() {
        let layers = [("low", 0), ("one", 1), ("two", 1)];
        let members = ["low", "one", "two"].map(str::to_owned);
        let check = |from: &str, to: &str, found: usize| {
            assert_eq!(
                imports_down(&layers, &members, &[import(from, to)]).len(),
                found,
                "{from} -> {to}"
            );
        };
        check("one", "low", 0);
        check("one", "serde", 0);
        check("low", "one", 1);
        check("one", "two", 1);
        check("two", "one", 1);
    }

    #[test]
    fn members_and_layers_are_the_same() {
        let layers = [("low", 0), ("gone", 1)];
        let members = ["low", "new"].map(str::to_owned);
        assert_eq!(places(&imports_down(&layers, &members, &[])), ["new", "gone"]);
    }

    #[test]
    fn functions_never_import_each_other() {
        let members: Vec<String> = LAYERS.iter().map(|(name, _)| (*name).to_owned()).collect();
        let up = [
            import("tickwire-ingest", "tickwire-deliver"),
            import("tickwire-wire", "tickwire-aws"),
        ];
        assert_eq!(
            places(&imports_down(LAYERS, &members, &up)),
            ["tickwire-ingest", "tickwire-wire"]
        );
    }

    #[test]
    fn what_only_adapters_may_know_is_found() {
        for name in [
            "aws-sdk-dynamodb",
            "aws_lambda_events",
            "tokio",
            "tokio-util",
            "serde_json",
        ] {
            assert_eq!(
                places(&narrow(&[import("tickwire-service", name)])),
                ["tickwire-service"],
                "{name}"
            );
            assert!(narrow(&[import("tickwire-aws", name)]).is_empty());
        }
        for name in ["serde", TOKIO_SYNC] {
            assert!(narrow(&[import("tickwire-service", name)]).is_empty(), "{name}");
        }
    }

    #[test]
    fn what_brings_in_the_world_is_found() {
        for name in ["rand", "getrandom", "tokio", TOKIO_SYNC, "async-std", "chrono"] {
            assert_eq!(
                places(&pure_imports(&[import("tickwire-signals", name)])),
                ["tickwire-signals"],
                "{name}"
            );
        }
        for name in OF_SERVICE {
            assert!(
                pure_imports(&[import("tickwire-service", name)]).is_empty(),
                "{name}"
            );
        }
        assert!(pure_imports(&[import("tickwire-telemetry", "rand")]).is_empty());
    }
}
