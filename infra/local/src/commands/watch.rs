//! `tickwire watch`: shows streams live.

use std::io::{self, IsTerminal, Stdout, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tickwire_market::UnixNanos;
use tickwire_wire::Mode;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::client_args::{ClientArgs, Exit, Failure};
use crate::client::{Client, Counts, Item, Note, Receive, Session};
use crate::report::{LiveTable, Look, decimals, thousands, value_text};

/// Between two drawings.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// User for whom a token is made.
const USER: &str = "watch";

/// How streams are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// Every signal
    Full,
    /// The latest is enough
    Last,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Full => Self::Full,
            ModeArg::Last => Self::Last,
        }
    }
}

/// Shows streams live: a table in a terminal, else a line per signal.
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    /// Streams, such as public:NSE@NIFTY@IDX:tick:price
    #[arg(value_name = "STREAM")]
    pub streams: Vec<String>,
    /// All streams of this instrument, such as NSE@NIFTY@IDX; may be repeated
    #[arg(long, value_name = "KEY")]
    pub instrument: Vec<String>,
    /// How they are delivered
    #[arg(long, value_enum, default_value_t = ModeArg::Full)]
    pub mode: ModeArg,
    /// One JSON object per signal, on a line
    #[arg(long)]
    pub json: bool,
    /// Where, and as whom.
    #[command(flatten)]
    pub client: ClientArgs,
}

const STREAMS_HELP: &str = "name a stream, or all of an instrument with --instrument KEY. Streams are written
  public:NSE@NIFTY@IDX:tick:price                 every price
  public:NASDAQ@AAPL@EQ:1d:bars                   closed bars of 1m to 1d
  common:NASDAQ@AAPL@EQ:1d:rsi(close,14)          a signal of the catalogue, in canonical form
  marketplace/PRODUCT:…, personal/USER:…          signals of a product, of a user";

/// A signal on a line of its own.
#[derive(Serialize)]
struct Line<'a> {
    stream: &'a str,
    received: UnixNanos,
    #[serde(flatten)]
    item: &'a Item<'a>,
}

enum Show {
    Table(LiveTable<Stdout>),
    Lines,
    Json,
}

struct Shown {
    show: Show,
    signals: u64,
    lost: u64,
    /// Standard output is gone: whoever read it has seen enough.
    stop: CancellationToken,
}

#[derive(Clone)]
struct Watcher(Arc<Mutex<Shown>>);

impl Watcher {
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    fn print(&self, line: &str) {
        let mut out = io::stdout().lock();
        if writeln!(out, "{line}").is_err() {
            self.stop.cancel();
        }
    }

    /// Something of note, above the table or on standard error.
    fn say(&mut self, text: &str) {
        match &mut self.show {
            // A terminal that is gone ends the command by its signal.
            Show::Table(table) => drop(table.print(text)),
            Show::Lines | Show::Json => tickwire_telemetry::logging::complain(text),
        }
    }
}

impl Receive for Watcher {
    fn take(&mut self, stream: &str, item: &Item<'_>, received: UnixNanos) {
        let mut shown = self.lock();
        shown.signals += u64::from(item.signals());
        match &mut shown.show {
            Show::Table(table) => table.update(stream, item, received),
            Show::Lines => {
                let value = item.d.map_or_else(String::new, |d| value_text(d.get()).0);
                let time = item.t.map_or_else(|| "-".to_owned(), |time| time.to_string());
                let offset = item.o.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
                let mock = if item.mock { "  mock" } else { "" };
                shown.print(&format!("{time}  {stream}  {offset}  {value}{mock}"));
            }
            Show::Json => match serde_json::to_string(&Line {
                stream,
                received,
                item,
            }) {
                Ok(line) => shown.print(&line),
                Err(error) => eprintln!("tickwire: failed to write a signal of {stream}: {error}"),
            },
        }
    }

    fn note(&mut self, note: Note<'_>) {
        let mut shown = self.lock();
        match note {
            Note::Refused { stream, error, again } => {
                let again = if again { "; it is asked for again" } else { "" };
                shown.say(&format!("{stream}: {} ({}){again}", error.message, error.slug));
                if let Show::Table(table) = &mut shown.show {
                    table.remark(stream, &error.slug);
                }
            }
            Note::Revoked { stream, error } => {
                let (why, message) = error.map_or(("revoked", ""), |error| (&error.slug, &error.message));
                shown.say(&format!("{stream}: may not be read any longer ({why}) {message}"));
                if let Show::Table(table) = &mut shown.show {
                    table.remark(stream, why);
                }
            }
            Note::Lost { stream, since } => {
                shown.lost += 1;
                shown.say(&format!(
                    "{stream}: what came after offset {since} is lost; it goes on at a snapshot"
                ));
            }
            Note::Downgraded { stream } => shown.say(&format!(
                "{stream}: this client is too slow for every signal; from here on it has the latest"
            )),
            Note::Goodbye(goodbye) if goodbye.code == "slow" => {
                shown.say(
                    "The server found this client slow: from here on the latest of each stream is shown.",
                );
            }
            Note::Reconnect { why, after } => {
                shown.say(&format!(
                    "{why}: connecting again in {} s",
                    decimals(after.as_secs_f64(), 1)
                ));
            }
            Note::Goodbye(_) | Note::Welcome(_) | Note::Subscribed { .. } => {}
        }
    }
}

/// Runs the command.
pub async fn run(args: WatchArgs) -> ExitCode {
    match watch(args).await {
        Ok(()) => Exit::Good.into(),
        Err(failure) => failure.report(),
    }
}

async fn watch(args: WatchArgs) -> Result<(), Failure> {
    if args.streams.is_empty() && args.instrument.is_empty() {
        return Err(Failure::usage(STREAMS_HELP));
    }
    for stream in &args.streams {
        let key = stream.parse::<tickwire_streams::StreamKey>();
        key.map_err(|e| Failure::usage(format!("{stream:?} is not a stream: {e}")))?;
    }
    let endpoint = args.client.endpoint()?;
    let tokens = args.client.tokens(USER)?;
    let mut streams = args.streams.clone();
    for instrument in &args.instrument {
        let found = args.client.streams_of(instrument, &tokens).await?;
        if found.is_empty() {
            return Err(Failure::usage(format!(
                "{instrument} has no stream that this user may read"
            )));
        }
        for stream in found {
            if !streams.contains(&stream) {
                streams.push(stream);
            }
        }
    }
    let show = match (args.json, io::stdout().is_terminal()) {
        (true, _) => Show::Json,
        (false, false) => Show::Lines,
        (false, true) => {
            let mut table = LiveTable::new(io::stdout(), Look::of_stdout());
            for stream in &streams {
                table.add(stream);
            }
            Show::Table(table)
        }
    };
    let stop = CancellationToken::new();
    super::stop_on_signal(stop.clone());
    let count = streams.len();
    let seed = crate::now().0.unsigned_abs();
    let mode = args.mode.into();
    let session = Session::new(
        streams.into_iter().map(|key| (key, mode)),
        args.client.universe.clone(),
        seed,
    );
    let client = Client::connect(endpoint.clone(), tokens, session).await?;
    let shown = Shown {
        show,
        signals: 0,
        lost: 0,
        stop: stop.clone(),
    };
    let watcher = Watcher(Arc::new(Mutex::new(shown)));
    let began = Instant::now();
    let drawing = tokio::spawn(draw(watcher.clone(), format!("{endpoint}"), began));
    let (session, ended) = client.run(&mut watcher.clone(), &stop).await;
    drawing.abort();
    watcher.status(&format!("{endpoint}"), began);
    if io::stderr().is_terminal() {
        // The terminal has written ^C there.
        eprint!("\r");
    }
    eprintln!(
        "{}",
        summary(count, session.counts(), session.open_holes(), began.elapsed())
    );
    Ok(ended?)
}

impl Watcher {
    fn status(&self, endpoint: &str, began: Instant) {
        let mut shown = self.lock();
        let (signals, lost) = (thousands(shown.signals), thousands(shown.lost));
        let seconds = began.elapsed().as_secs();
        if let Show::Table(table) = &mut shown.show {
            table.status([
                format!("{endpoint}   {signals} signals in {seconds} s   {lost} lost   Ctrl-C ends"),
                String::new(),
            ]);
            // A terminal that is gone ends the command by its signal.
            let _ = table.draw(crate::now());
        }
    }
}

async fn draw(watcher: Watcher, endpoint: String, began: Instant) {
    let mut ticks = interval(DRAW_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        watcher.status(&endpoint, began);
    }
}

fn summary(streams: usize, counts: Counts, open: usize, elapsed: Duration) -> String {
    format!(
        "{} signals of {} streams in {} s: {} holes, {} open, {} lost, {} repeated, {} reconnects",
        thousands(counts.signals + counts.snapshots),
        thousands(streams as u64),
        decimals(elapsed.as_secs_f64(), 1),
        thousands(counts.holes),
        thousands(open as u64),
        thousands(counts.lost),
        thousands(counts.duplicated),
        thousands(counts.reconnects),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_keeps_the_value_as_it_came() {
        let text = r#"{"s":0,"k":"signal","o":9,"prev":8,"t":1790000000000000001,"d":{"price":24000.050}}"#;
        let item: Item<'_> = serde_json::from_str(text).unwrap();
        let line = serde_json::to_string(&Line {
            stream: "x",
            received: UnixNanos(5),
            item: &item,
        })
        .unwrap();
        assert!(
            line.starts_with(r#"{"stream":"x","received":5,"s":0,"k":"signal","o":9,"prev":8"#),
            "{line}"
        );
        assert!(
            line.contains(r#""t":1790000000000000001"#) && line.contains(r#""d":{"price":24000.050}"#),
            "{line}"
        );
        assert!(!line.contains("mock"), "what is absent is left out: {line}");
    }
}
