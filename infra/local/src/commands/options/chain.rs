//! `tickwire chain`: what a file of quotes says of an underlying's options.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tickwire_market::{Calendar, UnixNanos};
use tickwire_options::{Chain, Curve, Exercise, Settings, Underlying};

use super::sheet::Sheet;
use super::{OptionsError, Units, chain_json, chain_page, chain_text, quotes};
use crate::commands::client_args::Exit;

/// Volatilities, Greeks, fitted forward and analytics of an option chain.
///
/// The CSV file has a row a contract: expiry (a day, or a time), strike, right
/// (c or p), or instead of the three an instrument key; bid and ask, or last;
/// and if they are there volume, open_interest, underlying, time.
#[derive(Args, Clone, Debug)]
pub struct ChainArgs {
    /// CSV file to read; - for standard input; may be compressed with gzip
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Price of the underlying [default: the last in the file]
    #[arg(long, value_name = "PRICE")]
    pub spot: Option<f64>,
    /// Continuous rate per year
    #[arg(
        long,
        value_name = "RATE",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub rate: f64,
    /// Continuous dividend yield per year, for expiries to which no forward can be fitted
    #[arg(
        long,
        value_name = "YIELD",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub dividend_yield: f64,
    /// The time of the quotes [default: the newest in the file, else now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub at: Option<UnixNanos>,
    /// Exchange whose close ends an expiry day, such as NSE or CBOE
    #[arg(long, value_name = "EXCHANGE", value_parser = parse_exchange)]
    pub exchange: Option<Calendar>,
    /// The underlying is a future: its price is the forward (Black 1976)
    #[arg(long)]
    pub future: bool,
    /// The options may be exercised early: flags that the values are those of European ones
    #[arg(long)]
    pub american: bool,
    /// Cost of trading one option, which an arbitrage must bring more than
    #[arg(long, value_name = "PRICE", default_value_t = 0.0)]
    pub cost: f64,
    /// Units of theta, vega and rho
    #[arg(long, value_enum, default_value = "trader")]
    pub units: Units,
    /// Show every strike, not those around the forward alone
    #[arg(long)]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Write a page with smiles and term structure as well
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

pub(in crate::commands) fn parse_time(text: &str) -> Result<UnixNanos, String> {
    quotes::time(text).ok_or_else(|| "write it like 2026-11-20T09:45:00Z".to_owned())
}

fn parse_exchange(text: &str) -> Result<Calendar, String> {
    let name = text.to_ascii_uppercase();
    let mut calendars = Calendar::ALL.into_iter();
    let known = || {
        Calendar::ALL
            .map(|calendar| calendar.exchanges().join(" "))
            .join(" ")
    };
    calendars
        .find(|calendar| calendar.exchanges().contains(&name.as_str()))
        .ok_or_else(|| format!("write one of {}", known()))
}

/// A valued chain, and what its views say beside it.
pub(super) struct View {
    pub(super) chain: Chain,
    pub(super) name: Option<String>,
    pub(super) spot: Option<f64>,
    pub(super) at: UnixNanos,
    pub(super) units: Units,
    pub(super) all: bool,
    /// What the reader should know: rows left out, early exercise.
    pub(super) remarks: Vec<String>,
}

/// Runs `tickwire chain`.
pub fn run(args: &ChainArgs) -> ExitCode {
    let outcome = view(args).and_then(|view| {
        if let Some(path) = &args.html {
            std::fs::write(path, chain_page::page(&view)).map_err(|source| OptionsError::Write {
                path: path.display().to_string(),
                source,
            })?;
        }
        Ok(if args.json {
            format!("{}\n", chain_json::json(&view))
        } else {
            chain_text::text(&view)
        })
    });
    match outcome {
        Ok(text) => {
            // A pipe that is closed wants no more.
            let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes());
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

pub(super) fn view(args: &ChainArgs) -> Result<View, OptionsError> {
    if !args.rate.is_finite()
        || !args.dividend_yield.is_finite()
        || !(0.0..f64::INFINITY).contains(&args.cost)
    {
        return Err(OptionsError::Usage(
            "give --rate and --dividend-yield as numbers per year, --cost as a price".to_owned(),
        ));
    }
    let mut sheet = Sheet::open(&args.input)?;
    let quotes = quotes::read(&mut sheet, args.exchange)?;
    if quotes.rows.is_empty() {
        return Err(OptionsError::NoRows {
            path: sheet.path,
            first: quotes
                .first_refusal
                .map_or(String::new(), |why| format!("; {why}")),
        });
    }
    let settings = Settings {
        curve: Curve::flat(args.rate),
        dividend_yield: args.dividend_yield,
        on_future: args.future,
        exercise: if args.american {
            Exercise::American
        } else {
            Exercise::European
        },
        cost: args.cost,
    };
    let mut chain = Chain::new(quotes.rows.iter().map(|row| (row.close, row.strike)), settings)?;
    for row in &quotes.rows {
        if let Some(place) = chain.place(row.close, row.strike, row.right) {
            chain.quote(place, row.quote);
        }
    }
    let spot = args.spot.or(quotes.underlying);
    let at = args.at.or(quotes.newest).unwrap_or_else(crate::now);
    chain.revalue(spot.map_or(Underlying::Missing, Underlying::Price), at);
    let mut remarks = Vec::new();
    if spot.is_none() {
        remarks.push("The underlying has no price: give --spot, or a column underlying.".to_owned());
    }
    if let Some(first) = quotes.first_refusal {
        remarks.push(format!("{} rows were left out; {first}", quotes.refused));
    }
    if args.american {
        remarks.push(
            "The options may be exercised early; values are those of European options: volatilities out of \
             the money are off by little, in the money by more."
                .to_owned(),
        );
    }
    Ok(View {
        chain,
        name: quotes.name,
        spot,
        at,
        units: args.units,
        all: args.all,
        remarks,
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use tickwire_market::Right;
    use tickwire_options::{Expiry, Greek, Lanes};

    use super::*;

    /// Quotes of two expiries at a volatility of 15 %, forward 1 % above spot.
    fn file() -> (tempfile::TempDir, ChainArgs) {
        let directory = tempfile::tempdir().unwrap();
        let mut text = "expiry,strike,right,bid,ask,last,volume,oi,underlying,time\n".to_owned();
        for (expiry, close) in [
            ("2026-11-26", "2026-11-26T10:00:00Z"),
            ("2026-12-31", "2026-12-31T10:00:00Z"),
        ] {
            let (close, now) = (
                quotes::time(close).unwrap(),
                quotes::time("2026-11-20T09:45:00Z").unwrap(),
            );
            let time = tickwire_options::years_to(close, now);
            let terms = Expiry::fitted(24_000.0, 24_240.0, 0.06, time).unwrap();
            for step in 0..41 {
                let strike = 22_000.0 + 100.0 * f64::from(step);
                for (right, letter) in [(Right::Call, 'c'), (Right::Put, 'p')] {
                    let price = terms
                        .greeks(Lanes::detect(), strike, right, 0.15)
                        .get(Greek::Price)
                        .unwrap();
                    if price > 0.5 {
                        let (bid, ask) = (price - 0.2, price + 0.2);
                        writeln!(
                            text,
                            "{expiry},{strike},{letter},{bid},{ask},{price},10,20,24000,2026-11-20T09:45:00Z"
                        )
                        .unwrap();
                    }
                }
            }
        }
        text.push_str("2026-11-26,zero,c,1,2,1,1,1,24000,\n");
        let input = directory.path().join("quotes.csv");
        std::fs::write(&input, text).unwrap();
        let html = Some(directory.path().join("page.html"));
        let args = ChainArgs {
            input,
            spot: None,
            rate: 0.06,
            dividend_yield: 0.0,
            at: None,
            exchange: Some(Calendar::Nse),
            future: false,
            american: true,
            cost: 0.0,
            units: Units::Trader,
            all: true,
            json: true,
            html,
        };
        (directory, args)
    }

    #[test]
    fn a_chain_is_shown_in_three_ways() {
        let (_directory, args) = file();
        let view = view(&args).unwrap();
        assert_eq!(view.remarks.len(), 2);
        let json: serde_json::Value = serde_json::from_str(&chain_json::json(&view)).unwrap();
        assert_eq!(json["expiries"].as_array().unwrap().len(), 2);
        let first = &json["expiries"][0];
        let near = |value: &serde_json::Value, expected: f64, within: f64| {
            assert!((value.as_f64().unwrap() - expected).abs() < within, "{value}");
        };
        near(&first["forward"]["price"], 24_240.0, 0.01);
        near(&first["atm_iv"], 0.15, 1e-4);
        near(&first["skew_25d"], 0.0, 1e-4);
        assert_eq!(first["exercise_early"], true);
        let row = &first["strikes"][20];
        near(&row["strike"], 24_000.0, 1e-9);
        near(&row["iv"], 0.15, 1e-3);
        assert_eq!(
            (row["status"].as_str(), row["solved_on"].as_str()),
            (Some("ok"), Some("put"))
        );
        assert!(row["call"]["theta_per_day"].as_f64().unwrap() < 0.0);
        let text = chain_text::text(&view);
        for expected in ["2026-11-26", "forward", "24,240.0", "ATM IV", "24000", "max pain"] {
            assert!(text.contains(expected), "{expected}:\n{text}");
        }
        let page = chain_page::page(&view);
        for expected in ["<svg", "Term structure", "Smile", "2026-12-31", "</html>"] {
            assert!(page.contains(expected), "{expected}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }

    #[test]
    fn what_is_missing_is_said() {
        let (_directory, args) = file();
        let why = |args: &ChainArgs| view(args).err().unwrap().to_string();
        let found = why(&ChainArgs {
            exchange: None,
            ..args.clone()
        });
        assert!(
            found.contains("no row that can be used; line 2: ") && found.contains("--exchange"),
            "{found}"
        );
        let found = why(&ChainArgs {
            rate: f64::NAN,
            ..args.clone()
        });
        assert!(found.contains("--rate"), "{found}");
        std::fs::write(&args.input, "expiry,strike,right\n").unwrap();
        assert!(why(&args).contains("has no column bid and ask, or last"));
        std::fs::write(
            &args.input,
            "instrument,last\nNFO@NIFTY@OPT@2026-11-26@CE@24000,250\nNSE@NIFTY@IDX,24010\n",
        )
        .unwrap();
        let view = view(&ChainArgs {
            at: quotes::time("2026-11-20T09:45:00Z"),
            exchange: None,
            ..args
        })
        .unwrap();
        assert_eq!(
            (view.spot, view.name.as_deref()),
            (Some(24_010.0), Some("NFO@NIFTY"))
        );
        assert!(view.chain.slices()[0].volatility(0).is_ok());
    }
}
