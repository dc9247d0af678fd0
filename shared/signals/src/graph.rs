//! The graph of a group: every distinct sub-expression of its streams is one node at one
//! place (an instrument's bars of one length), computed once a bar.

mod operation;
mod steps;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use tickwire_indicators::StateError;
use tickwire_market::{Bar, Timeframe};

use crate::value::Value;
use operation::{Operation, Scratch};

/// Whose bars, and how long they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Place of the instrument in its group.
    pub(crate) instrument: u32,
    pub(crate) timeframe: Timeframe,
}

/// A bar as the graph sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GraphInput {
    pub(crate) bar: Bar,
    /// Day of the session, counted from 1970-01-01: anchored forms restart when it changes.
    pub(crate) session_day: i32,
    /// Best bid and ask, where the bar is a tick.
    pub(crate) quote: (Option<f64>, Option<f64>),
}

/// A node: an operation, and where its values stand.
#[derive(Clone, Debug)]
struct Step {
    /// Index of its place.
    place: usize,
    /// Nodes of one length of bars are computed in ranks, because they may read those of
    /// other instruments: each reads only lower ranks there.
    rank: usize,
    /// Canonical text of the sub-expression: its identity at its place.
    text: String,
    operation: Operation,
    /// Where its first value stands.
    slot: usize,
    slots: usize,
    /// Nodes that it reads.
    operands: Vec<usize>,
    /// Nodes and streams that read it.
    uses: u32,
}

/// The nodes of a place.
#[derive(Clone, Debug)]
struct PlaceSteps {
    place: Place,
    by_text: BTreeMap<String, usize>,
    /// By rank, operands before what reads them.
    order: Vec<Vec<usize>>,
}

/// Computes expressions over the bars of a group's instruments.
///
/// A node that reads another place reads what stands there, which is the value of the
/// last bar closed; so longer bars are computed before shorter ones that end with them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    steps: Vec<Option<Step>>,
    places: Vec<PlaceSteps>,
    by_place: FxHashMap<Place, usize>,
    values: Vec<Value>,
    /// Steps and, by how many they are, slots that are free again.
    free_steps: Vec<usize>,
    free_slots: FxHashMap<usize, Vec<usize>>,
    scratch: Scratch,
}

/// Where an expression's outputs stand in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tap {
    step: usize,
    slot: usize,
    slots: usize,
}

impl Graph {
    /// Computes every node on bars that end at one time, no place twice.
    pub(crate) fn close(&mut self, closing: &[(Place, GraphInput)]) {
        if let [(place, input)] = closing {
            return self.close_one(*place, input);
        }
        let mut due: Vec<(usize, &GraphInput)> = closing
            .iter()
            .filter_map(|(place, input)| Some((*self.by_place.get(place)?, input)))
            .collect();
        due.sort_by_key(|(at, _)| Reverse(self.places[*at].place.timeframe));
        for start in 0..due.len() {
            let timeframe = |at: usize| self.places[due[at].0].place.timeframe;
            if start > 0 && timeframe(start - 1) == timeframe(start) {
                continue;
            }
            let end = (start..due.len())
                .find(|at| timeframe(*at) != timeframe(start))
                .unwrap_or(due.len());
            let same = &due[start..end];
            let ranks = same.iter().map(|(at, _)| self.places[*at].order.len()).max();
            for rank in 0..ranks.unwrap_or(0) {
                for (at, input) in same {
                    self.run(*at, rank, input);
                }
            }
        }
    }

    /// Computes every node of one place.
    pub(crate) fn close_one(&mut self, place: Place, input: &GraphInput) {
        if let Some(at) = self.by_place.get(&place).copied() {
            for rank in 0..self.places[at].order.len() {
                self.run(at, rank, input);
            }
        }
    }

    fn run(&mut self, at: usize, rank: usize, input: &GraphInput) {
        let Some(order) = self.places[at].order.get(rank) else {
            return;
        };
        for id in order {
            if let Some(step) = &mut self.steps[*id] {
                let outputs = step.slot..step.slot + step.slots;
                step.operation
                    .next(input, &mut self.values, outputs, &mut self.scratch);
            }
        }
    }

    /// The outputs of an expression, as of the last bar.
    pub(crate) fn read(&self, tap: Tap) -> &[Value] {
        &self.values[tap.slot..tap.slot + tap.slots]
    }

    /// Number of distinct nodes at a place.
    pub(crate) fn len_at(&self, place: Place) -> usize {
        self.by_place
            .get(&place)
            .map_or(0, |at| self.places[*at].by_text.len())
    }

    /// Places that have nodes.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.places
            .iter()
            .filter(|place| !place.by_text.is_empty())
            .map(|place| place.place)
    }

    /// State of every node of a place that has one, and all its values, in the order of
    /// their texts.
    pub(crate) fn export(&self, place: Place) -> (Vec<Vec<u8>>, Vec<Value>) {
        let (mut states, mut values) = (Vec::new(), Vec::new());
        for step in self.steps_at(place) {
            states.extend(step.operation.export());
            values.extend_from_slice(&self.values[step.slot..step.slot + step.slots]);
        }
        (states, values)
    }

    /// The reverse of [`Graph::export`], on a graph of the same expressions.
    pub(crate) fn import(
        &mut self,
        place: Place,
        states: &[Vec<u8>],
        values: &[Value],
    ) -> Result<(), StateError> {
        let ids: Vec<usize> = self.by_place.get(&place).map_or_else(Vec::new, |at| {
            self.places[*at].by_text.values().copied().collect()
        });
        self.import_steps(&ids, states, values)
    }

    /// The same of a graph of one place whose nodes were exported in the order in which
    /// they were added, as states of version 1 were.
    pub(crate) fn import_as_added(&mut self, states: &[Vec<u8>], values: &[Value]) -> Result<(), StateError> {
        let ids: Vec<usize> = (0..self.steps.len()).collect();
        self.import_steps(&ids, states, values)
    }

    fn import_steps(
        &mut self,
        ids: &[usize],
        states: &[Vec<u8>],
        values: &[Value],
    ) -> Result<(), StateError> {
        let (mut states, mut rest) = (states.iter(), values);
        for id in ids {
            let Some(step) = &mut self.steps[*id] else {
                continue;
            };
            if step.operation.has_state() {
                step.operation
                    .import(states.next().map_or(&[][..], Vec::as_slice))?;
            }
            let (own, after) = rest.split_at_checked(step.slots).ok_or(StateError::Damaged)?;
            self.values[step.slot..step.slot + step.slots].copy_from_slice(own);
            rest = after;
        }
        if states.next().is_some() || !rest.is_empty() {
            return Err(StateError::Damaged);
        }
        Ok(())
    }

    fn steps_at(&self, place: Place) -> impl Iterator<Item = &Step> {
        self.by_place
            .get(&place)
            .into_iter()
            .flat_map(|at| self.places[*at].by_text.values())
            .filter_map(|id| self.steps[*id].as_ref())
    }
}
