//! What expressions know of options: Greeks of a contract, figures and buckets of a chain.

use std::fmt;

use jiff::civil::Date;
use tickwire_options::{Figure, Moneyness};

use super::check::{fault, literal};
use super::error::Fault;
use super::print::Decimal;
use super::syntax::{Argument, Syntax, SyntaxKind, Word};
use super::{BinaryOperator, ExpressionErrorKind as Kind, Node};

/// Volatility and Greeks of a contract, in the order of every list.
pub(crate) const GREEKS: [&str; 6] = ["iv", "delta", "gamma", "theta", "vega", "rho"];
/// What a bucket tells.
const BUCKET: [&str; 7] = ["strike", "iv", "delta", "gamma", "theta", "vega", "rho"];
/// What a chain tells, as [`Figure::ALL`].
const CHAIN: [&str; 7] = {
    let mut names = [""; 7];
    let mut at = 0;
    while at < names.len() {
        names[at] = Figure::ALL[at].as_str();
        at += 1;
    }
    names
};

/// Days of a constant time to expiry, at the most.
pub(super) const TENOR_DAYS_MAX: f64 = 3_650.0;

/// When options expire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tenor {
    /// So many days from now, which lie between expiries.
    Days(f64),
    /// On this day.
    Expiry(Date),
}

impl fmt::Display for Tenor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{}d", Decimal(*days)),
            Self::Expiry(day) => write!(f, "{day}"),
        }
    }
}

/// Where figures of options come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptionSource {
    /// The contract whose stream it is.
    Greeks,
    /// A strike of the chain of the underlying whose stream it is. Of a constant time to
    /// expiry, one of the expiry nearest to it.
    Bucket(Tenor, Moneyness),
    /// The chain of the underlying whose stream it is.
    Chain(Tenor),
}

impl OptionSource {
    /// Names of its outputs.
    #[must_use]
    pub fn outputs(self) -> &'static [&'static str] {
        match self {
            Self::Greeks => &GREEKS,
            Self::Bucket(..) => &BUCKET,
            Self::Chain(_) => &CHAIN,
        }
    }

    /// How it is written with all its outputs, or with one of them.
    pub(super) fn write(self, output: Option<usize>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = output.and_then(|output| self.outputs().get(output).copied());
        match self {
            Self::Greeks => f.write_str(name.unwrap_or("greeks()")),
            Self::Bucket(tenor, moneyness) => {
                write!(f, "{}({tenor},{})", name.unwrap_or("greeks"), moneyness.as_str())
            }
            Self::Chain(tenor) => write!(f, "{}({tenor})", name.unwrap_or("chain")),
        }
    }

    /// How a name (lower case) is written.
    pub(super) fn usage(name: &str) -> Option<&'static str> {
        Some(match name {
            "greeks" => "greeks() of an option, greeks(30d,atm) of a chain",
            "iv" => "iv of an option, iv(30d,atm) of a chain",
            "delta" => "delta of an option, delta(30d,put_25d) of a chain",
            "gamma" => "gamma of an option, gamma(30d,atm) of a chain",
            "theta" => "theta of an option, theta(30d,atm) of a chain",
            "vega" => "vega of an option, vega(30d,atm) of a chain",
            "rho" => "rho of an option, rho(30d,atm) of a chain",
            "strike" => "strike(30d,call_10d)",
            "chain" => "chain(30d)",
            "atm_iv" => "atm_iv(30d)",
            "skew_25d" => "skew_25d(30d)",
            "butterfly_25d" => "butterfly_25d(30d)",
            "pcr_oi" => "pcr_oi(30d)",
            "pcr_volume" => "pcr_volume(30d)",
            "max_pain" => "max_pain(30d)",
            "forward" => "forward(30d)",
            _ => return None,
        })
    }

    /// Every name.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        ["greeks", "chain", "strike"]
            .into_iter()
            .chain(GREEKS)
            .chain(CHAIN)
    }
}

/// Greeks of an option, or figures of a chain; `name` in lower case.
pub(super) fn option(
    name: &str,
    usage: &'static str,
    arguments: &[Argument<'_>],
    chosen: Option<Word<'_>>,
    at: usize,
) -> Result<Node, Fault> {
    if let Some(named) = arguments.iter().find(|argument| argument.name.is_some()) {
        return Err(fault(named.value.at, Kind::NamedArgument { usage }));
    }
    let count = || {
        let given = arguments.len();
        fault(at, Kind::ArgumentCount { usage, given })
    };
    let is_greek = GREEKS.contains(&name) || name == "greeks";
    let source = match arguments {
        [] if is_greek => OptionSource::Greeks,
        [tenor_written, moneyness_written] if is_greek || name == "strike" => {
            OptionSource::Bucket(tenor(&tenor_written.value)?, moneyness(&moneyness_written.value)?)
        }
        [tenor_written] if !is_greek && name != "strike" => OptionSource::Chain(tenor(&tenor_written.value)?),
        _ => return Err(count()),
    };
    let index = |wanted: &str| source.outputs().iter().position(|output| *output == wanted);
    let whole = matches!(name, "greeks" | "chain");
    let output = match chosen {
        None if whole => None,
        None => Some(index(name).ok_or_else(count)?),
        Some(word) => {
            let text = word.text.to_ascii_lowercase();
            let kind = |name| match whole {
                true => Kind::UnknownOutput {
                    indicator: if is_greek { "greeks" } else { "chain" },
                    name,
                    outputs: source.outputs(),
                },
                false => Kind::FunctionOutput {
                    function: usage,
                    name,
                },
            };
            let found = index(&text).filter(|_| whole);
            Some(found.ok_or_else(|| fault(word.at, kind(text)))?)
        }
    };
    Ok(Node::Option { source, output })
}

/// A time to expiry: `30d`, or a day. The day is read from what it is as arithmetic,
/// which it cannot be here.
fn tenor(written: &Syntax<'_>) -> Result<Tenor, Fault> {
    let wrong = || fault(written.at, Kind::Tenor);
    let subtraction = |written: &Syntax<'_>| match &written.kind {
        SyntaxKind::Binary {
            operator: BinaryOperator::Subtract,
            left,
            right,
        } => Some((literal(left), literal(right)?)),
        _ => None,
    };
    match &written.kind {
        SyntaxKind::Days(days) | SyntaxKind::Number(days) if *days > 0.0 && *days <= TENOR_DAYS_MAX => {
            Ok(Tenor::Days(*days))
        }
        SyntaxKind::Binary { left, .. } => {
            let (Some((_, day)), Some((Some(year), month))) = (subtraction(written), subtraction(left))
            else {
                return Err(wrong());
            };
            let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 1e4).then_some(number as i16);
            let part = |number: f64| whole(number).and_then(|number| i8::try_from(number).ok());
            let date = whole(year).zip(part(month)).zip(part(day));
            let date = date.and_then(|((year, month), day)| Date::new(year, month, day).ok());
            date.filter(|date| date.year() >= 1_000)
                .map(Tenor::Expiry)
                .ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

fn moneyness(written: &Syntax<'_>) -> Result<Moneyness, Fault> {
    let found = match &written.kind {
        SyntaxKind::Name(name) => Moneyness::ALL
            .into_iter()
            .find(|moneyness| name.eq_ignore_ascii_case(moneyness.as_str())),
        _ => None,
    };
    found.ok_or_else(|| fault(written.at, Kind::Moneyness))
}
