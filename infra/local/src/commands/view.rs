//! What `up` shows: where the stack is, how it is doing, and the signals as a
//! client receives them through a real WebSocket.

use std::io::{IsTerminal, Stdout, stdout};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tickwire_entitlements::Tier;
use tickwire_market::{InstrumentKey, UnixNanos};
use tickwire_service::ports::Clock;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::up::{UpArgs, UpError};
use crate::client::{Client, Counts, Endpoint, Item, Note, Receive, Session, fixed_token};
use crate::host::Host;
use crate::play::Played;
use crate::report::{Delivery, LatencyRecorder, LiveTable, Look, RunReport, Ticks, US_EAST_1, thousands};
use crate::run::Run;
use crate::sender::Sent;
use crate::signal_list::SignalList;

/// The development token lives as long as a token may.
const TOKEN_LIFETIME: Duration = Duration::from_secs(86_400);
/// User of the development token.
const USER: &str = "developer";
/// Streams shown at once.
const STREAMS_SHOWN_MAX: usize = 24;
/// Of each instrument but the first.
const STREAMS_OF_OTHERS_MAX: usize = 3;
/// How often one line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// How long the first connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A view.
pub(super) struct View {
    shown: Arc<Mutex<Shown>>,
    client: Option<JoinHandle<Session>>,
    stop: CancellationToken,
    streams: usize,
    began: Instant,
    lined: Instant,
    is_terminal: bool,
    quiet: bool,
    counts: Arc<Counters>,
}

struct Counters {
    ingest: Arc<tickwire_service::ingest_ticks::IngestStats>,
    deliver: Arc<tickwire_service::deliver_signals::DeliverStats>,
}

/// What the client and the view share.
struct Shown {
    table: Option<LiveTable<Stdout>>,
    /// From the hand-over, where its stamp is one of now.
    latency: LatencyRecorder,
    /// From the commit.
    lag_nanos: Option<i64>,
    signals: u64,
    measures: bool,
}

fn locked(shown: &Mutex<Shown>) -> std::sync::MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Viewer(Arc<Mutex<Shown>>);

impl Receive for Viewer {
    fn take(&mut self, stream: &str, item: &Item<'_>, received: UnixNanos) {
        let mut shown = locked(&self.0);
        shown.signals += u64::from(item.signals());
        if let Some(committed) = item.i {
            shown.lag_nanos = Some(received.0 - committed.0);
        }
        if let Some(handed_over) = item
            .r
            .filter(|_| shown.measures && item.k == crate::client::ItemKind::Signal)
        {
            shown.latency.record(received.0 - handed_over.0);
        }
        if let Some(table) = &mut shown.table {
            table.update(stream, item, received);
            // A terminal that is gone is no reason to stop the stack.
            let _ = table.draw(received);
        }
    }

    fn note(&mut self, note: Note<'_>) {
        if let Note::Refused { stream, error, .. } = note
            && let Some(table) = &mut locked(&self.0).table
        {
            table.remark(stream, &error.slug);
        }
    }
}

/// The streams worth showing: all of the first instrument, a few of the others.
fn chosen(signals: &SignalList, instruments: &[(InstrumentKey, Option<f64>)]) -> Vec<String> {
    let mut streams = Vec::new();
    for (place, (instrument, _)) in instruments.iter().enumerate() {
        let most = if place == 0 {
            STREAMS_SHOWN_MAX
        } else {
            STREAMS_OF_OTHERS_MAX
        };
        let all = signals.streams_of(instrument);
        streams.extend(all.iter().take(most).map(ToString::to_string));
        if streams.len() >= STREAMS_SHOWN_MAX {
            break;
        }
    }
    streams.truncate(STREAMS_SHOWN_MAX);
    streams
}

impl View {
    /// Says what runs and where.
    pub(super) async fn greet(
        args: &UpArgs,
        title: &str,
        run: &Run,
        was_finished: bool,
        host: &Host,
    ) -> Result<(), UpError> {
        eprintln!("{title}");
        if run.acknowledged > 0 {
            eprintln!(
                "Run {} goes on behind {} ticks.",
                run.universe,
                thousands(run.acknowledged)
            );
        } else if was_finished {
            eprintln!(
                "It was played to its end before: this is a new run, {}.",
                run.universe
            );
        } else {
            eprintln!("Run {}.", run.universe);
        }
        Self::greet_idle(args, host).await
    }

    /// Says where the stack is.
    pub(super) async fn greet_idle(args: &UpArgs, host: &Host) -> Result<(), UpError> {
        let token = host
            .token(USER, Tier::Enterprise, TOKEN_LIFETIME)
            .await
            .map_err(|e| UpError::Failed("make a token", e))?;
        match host.directory() {
            Some(directory) => eprintln!("Data    {}", directory.path().display()),
            None => eprintln!("Data    in memory: gone when this ends"),
        }
        eprintln!("HTTP    http://{}", host.address);
        eprintln!("Socket  ws://{}/ws", host.address);
        eprintln!("Token   {}", token.expose());
        let _ = args;
        Ok(())
    }

    /// Connects a client over the real socket, and shows what it receives.
    pub(super) async fn start(
        args: &UpArgs,
        host: &Host,
        signals: &SignalList,
        instruments: &[(InstrumentKey, Option<f64>)],
        measures: bool,
    ) -> Result<Self, UpError> {
        let is_terminal = stdout().is_terminal();
        let streams = chosen(signals, instruments);
        let mut table = (is_terminal && !args.quiet).then(|| LiveTable::new(stdout(), Look::of_stdout()));
        for stream in &streams {
            if let Some(table) = &mut table {
                table.add(stream);
            }
        }
        let shown = Arc::new(Mutex::new(Shown {
            table,
            latency: LatencyRecorder::default(),
            lag_nanos: None,
            signals: 0,
            measures,
        }));
        let stop = CancellationToken::new();
        let mut view = Self {
            shown,
            client: None,
            stop,
            streams: streams.len(),
            began: Instant::now(),
            lined: Instant::now(),
            is_terminal,
            quiet: args.quiet,
            counts: Arc::new(Counters {
                ingest: host.ingest.clone(),
                deliver: host.deliver.clone(),
            }),
        };
        if !streams.is_empty() {
            view.connect(host, streams).await?;
        }
        Ok(view)
    }

    async fn connect(&mut self, host: &Host, streams: Vec<String>) -> Result<(), UpError> {
        let failed = |why: String| UpError::Failed("connect to the own socket", why);
        let token = host
            .token(USER, Tier::Enterprise, TOKEN_LIFETIME)
            .await
            .map_err(failed)?;
        let endpoint =
            Endpoint::parse(&format!("ws://{}/ws", host.address), None).map_err(|e| failed(e.to_string()))?;
        let wanted = streams.into_iter().map(|key| (key, tickwire_wire::Mode::Full));
        let session = Session::new(wanted, None, 1);
        let client = timeout(
            CONNECT_MAX,
            Client::connect(endpoint, fixed_token(token.expose()), session),
        )
        .await
        .map_err(|_| failed("it took too long".into()))?
        .map_err(|e| failed(e.to_string()))?;
        let (mut viewer, stop) = (Viewer(Arc::clone(&self.shown)), self.stop.clone());
        self.client = Some(tokio::spawn(
            async move { client.run(&mut viewer, &stop).await.0 },
        ));
        Ok(())
    }

    /// Shows how far the feed is.
    pub(super) fn progress(&mut self, sent: Sent, played: Played) {
        if self.quiet {
            return;
        }
        let seconds = self.began.elapsed().as_secs_f64().max(1e-3);
        let accepted = self.counts.ingest.accepted.load(Relaxed);
        let mut shown = locked(&self.shown);
        let lag = shown
            .lag_nanos
            .map_or_else(|| "-".to_owned(), |nanos| format!("{:.1} ms", nanos as f64 / 1e6));
        let market = played
            .time
            .map_or_else(|| "-".to_owned(), |time| time.to_string());
        let first = format!(
            "market time {market}   sent {}   accepted {} ({:.0}/s)",
            thousands(sent.acknowledged),
            thousands(accepted),
            accepted as f64 / seconds
        );
        let second = format!(
            "segments {}   signals {}   frames {}   received here {}   commit to receipt {lag}",
            thousands(self.counts.ingest.segments.load(Relaxed)),
            thousands(self.counts.ingest.signals.load(Relaxed)),
            thousands(self.counts.deliver.posts.load(Relaxed)),
            thousands(shown.signals)
        );
        let aside = self.counts.ingest.set_aside.load(Relaxed) + played.bad_rows;
        let third = (aside > 0).then(|| format!("set aside {}", thousands(aside)));
        if let Some(table) = &mut shown.table {
            table.status([first, second].into_iter().chain(third));
            let _ = table.draw(tickwire_aws::SystemClock.now());
        } else if !self.is_terminal && self.lined.elapsed() >= LINE_EVERY {
            self.lined = Instant::now();
            println!("{first}   {second}");
        }
    }

    /// Says something that stays.
    pub(super) fn say(&mut self, text: &str) {
        match &mut locked(&self.shown).table {
            Some(table) => {
                let _ = table.draw_now(tickwire_aws::SystemClock.now());
                eprintln!("{text}");
            }
            None => eprintln!("{text}"),
        }
    }

    /// Ends the client and gives the figures.
    pub(super) async fn finish(
        &mut self,
        args: &UpArgs,
        host: &Host,
        title: &str,
        sent: Sent,
        played: Played,
        elapsed: Duration,
    ) -> Result<(), UpError> {
        self.stop.cancel();
        let counts = match self.client.take() {
            Some(client) => client
                .await
                .map_or_else(|_| Counts::default(), |session| session.counts()),
            None => Counts::default(),
        };
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
        let ingest = &self.counts.ingest;
        let report = RunReport {
            title: title.lines().next().unwrap_or_default().to_owned(),
            seconds: elapsed.as_secs_f64(),
            ticks: Ticks {
                taken_in: sent.ticks,
                accepted: load(&ingest.accepted),
                duplicate: load(&ingest.duplicate),
                superseded: load(&ingest.old_epoch),
                set_aside: load(&ingest.set_aside) + played.bad_rows,
            },
            segments: load(&ingest.segments),
            segment_bytes: load(&ingest.segment_bytes),
            signals: load(&ingest.signals),
            items: load(&self.counts.deliver.items),
            delivery: Some(Delivery {
                clients: 1,
                subscriptions: self.streams as u64,
                seconds: elapsed.as_secs_f64(),
                frames: counts.frames,
                bytes: counts.bytes,
                items: counts.items,
                signals: counts.signals,
                lost: counts.lost,
                duplicated: counts.duplicated,
                out_of_order: counts.out_of_order,
                holes: counts.holes,
                reconnects: counts.reconnects,
                refused: counts.refused,
                tick_to_frame: locked(&self.shown).latency.summary(),
            }),
            usage: (&host.meter.snapshot()).into(),
            ..RunReport::default()
        }
        .finished(&US_EAST_1);
        if let Some(table) = &mut locked(&self.shown).table {
            let _ = table.draw_now(tickwire_aws::SystemClock.now());
        }
        println!("{}", report.render());
        if let Some(path) = &args.report {
            let text = serde_json::to_string_pretty(&report)
                .map_err(|e| UpError::Failed("write the report", e.to_string()))?;
            std::fs::write(path, text + "\n")
                .map_err(|e| UpError::Failed("write the report", format!("{}: {e}", path.display())))?;
        }
        Ok(())
    }
}
