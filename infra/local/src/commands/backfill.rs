//! `tickwire backfill`: bars of the past from a file into the stored ones.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use tickwire_aws::{Dynamo, SystemClock};
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_service::backfill::{
    Backfill, BackfillError, BackfillReport, BarProvider, BarSetAside, HistoryRange, ProvidedBar,
};
use tickwire_service::placement::Placement;
use tickwire_service::ports::PortResult;
use tickwire_streams::Universe;
use tickwire_telemetry::Meter;

use super::client_args::Exit;
use super::compute::{PROGRESS_ROWS, SET_ASIDE_SHOWN_MAX, progress};
use super::feed_args::FileArgs;
use super::options::OptionsError;
use super::options::chain::parse_time;
use super::options::sheet::Output;
use crate::feed::file::{BarFile, FeedError};
use crate::report::thousands;
use crate::run::Runs;
use crate::store::{DataDirectory, Engine, StoreError};

/// Rows pulled at a time.
const ROWS_PER_PULL: usize = 4_096;

/// Puts the bars of a file, of one minute or of days, beside those that the log closed.
///
/// They are then read over HTTP, and seed streams that are added later. A bar that the log
/// closed stands; so does one that was put here before: what is the same is skipped, what
/// differs is set aside, as is what cannot be a closed bar of the exchange. So it may be done
/// again, and while the stack runs. Bars are to be as they were traded: splits that a group
/// was told of are applied when they are read.
///
/// Ends with 1 if a row was set aside.
#[derive(Args, Clone, Debug)]
pub struct BackfillArgs {
    /// CSV (also compressed with gzip) or Parquet file of bars; - for standard input
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// What the file holds.
    #[command(flatten)]
    pub file: FileArgs,
    /// Bars that end after this, such as 2026-11-20T09:45:00Z [default: from the first on]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub from: Option<UnixNanos>,
    /// Bars that end by this [default: to the last]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub to: Option<UnixNanos>,
    /// CSV file to write of the rows that were set aside: line and reason [default: the first
    /// ten are shown]
    #[arg(long, value_name = "FILE")]
    pub set_aside: Option<PathBuf>,
    /// Data directory of the stack, which may be running
    #[arg(long, value_name = "DIR", default_value = "tickwire-data")]
    pub data: PathBuf,
    /// The world: live, sim-… or replay-… [default: that of the newest run, else live]
    #[arg(long, value_name = "NAME")]
    pub universe: Option<Universe>,
    /// How instruments are grouped, as for `up` [default: as in the run]
    #[arg(long, value_name = "N|VENUE=N|KEY,…")]
    pub baskets: Option<Placement>,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

/// Why it ended early.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Backfill(#[from] BackfillError),
    #[error(transparent)]
    Output(#[from] OptionsError),
    #[error("{0}")]
    Usage(String),
}

/// What became of the rows.
#[derive(Debug, Serialize)]
struct Figures {
    universe: Universe,
    timeframe: Timeframe,
    #[serde(flatten)]
    report: BackfillReport,
}

/// Runs the command.
pub async fn run(args: BackfillArgs) -> ExitCode {
    match try_run(&args).await {
        Ok(figures) => {
            let _ = io::stdout().write_all(told(&figures, args.json).as_bytes());
            match figures.report.set_aside() {
                0 => Exit::Good.into(),
                _ => Exit::Bad.into(),
            }
        }
        Err(error) => {
            tickwire_telemetry::logging::complain(format!("tickwire: {error}"));
            match error {
                CommandError::Usage(_) | CommandError::Backfill(BackfillError::NotStored(_)) => {
                    Exit::Usage.into()
                }
                _ => Exit::Bad.into(),
            }
        }
    }
}

async fn try_run(args: &BackfillArgs) -> Result<Figures, CommandError> {
    let options = args.file.options().map_err(CommandError::Usage)?;
    let file = BarFile::open(&args.input, &options)?;
    let timeframe = file.timeframe().ok_or_else(|| {
        CommandError::Usage(format!(
            "the bars of {} are {} apart: say by --timeframe how long they are, 1m or 1d",
            args.input.display(),
            file.describe().timeframe.as_deref().unwrap_or("?")
        ))
    })?;
    if file.instruments().is_empty() {
        let why =
            "the file does not tell of which instrument it is: say --instrument, such as NASDAQ@AAPL@EQ";
        return Err(CommandError::Usage(why.to_owned()));
    }
    let runs = Runs::read(&args.data)?;
    let universe = runs.universe_or_newest(args.universe.as_ref());
    let placement = args
        .baskets
        .clone()
        .unwrap_or_else(|| runs.placement_of(&universe));
    let directory = open(&args.data)?;
    let clock = Arc::new(SystemClock);
    let store = Dynamo::new(
        Engine::open(&directory)?.client(),
        "",
        Arc::new(Meter::default()),
        clock.clone(),
    );
    let backfill = Backfill::new(Arc::new(store), clock, placement, universe.clone());
    let progress = progress(&file);
    let mut listing = Listing::begin(args.set_aside.as_deref(), progress.clone())?;
    let mut provider = FileProvider {
        file,
        progress: progress.clone(),
        rows: 0,
    };
    let range = HistoryRange {
        timeframe,
        from: args.from.unwrap_or(UnixNanos(i64::MIN)),
        to: args.to.unwrap_or(UnixNanos(i64::MAX)),
    };
    let report = backfill
        .run(&mut provider, range, &mut |line, why| listing.add(line, why))
        .await?;
    progress.finish_and_clear();
    listing.end()?;
    Ok(Figures {
        universe,
        timeframe,
        report,
    })
}

/// The data, alone or beside the stack that has it open.
fn open(path: &Path) -> Result<DataDirectory, StoreError> {
    match DataDirectory::open(path) {
        Err(StoreError::InUse { .. }) => DataDirectory::beside(path),
        opened => opened,
    }
}

/// A file as a provider of bars.
struct FileProvider {
    file: BarFile,
    progress: ProgressBar,
    rows: u64,
}

#[async_trait]
impl BarProvider for FileProvider {
    async fn pull(&mut self, _: &HistoryRange) -> PortResult<Vec<ProvidedBar>> {
        let row = |row| match row {
            Ok(crate::feed::file::BarRow {
                line,
                instrument,
                bar,
            }) => ProvidedBar {
                line,
                bar: instrument
                    .map(|instrument| (instrument, bar))
                    .ok_or_else(|| "it tells no instrument".to_owned()),
            },
            Err(crate::feed::file::RowError { line, reason }) => ProvidedBar {
                line,
                bar: Err(reason.to_string()),
            },
        };
        let rows: Vec<ProvidedBar> = self.file.by_ref().take(ROWS_PER_PULL).map(row).collect();
        self.rows += rows.len() as u64;
        if self.rows >= PROGRESS_ROWS {
            self.progress.set_position(self.file.bytes_read());
            self.progress
                .set_message(format!("{} rows", thousands(self.rows)));
        }
        Ok(rows)
    }
}

/// Tells the rows that were set aside: all of them in a file, or the first on the terminal.
struct Listing {
    progress: ProgressBar,
    count: u64,
    rows: Option<Output>,
    failed: Option<OptionsError>,
}

impl Listing {
    fn begin(path: Option<&Path>, progress: ProgressBar) -> Result<Self, OptionsError> {
        let mut rows = path.map(|path| Output::create(Some(path))).transpose()?;
        if let Some(rows) = &mut rows {
            rows.text(b"line");
            rows.text(b"reason");
            rows.end_row()?;
        }
        Ok(Self {
            progress,
            count: 0,
            rows,
            failed: None,
        })
    }

    fn add(&mut self, line: u64, why: &BarSetAside) {
        self.count += 1;
        if let Some(rows) = &mut self.rows {
            rows.text(line.to_string().as_bytes());
            rows.text(why.to_string().as_bytes());
            if let Err(error) = rows.end_row() {
                self.failed.get_or_insert(error);
            }
        } else if self.count <= SET_ASIDE_SHOWN_MAX {
            self.progress
                .suspend(|| eprintln!("line {line} set aside: {why}"));
        } else if self.count == SET_ASIDE_SHOWN_MAX + 1 {
            self.progress
                .suspend(|| eprintln!("further rows are set aside without a word: --set-aside lists them"));
        }
    }

    fn end(mut self) -> Result<(), OptionsError> {
        if let Some(rows) = &mut self.rows {
            rows.flush()?;
        }
        self.failed.map_or(Ok(()), Err)
    }
}

fn told(figures: &Figures, as_json: bool) -> String {
    if as_json {
        return serde_json::to_string_pretty(figures).unwrap_or_default() + "\n";
    }
    let mut text = String::new();
    for (instrument, of) in &figures.report.instruments {
        let span = match (of.from, of.to) {
            (Some(from), Some(to)) => format!(" from {from} to {to}"),
            _ => String::new(),
        };
        text.push_str(&format!(
            "{instrument} {}{span}: {} stored, {} known already, {} different, {} refused; {} missing in {}{} gaps\n",
            figures.timeframe,
            thousands(of.stored),
            thousands(of.known),
            thousands(of.different),
            thousands(of.refused),
            thousands(of.missing),
            of.gaps.len(),
            if of.gaps.len() == tickwire_service::gaps::GAPS_TOLD_MAX { " or more" } else { "" },
        ));
    }
    if figures.report.refused_rows > 0 {
        text.push_str(&format!(
            "{} rows are no bars\n",
            thousands(figures.report.refused_rows)
        ));
    }
    text
}
