//! What source may not say.

use crate::{Finding, main_lines_max};

/// The pure crates and their folders: no clock, environment, chance, file or network.
pub const PURE: &[(&str, &str)] = &[
    ("tickwire-market", "shared/market"),
    ("tickwire-indicators", "shared/indicators"),
    ("tickwire-options", "shared/options"),
    ("tickwire-signals", "shared/signals"),
    ("tickwire-streams", "shared/streams"),
    ("tickwire-entitlements", "shared/entitlements"),
    ("tickwire-wire", "shared/wire"),
    ("tickwire-service", "shared/service"),
];

const IMPURE: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "getrandom",
    "rand::",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread::sleep",
];

/// Modules that a `std::{…}` import may not name.
const IMPURE_OF_STD: &[&str] = &["env", "fs", "net", "process"];

/// The code of a line: without its `//` comment, unless that may be in a string.
fn code(line: &str) -> &str {
    match line.find("//") {
        Some(at) if !line[..at].contains('"') => &line[..at],
        _ => line,
    }
}

/// Whether `code` names `word` as a whole one.
fn names(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let after = code[at + word.len()..].chars().next();
        !code[..at].ends_with(part) && (word.ends_with([':', '(']) || !after.is_some_and(part))
    })
}

fn found(path: &str, line: usize, what: &str) -> Finding {
    Finding::new(format!("{path}:{}", line + 1), what)
}

/// Finds what a pure crate's source says of the world, outside its unit tests
/// (which stand last in a file).
pub fn purity(path: &str, text: &str) -> Vec<Finding> {
    let lines = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .map(code);
    let mut findings = Vec::new();
    for (number, line) in lines.enumerate() {
        for word in IMPURE.iter().filter(|word| names(line, word)) {
            findings.push(found(path, number, &format!("{word} in a pure crate")));
        }
        for (at, start) in line.match_indices("std::{") {
            let list = line[at + start.len()..].split('}').next().unwrap_or_default();
            let modules = list.split(',').filter_map(|item| item.trim().split("::").next());
            for module in modules.filter(|module| IMPURE_OF_STD.contains(module)) {
                findings.push(found(path, number, &format!("std::{module} in a pure crate")));
            }
        }
    }
    findings
}

/// Finds ignored tests without a reason, and what was left undone.
pub fn literals(path: &str, text: &str) -> Vec<Finding> {
    // Put together, so that this file does not hold what it looks for.
    let ignored = concat!("#[", "ignore]");
    let undone = [
        concat!("todo", "!("),
        concat!("dbg", "!("),
        concat!("unimplemented", "!("),
    ];
    let mut findings = Vec::new();
    for (number, line) in text.lines().map(code).enumerate() {
        if line.replace(' ', "").contains(ignored) {
            findings.push(found(path, number, "say why: #[ignore = \"…\"]"));
        }
        for word in undone.iter().filter(|word| names(line, word)) {
            findings.push(found(path, number, &format!("{word}…) is left")));
        }
    }
    findings
}

/// Finds a function's `main.rs` that does more than compose and run.
pub fn main_is_short(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().count();
    let is_long = path.starts_with("functions/") && path.ends_with("/src/main.rs") && lines > main_lines_max;
    let what = || format!("has {lines} lines; at most {main_lines_max}: move it into the library");
    is_long.then(|| Finding::new(path, what())).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_in_a_pure_crate_is_found() {
        let check = |line: &str, expected: usize| {
            assert_eq!(purity("x.rs", line).len(), expected, "{line}");
        };
        for line in [
            "let now = std::time::SystemTime::now();",
            "let now = Instant::now();",
            "let now = jiff::Timestamp::now();",
            "std::env::var(\"X\")",
            "use std::env;",
            "use std::{collections::BTreeMap, env};",
            "use std::{net::IpAddr, fmt};",
            "use std::net::TcpStream;",
            "rand::random::<u8>()",
            "use std::fs;",
            "getrandom::fill(&mut bytes)",
        ] {
            check(line, 1);
        }
        for line in [
            "// Instant::now() is for others",
            "let operand::Kind = x;",
            "let environment = std::environment;",
            "use std::{fmt, collections::BTreeMap};",
            "env!(\"CARGO_PKG_VERSION\")",
            "#[cfg(test)]\nuse std::env;",
        ] {
            check(line, 0);
        }
        assert_eq!(
            purity("x.rs", "fn a() {}\nlet b = std::env::args();")[0].at,
            "x.rs:2"
        );
    }

    #[test]
    fn what_was_left_is_found() {
        let check =
            |line: String, expected: usize| assert_eq!(literals("x.rs", &line).len(), expected, "{line}");
        check(format!("    {}ignore]", "#["), 1);
        check(format!("{} ignore ]", "#["), 1);
        check("#[ignore = \"needs a network\"]".into(), 0);
        check(format!("    todo{}", "!()"), 1);
        check(format!("let x = dbg{}", "!(x);"), 1);
        check(format!("unimplemented{}", "!(\"later\")"), 1);
        check(format!("// todo{} of old", "!()"), 0);
        check(format!("my_todo{}", "!()"), 0);
    }

    #[test]
    fn a_long_main_is_found() {
        let check = |path: &str, lines: usize, expected: usize| {
            assert_eq!(
                main_is_short(path, &"\n".repeat(lines)).len(),
                expected,
                "{path} {lines}"
            );
        };
        check("functions/ingest/src/main.rs", main_lines_max, 0);
        check("functions/ingest/src/main.rs", main_lines_max + 1, 1);
        check("functions/ingest/src/lib.rs", main_lines_max + 1, 0);
        check("infra/local/src/main.rs", main_lines_max + 1, 0);
    }
}
