//! What a session takes, tells and counts, and its limits.

use std::time::Duration;

use tickwire_market::UnixNanos;
use tickwire_streams::Offset;
use tickwire_wire::{ErrorBody, Goodbye, StreamVerdict, Welcome};

use super::message::Item;

#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
mod limits {
    use std::time::Duration;

    /// Streams in one request.
    pub const streams_per_request_max: usize = 100;
    /// How long an item waits for what is missing before it.
    pub const hole_wait: Duration = Duration::from_secs(2);
    /// Items of a stream that wait at once; a resume brings what was let go.
    pub const items_held_max: usize = 1_024;
    /// How long a reply is waited for.
    pub const reply_wait: Duration = Duration::from_secs(10);
    /// Quiet time of a stream after which the next part of a long resume is asked for.
    pub const pull_pause: Duration = Duration::from_millis(50);
    /// How long after a verdict repeated items are taken for its replay's overlap.
    pub const overlap_wait: Duration = Duration::from_secs(5);
    /// Shortest wait before a request that was put off is made again.
    pub const ask_again_wait: Duration = Duration::from_secs(1);
    /// Shortest wait before connecting again after a loss.
    pub const reconnect_wait_min: Duration = Duration::from_millis(250);
    /// Longest.
    pub const reconnect_wait_max: Duration = Duration::from_secs(30);
}
pub use limits::{
    ask_again_wait, hole_wait, items_held_max, overlap_wait, pull_pause, reconnect_wait_max,
    reconnect_wait_min, reply_wait, streams_per_request_max,
};

/// Takes what a session receives.
pub trait Receive {
    /// A signal or a snapshot, in its stream's order; `received` is the wall clock at its receipt.
    fn take(&mut self, stream: &str, item: &Item<'_>, received: UnixNanos);

    /// A data frame came, before its items.
    fn frame(&mut self, bytes: usize) {
        let _ = bytes;
    }

    /// Something of note happened.
    fn note(&mut self, note: Note<'_>) {
        let _ = note;
    }
}

/// Something of note.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Note<'a> {
    /// The server greeted.
    Welcome(&'a Welcome),
    /// A stream is subscribed to.
    Subscribed {
        /// Which.
        stream: &'a str,
        /// The server's verdict.
        verdict: &'a StreamVerdict,
    },
    /// A stream is not to be had.
    Refused {
        /// Which.
        stream: &'a str,
        /// Why.
        error: &'a ErrorBody,
        /// Whether it is asked for again.
        again: bool,
    },
    /// A stream may not be read any longer.
    Revoked {
        /// Which.
        stream: &'a str,
        /// Why, if it was said.
        error: Option<&'a ErrorBody>,
    },
    /// What was missed of a stream is not to be had: it goes on at a snapshot.
    Lost {
        /// Which.
        stream: &'a str,
        /// The last offset before the gap.
        since: Offset,
    },
    /// The client did not keep up: from now on it has the latest of a stream only.
    Downgraded {
        /// Which.
        stream: &'a str,
    },
    /// The server ends the connection.
    Goodbye(&'a Goodbye),
    /// The connection ended; another is made after the wait.
    Reconnect {
        /// Why.
        why: &'a str,
        /// Wait before it.
        after: Duration,
    },
}

/// What the caller has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send this text.
    Send(String),
    /// End the connection after the wait, then make another. Until then it may still be read.
    Reconnect {
        /// The wait.
        after: Duration,
    },
    /// End the connection for good.
    End(Ended),
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Ended {
    /// The server does not let this user in, or in any longer.
    #[error("the server refuses: {} (code {} {})", .0.message, .0.code, .0.slug)]
    Denied(ErrorBody),
    /// Every stream was refused.
    #[error("no stream is left: {} (code {} {})", .0.message, .0.code, .0.slug)]
    NoStream(ErrorBody),
}

/// What a session counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Messages of the server.
    pub messages: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Data frames.
    pub frames: u64,
    /// Items taken, snapshots left out.
    pub items: u64,
    /// Signals that those stand for.
    pub signals: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Items known already, in the overlap of a replay with what is live.
    pub overlapped: u64,
    /// Items known already otherwise.
    pub duplicated: u64,
    /// Items that came before one they follow, without a resume.
    pub out_of_order: u64,
    /// Holes seen.
    pub holes: u64,
    /// Resumes asked for because of a hole.
    pub resumes: u64,
    /// Times what was missed was not to be had (`recovered` was false).
    pub lost: u64,
    /// Streams refused or revoked for good.
    pub refused: u64,
    /// Messages that could not be read.
    pub unreadable: u64,
    /// Connections made after the first.
    pub reconnects: u64,
}
