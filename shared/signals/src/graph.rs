//! The graph of a group: every distinct sub-expression of its streams is one node at one
//! place (an instrument's bars of one length), computed once a bar.

mod operation;
mod steps;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tickwire_indicators::StateError;
use tickwire_market::{Bar, Timeframe, UnixNanos};

use crate::chain::OptionContract;
use crate::expression::OptionSource;
use crate::value::Value;
use operation::{Operation, Scratch};

/// Whose bars, and how long they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Place of the instrument in its group.
    pub(crate) instrument: u32,
    pub(crate) timeframe: Timeframe,
    /// What is computed whenever the instrument's options are valued, instead of with its
    /// bars; its timeframe is that of ticks.
    pub(crate) options: bool,
}

impl Place {
    /// Bars of an instrument, or its ticks.
    pub(crate) fn bars(instrument: u32, timeframe: Timeframe) -> Self {
        Self {
            instrument,
            timeframe,
            options: false,
        }
    }

    /// What is computed whenever an option, or the chain of an underlying, is valued.
    pub(crate) fn options(instrument: u32) -> Self {
        Self {
            instrument,
            timeframe: Timeframe::TICK,
            options: true,
        }
    }
}

/// An option of the group.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    pub(crate) contract: OptionContract,
    /// Place of its underlying in the group.
    pub(crate) underlying: Option<u32>,
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
    /// The options among the instruments.
    contracts: Arc<FxHashMap<u32, Contract>>,
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
                step.operation.next(
                    input,
                    &mut self.values,
                    outputs,
                    &mut self.scratch,
                    &self.contracts,
                );
            }
        }
    }

    /// One without nodes, for the same options.
    pub(crate) fn empty_like(&self) -> Self {
        Self {
            contracts: self.contracts.clone(),
            ..Self::default()
        }
    }

    /// Takes the options of the group; says whether nodes read other underlyings than theirs
    /// are now.
    pub(crate) fn set_contracts(&mut self, contracts: Arc<FxHashMap<u32, Contract>>) -> bool {
        self.contracts = contracts;
        self.steps.iter().flatten().any(|step| match step.operation {
            Operation::Greeks { option, underlying } => {
                let known = self.contracts.get(&option).and_then(|option| option.underlying);
                known != underlying.map(|(index, _)| index)
            }
            _ => false,
        })
    }

    /// Whether any node reads Greeks on bars.
    pub(crate) fn reads_greeks(&self) -> bool {
        let mut steps = self.steps.iter().flatten();
        steps.any(|step| matches!(step.operation, Operation::Greeks { .. }))
    }

    /// Lets `value` give the values of what is known of options at a place.
    pub(crate) fn put_options(&mut self, place: Place, mut value: impl FnMut(OptionSource, &mut [Value])) {
        let Some(at) = self.by_place.get(&place) else {
            return;
        };
        for id in self.places[*at].order.first().into_iter().flatten() {
            if let Some(step) = &self.steps[*id]
                && let Operation::Source(source) = step.operation
            {
                value(source, &mut self.values[step.slot..step.slot + step.slots]);
            }
        }
    }

    /// Computes what is of options of instruments whose options were valued.
    pub(crate) fn close_options(&mut self, instruments: &[u32], now: UnixNanos) {
        // Nothing there reads a bar.
        let none = GraphInput {
            bar: Bar {
                start: now,
                end: now,
                open: f64::NAN,
                high: f64::NAN,
                low: f64::NAN,
                close: f64::NAN,
                volume: None,
                open_interest: None,
                ticks: 0,
            },
            session_day: 0,
            quote: (None, None),
        };
        let find = |instrument: &u32| self.by_place.get(&Place::options(*instrument)).copied();
        let due: Vec<usize> = instruments.iter().filter_map(find).collect();
        let ranks = due.iter().map(|at| self.places[*at].order.len()).max();
        for rank in 0..ranks.unwrap_or(0) {
            for at in &due {
                self.run(*at, rank, &none);
            }
        }
    }

    /// Whether an expression is computed when options are valued.
    pub(crate) fn is_of_options(&self, tap: Tap) -> bool {
        self.steps[tap.step]
            .as_ref()
            .is_some_and(|step| self.places[step.place].place.options)
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
