//! `tickwire up`: everything in one process, fed by the bundled sample, a file
//! or a simulated market, and shown as a client sees it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tickwire_aws::HttpKeySet;
use tickwire_market::{Calendar, InstrumentKey, Product, Timeframe, UnixNanos};
use tickwire_service::authenticate::Issuer;
use tickwire_service::expire_log::log_kept;
use tickwire_service::placement::Placement;
use tickwire_streams::{PostQuota, Universe};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::feed_args::{ChainTermsArgs, FLUSH_DEFAULT, FileArgs, parse_duration};
use super::view::View;
use crate::feed::file::{Description, FeedError, FileFeed};
use crate::feed::sample;
use crate::feed::simulate::smile::RATE as SIMULATED_RATE;
use crate::feed::simulate::{Followed, Mix, Simulator, SimulatorError, SimulatorOptions};
use crate::host::{DataPlace, Host, HostError, HostOptions, Origin};
use crate::log_file::{LOG_DIRECTORY, LogFile};
use crate::play::{Feed, Player, Speed, Stamps, read_ahead, split_times};
use crate::queue::QueueName;
use crate::run::{Run, Runs, World};
use crate::sender::{SendError, Sender, SenderOptions};
use crate::signal_list::SignalList;
use crate::store::StoreError;

/// Port that is served on unless another is given.
pub const PORT_DEFAULT: u16 = 8437;
/// How many times the length of a file's bars passes in a second, if nothing else is said.
const BARS_PER_SECOND: f64 = 5.0;
const DAY: Duration = Duration::from_secs(86_400);
const LOG_KEPT_DAYS: u16 = (log_kept.as_secs() / DAY.as_secs()) as u16;

/// Messages in a queue beyond which the feed waits.
const BACKLOG_MESSAGES_MAX: usize = 64;
/// How often it is noted how far a run came.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Longest wait for the rest to be delivered when the feed has ended.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MixArg {
    /// An index and its options.
    Index,
    /// Shares.
    Equities,
}

/// Runs the whole stack on this machine.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// Replay this file: quotes, trades or OHLCV bars, .gz or plain. Without it
    /// (and without --simulate) the bundled sample is replayed
    #[arg(long, value_name = "FILE", conflicts_with = "simulate")]
    pub replay: Option<PathBuf>,
    /// Play nothing: wait for what send puts into the queue
    #[arg(long, conflicts_with_all = ["replay", "simulate", "until_done"])]
    pub no_feed: bool,
    /// What the file holds.
    #[command(flatten)]
    pub file: FileArgs,
    /// Simulate a market from this seed; every value is marked mock
    #[arg(long, value_name = "SEED")]
    pub simulate: Option<u64>,
    /// Instruments to simulate
    #[arg(long, value_name = "N", default_value_t = 442, requires = "simulate")]
    pub instruments: usize,
    /// Simulated ticks per second of market time, over all instruments
    #[arg(long, value_name = "R", default_value_t = 1_000, requires = "simulate")]
    pub rate: u32,
    /// Of a simulated index, follow the options near the money only, as it moves: three
    /// expiries, ten strikes on each side; the others of --instruments are listed and not sent
    #[arg(long, requires = "simulate")]
    pub window: bool,
    /// Market time to simulate, such as 90s, 10m or 2h; endless without it
    #[arg(long, value_name = "T", value_parser = parse_duration, requires = "simulate")]
    pub until: Option<Duration>,
    /// What is simulated
    #[arg(long, value_enum, default_value_t = MixArg::Index, requires = "simulate")]
    pub mix: MixArg,
    /// max, or how many times as fast as recorded [default: 1; of bars, 5 a second]
    #[arg(long, value_name = "max|N")]
    pub speed: Option<Speed>,
    /// Which expressions on which instruments: lines of INSTRUMENT TIMEFRAME EXPRESSION
    #[arg(long, value_name = "FILE")]
    pub signals: Option<PathBuf>,
    /// How options are valued.
    #[command(flatten)]
    pub chains: ChainTermsArgs,
    /// How long a tick waits for others of its group, such as 5ms: the shorter, the more it costs
    #[arg(long, value_name = "MS", default_value = FLUSH_DEFAULT, value_parser = parse_duration)]
    pub flush: Duration,
    /// Consumers of the queue of events
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub consumers: u16,
    /// Frames posted to clients a second, at the most; who is short of them gets the latest alone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub posts_per_second: Option<u32>,
    /// Groups into which the shares of a venue are spread, and what has a group of its own, with its
    /// options, such as 8,NASDAQ=16,NSE=own,BSE@TCS@EQ
    #[arg(long, value_name = "N|VENUE=N|KEY,…", default_value_t)]
    pub baskets: Placement,
    /// Port to serve on, loopback only
    #[arg(long, value_name = "PORT", default_value_t = PORT_DEFAULT)]
    pub port: u16,
    /// Origin of web pages that may call the HTTP API, such as https://app.example.com; may be repeated
    #[arg(long = "origin", value_name = "ORIGIN")]
    pub origins: Vec<Origin>,
    /// Key set of another issuer whose tokens are taken (RS256, ES256, EdDSA): https, or http on this machine
    #[arg(long, value_name = "URL", requires = "jwt_issuer", requires = "jwt_audience")]
    pub jwks_url: Option<String>,
    /// Claim iss of its tokens
    #[arg(long, value_name = "ISS", requires = "jwks_url")]
    pub jwt_issuer: Option<String>,
    /// Claim aud of its tokens
    #[arg(long, value_name = "AUD", requires = "jwks_url")]
    pub jwt_audience: Option<String>,
    /// Directory of the data, or :memory:
    #[arg(long, value_name = "DIR", default_value = "tickwire-data")]
    pub data: PathBuf,
    /// How long the log is kept; it is cut at a checkpoint
    #[arg(long, value_name = "DAYS", default_value_t = LOG_KEPT_DAYS, value_parser = clap::value_parser!(u16).range(1..=365))]
    pub keep_log: u16,
    /// End when the feed is played and everything is delivered
    #[arg(long)]
    pub until_done: bool,
    /// Write the figures of the run to this file as JSON when it ends
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// Show no signals, only how the stack is doing
    #[arg(long)]
    pub quiet: bool,
}

/// Why `up` ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// An option is wrong.
    #[error("{0}")]
    Usage(String),
    /// The stack could not start.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The data directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The feed cannot be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The simulation cannot be set up.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    /// The queue does not take ticks.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Something else failed.
    #[error("failed to {0}: {1}")]
    Failed(&'static str, String),
}

/// What is played, with all that follows from it.
struct Plan {
    feed: Feed,
    /// Its identity.
    id: String,
    world: World,
    title: String,
    source: String,
    speed: Speed,
    stamps: Stamps,
    signals: SignalList,
    instruments: Vec<(InstrumentKey, Option<f64>)>,
}

impl UpArgs {
    fn place(&self) -> DataPlace {
        if self.data.as_os_str() == ":memory:" {
            DataPlace::Memory
        } else {
            DataPlace::Directory(self.data.clone())
        }
    }

    fn issuer(&self) -> Result<Option<Issuer>, UpError> {
        let (Some(url), Some(issuer), Some(audience)) =
            (&self.jwks_url, &self.jwt_issuer, &self.jwt_audience)
        else {
            return Ok(None);
        };
        let keys = HttpKeySet::new(url).map_err(|e| UpError::Usage(format!("--jwks-url: {e}")))?;
        Ok(Some(Issuer {
            issuer: issuer.clone(),
            audience: audience.clone(),
            keys: Arc::new(keys),
        }))
    }

    fn host(&self, placement: Placement) -> Result<HostOptions, UpError> {
        Ok(HostOptions {
            data: self.place(),
            port: self.port,
            consumers: usize::from(self.consumers),
            post_quota: self.posts_per_second.map(|posts| PostQuota {
                per_second: posts,
                burst: posts,
            }),
            placement,
            origins: self.origins.clone(),
            issuer: self.issuer()?,
            log_kept: DAY * u32::from(self.keep_log),
            ..HostOptions::default()
        })
    }

    fn signals(&self, timeframe: Timeframe) -> Result<SignalList, UpError> {
        read_signals(self.signals.as_deref(), timeframe)
    }

    fn speed_of(&self, file: &Description) -> Speed {
        let usual = file
            .bar_length
            .map_or(1.0, |length| (BARS_PER_SECOND * length.as_secs_f64()).max(1.0));
        self.speed.unwrap_or(Speed::Times(usual))
    }

    fn plan(&self) -> Result<Plan, UpError> {
        match (&self.replay, self.simulate) {
            (Some(path), _) => self.plan_file(path),
            (None, Some(seed)) => self.plan_simulation(seed),
            (None, None) => self.plan_sample(),
        }
    }

    fn plan_sample(&self) -> Result<Plan, UpError> {
        let file = sample::feed()?;
        let splits =
            sample::splits().map_err(|e| UpError::Failed("read the sample's splits", e.to_string()))?;
        let instruments: Vec<_> = file.instruments().into_iter().map(|key| (key, None)).collect();
        Ok(Plan {
            id: file.content_hash().to_owned(),
            world: World::Replay,
            title: "the bundled sample: daily bars of AAPL, FB, GOOG, IBM and MSFT, 2000 to 2013".into(),
            source: source_of(file.content_hash()),
            speed: self.speed_of(file.describe()),
            stamps: Stamps::AsRecorded,
            signals: self.signals(Timeframe::DAY)?,
            instruments,
            feed: Feed::File(Box::new(file), split_times(splits)),
        })
    }

    fn plan_file(&self, path: &Path) -> Result<Plan, UpError> {
        let options = self.file.options().map_err(UpError::Usage)?;
        let file = FileFeed::open(path, &options)?;
        let title = file.describe().to_string();
        let signals = signals_of(self.signals.as_deref(), file.describe())?;
        Ok(Plan {
            id: file.content_hash().to_owned(),
            world: World::Replay,
            title,
            source: source_of(file.content_hash()),
            speed: self.speed_of(file.describe()),
            stamps: Stamps::AsRecorded,
            signals,
            instruments: file.instruments().into_iter().map(|key| (key, None)).collect(),
            feed: Feed::File(Box::new(file), Vec::new()),
        })
    }

    fn plan_simulation(&self, seed: u64) -> Result<Plan, UpError> {
        let mix = match self.mix {
            MixArg::Index => Mix::IndexAndOptions,
            MixArg::Equities => Mix::Equities,
        };
        let start = simulated_start(mix).map_err(|e| UpError::Failed("find a session to simulate", e))?;
        let options = SimulatorOptions {
            seed,
            instruments: self.instruments,
            rate_per_s: self.rate,
            start,
            mix,
        };
        let simulator = Simulator::new(options)?;
        if self.window && mix != Mix::IndexAndOptions {
            return Err(UpError::Usage(
                "--window is for --mix index, which has options".into(),
            ));
        }
        let until = self
            .until
            .map(|until| start.saturating_add(i64::try_from(until.as_nanos()).unwrap_or(i64::MAX)));
        let instruments: Vec<_> = simulator
            .instruments()
            .into_iter()
            // Contracts become known as they come into the window.
            .filter(|(key, _)| !self.window || key.product() != Product::Opt)
            .map(|(key, tick_size)| (key, Some(tick_size)))
            .collect();
        let market = if self.window {
            Followed::near_the_money(simulator)
        } else {
            Followed::whole(simulator)
        };
        Ok(Plan {
            // A simulation begins at a time of today's choosing: every run is one of its own.
            id: format!("seed{seed}-{}", crate::now().0 / UnixNanos::PER_SECOND),
            world: World::Simulation,
            title: format!(
                "a simulated market of {} instruments from seed {seed}, {} ticks/s",
                self.instruments, self.rate
            ),
            source: format!("simulator-{seed}"),
            speed: self.speed.unwrap_or(Speed::Times(1.0)),
            stamps: Stamps::Now,
            signals: match self.signals {
                Some(_) => self.signals(Timeframe::MINUTE)?,
                None => simulated_signals()?,
            },
            instruments,
            feed: Feed::Simulation(Box::new(market), until),
        })
    }
}

/// The signals of a file of `--signals`, or the standard ones on bars of `timeframe`.
fn read_signals(path: Option<&Path>, timeframe: Timeframe) -> Result<SignalList, UpError> {
    let Some(path) = path else {
        return Ok(SignalList::standard(timeframe));
    };
    let text = std::fs::read_to_string(path)
        .map_err(|e| UpError::Usage(format!("failed to read {}: {e}", path.display())))?;
    SignalList::parse(&text).map_err(|e| UpError::Usage(format!("{}: {e}", path.display())))
}

/// The signals of a file of `--signals`, or the standard ones on the bars that suit the feed.
pub(super) fn signals_of(path: Option<&Path>, file: &Description) -> Result<SignalList, UpError> {
    let daily = file.bar_length.is_some_and(|length| length >= DAY);
    read_signals(path, if daily { Timeframe::DAY } else { Timeframe::MINUTE })
}

/// Name of the source of a file.
pub(super) fn source_of(content_hash: &str) -> String {
    format!("file-{}", content_hash.chars().take(16).collect::<String>())
}

/// Price and minute bars of everything; twenty signals on the index, half of
/// them on every tick and half on minute bars.
fn simulated_signals() -> Result<SignalList, UpError> {
    let mut text = String::from("* tick price\n* 1m bars\n");
    for expression in [
        "ema(5)",
        "ema(20)",
        "ema(50)",
        "sma(20)",
        "rsi(14)",
        "macd(12,26,9)",
        "bbands(20,2)",
        "close>ema(20)",
        "ema(rsi(14),9)",
        "close-sma(50)",
    ] {
        for timeframe in ["tick", "1m"] {
            text.push_str(&format!("*@IDX {timeframe} {expression}\n"));
        }
    }
    SignalList::parse(&text).map_err(|e| UpError::Failed("set up the simulation's signals", e.to_string()))
}

/// The opening of the last session that was over five days ago or less, so that
/// market time never runs ahead of the clock, however fast it is played.
fn simulated_start(mix: Mix) -> Result<UnixNanos, String> {
    let calendar = match mix {
        Mix::IndexAndOptions => Calendar::Nse,
        Mix::Equities => Calendar::UsEquities,
    };
    let from = crate::now().saturating_add(-6 * 86_400 * UnixNanos::PER_SECOND);
    let session = calendar.next_session(from).map_err(|e| e.to_string())?;
    Ok(session.open)
}

/// Keeps the log beside the data.
fn keep_log(host: &Host) {
    let kept = host
        .directory()
        .map(|directory| LogFile::open(&directory.path().join(LOG_DIRECTORY)));
    match kept {
        Some(Ok(log)) => tickwire_telemetry::logging::keep_in(log),
        Some(Err(error)) => tracing::warn!(%error, "the log goes to standard error only"),
        None => {}
    }
}

/// Serves the live world, fed by others.
async fn wait_for_others(args: &UpArgs, stop: &CancellationToken) -> Result<(), UpError> {
    let host = Host::start(args.host(args.baskets.clone())?, &Universe::live()).await?;
    keep_log(&host);
    View::greet_idle(args, &host).await?;
    stop.cancelled().await;
    host.stop().await;
    Ok(())
}

/// Runs the command.
///
/// # Errors
/// When the stack or the feed cannot go on.
pub async fn run(args: UpArgs) -> Result<(), UpError> {
    super::allow_open_files();
    let stop = CancellationToken::new();
    crate::commands::stop_on_signal(stop.clone());
    if args.no_feed {
        return wait_for_others(&args, &stop).await;
    }
    let plan = args.plan()?;
    let mut runs = match args.place() {
        DataPlace::Directory(path) => Runs::read(&path)?,
        DataPlace::Memory => Runs::default(),
    };
    let (mut run, was_finished) = runs.resume(&plan.id, plan.world, &args.baskets);
    let placement = run.baskets.clone();
    let host = Host::start(args.host(placement.clone())?, &run.universe).await?;
    keep_log(&host);
    let save = |runs: &mut Runs, run: &Run| {
        runs.put(run.clone());
        host.directory().map_or(Ok(()), |directory| runs.write(directory))
    };
    save(&mut runs, &run)?;
    View::greet(&args, &plan.title, &run, was_finished, &host).await?;

    let signals = plan.signals.clone();
    let mut sender = Sender::new(
        SenderOptions {
            universe: run.universe.clone(),
            placement,
            source: plan.source,
            epoch: 1,
            flush: args.flush,
            signals: plan.signals,
            chains: args.chains.terms(args.simulate.map(|_| SIMULATED_RATE))?,
        },
        host.outlet(),
    );
    sender.introduce_all(&plan.instruments).await?;
    // A stream can be subscribed to once its instrument is known.
    host.drained(DRAIN_MAX).await;
    let mut view = View::start(
        &args,
        &host,
        &signals,
        &plan.instruments,
        plan.stamps == Stamps::Now,
    )
    .await?;
    let began = Instant::now();
    let player = Player::new(read_ahead(plan.feed), plan.speed, plan.stamps, run.acknowledged);
    let title = plan.title;
    let mut saved = Instant::now();
    let queues = host.queues.clone();
    let is_full = || {
        let gauges = queues.gauges(QueueName::Ticks);
        let signals = queues.gauges(QueueName::Signals);
        gauges.waiting + gauges.in_flight > BACKLOG_MESSAGES_MAX || signals.waiting > BACKLOG_MESSAGES_MAX
    };
    let played = player
        .play(&mut sender, &stop, is_full, |sender, played| {
            run.acknowledged = sender.acknowledged_up_to();
            if saved.elapsed() >= SAVE_EVERY {
                saved = Instant::now();
                if let Err(error) = save(&mut runs, &run) {
                    tracing::warn!(%error, "failed to note how far the run came");
                }
            }
            view.progress(sender.sent(), *played);
        })
        .await?;
    run.acknowledged = sender.acknowledged_up_to();
    if let Some(time) = played.time.filter(|_| played.finished) {
        // Two days on, every bar has ended: also those of the last session.
        sender
            .clock(time.saturating_add(2 * 86_400 * UnixNanos::PER_SECOND))
            .await?;
        run.finished = true;
    }
    save(&mut runs, &run)?;
    host.drained(DRAIN_MAX).await;
    let elapsed = began.elapsed();
    if played.finished && !args.until_done {
        view.say("The feed is played to its end. Ctrl-C ends; the next up begins a new run.");
        stop.cancelled().await;
    }
    view.finish(&args, &host, &title, sender.sent(), played, elapsed)
        .await?;
    host.stop().await;
    Ok(())
}
