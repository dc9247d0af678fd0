//! Rows of a group: its plan, its latest values, blocks of bars, checkpoints.

use serde::{Deserialize, Serialize};
use tickwire_market::{Bar, InstrumentKey, UnixNanos};
use tickwire_signals::{ChainTerms, Latest, StreamId};
use tickwire_streams::Offset;

use crate::binary::Shape;
use crate::segment::SourceRow;

/// The streams of a group by id; an ended stream has an empty key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanRow {
    /// Stream keys by id.
    pub streams: Vec<String>,
    /// How the options of underlyings are valued.
    pub chains: Vec<(InstrumentKey, ChainTerms)>,
}

impl Shape for PlanRow {
    const NAME: &'static str = "a group's plan";
    const VERSION: u8 = 2;

    /// Version 1 knew no chains.
    fn read_older(version: u8, content: &[u8]) -> Option<Self> {
        let streams = (version == 1).then(|| postcard::take_from_bytes(content).ok())??;
        match streams {
            (streams, []) => Some(Self {
                streams,
                chains: Vec::new(),
            }),
            _ => None,
        }
    }
}

/// The newest signal of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatestStream {
    /// Which stream.
    pub stream: StreamId,
    /// Its newest signal.
    pub latest: Latest,
}

/// The newest signals of a group, as of a segment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatestRow {
    /// Last segment in it.
    pub segment: u64,
    /// Version of the plan that its stream ids are of.
    pub plan_version: u64,
    /// Ticks accepted since the group began.
    pub ticks: u64,
    /// Events set aside since the group began.
    pub set_aside: u64,
    /// When it was written.
    pub written_at: UnixNanos,
    /// Streams that have a signal.
    pub streams: Vec<LatestStream>,
}

impl LatestRow {
    /// The newest offset of a stream.
    pub fn top(&self, stream: StreamId) -> Option<Offset> {
        self.of(stream).map(|latest| latest.offset)
    }

    /// The newest signal of a stream.
    pub fn of(&self, stream: StreamId) -> Option<&Latest> {
        let at = self
            .streams
            .binary_search_by_key(&stream, |row| row.stream)
            .ok()?;
        Some(&self.streams[at].latest)
    }
}

impl Shape for LatestRow {
    const NAME: &'static str = "a group's latest row";
    const VERSION: u8 = 1;
}

/// Bars of one timeframe that one segment closed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BarBlock {
    /// Instrument and bar, in order of closing.
    pub bars: Vec<(InstrumentKey, Bar)>,
}

impl Shape for BarBlock {
    const NAME: &'static str = "a block of bars";
    const VERSION: u8 = 1;
}

/// Name and checksum of a page of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageName {
    /// Segment of the checkpoint that wrote it.
    pub segment: u64,
    /// Its number: bucket of instruments and part of the bucket.
    pub page: u32,
    /// CRC-32 of its bytes.
    pub checksum: u32,
}

/// A checkpoint: everything but its pages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Last segment folded into it.
    pub segment: u64,
    /// Version of the engine.
    pub engine_version: u32,
    /// The engine's state outside the cells.
    pub head: Vec<u8>,
    /// Sources and where they stand.
    pub sources: Vec<SourceRow>,
    /// Events set aside since the group began.
    pub set_aside: u64,
    /// The pages, in order.
    pub pages: Vec<PageName>,
    /// Bytes of all pages.
    pub bytes: u64,
}

impl Shape for Manifest {
    const NAME: &'static str = "a checkpoint's manifest";
    const VERSION: u8 = 1;
}
