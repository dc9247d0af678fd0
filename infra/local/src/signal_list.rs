//! Which streams are computed on which instruments: the file of `--signals`.
//!
//! A line is `INSTRUMENT TIMEFRAME EXPRESSION`; `*` in the instrument stands
//! for anything, `#` begins a comment, and the expressions `price` and `bars`
//! stand for those streams:
//!
//! ```text
//! *               tick  price
//! *@OPT@*         1m    bars
//! NSE@NIFTY@IDX   1m    rsi(14)
//! ```

use tickwire_market::{InstrumentKey, Timeframe};
use tickwire_signals::Expression;
use tickwire_streams::StreamKey;

/// Streams by pattern.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignalList {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    pattern: String,
    timeframe: Timeframe,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Price,
    Bars,
    /// Canonical.
    Expression(String),
}

/// A line that is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the signals: {why}")]
pub struct SignalListError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

impl SignalList {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// At the first line that is not a rule.
    pub fn parse(text: &str) -> Result<Self, SignalListError> {
        let mut rules = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.split('#').next().unwrap_or_default().trim();
            if !content.is_empty() {
                rules.push(Rule::parse(content).map_err(|why| SignalListError { line, why })?);
            }
        }
        Ok(Self { rules })
    }

    /// What is computed unless a file says otherwise: price and bars of every
    /// instrument, and each indicator there is on bars of `timeframe`.
    pub fn standard(timeframe: Timeframe) -> Self {
        let mut list = Self::base(timeframe);
        for expression in [
            "sma(close,20)",
            "sma(close,200)",
            "ema(close,20)",
            "rsi(close,14)",
            "macd(close,12,26,9)",
            "atr(14)",
            "bbands(close,20,2,2)",
            "vwap()",
            "close>ema(close,20)",
        ] {
            if let Ok(expression) = Expression::parse(expression) {
                let what = What::Expression(expression.to_string());
                list.rules.push(Rule {
                    pattern: "*".into(),
                    timeframe,
                    what,
                });
            }
        }
        list
    }

    /// Price and bars of every instrument.
    pub fn base(timeframe: Timeframe) -> Self {
        let rule = |timeframe, what| Rule {
            pattern: "*".into(),
            timeframe,
            what,
        };
        let mut rules = vec![rule(Timeframe::TICK, What::Price)];
        if timeframe != Timeframe::TICK {
            rules.push(rule(timeframe, What::Bars));
        }
        Self { rules }
    }

    /// The streams of an instrument, each once.
    pub fn streams_of(&self, instrument: &InstrumentKey) -> Vec<StreamKey> {
        let mut streams = Vec::new();
        for rule in self
            .rules
            .iter()
            .filter(|rule| matches_pattern(&rule.pattern, instrument.as_str()))
        {
            let stream = match &rule.what {
                What::Price => StreamKey::price(instrument.clone()),
                What::Bars => StreamKey::bars(instrument.clone(), rule.timeframe),
                What::Expression(text) => StreamKey::common(instrument.clone(), rule.timeframe, text),
            };
            if !streams.contains(&stream) {
                streams.push(stream);
            }
        }
        streams
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write INSTRUMENT TIMEFRAME EXPRESSION";
        let (pattern, rest) = text.split_once(char::is_whitespace).ok_or(FORM)?;
        let (timeframe, expression) = rest.trim_start().split_once(char::is_whitespace).ok_or(FORM)?;
        let timeframe: Timeframe = timeframe
            .parse()
            .map_err(|e: tickwire_market::TimeframeError| e.to_string())?;
        let what = match expression.trim() {
            "price" if timeframe == Timeframe::TICK => What::Price,
            "price" => return Err("price is a stream of ticks: write tick".into()),
            "bars" if timeframe == Timeframe::TICK => return Err("bars need a timeframe of 1m to 1d".into()),
            "bars" => What::Bars,
            text => {
                let expression = Expression::parse(text).map_err(|e| e.to_string())?;
                expression.check_on(timeframe).map_err(|e| e.to_string())?;
                What::Expression(expression.to_string())
            }
        };
        if !pattern.contains('*') {
            InstrumentKey::parse(pattern).map_err(|e| e.to_string())?;
        }
        Ok(Self {
            pattern: pattern.to_owned(),
            timeframe,
            what,
        })
    }
}

/// Whether `text` is `pattern`, where `*` stands for anything.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some(at) = rest.find(middle) else { return false };
            rest = &rest[at + middle.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern, text, expected| {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} {text}")
        };
        check("*", "NSE@NIFTY@IDX", true);
        check("NSE@*", "NSE@NIFTY@IDX", true);
        check("NSE@*", "NFO@NIFTY@IDX", false);
        check("*@OPT@*", "NFO@NIFTY@OPT@2026-11-26@CE@24000", true);
        check("*@OPT@*", "NSE@NIFTY@IDX", false);
        check("*@CE@24000", "NFO@NIFTY@OPT@2026-11-26@CE@24000", true);
        check("*@CE@24000", "NFO@NIFTY@OPT@2026-11-26@CE@240000", false);
        check("NSE@NIFTY@IDX", "NSE@NIFTY@IDX", true);
        check("NSE@NIFTY@IDX", "NSE@NIFTY@IDX2", false);
        check("A*A", "A", false);
    }

    #[test]
    fn rules_are_read_and_wrong_ones_named() {
        let list = SignalList::parse("# none\n* tick price\n*@IDX 1m rsi(14) # fast\n\n").unwrap();
        let index = InstrumentKey::parse("NSE@NIFTY@IDX").unwrap();
        let streams: Vec<String> = list.streams_of(&index).iter().map(ToString::to_string).collect();
        assert_eq!(
            streams,
            [
                "public:NSE@NIFTY@IDX:tick:price",
                "common:NSE@NIFTY@IDX:1m:rsi(close,14)"
            ]
        );
        let check = |text: &str, line| assert_eq!(SignalList::parse(text).unwrap_err().line, line, "{text}");
        check("*", 1);
        check("* tick price\n* 61x bars", 2);
        check("* 1m price", 1);
        check("* tick bars", 1);
        check("* 1m nonsense(3)", 1);
        check("nse@nifty 1m bars", 1);
    }

    #[test]
    fn the_standard_list_holds_every_indicator_it_names() {
        let list = SignalList::standard(Timeframe::DAY);
        let streams = list.streams_of(&InstrumentKey::parse("NASDAQ@AAPL@EQ").unwrap());
        assert_eq!(streams.len(), 11, "{streams:?}");
    }
}
