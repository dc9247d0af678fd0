//! From what was written to what is meant: names looked up, defaults filled in,
//! bounds and types checked.

use tickwire_indicators::{Definition, Series, find, registry};

use super::error::Fault;
use super::syntax::{Argument, Syntax, SyntaxKind, Word};
use super::{
    BinaryOperator, DEPTH_MAX, ExpressionErrorKind as Kind, NODES_MAX, Node, UnaryOperator, WINDOW_MAX,
};

/// How unlike a name may be, in edits, and still be proposed.
const NEAREST_EDITS_MAX: usize = 2;

pub(super) fn check(written: &Syntax<'_>) -> Result<Node, Fault> {
    let root = Checker { nodes: 0 }.node(written, 1)?;
    let bars = root.warm_up();
    if bars >= WINDOW_MAX {
        return Err(fault(0, Kind::WindowTooLong { bars: bars + 1 }));
    }
    Ok(root)
}

fn fault(at: usize, kind: Kind) -> Fault {
    Fault { at, kind }
}

struct Checker {
    nodes: usize,
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
            SyntaxKind::Name(name) => series(name, at),
            SyntaxKind::Call {
                name,
                arguments,
                output,
            } => {
                let definition = indicator(name, at)?;
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
        match node {
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
            node => Ok(node),
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

/// A plain number, with or without a sign. -0 is 0, so that it has one spelling.
fn literal(written: &Syntax<'_>) -> Option<f64> {
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
    match (Series::find(&name), find(&name)) {
        (Some(series), _) => Ok(Node::Series(series)),
        (None, Some(definition)) => Err(fault(
            at,
            Kind::NotASeries {
                name: definition.name,
            },
        )),
        (None, None) => Err(unknown(name, at)),
    }
}

fn indicator(name: &str, at: usize) -> Result<&'static Definition, Fault> {
    let name = name.to_ascii_lowercase();
    match (find(&name), Series::find(&name)) {
        (Some(definition), _) => Ok(definition),
        (None, Some(series)) => Err(fault(at, Kind::NotAnIndicator { name: series.name() })),
        (None, None) => Err(unknown(name, at)),
    }
}

fn unknown(name: String, at: usize) -> Fault {
    let indicators = registry()
        .iter()
        .flat_map(|definition| definition.aliases.iter().copied().chain([definition.name]));
    let nearest = Series::ALL
        .into_iter()
        .map(Series::name)
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
