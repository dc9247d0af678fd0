//! Nodes that come and go.

use tickwire_indicators::Input;
use tickwire_market::{InstrumentKey, Timeframe};

use super::operation::{Feed, Operation};
use super::{Graph, Place, PlaceSteps, Step, Tap};
use crate::expression::{Expression, Node, OptionSource};
use crate::value::{Absence, Value};

/// The place of an instrument in its group.
pub(crate) type Resolve<'a> = &'a dyn Fn(&InstrumentKey) -> u32;

impl Graph {
    /// Adds what of `expression` is not there yet, cold; says where its outputs are.
    /// `fresh` takes the nodes that are new.
    pub(crate) fn add(
        &mut self,
        at: Place,
        expression: &Expression,
        resolve: Resolve<'_>,
        fresh: &mut Vec<usize>,
    ) -> Tap {
        let id = self.add_node(at, expression.root(), resolve, fresh);
        let (slot, slots) = self.slots_of(id);
        self.add_use(id);
        Tap {
            step: id,
            slot,
            slots,
        }
    }

    fn add_node(&mut self, at: Place, node: &Node, resolve: Resolve<'_>, fresh: &mut Vec<usize>) -> usize {
        if let Node::At {
            operand,
            instrument,
            timeframe,
        } = node
        {
            let place = Place::bars(
                instrument.as_ref().map_or(at.instrument, resolve),
                timeframe.unwrap_or(at.timeframe),
            );
            return self.add_node(place, operand, resolve, fresh);
        }
        let at = if at.timeframe == Timeframe::TICK && node.is_of_options() {
            Place::options(at.instrument)
        } else {
            at
        };
        let text = node.to_string();
        let place = self.place(at);
        if let Some(id) = self.places[place].by_text.get(&text) {
            return *id;
        }
        let mut operands = Vec::new();
        let mut operand = |graph: &mut Self, node: &Node| {
            let id = graph.add_node(at, node, resolve, fresh);
            operands.push(id);
            graph.slots_of(id).0
        };
        let (operation, slots) = match node {
            Node::Number(number) => (Operation::Number(*number), 1),
            Node::Series(series) => (Operation::Series(*series), 1),
            Node::Indicator {
                output: Some(output), ..
            }
            | Node::Option {
                output: Some(output), ..
            } => {
                let slot = operand(self, &node.without_output()) + output;
                (Operation::Copy { slot }, 1)
            }
            Node::Indicator {
                definition,
                parameters,
                inputs,
                output: None,
            } => {
                let mut chosen = inputs.iter();
                let feeds = definition
                    .inputs
                    .iter()
                    .map(|input| match (input, chosen.next()) {
                        (Input::Chosen, Some(node)) => Feed::Slot(operand(self, node)),
                        _ => Feed::Bar(*input),
                    })
                    .collect();
                let slots = definition.outputs.len();
                (Operation::indicator(definition, parameters, feeds), slots)
            }
            Node::Option { source, output: None } => {
                let slots = source.outputs().len();
                let operation = if at.options {
                    Operation::Source(*source)
                } else if *source == OptionSource::Greeks {
                    let underlying = self.contracts.get(&at.instrument).and_then(|c| c.underlying);
                    let underlying = underlying.map(|underlying| {
                        let id = self.mark(Place::bars(underlying, at.timeframe), fresh);
                        operands.push(id);
                        (underlying, self.slots_of(id).0)
                    });
                    Operation::Greeks {
                        option: at.instrument,
                        underlying,
                    }
                } else {
                    // What stood when the bar closed.
                    let id = self.add_node(Place::options(at.instrument), node, resolve, fresh);
                    operands.push(id);
                    Operation::Copy {
                        slot: self.slots_of(id).0,
                    }
                };
                (operation, slots)
            }
            Node::Function { function, arguments } => {
                let slots = arguments.iter().map(|node| operand(self, node)).collect();
                (Operation::function(*function, slots), 1)
            }
            Node::Shift {
                operand: shifted,
                bars,
            } => {
                let slot = operand(self, shifted);
                (Operation::shift(slot, *bars), 1)
            }
            Node::Unary {
                operator,
                operand: negated,
            } => {
                let slot = operand(self, negated);
                let operator = *operator;
                (Operation::Unary { operator, slot }, 1)
            }
            Node::Binary {
                operator,
                left,
                right,
            } => {
                let (left, right) = (operand(self, left), operand(self, right));
                let operator = *operator;
                (
                    Operation::Binary {
                        operator,
                        left,
                        right,
                    },
                    1,
                )
            }
            // Led elsewhere above.
            Node::At { .. } => (Operation::Number(f64::NAN), 1),
        };
        let id = self.insert(place, text, operation, slots, operands);
        fresh.push(id);
        id
    }

    /// The node that keeps an underlying's last bar for its options.
    fn mark(&mut self, at: Place, fresh: &mut Vec<usize>) -> usize {
        // No expression can be written so.
        const TEXT: &str = "the last bar";
        let place = self.place(at);
        if let Some(id) = self.places[place].by_text.get(TEXT) {
            return *id;
        }
        let id = self.insert(place, TEXT.to_owned(), Operation::Mark, 2, Vec::new());
        fresh.push(id);
        id
    }

    fn place(&mut self, place: Place) -> usize {
        *self.by_place.entry(place).or_insert_with(|| {
            self.places.push(PlaceSteps {
                place,
                by_text: Default::default(),
                order: Vec::new(),
            });
            self.places.len() - 1
        })
    }

    fn insert(
        &mut self,
        place: usize,
        text: String,
        operation: Operation,
        slots: usize,
        operands: Vec<usize>,
    ) -> usize {
        let rank = self.rank(place, &operands);
        for operand in &operands {
            self.add_use(*operand);
        }
        let slot = match self.free_slots.get_mut(&slots).and_then(Vec::pop) {
            Some(slot) => slot,
            None => {
                let slot = self.values.len();
                self.values.resize(slot + slots, Value::Absent(Absence::Cold));
                slot
            }
        };
        self.values[slot..slot + slots].fill(Value::Absent(Absence::Cold));
        let step = Some(Step {
            place,
            rank,
            text: text.clone(),
            operation,
            slot,
            slots,
            operands,
            uses: 0,
        });
        let id = match self.free_steps.pop() {
            Some(id) => {
                self.steps[id] = step;
                id
            }
            None => {
                self.steps.push(step);
                self.steps.len() - 1
            }
        };
        let steps = &mut self.places[place];
        steps.by_text.insert(text, id);
        if steps.order.len() <= rank {
            steps.order.resize(rank + 1, Vec::new());
        }
        steps.order[rank].push(id);
        id
    }

    /// After what it reads at its place and at those of other instruments' bars of the same
    /// length; longer bars come before it in any case.
    fn rank(&self, place: usize, operands: &[usize]) -> usize {
        let timeframe = |place: usize| self.places[place].place.timeframe;
        let after = |operand: &usize| {
            let step = self.steps[*operand].as_ref()?;
            (timeframe(step.place) == timeframe(place)).then(|| step.rank + usize::from(step.place != place))
        };
        operands.iter().filter_map(after).max().unwrap_or(0)
    }

    fn slots_of(&self, id: usize) -> (usize, usize) {
        self.steps[id]
            .as_ref()
            .map_or((0, 0), |step| (step.slot, step.slots))
    }

    fn add_use(&mut self, id: usize) {
        if let Some(step) = &mut self.steps[id] {
            step.uses += 1;
        }
    }

    /// Takes away an expression, and what of it nothing else reads. `left` takes the
    /// places that have fewer nodes now.
    pub(crate) fn remove(&mut self, tap: Tap, left: &mut Vec<Place>) {
        self.release(tap.step, left);
    }

    fn release(&mut self, id: usize, left: &mut Vec<Place>) {
        let Some(step) = &mut self.steps[id] else { return };
        step.uses = step.uses.saturating_sub(1);
        if step.uses > 0 {
            return;
        }
        let Some(step) = self.steps[id].take() else { return };
        let steps = &mut self.places[step.place];
        left.push(steps.place);
        steps.by_text.remove(&step.text);
        if let Some(order) = steps.order.get_mut(step.rank) {
            order.retain(|other| *other != id);
        }
        self.free_steps.push(id);
        self.free_slots.entry(step.slots).or_default().push(step.slot);
        for operand in step.operands {
            self.release(operand, left);
        }
    }

    /// Where nodes are.
    pub(crate) fn places_of(&self, ids: &[usize]) -> Vec<Place> {
        let mut places: Vec<Place> = ids
            .iter()
            .filter_map(|id| Some(self.places[self.steps[*id].as_ref()?.place].place))
            .collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Takes over state and values of the nodes `ids` from those of `other` that have
    /// the same place and text.
    pub(crate) fn inherit(&mut self, ids: &[usize], other: &Graph) {
        for id in ids {
            let Some(step) = &mut self.steps[*id] else {
                continue;
            };
            let place = self.places[step.place].place;
            let known = other
                .by_place
                .get(&place)
                .and_then(|at| other.places[*at].by_text.get(&step.text))
                .and_then(|id| other.steps[*id].as_ref());
            let Some(known) = known else { continue };
            step.operation.inherit(&known.operation);
            self.values[step.slot..step.slot + step.slots]
                .copy_from_slice(&other.values[known.slot..known.slot + known.slots]);
        }
    }

    /// The same of all nodes that both have.
    pub(crate) fn inherit_all(&mut self, other: &Graph) {
        let ids: Vec<usize> = (0..self.steps.len()).collect();
        self.inherit(&ids, other);
    }

    /// The nodes that are at an instrument's places, or read what is.
    pub(crate) fn depending_on(&self, instrument: u32) -> Vec<usize> {
        let mut depends: Vec<Option<bool>> = vec![None; self.steps.len()];
        (0..self.steps.len())
            .filter(|id| self.depends(*id, instrument, &mut depends))
            .collect()
    }

    fn depends(&self, id: usize, instrument: u32, known: &mut [Option<bool>]) -> bool {
        if let Some(known) = known[id] {
            return known;
        }
        let depends = self.steps[id].as_ref().is_some_and(|step| {
            self.places[step.place].place.instrument == instrument
                || step
                    .operands
                    .iter()
                    .any(|operand| self.depends(*operand, instrument, known))
        });
        known[id] = Some(depends);
        depends
    }
}
