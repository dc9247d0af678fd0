//! How every client calls its service: time-outs, tries, budgets, connections. All
//! of it is set here, once, for reasons that stand beside the figures.
//!
//! A client costs nothing until it calls: connections are made with the first
//! call, and one HTTP client with one pool of them serves all services of a
//! function. A function makes only the clients it said it needs.

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;

use crate::limits::post_timeout;

/// Time to connect. Within a region a connection with its TLS takes tens of
/// milliseconds; a host that takes a second is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time of one try, its connection included. Calls take milliseconds, the largest
/// query (1 MB) and the largest message (1 MiB) well under a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time of all tries: three calls fit into a function's ten seconds, and a
/// batch that meets more ends as a transient failure. So of a service that does not
/// answer there is one whole try and a half.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(3);

/// Tries of one call. A third one finds what two did not where a service hands out
/// errors; beyond that the queue's own redelivery is the better retry.
const ATTEMPTS_MAX: u32 = 3;
/// The first pause between tries; it doubles, and each is drawn from 0 to that (full jitter).
const BACKOFF_FIRST: Duration = Duration::from_millis(25);
/// The longest pause between tries.
const BACKOFF_MAX: Duration = Duration::from_millis(400);

/// What an environment may spend on tries beyond the first, of one service: a try
/// costs [`RETRY_COST`], a call that succeeds gives one back. Spent, a call has one
/// try, so that an outage is not met with three times the load.
const BUDGET: usize = 140;
/// What a further try costs.
const RETRY_COST: u32 = 14;

/// Tries of calls to the store, the queues and the secrets.
pub(crate) fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS_MAX)
        .with_initial_backoff(BACKOFF_FIRST)
        .with_max_backoff(BACKOFF_MAX)
}

/// A budget of one client's own.
pub(crate) fn budget() -> RetryPartition {
    let bucket = TokenBucket::builder()
        .capacity(BUDGET)
        .retry_cost(RETRY_COST)
        .timeout_retry_cost(RETRY_COST)
        .throttling_retry_cost(RETRY_COST);
    RetryPartition::custom("tickwire")
        .token_bucket(bucket.build())
        .build()
}

/// Time-outs of the same calls.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// A post has one try: a client that missed it sees the hole and resumes.
pub(crate) fn post_retries() -> RetryConfig {
    RetryConfig::disabled()
}

/// Its time is what deliver allows a frame.
pub(crate) fn post_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(post_timeout)
        .build()
}
