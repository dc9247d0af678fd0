//! `tickwire load`: many clients at once, each checking its chains.

mod search;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use rand::{RngExt, SeedableRng};
use rand_distr::Zipf;
use rand_pcg::Pcg64Mcg;
use tickwire_market::UnixNanos;
use tickwire_streams::StreamKey;
use tickwire_telemetry::logging::complain;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::client_args::{ClientArgs, Exit, Failure};
use super::watch::ModeArg;
use crate::client::{Client, Item, ItemKind, Note, Receive, Session, hole_wait};
use crate::report::{Delivery, LatencyRecorder, thousands};

/// Connections that are made at the same time.
const CONNECTING_MAX: usize = 16;
/// After the measurement, for holes to be filled.
const SETTLE: Duration = Duration::from_secs(1).saturating_add(hole_wait);
/// How often a terminal is told how far it is.
const TOLD_EVERY: Duration = Duration::from_millis(500);
/// Draws of one client's streams, per stream wanted.
const DRAWS_MAX: usize = 64;

/// Connects many clients, checks that nothing is lost, and measures latencies.
#[derive(Args, Clone, Debug)]
pub struct LoadArgs {
    /// Streams that every client subscribes to
    #[arg(value_name = "STREAM")]
    pub fixed: Vec<String>,
    /// Clients, each with its own connection
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(search::CLIENTS_MAX)))]
    pub clients: u32,
    /// Streams that each client draws from the list besides
    #[arg(long, value_name = "K", default_value_t = 10)]
    pub streams: usize,
    /// The list: a file with a stream a line, most popular first
    #[arg(long, value_name = "FILE")]
    pub streams_file: Option<PathBuf>,
    /// The list: all streams of this instrument, as the API tells them; may be repeated
    #[arg(long, value_name = "KEY")]
    pub instrument: Vec<String>,
    /// Popularity falls by the rank to the power of this; 0 draws evenly
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub zipf: f64,
    /// How streams are delivered
    #[arg(long, value_enum, default_value_t = ModeArg::Full)]
    pub mode: ModeArg,
    /// Seconds that are measured
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub seconds: u64,
    /// Seconds before that, which are not
    #[arg(long, value_name = "S", default_value_t = 5)]
    pub warm_up: u64,
    /// Seed of the draws
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// Search, from --clients on, the greatest count of clients whose 99th percentile is within this
    #[arg(long, value_name = "MS")]
    pub search: Option<f64>,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
    /// Write the figures to this file as JSON
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// Where, and as whom.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// What all clients measure together.
#[derive(Default)]
struct Measured {
    measuring: AtomicBool,
    frames: AtomicU64,
    bytes: AtomicU64,
    items: AtomicU64,
    signals: AtomicU64,
    subscribed: AtomicU64,
    latency: Mutex<LatencyRecorder>,
}

/// One client's share of it.
struct Tally {
    measured: Arc<Measured>,
    measuring: bool,
    name: String,
    progress: ProgressBar,
}

impl Receive for Tally {
    fn frame(&mut self, bytes: usize) {
        self.measuring = self.measured.measuring.load(Relaxed);
        if self.measuring {
            self.measured.frames.fetch_add(1, Relaxed);
            self.measured.bytes.fetch_add(bytes as u64, Relaxed);
        }
    }

    fn take(&mut self, _stream: &str, item: &Item<'_>, received: UnixNanos) {
        if !self.measuring || item.k != ItemKind::Signal {
            return;
        }
        self.measured.items.fetch_add(1, Relaxed);
        self.measured
            .signals
            .fetch_add(u64::from(item.signals()), Relaxed);
        if let Some(stamp) = item.r {
            let mut latency = self
                .measured
                .latency
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            latency.record(received.nanos_since(stamp));
        }
    }

    fn note(&mut self, note: Note<'_>) {
        let name = &self.name;
        let complaint = match note {
            Note::Subscribed { verdict, .. } if verdict.recovered.is_none() => {
                self.measured.subscribed.fetch_add(1, Relaxed);
                return;
            }
            Note::Lost { stream, since } => format!("{name}: {stream}: lost what came after offset {since}"),
            Note::Refused {
                stream,
                error,
                again: false,
            } => format!("{name}: {stream}: {}", error.message),
            Note::Downgraded { stream } => format!("{name}: was too slow for every signal of {stream}"),
            Note::Reconnect { why, .. } => format!("{name}: connects again: {why}"),
            _ => return,
        };
        self.progress.suspend(|| complain(complaint));
    }
}

/// Runs the command.
pub async fn run(args: LoadArgs) -> ExitCode {
    super::allow_open_files();
    let stop = CancellationToken::new();
    super::stop_on_signal(stop.clone());
    let exit = match args.search {
        Some(p99_ms_max) => search::search(&args, p99_ms_max, &stop).await,
        None => measure(&args, &stop).await,
    };
    exit.map_or_else(|failure| failure.report(), ExitCode::from)
}

async fn measure(args: &LoadArgs, stop: &CancellationToken) -> Result<Exit, Failure> {
    let measured = load(args, &list(args).await?, stop).await?;
    if args.json {
        print!("{}", json(&measured));
    } else {
        print!("{}", measured.render());
    }
    write_report(args, &measured)?;
    let nothing_came = measured.signals == 0;
    if nothing_came {
        eprintln!("tickwire: no signal came while it was measured");
    }
    Ok(
        match measured.is_clean() && measured.refused == 0 && !nothing_came {
            true => Exit::Good,
            false => Exit::Bad,
        },
    )
}

fn write_report(args: &LoadArgs, figures: &impl serde::Serialize) -> Result<(), Failure> {
    let Some(path) = &args.report else {
        return Ok(());
    };
    std::fs::write(path, json(figures)).map_err(|error| Failure {
        message: format!("failed to write {}: {error}", path.display()),
        exit: Exit::Bad,
    })
}

fn json(figures: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(figures).unwrap_or_default() + "\n"
}

/// One measurement with as many clients as there are to be.
async fn load(args: &LoadArgs, list: &[String], stop: &CancellationToken) -> Result<Delivery, Failure> {
    let progress = super::spinner();
    let delivery = load_showing(&progress, args, list, stop).await;
    progress.finish_and_clear();
    delivery
}

async fn load_showing(
    progress: &ProgressBar,
    args: &LoadArgs,
    list: &[String],
    stop: &CancellationToken,
) -> Result<Delivery, Failure> {
    let endpoint = args.client.endpoint()?;
    let measured = Arc::new(Measured::default());
    // The clients of this measurement.
    let stop = &stop.child_token();

    let connecting = stream::iter(0..args.clients).map(|number| {
        let chosen = chosen(args, list, number);
        let (endpoint, name) = (endpoint.clone(), format!("load-{number}"));
        async move {
            let tokens = args.client.tokens(&name)?;
            let mode = args.mode.into();
            let subscriptions = chosen?.into_iter().map(|key| (key, mode));
            let session = Session::new(
                subscriptions,
                args.client.universe.clone(),
                args.seed ^ u64::from(number),
            );
            Ok::<_, Failure>((name, Client::connect(endpoint, tokens, session).await?))
        }
    });
    let mut connecting = connecting.buffer_unordered(CONNECTING_MAX);
    let mut running = tokio::task::JoinSet::new();
    while let Some(connected) = connecting.next().await {
        let (name, client) = connected?;
        let mut tally = Tally {
            measured: measured.clone(),
            measuring: false,
            name,
            progress: progress.clone(),
        };
        let stop = stop.clone();
        running.spawn(async move { client.run(&mut tally, &stop).await });
        progress.set_message(format!(
            "{} of {} clients connected",
            thousands(running.len() as u64),
            thousands(args.clients.into())
        ));
    }

    let pause = async |what: &str, seconds: Duration| {
        pause(seconds, stop, |gone| {
            let signals = thousands(measured.signals.load(Relaxed));
            let (gone, of) = (gone.as_secs(), seconds.as_secs());
            progress.set_message(format!("{what}, {gone} of {of} s, {signals} signals measured"));
        })
        .await;
    };
    pause("warming up", Duration::from_secs(args.warm_up)).await;
    measured.measuring.store(true, Relaxed);
    let began = Instant::now();
    pause("measuring", Duration::from_secs(args.seconds)).await;
    measured.measuring.store(false, Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    pause("waiting for what is missing", SETTLE).await;
    stop.cancel();

    let mut delivery = Delivery {
        clients: u64::from(args.clients),
        subscriptions: measured.subscribed.load(Relaxed),
        seconds,
        frames: measured.frames.load(Relaxed),
        bytes: measured.bytes.load(Relaxed),
        items: measured.items.load(Relaxed),
        signals: measured.signals.load(Relaxed),
        tick_to_frame: measured
            .latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .summary(),
        ..Delivery::default()
    };
    while let Some(ended) = running.join_next().await {
        let (session, ended) = ended.map_err(|e| Failure {
            message: format!("a client ended badly: {e}"),
            exit: Exit::Bad,
        })?;
        if let Err(error) = ended {
            complain(format!("a client ended: {error}"));
        }
        let counts = session.counts();
        let open = session.open_holes() as u64;
        delivery.lost += counts.lost + open;
        delivery.duplicated += counts.duplicated;
        delivery.out_of_order += counts.out_of_order;
        delivery.holes += counts.holes.saturating_sub(open);
        delivery.reconnects += counts.reconnects;
        delivery.refused += counts.refused;
    }
    Ok(delivery)
}

/// Waits, and tells meanwhile how long it has.
async fn pause(time: Duration, stop: &CancellationToken, tell: impl Fn(Duration)) {
    let began = Instant::now();
    while began.elapsed() < time && !stop.is_cancelled() {
        tell(began.elapsed());
        tokio::select! {
            () = sleep_until((Instant::now() + TOLD_EVERY).min(began + time)) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// The list that streams are drawn from.
async fn list(args: &LoadArgs) -> Result<Vec<String>, Failure> {
    let mut list = Vec::new();
    if let Some(path) = &args.streams_file {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::usage(format!("failed to read {}: {e}", path.display())))?;
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        list.extend(lines.map(str::to_owned));
    }
    if !args.instrument.is_empty() {
        let tokens = args.client.tokens("load-0")?;
        for instrument in &args.instrument {
            list.extend(args.client.streams_of(instrument, &tokens).await?);
        }
    }
    for stream in list.iter().chain(&args.fixed) {
        let key = stream.parse::<StreamKey>();
        key.map_err(|e| Failure::usage(format!("{stream:?} is not a stream: {e}")))?;
    }
    if list.is_empty() && args.fixed.is_empty() {
        return Err(Failure::usage(
            "name streams, or a list with --streams-file or --instrument",
        ));
    }
    Ok(list)
}

/// The streams of one client: the fixed ones, and others drawn by their rank.
fn chosen(args: &LoadArgs, list: &[String], number: u32) -> Result<Vec<String>, Failure> {
    let mut chosen: BTreeSet<&str> = args.fixed.iter().map(String::as_str).collect();
    let wanted = chosen.len()
        + args
            .streams
            .min(list.iter().filter(|key| !chosen.contains(key.as_str())).count());
    if !list.is_empty() {
        let zipf = Zipf::new(list.len() as f64, args.zipf)
            .map_err(|e| Failure::usage(format!("--zipf {} is not one: {e}", args.zipf)))?;
        let mut random = Pcg64Mcg::seed_from_u64(args.seed.wrapping_add(u64::from(number) << 32));
        for _ in 0..args.streams.saturating_mul(DRAWS_MAX) {
            if chosen.len() >= wanted {
                break;
            }
            let rank = random.sample(zipf) as usize;
            chosen.extend(list.get(rank.saturating_sub(1)).map(String::as_str));
        }
        // The steeper, the rarer are the last ranks: the first that are left.
        let left = list
            .iter()
            .map(String::as_str)
            .filter(|key| !chosen.contains(key));
        let left: Vec<_> = left.take(wanted - chosen.len()).collect();
        chosen.extend(left);
    }
    Ok(chosen.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: LoadArgs,
    }

    #[test]
    fn draws_follow_the_rank_and_the_seed() {
        let fixed = "public:NSE@NIFTY@IDX:tick:price";
        let args = Cli::parse_from(["load", fixed, "--streams", "5", "--zipf", "1.2"]).args;
        let list: Vec<_> = (0..50)
            .map(|n| format!("public:NSE@S{n}@EQ:tick:price"))
            .collect();
        let draw = |number| chosen(&args, &list, number).unwrap();
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        let mut popularity = vec![0; list.len()];
        for number in 0..200 {
            let drawn = draw(number);
            assert_eq!(drawn.len(), 6);
            assert!(drawn.iter().any(|key| key == fixed));
            for (count, key) in popularity.iter_mut().zip(&list) {
                *count += usize::from(drawn.contains(key));
            }
        }
        assert!(popularity[0] > 150 && popularity[49] < 40, "{popularity:?}");
        let all = LoadArgs {
            streams: 500,
            ..args.clone()
        };
        assert_eq!(
            chosen(&all, &list, 1).unwrap().len(),
            51,
            "no more than there are"
        );
        let none = LoadArgs { streams: 5, ..args };
        assert_eq!(chosen(&none, &[], 1).unwrap(), [fixed]);
    }
}
