//! Playing a feed: ticks at the pace of their time, or as fast as they are taken.

use std::collections::BTreeMap;
use std::time::Duration;

use tickwire_market::{InstrumentKey, Tick, UnixNanos};
use tickwire_options::WindowChange;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::feed::file::{FileFeed, RowError};
use crate::feed::sample::Split;
use crate::feed::simulate::{Followed, Seen};
use crate::sender::{SendError, Sender};

/// Ticks that are read ahead.
const READ_AHEAD_CHUNKS: usize = 8;
/// Ticks in one chunk of those.
const CHUNK_TICKS: usize = 1_024;
/// Wait when the queue is full enough.
const FULL_WAIT: Duration = Duration::from_millis(2);
/// Longest sleep before looking around again.
const LOOK_AROUND: Duration = Duration::from_millis(200);

/// What is played.
pub enum Feed {
    /// A file, with the splits of its instruments.
    File(Box<FileFeed>, Vec<(InstrumentKey, UnixNanos, f64)>),
    /// A simulated market, until this exchange time if one is given.
    Simulation(Box<Followed>, Option<UnixNanos>),
}

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was.
    Times(f64),
    /// As fast as the queue takes it.
    Max,
}

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.trim_end_matches('x').parse::<f64>() {
            Ok(times) if times.is_finite() && times > 0.0 => Ok(Self::Times(times)),
            _ => Err("write max, or how many times as fast as recorded, such as 1 or 3600".into()),
        }
    }
}

/// How the stamps of receipt are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// Now: the feed is live, or made up as if it were.
    Now,
    /// As recorded: the feed is from the past.
    AsRecorded,
}

/// What reading a feed gives.
pub enum Piece {
    /// Ticks in order.
    Ticks(Vec<Tick>),
    /// A row that was set aside.
    Bad(RowError),
    /// From this exchange time on, prices of the instrument are in new shares.
    Split(InstrumentKey, f64, UnixNanos),
    /// Other contracts are followed from now on.
    Window(WindowChange),
}

/// Reads a feed on a thread of its own.
pub fn read_ahead(feed: Feed) -> mpsc::Receiver<Piece> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD_CHUNKS);
    std::thread::spawn(move || {
        // A receiver that is gone wants no more.
        let _ = match feed {
            Feed::File(file, splits) => read_file(*file, splits, &sender),
            Feed::Simulation(simulator, until) => read_simulation(*simulator, until, &sender),
        };
    });
    receiver
}

type Gone = mpsc::error::SendError<Piece>;

fn read_file(
    file: FileFeed,
    splits: Vec<(InstrumentKey, UnixNanos, f64)>,
    sender: &mpsc::Sender<Piece>,
) -> Result<(), Gone> {
    let mut splits_of: BTreeMap<InstrumentKey, Vec<(UnixNanos, f64)>> = BTreeMap::new();
    for (instrument, at, ratio) in splits {
        splits_of.entry(instrument).or_default().push((at, ratio));
    }
    for due in splits_of.values_mut() {
        due.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    }
    let mut chunk = Vec::with_capacity(CHUNK_TICKS);
    for row in file {
        match row {
            Ok(row) => {
                if let Some(due) = splits_of.get_mut(&row.tick.instrument) {
                    while let Some((at, ratio)) = due.pop_if(|(at, _)| *at <= row.tick.exchange_time) {
                        sender.blocking_send(Piece::Ticks(std::mem::take(&mut chunk)))?;
                        sender.blocking_send(Piece::Split(row.tick.instrument.clone(), ratio, at))?;
                    }
                }
                chunk.push(row.tick);
            }
            Err(error) => sender.blocking_send(Piece::Bad(error))?,
        }
        if chunk.len() >= CHUNK_TICKS {
            sender.blocking_send(Piece::Ticks(std::mem::take(&mut chunk)))?;
        }
    }
    sender.blocking_send(Piece::Ticks(chunk))
}

fn read_simulation(
    market: Followed,
    until: Option<UnixNanos>,
    sender: &mpsc::Sender<Piece>,
) -> Result<(), Gone> {
    let mut chunk = Vec::with_capacity(CHUNK_TICKS);
    for seen in market {
        match seen {
            Seen::Moved(change) => {
                sender.blocking_send(Piece::Ticks(std::mem::take(&mut chunk)))?;
                sender.blocking_send(Piece::Window(change))?;
            }
            Seen::Tick(tick) if until.is_some_and(|until| tick.exchange_time >= until) => break,
            Seen::Tick(tick) => chunk.push(tick),
        }
        if chunk.len() >= CHUNK_TICKS {
            sender.blocking_send(Piece::Ticks(std::mem::take(&mut chunk)))?;
        }
    }
    sender.blocking_send(Piece::Ticks(chunk))
}

/// Counts while playing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Ticks read, those skipped included.
    pub ticks: u64,
    /// Rows set aside by the reader.
    pub bad_rows: u64,
    /// Exchange time of the newest tick handed over.
    pub time: Option<UnixNanos>,
    /// The feed came to its end.
    pub finished: bool,
}

/// Plays pieces through a sender.
pub struct Player {
    pieces: mpsc::Receiver<Piece>,
    speed: Speed,
    stamps: Stamps,
    skip: u64,
    played: Played,
    /// Exchange time and wall clock of the first tick.
    began: Option<(UnixNanos, Instant, UnixNanos)>,
    shown_bad_rows: u64,
}

/// Rows set aside that are shown one by one.
const BAD_ROWS_SHOWN: u64 = 10;

impl Player {
    /// Plays all but the first `skip` ticks.
    pub fn new(pieces: mpsc::Receiver<Piece>, speed: Speed, stamps: Stamps, skip: u64) -> Self {
        Self {
            pieces,
            speed,
            stamps,
            skip,
            played: Played::default(),
            began: None,
            shown_bad_rows: 0,
        }
    }

    /// Plays until the feed ends or `stop` is cancelled. `look` is called a few
    /// times a second with the counts; `is_full` says that the queue has enough.
    ///
    /// # Errors
    /// When the queue does not take what is sent.
    pub async fn play(
        mut self,
        sender: &mut Sender,
        stop: &CancellationToken,
        is_full: impl Fn() -> bool,
        mut look: impl FnMut(&Sender, &Played),
    ) -> Result<Played, SendError> {
        let mut looked = Instant::now();
        while let Some(piece) = self.next_piece(sender, stop).await? {
            match piece {
                Piece::Bad(error) => {
                    self.played.bad_rows += 1;
                    if self.shown_bad_rows < BAD_ROWS_SHOWN {
                        self.shown_bad_rows += 1;
                        tracing::warn!("{error}");
                        if self.shown_bad_rows == BAD_ROWS_SHOWN {
                            tracing::warn!("further rows that are set aside are only counted");
                        }
                    }
                }
                Piece::Split(instrument, ratio, at) => {
                    if self.skip == 0 {
                        sender.split(&instrument, ratio, at).await?;
                    }
                }
                Piece::Window(change) => {
                    let (came, went) = (change.subscribe.len(), change.unsubscribe.len());
                    tracing::info!("the option window moved: {came} contracts came, {went} went");
                    let came: Vec<_> = change.subscribe.into_iter().map(|key| (key, None)).collect();
                    sender.introduce_all(&came).await?;
                }
                Piece::Ticks(ticks) => {
                    for tick in ticks {
                        self.played.ticks += 1;
                        if self.skip > 0 {
                            self.skip -= 1;
                            sender.skip(&tick);
                            continue;
                        }
                        if !self.wait_for(&tick, sender, stop, &is_full).await? {
                            sender.flush().await?;
                            return Ok(self.played);
                        }
                        self.played.time = Some(tick.exchange_time);
                        let tick = self.stamped(tick);
                        sender.hand_over(tick).await?;
                        if looked.elapsed() >= LOOK_AROUND {
                            looked = Instant::now();
                            look(sender, &self.played);
                        }
                    }
                }
            }
        }
        sender.flush().await?;
        self.played.finished = !stop.is_cancelled();
        look(sender, &self.played);
        Ok(self.played)
    }

    async fn next_piece(
        &mut self,
        sender: &mut Sender,
        stop: &CancellationToken,
    ) -> Result<Option<Piece>, SendError> {
        loop {
            let due = sender.due();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                piece = self.pieces.recv() => return Ok(piece),
                () = sleep_until(due.unwrap_or_else(|| Instant::now() + LOOK_AROUND)) => sender.flush_due().await?,
            }
        }
    }

    /// Waits until the tick is due; false if it was stopped.
    async fn wait_for(
        &mut self,
        tick: &Tick,
        sender: &mut Sender,
        stop: &CancellationToken,
        is_full: impl Fn() -> bool,
    ) -> Result<bool, SendError> {
        if stop.is_cancelled() {
            return Ok(false);
        }
        while is_full() {
            sender.flush_due().await?;
            tokio::select! {
                () = stop.cancelled() => return Ok(false),
                () = sleep(FULL_WAIT) => {}
            }
        }
        let Some(due) = self.due(tick) else {
            // At full speed a flush is due when its time has come, as ever.
            if sender.due().is_some_and(|due| due <= Instant::now()) {
                sender.flush_due().await?;
            }
            return Ok(true);
        };
        loop {
            let now = Instant::now();
            if due <= now {
                if sender.due().is_some_and(|due| due <= now) {
                    sender.flush_due().await?;
                }
                return Ok(true);
            }
            let wake = sender.due().map_or(due, |flush| flush.min(due));
            tokio::select! {
                () = stop.cancelled() => return Ok(false),
                () = sleep_until(wake) => {}
            }
            if sender.due().is_some_and(|due| due <= Instant::now()) {
                sender.flush_due().await?;
            }
        }
    }

    fn due(&mut self, tick: &Tick) -> Option<Instant> {
        let Speed::Times(times) = self.speed else {
            return None;
        };
        let (time, instant, _) = *self
            .began
            .get_or_insert_with(|| (tick.exchange_time, Instant::now(), crate::now()));
        let nanos = (tick.exchange_time.0.saturating_sub(time.0)) as f64 / times;
        Some(instant + Duration::from_nanos(nanos.max(0.0) as u64))
    }

    /// A tick of a live feed is stamped with the time at which it was due, so
    /// that a sender that falls behind shows as latency and not as nothing.
    fn stamped(&mut self, mut tick: Tick) -> Tick {
        tick.receive_time = match (self.stamps, self.due(&tick), self.began) {
            (Stamps::AsRecorded, _, _) => tick.exchange_time,
            (Stamps::Now, Some(due), Some((_, instant, wall))) => {
                let since = due.saturating_duration_since(instant).as_nanos();
                let nanos = wall.saturating_add(i64::try_from(since).unwrap_or(i64::MAX));
                UnixNanos(nanos.0 - nanos.0 % 1_000)
            }
            (Stamps::Now, _, _) => crate::now(),
        };
        tick
    }
}

/// The splits of the bundled sample with the time of each day's opening.
pub fn split_times(splits: Vec<Split>) -> Vec<(InstrumentKey, UnixNanos, f64)> {
    splits
        .into_iter()
        .filter_map(|split| {
            let calendar = tickwire_market::Calendar::of(&split.instrument).ok()?;
            let session = calendar.session_on(split.effective_day).ok()??;
            Some((split.instrument, session.open, split.ratio))
        })
        .collect()
}
