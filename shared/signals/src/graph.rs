//! The graph of one instrument and timeframe: every distinct sub-expression of
//! its streams is one node, computed once a bar.

use rustc_hash::FxHashMap;
use tickwire_indicators::{Input, Running, StateError};
use tickwire_market::Bar;

use crate::expression::{BinaryOperator, Expression, Node, Series, UnaryOperator};
use crate::value::{Absence, Value};

/// A bar as the graph sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GraphInput<'a> {
    pub(crate) bar: &'a Bar,
    /// Day of the session, counted from 1970-01-01: anchored forms restart when it changes.
    pub(crate) session_day: i32,
}

/// Where an indicator's input comes from.
#[derive(Clone, Debug)]
enum Feed {
    /// First slot of a node.
    Slot(usize),
    /// The bar itself.
    Bar(Input),
}

#[derive(Clone, Debug)]
enum Operation {
    Number(f64),
    Series(Series),
    Indicator {
        running: Box<dyn Running>,
        feeds: Vec<Feed>,
    },
    Output {
        slot: usize,
    },
    Unary {
        operator: UnaryOperator,
        slot: usize,
    },
    Binary {
        operator: BinaryOperator,
        left: usize,
        right: usize,
    },
}

#[derive(Clone, Debug)]
struct Step {
    /// Canonical text of the sub-expression: its identity.
    text: String,
    operation: Operation,
    /// Where its first value stands.
    slot: usize,
    slots: usize,
}

/// Computes expressions over one series of bars. Steps stand in the order in
/// which the expressions were added, operands first, so one pass computes all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    steps: Vec<Step>,
    by_text: FxHashMap<String, usize>,
    values: Vec<Value>,
    /// Scratch of the pass, kept to allocate once.
    inputs: Vec<f64>,
    outputs: Vec<Option<f64>>,
}

/// Where an expression's outputs stand in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tap {
    slot: usize,
    slots: usize,
}

impl Graph {
    /// Adds what of `expression` is not there yet, cold; says where its outputs are.
    pub(crate) fn add(&mut self, expression: &Expression) -> Tap {
        let step = self.add_node(expression.root());
        let Step { slot, slots, .. } = self.steps[step];
        Tap { slot, slots }
    }

    fn add_node(&mut self, node: &Node) -> usize {
        let text = node.to_string();
        if let Some(step) = self.by_text.get(&text) {
            return *step;
        }
        let (operation, slots) = match node {
            Node::Number(number) => (Operation::Number(*number), 1),
            Node::Series(series) => (Operation::Series(*series), 1),
            Node::Indicator {
                output: Some(output), ..
            } => {
                let whole = self.add_node(&node.without_output());
                (
                    Operation::Output {
                        slot: self.steps[whole].slot + output,
                    },
                    1,
                )
            }
            Node::Indicator {
                definition,
                parameters,
                inputs,
                output: None,
            } => {
                let mut selected = inputs.iter();
                let feeds = definition
                    .inputs
                    .iter()
                    .map(|input| match (input.is_selectable(), selected.next()) {
                        (true, Some(node)) => {
                            let step = self.add_node(node);
                            Feed::Slot(self.steps[step].slot)
                        }
                        _ => Feed::Bar(*input),
                    })
                    .collect();
                match definition.build(parameters) {
                    Ok(running) => (Operation::Indicator { running, feeds }, definition.outputs.len()),
                    // The parser has checked the parameters by the same table; should the two
                    // ever disagree, the node has no value rather than a wrong one.
                    Err(_) => (Operation::Number(f64::NAN), definition.outputs.len()),
                }
            }
            Node::Unary { operator, operand } => {
                let operand = self.add_node(operand);
                (
                    Operation::Unary {
                        operator: *operator,
                        slot: self.steps[operand].slot,
                    },
                    1,
                )
            }
            Node::Binary {
                operator,
                left,
                right,
            } => {
                let (left, right) = (self.add_node(left), self.add_node(right));
                let (left, right) = (self.steps[left].slot, self.steps[right].slot);
                (
                    Operation::Binary {
                        operator: *operator,
                        left,
                        right,
                    },
                    1,
                )
            }
        };
        let slot = self.values.len();
        self.values.resize(slot + slots, Value::Absent(Absence::Cold));
        self.by_text.insert(text.clone(), self.steps.len());
        self.steps.push(Step {
            text,
            operation,
            slot,
            slots,
        });
        self.steps.len() - 1
    }

    /// Computes every node on one more closed bar.
    pub(crate) fn next(&mut self, input: GraphInput<'_>) {
        for step in &mut self.steps {
            let values = &mut self.values;
            let value = match &mut step.operation {
                Operation::Number(number) => Value::number(*number),
                Operation::Series(series) => series_value(*series, input.bar),
                Operation::Output { slot } => values[*slot],
                Operation::Unary { operator, slot } => operator.apply(values[*slot]),
                Operation::Binary {
                    operator,
                    left,
                    right,
                } => operator.apply(values[*left], values[*right]),
                Operation::Indicator { running, feeds } => {
                    self.inputs.clear();
                    let mut absence = None;
                    for feed in feeds.iter() {
                        match feed_value(feed, values, input) {
                            Value::Number(number) => self.inputs.push(number),
                            Value::Truth(_) => absence = Some(Absence::Unsolvable),
                            Value::Absent(why) => absence = Some(why),
                        }
                    }
                    let outputs = &mut values[step.slot..step.slot + step.slots];
                    if let Some(why) = absence {
                        // An indicator that gets no input keeps its state and has no value.
                        outputs.fill(Value::Absent(why));
                    } else {
                        self.outputs.clear();
                        self.outputs.resize(step.slots, None);
                        running.next(&self.inputs, &mut self.outputs);
                        for (value, output) in outputs.iter_mut().zip(&self.outputs) {
                            *value = output.map_or(Value::Absent(Absence::Cold), Value::number);
                        }
                    }
                    continue;
                }
            };
            values[step.slot] = value;
        }
    }

    /// The outputs of an expression, as of the last bar.
    pub(crate) fn read(&self, tap: Tap) -> &[Value] {
        &self.values[tap.slot..tap.slot + tap.slots]
    }

    /// Takes over, from step `from` on, state and values of what `other` has too.
    pub(crate) fn inherit(&mut self, from: usize, other: &Graph) {
        for step in self.steps.iter_mut().skip(from) {
            let Some(known) = other.by_text.get(&step.text).map(|index| &other.steps[*index]) else {
                continue;
            };
            if let (Operation::Indicator { running, .. }, Operation::Indicator { running: warm, .. }) =
                (&mut step.operation, &known.operation)
            {
                *running = warm.clone_box();
            }
            self.values[step.slot..step.slot + step.slots]
                .copy_from_slice(&other.values[known.slot..known.slot + known.slots]);
        }
    }

    /// State of every indicator, in the order of the steps, and all values.
    pub(crate) fn export(&self) -> (Vec<Vec<u8>>, Vec<Value>) {
        let states = self
            .steps
            .iter()
            .filter_map(|step| match &step.operation {
                Operation::Indicator { running, .. } => {
                    let mut bytes = Vec::new();
                    running.export(&mut bytes);
                    Some(bytes)
                }
                _ => None,
            })
            .collect();
        (states, self.values.clone())
    }

    /// The reverse of [`Graph::export`], on a graph of the same expressions added in the same order.
    pub(crate) fn import(&mut self, states: &[Vec<u8>], values: &[Value]) -> Result<(), StateError> {
        let mut states = states.iter();
        for step in &mut self.steps {
            if let Operation::Indicator { running, .. } = &mut step.operation {
                running.import(states.next().map_or(&[][..], Vec::as_slice))?;
            }
        }
        if states.next().is_some() || self.values.len() != values.len() {
            return Err(StateError::Damaged);
        }
        self.values.copy_from_slice(values);
        Ok(())
    }

    /// Number of distinct nodes.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }
}

fn feed_value(feed: &Feed, values: &[Value], input: GraphInput<'_>) -> Value {
    let bar = input.bar;
    match feed {
        Feed::Slot(slot) => values[*slot],
        Feed::Bar(Input::SessionDay) => Value::Number(f64::from(input.session_day)),
        Feed::Bar(Input::Fixed(series)) => series_value(*series, bar),
        Feed::Bar(Input::Chosen) => Value::number(bar.close),
    }
}

fn series_value(series: Series, bar: &Bar) -> Value {
    series
        .of(bar)
        .map_or(Value::Absent(Absence::Unsolvable), Value::number)
}

impl UnaryOperator {
    fn apply(self, operand: Value) -> Value {
        match (self, operand) {
            (_, Value::Absent(why)) => Value::Absent(why),
            (Self::Negate, Value::Number(number)) => Value::number(-number),
            (Self::Not, Value::Truth(truth)) => Value::Truth(!truth),
            _ => Value::Absent(Absence::Unsolvable),
        }
    }
}

impl BinaryOperator {
    fn apply(self, left: Value, right: Value) -> Value {
        match (left, right) {
            (Value::Number(a), Value::Number(b)) => match self {
                Self::Add => Value::number(a + b),
                Self::Subtract => Value::number(a - b),
                Self::Multiply => Value::number(a * b),
                Self::Divide => Value::number(a / b),
                Self::Less => Value::Truth(a < b),
                Self::LessOrEqual => Value::Truth(a <= b),
                Self::Greater => Value::Truth(a > b),
                Self::GreaterOrEqual => Value::Truth(a >= b),
                Self::Equal => Value::Truth(a == b),
                Self::NotEqual => Value::Truth(a != b),
                Self::And | Self::Or => Value::Absent(Absence::Unsolvable),
            },
            // What is decided by the side that is known is known.
            (Value::Truth(false), _) | (_, Value::Truth(false)) if self == Self::And => Value::Truth(false),
            (Value::Truth(true), _) | (_, Value::Truth(true)) if self == Self::Or => Value::Truth(true),
            (Value::Absent(why), _) | (_, Value::Absent(why)) => Value::Absent(why),
            (Value::Truth(a), Value::Truth(b)) => match self {
                Self::And => Value::Truth(a && b),
                Self::Or => Value::Truth(a || b),
                Self::Equal => Value::Truth(a == b),
                Self::NotEqual => Value::Truth(a != b),
                _ => Value::Absent(Absence::Unsolvable),
            },
            _ => Value::Absent(Absence::Unsolvable),
        }
    }
}
