//! Cells of state versions 1 to 3: a bar was settled as it closed, and ticks took their places
//! in it as they came.

use serde::Deserialize;
use tickwire_market::{Forming, Timeframe};

use super::StreamState;
use crate::engine::StreamId;
use crate::instrument::Known;
use crate::minute::{LongerBar, Minute};
use crate::value::Value;

#[derive(Deserialize)]
struct OpenBar {
    bar: Forming,
    day: i32,
}

#[derive(Deserialize)]
struct FrameState {
    timeframe: Timeframe,
    forming: Vec<OpenBar>,
    bars_stream: Option<StreamId>,
    taps: Vec<StreamId>,
    running: Vec<Vec<u8>>,
    values: Vec<Value>,
}

#[derive(Deserialize)]
pub(super) struct Cell {
    known: Known,
    price_stream: Option<StreamId>,
    frames: Vec<FrameState>,
    streams: Vec<StreamState>,
}

impl From<Cell> for super::Cell {
    fn from(cell: Cell) -> Self {
        let mut minutes = Vec::new();
        let frame = |mut frame: FrameState| {
            if frame.timeframe == Timeframe::MINUTE {
                let open = frame.forming.drain(..);
                minutes.extend(open.map(|open| Minute::as_they_came(open.bar, open.day)));
            }
            let longer = frame.forming.into_iter().map(|OpenBar { bar, day }| LongerBar {
                start: bar.peek().start,
                end: bar.peek().end,
                day,
                settled: Some(bar),
            });
            super::FrameState {
                timeframe: frame.timeframe,
                forming: longer.collect(),
                since: None,
                bars_stream: frame.bars_stream,
                taps: frame.taps,
                running: frame.running,
                values: frame.values,
            }
        };
        Self {
            frames: cell.frames.into_iter().map(frame).collect(),
            known: cell.known,
            price_stream: cell.price_stream,
            streams: cell.streams,
            minutes,
        }
    }
}
