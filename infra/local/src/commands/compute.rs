//! `tickwire compute`: expressions over the bars of a file, by the engine's own graph.

mod table;
mod time_text;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tickwire_market::{Bar, Calendar, InstrumentKey, Timeframe, UnixNanos};
use tickwire_signals::{Batch, BatchRefusal, ChainTerms, Expression, ExpressionError, Member, Value};

use super::client_args::Exit;
use super::feed_args::FileArgs;
use super::options::OptionsError;
use crate::feed::file::{BarFile, FeedError, Packing};
use crate::report::{decimals, thousands};
use table::Table;
use time_text::TimeText;

/// Rows between two looks at the progress bar.
pub(super) const PROGRESS_ROWS: u64 = 16_384;
/// Rows set aside that are told one by one.
pub(super) const SET_ASIDE_SHOWN_MAX: u64 = 10;

/// Expressions over the bars of a file.
///
/// Writes a row for each bar: its time, then a column for each output, named by its
/// canonical expression. Numbers have the shortest digits that read back the same, a
/// condition is 1 or 0, and a value that is absent is an empty cell. No row depends on a
/// later one. A row that cannot be a bar is set aside with its reason.
///
/// Parquet in gives the same as its text would: a null is an empty cell. Parquet out has the
/// bits of the CSV, in nullable doubles, and the time as a date or a timestamp of UTC.
#[derive(Args, Clone, Debug)]
pub struct ComputeArgs {
    /// CSV (also compressed with gzip) or Parquet file of bars; - for standard input
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// An expression, such as 'rsi(14)' or 'close > ema(50)@1h'; may be given again
    #[arg(long = "expr", value_name = "EXPRESSION", required = true)]
    pub expressions: Vec<String>,
    /// Bars on which to compute, joined from those of the file [default: as they are]
    #[arg(long, value_name = "TIMEFRAME")]
    pub timeframe: Option<Timeframe>,
    /// File to write: Parquet if its name ends with .parquet, else CSV; - for standard output
    /// [default: -]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How long the bars of the file are [default: by their spacing]
    #[arg(long, value_name = "TIMEFRAME")]
    pub bars: Option<Timeframe>,
    /// What the columns hold, in order, such as time,open,high,low,close,volume
    #[arg(long, value_name = "NAMES")]
    pub columns: Option<String>,
    /// The instrument that is computed on, such as NASDAQ@AAPL@EQ: its exchange gives the
    /// sessions to which joined bars are aligned [default: days of UTC]
    #[arg(long, value_name = "KEY", value_parser = InstrumentKey::from_alias)]
    pub instrument: Option<InstrumentKey>,
    /// Exchange of the tickers in a file of several instruments, such as NASDAQ:
    /// expressions may then name each
    #[arg(long, value_name = "EXCHANGE")]
    pub exchange: Option<String>,
    /// Zone of times without an offset, such as America/New_York
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Continuous rate per year by which options in the file are valued, on the bars of their
    /// underlying; without it they have no Greeks
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub interest_rate: Option<f64>,
    /// Continuous yield per year of what the options are of
    #[arg(
        long,
        value_name = "Y",
        requires = "interest_rate",
        allow_negative_numbers = true
    )]
    pub dividend_yield: Option<f64>,
}

impl ComputeArgs {
    fn chain(&self) -> Result<Option<ChainTerms>, ComputeError> {
        let Some(rate) = self.interest_rate else {
            return Ok(None);
        };
        let terms = ChainTerms {
            dividend_yield: self.dividend_yield.unwrap_or(0.0),
            ..ChainTerms::flat(rate)
        };
        terms
            .check()
            .map_err(|error| ComputeError::Usage(error.to_string()))?;
        Ok(Some(terms))
    }
}

/// Why nothing was computed.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    /// An expression is not one.
    #[error("{0}")]
    Expression(#[from] ExpressionError),
    /// The file cannot be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// Expressions and bars do not fit together.
    #[error(transparent)]
    Batch(#[from] BatchRefusal),
    /// The output cannot be written.
    #[error(transparent)]
    Output(#[from] OptionsError),
    /// An option is missing or wrong.
    #[error("{0}")]
    Usage(String),
}

/// Runs `tickwire compute`.
pub fn run(args: &ComputeArgs) -> ExitCode {
    match compute(args) {
        Ok(summary) => {
            eprintln!("{summary}");
            Exit::Good.into()
        }
        Err(error) => {
            tickwire_telemetry::logging::complain(format!("tickwire: {error}"));
            match error {
                ComputeError::Expression(_) | ComputeError::Batch(_) | ComputeError::Usage(_) => {
                    Exit::Usage.into()
                }
                _ => Exit::Bad.into(),
            }
        }
    }
}

/// The file and what is computed on it.
struct Task {
    file: BarFile,
    /// Instruments by place, the one computed on first; none where the file tells none.
    names: Vec<InstrumentKey>,
    batch: Batch,
    columns: Vec<Column>,
    /// How the time of a row is told.
    times: TimeText,
}

/// Where a column's values come from.
struct Column {
    name: String,
    expression: usize,
    output: usize,
}

fn compute(args: &ComputeArgs) -> Result<String, ComputeError> {
    let began = Instant::now();
    let task = prepare(args)?;
    let counts = fold(task, args.output.as_deref())?;
    let seconds = began.elapsed().as_secs_f64();
    let set_aside = match counts.set_aside {
        0 => String::new(),
        count => format!("; {} rows of the file set aside", thousands(count)),
    };
    Ok(format!(
        "{} rows in {} s, {} rows/s{set_aside}",
        thousands(counts.written),
        decimals(seconds, 2),
        thousands((counts.written as f64 / seconds.max(1e-9)) as u64)
    ))
}

fn prepare(args: &ComputeArgs) -> Result<Task, ComputeError> {
    let expressions: Vec<Expression> = args
        .expressions
        .iter()
        .map(|text| Expression::parse(text))
        .collect::<Result<_, _>>()?;
    let told = FileArgs {
        columns: args.columns.clone(),
        // Of a file of several instruments, it says which is computed on.
        instrument: args.instrument.clone().filter(|_| args.exchange.is_none()),
        timezone: args.timezone.clone(),
        exchange: args.exchange.clone(),
        timeframe: args.bars,
    };
    let options = told.options().map_err(ComputeError::Usage)?;
    let file = BarFile::open(&args.input, &options)?;
    let names = names(args, &file)?;
    let chain = args.chain()?;
    let members: Vec<Member> = match &names[..] {
        [] => vec![Member::default()],
        names => names
            .iter()
            .map(|key| Member {
                key: Some(key.clone()),
                calendar: Calendar::of(key).ok(),
                chain: chain.clone(),
            })
            .collect(),
    };
    let (given, on) = timeframes(args, &file, &expressions)?;
    let batch = Batch::new(&expressions, given, on, &members)?;
    let columns = (0..)
        .zip(&expressions)
        .flat_map(|(at, expression)| {
            let texts = (0..).zip(expression.output_texts());
            texts.map(move |(output, name)| Column {
                name,
                expression: at,
                output,
            })
        })
        .collect();
    let zone = members.first().and_then(|member| member.calendar).map_or_else(
        || options.time_zone.clone().unwrap_or(jiff::tz::TimeZone::UTC),
        Calendar::time_zone,
    );
    Ok(Task {
        file,
        names,
        batch,
        columns,
        times: TimeText::new(on == Timeframe::DAY, zone),
    })
}

/// The instruments of the file, the one that is computed on first.
fn names(args: &ComputeArgs, file: &BarFile) -> Result<Vec<InstrumentKey>, ComputeError> {
    let mut names = file.instruments();
    let own = match (&args.instrument, &names[..]) {
        (_, []) => return Ok(names),
        (Some(own), _) => names.iter().position(|name| name == own).ok_or_else(|| {
            let found = names
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            ComputeError::Usage(format!("the file has no rows of {own}: it has {found}"))
        })?,
        (None, [_]) => 0,
        (None, [first, ..]) => {
            return Err(ComputeError::Usage(format!(
                "the file has rows of {} instruments: say by --instrument on which to compute, such as {first}",
                names.len()
            )));
        }
    };
    names[..=own].rotate_right(1);
    Ok(names)
}

/// How long the bars of the file are, and those that are computed on.
fn timeframes(
    args: &ComputeArgs,
    file: &BarFile,
    expressions: &[Expression],
) -> Result<(Timeframe, Timeframe), ComputeError> {
    if let Some(given) = file.timeframe() {
        return Ok((given, args.timeframe.unwrap_or(given)));
    }
    let joins = expressions
        .iter()
        .find(|expression| expression.as_str().contains('@'));
    match (args.timeframe, joins) {
        (None, None) => Ok((Timeframe::TICK, Timeframe::TICK)),
        _ => Err(ComputeError::Usage(format!(
            "the bars of {} are {} apart and cannot be joined: say by --bars how long they are, 1m to 1d",
            args.input.display(),
            file.describe().timeframe.as_deref().unwrap_or("?")
        ))),
    }
}

#[derive(Default)]
struct Counts {
    read: u64,
    written: u64,
    set_aside: u64,
}

impl Counts {
    fn set_aside(&mut self, bar: &ProgressBar, line: u64, reason: &str) {
        self.set_aside += 1;
        if self.set_aside <= SET_ASIDE_SHOWN_MAX {
            bar.suspend(|| eprintln!("line {line} set aside: {reason}"));
        } else if self.set_aside == SET_ASIDE_SHOWN_MAX + 1 {
            bar.suspend(|| eprintln!("further rows are set aside without a word"));
        }
    }
}

fn fold(task: Task, output: Option<&Path>) -> Result<Counts, ComputeError> {
    let Task {
        mut file,
        names,
        mut batch,
        columns,
        times,
    } = task;
    let mut table = Table::create(output, times, columns.iter().map(|column| column.name.clone()))?;
    let progress = progress(&file);
    let mut counts = Counts::default();
    let mut written = Ok(());
    // Bars that end at one time, one an instrument.
    let mut ended: Vec<(usize, Bar)> = Vec::new();
    let mut last_end = UnixNanos(i64::MIN);
    loop {
        let row = file.next();
        let row = match row {
            Some(Ok(row)) => Some(row),
            Some(Err(error)) => {
                counts.set_aside(&progress, error.line, &error.reason.to_string());
                continue;
            }
            None => None,
        };
        if let Some(row) = &row
            && ended.first().is_none_or(|(_, first)| first.end == row.bar.end)
            && row.bar.end > last_end
        {
            take(row, &names, &mut batch, &mut ended, &mut counts, &progress);
            continue;
        }
        if let Some((_, first)) = ended.first() {
            last_end = first.end;
        }
        batch.next(&ended, |batch, bar| {
            counts.written += 1;
            let cells =
                columns.iter().map(
                    |column| match batch.values(column.expression).get(column.output) {
                        Some(Value::Number(number)) => Some(*number),
                        Some(Value::Truth(truth)) => Some(f64::from(u8::from(*truth))),
                        _ => None,
                    },
                );
            if written.is_ok() {
                written = table.row(bar, cells);
            }
        });
        ended.clear();
        std::mem::replace(&mut written, Ok(()))?;
        let Some(row) = row else { break };
        if row.bar.end > last_end {
            take(&row, &names, &mut batch, &mut ended, &mut counts, &progress);
        } else {
            counts.set_aside(&progress, row.line, "its bar does not end after those before it");
        }
        counts.read += 1;
        if counts.read.is_multiple_of(PROGRESS_ROWS) {
            progress.set_position(file.bytes_read());
            progress.set_message(format!("{} rows", thousands(counts.written)));
        }
    }
    progress.finish_and_clear();
    table.finish()?;
    Ok(counts)
}

/// Puts a bar beside those that end with it, or sets it aside.
fn take(
    row: &crate::feed::file::BarRow,
    names: &[InstrumentKey],
    batch: &mut Batch,
    ended: &mut Vec<(usize, Bar)>,
    counts: &mut Counts,
    progress: &ProgressBar,
) {
    let member = match &row.instrument {
        None => Some(0),
        Some(key) => names.iter().position(|name| name == key),
    };
    let Some(member) = member else {
        return counts.set_aside(progress, row.line, "its instrument came up too late");
    };
    if ended.iter().any(|(other, _)| *other == member) {
        counts.set_aside(progress, row.line, "its bar ends with another of its instrument");
    } else if !batch.is_open(member, &row.bar) {
        counts.set_aside(
            progress,
            row.line,
            "its bar begins outside the exchange's sessions",
        );
    } else {
        ended.push((member, row.bar));
    }
}

/// By bytes where it is known how many there are, on a terminal only.
pub(super) fn progress(file: &BarFile) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let description = file.describe();
    let (bar, form) = if description.packing != Packing::Plain {
        (ProgressBar::new_spinner(), "{spinner} {elapsed} {msg}")
    } else {
        (
            ProgressBar::new(description.bytes),
            "{bar:32} {percent} % {msg}, {eta} left",
        )
    };
    // The form is fixed; were it wrong, the default would do.
    match ProgressStyle::with_template(form) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests;
