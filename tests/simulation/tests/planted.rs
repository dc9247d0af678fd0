//! Planted bugs are found, by seeds that hold without them.

use tickwire_simulation::{Bug, Scenario, run, shrink};

/// Seeds that a bug may take.
const SEEDS_MAX: u64 = 60;

/// How many seeds it took to find a bug, and what was seen.
fn find(bug: Bug) -> Option<(u64, Scenario, String)> {
    (1..=SEEDS_MAX).find_map(|seed| {
        let scenario = Scenario {
            bug: Some(bug),
            ..Scenario::of(seed).at_most(8, 12)
        };
        let violation = run(&scenario).violations.into_iter().next()?;
        Some((
            seed,
            scenario,
            format!("{:?}: {}", violation.promise, violation.what),
        ))
    })
}

#[test]
fn every_planted_bug_is_found() {
    let readme = include_str!("../README.md");
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        assert!(
            readme.contains(&format!("| `{bug}` |")),
            "the README does not tell of {bug}"
        );
        match find(bug) {
            Some((seeds, scenario, seen)) => {
                println!("| `{bug}` | {seeds} | {seen} |");
                let sound = run(&Scenario {
                    bug: None,
                    ..scenario
                });
                assert_eq!(sound.violations, [], "{bug}: seed {seeds} fails without it");
            }
            None => missed.push(bug),
        }
    }
    assert_eq!(missed, [], "not found in {SEEDS_MAX} seeds");
}

#[test]
fn what_fails_is_shrunk_and_fails_again() {
    let (_, scenario, _) = find(Bug::FollowersDropped).unwrap();
    let shrunk = shrink(&scenario).unwrap();
    let small = &shrunk.scenario;
    println!("{} runs: {scenario:?}\n{small:?}", shrunk.runs);
    assert!(small.faults.len() < scenario.faults.len() && small.clients == 1);
    assert!(small.seconds <= scenario.seconds && small.instruments <= scenario.instruments);
    let again = run(small);
    assert_eq!(
        (again.violations, again.digest),
        (shrunk.outcome.violations, shrunk.outcome.digest)
    );
    assert!(
        shrink(&Scenario {
            bug: None,
            ..scenario
        })
        .is_none()
    );
}
