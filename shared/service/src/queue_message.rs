//! What a consumer is handed by a queue.

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    /// Its id.
    pub id: String,
    /// Its group in the queue: `{group}`, and for signals `{group}#{shard}`.
    pub group: String,
    /// For putting it off.
    pub receipt: String,
    /// Its text.
    pub body: String,
    /// How often it was received.
    pub receive_count: u32,
}
