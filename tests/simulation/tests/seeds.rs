//! Seeds hold, repeat themselves, and go wrong in enough ways.

use std::time::Duration;

use tickwire_simulation::{FAULTS_MIN, Fault, SECONDS_MIN, Scenario, Summary, run};

/// Seeds of this test; the command runs as many as one likes.
const SEEDS: u64 = 40;

#[test]
fn every_promise_holds() {
    let mut summary = Summary::default();
    for seed in 1..=SEEDS {
        let scenario = Scenario::of(seed).at_most(10, 15);
        let outcome = run(&scenario);
        assert_eq!(
            outcome.violations,
            [],
            "cargo run --release -p tickwire-simulation -- --seed {seed} --instruments {} --clients {}",
            scenario.instruments,
            scenario.clients
        );
        summary.add(seed, &outcome, Duration::ZERO);
    }
    println!("{summary}");
    assert!(
        summary.ticks > 10_000 && summary.signals > summary.ticks && summary.items > 10_000,
        "{summary}"
    );
    assert!(
        summary.compacted > 1_000 && summary.bars_told > 10_000,
        "{summary}"
    );
    for fault in Fault::ALL {
        assert!(summary.coverage.of(fault) > 0, "{fault} never acted:\n{summary}");
    }
    assert!(summary.kinds_min >= Some(FAULTS_MIN), "{summary}");
}

#[test]
fn a_seed_repeats_itself_to_the_bit() {
    for seed in 1..=4 {
        let scenario = Scenario::of(seed).at_most(6, 8);
        let once = run(&scenario);
        let copy = scenario.clone();
        let elsewhere = std::thread::spawn(move || run(&copy)).join().unwrap();
        assert_eq!(
            (once.digest, once.coverage, once.items, once.posts),
            (
                elsewhere.digest,
                elsewhere.coverage,
                elsewhere.items,
                elsewhere.posts
            ),
            "seed {seed}"
        );
        let other = run(&Scenario::of(seed + 100).at_most(6, 8));
        assert_ne!(once.digest, other.digest);
    }
}

#[test]
fn a_seed_stands_for_enough() {
    for seed in 0..2_000 {
        let scenario = Scenario::of(seed);
        assert!(
            scenario.seconds >= SECONDS_MIN && scenario.faults.len() > FAULTS_MIN,
            "{scenario:?}"
        );
    }
}
