//! Export and import of a group's state, a cell an instrument, so that a
//! checkpoint writes only what changed.

use serde::{Deserialize, Serialize};
use tickwire_market::{Timeframe, UnixNanos};

use crate::engine::{Booked, ChainState, Engine, Header, Latest, Stream, StreamId, checked};
use crate::graph::Place;
use crate::instrument::{Frame, Instrument, Known};
use crate::minute::{LongerBar, Minute};
use crate::value::Value;
use tickwire_streams::StreamKey;

mod older;

/// Version of the exported form. In version 1 each frame had a graph of its own, and
/// states and values stood in the order in which its nodes were added; now they stand in
/// the order of their texts. In version 2 there were no options: a cell ends before what is
/// known of them. In version 3 bars were settled as they closed (see [`older`]). All are read.
const STATE_VERSION: u8 = 4;
/// The oldest version that is read.
const STATE_VERSION_MIN: u8 = 1;

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
    forming: Vec<LongerBar>,
    since: Option<UnixNanos>,
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
    minutes: Vec<Minute>,
    frames: Vec<FrameState>,
    streams: Vec<StreamState>,
}

/// What follows a [`Cell`].
#[derive(Default, Serialize, Deserialize)]
struct OptionCell {
    book: Option<Booked>,
    chain: Option<ChainState>,
    /// Of what is computed when options are valued.
    running: Vec<Vec<u8>>,
    values: Vec<Value>,
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

fn read_cell(version: u8, bytes: &[u8]) -> Result<(Cell, OptionCell), postcard::Error> {
    match version {
        ..3 => {
            let cell: older::Cell = postcard::from_bytes(bytes)?;
            Ok((cell.into(), OptionCell::default()))
        }
        3 => {
            let (cell, options): (older::Cell, OptionCell) = postcard::from_bytes(bytes)?;
            Ok((cell.into(), options))
        }
        _ => postcard::from_bytes(bytes),
    }
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
                let (running, values) = self.graph.export(Place::bars(index as u32, frame.timeframe));
                FrameState {
                    timeframe: frame.timeframe,
                    forming: frame.forming.clone(),
                    since: frame.since,
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
        let (running, values) = self.graph.export(Place::options(index as u32));
        let options = OptionCell {
            book: instrument.book,
            chain: instrument.chain.clone(),
            running,
            values,
        };
        let cell = Cell {
            known: instrument.known.clone(),
            price_stream: instrument.price_stream,
            minutes: instrument.minutes.clone(),
            frames,
            streams,
        };
        encode(&(cell, options))
    }

    /// The state of which `head` and `cells` (all, in order) were exported.
    ///
    /// # Errors
    /// When a part cannot be read, is missing, or is of another version.
    pub fn restore<B: AsRef<[u8]>>(head: &[u8], cells: &[B]) -> Result<Self, StateRefusal> {
        let head: Head = postcard::from_bytes(head).map_err(|e| StateRefusal::new("the group", e))?;
        if !(STATE_VERSION_MIN..=STATE_VERSION).contains(&head.version) {
            let why = format!(
                "it has version {}, this build reads {STATE_VERSION_MIN} to {STATE_VERSION}",
                head.version
            );
            return Err(StateRefusal::new("the group", why));
        }
        if head.instruments as usize != cells.len() {
            return Err(StateRefusal::new("the group", "cells are missing"));
        }
        let mut engine = Engine {
            header: head.header,
            ..Engine::default()
        };
        let mut streams: Vec<Option<Stream>> = vec![None; head.streams as usize];
        let mut states: Vec<(Vec<FrameState>, OptionCell)> = Vec::with_capacity(cells.len());
        for (index, bytes) in cells.iter().enumerate() {
            let (cell, mut options) = read_cell(head.version, bytes.as_ref())
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
            let frames = cell
                .frames
                .iter()
                .map(|state| Frame {
                    timeframe: state.timeframe,
                    forming: state.forming.clone(),
                    since: state.since,
                    bars_stream: state.bars_stream,
                    taps: Vec::new(),
                })
                .collect();
            engine.by_key.insert(cell.known.key.clone(), index as u32);
            let mut instrument = Instrument::restore(cell.known, cell.price_stream, cell.minutes, frames);
            (instrument.book, instrument.chain) = (options.book.take(), options.chain.take());
            engine.instruments.push(instrument);
            engine.dirty.push(false);
            states.push((cell.frames, options));
        }
        // Expressions reach other instruments, so all of these come first.
        engine.chains.touch();
        engine.ready_chains();
        for (index, (frames, _)) in states.iter().enumerate() {
            for (at, state) in frames.iter().enumerate() {
                engine.restore_taps(index, at, state, &streams)?;
            }
        }
        engine.restore_graph(head.version, &states)?;
        for (id, stream) in streams.into_iter().enumerate() {
            let stream =
                stream.ok_or_else(|| StateRefusal::new(format!("stream {id}"), "it is in no cell"))?;
            if !stream.ended {
                engine.by_stream.insert(stream.key.clone(), id as StreamId);
            }
            engine.streams.push(stream);
        }
        engine.next_end = engine.earliest_end();
        engine.chains.touch_plan();
        Ok(engine)
    }

    /// Adds the expressions of a frame, cold.
    fn restore_taps(
        &mut self,
        index: usize,
        at: usize,
        state: &FrameState,
        streams: &[Option<Stream>],
    ) -> Result<(), StateRefusal> {
        let place = Place::bars(index as u32, state.timeframe);
        for id in &state.taps {
            let stream = streams
                .get(*id as usize)
                .and_then(Option::as_ref)
                .ok_or_else(|| StateRefusal::new(format!("stream {id}"), "it is not in the cell"))?;
            let expression = checked(&stream.key.stream.expression)
                .map_err(|e| StateRefusal::new(stream.key.to_string(), e))?;
            if let Some(other) = expression
                .instruments()
                .into_iter()
                .find(|key| !self.by_key.contains_key(*key))
            {
                return Err(StateRefusal::new(other.to_string(), "it is not in the group"));
            }
            let mut graph = std::mem::take(&mut self.graph);
            let tap = graph.add(place, &expression, &|key| self.resolve(key), &mut Vec::new());
            self.graph = graph;
            self.instruments[index].frames[at]
                .taps
                .push((*id, expression, tap));
        }
        Ok(())
    }

    /// Gives every node its state.
    fn restore_graph(
        &mut self,
        version: u8,
        states: &[(Vec<FrameState>, OptionCell)],
    ) -> Result<(), StateRefusal> {
        let damaged = |e| StateRefusal::new("an indicator", e);
        for (index, (frames, options)) in states.iter().enumerate() {
            self.graph
                .import(Place::options(index as u32), &options.running, &options.values)
                .map_err(damaged)?;
            for (at, state) in frames.iter().enumerate() {
                let place = Place::bars(index as u32, state.timeframe);
                if version == 1 {
                    let (mut graph, mut fresh) = (self.graph.empty_like(), Vec::new());
                    for (_, expression, _) in &self.instruments[index].frames[at].taps {
                        graph.add(place, expression, &|key| self.resolve(key), &mut fresh);
                    }
                    graph
                        .import_as_added(&state.running, &state.values)
                        .map_err(damaged)?;
                    self.graph.inherit_all(&graph);
                } else {
                    self.graph
                        .import(place, &state.running, &state.values)
                        .map_err(damaged)?;
                }
            }
        }
        let known = |place: &Place| {
            let state = states.get(place.instrument as usize);
            let has = |state: &FrameState| state.timeframe == place.timeframe;
            state.is_some_and(|(frames, _)| place.options || frames.iter().any(has))
        };
        match self.graph.places().find(|place| !known(place)) {
            Some(place) => Err(StateRefusal::new(
                format!("instrument {}", place.instrument),
                format!("its bars of {} are missing", place.timeframe),
            )),
            None => Ok(()),
        }
    }
}
