//! Streams of signals: who they are (keys), where a reader or writer stands in
//! them (offsets, positions), how they are recovered, conflated and packed, and who
//! gets which post when posts are short.
//!
//! Pure: no input or output, no clock.

mod conflate;
mod key;
mod pack;
mod position;
mod recovery;
mod share;

pub use conflate::Span;
pub use key::{
    Class, GroupKey, GroupKeyError, InstrumentStream, StreamKey, StreamKeyError, Universe, baskets_default,
    baskets_max, is_class_name,
};
pub use pack::{Packer, frame_bytes_max};
pub use position::{Offset, Position, SeqVerdict, SourceName, holes_max};
pub use recovery::{Chain, Link, Recovery, recover};
pub use share::{PostQuota, Shares, Ticket};
