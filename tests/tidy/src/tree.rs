//! What the tree may hold.

use crate::Finding;

/// Lines of a function's `main.rs`.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const main_lines_max: usize = 40;

/// Bytes of one file in the tree.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const file_bytes_max: u64 = 512 * 1_024;

/// All that may stand at the top. A new folder is a change of the plan.
pub const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitattributes",
    ".github",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "events",
    "functions",
    "infra",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "samconfig.toml",
    "shared",
    "tests",
];

/// Finds what stands at the top and may not. `paths` as git lists them.
pub fn top_level<'a>(paths: impl IntoIterator<Item = &'a str>, allowed: &[&str]) -> Vec<Finding> {
    let mut tops: Vec<&str> = paths
        .into_iter()
        .filter_map(|path| path.split('/').next())
        .collect();
    tops.sort_unstable();
    tops.dedup();
    tops.into_iter()
        .filter(|top| !allowed.contains(top))
        .map(|top| Finding::new(top, "does not belong at the top: put it beside what it serves"))
        .collect()
}

/// Finds files larger than `bytes_max`.
pub fn sizes<'a>(files: impl IntoIterator<Item = (&'a str, u64)>, bytes_max: u64) -> Vec<Finding> {
    files
        .into_iter()
        .filter(|(_, bytes)| *bytes > bytes_max)
        .map(|(path, bytes)| Finding::new(path, format!("has {bytes} bytes; at most {bytes_max}")))
        .collect()
}

/// Finds rooms that a README names and that are not there: the rows of the
/// table under the heading "Rooms" whose first cell is a path in backticks.
/// A README with that heading and no such row is a finding as well.
pub fn rooms(readme: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let is_heading = |line: &&str| line.starts_with('#');
    let mut section = readme
        .lines()
        .skip_while(|line| !(is_heading(line) && line.contains("Rooms")));
    if section.next().is_none() {
        return Vec::new();
    }
    let rooms: Vec<&str> = section
        .take_while(|line| !is_heading(line))
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    if rooms.is_empty() {
        return vec![Finding::new(
            "README.md",
            "has the heading Rooms and no table of them",
        )];
    }
    rooms
        .into_iter()
        .filter(|room| !exists(room.trim_end_matches('/')))
        .map(|room| Finding::new(room, "is a room of the README and is not there"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places;

    #[test]
    fn a_stray_folder_is_found() {
        let paths = [
            "shared/a/b.rs",
            "scripts/x",
            "scripts/y",
            "README.md",
            "notes.txt",
        ];
        assert_eq!(
            places(&top_level(paths, &["shared", "README.md"])),
            ["notes.txt", "scripts"]
        );
    }

    #[test]
    fn a_large_file_is_found() {
        assert_eq!(places(&sizes([("a", 10), ("b", 11)], 10)), ["b"]);
    }

    #[test]
    fn a_room_that_is_not_there_is_found() {
        let exists = |room: &str| room == "shared/market";
        let readme = "# X\n| `other/` | no room |\n## Rooms\n\n| room | |\n| --- | --- |\n| `shared/market/` | nouns |\n\
                      | `shared/cellar/` | wine |\n## Next\n| `not/` | a room |\n";
        assert_eq!(places(&rooms(readme, exists)), ["shared/cellar/"]);
        assert_eq!(places(&rooms("## Rooms\nnone\n", exists)), ["README.md"]);
        assert!(rooms("# X\n", exists).is_empty());
    }
}
