//! Functions, other timeframes, other instruments: canonical form, types, errors, bounds.
#![expect(clippy::panic, reason = "a test that cannot set up its case must fail")]

use tickwire_market::Timeframe;
use tickwire_signals::{Expression, ExpressionErrorKind, HELD_BARS_MAX, Need};

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn canonical_form() {
    let check = |text: &str, expected: &str| {
        let expression = parse(text);
        assert_eq!(expression.to_string(), expected, "{text}");
        assert_eq!(parse(expected).root(), expression.root(), "{text}");
    };
    check("ABS(close - open)", "abs(close-open)");
    check("max(high, 3, low)", "max(high,3,low)");
    check("min(close,30)", "min(close,30)");
    check("max()", "highest(close,30)");
    check("max(30)", "highest(close,30)");
    check("max(close, period=20)", "highest(close,20)");
    check("highest(high, 20)", "highest(high,20)");
    check("lowest(low)", "lowest(low,30)");
    check("sum(volume, 5)", "sum(volume,5)");
    check("shift(close)", "shift(close,1)");
    check("shift(close > open, bars = 3)", "shift(close>open,3)");
    check("if(close>open, 1, -1)", "if(close>open,1,-1)");
    check(
        "if(close>open, high>2, low>1) and oi>0",
        "if(close>open,high>2,low>1) and oi>0",
    );
    check(
        "crosses_above(ema(9), ema(21))",
        "crosses_above(ema(close,9),ema(close,21))",
    );
    check(
        "ema(9) Crosses_Above ema(21) and close>1",
        "crosses_above(ema(close,9),ema(close,21)) and close>1",
    );
    check("close crosses_below 50", "crosses_below(close,50)");
    check("(ask-bid)/2", "(ask-bid)/2");
    check("ema(50)@1h", "ema(close,50)@1h");
    check("ema(50) @ 1H", "ema(close,50)@1h");
    check("macd()@1h", "macd(close,12,26,9)@1h");
    check("macd().hist@1d>0", "macd(close,12,26,9).hist@1d>0");
    check("(close-open)@1h*2", "(close-open)@1h*2");
    check("-close@1h", "-close@1h");
    check("(-close)@1h", "(-close)@1h");
    check("close / close[NASDAQ@MSFT@EQ]", "close/close[NASDAQ@MSFT@EQ]");
    check("close@1h[ NASDAQ@MSFT@EQ ]", "close[NASDAQ@MSFT@EQ]@1h");
    check(
        "rsi(14)[NFO@NIFTY@OPT@2026-11-26@CE@24000]",
        "rsi(close,14)[NFO@NIFTY@OPT@2026-11-26@CE@24000]",
    );
    check("ema(close[NYSE@IBM@EQ],9)", "ema(close[NYSE@IBM@EQ],9)");
    // What is said twice is written once.
    check("((close))@1h", "close@1h");
    check("(close@1h)[NYSE@IBM@EQ]", "close[NYSE@IBM@EQ]@1h");
    check("(close@1d)@1h", "close@1d");
    check("ema(close@1h,9)@1h", "ema(close,9)@1h");
    check(
        "(close[NYSE@IBM@EQ]+open)[NYSE@IBM@EQ]",
        "(close+open)[NYSE@IBM@EQ]",
    );
    check("(close@1d+open)@1h", "(close@1d+open)@1h");
}

#[test]
fn options_have_one_spelling() {
    let check = |text: &str, expected: &str, outputs: usize| {
        let expression = parse(text);
        assert_eq!(expression.to_string(), expected, "{text}");
        assert_eq!(parse(expected), expression);
        assert_eq!(expression.outputs().len(), outputs, "{text}");
    };
    check("IV", "iv", 1);
    check("iv()", "iv", 1);
    check("greeks()", "greeks()", 6);
    check("greeks().Vega", "vega", 1);
    check("theta / 365", "theta/365", 1);
    check("atm_iv(30D) > 0.25", "atm_iv(30d)>0.25", 1);
    check("atm_iv( 7.5 )", "atm_iv(7.5d)", 1);
    check("chain(2026-1-06)", "chain(2026-01-06)", 7);
    check("chain(30d).max_pain", "max_pain(30d)", 1);
    check("greeks(30d, ATM)", "greeks(30d,atm)", 7);
    check("greeks(30d,atm).strike", "strike(30d,atm)", 1);
    check("delta(2026-11-24,Put_25d)@1h", "delta(2026-11-24,put_25d)@1h", 1);
    check(
        "ema(atm_iv(30d),9)-2026-11-24",
        "ema(atm_iv(30d),9)-2026-11-24",
        1,
    );
    let texts = parse("chain(30d)@1h").output_texts();
    assert_eq!(texts[0], "atm_iv(30d)@1h");
    assert!(parse("iv+close").reads_greeks() && !parse("iv(30d,atm)").reads_greeks());
    assert!(parse("iv(30d,atm)").reads_chain() && !parse("iv").reads_chain());

    let wrong = |text: &str, at: usize, message: &str| {
        let error = Expression::parse(text).expect_err(text);
        assert_eq!(
            (error.at(), error.kind().to_string().as_str()),
            (at, message),
            "{text}"
        );
    };
    let tenor = "give a time to expiry such as 30d, up to 3650d, or an expiry such as 2026-11-24";
    wrong("atm_iv(close)", 7, tenor);
    wrong("atm_iv(0d)", 7, tenor);
    wrong("atm_iv(4000d)", 7, tenor);
    wrong("atm_iv(2026-02-30)", 7, tenor);
    wrong("atm_iv", 0, "0 arguments given, write `atm_iv(30d)`");
    wrong("atm_iv()", 0, "0 arguments given, write `atm_iv(30d)`");
    wrong(
        "iv(30d,near)",
        7,
        "give a moneyness: atm, put_25d, call_25d, put_10d, call_10d, put_5d or call_5d",
    );
    wrong(
        "iv(30d)",
        0,
        "1 arguments given, write `iv of an option, iv(30d,atm) of a chain`",
    );
    wrong(
        "30d",
        0,
        "a time to expiry stands in figures of chains alone, such as atm_iv(30d)",
    );
    wrong("atm_vi(30d)", 0, "unknown name `atm_vi`, did you mean `atm_iv`?");
    wrong(
        "1+greeks()",
        2,
        "it has several outputs, choose one of `iv`, `delta`, `gamma`, `theta`, `vega`, `rho`",
    );
}

#[test]
fn what_it_yields() {
    let check = |text: &str, outputs: &[&str], is_boolean: bool, warm_up: usize| {
        let expression = parse(text);
        let found = (
            expression.outputs(),
            expression.is_boolean(),
            expression.warm_up(),
        );
        assert_eq!(found, (outputs.to_vec(), is_boolean, warm_up), "{text}");
    };
    check("shift(sma(20),5)", &["value"], false, 24);
    check("shift(close>open)", &["value"], true, 1);
    check("if(close>1,sma(20),ema(50))", &["value"], false, 49);
    check("if(close>1,open>1,open<1)", &["value"], true, 0);
    check("close crosses_above sma(20)", &["value"], true, 20);
    check("sma(20)@1h", &["value"], false, 0);
    check("macd()@1h", &["macd", "signal", "hist"], false, 0);
    check("(close>1)@1h", &["value"], true, 0);
    assert_eq!(
        parse("macd()@1h").output_texts()[2],
        "macd(close,12,26,9).hist@1h"
    );
    assert_eq!(parse("bbands()").output_texts()[0], "bbands(close,20,2,2).upper");
    assert_eq!(parse("rsi()").output_texts(), ["rsi(close,14)"]);
}

#[test]
fn errors_say_where_and_what_would_be_right() {
    let check = |text: &str, at: usize, message: &str| {
        let error = Expression::parse(text).expect_err(text);
        let found = (error.at(), error.kind().to_string());
        assert_eq!(found, (at, message.to_owned()), "{text}");
    };
    check("abs()", 0, "0 arguments given, write `abs(x)`");
    check("abs", 0, "0 arguments given, write `abs(x)`");
    check("1+abs(close,open)", 2, "2 arguments given, write `abs(x)`");
    check(
        "if(close>1,2)",
        0,
        "2 arguments given, write `if(condition, then, otherwise)`",
    );
    check(
        "if(close,1,2)",
        3,
        "`if` needs a condition here, this is a number: compare it with something",
    );
    check(
        "if(close>1,2,open>1)",
        13,
        "`if` needs two numbers or two conditions to choose from, this one differs",
    );
    check("abs(x=close)", 6, "this argument has no name, write `abs(x)`");
    check(
        "abs(close).value",
        11,
        "abs is a function and has one output, leave out `.value`",
    );
    check(
        "max(close>1,2)",
        4,
        "`max` needs a number here, this is true or false",
    );
    check(
        "crosses_above(close,open>1)",
        20,
        "`crosses_above` needs a number here, this is true or false",
    );
    check("shift(close,0)", 12, "shift: bars is 0, give 1 to 9999");
    check("shift(close,1.5)", 12, "shift: bars is 1.5, give a whole number");
    check("shift(close,open)", 12, "shift: `bars` must be a plain number");
    check(
        "shift(close,by=2)",
        12,
        "shift has no parameter `by`, it takes `bars`",
    );
    check(
        "shift(close,1,2)",
        0,
        "3 arguments given, write `shift(x, bars=1)`",
    );
    check(
        "crosses_abov(close,1)",
        0,
        "unknown name `crosses_abov`, did you mean `crosses_above`?",
    );
    check(
        "hihgest(close,9)",
        0,
        "unknown name `hihgest`, did you mean `highest`?",
    );
    check("highest", 0, "`highest` is an indicator, write `highest()`");
    check(
        "macd()@1h>0",
        0,
        "macd has several outputs, choose one of `macd`, `signal`, `hist`",
    );
    check("close@", 6, "found the end, expected a timeframe");
    check("close@60m", 6, "timeframe \"60m\" is not canonical: write 1h");
    check(
        "close@2d",
        6,
        "a timeframe of 2880 minutes does not exist: use 1 to 1440 minutes, or tick",
    );
    check(
        "close@tick",
        6,
        "tick is shorter than 1m, on whose bars it would be looked at: give 1m or longer",
    );
    check(
        "(close@5m-open)@1h",
        7,
        "5m is shorter than 1h, on whose bars it would be looked at: give 1h or longer",
    );
    check("close@1h@1d", 9, "give a timeframe once");
    check("close[]", 6, "found `]`, expected the key of an instrument");
    check("close[NYSE@IBM@EQ", 17, "found the end, expected `]`");
    check("close[A@B@EQ][A@B@EQ]", 14, "give the key of an instrument once");
    let unknown = Expression::parse("close[MSFT]").unwrap_err();
    assert_eq!(unknown.at(), 6);
    assert!(unknown.kind().to_string().contains("MSFT"), "{unknown}");
}

#[test]
fn windows_are_bounded_along_a_path_and_together() {
    let kind = |text: &str| {
        Expression::parse(text)
            .map(|_| ())
            .map_err(|error| error.kind().clone())
    };
    assert_eq!(kind("shift(sma(5000),4999)"), Ok(()));
    assert_eq!(
        kind("shift(sma(5000),5001)"),
        Err(ExpressionErrorKind::WindowTooLong { bars: 10_001 })
    );
    assert_eq!(
        kind("shift(sma(5000)@1h,5001)"),
        Err(ExpressionErrorKind::WindowTooLong { bars: 10_001 })
    );
    let sums = |count: usize| vec!["sma(10000)"; count].join("+");
    assert_eq!(kind(&sums(HELD_BARS_MAX / 10_000)), Ok(()));
    let bars = HELD_BARS_MAX + 10_000;
    assert_eq!(kind(&sums(5)), Err(ExpressionErrorKind::TooManyHeldBars { bars }));
}

#[test]
fn other_bars_are_as_long_or_longer() {
    let timeframe = |text: &str| text.parse::<Timeframe>().unwrap();
    let check = |text: &str, on: &str, at: Option<usize>| {
        let error = parse(text).check_on(timeframe(on)).err();
        assert_eq!(error.map(|error| error.at()), at, "{text} on {on}");
    };
    check("ema(close,50)@1h>close", "5m", None);
    check("ema(close,50)@1h>close", "1h", None);
    check("ema(close,50)@1h>close", "tick", None);
    check("ema(close,50)@1h>close", "2h", Some(13));
    check("close@15m-close@1m", "5m", Some(15));
    check("close@1d-close@1h", "1d", Some(14));
}

#[test]
fn what_seeds_it() {
    let five: Timeframe = "5m".parse().unwrap();
    let need = |instrument: Option<&str>, timeframe: &str, bars: usize| Need {
        instrument: instrument.map(|key| tickwire_market::InstrumentKey::parse(key).unwrap()),
        timeframe: timeframe.parse().unwrap(),
        bars,
    };
    let check = |text: &str, expected: &[Need]| assert_eq!(parse(text).needs(five), expected, "{text}");
    check("sma(sma(20),5)", &[need(None, "5m", 25)]);
    check("close", &[need(None, "5m", 0)]);
    check("sma(20)@1h", &[need(None, "5m", 0), need(None, "1h", 21)]);
    check(
        "sma(sma(20)@1h,24)",
        &[need(None, "5m", 24), need(None, "1h", 23)],
    );
    check("sma(close@1d,144)", &[need(None, "5m", 144), need(None, "1d", 3)]);
    check(
        "close/close[NYSE@IBM@EQ]",
        &[need(None, "5m", 0), need(Some("NYSE@IBM@EQ"), "5m", 1)],
    );
    check(
        "sma(close/sma(9)[NYSE@IBM@EQ]@1h,12)",
        &[need(None, "5m", 12), need(Some("NYSE@IBM@EQ"), "1h", 11)],
    );
}
