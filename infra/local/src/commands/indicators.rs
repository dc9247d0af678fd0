//! `tickwire indicators`: what there is to compute with.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde::Serialize;
use tickwire_indicators::{Definition, Input, Parameter, ParameterKind, find, registry};
use tickwire_signals::{Expression, Function, Series};

use super::client_args::Exit;

const NAME: Style = AnsiColor::Cyan.on_default();
const HEADING: Style = Style::new().bold();

/// How unlike a name may be, in edits, and still be proposed.
const NEAREST_EDITS_MAX: usize = 2;

/// The indicators by family, with what else an expression may be made of; or all of one.
#[derive(Args, Clone, Debug)]
pub struct IndicatorsArgs {
    /// The one to explain
    pub name: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// An indicator as JSON.
#[derive(Serialize)]
struct Told {
    name: &'static str,
    aliases: &'static [&'static str],
    family: &'static str,
    summary: &'static str,
    formula: &'static str,
    source: &'static str,
    inputs: Vec<&'static str>,
    outputs: &'static [&'static str],
    parameters: Vec<ToldParameter>,
    /// In canonical form, with default parameters.
    expression: String,
    /// Bars without a value, with default parameters.
    warm_up: usize,
    /// Bars that seed it from history, with default parameters.
    settle: usize,
    cost: &'static str,
}

#[derive(Serialize)]
struct ToldParameter {
    name: &'static str,
    kind: &'static str,
    minimum: f64,
    maximum: f64,
    default: f64,
}

#[derive(Serialize)]
struct ToldFunction {
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
}

#[derive(Serialize)]
struct ToldAll {
    indicators: Vec<Told>,
    functions: Vec<ToldFunction>,
    series: Vec<&'static str>,
}

/// Runs `tickwire indicators`.
pub fn run(args: &IndicatorsArgs) -> ExitCode {
    match told(args) {
        Ok(text) => {
            // A pipe that is closed wants no more.
            let _ = writeln!(anstream::stdout().lock(), "{text}");
            Exit::Good.into()
        }
        Err(error) => {
            tickwire_telemetry::logging::complain(format!("tickwire: {error}"));
            Exit::Usage.into()
        }
    }
}

fn told(args: &IndicatorsArgs) -> Result<String, String> {
    let json = |value: Result<String, serde_json::Error>| value.map_err(|error| error.to_string());
    let Some(name) = &args.name else {
        return if args.json {
            json(serde_json::to_string_pretty(&all()))
        } else {
            Ok(list())
        };
    };
    let lower = name.to_ascii_lowercase();
    if let Some(function) = Function::find(&lower).filter(|_| find(&lower).is_none()) {
        return if args.json {
            json(serde_json::to_string_pretty(&told_function(function)))
        } else {
            Ok(format!(
                "{NAME}{}{NAME:#}\n{}",
                function.usage(),
                function.summary()
            ))
        };
    }
    let definition = definition(&lower).ok_or_else(|| unknown(&lower))?;
    if args.json {
        json(serde_json::to_string_pretty(&told_of(definition)))
    } else {
        Ok(explain(definition))
    }
}

/// The indicator of a name, alias, or name in an expression.
fn definition(name: &str) -> Option<&'static Definition> {
    find(name).or_else(|| {
        registry()
            .iter()
            .find(|definition| call(definition).starts_with(&format!("{name}(")))
    })
}

fn unknown(name: &str) -> String {
    let known = registry()
        .iter()
        .flat_map(|definition| definition.aliases.iter().copied().chain([definition.name]))
        .chain(Function::ALL.map(Function::name));
    let nearest = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(edits, known)| *edits <= NEAREST_EDITS_MAX && *edits < known.len())
        .min();
    match nearest {
        Some((_, known)) => format!("there is no indicator {name}, did you mean {known}?"),
        None => format!("there is no indicator {name}: tickwire indicators lists them"),
    }
}

/// The expression with default parameters; where these contradict a choice, as it is called.
fn call(definition: &Definition) -> String {
    let name = definition.name;
    // One of the functions shares the name of some: the parameter's name tells them apart.
    let text = match (Function::find(name), definition.parameters.first()) {
        (Some(_), Some(parameter)) => format!("{name}({}={})", parameter.name, parameter.default),
        _ => format!("{name}()"),
    };
    Expression::parse(&text).map_or(text, |expression| expression.to_string())
}

fn inputs(definition: &Definition) -> Vec<&'static str> {
    let name = |input: &Input| match input {
        Input::Chosen => "chosen",
        Input::Fixed(series) => series.name(),
        Input::SessionDay => "session_day",
    };
    definition.inputs.iter().map(name).collect()
}

fn kind(parameter: &Parameter) -> &'static str {
    match parameter.kind {
        ParameterKind::Bars => "whole",
        ParameterKind::Real => "real",
    }
}

fn told_of(definition: &'static Definition) -> Told {
    let defaults = definition.defaults();
    Told {
        name: definition.name,
        aliases: definition.aliases,
        family: definition.family(),
        summary: definition.summary,
        formula: definition.formula,
        source: definition.source,
        inputs: inputs(definition),
        outputs: definition.outputs,
        parameters: definition
            .parameters
            .iter()
            .map(|parameter| ToldParameter {
                name: parameter.name,
                kind: kind(parameter),
                minimum: parameter.minimum,
                maximum: parameter.maximum,
                default: parameter.default,
            })
            .collect(),
        expression: call(definition),
        warm_up: definition.warm_up(&defaults),
        settle: definition.settle(&defaults),
        cost: definition.cost,
    }
}

fn told_function(function: Function) -> ToldFunction {
    ToldFunction {
        name: function.name(),
        usage: function.usage(),
        summary: function.summary(),
    }
}

fn all() -> ToldAll {
    ToldAll {
        indicators: registry().iter().map(told_of).collect(),
        functions: Function::ALL.map(told_function).into(),
        series: Series::ALL.map(Series::name).into(),
    }
}

fn list() -> String {
    let mut text = String::new();
    let mut last = "";
    for definition in registry() {
        let family = definition.family();
        if family != last {
            let gap = if last.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{HEADING}{family}{HEADING:#}");
            last = family;
        }
        let call = call(definition);
        let _ = writeln!(text, "  {NAME}{call:<36}{NAME:#} {}", definition.summary);
    }
    let _ = writeln!(text, "\n{HEADING}functions{HEADING:#}");
    for function in Function::ALL {
        let _ = writeln!(
            text,
            "  {NAME}{:<36}{NAME:#} {}",
            function.usage(),
            function.summary()
        );
    }
    let series = Series::ALL.map(Series::name).join(" ");
    let _ = write!(
        text,
        "\n{HEADING}series{HEADING:#}\n  {series}\n\n\
         Operators: + - * / < <= > >= == != and or not, x@1h for bars of a longer timeframe,\n\
         x[NASDAQ@MSFT@EQ] for those of another instrument of the group.\n\
         {} indicators; tickwire indicators NAME explains one.",
        registry().len()
    );
    text
}

fn explain(definition: &'static Definition) -> String {
    let told = told_of(definition);
    let mut text = format!("{NAME}{}{NAME:#}\n{}\n", told.expression, told.summary);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(text, "\n{HEADING}{name:<11}{HEADING:#} {value}");
        }
    };
    line("family", told.family);
    line("also", &told.aliases.join(", "));
    line("formula", told.formula);
    line("source", told.source);
    line("inputs", &told.inputs.join(", "));
    line("outputs", &told.outputs.join(", "));
    for (at, parameter) in told.parameters.iter().enumerate() {
        let value = format!(
            "{} = {} ({} number, {} to {})",
            parameter.name, parameter.default, parameter.kind, parameter.minimum, parameter.maximum
        );
        line(if at == 0 { "parameters" } else { "" }, &value);
    }
    line(
        "warm-up",
        &format!(
            "{} bars without a value; {} to seed it from history",
            told.warm_up, told.settle
        ),
    );
    line("cost", told.cost);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: Option<&str>, json: bool) -> Result<String, String> {
        let args = IndicatorsArgs {
            name: name.map(str::to_owned),
            json,
        };
        told(&args)
    }

    #[test]
    fn every_indicator_is_listed_and_explained() {
        let list = of(None, false).unwrap();
        for definition in registry() {
            let call = call(definition);
            assert!(Expression::parse(&call).is_ok(), "{call}");
            assert!(list.contains(&call), "{call}");
            let explained = of(Some(definition.name), false).unwrap();
            for part in [definition.formula, definition.source, definition.summary] {
                assert!(explained.contains(part), "{}: {part}", definition.name);
            }
        }
    }

    #[test]
    fn json_has_the_same() {
        let all: serde_json::Value = serde_json::from_str(&of(None, true).unwrap()).unwrap();
        assert_eq!(all["indicators"].as_array().unwrap().len(), registry().len());
        assert_eq!(all["functions"].as_array().unwrap().len(), Function::ALL.len());
        let rsi: serde_json::Value = serde_json::from_str(&of(Some("RSI"), true).unwrap()).unwrap();
        assert_eq!(rsi["expression"], "rsi(close,14)");
        assert_eq!(rsi["family"], "momentum");
        assert_eq!(rsi["parameters"][0]["minimum"], 2.0);
        assert_eq!(rsi["warm_up"], 14);
    }

    #[test]
    fn other_names() {
        assert!(of(Some("highest"), false).unwrap().contains("highest(close,30)"));
        assert!(
            of(Some("crosses_above"), false)
                .unwrap()
                .contains("crosses_above(a, b)")
        );
        assert_eq!(
            of(Some("rsl"), false).unwrap_err(),
            "there is no indicator rsl, did you mean rsi?"
        );
        let error = of(Some("wobbling"), false).unwrap_err();
        assert_eq!(
            error,
            "there is no indicator wobbling: tickwire indicators lists them"
        );
    }
}
