//! What a node does with a bar.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;

use rustc_hash::FxHashMap;
use tickwire_indicators::{Definition, Input, Running, StateError};
use tickwire_market::UnixNanos;

use super::{Contract, GraphInput};
use crate::expression::{BinaryOperator, Function, Node, OptionSource, Series, UnaryOperator};
use crate::value::{Absence, Value};

/// Where an indicator's input comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Feed {
    /// First slot of a node.
    Slot(usize),
    /// The bar itself.
    Bar(Input),
}

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Number(f64),
    Series(Series),
    Indicator {
        running: Box<dyn Running>,
        feeds: Vec<Feed>,
    },
    /// As many values as it has outputs, from the slot on.
    Copy {
        slot: usize,
    },
    /// What is known of options: its values are put there.
    Source(OptionSource),
    /// Close and end of a bar of an underlying.
    Mark,
    /// Volatility and Greeks of an option at the close of its bar.
    Greeks {
        /// The option.
        option: u32,
        /// Its underlying, and the slot of what is known of its last bar.
        underlying: Option<(u32, usize)>,
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
    Function {
        function: Function,
        slots: Vec<usize>,
    },
    Crossing {
        /// From above to below, instead of from below to above.
        falls: bool,
        slots: [usize; 2],
        /// How the two stood when both were last known.
        before: Option<Ordering>,
    },
    Shift {
        slot: usize,
        bars: u32,
        /// The last `bars` values, oldest first.
        held: VecDeque<Value>,
    },
}

/// Rows of an indicator, kept to allocate once.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    inputs: Vec<f64>,
    outputs: Vec<Option<f64>>,
}

impl Operation {
    pub(super) fn indicator(definition: &'static Definition, parameters: &[f64], feeds: Vec<Feed>) -> Self {
        match definition.build(parameters) {
            Ok(running) => Self::Indicator { running, feeds },
            // The parser has checked the parameters by the same table; should the two
            // ever disagree, the node has no value rather than a wrong one.
            Err(_) => Self::Number(f64::NAN),
        }
    }

    pub(super) fn function(function: Function, slots: Vec<usize>) -> Self {
        match (function, &slots[..]) {
            (Function::CrossesAbove | Function::CrossesBelow, [first, second]) => Self::Crossing {
                falls: function == Function::CrossesBelow,
                slots: [*first, *second],
                before: None,
            },
            _ => Self::Function { function, slots },
        }
    }

    pub(super) fn shift(slot: usize, bars: u32) -> Self {
        Self::Shift {
            slot,
            bars,
            held: VecDeque::new(),
        }
    }

    /// Takes one more bar.
    pub(super) fn next(
        &mut self,
        input: &GraphInput,
        values: &mut [Value],
        outputs: Range<usize>,
        scratch: &mut Scratch,
        contracts: &FxHashMap<u32, Contract>,
    ) {
        let slot = outputs.start;
        values[slot] = match self {
            Self::Source(_) => return,
            Self::Copy { slot } => return values.copy_within(*slot..*slot + outputs.len(), outputs.start),
            Self::Mark => {
                let end = input.bar.end.0 as f64;
                values[outputs][1] = Value::number(end);
                Value::number(input.bar.close)
            }
            Self::Greeks { option, underlying } => {
                let mark = underlying.map(|(_, slot)| (values[slot], values[slot + 1]));
                let mark = match mark {
                    Some((Value::Number(price), Value::Number(end))) => Some((price, UnixNanos(end as i64))),
                    _ => None,
                };
                let greeks = match contracts.get(option) {
                    Some(option) => option.contract.greeks(input.bar.close, input.bar.end, mark),
                    None => [Value::Absent(Absence::Unsolvable); 6],
                };
                return values[outputs].copy_from_slice(&greeks);
            }
            Self::Indicator { running, feeds } => {
                return indicator_next(&mut **running, feeds, input, values, outputs, scratch);
            }
            Self::Number(number) => Value::number(*number),
            Self::Series(series) => series_value(*series, input),
            Self::Unary { operator, slot } => operator.apply(values[*slot]),
            Self::Binary {
                operator,
                left,
                right,
            } => operator.apply(values[*left], values[*right]),
            Self::Function { function, slots } => function.apply(slots.iter().map(|slot| values[*slot])),
            Self::Crossing { falls, slots, before } => {
                crossing(slots.map(|slot| values[slot]), *falls, before)
            }
            Self::Shift { slot, bars, held } => {
                held.push_back(values[*slot]);
                if held.len() > *bars as usize {
                    held.pop_front().unwrap_or(Value::Absent(Absence::Cold))
                } else {
                    Value::Absent(Absence::Cold)
                }
            }
        };
    }

    pub(super) fn has_state(&self) -> bool {
        matches!(
            self,
            Self::Indicator { .. } | Self::Crossing { .. } | Self::Shift { .. }
        )
    }

    /// Its state, if it has one.
    pub(super) fn export(&self) -> Option<Vec<u8>> {
        match self {
            Self::Indicator { running, .. } => {
                let mut bytes = Vec::new();
                running.export(&mut bytes);
                Some(bytes)
            }
            // Encoding into memory fails for no such type; an empty state is refused when read.
            Self::Crossing { before, .. } => postcard::to_allocvec(&before.map(|before| before as i8)).ok(),
            Self::Shift { held, .. } => {
                let held: Vec<&Value> = held.iter().collect();
                postcard::to_allocvec(&held).ok()
            }
            _ => None,
        }
    }

    /// The reverse of [`Operation::export`].
    pub(super) fn import(&mut self, from: &[u8]) -> Result<(), StateError> {
        let damaged = |_| StateError::Damaged;
        match self {
            Self::Indicator { running, .. } => running.import(from)?,
            Self::Crossing { before, .. } => {
                let stored: Option<i8> = postcard::from_bytes(from).map_err(damaged)?;
                *before = match stored {
                    None => None,
                    Some(-1) => Some(Ordering::Less),
                    Some(0) => Some(Ordering::Equal),
                    Some(1) => Some(Ordering::Greater),
                    Some(_) => return Err(StateError::Damaged),
                };
            }
            Self::Shift { bars, held, .. } => {
                let stored: Vec<Value> = postcard::from_bytes(from).map_err(damaged)?;
                if stored.len() > *bars as usize {
                    return Err(StateError::Damaged);
                }
                *held = stored.into();
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes over the state of the same operation.
    pub(super) fn inherit(&mut self, other: &Self) {
        match (self, other) {
            (Self::Indicator { running, .. }, Self::Indicator { running: warm, .. }) => {
                *running = warm.clone_box();
            }
            (Self::Crossing { before, .. }, Self::Crossing { before: warm, .. }) => *before = *warm,
            (Self::Shift { held, .. }, Self::Shift { held: warm, .. }) => held.clone_from(warm),
            _ => {}
        }
    }
}

impl Node {
    /// Most bytes of its indicators' exported state.
    #[must_use]
    pub fn state_bytes_max(&self) -> usize {
        let own = match self {
            Self::Indicator {
                definition,
                parameters,
                ..
            } => definition.state_bytes_max(parameters),
            _ => 0,
        };
        own + self.children().map(Node::state_bytes_max).sum::<usize>()
    }
}

fn indicator_next(
    running: &mut dyn Running,
    feeds: &[Feed],
    input: &GraphInput,
    values: &mut [Value],
    outputs: Range<usize>,
    scratch: &mut Scratch,
) {
    scratch.inputs.clear();
    let mut absence = None;
    for feed in feeds {
        match feed_value(*feed, values, input) {
            Value::Number(number) => scratch.inputs.push(number),
            Value::Truth(_) => absence = Some(Absence::Unsolvable),
            Value::Absent(why) => absence = Some(why),
        }
    }
    let outputs = &mut values[outputs];
    if let Some(why) = absence {
        // An indicator that gets no input keeps its state and has no value.
        outputs.fill(Value::Absent(why));
        return;
    }
    scratch.outputs.clear();
    scratch.outputs.resize(outputs.len(), None);
    running.next(&scratch.inputs, &mut scratch.outputs);
    for (value, output) in outputs.iter_mut().zip(&scratch.outputs) {
        *value = output.map_or(Value::Absent(Absence::Cold), Value::number);
    }
}

fn feed_value(feed: Feed, values: &[Value], input: &GraphInput) -> Value {
    match feed {
        Feed::Slot(slot) => values[slot],
        Feed::Bar(Input::SessionDay) => Value::Number(f64::from(input.session_day)),
        Feed::Bar(Input::Fixed(series)) => series_value(series, input),
        Feed::Bar(Input::Chosen) => Value::number(input.bar.close),
    }
}

fn series_value(series: Series, input: &GraphInput) -> Value {
    let told = match series {
        Series::Bid => input.quote.0,
        Series::Ask => input.quote.1,
        series => series.of(&input.bar),
    };
    told.map_or(Value::Absent(Absence::Unsolvable), Value::number)
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

impl Function {
    /// Of those that hold no state.
    fn apply(self, mut arguments: impl Iterator<Item = Value>) -> Value {
        let unsolvable = Value::Absent(Absence::Unsolvable);
        let first = arguments.next().unwrap_or(unsolvable);
        match (self, first) {
            (_, Value::Absent(why)) => Value::Absent(why),
            (Self::If, Value::Truth(condition)) => {
                arguments.nth(usize::from(!condition)).unwrap_or(unsolvable)
            }
            (Self::Abs, Value::Number(number)) => Value::number(number.abs()),
            (Self::Max | Self::Min, Value::Number(first)) => {
                let mut best = first;
                for value in arguments {
                    match value {
                        Value::Number(other) if self == Self::Max => {
                            best = if other > best { other } else { best }
                        }
                        Value::Number(other) => best = if other < best { other } else { best },
                        Value::Absent(why) => return Value::Absent(why),
                        Value::Truth(_) => return unsolvable,
                    }
                }
                Value::Number(best)
            }
            _ => unsolvable,
        }
    }
}

/// Whether the first of two passes the second. A bar at which either is unknown is as if
/// it had not been.
fn crossing(pair: [Value; 2], falls: bool, before: &mut Option<Ordering>) -> Value {
    let (first, second) = match pair {
        [Value::Number(first), Value::Number(second)] => (first, second),
        [Value::Absent(why), _] | [_, Value::Absent(why)] => return Value::Absent(why),
        _ => return Value::Absent(Absence::Unsolvable),
    };
    // Values are finite, so there is an order.
    let now = first.partial_cmp(&second).unwrap_or(Ordering::Equal);
    let wanted = if falls { Ordering::Less } else { Ordering::Greater };
    match before.replace(now) {
        None => Value::Absent(Absence::Cold),
        Some(before) => Value::Truth(now == wanted && before != wanted),
    }
}
