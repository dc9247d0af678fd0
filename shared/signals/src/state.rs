//! Export and import of a group's state, a cell an instrument, so that a
//! checkpoint writes only what changed.

use serde::{Deserialize, Serialize};
use tickwire_market::Timeframe;

use crate::engine::{Engine, Header, Latest, Stream, StreamId, checked};
use crate::instrument::{Frame, Instrument, Known, OpenBar};
use crate::value::Value;
use tickwire_streams::StreamKey;

/// Version of the exported form.
const STATE_VERSION: u8 = 1;

/// Why a stored state was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored state of {what} cannot be read: {why}")]
pub struct StateRefusal {
    what: String,
    why: String,
}

impl StateRefusal {
    fn new(what: impl Into<String>, why: impl ToString) -> Self {
        Self {
            what: what.into(),
            why: why.to_string(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct FrameState {
    timeframe: Timeframe,
    forming: Vec<OpenBar>,
    bars_stream: Option<StreamId>,
    taps: Vec<StreamId>,
    running: Vec<Vec<u8>>,
    values: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
struct StreamState {
    id: StreamId,
    key: StreamKey,
    ended: bool,
    latest: Option<Latest>,
}

#[derive(Serialize, Deserialize)]
struct Cell {
    known: Known,
    price_stream: Option<StreamId>,
    frames: Vec<FrameState>,
    streams: Vec<StreamState>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u8,
    header: Header,
    instruments: u32,
    streams: u32,
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Encoding into memory fails for no type that stands here; an empty cell is refused when read.
    postcard::to_allocvec(value).unwrap_or_default()
}

impl Engine {
    /// What is not of one instrument.
    pub fn export_head(&self) -> Vec<u8> {
        encode(&Head {
            version: STATE_VERSION,
            header: self.header.clone(),
            instruments: self.instruments.len() as u32,
            streams: self.streams.len() as u32,
        })
    }

    /// Number of cells: one an instrument.
    pub fn cells(&self) -> usize {
        self.instruments.len()
    }

    /// The cells that changed since the last call.
    pub fn take_changed(&mut self) -> Vec<usize> {
        let changed = self
            .dirty
            .iter()
            .enumerate()
            .filter(|(_, dirty)| **dirty)
            .map(|(index, _)| index)
            .collect();
        self.dirty.fill(false);
        changed
    }

    /// Lets the next [`Engine::take_changed`] name every cell.
    pub fn mark_all_changed(&mut self) {
        self.dirty.fill(true);
    }

    /// Cell `index`.
    pub fn export_cell(&self, index: usize) -> Vec<u8> {
        let instrument = &self.instruments[index];
        let frames = instrument
            .frames
            .iter()
            .map(|frame| {
                let (running, values) = frame.graph.export();
                FrameState {
                    timeframe: frame.timeframe,
                    forming: frame.forming.clone(),
                    bars_stream: frame.bars_stream,
                    taps: frame.taps.iter().map(|(stream, _, _)| *stream).collect(),
                    running,
                    values,
                }
            })
            .collect();
        let streams = self
            .streams
            .iter()
            .enumerate()
            .filter(|(_, stream)| stream.instrument as usize == index)
            .map(|(id, stream)| StreamState {
                id: id as StreamId,
                key: stream.key.clone(),
                ended: stream.ended,
                latest: stream.latest.clone(),
            })
            .collect();
        encode(&Cell {
            known: instrument.known.clone(),
            price_stream: instrument.price_stream,
            frames,
            streams,
        })
    }

    /// The state of which `head` and `cells` (all, in order) were exported.
    ///
    /// # Errors
    /// When a part cannot be read, is missing, or is of another version.
    pub fn restore<B: AsRef<[u8]>>(head: &[u8], cells: &[B]) -> Result<Self, StateRefusal> {
        let head: Head = postcard::from_bytes(head).map_err(|e| StateRefusal::new("the group", e))?;
        if head.version != STATE_VERSION {
            return Err(StateRefusal::new(
                "the group",
                format!("it has version {}", head.version),
            ));
        }
        if head.instruments as usize != cells.len() {
            return Err(StateRefusal::new("the group", "cells are missing"));
        }
        let mut engine = Engine {
            header: head.header,
            ..Engine::default()
        };
        let mut streams: Vec<Option<Stream>> = vec![None; head.streams as usize];
        for (index, bytes) in cells.iter().enumerate() {
            let cell: Cell = postcard::from_bytes(bytes.as_ref())
                .map_err(|e| StateRefusal::new(format!("instrument {index}"), e))?;
            for stream in cell.streams {
                let place = streams
                    .get_mut(stream.id as usize)
                    .ok_or_else(|| StateRefusal::new(stream.key.to_string(), "its id is out of range"))?;
                *place = Some(Stream {
                    key: stream.key,
                    instrument: index as u32,
                    ended: stream.ended,
                    latest: stream.latest,
                });
            }
            let named = cell
                .frames
                .iter()
                .filter_map(|frame| frame.bars_stream)
                .chain(cell.price_stream);
            for id in named {
                if streams.get(id as usize).is_none_or(Option::is_none) {
                    return Err(StateRefusal::new(format!("stream {id}"), "it is not in the cell"));
                }
            }
            let mut frames = Vec::with_capacity(cell.frames.len());
            for state in cell.frames {
                frames.push(restore_frame(state, &streams)?);
            }
            engine.by_key.insert(cell.known.key.clone(), index as u32);
            engine
                .instruments
                .push(Instrument::restore(cell.known, cell.price_stream, frames));
            engine.dirty.push(false);
        }
        for (id, stream) in streams.into_iter().enumerate() {
            let stream =
                stream.ok_or_else(|| StateRefusal::new(format!("stream {id}"), "it is in no cell"))?;
            if !stream.ended {
                engine.by_stream.insert(stream.key.clone(), id as StreamId);
            }
            engine.streams.push(stream);
        }
        engine.next_end = engine.earliest_end();
        Ok(engine)
    }
}

fn restore_frame(state: FrameState, streams: &[Option<Stream>]) -> Result<Frame, StateRefusal> {
    let mut frame = Frame::new(state.timeframe);
    frame.forming = state.forming;
    frame.bars_stream = state.bars_stream;
    for id in state.taps {
        let stream = streams
            .get(id as usize)
            .and_then(Option::as_ref)
            .ok_or_else(|| StateRefusal::new(format!("stream {id}"), "it is not in the cell"))?;
        let expression = checked(&stream.key.stream.expression)
            .map_err(|e| StateRefusal::new(stream.key.to_string(), e))?;
        let tap = frame.graph.add(&expression);
        frame.taps.push((id, expression, tap));
    }
    frame
        .graph
        .import(&state.running, &state.values)
        .map_err(|e| StateRefusal::new("an indicator", e))?;
    Ok(frame)
}
