//! Who may do what, on a running stack: the tables of ACCESS.md cell by cell, over HTTP and
//! sockets; secrets planted everywhere; and what an attacker would try.
//!
//! One process of the real binary serves all of it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]
#![cfg(unix)]

mod attacks;
mod matrix;
mod raw;
mod running;
mod secrets;

use std::time::{Duration, Instant};

use running::Running;

/// Longest time of all of it.
const ALL_MAX: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_hold_on_a_running_stack_and_attacks_fail() {
    let running = Running::start().await;
    let began = Instant::now();
    running.prepare().await;
    matrix::every_route_answers_every_identity(&running).await;
    matrix::every_operation_answers_every_identity(&running).await;
    matrix::every_stream_is_judged(&running).await;
    attacks::forged_tokens_open_nothing(&running).await;
    attacks::a_ticket_opens_one_socket(&running).await;
    attacks::no_limit_is_passed_by_many_at_once(&running).await;
    attacks::nothing_is_subscribed_to_after_a_revocation(&running).await;
    attacks::smuggled_streams_are_refused(&running).await;
    secrets::none_comes_back_or_is_logged(&running).await;
    let took = began.elapsed();
    println!("{:.1} s", took.as_secs_f64());
    running.end().await;
    assert!(took < ALL_MAX, "{took:?}");
}
