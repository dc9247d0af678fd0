//! `tickwire greeks` and `tickwire iv`: a row in, a row out.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use tickwire_market::Right;
use tickwire_options::{AllGreeks, ContractColumns, Expiry, Greek, ImpliedColumns, Lanes, Model, Unsolved};

use super::sheet::{Output, Progress, Sheet};
use super::{OptionsError, Units};
use crate::commands::client_args::Exit;

/// Rows computed at once.
const BATCH_ROWS: usize = 4_096;

/// Prices and all 16 Greeks of the options in a CSV file.
///
/// Columns, in any order and case: S (or F, spot, forward), K (strike), t
/// (years), sigma (iv, volatility), and if they are there flag (c or p; call
/// without one), r, q, model (BS, BSM or B76), id. Every row of the input is a
/// row of the output; a value that does not exist is an empty cell.
#[derive(Args, Clone, Debug)]
pub struct GreeksArgs {
    /// CSV file to read; - for standard input; may be compressed with gzip
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// CSV file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Model of rows that do not name one [default: BSM]
    #[arg(long, value_name = "BS|BSM|B76", value_parser = parse_model)]
    pub model: Option<Model>,
    /// Units of the values
    #[arg(long, value_enum, default_value = "raw")]
    pub units: Units,
}

/// Implied volatilities of the prices in a CSV file.
///
/// Columns as for `greeks`, with price (discounted) for sigma. Writes id,
/// status and sigma: status is ok, below_intrinsic, at_intrinsic, above_max,
/// expired or bad_input, and sigma is empty unless it is ok.
#[derive(Args, Clone, Debug)]
pub struct IvArgs {
    /// CSV file to read; - for standard input; may be compressed with gzip
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// CSV file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Model of rows that do not name one [default: BSM]
    #[arg(long, value_name = "BS|BSM|B76", value_parser = parse_model)]
    pub model: Option<Model>,
}

fn parse_model(text: &str) -> Result<Model, String> {
    let found = match text.to_ascii_lowercase().as_str() {
        "bs" | "black_scholes" | "black-scholes" => Model::BlackScholes,
        "bsm" | "black_scholes_merton" | "black-scholes-merton" => Model::BlackScholesMerton,
        "b76" | "black" | "black76" | "black-76" => Model::Black76,
        _ => return Err("write BS, BSM or B76".to_owned()),
    };
    Ok(found)
}

pub(super) fn parse_right(text: &str) -> Option<Right> {
    match text.to_ascii_lowercase().as_str() {
        "c" | "call" | "ce" => Some(Right::Call),
        "p" | "put" | "pe" => Some(Right::Put),
        _ => None,
    }
}

/// Runs `tickwire greeks`.
pub fn run_greeks(args: &GreeksArgs) -> ExitCode {
    ended(greeks(args))
}

/// Runs `tickwire iv`.
pub fn run_iv(args: &IvArgs) -> ExitCode {
    ended(implied(args))
}

fn ended(outcome: Result<String, OptionsError>) -> ExitCode {
    match outcome {
        Ok(summary) => {
            eprintln!("{summary}");
            Exit::Good.into()
        }
        Err(error) => {
            tickwire_telemetry::logging::complain(format!("tickwire: {error}"));
            match error {
                OptionsError::NoColumn { .. } | OptionsError::Usage(_) => Exit::Usage.into(),
                _ => Exit::Bad.into(),
            }
        }
    }
}

/// Where what a row asks is.
struct Columns {
    id: Option<usize>,
    model: Option<usize>,
    flag: Option<usize>,
    underlying: usize,
    strike: usize,
    time: usize,
    rate: Option<usize>,
    dividend_yield: Option<usize>,
    value: usize,
}

impl Columns {
    fn of(sheet: &Sheet, value: &[&'static str]) -> Result<Self, OptionsError> {
        Ok(Self {
            id: sheet.column(&["id"]),
            model: sheet.column(&["model"]),
            flag: sheet.column(&["flag", "right", "type", "option_type"]),
            underlying: sheet.needed(&["S", "F", "spot", "forward", "underlying"])?,
            strike: sheet.needed(&["K", "strike"])?,
            time: sheet.needed(&["t", "time", "years", "time_to_expiry"])?,
            rate: sheet.column(&["r", "rate"]),
            dividend_yield: sheet.column(&["q", "yield", "dividend_yield"]),
            value: sheet.needed(value)?,
        })
    }
}

/// Consecutive rows of one expiry.
struct Run {
    expiry: Result<Expiry, Unsolved>,
    asked: (Model, [f64; 4]),
    from: usize,
    rows: usize,
}

/// Rows read and not yet written.
#[derive(Default)]
struct Batch {
    runs: Vec<Run>,
    contracts: ContractColumns,
    values: Vec<f64>,
    /// Whether the row can be computed.
    sound: Vec<bool>,
    /// What is written of the row as it was read: bytes, and ends of cells.
    kept: Vec<u8>,
    kept_ends: Vec<usize>,
}

impl Batch {
    fn clear(&mut self) {
        self.runs.clear();
        self.contracts.clear();
        self.values.clear();
        self.sound.clear();
        self.kept.clear();
        self.kept_ends.clear();
    }

    fn take(
        &mut self,
        sheet: &Sheet,
        columns: &Columns,
        kept: &[Option<usize>],
        model: Option<Model>,
        row: u64,
    ) {
        for column in kept {
            match column {
                Some(column) => self.kept.extend_from_slice(sheet.cell(*column)),
                None => self.kept.extend_from_slice(row.to_string().as_bytes()),
            }
            self.kept_ends.push(self.kept.len());
        }
        let named = columns.model.map_or(Ok(None), |column| match sheet.text(column) {
            "" => Ok(None),
            text => parse_model(text).map(Some),
        });
        // A rate or yield that is not there is 0; one that is no number is wrong.
        let optional = |column: Option<usize>| match column {
            None => Some(0.0),
            Some(column) if sheet.text(column).is_empty() => Some(0.0),
            Some(column) => sheet.number(column),
        };
        let right = columns
            .flag
            .map_or(Some(Right::Call), |column| parse_right(sheet.text(column)));
        let numbers = [
            sheet.number(columns.underlying),
            optional(columns.rate),
            optional(columns.dividend_yield),
            sheet.number(columns.time),
        ];
        let model = named.map(|named| named.or(model).unwrap_or(Model::BlackScholesMerton));
        let asked = match (model, numbers) {
            (Ok(model), [Some(a), Some(b), Some(c), Some(d)]) => (model, [a, b, c, d]),
            _ => (Model::BlackScholes, [f64::NAN; 4]),
        };
        let same = self.runs.last().is_some_and(|run| {
            run.asked.0 == asked.0 && run.asked.1.map(f64::to_bits) == asked.1.map(f64::to_bits)
        });
        if !same {
            self.runs.push(Run {
                expiry: Err(Unsolved::BadInput),
                asked,
                from: self.values.len(),
                rows: 0,
            });
        }
        if let Some(run) = self.runs.last_mut() {
            run.rows += 1;
        }
        let value = sheet.number(columns.value);
        let strike = sheet.number(columns.strike);
        let is_sound = match (right, strike, value) {
            (Some(right), Some(strike), Some(_)) => self.contracts.push(strike, right).is_ok(),
            _ => false,
        };
        if !is_sound {
            // Holds the place; 1 is a strike.
            let _ = self.contracts.push(1.0, Right::Call);
        }
        self.sound.push(is_sound);
        self.values.push(value.unwrap_or(f64::NAN));
    }

    /// Computes what the rows of each run share.
    fn build(&mut self) {
        for run in &mut self.runs {
            let (model, [underlying, rate, dividend_yield, time]) = run.asked;
            run.expiry = if time < 0.0 {
                Err(Unsolved::Expired)
            } else {
                Expiry::of_model(model, underlying, rate, dividend_yield, time)
                    .map_err(|_| Unsolved::BadInput)
            };
        }
    }

    /// Writes the kept cells of a row.
    fn write_kept(&self, output: &mut Output, row: usize, cells: usize) {
        for at in row * cells..(row + 1) * cells {
            let start = if at == 0 { 0 } else { self.kept_ends[at - 1] };
            output.text(&self.kept[start..self.kept_ends[at]]);
        }
    }
}

/// Counts rows by why they have no value.
#[derive(Default)]
struct Refusals(Vec<(Unsolved, u64)>);

impl Refusals {
    fn count(&mut self, why: Unsolved) {
        match self.0.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += 1,
            None => self.0.push((why, 1)),
        }
    }

    fn told(&self) -> String {
        let told: Vec<String> = self
            .0
            .iter()
            .map(|(why, count)| format!("{} {count}", why.as_str()))
            .collect();
        if told.is_empty() {
            String::new()
        } else {
            format!("\nRows without a value: {}", told.join(", "))
        }
    }
}

fn greeks(args: &GreeksArgs) -> Result<String, OptionsError> {
    const KEPT: [&[&str]; 10] = [
        &["id"],
        &["kind"],
        &["model"],
        &["flag", "right", "type", "option_type"],
        &["S", "F", "spot", "forward", "underlying"],
        &["K", "strike"],
        &["t", "time", "years", "time_to_expiry"],
        &["r", "rate"],
        &["q", "yield", "dividend_yield"],
        &["sigma", "iv", "volatility"],
    ];
    let mut sheet = Sheet::open(&args.input)?;
    let columns = Columns::of(&sheet, KEPT[9])?;
    let mut output = Output::create(args.output.as_deref())?;
    let mut kept = vec![columns.id];
    output.text(b"id");
    for names in &KEPT[1..] {
        if let Some(column) = sheet.column(names) {
            output.text(names.first().map_or("", |name| name).as_bytes());
            kept.push(Some(column));
        }
    }
    for greek in Greek::ALL {
        output.text(greek.as_str().as_bytes());
    }
    output.text(b"status");
    output.end_row()?;
    let factors = Greek::ALL.map(|greek| args.units.factor(greek));
    let lanes = Lanes::detect();
    let mut values = AllGreeks::default();
    let (mut batch, mut progress, mut refusals) = (Batch::default(), Progress::begin(), Refusals::default());
    loop {
        let more = read(&mut sheet, &columns, &kept, args.model, &mut batch, &mut progress)?;
        let began = Instant::now();
        batch.build();
        values.resize(batch.values.len());
        for run in &batch.runs {
            if let Ok(expiry) = &run.expiry {
                let rows = run.from..run.from + run.rows;
                let contracts = batch.contracts.rows_of(rows.clone());
                values.compute(lanes, expiry, contracts, &batch.values[rows], run.from);
            }
        }
        progress.computing += began.elapsed();
        for run in &batch.runs {
            for row in run.from..run.from + run.rows {
                batch.write_kept(&mut output, row, kept.len());
                let why = match &run.expiry {
                    _ if !batch.sound[row] => Some(Unsolved::BadInput),
                    Err(why) => Some(*why),
                    Ok(_) => values
                        .get(Greek::Price, row)
                        .is_none()
                        .then_some(Unsolved::BadInput),
                };
                for (greek, factor) in Greek::ALL.into_iter().zip(factors) {
                    let value = values.get(greek, row).filter(|_| why.is_none());
                    output.number(value.map(|value| value * factor));
                }
                output.text(why.map_or("ok", Unsolved::as_str).as_bytes());
                if let Some(why) = why {
                    refusals.count(why);
                }
                output.end_row()?;
            }
        }
        progress.tell();
        if !more {
            break;
        }
    }
    output.flush()?;
    Ok(progress.summary() + &refusals.told())
}

fn implied(args: &IvArgs) -> Result<String, OptionsError> {
    let mut sheet = Sheet::open(&args.input)?;
    let columns = Columns::of(&sheet, &["price", "premium", "option_price"])?;
    let mut output = Output::create(args.output.as_deref())?;
    for name in ["id", "status", "sigma"] {
        output.text(name.as_bytes());
    }
    output.end_row()?;
    let kept = [columns.id];
    let lanes = Lanes::detect();
    let mut values = ImpliedColumns::default();
    let (mut batch, mut progress, mut refusals) = (Batch::default(), Progress::begin(), Refusals::default());
    loop {
        let more = read(&mut sheet, &columns, &kept, args.model, &mut batch, &mut progress)?;
        let began = Instant::now();
        batch.build();
        values.resize(batch.values.len());
        for run in &batch.runs {
            match &run.expiry {
                Ok(expiry) => {
                    let rows = run.from..run.from + run.rows;
                    let contracts = batch.contracts.rows_of(rows.clone());
                    values.compute(lanes, expiry, contracts, &batch.values[rows], run.from);
                }
                Err(why) => values.refuse(run.from, run.rows, *why),
            }
        }
        progress.computing += began.elapsed();
        for (row, is_sound) in batch.sound.iter().enumerate() {
            batch.write_kept(&mut output, row, kept.len());
            let found = if *is_sound {
                values.get(row)
            } else {
                Err(Unsolved::BadInput)
            };
            output.text(found.map_or_else(Unsolved::as_str, |_| "ok").as_bytes());
            output.number(found.ok());
            if let Err(why) = found {
                refusals.count(why);
            }
            output.end_row()?;
        }
        progress.tell();
        if !more {
            break;
        }
    }
    output.flush()?;
    Ok(progress.summary() + &refusals.told())
}

/// Reads a batch; whether there may be another.
fn read(
    sheet: &mut Sheet,
    columns: &Columns,
    kept: &[Option<usize>],
    model: Option<Model>,
    batch: &mut Batch,
    progress: &mut Progress,
) -> Result<bool, OptionsError> {
    batch.clear();
    while batch.values.len() < BATCH_ROWS {
        if !sheet.advance()? {
            return Ok(false);
        }
        progress.rows += 1;
        batch.take(sheet, columns, kept, model, progress.rows);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a command makes of a file's text.
    fn made(text: &str, run: impl Fn(PathBuf, PathBuf) -> Result<String, OptionsError>) -> (String, String) {
        let directory = tempfile::tempdir().unwrap();
        let (input, output) = (directory.path().join("in.csv"), directory.path().join("out.csv"));
        std::fs::write(&input, text).unwrap();
        let told = run(input, output.clone()).unwrap_or_else(|error| error.to_string());
        (std::fs::read_to_string(output).unwrap_or_default(), told)
    }

    fn greeks_of(text: &str, units: Units) -> (String, String) {
        made(text, |input, output| {
            greeks(&GreeksArgs {
                input,
                output: Some(output),
                model: None,
                units,
            })
        })
    }

    fn implied_of(text: &str) -> (String, String) {
        made(text, |input, output| {
            implied(&IvArgs {
                input,
                output: Some(output),
                model: Some(Model::BlackScholes),
            })
        })
    }

    fn cell(text: &str, row: usize, name: &str) -> String {
        let column = text
            .lines()
            .next()
            .unwrap()
            .split(',')
            .position(|column| column == name);
        text.lines()
            .nth(row + 1)
            .unwrap()
            .split(',')
            .nth(column.unwrap())
            .unwrap()
            .to_owned()
    }

    #[test]
    fn a_row_in_is_a_row_out() {
        let text = "id,kind,model,flag,S,K,t,r,q,sigma,price\n\
                    a,x,BS,c,49,50,0.3846,0.05,0,0.2,9\n\
                    \"b,1\",x,B76,p,24000,24000,0.02,0.1,,0.12,\n\
                    c,x,BSM,c,100,-5,1,0,0,0.2,\n\
                    d,x,BSM,c,100,90,-1,0,0,0.2,\n\
                    e,x,what,c,100,90,1,0,0,0.2,\n\
                    f,x,BSM,c,100\n";
        let (out, told) = greeks_of(text, Units::Raw);
        assert_eq!(out.lines().count(), 7);
        assert!(
            out.starts_with("id,kind,model,flag,S,K,t,r,q,sigma,price,delta,gamma,theta,vega,rho,vanna,")
        );
        let number = |row, name| cell(&out, row, name).parse::<f64>().unwrap();
        assert!((number(0, "price") - 2.400461).abs() < 1e-6);
        assert!((number(0, "theta") + 4.3054).abs() < 1e-4);
        assert_eq!(cell(&out, 0, "epsilon"), "");
        assert!(
            out.lines()
                .nth(2)
                .unwrap()
                .starts_with("\"b,1\",x,B76,p,24000,24000,0.02,0.1,,0.12,")
        );
        let statuses: Vec<_> = out
            .lines()
            .skip(1)
            .map(|line| line.rsplit(',').next().unwrap())
            .collect();
        assert_eq!(
            statuses,
            ["ok", "ok", "bad_input", "expired", "bad_input", "bad_input"]
        );
        assert!(
            told.contains("Rows without a value: bad_input 3, expired 1"),
            "{told}"
        );
        let (out, _) = greeks_of(text, Units::Trader);
        let number = |row, name| cell(&out, row, name).parse::<f64>().unwrap();
        assert!((number(0, "theta") + 4.3054 / 365.0).abs() < 1e-6);
        assert!((number(0, "vega") - 0.121052).abs() < 1e-6);
    }

    #[test]
    fn every_price_has_a_status() {
        let (out, told) = implied_of(
            "flag,Spot,Strike,t,r,price\n\
             call,49,50,0.3846,0.05,2.400461\n\
             call,49,40,0.3846,0.05,5\n\
             put,49,40,0.3846,0.05,0\n\
             call,49,40,0.3846,0.05,49\n\
             call,49,40,0,0.05,10\n\
             ,49,40,1,0.05,10\n\
             put,49,40,1,0.05,nan\n",
        );
        let expected = [
            "1,ok,",
            "2,below_intrinsic,",
            "3,at_intrinsic,",
            "4,above_max,",
            "5,expired,",
            "6,bad_input,",
            "7,bad_input,",
        ];
        for (line, expected) in out.lines().skip(1).zip(expected) {
            assert!(line.starts_with(expected), "{line}");
        }
        assert!((cell(&out, 0, "sigma").parse::<f64>().unwrap() - 0.2).abs() < 1e-6);
        assert!(told.starts_with("7 rows in "), "{told}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let (_, told) = implied_of("S,strike,t\n1,2,3\n");
        assert!(
            told.contains("has no column price: its columns are S, strike, t"),
            "{told}"
        );
        let (out, told) = implied_of("S,K,t,price\n");
        assert_eq!(out, "id,status,sigma\n");
        assert!(told.starts_with("0 rows"), "{told}");
    }
}
