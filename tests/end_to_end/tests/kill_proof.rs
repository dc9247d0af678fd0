//! A bounded proof by killing; `kill_proof` is the long one.
#![cfg(unix)]

use tickwire_end_to_end::kill::{Trial, kill_live, kill_replay};
use tickwire_end_to_end::ticks::INSTRUMENTS;

const SEED: u64 = 1;

fn trial(kills: usize) -> Trial {
    Trial {
        seed: SEED,
        kills,
        ticks_per_file: 400,
        instruments: INSTRUMENTS,
        python: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_stack_and_sender_are_killed() {
    let home = tempfile::tempdir().unwrap();
    let outcome = kill_live(home.path(), &trial(18))
        .await
        .unwrap_or_else(|failure| panic!("seed {SEED}: {failure}"));
    println!("{outcome}");
    assert_eq!(outcome.kills_stack + outcome.kills_sender, 18);
    assert!(outcome.ticks >= 3 * 400 && outcome.taken > 0, "{outcome}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_is_killed_comes_to_its_end() {
    let home = tempfile::tempdir().unwrap();
    let outcome = kill_replay(home.path(), &trial(6))
        .await
        .unwrap_or_else(|failure| panic!("seed {SEED}: {failure}"));
    println!("{outcome}");
    assert_eq!(outcome.ticks, 6 * 400);
    assert!(outcome.kills_stack >= 3 && outcome.taken > 0, "{outcome}");
}
