//! Limits of the platform that adapters and twins keep alike.
#![expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]

use std::time::Duration;

/// Largest item of a table: names and values together.
pub const item_bytes_max: usize = 400 * 1024;

/// Largest message of a queue: text and attributes together.
pub const message_bytes_max: usize = 1024 * 1024;

/// Kept free in every message that is sent, so that it still fits with its
/// reason when it is parked.
pub const park_attributes_bytes_max: usize = 2 * 1024;

/// Largest text that is sent to a queue.
pub const message_body_bytes_max: usize = message_bytes_max - park_attributes_bytes_max;

/// Messages that one receive can return.
pub const receive_messages_max: usize = 10;

/// How long a received message stays hidden, unless it is postponed.
pub const visibility_timeout: Duration = Duration::from_secs(60);

/// Receives of a message after which the queue itself sets it aside.
pub const receives_max: u32 = 1_000;

/// Longest deduplication id that a queue takes.
pub const deduplication_id_bytes_max: usize = 128;

/// How long a deduplication id is remembered.
pub const deduplication_window: Duration = Duration::from_secs(5 * 60);

/// Longest time by which a message can be postponed.
pub const postpone_max: Duration = Duration::from_secs(12 * 60 * 60);

/// Largest frame that can be posted to a connection.
pub const post_bytes_max: usize = 128 * 1024;

/// Time that one post may take.
pub const post_timeout: Duration = Duration::from_secs(1);

/// The longest life of a connection.
pub const connection_lifetime_max: Duration = Duration::from_secs(2 * 60 * 60);

/// A group is listed as active for this long after its last events.
pub const group_active: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A group is listed at all for this long after its last events: until all of its log that expires has.
pub const group_listed: Duration = Duration::from_secs(400 * 24 * 60 * 60);
