//! `tickwire trace FILE`: whose copy of paid streams was passed on.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tickwire_aws::{Dynamo, SystemClock};
use tickwire_entitlements::watermark::{Attack, FALSE_POSITIVE_MAX, Finding, Leaked, WatermarkKey, needed};
use tickwire_service::ports::Secrets as _;
use tickwire_service::trace_leak::{Sent, keys_of};
use tickwire_service::watermark::WATERMARK_KEY;
use tickwire_streams::{StreamKey, Universe};
use tickwire_telemetry::Meter;
use tickwire_telemetry::logging::complain;

use super::client_args::Exit;
use crate::run::Runs;
use crate::secrets::LocalSecrets;
use crate::store::{DataDirectory, Engine};

/// Candidates that the table of values counts with.
const TABLE_CANDIDATES: usize = 10_000;
/// Receivers that the table tries.
const TABLE_TRIES: usize = 20;
/// Values that the table tries at the most.
const TABLE_VALUES_MAX: usize = 2_000;

/// Names who received leaked values of paid streams, with the probability that
/// chance alone would name anybody.
#[derive(Args, Clone, Debug)]
pub struct TraceArgs {
    /// CSV, JSON or any text with the values; order, times and other columns play no part
    #[arg(value_name = "FILE", required_unless_present = "table")]
    pub leaked: Option<PathBuf>,
    /// Who may have received them: a user a line
    #[arg(long, value_name = "FILE", required_unless_present = "table")]
    pub subscribers: Option<PathBuf>,
    /// Data directory of the stack that sent them, which may be running
    #[arg(long, value_name = "DIR", default_value = "tickwire-data")]
    pub data: PathBuf,
    /// The world: live, sim-… or replay-… [default: that of the newest run]
    #[arg(long, value_name = "NAME")]
    pub universe: Option<Universe>,
    /// Only this stream; may be repeated [default: all that are paid for]
    #[arg(long = "stream", value_name = "KEY")]
    pub streams: Vec<StreamKey>,
    /// Print how many values name a receiver, attack by attack
    #[arg(long, conflicts_with_all = ["leaked", "subscribers"])]
    pub table: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub async fn run(args: TraceArgs) -> ExitCode {
    let outcome = if args.table {
        table(args.json)
    } else {
        trace(args).await
    };
    match outcome {
        Ok(code) => code,
        Err(why) => {
            complain(format!("tickwire: {why}"));
            Exit::Bad.into()
        }
    }
}

async fn trace(args: TraceArgs) -> Result<ExitCode, String> {
    let text = |path: &Option<PathBuf>| {
        let path = path.as_deref().ok_or("name a file")?;
        std::fs::read_to_string(path).map_err(|e| format!("failed to read {}: {e}", path.display()))
    };
    let leaked = numbers(&text(&args.leaked)?);
    let subscribers: Vec<String> = text(&args.subscribers)?
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    if subscribers.is_empty() {
        return Err("the file of subscribers names nobody: write a user a line".to_owned());
    }
    let runs = Runs::read(&args.data).map_err(|e| e.to_string())?;
    let universe = args
        .universe
        .or_else(|| runs.newest().map(|run| run.universe.clone()))
        .unwrap_or_else(Universe::live);
    let secrets = LocalSecrets::read(&args.data).map_err(|e| e.to_string())?;
    let versions = secrets.secret(WATERMARK_KEY).await.map_err(|e| e.to_string())?;
    let keys = keys_of(&versions).map_err(|e| e.to_string())?;
    let directory = DataDirectory::beside(&args.data).map_err(|e| e.to_string())?;
    let engine = Engine::open(&directory).map_err(|e| e.to_string())?;
    let meter = Arc::new(Meter::default());
    let store = Dynamo::new(engine.client(), "", meter, Arc::new(SystemClock));
    let wanted = |key: &StreamKey| args.streams.is_empty() || args.streams.contains(key);
    let sent = Sent::read(&store, &store, &universe, wanted)
        .await
        .map_err(|e| e.to_string())?;
    if sent.is_empty() {
        return Err(format!(
            "the log of {universe} has no value of a stream that is paid for"
        ));
    }
    let trace = sent.compare(&leaked);
    let verdict = sent.accuse(&trace, &subscribers, &keys);
    if args.json {
        let row = |finding: &Finding| {
            json!({
                "subscriber": finding.subscriber, "key_id": finding.key_id,
                "matches": finding.matches, "false_positive": finding.false_positive,
            })
        };
        let report = json!({
            "named": verdict.named.iter().map(row).collect::<Vec<_>>(),
            "next": verdict.next.as_ref().map(row),
            "candidates": subscribers.len(), "keys": keys.len(), "streams": sent.streams.len(),
            "sent": sent.len(), "leaked": leaked.len(), "compared": verdict.values,
            "strange": trace.strange, "ambiguous": trace.ambiguous, "coarse": trace.coarse,
        });
        println!("{report}");
    } else {
        println!(
            "{} values, {} of them compared with {} that were sent in {} streams; {} lie beside all, {} beside several, {} have too few digits",
            leaked.len(),
            verdict.values,
            sent.len(),
            sent.streams.len(),
            trace.strange,
            trace.ambiguous,
            trace.coarse
        );
        for Finding {
            subscriber,
            key_id,
            matches,
            false_positive,
        } in &verdict.named
        {
            println!(
                "{subscriber}: {matches} values carry the mark (key {key_id}); false positive among {} candidates: {false_positive:.1e}",
                subscribers.len()
            );
        }
        if verdict.named.is_empty() {
            println!(
                "Nobody is named: no candidate's false-positive probability is below {FALSE_POSITIVE_MAX:.0e}."
            );
        }
        if let Some(next) = &verdict.next {
            println!(
                "Next: {} with {} values, {:.1e}",
                next.subscriber, next.matches, next.false_positive
            );
        }
    }
    Ok(if verdict.named.is_empty() {
        Exit::Bad.into()
    } else {
        ExitCode::SUCCESS
    })
}

/// All numbers of a text that have decimals.
fn numbers(text: &str) -> Vec<Leaked> {
    text.split(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+' | 'e' | 'E'))
        .filter(|word| word.contains('.'))
        .filter_map(Leaked::parse)
        .collect()
}

fn table(json: bool) -> Result<ExitCode, String> {
    // Any key and instrument give the same: marks are as by chance.
    let key = WatermarkKey::new(&[7; 32]).map_err(|e| e.to_string())?;
    let instrument = "NSE@NIFTY@IDX".parse().map_err(|e| format!("{e}"))?;
    if !json {
        println!(
            "Values until their receiver is named among {TABLE_CANDIDATES} with a false-positive probability below {FALSE_POSITIVE_MAX:.0e}, of {TABLE_TRIES} receivers"
        );
        println!("{:>7} {:>7} {:>7}  attack", "least", "median", "most");
    }
    for attack in Attack::ALL {
        let counts = needed(
            attack,
            &key,
            &instrument,
            TABLE_CANDIDATES,
            TABLE_TRIES,
            TABLE_VALUES_MAX,
        );
        let [least, median, most] =
            [0, TABLE_TRIES / 2, TABLE_TRIES - 1].map(|place| counts.get(place).copied().flatten());
        if json {
            let row = json!({"attack": attack.as_str(), "least": least, "median": median, "most": most});
            println!("{row}");
        } else {
            let cell =
                |count: Option<usize>| count.map_or_else(|| "never".to_owned(), |count| count.to_string());
            println!(
                "{:>7} {:>7} {:>7}  {}",
                cell(least),
                cell(median),
                cell(most),
                attack.as_str()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_any_text() {
        let csv = "time,value\n2026-11-21T09:15:00Z,24013.123456\n1795236276123,-0.5e-3\n";
        assert_eq!(numbers(csv).len(), 2);
        let json = r#"[{"s":3,"o":77,"d":{"value":24013.123456,"macd":1.25}},{"absent":"cold"}]"#;
        assert_eq!(
            numbers(json),
            [
                Leaked::parse("24013.123456").unwrap(),
                Leaked::parse("1.25").unwrap()
            ]
        );
    }
}
