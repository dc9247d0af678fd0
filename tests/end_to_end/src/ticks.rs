//! Files of ticks, the same for the same seed, and what the log must hold of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tickwire::feed::file::{FileFeed, FileOptions};
use tickwire_market::{Calendar, Tick, UnixNanos};
use tickwire_service::placement::Placement;
use tickwire_streams::{GroupKey, Universe};

use crate::Failure;

/// Instruments that clients follow, an index and shares; of eight baskets every one has some.
pub const INSTRUMENTS: usize = 25;
/// Where the index begins.
const INDEX_PRICE: f64 = 24_000.0;
/// So far ahead of the clock is the session that is made up: no clock event then
/// closes a bar, and the same seed gives the same bars.
const AHEAD_NANOS: i64 = 2 * 86_400 * UnixNanos::PER_SECOND;

/// What is computed on the instruments, in the form of `--signals`.
pub const SIGNALS: &str = "\
* tick price
* tick ema(20)
* 1m bars
* 1m sma(5)
* 1m macd(3,6,3)
* 5m close>ema(4)
";

/// A tick that the log must hold, with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Name of the source.
    pub source: String,
    /// Its epoch.
    pub epoch: u64,
    /// Its sequence number within the group.
    pub seq: u64,
    /// The tick.
    pub tick: Tick,
}

/// What every group's log must hold, in order.
pub type ExpectedLog = BTreeMap<GroupKey, Vec<Expected>>;

/// Makes files of ticks that follow one another in time.
#[derive(Debug)]
pub struct TickFiles {
    folder: PathBuf,
    random: Pcg64Mcg,
    instruments: Vec<String>,
    prices: Vec<f64>,
    time: UnixNanos,
    step_nanos: i64,
    made: usize,
}

impl TickFiles {
    /// Files in `folder`, of so many instruments; at most `ticks_max` ticks fit into the session.
    ///
    /// # Errors
    /// When there is no session.
    pub fn new(folder: &Path, seed: u64, ticks_max: usize, instruments: usize) -> Result<Self, Failure> {
        let from = tickwire::now().saturating_add(AHEAD_NANOS);
        let session = Calendar::Nse
            .next_session(from)
            .map_err(Failure::of("find a session"))?;
        let step =
            session.close.nanos_since(session.open) / i64::try_from(ticks_max.max(1)).unwrap_or(i64::MAX);
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let instruments = keys(instruments);
        let mut prices = vec![INDEX_PRICE];
        prices.extend((1..instruments.len()).map(|_| f64::from(random.random_range(2_000..400_000)) / 100.0));
        Ok(Self {
            folder: folder.to_owned(),
            random,
            instruments,
            prices,
            time: session.open,
            // Whole microseconds, as files have them.
            step_nanos: (step / 1_000 * 1_000).max(1_000),
            made: 0,
        })
    }

    /// How many times as fast as recorded `ticks` ticks take so many seconds.
    pub fn speed(&self, ticks: usize, seconds: f64) -> f64 {
        self.step_nanos as f64 * ticks as f64 / UnixNanos::PER_SECOND as f64 / seconds
    }

    /// Writes the next file of `ticks` ticks.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make(&mut self, ticks: usize) -> Result<PathBuf, Failure> {
        let instruments = &self.instruments;
        let mut text = String::from("time,ticker,price,size\n");
        for _ in 0..ticks {
            let which = self.random.random_range(0..instruments.len());
            let move_by = f64::from(self.random.random_range(-20i32..=20)) / 100.0;
            let price = ((self.prices[which] + move_by) * 100.0).round().max(100.0) / 100.0;
            self.prices[which] = price;
            let size = self.random.random_range(1..500);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{},{},{price:.2},{size}",
                self.time.0 / 1_000,
                instruments[which]
            );
            self.time = self.time.saturating_add(self.step_nanos);
        }
        self.made += 1;
        let path = self.folder.join(format!("ticks-{}.csv", self.made));
        std::fs::write(&path, text).map_err(Failure::of("write a file of ticks"))?;
        Ok(path)
    }
}

/// Keys of so many instruments, the index first.
fn keys(count: usize) -> Vec<String> {
    let shares = (1..count).map(|number| format!("NSE@KILL{number:02}@EQ"));
    std::iter::once("NSE@NIFTY@IDX".to_owned())
        .chain(shares)
        .collect()
}

/// Adds what the ticks of a file must become in the logs of `universe`: read as
/// the senders read them, numbered group by group from 0.
///
/// # Errors
/// When the file cannot be read.
pub fn expect(path: &Path, universe: &Universe, logs: &mut ExpectedLog) -> Result<u64, Failure> {
    expect_placed(path, universe, &Placement::default(), logs)
}

/// The same where instruments are placed in another way.
///
/// # Errors
/// When the file cannot be read.
pub fn expect_placed(
    path: &Path,
    universe: &Universe,
    placement: &Placement,
    logs: &mut ExpectedLog,
) -> Result<u64, Failure> {
    let file = FileFeed::open(path, &FileOptions::default()).map_err(Failure::of("read a file of ticks"))?;
    let source = format!(
        "file-{}",
        file.content_hash().chars().take(16).collect::<String>()
    );
    let mut seqs: BTreeMap<GroupKey, u64> = BTreeMap::new();
    let mut count = 0;
    for row in file {
        let tick = row.map_err(Failure::of("read a tick"))?.tick;
        let group = placement.group_of(universe, &tick.instrument);
        let seq = seqs.entry(group.clone()).or_default();
        logs.entry(group).or_default().push(Expected {
            source: source.clone(),
            epoch: 1,
            seq: *seq,
            tick,
        });
        *seq += 1;
        count += 1;
    }
    Ok(count)
}

/// Streams that clients follow: all bars and averages of [`INSTRUMENTS`], and prices of some.
pub fn followed() -> Vec<String> {
    let instruments = keys(INSTRUMENTS);
    let of_all = ["1m:bars", "1m:sma(close,5)", "1m:macd(close,3,6,3)"];
    let mut keys = Vec::new();
    for instrument in &instruments {
        for stream in of_all {
            keys.push(if stream.ends_with("bars") {
                format!("public:{instrument}:{stream}")
            } else {
                format!("common:{instrument}:{stream}")
            });
        }
    }
    for instrument in instruments.iter().take(9) {
        keys.push(format!("public:{instrument}:tick:price"));
        keys.push(format!("common:{instrument}:tick:ema(close,20)"));
    }
    keys
}
