//! What a manifest of reference values asks for, in Tickwire's names.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tickwire_indicators::{Definition, Input, Series, find};
use tickwire_signals::Node;

/// A list of reference values.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// One for each file.
    pub indicators: Vec<Entry>,
}

/// One file of reference values.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// Its name.
    pub id: String,
    /// The library's function.
    pub function: String,
    /// Its parameters by name, or words about them.
    pub params: Value,
    /// The columns it was given.
    pub inputs: Vec<String>,
    /// The columns it gave.
    pub outputs: Vec<String>,
    /// Rows before the first value, by column; columns of whole numbers hold 0 in them.
    #[serde(default)]
    pub warmup: Value,
}

impl Entry {
    /// Rows of a column before its first value.
    #[must_use]
    pub fn warm_up(&self, output: &str) -> usize {
        let rows = self.warmup.get(output).and_then(Value::as_u64);
        rows.and_then(|rows| rows.try_into().ok()).unwrap_or(0)
    }
}

/// An output of ours.
#[derive(Clone, Debug)]
pub struct Ours {
    /// The indicator.
    pub definition: &'static Definition,
    /// Its parameters.
    pub parameters: Vec<f64>,
    /// Series for the inputs it lets choose.
    pub chosen: Vec<String>,
    /// Which of its outputs.
    pub output: usize,
}

impl Ours {
    /// The expression that computes it, in canonical form.
    #[must_use]
    pub fn expression(&self) -> String {
        let chosen = self.chosen.iter().map(|name| Series::find(name));
        let node = Node::Indicator {
            definition: self.definition,
            parameters: self.parameters.clone(),
            inputs: chosen.flatten().map(Node::Series).collect(),
            output: (self.definition.outputs.len() > 1).then_some(self.output),
        };
        node.to_string()
    }
}

/// Names of others' parameters, in order of preference, for each of ours.
const PARAMETER_NAMES: &[(&str, &[&str])] = &[
    ("period", &["timeperiod", "length", "period"]),
    ("fast", &["fastperiod", "fast", "fastlimit"]),
    ("slow", &["slowperiod", "slow", "slowlimit"]),
    ("signal", &["signalperiod", "signal"]),
    ("up", &["nbdevup"]),
    ("down", &["nbdevdn"]),
    ("deviations", &["nbdev", "std"]),
    (
        "factor",
        &["multiplier", "vfactor", "nbdev", "factor", "scalar", "c", "x"],
    ),
    ("range", &["atrperiod"]),
    ("average", &["matype"]),
    ("first", &["firstperiod", "timeperiod1", "roc1period"]),
    ("second", &["secondperiod", "timeperiod2", "roc2period"]),
    ("third", &["timeperiod3"]),
    ("smooth", &["wmaperiod", "swma_length", "smooth", "smoothk", "k"]),
    ("k", &["fastk_period", "fastk"]),
    ("slowk", &["slowk_period"]),
    ("d", &["slowd_period", "fastd_period", "d"]),
    ("rsi", &["rsi_length", "timeperiod"]),
    ("high", &["high_length"]),
    ("low", &["low_length"]),
    ("bands", &["bb_length"]),
    ("deviations", &["bb_std"]),
    ("channel", &["kc_length"]),
    ("factor", &["kc_scalar"]),
    ("cycle", &["tclength"]),
    ("range", &["p"]),
    ("period", &["q"]),
];

/// Functions that are called otherwise here.
fn name_of(entry: &Entry) -> String {
    let name = entry.function.to_ascii_lowercase();
    let params = entry.params.as_object();
    let text = |key: &str| params.and_then(|params| params.get(key)).and_then(Value::as_str);
    match (&*name, text("anchor")) {
        ("vwap", Some("D")) => "vwap_session".to_owned(),
        ("vwap", Some("W")) => "vwap_week".to_owned(),
        ("vwap", Some("M")) => "vwap_month".to_owned(),
        ("stochrsi", _) if params.is_some_and(|params| params.contains_key("rsi_length")) => {
            "stochrsi_k".to_owned()
        }
        ("stdev", _) => "stddev_sample".to_owned(),
        _ => name,
    }
}

/// Outputs whose order differs from ours, by our name.
fn order(definition: &Definition) -> Vec<&'static str> {
    match definition.name {
        "rvgi" => vec!["hist", "rvgi", "signal"],
        "aroon" => vec!["down", "up"],
        _ => definition.outputs.to_vec(),
    }
}

impl Entry {
    /// What of ours computes each of the outputs, in order.
    ///
    /// # Errors
    /// The name of what is missing here.
    pub fn ours(&self) -> Result<Vec<Ours>, String> {
        if self.function.contains('*') {
            let one = |output: &String| {
                let name = output.to_ascii_lowercase();
                let definition = find(&name).ok_or(name)?;
                Ok(Ours {
                    definition,
                    parameters: definition.defaults(),
                    chosen: Vec::new(),
                    output: 0,
                })
            };
            return self.outputs.iter().map(one).collect();
        }
        let name = name_of(self);
        let definition = find(&name).ok_or(name)?;
        let empty = serde_json::Map::new();
        let params = self.params.as_object().unwrap_or(&empty);
        let mut parameters = definition.defaults();
        let mut taken = BTreeMap::new();
        for (at, parameter) in definition.parameters.iter().enumerate() {
            let names = PARAMETER_NAMES
                .iter()
                .filter(|(ours, _)| *ours == parameter.name)
                .flat_map(|(_, theirs)| theirs.iter().copied())
                .chain([parameter.name]);
            for theirs in names {
                if let Some(value) = params.get(theirs).and_then(Value::as_f64)
                    && !taken.contains_key(theirs)
                {
                    parameters[at] = value;
                    taken.insert(theirs, at);
                    break;
                }
            }
        }
        let chosen = definition
            .inputs
            .iter()
            .zip(&self.inputs)
            .filter(|(input, _)| **input == Input::Chosen)
            .map(|(_, series)| series.clone())
            .collect::<Vec<_>>();
        let ordered = order(definition);
        if ordered.len() != self.outputs.len() {
            return Err(format!(
                "{}: {} outputs, {} asked for",
                definition.name,
                ordered.len(),
                self.outputs.len()
            ));
        }
        ordered
            .iter()
            .map(|name| {
                let output = definition
                    .outputs
                    .iter()
                    .position(|ours| ours == name)
                    .ok_or_else(|| (*name).to_owned())?;
                Ok(Ours {
                    definition,
                    parameters: parameters.clone(),
                    chosen: chosen.clone(),
                    output,
                })
            })
            .collect()
    }
}
