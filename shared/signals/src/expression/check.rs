//! From what was written to what is meant: names looked up, defaults filled in,
//! bounds and types checked.

use tickwire_indicators::{Definition, ParameterError, Series, find, registry};
use tickwire_market::{InstrumentKey, Timeframe};

use super::error::Fault;
use super::function::RENAMED;
use super::node::name_of;
use super::option::{GREEKS, OptionSource, option};
use super::syntax::{Argument, Syntax, SyntaxKind, Word};
use super::{
    BinaryOperator, DEPTH_MAX, ExpressionErrorKind as Kind, Function, HELD_BARS_MAX, NODES_MAX, Node,
    UnaryOperator, WINDOW_MAX,
};

/// How unlike a name may be, in edits, and still be proposed.
const NEAREST_EDITS_MAX: usize = 2;

pub(super) fn check(written: &Syntax<'_>) -> Result<Node, Fault> {
    let mut checker = Checker {
        nodes: 0,
        instrument: None,
        timeframe: None,
    };
    let root = checker.node(written, 1)?;
    let bars = root.window();
    if bars >= WINDOW_MAX {
        return Err(fault(0, Kind::WindowTooLong { bars: bars + 1 }));
    }
    let bars = root.held_bars();
    if bars > HELD_BARS_MAX {
        return Err(fault(0, Kind::TooManyHeldBars { bars }));
    }
    Ok(root)
}

pub(super) fn fault(at: usize, kind: Kind) -> Fault {
    Fault { at, kind }
}

struct Checker {
    nodes: usize,
    /// Where the node that is being checked is computed, if that is not the stream's own place.
    instrument: Option<InstrumentKey>,
    timeframe: Option<Timeframe>,
}

impl Checker {
    fn count(&mut self, at: usize, depth: usize) -> Result<(), Fault> {
        self.nodes += 1;
        if depth > DEPTH_MAX {
            return Err(fault(at, Kind::TooDeep));
        }
        if self.nodes > NODES_MAX {
            return Err(fault(at, Kind::TooManyNodes));
        }
        Ok(())
    }

    /// A node at `depth`, of any type; an indicator may have several outputs.
    fn node(&mut self, written: &Syntax<'_>, depth: usize) -> Result<Node, Fault> {
        let at = written.at;
        self.count(at, depth)?;
        match &written.kind {
            SyntaxKind::Number(number) => Ok(Node::Number(*number)),
            SyntaxKind::Days(_) => Err(fault(at, Kind::StrayTenor)),
            SyntaxKind::Name(name) => series(name, at),
            SyntaxKind::Call {
                name,
                arguments,
                output,
            } => {
                let lower = name.to_ascii_lowercase();
                let positional = arguments.iter().filter(|argument| argument.name.is_none());
                let positional = positional.count();
                // `max` and `min` of one series over a window are the catalogue's.
                let function = Function::find(&lower).filter(|function| {
                    !matches!(function, Function::Max | Function::Min)
                        || positional >= 2
                        || find(&lower).is_none()
                });
                if let Some(function) = function {
                    if let Some(output) = output {
                        let (function, name) = (function.name(), output.text.to_ascii_lowercase());
                        return Err(fault(output.at, Kind::FunctionOutput { function, name }));
                    }
                    return self.function(function, arguments, depth, at);
                }
                if let Some(usage) = OptionSource::usage(&lower) {
                    return option(&lower, usage, arguments, *output, at);
                }
                let definition = indicator(&lower, at)?;
                let (mut inputs, parameters) = self.arguments(definition, arguments, depth, at)?;
                while inputs.len() < definition.chosen_inputs() {
                    self.count(at, depth + 1)?;
                    inputs.push(Node::Series(Series::Close));
                }
                let output = output.map(|name| output_index(definition, name)).transpose()?;
                Ok(Node::Indicator {
                    definition,
                    parameters,
                    inputs,
                    output,
                })
            }
            SyntaxKind::At {
                operand,
                instrument,
                timeframe,
            } => self.elsewhere(operand, *instrument, *timeframe, depth),
            SyntaxKind::Unary { operator, operand } => {
                let node = self.value(operand, depth + 1)?;
                let wants_condition = *operator == UnaryOperator::Not;
                require(&node, wants_condition, operator.symbol(), operand.at)?;
                Ok(Node::Unary {
                    operator: *operator,
                    operand: Box::new(node),
                })
            }
            SyntaxKind::Binary {
                operator,
                left: left_written,
                right: right_written,
            } => {
                let left = self.value(left_written, depth + 1)?;
                let right = self.value(right_written, depth + 1)?;
                let wants_condition = match operator {
                    BinaryOperator::And | BinaryOperator::Or => true,
                    BinaryOperator::Equal | BinaryOperator::NotEqual => left.is_boolean(),
                    _ => false,
                };
                require(&left, wants_condition, operator.symbol(), left_written.at)?;
                require(&right, wants_condition, operator.symbol(), right_written.at)?;
                Ok(Node::Binary {
                    operator: *operator,
                    left: Box::new(left),
                    right: Box::new(right),
                })
            }
        }
    }

    /// A node inside another: one value.
    fn value(&mut self, written: &Syntax<'_>, depth: usize) -> Result<Node, Fault> {
        let node = self.node(written, depth)?;
        let computed = match &node {
            Node::At { operand, .. } => operand,
            node => node,
        };
        match computed {
            Node::Option { source, output: None } => {
                let kind = Kind::OutputNeeded {
                    indicator: "it",
                    outputs: source.outputs(),
                };
                Err(fault(written.at, kind))
            }
            Node::Indicator {
                definition,
                output: None,
                ..
            } if definition.outputs.len() > 1 => {
                let kind = Kind::OutputNeeded {
                    indicator: definition.name,
                    outputs: definition.outputs,
                };
                Err(fault(written.at, kind))
            }
            _ => Ok(node),
        }
    }

    /// An operand at another place.
    fn elsewhere(
        &mut self,
        operand: &Syntax<'_>,
        instrument: Option<Word<'_>>,
        timeframe: Option<Word<'_>>,
        depth: usize,
    ) -> Result<Node, Fault> {
        let instrument = instrument.map(instrument_key).transpose()?;
        let parsed = timeframe.map(|word| {
            let parsed = word.text.to_ascii_lowercase().parse::<Timeframe>();
            parsed.map_err(|error| fault(word.at, Kind::Timeframe(error)))
        });
        let timeframe_at = timeframe.map_or(operand.at, |word| word.at);
        let timeframe = parsed.transpose()?;
        let outer = self.timeframe.unwrap_or(Timeframe::MINUTE);
        if let Some(inner) = timeframe
            && inner < outer
        {
            return Err(fault(timeframe_at, Kind::TimeframeShorter { inner, outer }));
        }
        let around = (self.instrument.clone(), self.timeframe);
        // What is said again says nothing.
        let new_instrument = instrument.filter(|key| self.instrument.as_ref() != Some(key));
        let new_timeframe = timeframe.filter(|timeframe| self.timeframe != Some(*timeframe));
        self.instrument = new_instrument.clone().or(self.instrument.take());
        self.timeframe = new_timeframe.or(self.timeframe);
        let node = self.node(operand, depth + 1);
        (self.instrument, self.timeframe) = around;
        Ok(node?.at(new_instrument, new_timeframe))
    }

    /// A function of the language.
    fn function(
        &mut self,
        function: Function,
        arguments: &[Argument<'_>],
        depth: usize,
        at: usize,
    ) -> Result<Node, Fault> {
        let usage = function.usage();
        let (operands, bars) = match function {
            Function::Shift => arguments.split_at(arguments.len().min(1)),
            _ => (arguments, &[][..]),
        };
        if let Some(named) = operands.iter().find(|argument| argument.name.is_some()) {
            return Err(fault(named.value.at, Kind::NamedArgument { usage }));
        }
        let (fewest, most) = function.arguments();
        if !(fewest..=most).contains(&operands.len()) || bars.len() > 1 {
            let given = arguments.len();
            return Err(fault(at, Kind::ArgumentCount { usage, given }));
        }
        let mut nodes = Vec::with_capacity(operands.len());
        for (place, Argument { value, .. }) in operands.iter().enumerate() {
            let node = self.value(value, depth + 1)?;
            match (function, place) {
                (Function::If, 0) => require(&node, true, function.name(), value.at)?,
                (Function::If, 1) | (Function::Shift, _) => {}
                (Function::If, _) => {
                    if nodes.last().map(Node::is_boolean) != Some(node.is_boolean()) {
                        return Err(fault(value.at, Kind::BranchesDiffer));
                    }
                }
                _ => require(&node, false, function.name(), value.at)?,
            }
            nodes.push(node);
        }
        match (function, nodes.pop()) {
            (Function::Shift, Some(operand)) => Ok(Node::Shift {
                operand: Box::new(operand),
                bars: shift_bars(bars.first())?,
            }),
            (function, last) => {
                nodes.extend(last);
                Ok(Node::Function {
                    function,
                    arguments: nodes,
                })
            }
        }
    }

    /// Series first, then numbers, then named parameters; defaults for the rest.
    fn arguments(
        &mut self,
        definition: &'static Definition,
        arguments: &[Argument<'_>],
        depth: usize,
        at: usize,
    ) -> Result<(Vec<Node>, Vec<f64>), Fault> {
        let indicator = definition.name;
        let mut inputs = Vec::new();
        let mut given: Vec<Option<f64>> = vec![None; definition.parameters.len()];
        // Byte of each parameter, to point at the one that is out of bounds.
        let mut places = vec![at; given.len()];
        let mut positions = 0..given.len();
        let (mut numbers, mut names) = (false, false);
        for Argument { name, value } in arguments {
            let literal = literal(value);
            let slot = match (name, literal) {
                (Some(name), _) => {
                    names = true;
                    let slot = parameter_index(definition, *name)?;
                    if given[slot].is_some() {
                        let name = definition.parameters[slot].name;
                        return Err(fault(value.at, Kind::RepeatedParameter { indicator, name }));
                    }
                    slot
                }
                (None, _) if names => return Err(fault(value.at, Kind::ArgumentOrder { indicator })),
                (None, Some(_)) => {
                    numbers = true;
                    positions.next().ok_or_else(|| {
                        let parameters = parameter_names(definition);
                        let taken = parameters.len();
                        fault(
                            value.at,
                            Kind::TooManyParameters {
                                indicator,
                                taken,
                                parameters,
                            },
                        )
                    })?
                }
                (None, None) if numbers => return Err(fault(value.at, Kind::ArgumentOrder { indicator })),
                (None, None) => {
                    let taken = definition.chosen_inputs();
                    if inputs.len() == taken {
                        return Err(fault(value.at, Kind::TooManyInputs { indicator, taken }));
                    }
                    let node = self.value(value, depth + 1)?;
                    require(&node, false, indicator, value.at)?;
                    inputs.push(node);
                    continue;
                }
            };
            let number = literal.ok_or_else(|| {
                fault(
                    value.at,
                    Kind::NotANumber {
                        indicator,
                        name: definition.parameters[slot].name,
                    },
                )
            })?;
            given[slot] = Some(number);
            places[slot] = value.at;
        }
        let parameters: Vec<f64> = definition
            .parameters
            .iter()
            .zip(given)
            .map(|(parameter, given)| given.unwrap_or(parameter.default))
            .collect();
        definition.check(&parameters).map_err(|error| {
            let wrong = error
                .parameter()
                .and_then(|name| definition.parameters.iter().position(|p| p.name == name));
            fault(wrong.map_or(at, |slot| places[slot]), Kind::Parameter(error))
        })?;
        Ok((inputs, parameters))
    }
}

/// By how many bars to shift; by one unless told.
fn shift_bars(argument: Option<&Argument<'_>>) -> Result<u32, Fault> {
    const NAME: (&str, &str) = ("shift", "bars");
    let Some(Argument { name, value }) = argument else {
        return Ok(1);
    };
    if let Some(name) = name.filter(|name| !name.text.eq_ignore_ascii_case(NAME.1)) {
        let kind = Kind::UnknownParameter {
            indicator: NAME.0,
            name: name.text.to_ascii_lowercase(),
            parameters: vec![NAME.1],
        };
        return Err(fault(name.at, kind));
    }
    let bars = literal(value).ok_or_else(|| {
        let kind = Kind::NotANumber {
            indicator: NAME.0,
            name: NAME.1,
        };
        fault(value.at, kind)
    })?;
    let maximum = (WINDOW_MAX - 1) as f64;
    let refused = |error| Err(fault(value.at, Kind::Parameter(error)));
    if !(1.0..=maximum).contains(&bars) {
        return refused(ParameterError::OutOfBounds {
            indicator: NAME.0,
            parameter: NAME.1,
            value: bars,
            minimum: 1.0,
            maximum,
        });
    }
    if bars.fract() != 0.0 {
        return refused(ParameterError::NotWhole {
            indicator: NAME.0,
            parameter: NAME.1,
            value: bars,
        });
    }
    Ok(bars as u32)
}

fn instrument_key(word: Word<'_>) -> Result<InstrumentKey, Fault> {
    InstrumentKey::parse(word.text).map_err(|error| fault(word.at, Kind::Instrument(error.to_string())))
}

/// The indicator of a name in an expression (lower case).
fn catalogue(name: &str) -> Option<&'static Definition> {
    let renamed = RENAMED.iter().find(|(renamed, _)| *renamed == name);
    find(renamed.map_or(name, |(_, indicator)| indicator))
}

/// A plain number, with or without a sign. -0 is 0, so that it has one spelling.
pub(super) fn literal(written: &Syntax<'_>) -> Option<f64> {
    match &written.kind {
        SyntaxKind::Number(number) => Some(*number),
        SyntaxKind::Unary {
            operator: UnaryOperator::Negate,
            operand,
        } => match operand.kind {
            SyntaxKind::Number(number) => Some(0.0 - number),
            _ => None,
        },
        _ => None,
    }
}

fn require(node: &Node, condition: bool, operator: &'static str, at: usize) -> Result<(), Fault> {
    match (node.is_boolean(), condition) {
        (true, false) => Err(fault(at, Kind::NumberNeeded { operator })),
        (false, true) => Err(fault(at, Kind::ConditionNeeded { operator })),
        _ => Ok(()),
    }
}

fn series(name: &str, at: usize) -> Result<Node, Fault> {
    let name = name.to_ascii_lowercase();
    if let Some(function) = Function::find(&name) {
        let usage = function.usage();
        return Err(fault(at, Kind::ArgumentCount { usage, given: 0 }));
    }
    if let Some(output) = GREEKS.iter().position(|greek| *greek == name) {
        return Ok(Node::Option {
            source: OptionSource::Greeks,
            output: Some(output),
        });
    }
    if let Some(usage) = OptionSource::usage(&name) {
        return Err(fault(at, Kind::ArgumentCount { usage, given: 0 }));
    }
    match (Series::find(&name), catalogue(&name)) {
        (Some(series), _) => Ok(Node::Series(series)),
        (None, Some(definition)) => Err(fault(
            at,
            Kind::NotASeries {
                name: name_of(definition),
            },
        )),
        (None, None) => Err(unknown(name, at)),
    }
}

/// The indicator of a name, in lower case.
fn indicator(name: &str, at: usize) -> Result<&'static Definition, Fault> {
    match (catalogue(name), Series::find(name)) {
        (Some(definition), _) => Ok(definition),
        (None, Some(series)) => Err(fault(at, Kind::NotAnIndicator { name: series.name() })),
        (None, None) => Err(unknown(name.to_owned(), at)),
    }
}

fn unknown(name: String, at: usize) -> Fault {
    let indicators = registry()
        .iter()
        .flat_map(|definition| definition.aliases.iter().copied().chain([definition.name]));
    let nearest = Series::ALL
        .into_iter()
        .map(Series::name)
        .chain(Function::ALL.map(Function::name))
        .chain(RENAMED.map(|(renamed, _)| renamed))
        .chain(OptionSource::names())
        .chain(indicators)
        .map(|known| (strsim::damerau_levenshtein(&name, known), known))
        .filter(|(edits, known)| *edits <= NEAREST_EDITS_MAX && *edits < known.len())
        .min()
        .map(|(_, known)| known);
    fault(at, Kind::UnknownName { name, nearest })
}

fn output_index(definition: &'static Definition, name: Word<'_>) -> Result<usize, Fault> {
    let (indicator, outputs) = (definition.name, definition.outputs);
    let text = name.text.to_ascii_lowercase();
    if outputs.len() == 1 {
        return Err(fault(
            name.at,
            Kind::SingleOutput {
                indicator,
                name: text,
            },
        ));
    }
    let index = outputs.iter().position(|output| *output == text);
    index.ok_or_else(|| {
        fault(
            name.at,
            Kind::UnknownOutput {
                indicator,
                name: text,
                outputs,
            },
        )
    })
}

fn parameter_names(definition: &Definition) -> Vec<&'static str> {
    definition
        .parameters
        .iter()
        .map(|parameter| parameter.name)
        .collect()
}

fn parameter_index(definition: &Definition, name: Word<'_>) -> Result<usize, Fault> {
    let text = name.text.to_ascii_lowercase();
    let index = definition
        .parameters
        .iter()
        .position(|parameter| parameter.name == text);
    index.ok_or_else(|| {
        let parameters = parameter_names(definition);
        fault(
            name.at,
            Kind::UnknownParameter {
                indicator: definition.name,
                name: text,
                parameters,
            },
        )
    })
}
