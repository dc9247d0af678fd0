//! Expressions: canonical form, errors, bounds, and no text that panics.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tickwire_indicators::{Definition, ParameterKind, registry};
use tickwire_signals::{
    BinaryOperator, DEPTH_MAX, EXPRESSION_BYTES_MAX, Expression, ExpressionErrorKind, NODES_MAX, Node,
    Series, UnaryOperator,
};

fn canonical(text: &str) -> String {
    Expression::parse(text).map_or_else(|error| error.to_string(), |expression| expression.to_string())
}

#[test]
fn canonical_form() {
    let check = |text: &str, expected: &str| {
        assert_eq!(canonical(text), expected, "{text}");
        assert_eq!(canonical(expected), expected);
    };
    check("rsi()", "rsi(close,14)");
    check("rsi(14)", "rsi(close,14)");
    check(" RSI ( Close , 14.0 ) ", "rsi(close,14)");
    check("rsi(period=14)", "rsi(close,14)");
    check("rsi(close, period = 21)", "rsi(close,21)");
    check("rsi(hl2)", "rsi(hl2,14)");
    check("macd(12,26,9).hist", "macd(close,12,26,9).hist");
    check("macd(signal=5).SIGNAL", "macd(close,12,26,5).signal");
    check("macd(6, signal=5, slow=13)", "macd(close,6,13,5)");
    check("bb(5,2.5)", "bbands(close,5,2.5,2)");
    check("bbands(up=0.1,down=-0)", "bbands(close,20,0.1,0)");
    check("atr()", "atr(14)");
    check("vwap()", "vwap()");
    check("vwap_d()", "vwap_session()");
    check("ema(rsi(14),9)", "ema(rsi(close,14),9)");
    check("ema(close-open,9)", "ema(close-open,9)");
    check("sma(bbands().upper)", "sma(bbands(close,20,2,2).upper,30)");
    check("close > ema(20)", "close>ema(close,20)");
    check(
        "close>1 AND NOT(open<2)or volume>=1e6",
        "close>1 and not open<2 or volume>=1000000",
    );
    check("not not close>1", "not not close>1");
    check("not (close>1 and open>1)", "not (close>1 and open>1)");
    check("(not close>1)==(open>1)", "(not close>1)==(open>1)");
    check("(open>1)==(not close>1)", "(open>1)==not close>1");
    check("open!=(close)", "open!=close");
    check("((close))", "close");
    check("close-(open-low)-(high-low)", "close-(open-low)-(high-low)");
    check("(close-open)-low", "close-open-low");
    check("(close-open)*2/(3*4)", "(close-open)*2/(3*4)");
    check("-close*2", "-close*2");
    check("-(close*2)", "-(close*2)");
    check("close - -2", "close--2");
    check("close--(open+1)", "close--(open+1)");
    check("- - close", "--close");
    check("1e20+1e-7+0.5+007", "1e20+1e-7+0.5+7");
    check("hlc3\n+\tohlc4", "hlc3+ohlc4");
}

#[test]
fn what_it_yields() {
    let check = |text: &str, outputs: &[&str], is_boolean: bool, warm_up: usize, settle: usize| {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.outputs(), outputs, "{text}");
        let numbers = (expression.is_boolean(), expression.warm_up(), expression.settle());
        assert_eq!(numbers, (is_boolean, warm_up, settle), "{text}");
    };
    check("close", &["value"], false, 0, 0);
    check("sma(20)", &["value"], false, 19, 20);
    check("sma(sma(20),5)", &["value"], false, 23, 25);
    check("macd()", &["macd", "signal", "hist"], false, 33, 34 + 270 + 93);
    check("macd().hist", &["value"], false, 33, 34 + 270 + 93);
    check("rsi()>sma(100)", &["value"], true, 99, 15 + 280);
    check("not close>open", &["value"], true, 0, 0);
    check("ema(rsi(14),9)", &["value"], false, 22, 15 + 280 + 9 + 93);
}

#[test]
fn the_tree_can_be_walked() {
    let expression = Expression::parse("ema(macd().hist,9)>0").unwrap();
    let Node::Binary {
        operator: BinaryOperator::Greater,
        left,
        right,
    } = expression.root()
    else {
        panic!("{expression:?}")
    };
    assert_eq!(**right, Node::Number(0.0));
    let Node::Indicator {
        definition,
        parameters,
        inputs,
        output: None,
    } = &**left
    else {
        panic!("{left:?}")
    };
    assert_eq!(
        (definition.name, &parameters[..], inputs.len()),
        ("ema", &[9.0][..], 1)
    );
    assert_eq!(inputs[0].to_string(), "macd(close,12,26,9).hist");
    assert_eq!(inputs[0].without_output().to_string(), "macd(close,12,26,9)");
    let series: Vec<_> = inputs[0].children().collect();
    assert_eq!(series, [&Node::Series(Series::Close)]);
    assert_eq!(expression.root().state_bytes_max(), 62);
}

#[test]
fn errors_say_where_and_what_would_be_right() {
    let check = |text: &str, at: usize, message: &str| {
        let error = Expression::parse(text).expect_err(text);
        assert_eq!(
            (error.at(), error.kind().to_string().as_str()),
            (at, message),
            "{text}"
        );
    };
    let operand =
        |found: &str| format!("found {found}, expected a number, a series, an indicator, `(`, `-` or `not`");
    check("", 0, &operand("the end"));
    check("  ", 2, &operand("the end"));
    check("close >", 7, &operand("the end"));
    check("close > > 1", 8, &operand("`>`"));
    check("rsi(,14)", 4, &operand("`,`"));
    check("rsi(14,)", 7, &operand("`)`"));
    check("rsi(period=)", 11, &operand("`)`"));
    check("not and", 4, &operand("`and`"));
    check("$", 0, &operand("`$`"));
    check("é", 0, &operand("`é`"));
    check("close 14", 6, "found `14`, expected an operator or the end");
    check("close = 14", 6, "found `=`, expected an operator or the end");
    check("1.", 1, "found `.`, expected an operator or the end");
    check("2x", 1, "found `x`, expected an operator or the end");
    let chained = "comparisons do not chain, put parentheses around this one";
    check("1<close<2", 0, chained);
    check("open>1 and 1==close==2", 11, chained);
    check("not 1<2==(3<4)", 4, chained);
    check("close)", 5, "found `)`, expected an operator or the end");
    check("(close", 6, "found the end, expected an operator or `)`");
    check(
        "rsi(close 14)",
        10,
        "found `14`, expected an operator, `,` or `)`",
    );
    check("rsi(14", 6, "found the end, expected an operator, `,` or `)`");
    check("macd().1", 7, "found `1`, expected the name of an output");
    check("clse>1", 0, "unknown name `clse`, did you mean `close`?");
    check("close>emma(9)", 6, "unknown name `emma`, did you mean `ema`?");
    check("wobble(9)", 0, "unknown name `wobble`");
    check("ema>1", 0, "`ema` is an indicator, write `ema()`");
    check(
        "1+close(9)",
        2,
        "`close` is a series and takes nothing, write `close`",
    );
    check(
        "macd().histogram",
        7,
        "macd has no output `histogram`, it has `macd`, `signal`, `hist`",
    );
    check("rsi().value", 6, "rsi has one output, leave out `.value`");
    check(
        "1+macd()",
        2,
        "macd has several outputs, choose one of `macd`, `signal`, `hist`",
    );
    check(
        "ema(bbands())",
        4,
        "bbands has several outputs, choose one of `upper`, `middle`, `lower`",
    );
    check(
        "-macd()",
        1,
        "macd has several outputs, choose one of `macd`, `signal`, `hist`",
    );
    check(
        "rsi(length=9)",
        4,
        "rsi has no parameter `length`, it takes `period`",
    );
    check("vwap(n=9)", 5, "vwap has no parameter `n`, it takes none");
    check("rsi(9,period=9)", 13, "rsi: `period` is given twice");
    check("rsi(9,8)", 6, "rsi takes at most 1 parameters: `period`");
    check("vwap(9)", 5, "vwap takes at most 0 parameters");
    check(
        "rsi(close,open)",
        10,
        "rsi takes 1 series here, give a number for a parameter",
    );
    check(
        "atr(close)",
        4,
        "atr takes 0 series here, give a number for a parameter",
    );
    check(
        "rsi(9,close)",
        6,
        "rsi: give series first, then numbers, then named parameters",
    );
    check(
        "macd(fast=5,26)",
        12,
        "macd: give series first, then numbers, then named parameters",
    );
    check("rsi(period=close)", 11, "rsi: `period` must be a plain number");
    check("rsi(period=2+3)", 11, "rsi: `period` must be a plain number");
    check("rsi(1)", 4, "rsi: period is 1, give 2 to 10000");
    check("rsi(-1)", 4, "rsi: period is -1, give 2 to 10000");
    check("rsi(period=10001)", 11, "rsi: period is 10001, give 2 to 10000");
    check("close>rsi(14.5)", 10, "rsi: period is 14.5, give a whole number");
    check("bbands(20,101)", 10, "bbands: up is 101, give 0 to 100");
    check("macd(26,12,9)", 5, "macd: fast must be less than slow");
    check("1e101", 0, "number too large, at most 1e100");
    check("1e999", 0, "number too large, at most 1e100");
    check(
        "close and open>1",
        0,
        "`and` needs a condition here, this is a number: compare it with something",
    );
    check(
        "not close",
        4,
        "`not` needs a condition here, this is a number: compare it with something",
    );
    check("1+(close>1)", 2, "`+` needs a number here, this is true or false");
    check("-(close>1)", 1, "`-` needs a number here, this is true or false");
    check(
        "ema(close>1,9)",
        4,
        "`ema` needs a number here, this is true or false",
    );
    check(
        "(close>1)==1",
        11,
        "`==` needs a condition here, this is a number: compare it with something",
    );
    check(
        "close==(close>1)",
        7,
        "`==` needs a number here, this is true or false",
    );
    check(
        "sma(sma(6000),6000)",
        0,
        "needs 11999 bars before its first value, at most 10000",
    );
}

#[test]
fn an_error_prints_with_a_caret() {
    let error = Expression::parse("close >\té + 1").unwrap_err();
    let expected = "found `é`, expected a number, a series, an indicator, `(`, `-` or `not`\n  close > é + 1\n          ^";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn bounds_hold_from_both_sides() {
    let kind = |text: &str| {
        Expression::parse(text)
            .map(|_| ())
            .map_err(|error| error.kind().clone())
    };
    let wrapped =
        |open: &str, depth: usize, close: &str| format!("{}close{}", open.repeat(depth), close.repeat(depth));

    assert_eq!(kind(&wrapped("(", DEPTH_MAX, ")")), Ok(()));
    assert_eq!(
        kind(&wrapped("(", DEPTH_MAX + 1, ")")),
        Err(ExpressionErrorKind::TooDeep)
    );
    assert_eq!(kind(&wrapped("-", DEPTH_MAX - 1, "")), Ok(()));
    assert_eq!(
        kind(&wrapped("-", DEPTH_MAX, "")),
        Err(ExpressionErrorKind::TooDeep)
    );
    assert_eq!(kind(&wrapped("sma(", DEPTH_MAX - 1, ",2)")), Ok(()));
    assert_eq!(
        kind(&wrapped("sma(", DEPTH_MAX, ",2)")),
        Err(ExpressionErrorKind::TooDeep)
    );

    // A balanced sum of `leaves`: as many nodes as can be without being deep.
    fn sum(leaves: usize) -> String {
        if leaves == 1 {
            "1".to_owned()
        } else {
            format!("({}+{})", sum(leaves / 2), sum(leaves - leaves / 2))
        }
    }
    assert_eq!(2 * 64 - 1, NODES_MAX - 1);
    assert_eq!(kind(&sum(64)), Ok(()));
    assert_eq!(kind(&sum(65)), Err(ExpressionErrorKind::TooManyNodes));

    let blanks = " ".repeat(EXPRESSION_BYTES_MAX - 5);
    assert_eq!(kind(&format!("close{blanks}")), Ok(()));
    let bytes = EXPRESSION_BYTES_MAX + 1;
    assert_eq!(
        kind(&format!(" close{blanks}")),
        Err(ExpressionErrorKind::TooLong { bytes })
    );

    let rules = |count: usize| vec!["macd().hist>0"; count].join(" or ");
    assert_eq!(kind(&rules(16)), Ok(()));
    assert!(matches!(
        kind(&rules(18)),
        Err(ExpressionErrorKind::CanonicalTooLong { bytes: 518.. })
    ));
    assert_eq!(kind("sma(10000)"), Ok(()));
}

#[test]
fn nesting_by_the_thousand_is_an_error_and_no_overflow() {
    let fits = EXPRESSION_BYTES_MAX;
    for open in [
        "(",
        "-",
        "not ",
        "sma(",
        "1+(",
        "close>(",
        "rsi(period=",
        "-(",
        "not not (",
        "(-",
        "1==not ",
    ] {
        for text in [open.repeat(10_000), open.repeat(fits / open.len())] {
            let error = Expression::parse(&text).expect_err(open);
            let deep = matches!(
                error.kind(),
                ExpressionErrorKind::TooDeep | ExpressionErrorKind::TooLong { .. }
            );
            assert!(deep, "{open}: {error}");
        }
    }
    let chain = vec!["1"; fits / 2].join("+");
    assert_eq!(
        Expression::parse(&chain).unwrap_err().kind(),
        &ExpressionErrorKind::TooDeep
    );
}

#[test]
fn serde_speaks_the_canonical_text() {
    let expression: Expression = "rsi( 14 )".parse().unwrap();
    let bytes = postcard::to_allocvec(&expression).unwrap();
    assert_eq!(bytes, postcard::to_allocvec("rsi(close,14)").unwrap());
    assert_eq!(postcard::from_bytes::<Expression>(&bytes).unwrap(), expression);
    assert!(postcard::from_bytes::<Expression>(&postcard::to_allocvec("rsi(").unwrap()).is_err());
}

fn number() -> impl Strategy<Value = Node> {
    prop_oneof![
        (0_u32..1_000).prop_map(f64::from),
        0.0..1e6_f64,
        Just(1e-9),
        Just(1e99)
    ]
    .prop_map(Node::Number)
}

fn parameters(definition: &'static Definition) -> BoxedStrategy<Vec<f64>> {
    let values: Vec<BoxedStrategy<f64>> = definition
        .parameters
        .iter()
        .enumerate()
        .map(|(at, parameter)| match parameter.kind {
            ParameterKind::Bars if parameter.maximum < 100.0 => (parameter.minimum as u32
                ..=parameter.maximum as u32)
                .prop_map(f64::from)
                .boxed(),
            // Apart from each other, so that macd's periods are in order.
            ParameterKind::Bars => (4 + 20 * at as u32..20 + 20 * at as u32)
                .prop_map(f64::from)
                .boxed(),
            ParameterKind::Real => (parameter.minimum..parameter.maximum).boxed(),
        })
        .collect();
    values.boxed()
}

fn indicator(input: BoxedStrategy<Node>) -> BoxedStrategy<Node> {
    (0..registry().len(), any::<prop::sample::Index>())
        .prop_flat_map(move |(at, output)| {
            let definition = &registry()[at];
            let inputs = prop::collection::vec(input.clone(), definition.chosen_inputs());
            (parameters(definition), inputs).prop_map(move |(parameters, inputs)| {
                let output = (definition.outputs.len() > 1).then(|| output.index(definition.outputs.len()));
                Node::Indicator {
                    definition,
                    parameters,
                    inputs,
                    output,
                }
            })
        })
        .boxed()
}

fn binary(operators: &'static [BinaryOperator], operand: BoxedStrategy<Node>) -> impl Strategy<Value = Node> {
    let operator = prop::sample::select(operators);
    (operator, operand.clone(), operand).prop_map(|(operator, left, right)| Node::Binary {
        operator,
        left: Box::new(left),
        right: Box::new(right),
    })
}

fn unary(operator: UnaryOperator, operand: BoxedStrategy<Node>) -> impl Strategy<Value = Node> {
    operand.prop_map(move |operand| Node::Unary {
        operator,
        operand: Box::new(operand),
    })
}

/// A plain number is a parameter, so it cannot be an indicator's input.
fn is_literal(node: &Node) -> bool {
    match node {
        Node::Number(_) => true,
        Node::Unary { operand, .. } => matches!(**operand, Node::Number(_)),
        _ => false,
    }
}

fn value() -> BoxedStrategy<Node> {
    use BinaryOperator as B;
    let series = prop::sample::select(&Series::ALL[..]).prop_map(Node::Series);
    prop_oneof![number(), series]
        .prop_recursive(4, 16, 2, |inner| {
            let inner = inner.boxed();
            let input = inner
                .clone()
                .prop_filter("a literal is a parameter", |node| !is_literal(node))
                .boxed();
            prop_oneof![
                indicator(input),
                unary(UnaryOperator::Negate, inner.clone()),
                binary(&[B::Add, B::Subtract, B::Multiply, B::Divide], inner),
            ]
        })
        .boxed()
}

fn condition() -> BoxedStrategy<Node> {
    use BinaryOperator as B;
    let comparison = binary(
        &[
            B::Less,
            B::LessOrEqual,
            B::Greater,
            B::GreaterOrEqual,
            B::Equal,
            B::NotEqual,
        ],
        value(),
    );
    comparison
        .prop_recursive(3, 6, 2, |inner| {
            let inner = inner.boxed();
            prop_oneof![
                unary(UnaryOperator::Not, inner.clone()),
                binary(&[B::And, B::Or, B::Equal, B::NotEqual], inner)
            ]
        })
        .boxed()
}

/// The same tree with all parentheses and blanks there can be.
fn spelled_out(node: &Node) -> String {
    match node {
        Node::Unary { operator, operand } => format!("( {} {} )", operator.symbol(), spelled_out(operand)),
        Node::Binary {
            operator,
            left,
            right,
        } => {
            format!(
                "( {} {} {} )",
                spelled_out(left),
                operator.symbol(),
                spelled_out(right)
            )
        }
        _ => node.to_string(),
    }
}

fn is_bound(kind: &ExpressionErrorKind) -> bool {
    use ExpressionErrorKind as K;
    matches!(
        kind,
        K::TooLong { .. } | K::CanonicalTooLong { .. } | K::TooDeep | K::TooManyNodes
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/regressions/expression.txt"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn parsing_what_was_printed_gives_the_same(node in prop_oneof![value(), condition()]) {
        let text = node.to_string();
        match Expression::parse(&text) {
            Ok(expression) => {
                prop_assert_eq!(expression.root(), &node, "{}", &text);
                prop_assert_eq!(expression.to_string(), text);
            }
            Err(error) => prop_assert!(is_bound(error.kind()), "{}", error),
        }
    }

    #[test]
    fn one_meaning_has_one_spelling(node in prop_oneof![value(), condition()]) {
        match Expression::parse(&spelled_out(&node)) {
            Ok(expression) => prop_assert_eq!(expression.to_string(), node.to_string()),
            Err(error) => prop_assert!(is_bound(error.kind()), "{}", error),
        }
    }

    #[test]
    fn parentheses_are_minimal(node in prop_oneof![value(), condition()]) {
        let text = node.to_string();
        prop_assume!(Expression::parse(&text).is_ok());
        // Taking any pair away, but a call's, gives another expression or none.
        for (from, _) in text.match_indices('(') {
            let is_call = text[..from].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            if is_call {
                continue;
            }
            let mut depth = 0;
            let to = text[from..].find(|c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                depth == 0
            });
            let to = from + to.unwrap();
            let without = format!("{} {} {}", &text[..from], &text[from + 1..to], &text[to + 1..]);
            let same = Expression::parse(&without).is_ok_and(|other| other.root() == &node);
            prop_assert!(!same, "{} {}", &text, without);
        }
    }

    #[test]
    fn no_text_panics(text in "(?s).{0,600}") {
        survives(&text)?;
    }

    #[test]
    fn no_tokens_panic(tokens in prop::collection::vec(prop::sample::select(&[
        "close", "open", "volume", "rsi", "macd", "atr", "vwap", "(", ")", "(", ")", ",", ".", "hist", "period", "=",
        "==", "<", "<=", "!", "!=", "+", "-", "*", "/", "and", "or", "not", " ", "14", "2.5", "1e9", "é", "@", "[",
        "]", "1h", "5m", "NYSE@IBM@EQ", "shift", "if", "max", "highest", "crosses_above", "abs", "oi", "bars",
    ][..]), 0..60)) {
        survives(&tokens.concat())?;
    }
}

#[test]
fn what_was_odd_once_is_still_survived() {
    for text in include_str!("regressions/expressions.txt").lines() {
        survives(text).unwrap();
    }
}

fn survives(text: &str) -> Result<(), TestCaseError> {
    match Expression::parse(text) {
        Ok(expression) => {
            let again = Expression::parse(expression.as_str());
            prop_assert_eq!(again.as_ref().map(Expression::root), Ok(expression.root()));
        }
        Err(error) => {
            prop_assert!(
                text.is_char_boundary(error.at()) || error.at() == EXPRESSION_BYTES_MAX,
                "{:?}",
                error
            );
            prop_assert!(!error.to_string().is_empty());
        }
    }
    Ok(())
}
