//! From text to a tree of what was written; names are not looked up yet.

use tickwire_indicators::MAGNITUDE_MAX;
use winnow::ascii::{digit1, multispace0};
use winnow::combinator::{Infix, Postfix, Prefix, alt, expression, fail, opt, peek};
use winnow::error::{ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stateful};
use winnow::token::{any, one_of, take_while};

use super::error::{Fault, found};
use super::node::COMPARISON_POWER;
use super::{BinaryOperator, DEPTH_MAX, ExpressionErrorKind, Function, UnaryOperator};

const OPERAND: &str = "a number, a series, an indicator, `(`, `-` or `not`";

/// What was written, and at which byte.
#[derive(Debug)]
pub(super) struct Syntax<'a> {
    pub(super) at: usize,
    /// In parentheses.
    grouped: bool,
    pub(super) kind: SyntaxKind<'a>,
}

impl<'a> Syntax<'a> {
    fn new(at: usize, kind: SyntaxKind<'a>) -> Self {
        Self {
            at,
            grouped: false,
            kind,
        }
    }
}

#[derive(Debug)]
pub(super) enum SyntaxKind<'a> {
    Number(f64),
    /// `30d`
    Days(f64),
    Name(&'a str),
    Call {
        name: &'a str,
        arguments: Vec<Argument<'a>>,
        output: Option<Word<'a>>,
    },
    Unary {
        operator: UnaryOperator,
        operand: Box<Syntax<'a>>,
    },
    Binary {
        operator: BinaryOperator,
        left: Box<Syntax<'a>>,
        right: Box<Syntax<'a>>,
    },
    /// `[instrument]`, `@timeframe` or both behind an operand.
    At {
        operand: Box<Syntax<'a>>,
        instrument: Option<Word<'a>>,
        timeframe: Option<Word<'a>>,
    },
}

#[derive(Debug)]
pub(super) struct Argument<'a> {
    /// `period` of `period=14`.
    pub(super) name: Option<Word<'a>>,
    pub(super) value: Syntax<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
}

/// Bytes of the parentheses and signs that are open: how deep the parser is.
type Open = Vec<usize>;
type Text<'a> = Stateful<LocatingSlice<&'a str>, Open>;
type Parsed<T> = Result<T, ErrMode<Fault>>;

impl<'a> ParserError<Text<'a>> for Fault {
    type Inner = Self;

    fn from_input(input: &Text<'a>) -> Self {
        unexpected(input, OPERAND)
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

/// Reads all of `text`.
pub(super) fn parse(text: &str) -> Result<Syntax<'_>, Fault> {
    let mut input = Stateful {
        input: LocatingSlice::new(text),
        state: Vec::new(),
    };
    let parsed = whole(&mut input).and_then(|syntax| {
        multispace0.parse_next(&mut input)?;
        if input.is_empty() {
            Ok(syntax)
        } else {
            Err(expected(&input, "an operator or the end"))
        }
    });
    parsed.map_err(|error| match error {
        ErrMode::Backtrack(fault) | ErrMode::Cut(fault) => fault,
        ErrMode::Incomplete(_) => unexpected(&input, OPERAND),
    })
}

fn unexpected(input: &Text<'_>, expected: &'static str) -> Fault {
    let found = found(input, 0);
    Fault {
        at: input.current_token_start(),
        kind: ExpressionErrorKind::Unexpected { found, expected },
    }
}

/// An error that no alternative can mend.
fn expected(input: &Text<'_>, expected: &'static str) -> ErrMode<Fault> {
    ErrMode::Cut(unexpected(input, expected))
}

/// One level deeper, from the token at `at`.
fn open(input: &mut Text<'_>, at: usize) -> Parsed<()> {
    if input.state.len() == DEPTH_MAX {
        return Err(ErrMode::Cut(Fault {
            at,
            kind: ExpressionErrorKind::TooDeep,
        }));
    }
    input.state.push(at);
    Ok(())
}

/// Operators by how tightly they bind, all operands.
fn whole<'a>(input: &mut Text<'a>) -> Parsed<Syntax<'a>> {
    expression(operand)
        .prefix(prefix)
        .postfix(fail::<_, Postfix<Text<'a>, Syntax<'a>, ErrMode<Fault>>, _>)
        .infix(infix)
        .parse_next(input)
}

/// Fails without having consumed, or for good.
fn operand<'a>(input: &mut Text<'a>) -> Parsed<Syntax<'a>> {
    let operand = primary(input)?;
    let (mut instrument, mut timeframe) = (None, None);
    loop {
        if opt(multispace_then('[')).parse_next(input)?.is_some() {
            place(input, &mut instrument, "the key of an instrument", |c| {
                c != ']' && !c.is_whitespace()
            })?;
            if opt(multispace_then(']')).parse_next(input)?.is_none() {
                return Err(expected(input, "`]`"));
            }
        } else if opt(multispace_then('@')).parse_next(input)?.is_some() {
            place(input, &mut timeframe, "a timeframe", |c| {
                c.is_ascii_alphanumeric()
            })?;
        } else if instrument.is_none() && timeframe.is_none() {
            return Ok(operand);
        } else {
            let at = operand.at;
            let kind = SyntaxKind::At {
                operand: Box::new(operand),
                instrument,
                timeframe,
            };
            return Ok(Syntax::new(at, kind));
        }
    }
}

/// One word that says where an operand is computed; there may be one of its kind.
fn place<'a>(
    input: &mut Text<'a>,
    word: &mut Option<Word<'a>>,
    what: &'static str,
    is_part: impl Fn(char) -> bool,
) -> Parsed<()> {
    multispace0.parse_next(input)?;
    let at = input.current_token_start();
    let text = take_while(0.., is_part).parse_next(input)?;
    if text.is_empty() {
        return Err(expected(input, what));
    }
    if word.replace(Word { at, text }).is_some() {
        let kind = ExpressionErrorKind::RepeatedPlace { what };
        return Err(ErrMode::Cut(Fault { at, kind }));
    }
    Ok(())
}

/// An operand without what may stand behind it.
fn primary<'a>(input: &mut Text<'a>) -> Parsed<Syntax<'a>> {
    multispace0.parse_next(input)?;
    let at = input.current_token_start();
    match peek(any).parse_next(input)? {
        '(' => nested(input, at),
        '0'..='9' => number(input, at),
        _ => {
            let name = word.verify(|word: &str| !is_operator(word)).parse_next(input)?;
            multispace_then('(')
                .parse_next(input)
                .map_or(Ok(Syntax::new(at, SyntaxKind::Name(name))), |()| {
                    let arguments = arguments(input, at)?;
                    let output = opt('.').parse_next(input)?;
                    let output = output
                        .map(|_| named_word(input, "the name of an output"))
                        .transpose()?;
                    Ok(Syntax::new(
                        at,
                        SyntaxKind::Call {
                            name,
                            arguments,
                            output,
                        },
                    ))
                })
        }
    }
}

fn is_operator(word: &str) -> bool {
    ["and", "or", "not"]
        .iter()
        .any(|operator| word.eq_ignore_ascii_case(operator))
}

fn word<'a>(input: &mut Text<'a>) -> Parsed<&'a str> {
    (
        one_of(|c: char| c.is_ascii_alphabetic() || c == '_'),
        take_while(0.., |c: char| c.is_ascii_alphanumeric() || c == '_'),
    )
        .take()
        .parse_next(input)
}

fn named_word<'a>(input: &mut Text<'a>, what: &'static str) -> Parsed<Word<'a>> {
    let at = input.current_token_start();
    match opt(word).parse_next(input)? {
        Some(text) => Ok(Word { at, text }),
        None => Err(expected(input, what)),
    }
}

/// Blanks and a character; nothing is consumed unless both are there.
fn multispace_then<'a>(wanted: char) -> impl Parser<Text<'a>, (), ErrMode<Fault>> {
    move |input: &mut Text<'a>| {
        let found = opt((multispace0, wanted)).parse_next(input)?;
        found
            .map(|_| ())
            .ok_or_else(|| ErrMode::Backtrack(unexpected(input, OPERAND)))
    }
}

fn number<'a>(input: &mut Text<'a>, at: usize) -> Parsed<Syntax<'a>> {
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1);
    let number = (digit1, opt(('.', digit1)), opt(exponent))
        .take()
        .parse_to::<f64>()
        .parse_next(input)?;
    if number > MAGNITUDE_MAX {
        return Err(ErrMode::Cut(Fault {
            at,
            kind: ExpressionErrorKind::NumberTooLarge {
                maximum: MAGNITUDE_MAX,
            },
        }));
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let days = opt((one_of(['d', 'D']), winnow::combinator::not(one_of(is_part)))).parse_next(input)?;
    let kind = days.map_or(SyntaxKind::Number(number), |_| SyntaxKind::Days(number));
    Ok(Syntax::new(at, kind))
}

fn nested<'a>(input: &mut Text<'a>, at: usize) -> Parsed<Syntax<'a>> {
    open(input, at)?;
    '('.parse_next(input)?;
    let inner = whole(input)?;
    multispace0.parse_next(input)?;
    if opt(')').parse_next(input)?.is_none() {
        return Err(expected(input, "an operator or `)`"));
    }
    input.state.pop();
    Ok(Syntax {
        at,
        grouped: true,
        ..inner
    })
}

/// From behind the opening parenthesis to behind the closing one.
fn arguments<'a>(input: &mut Text<'a>, at: usize) -> Parsed<Vec<Argument<'a>>> {
    open(input, at)?;
    let mut arguments = Vec::new();
    let mut closed = opt(multispace_then(')')).parse_next(input)?.is_some();
    while !closed {
        let name = opt(parameter_name).parse_next(input)?;
        arguments.push(Argument {
            name,
            value: whole(input)?,
        });
        multispace0.parse_next(input)?;
        closed = match opt(one_of([',', ')'])).parse_next(input)? {
            Some(separator) => separator == ')',
            None => return Err(expected(input, "an operator, `,` or `)`")),
        };
    }
    input.state.pop();
    Ok(arguments)
}

/// `period=`, but not `period==`.
fn parameter_name<'a>(input: &mut Text<'a>) -> Parsed<Word<'a>> {
    multispace0.parse_next(input)?;
    let at = input.current_token_start();
    let text = word.parse_next(input)?;
    (multispace0, '=', winnow::combinator::not('=')).parse_next(input)?;
    Ok(Word { at, text })
}

/// Called where an operand is needed and none was found: a sign, or an error for good.
fn prefix<'a>(input: &mut Text<'a>) -> Parsed<Prefix<Text<'a>, Syntax<'a>, ErrMode<Fault>>> {
    multispace0.parse_next(input)?;
    let at = input.current_token_start();
    let negate = '-'.value(UnaryOperator::Negate);
    let not = word
        .verify(|word: &str| word.eq_ignore_ascii_case("not"))
        .value(UnaryOperator::Not);
    let Some(operator) = opt(alt((negate, not))).parse_next(input)? else {
        return Err(expected(input, OPERAND));
    };
    open(input, at)?;
    Ok(match operator {
        UnaryOperator::Negate => Prefix(operator.power(), |input, operand| {
            unary(input, UnaryOperator::Negate, operand)
        }),
        UnaryOperator::Not => Prefix(operator.power(), |input, operand| {
            unary(input, UnaryOperator::Not, operand)
        }),
    })
}

fn unary<'a>(input: &mut Text<'a>, operator: UnaryOperator, operand: Syntax<'a>) -> Parsed<Syntax<'a>> {
    let at = input.state.pop().unwrap_or(operand.at);
    Ok(Syntax::new(
        at,
        SyntaxKind::Unary {
            operator,
            operand: Box::new(operand),
        },
    ))
}

fn binary<'a>(operator: BinaryOperator, left: Syntax<'a>, right: Syntax<'a>) -> Parsed<Syntax<'a>> {
    let at = left.at;
    let chained = match left.kind {
        SyntaxKind::Binary { operator: inner, .. } => {
            !left.grouped && inner.is_comparison() && operator.is_comparison()
        }
        _ => false,
    };
    if chained {
        return Err(ErrMode::Cut(Fault {
            at,
            kind: ExpressionErrorKind::Chained,
        }));
    }
    let (left, right) = (Box::new(left), Box::new(right));
    Ok(Syntax::new(
        at,
        SyntaxKind::Binary {
            operator,
            left,
            right,
        },
    ))
}

/// `a crosses_above b` is written as a call.
fn crossing<'a>(function: Function, left: Syntax<'a>, right: Syntax<'a>) -> Parsed<Syntax<'a>> {
    let argument = |value| Argument { name: None, value };
    Ok(Syntax::new(
        left.at,
        SyntaxKind::Call {
            name: function.name(),
            arguments: vec![argument(left), argument(right)],
            output: None,
        },
    ))
}

fn infix<'a>(input: &mut Text<'a>) -> Parsed<Infix<Text<'a>, Syntax<'a>, ErrMode<Fault>>> {
    use BinaryOperator as B;
    type Fold<'a> = fn(&mut Text<'a>, Syntax<'a>, Syntax<'a>) -> Parsed<Syntax<'a>>;

    multispace0.parse_next(input)?;
    let words = word.verify_map(|word: &str| {
        [B::And, B::Or]
            .into_iter()
            .find(|operator| word.eq_ignore_ascii_case(operator.symbol()))
    });
    let comparisons = alt((
        "<=".value(B::LessOrEqual),
        ">=".value(B::GreaterOrEqual),
        "==".value(B::Equal),
        "!=".value(B::NotEqual),
        "<".value(B::Less),
        ">".value(B::Greater),
    ));
    let arithmetic = alt((
        "+".value(B::Add),
        "-".value(B::Subtract),
        "*".value(B::Multiply),
        "/".value(B::Divide),
    ));
    let crossings = word.verify_map(|word: &str| {
        [Function::CrossesAbove, Function::CrossesBelow]
            .into_iter()
            .find(|function| word.eq_ignore_ascii_case(function.name()))
    });
    if let Some(function) = opt(crossings).parse_next(input)? {
        let fold: Fold<'a> = match function {
            Function::CrossesAbove => |_, left, right| crossing(Function::CrossesAbove, left, right),
            _ => |_, left, right| crossing(Function::CrossesBelow, left, right),
        };
        return Ok(Infix::Left(COMPARISON_POWER, fold));
    }
    let operator = alt((words, comparisons, arithmetic)).parse_next(input)?;
    let fold: Fold<'a> = match operator {
        B::Or => |_, left, right| binary(B::Or, left, right),
        B::And => |_, left, right| binary(B::And, left, right),
        B::Less => |_, left, right| binary(B::Less, left, right),
        B::LessOrEqual => |_, left, right| binary(B::LessOrEqual, left, right),
        B::Greater => |_, left, right| binary(B::Greater, left, right),
        B::GreaterOrEqual => |_, left, right| binary(B::GreaterOrEqual, left, right),
        B::Equal => |_, left, right| binary(B::Equal, left, right),
        B::NotEqual => |_, left, right| binary(B::NotEqual, left, right),
        B::Add => |_, left, right| binary(B::Add, left, right),
        B::Subtract => |_, left, right| binary(B::Subtract, left, right),
        B::Multiply => |_, left, right| binary(B::Multiply, left, right),
        B::Divide => |_, left, right| binary(B::Divide, left, right),
    };
    Ok(Infix::Left(operator.power(), fold))
}
