//! The canonical form: no blanks but around `and`, `or`, `not`; no parentheses
//! that the grammar does not need; every parameter written.

use std::fmt;

use super::node::name_of;
use super::{BinaryOperator, Node};

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{}", Decimal(*number)),
            Self::Series(series) => write!(f, "{series}"),
            Self::Indicator {
                definition,
                parameters,
                inputs,
                output,
            } => {
                write!(f, "{}(", name_of(definition))?;
                let mut separator = "";
                for input in inputs {
                    write!(f, "{separator}{input}")?;
                    separator = ",";
                }
                for parameter in parameters {
                    write!(f, "{separator}{}", Decimal(*parameter))?;
                    separator = ",";
                }
                f.write_str(")")?;
                match output.and_then(|output| definition.outputs.get(output)) {
                    Some(name) => write!(f, ".{name}"),
                    None => Ok(()),
                }
            }
            Self::Option { source, output } => source.write(*output, f),
            Self::Function { function, arguments } => {
                write!(f, "{}(", function.name())?;
                for (at, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if at == 0 { "" } else { "," })?;
                }
                f.write_str(")")
            }
            Self::Shift { operand, bars } => write!(f, "shift({operand},{bars})"),
            Self::At {
                operand,
                instrument,
                timeframe,
            } => {
                within(f, operand, i64::MAX)?;
                if let Some(instrument) = instrument {
                    write!(f, "[{instrument}]")?;
                }
                match timeframe {
                    Some(timeframe) => write!(f, "@{timeframe}"),
                    None => Ok(()),
                }
            }
            Self::Unary { operator, operand } => {
                f.write_str(operator.symbol())?;
                if self.is_boolean() {
                    f.write_str(" ")?;
                }
                within(f, operand, operator.power())
            }
            Self::Binary {
                operator,
                left,
                right,
            } => {
                let power = operator.power();
                let loosest = if operator.is_comparison() {
                    power + 1
                } else {
                    power
                };
                within(f, left, loosest)?;
                match operator {
                    BinaryOperator::And | BinaryOperator::Or => write!(f, " {} ", operator.symbol())?,
                    _ => f.write_str(operator.symbol())?,
                }
                match **right {
                    // Nothing that could follow binds tighter, so it can stand bare.
                    Self::Unary { .. } => write!(f, "{right}"),
                    _ => within(f, right, power + 1),
                }
            }
        }
    }
}

/// Parentheses when `node` binds less tightly than its place asks.
fn within(f: &mut fmt::Formatter<'_>, node: &Node, power: i64) -> fmt::Result {
    let own = match node {
        Node::Unary { operator, .. } => operator.power(),
        Node::Binary { operator, .. } => operator.power(),
        _ => i64::MAX,
    };
    if own < power {
        write!(f, "({node})")
    } else {
        write!(f, "{node}")
    }
}

/// The shortest decimal that reads back to the same number, without `.0`.
pub(super) struct Decimal(pub(super) f64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:?}", self.0);
        f.write_str(text.strip_suffix(".0").unwrap_or(&text))
    }
}
