//! Patterns of streams: small, anchored, and matched in one pass.

use std::fmt;
use std::str::FromStr;

use tickwire_market::{InstrumentKey, Timeframe};
use tickwire_streams::{InstrumentStream, StreamKey};

use super::pattern_bytes_max;

/// `INSTRUMENT:TIMEFRAME:EXPRESSION`, each part whole or with a `*` where one may stand.
///
/// | part | takes |
/// | --- | --- |
/// | instrument | `*`: any; or as many parts as a key has, each of them itself, `*`, or `PREFIX*` |
/// | timeframe | `*`: any; or one |
/// | expression | `*`: any; `rsi(*)`: one call of a function on plain arguments; or one, in canonical form |
///
/// A star never reaches beyond its part. Of an expression that names other instruments each
/// of them has to match too, so nothing is reached through another instrument's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPattern {
    text: String,
    instrument: Instruments,
    timeframe: Option<Timeframe>,
    expression: Expressions,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Instruments {
    Any,
    Parts(Vec<Part>),
}

/// A part of an instrument key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Itself(String),
    Beginning(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expressions {
    Any,
    /// One call of the function, its arguments without calls, instruments or timeframes of their own.
    CallOf(String),
    Itself(String),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Too long, or not printable ASCII.
    #[error("a pattern has up to {pattern_bytes_max} bytes of printable ASCII without blanks at its ends")]
    Text,
    /// Fewer than three parts.
    #[error("a pattern is of the form INSTRUMENT:TIMEFRAME:EXPRESSION, where a part may be *")]
    Parts,
    /// Not a pattern of instruments.
    #[error(
        "instrument {0:?} is not one: write NSE@NIFTY@IDX, NSE@*@EQ, NFO@NIFTY@OPT@*@*@*, NSE@BANK*@IDX or *"
    )]
    Instrument(String),
    /// Not a timeframe.
    #[error("timeframe {0:?} is not one: write tick, 1m to 1440m, 1h, 4h, 1d or *")]
    Timeframe(String),
    /// Not an expression.
    #[error(
        "expression {0:?} is not one: write it in canonical form, rsi(*) for one call of a function, or *"
    )]
    Expression(String),
}

/// An option has six parts.
const INSTRUMENT_PARTS: std::ops::RangeInclusive<usize> = 3..=6;

impl StreamPattern {
    /// Whether it matches what a stream carries.
    pub fn matches(&self, stream: &InstrumentStream) -> bool {
        self.timeframe
            .is_none_or(|timeframe| timeframe == stream.timeframe)
            && self.instrument.matches(stream.instrument.as_str())
            && match &self.expression {
                Expressions::Any => self.instrument.match_all_named_in(&stream.expression),
                Expressions::CallOf(name) => is_plain_call(name, &stream.expression),
                Expressions::Itself(expression) => **expression == *stream.expression,
            }
    }
}

impl Instruments {
    fn matches(&self, key: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Parts(parts) => {
                key.split('@').count() == parts.len()
                    && key.split('@').zip(parts).all(|(text, part)| match part {
                        Part::Itself(whole) => text == whole,
                        Part::Beginning(beginning) => text.starts_with(beginning.as_str()),
                    })
            }
        }
    }

    /// Whether it matches every instrument that an expression names, which stand in brackets.
    fn match_all_named_in(&self, expression: &str) -> bool {
        expression
            .split('[')
            .skip(1)
            .all(|rest| rest.split_once(']').is_some_and(|(key, _)| self.matches(key)))
    }
}

/// Whether an expression is `name(…)`, and in the parentheses are names and numbers only.
fn is_plain_call(name: &str, expression: &str) -> bool {
    let arguments = expression
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'));
    arguments.is_some_and(|arguments| arguments.split(',').all(is_plain))
}

/// A name or a number, which may be negative; none, as in `macd()`, is one too.
fn is_plain(argument: &str) -> bool {
    let argument = argument.strip_prefix('-').unwrap_or(argument);
    argument
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'))
}

fn is_function_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

impl FromStr for StreamPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.len() > pattern_bytes_max || !printable || text.trim() != text {
            return Err(PatternError::Text);
        }
        let mut parts = text.splitn(3, ':');
        let (Some(instrument), Some(timeframe), Some(expression)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(PatternError::Parts);
        };
        Ok(Self {
            instrument: instruments(instrument)?,
            timeframe: match timeframe {
                "*" => None,
                _ => Some(one_timeframe(timeframe)?),
            },
            expression: expressions(expression)?,
            text: text.to_owned(),
        })
    }
}

fn instruments(text: &str) -> Result<Instruments, PatternError> {
    let wrong = || PatternError::Instrument(text.to_owned());
    if text == "*" {
        return Ok(Instruments::Any);
    }
    if !text.contains('*') {
        InstrumentKey::parse(text).map_err(|_| wrong())?;
    }
    let parts: Option<Vec<Part>> = text.split('@').map(part).collect();
    let parts = parts.filter(|parts| INSTRUMENT_PARTS.contains(&parts.len()));
    Ok(Instruments::Parts(parts.ok_or_else(wrong)?))
}

fn part(text: &str) -> Option<Part> {
    let beginning = text.strip_suffix('*');
    let letters = beginning.unwrap_or(text);
    let good = letters
        .bytes()
        .all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'&' | b'-' | b'.' | b'_'));
    match beginning {
        Some(_) if good => Some(Part::Beginning(letters.to_owned())),
        None if good && !letters.is_empty() => Some(Part::Itself(letters.to_owned())),
        _ => None,
    }
}

fn one_timeframe(text: &str) -> Result<Timeframe, PatternError> {
    let timeframe: Option<Timeframe> = text.parse().ok();
    timeframe
        .filter(|timeframe| timeframe.to_string() == text)
        .ok_or_else(|| PatternError::Timeframe(text.to_owned()))
}

fn expressions(text: &str) -> Result<Expressions, PatternError> {
    let wrong = || PatternError::Expression(text.to_owned());
    if text == "*" {
        return Ok(Expressions::Any);
    }
    if let Some(name) = text.strip_suffix("(*)") {
        return is_function_name(name)
            .then(|| Expressions::CallOf(name.to_owned()))
            .ok_or_else(wrong);
    }
    // What no stream of a product can carry would never match. A star is for multiplication here.
    let key = format!("marketplace/x:NSE@NIFTY@IDX:1m:{text}");
    match key.parse::<StreamKey>() {
        Ok(_) => Ok(Expressions::Itself(text.to_owned())),
        Err(_) => Err(wrong()),
    }
}

impl fmt::Display for StreamPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, stream: &str) -> bool {
        let pattern: StreamPattern = pattern.parse().unwrap();
        let key: StreamKey = format!("marketplace/gold:{stream}").parse().unwrap();
        pattern.matches(&key.stream)
    }

    #[test]
    fn a_star_stays_in_its_part() {
        let check = |pattern: &str, stream: &str, expected: bool| {
            assert_eq!(matches(pattern, stream), expected, "{pattern} {stream}");
        };
        const RSI: &str = "NSE@NIFTY@IDX:5m:rsi(close,14)";
        const CALL: &str = "NFO@NIFTY@OPT@2026-11-26@CE@24000:1m:sma(close,3)";
        check("*:*:*", RSI, true);
        check("NSE@NIFTY@IDX:5m:rsi(close,14)", RSI, true);
        check("NSE@NIFTY@IDX:*:*", RSI, true);
        check("NSE@NIFT@IDX:*:*", RSI, false);
        check("NSE@NIFT*@IDX:*:*", RSI, true);
        check("NSE@*@IDX:*:*", RSI, true);
        check("NSE@*@EQ:*:*", RSI, false);
        check("N*@*@*:*:*", RSI, true);
        check("BSE@*@*:*:*", RSI, false);
        check("*:1m:*", RSI, false);
        check("*:5m:*", RSI, true);
        // A key has as many parts as its pattern.
        check("NFO@NIFTY@*:*:*", CALL, false);
        check("NFO@NIFTY@OPT@*@*@*:*:*", CALL, true);
        check("NFO@NIFTY@OPT@2026-11-26@CE@*:*:*", CALL, true);
        check("NFO@NIFTY@OPT@2026-11-*@PE@*:*:*", CALL, false);
        check("NFO@NIFTY@OPT@*@*@24000:*:*", CALL, true);
        check("NFO@NIFTY@OPT@*@*@240*:*:*", CALL, true);
    }

    #[test]
    fn nothing_is_smuggled_through_an_expression() {
        let check = |pattern: &str, expression: &str, expected: bool| {
            let stream = format!("NASDAQ@AAPL@EQ:1m:{expression}");
            assert_eq!(matches(pattern, &stream), expected, "{pattern} {expression}");
        };
        check("*:*:rsi(*)", "rsi(close,14)", true);
        check("*:*:rsi(*)", "rsi(close,-1.5)", true);
        check("*:*:macd(*)", "macd()", true);
        // Another function that begins so, another output, two calls, and what is in a call.
        check("*:*:rsi(*)", "rsi2(close,14)", false);
        check("*:*:rsi(*)", "rsi(close,14).x", false);
        check("*:*:rsi(*)", "rsi(close,14)>rsi(close,3)", false);
        check(
            "*:*:rsi(*)",
            "rsi(close,14) and sma(close,3)>1 or (open>1)",
            false,
        );
        check("*:*:sma(*)", "sma(secret(close,3),1)", false);
        check("*:*:sma(*)", "sma(close[NASDAQ@MSFT@EQ],1)", false);
        check("*:*:sma(*)", "sma(close@1h,1)", false);
        check("*:*:sma(*)", "sma(close,3)@1h", false);
        // Other instruments must be of the product too.
        check("NASDAQ@AAPL@EQ:*:*", "close/sma(close,3)", true);
        check("NASDAQ@AAPL@EQ:*:*", "close[NASDAQ@MSFT@EQ]", false);
        check(
            "NASDAQ@*@EQ:*:*",
            "close[NASDAQ@MSFT@EQ]-close[NYSE@IBM@EQ]",
            false,
        );
        check("NASDAQ@*@EQ:*:*", "close[NASDAQ@MSFT@EQ]-open", true);
        check("NASDAQ@*@EQ:*:*", "close[NASDAQ@MSFT@EQ", false);
        check("*:*:*", "close[NYSE@IBM@EQ]", true);
        // Itself is itself.
        check("*:*:close*2", "close*2", true);
        check("*:*:close*2", "closex2", false);
        check("*:*:close*2", "close*22", false);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let long = format!("*:*:sma(close,{})", "1".repeat(128));
        for wrong in [
            "",
            "*",
            "*:*",
            "::",
            "*:*:",
            "*::*",
            ":*:*",
            " *:*:*",
            "*:*:* ",
            "*:*:\n",
            "*:*:\u{7f}",
            "*:*:é",
            "NSE:*:*",
            "NSE@*:*:*",
            "NSE@NIFTY@XYZ:*:*",
            "NSE@N*Y@IDX:*:*",
            "NSE@**@IDX:*:*",
            "nse@NIFTY@IDX:*:*",
            "NSE@@IDX:*:*",
            "A@B@C@D@E@F@*:*:*",
            ".*:*:*",
            "NSE@[A-Z]@IDX:*:*",
            "*:60:*",
            "*:5*:*",
            "*:01m:*",
            "*:60m:*",
            "*:*:price",
            "*:*:bars",
            "*:*:RSI(*)",
            "*:*:(*)",
            "*:*:a b(*)",
            "*:*:rsi(close)>rsi(*)",
            "marketplace/gold:NSE@NIFTY@IDX:1m:x\u{0}",
            long.as_str(),
        ] {
            assert!(wrong.parse::<StreamPattern>().is_err(), "{wrong:?}");
        }
    }

    proptest::proptest! {
        /// No text panics; what is read prints as it was.
        #[test]
        fn any_text_is_read_or_refused(text in "[A-Z@*:.a-z()0-9,\\[\\] -]{0,40}", any in ".{0,40}") {
            for text in [text, any] {
                if let Ok(pattern) = text.parse::<StreamPattern>() {
                    proptest::prop_assert_eq!(pattern.to_string(), text);
                }
            }
        }

        /// A pattern that is a stream's own text matches it, and no other stream.
        #[test]
        fn a_pattern_without_stars_is_one_stream(a in 1_u32..300, b in 1_u32..300) {
            let text = |n: u32| format!("NSE@NIFTY@IDX:5m:sma(close,{n})");
            proptest::prop_assert_eq!(matches(&text(a), &text(b)), a == b);
        }
    }
}
