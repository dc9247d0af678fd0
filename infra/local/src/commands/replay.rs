//! `tickwire replay`: the stored log, folded again.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use rustc_hash::FxHashMap;
use serde::Serialize;
use tickwire_aws::{Dynamo, SystemClock};
use tickwire_market::UnixNanos;
use tickwire_service::explain_signal::ExplainPorts;
use tickwire_service::group::GroupState;
use tickwire_service::ports::Groups as _;
use tickwire_service::replay_log::{Span, Verified, VerifyError, replay};
use tickwire_signals::{Signal, StreamId};
use tickwire_streams::{GroupKey, StreamKey, Universe};
use tickwire_telemetry::Meter;

use super::client_args::Exit;
use super::explain_view::{numbers, outputs_of};
use super::options::chain::parse_time;
use super::options::sheet::Output;
use crate::report::thousands;
use crate::run::Runs;
use crate::store::{DataDirectory, Engine};

/// Signals between two looks at the progress bar.
const PROGRESS_SIGNALS: u64 = 16_384;

/// Folds the log of a world again; with --verify, every signal must be the stored
/// one to the bit.
///
/// With --output, the signals are written as CSV, a row for each number of a signal:
/// time (nanoseconds), stream, offset, previous, name, value, and why there is none.
/// The stack may be running. Times are those of the exchange.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// From this time on, such as 2026-11-20T09:45:00Z [default: the beginning of the log]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub from: Option<UnixNanos>,
    /// Before this time [default: the end of the log]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub to: Option<UnixNanos>,
    /// Compare every stored signal with the folded one; end with 1 at the first that differs
    #[arg(long)]
    pub verify: bool,
    /// Write signals of this stream only; may be given again
    #[arg(long = "stream", value_name = "KEY")]
    pub streams: Vec<StreamKey>,
    /// CSV file of the signals; - for standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Data directory of the stack, which may be running
    #[arg(long, value_name = "DIR", default_value = "tickwire-data")]
    pub data: PathBuf,
    /// The world: live, sim-… or replay-… [default: that of the newest run]
    #[arg(long, value_name = "NAME")]
    pub universe: Option<Universe>,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

/// What became of a group.
#[derive(Debug, Serialize)]
struct GroupFigures {
    group: GroupKey,
    segments: u64,
    events: u64,
    /// Folded, those before the span included.
    signals: u64,
    /// In the span, and of the streams asked for.
    chosen: u64,
}

/// What became of all of it.
#[derive(Debug, Serialize)]
struct Figures {
    universe: Universe,
    /// Whether every signal is the same to the bit; absent if that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_bits: Option<bool>,
    groups: Vec<GroupFigures>,
}

/// Runs the command.
pub async fn run(args: ReplayArgs) -> ExitCode {
    match try_run(&args).await {
        Ok(figures) => {
            // With the signals on standard output, the figures go beside them.
            let beside = args.output.as_ref().is_some_and(|path| path.as_os_str() == "-");
            let text = told(&figures, args.json);
            let _ = match beside {
                true => write!(io::stderr(), "{text}"),
                false => write!(io::stdout(), "{text}"),
            };
            Exit::Good.into()
        }
        Err(why) => {
            eprintln!("tickwire: {why}");
            Exit::Bad.into()
        }
    }
}

async fn try_run(args: &ReplayArgs) -> Result<Figures, String> {
    let runs = Runs::read(&args.data).map_err(|e| e.to_string())?;
    let universe = runs.universe_or_newest(args.universe.as_ref());
    let directory = DataDirectory::beside(&args.data).map_err(|e| e.to_string())?;
    let engine = Engine::open(&directory).map_err(|e| e.to_string())?;
    let store = Arc::new(Dynamo::new(
        engine.client(),
        "",
        Arc::new(Meter::default()),
        Arc::new(SystemClock),
    ));
    let mut groups = store.groups().await.map_err(|e| e.to_string())?;
    groups.retain(|group| *group.universe() == universe);
    groups.sort();
    if groups.is_empty() {
        return Err(format!(
            "{} has no log of {universe}: tickwire up writes one",
            args.data.display()
        ));
    }
    let ports = ExplainPorts {
        log: store.clone(),
        checkpoints: store,
    };
    let span = Span {
        from: args.from,
        to: args.to,
    };
    let mut rows = args.output.as_deref().map(Rows::begin).transpose()?;
    let progress = super::spinner();
    let mut done = Vec::with_capacity(groups.len());
    let mut seen = 0;
    for group in groups {
        let mut chosen = 0;
        let mut streams = Streams::of(&args.streams);
        let outcome = replay(&ports, &group, span, args.verify, |state, signal| {
            seen += 1;
            if seen % PROGRESS_SIGNALS == 0 {
                progress.set_message(format!("{group}, {} signals", thousands(seen)));
                progress.tick();
            }
            if let Some(stream) = streams.wanted(state, signal.stream) {
                chosen += 1;
                if let Some(rows) = &mut rows {
                    rows.write(stream, signal).map_err(VerifyError::Write)?;
                }
            }
            Ok(())
        });
        let Verified {
            segments,
            events,
            signals,
        } = outcome.await.map_err(|error| format!("{group}: {error}"))?;
        done.push(GroupFigures {
            group,
            segments,
            events,
            signals,
            chosen,
        });
    }
    if let Some(rows) = &mut rows {
        rows.out.flush().map_err(|e| e.to_string())?;
    }
    progress.finish_and_clear();
    Ok(Figures {
        universe,
        same_bits: args.verify.then_some(true),
        groups: done,
    })
}

/// A stream, and what its numbers are called.
struct Named {
    key: String,
    outputs: Vec<&'static str>,
}

/// The streams of a group that are wanted, by their numbers.
struct Streams<'a> {
    asked: &'a [StreamKey],
    known: FxHashMap<StreamId, Option<Named>>,
}

impl<'a> Streams<'a> {
    fn of(asked: &'a [StreamKey]) -> Self {
        Self {
            asked,
            known: FxHashMap::default(),
        }
    }

    fn wanted(&mut self, state: &GroupState, id: StreamId) -> Option<&Named> {
        let named = self.known.entry(id).or_insert_with(|| {
            let key = &state.engine.streams().get(id as usize)?.key;
            let is_asked = self.asked.is_empty() || self.asked.contains(key);
            is_asked.then(|| Named {
                key: key.to_string(),
                outputs: outputs_of(key),
            })
        });
        named.as_ref()
    }
}

/// The signals as CSV.
struct Rows {
    out: Output,
}

impl Rows {
    fn begin(path: &std::path::Path) -> Result<Self, String> {
        let mut out = Output::create(Some(path)).map_err(|e| e.to_string())?;
        for name in ["time", "stream", "offset", "previous", "name", "value", "absent"] {
            out.text(name.as_bytes());
        }
        out.end_row().map_err(|e| e.to_string())?;
        Ok(Self { out })
    }

    fn write(&mut self, stream: &Named, signal: &Signal) -> Result<(), String> {
        let previous = signal
            .previous
            .map_or_else(String::new, |offset| offset.to_string());
        for (name, value) in numbers(&signal.value, &stream.outputs) {
            self.out.text(signal.exchange_time.0.to_string().as_bytes());
            self.out.text(stream.key.as_bytes());
            self.out.text(signal.offset.to_string().as_bytes());
            self.out.text(previous.as_bytes());
            self.out.text(name.as_bytes());
            match value {
                Ok(number) => {
                    self.out.number(Some(number));
                    self.out.text(b"");
                }
                // A condition is 1 or 0, as in the columns of compute.
                Err(text) if text == "true" || text == "false" => {
                    self.out.text(if text == "true" { b"1" } else { b"0" });
                    self.out.text(b"");
                }
                Err(absence) => {
                    self.out.text(b"");
                    self.out.text(absence.as_bytes());
                }
            }
            self.out.end_row().map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

fn told(figures: &Figures, as_json: bool) -> String {
    if as_json {
        return serde_json::to_string_pretty(figures).unwrap_or_default() + "\n";
    }
    let width = figures
        .groups
        .iter()
        .map(|group| group.group.as_str().len())
        .max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for group in &figures.groups {
        text.push_str(&format!(
            "{:width$}  {:>9} segments  {:>11} events  {:>11} signals, {} of them asked for\n",
            group.group.as_str(),
            thousands(group.segments),
            thousands(group.events),
            thousands(group.signals),
            thousands(group.chosen),
        ));
    }
    let signals = figures.groups.iter().map(|group| group.signals).sum();
    text.push_str(&match figures.same_bits {
        Some(_) => format!("all {} signals are the same to the bit\n", thousands(signals)),
        None => format!(
            "{} signals folded, not compared: --verify compares\n",
            thousands(signals)
        ),
    });
    text
}
