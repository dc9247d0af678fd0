//! What is known of instruments, and the streams that are computed.

use tickwire_market::{Calendar, InstrumentKey, Timeframe, UnixNanos};
use tickwire_streams::{Class, StreamKey};

use super::{
    Engine, Fold, Folded, HELD_BARS_PER_USER_MAX, INSTRUMENTS_PER_GROUP_MAX, NODES_PER_GRAPH_MAX,
    NODES_PER_USER_MAX, Refusal, STREAMS_PER_GROUP_MAX, Stream, StreamId, checked_for,
};
use crate::event::{Seed, WarmUp};
use crate::expression::Expression;
use crate::graph::{Graph, GraphInput, Place};
use crate::instrument::Instrument;

impl Engine {
    pub(super) fn refer(
        &mut self,
        key: &InstrumentKey,
        calendar: Calendar,
        tick_size: Option<f64>,
    ) -> Result<Folded, Refusal> {
        if let Some(index) = self.by_key.get(key) {
            let instrument = &mut self.instruments[*index as usize];
            if instrument.known.calendar == calendar && instrument.known.tick_size == tick_size {
                return Ok(Folded::Unchanged);
            }
            instrument.set_reference(calendar, tick_size);
            self.dirty[*index as usize] = true;
            return Ok(Folded::Changed);
        }
        if self.instruments.len() >= INSTRUMENTS_PER_GROUP_MAX {
            return Err(Refusal::Full("8192 instruments"));
        }
        let index = self.instruments.len() as u32;
        self.by_key.insert(key.clone(), index);
        self.instruments
            .push(Instrument::new(key.clone(), calendar, tick_size));
        self.dirty.push(true);
        self.chains.touch();
        if self.graph.reads_greeks() {
            // It may be what they wait for, and what is stored now must be read so again.
            self.ready_chains();
        }
        Ok(Folded::Changed)
    }

    /// Takes a split: prices so far are in old shares, so what is computed from them starts
    /// anew from the adjusted history. What also reads other instruments starts cold,
    /// since their history is not at hand.
    pub(super) fn split(
        &mut self,
        key: &InstrumentKey,
        ratio: f64,
        at: UnixNanos,
        warm_up: &[(Timeframe, WarmUp)],
    ) -> Result<Folded, Refusal> {
        if !(ratio.is_finite() && ratio > 0.0) {
            return Err(Refusal::SplitRatio(ratio));
        }
        let index = *self
            .by_key
            .get(key)
            .ok_or_else(|| Refusal::UnknownInstrument(key.clone()))?;
        if !self.instruments[index as usize].add_split(at, ratio) {
            return Ok(Folded::Unchanged);
        }
        let ids = self.graph.depending_on(index);
        if !ids.is_empty() {
            let mut warm = self.graph.empty_like();
            for (place, instrument) in (0..).zip(&self.instruments) {
                for frame in &instrument.frames {
                    let at = Place::bars(place, frame.timeframe);
                    for (_, expression, _) in &frame.taps {
                        warm.add(at, expression, &|key| self.resolve(key), &mut Vec::new());
                    }
                }
            }
            let seeds: Vec<(Place, &WarmUp)> = warm_up
                .iter()
                .map(|(timeframe, warm_up)| {
                    let place = Place::bars(index, *timeframe);
                    (place, warm_up)
                })
                .collect();
            self.feed(&mut warm, &seeds);
            self.graph.inherit(&ids, &warm);
            self.mark(&self.graph.places_of(&ids));
        }
        self.dirty[index as usize] = true;
        Ok(Folded::Changed)
    }

    pub(super) fn add_stream(
        &mut self,
        key: &StreamKey,
        seeds: &[Seed],
        fold: &mut Fold,
    ) -> Result<Folded, Refusal> {
        if self.by_stream.contains_key(key) {
            return Ok(Folded::Unchanged);
        }
        let stream = &key.stream;
        let index = *self
            .by_key
            .get(&stream.instrument)
            .ok_or_else(|| Refusal::UnknownInstrument(stream.instrument.clone()))?;
        if self.streams.len() >= STREAMS_PER_GROUP_MAX {
            return Err(Refusal::Full("4096 streams"));
        }
        let id = self.streams.len() as StreamId;
        match &*stream.expression {
            "price" => self.instruments[index as usize].price_stream = Some(id),
            "bars" => {
                let place = Place::bars(index, stream.timeframe);
                self.frame(place, seeds).bars_stream = Some(id);
            }
            _ => {
                let expression = checked_for(stream)?;
                if let Class::Personal(user) = &key.class {
                    self.check_user(user, &expression)?;
                }
                self.add_expression(index, stream.timeframe, id, expression, seeds)?;
            }
        }
        self.next_end = self.earliest_end();
        self.streams.push(Stream {
            key: key.clone(),
            instrument: index,
            ended: false,
            latest: None,
        });
        self.by_stream.insert(key.clone(), id);
        self.plan_has_changed(index, fold);
        Ok(Folded::Changed)
    }

    /// Whether a user may have one more expression.
    fn check_user(&self, user: &str, expression: &Expression) -> Result<(), Refusal> {
        let (mut nodes, mut held) = (expression.nodes(), expression.held_bars());
        for (id, stream) in (0..).zip(&self.streams) {
            let of_user = matches!(&stream.key.class, Class::Personal(other) if **other == *user);
            if stream.ended || !of_user {
                continue;
            }
            let instrument = &self.instruments[stream.instrument as usize];
            let frame = instrument.frame_of(stream.key.stream.timeframe);
            let tap = frame.and_then(|frame| frame.taps.iter().find(|(stream, ..)| *stream == id));
            if let Some((_, expression, _)) = tap {
                nodes += expression.nodes();
                held += expression.held_bars();
            }
        }
        if nodes > NODES_PER_USER_MAX {
            return Err(Refusal::UserFull("2048 expression nodes"));
        }
        if held > HELD_BARS_PER_USER_MAX {
            return Err(Refusal::UserFull("400000 bars in their windows"));
        }
        Ok(())
    }

    fn add_expression(
        &mut self,
        index: u32,
        timeframe: Timeframe,
        id: StreamId,
        expression: Expression,
        seeds: &[Seed],
    ) -> Result<(), Refusal> {
        let unknown = expression
            .instruments()
            .into_iter()
            .find(|key| !self.by_key.contains_key(*key));
        if let Some(key) = unknown {
            return Err(Refusal::OtherGroup(key.clone()));
        }
        if expression.reads_greeks() {
            self.ready_chains();
        }
        let at = Place::bars(index, timeframe);
        let mut warm = self.graph.empty_like();
        warm.add(at, &expression, &|key| self.resolve(key), &mut Vec::new());
        let places: Vec<Place> = warm.places().collect();
        if places
            .iter()
            .any(|place| self.graph.len_at(*place) + warm.len_at(*place) > NODES_PER_GRAPH_MAX)
        {
            return Err(Refusal::Full(
                "4096 expression nodes per instrument and timeframe",
            ));
        }
        let seeded: Vec<(Place, &WarmUp)> = seeds
            .iter()
            .filter_map(|seed| {
                let place = Place::bars(*self.by_key.get(&seed.instrument)?, seed.timeframe);
                Some((place, &seed.warm_up))
            })
            .collect();
        self.feed(&mut warm, &seeded);
        let mut graph = std::mem::take(&mut self.graph);
        let mut fresh = Vec::new();
        let tap = graph.add(at, &expression, &|key| self.resolve(key), &mut fresh);
        // What the plan had already goes on as it is; only what is new is seeded.
        graph.inherit(&fresh, &warm);
        self.mark(&graph.places_of(&fresh));
        self.graph = graph;
        for place in places.into_iter().filter(|place| !place.options) {
            self.frame(place, seeds);
        }
        self.frame(at, seeds).taps.push((id, expression, tap));
        Ok(())
    }

    pub(super) fn remove_stream(&mut self, key: &StreamKey, fold: &mut Fold) -> Folded {
        let Some(id) = self.by_stream.remove(key) else {
            return Folded::Unchanged;
        };
        let stream = &mut self.streams[id as usize];
        stream.ended = true;
        stream.latest = None;
        let index = stream.instrument;
        let mut left = vec![Place::bars(index, key.stream.timeframe)];
        if let Some(tap) = self.instruments[index as usize].remove(id) {
            self.graph.remove(tap, &mut left);
        }
        for place in &left {
            let graph = &self.graph;
            self.instruments[place.instrument as usize]
                .drop_idle_frames(|timeframe| graph.len_at(Place::bars(place.instrument, timeframe)) > 0);
        }
        self.mark(&left);
        // Its bars may have been the next to end, and what is restored from a
        // checkpoint must agree on when a clock event closes something.
        self.next_end = self.earliest_end();
        self.plan_has_changed(index, fold);
        Folded::Changed
    }

    /// The place of an instrument that is known to be there.
    pub(crate) fn resolve(&self, key: &InstrumentKey) -> u32 {
        self.by_key.get(key).copied().unwrap_or(u32::MAX)
    }

    /// The frame of a place, made if it is not there.
    pub(super) fn frame(&mut self, place: Place, seeds: &[Seed]) -> &mut crate::instrument::Frame {
        let watermark = self.header.watermark;
        let instrument = &mut self.instruments[place.instrument as usize];
        let none = WarmUp::default();
        let seed = seeds
            .iter()
            .find(|seed| seed.timeframe == place.timeframe && seed.instrument == instrument.known.key);
        instrument.frame(
            place.timeframe,
            seed.map_or(&none, |seed| &seed.warm_up),
            watermark,
        )
    }

    /// Lets a graph see stored bars, all that end at one time together.
    fn feed(&mut self, graph: &mut Graph, seeds: &[(Place, &WarmUp)]) {
        let mut inputs: Vec<(Place, GraphInput)> = Vec::new();
        for (place, warm_up) in seeds {
            let instrument = &mut self.instruments[place.instrument as usize];
            let seen = warm_up
                .closed
                .iter()
                .filter_map(|bar| instrument.graph_input(bar));
            inputs.extend(seen.map(|input| (*place, input)));
        }
        inputs.sort_by_key(|(_, input)| input.bar.end);
        for closing in inputs.chunk_by(|(_, a), (_, b)| a.bar.end == b.bar.end) {
            graph.close(closing);
        }
    }

    pub(super) fn mark(&mut self, places: &[Place]) {
        for place in places {
            if let Some(dirty) = self.dirty.get_mut(place.instrument as usize) {
                *dirty = true;
            }
        }
    }

    /// Bars that seed all that is computed on an instrument's bars: by length.
    #[must_use]
    pub fn settling(&self, instrument: &InstrumentKey) -> Vec<(Timeframe, usize)> {
        let mut settling: Vec<(Timeframe, usize)> = Vec::new();
        for other in &self.instruments {
            for frame in &other.frames {
                for (_, expression, _) in &frame.taps {
                    for need in expression.needs(frame.timeframe) {
                        let of = need.instrument.as_ref().unwrap_or(&other.known.key);
                        if of != instrument || need.timeframe == Timeframe::TICK {
                            continue;
                        }
                        match settling.iter_mut().find(|(known, _)| *known == need.timeframe) {
                            Some((_, bars)) => *bars = need.bars.max(*bars),
                            None => settling.push((need.timeframe, need.bars)),
                        }
                    }
                }
            }
        }
        settling.sort_unstable();
        settling
    }

    pub(super) fn plan_has_changed(&mut self, index: u32, fold: &mut Fold) {
        self.dirty[index as usize] = true;
        self.chains.touch_plan();
        self.header.plan_version += 1;
        fold.plan_changed = true;
    }
}
