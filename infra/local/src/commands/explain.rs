//! `tickwire explain STREAM@OFFSET`: from what a signal came.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tickwire_aws::{Dynamo, SystemClock};
use tickwire_service::explain_signal::{ExplainPorts, explain};
use tickwire_service::placement::Placement;
use tickwire_streams::{Offset, StreamKey, Universe};
use tickwire_telemetry::Meter;

use super::client_args::Exit;
use super::explain_view::show;
use crate::run::Runs;
use crate::store::{DataDirectory, Engine};

/// Folds the log again up to one signal, and shows from what it came and that
/// the bits are the same.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// Stream key and offset, as in a data frame: common:NASDAQ@AAPL@EQ:1d:rsi(close,14)@1234567
    #[arg(value_name = "STREAM@OFFSET", value_parser = parse_signal)]
    pub signal: (StreamKey, Offset),
    /// Data directory of the stack, which may be running
    #[arg(long, value_name = "DIR", default_value = "tickwire-data")]
    pub data: PathBuf,
    /// The world: live, sim-… or replay-… [default: that of the newest run]
    #[arg(long, value_name = "NAME")]
    pub universe: Option<Universe>,
    /// How instruments are grouped, as for `up` [default: as in the run]
    #[arg(long, value_name = "N|VENUE=N|KEY,…")]
    pub baskets: Option<Placement>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn parse_signal(text: &str) -> Result<(StreamKey, Offset), String> {
    const FORM: &str = "write STREAM@OFFSET, such as public:NASDAQ@AAPL@EQ:tick:price@1234567";
    let (stream, offset) = text.rsplit_once('@').ok_or(FORM)?;
    let offset: u64 = offset.parse().map_err(|_| FORM)?;
    let stream: StreamKey = stream.parse().map_err(|e| format!("{e}; {FORM}"))?;
    Ok((stream, Offset(offset)))
}

/// Runs the command.
pub async fn run(args: ExplainArgs) -> ExitCode {
    match try_run(args).await {
        Ok(code) => code,
        Err(why) => {
            tickwire_telemetry::logging::complain(format!("tickwire: {why}"));
            Exit::Bad.into()
        }
    }
}

async fn try_run(args: ExplainArgs) -> Result<ExitCode, String> {
    let (stream, offset) = args.signal;
    let runs = Runs::read(&args.data).map_err(|e| e.to_string())?;
    let universe = runs.universe_or_newest(args.universe.as_ref());
    let placement = args.baskets.unwrap_or_else(|| runs.placement_of(&universe));
    let directory = DataDirectory::beside(&args.data).map_err(|e| e.to_string())?;
    let engine = Engine::open(&directory).map_err(|e| e.to_string())?;
    let store = Arc::new(Dynamo::new(
        engine.client(),
        "",
        Arc::new(Meter::default()),
        Arc::new(SystemClock),
    ));
    let group = placement.group_of(&universe, &stream.stream.instrument);
    let ports = ExplainPorts {
        log: store.clone(),
        checkpoints: store,
    };
    let explanation = explain(&ports, &group, &stream, offset)
        .await
        .map_err(|e| e.to_string())?;
    Ok(show(&explanation, &stream, args.json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_named_by_stream_and_offset() {
        let (stream, offset) = parse_signal("public:NASDAQ@AAPL@EQ:tick:price@65537").unwrap();
        assert_eq!(
            (stream.to_string().as_str(), offset),
            ("public:NASDAQ@AAPL@EQ:tick:price", Offset(65_537))
        );
        for wrong in [
            "",
            "public:NASDAQ@AAPL@EQ:tick:price",
            "x@1",
            "public:NASDAQ@AAPL@EQ:tick:price@-1",
        ] {
            assert!(parse_signal(wrong).is_err(), "{wrong}");
        }
    }
}
