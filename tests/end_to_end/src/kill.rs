//! The proof by killing: processes are killed between any two instructions and
//! started again, and in the end nothing is missing, doubled or out of order.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tickwire::run::{Runs, World};
use tickwire_service::placement::Placement;
use tickwire_streams::{Offset, Universe};
use tokio::time::sleep;

use crate::Failure;
use crate::check::{Checked, Logged, Violation, check_client, check_log};
use crate::client::{Follow, Following, Record, local, open, token, tokens};
use crate::data::{check_queues_empty, read_logs};
use crate::processes::{Process, Tickwire, free_port};
use crate::python::PythonClient;
use crate::ticks::{ExpectedLog, SIGNALS, TickFiles, expect, followed};

/// How often processes are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Within this time after SIGTERM a stack works off its queue and exits.
const STOP_MAX: Duration = Duration::from_secs(20);
/// Within this time a stack serves.
const UP_MAX: Duration = Duration::from_secs(20);
/// Within this time clients catch up with a stack that is up.
const CATCH_UP_MAX: Duration = Duration::from_secs(60);
/// Within this time a sender that nobody kills sends its file, or a replay ends.
const SEND_MAX: Duration = Duration::from_secs(120);
/// Longest wait for the first frame after a kill; beyond it, nothing was sent that could be waited for.
const RECOVERY_MAX: Duration = Duration::from_secs(15);
/// So long it takes to send one file, so that kills fall between its messages.
const FILE_SECONDS: f64 = 0.8;
/// Kills while one file is sent.
const KILLS_PER_FILE: usize = 6;
/// Of so many kills of the stack one is followed by a wait for the client's next frame. A message
/// in whose hands the process dies more often in a row is taken for the cause, and parked.
const MEASURED_ONE_IN: usize = 3;
/// Lives of processes that are killed, in milliseconds.
const LIFE_MS: std::ops::Range<u64> = 1..450;
/// The same for replays, which note every second how far they came.
const REPLAY_LIFE_MS: std::ops::Range<u64> = 50..2_500;

/// So long of the file is left to each life of a replay that is killed, which is the mean of those.
const REPLAY_SECONDS: f64 = 1.3;

/// What is tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Seed of the ticks and of the moments of the kills.
    pub seed: u64,
    /// How many kills.
    pub kills: usize,
    /// Ticks in a file.
    pub ticks_per_file: usize,
    /// Instruments in it, [`INSTRUMENTS`](crate::ticks::INSTRUMENTS) of which clients follow.
    pub instruments: usize,
    /// A Python with what the second client needs.
    pub python: Option<PathBuf>,
}

/// What a trial came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Kills of the stack.
    pub kills_stack: usize,
    /// Kills of the sender.
    pub kills_sender: usize,
    /// Processes started, the first of each kind included.
    pub starts: usize,
    /// Groups whose logs were checked.
    pub groups: usize,
    /// Segments in them.
    pub segments: u64,
    /// Ticks in them, each exactly once.
    pub ticks: u64,
    /// Signals in them, each the same to the bit when folded again.
    pub signals: u64,
    /// Streams that the client followed.
    pub streams: usize,
    /// Signals that the client took, each once and in order.
    pub taken: u64,
    /// Of those, how many came conflated with later ones.
    pub conflated: u64,
    /// Signals that the Python client took.
    pub taken_python: Option<u64>,
    /// Connections that the client made after its first.
    pub reconnects: u64,
    /// From kills of the stack to the client's next frame, ascending.
    pub recoveries: Vec<Duration>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Outcome {
    fn recovery(&self, share: f64) -> String {
        let last = self.recoveries.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.recoveries
            .get(at)
            .map_or_else(|| "-".to_owned(), |time| format!("{} ms", time.as_millis()))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "kills            {} ({} of the stack, {} of the sender)",
            self.kills_stack + self.kills_sender,
            self.kills_stack,
            self.kills_sender
        )?;
        writeln!(f, "process starts   {}", self.starts)?;
        writeln!(
            f,
            "ticks            {} in {} groups, each in the log exactly once",
            self.ticks, self.groups
        )?;
        writeln!(
            f,
            "signals          {} in {} segments, each folded again bit for bit",
            self.signals, self.segments
        )?;
        writeln!(
            f,
            "client           {} signals of {} streams, each once and in order ({} conflated); {} reconnects",
            self.taken, self.streams, self.conflated, self.reconnects
        )?;
        if let Some(taken) = self.taken_python {
            writeln!(f, "Python client    {taken} signals, each once and in order")?;
        }
        let (median, high) = (self.recovery(0.5), self.recovery(0.95));
        writeln!(
            f,
            "kill to frame    p50 {median}, p95 {high} ({} measured)",
            self.recoveries.len()
        )?;
        write!(f, "elapsed          {:.1} s", self.elapsed.as_secs_f64())
    }
}

/// One data directory, one port, and who works there.
struct Scene {
    tickwire: Tickwire,
    data: PathBuf,
    signals: PathBuf,
    port: u16,
    random: Pcg64Mcg,
    outcome: Outcome,
    began: Instant,
    following: Option<Following>,
    python: Option<PythonClient>,
}

impl Scene {
    fn new(home: &Path, seed: u64) -> Result<Self, Failure> {
        let signals = home.join("signals.txt");
        std::fs::write(&signals, SIGNALS).map_err(Failure::of("write the list of signals"))?;
        Ok(Self {
            tickwire: Tickwire::find(home.join("output.txt"))?,
            data: home.join("data"),
            signals,
            port: free_port()?,
            random: Pcg64Mcg::seed_from_u64(seed ^ 0x6b69_6c6c),
            outcome: Outcome::default(),
            began: Instant::now(),
            following: None,
            python: None,
        })
    }

    fn start(&mut self, words: &[&str], paths: &[(&str, &Path)]) -> Result<Process, Failure> {
        let mut arguments: Vec<std::ffi::OsString> = words.iter().map(Into::into).collect();
        for (option, path) in paths {
            arguments.extend([option.into(), path.as_os_str().to_owned()]);
        }
        arguments.extend(["--data".into(), self.data.clone().into()]);
        self.outcome.starts += 1;
        self.tickwire.start(arguments)
    }

    fn start_idle(&mut self) -> Result<Process, Failure> {
        let port = self.port.to_string();
        self.start(&["up", "--no-feed", "--quiet", "--port", &port], &[])
    }

    fn start_replay(&mut self, file: &Path, speed: f64) -> Result<Process, Failure> {
        let (port, signals) = (self.port.to_string(), self.signals.clone());
        let speed = format!("{speed:.3}");
        let words = [
            "up",
            "--speed",
            &speed,
            "--until-done",
            "--quiet",
            "--port",
            &port,
        ];
        self.start(&words, &[("--replay", file), ("--signals", &signals)])
    }

    fn start_sender(&mut self, file: &Path, speed: f64) -> Result<Process, Failure> {
        let (url, signals) = (format!("http://127.0.0.1:{}", self.port), self.signals.clone());
        let speed = format!("{speed:.3}");
        let words = ["send", "--url", &url, "--speed", &speed];
        let mut arguments: Vec<std::ffi::OsString> = words.iter().map(Into::into).collect();
        arguments.push(file.as_os_str().to_owned());
        arguments.extend([
            "--signals".into(),
            signals.into(),
            "--data".into(),
            self.data.clone().into(),
        ]);
        self.outcome.starts += 1;
        self.tickwire.start(arguments)
    }

    fn follow(&mut self, universe: &Universe, seed: u64) -> Result<(), Failure> {
        self.following = Some(Following::start(Follow {
            endpoint: local(self.port)?,
            tokens: tokens(&self.data, "kill-proof"),
            universe: universe.clone(),
            streams: followed(),
            seed,
        }));
        Ok(())
    }

    /// Once the first client has its streams they are there for the second.
    fn start_python_when_due(&mut self, python: Option<&Path>, output: &Path) -> Result<(), Failure> {
        let (Some(python), None, Some(following)) = (python, &self.python, &self.following) else {
            return Ok(());
        };
        let streams = followed();
        if open(&following.record).accepted.len() >= streams.len() {
            let client = PythonClient::start(
                python,
                &format!("ws://127.0.0.1:{}/ws", self.port),
                None,
                &token(&self.data, "kill-proof-python")?,
                &streams,
                output.to_owned(),
            )?;
            self.python = Some(client);
        }
        Ok(())
    }

    fn check_clients_alive(&mut self) -> Result<(), Failure> {
        if let Some(python) = &mut self.python {
            python.check_alive()?;
        }
        let Some(following) = &self.following else {
            return Ok(());
        };
        if let Some(why) = open(&following.record).broken.take() {
            return Err(Violation::Left(format!("the client lost something: {why}")).into());
        }
        if following.has_ended() {
            return Err(Failure::Process("the client ended by itself".to_owned()));
        }
        Ok(())
    }

    /// Connections that the client lost.
    fn lost(&self) -> u64 {
        let following = self.following.as_ref();
        following.map_or(0, |following| open(&following.record).lost)
    }

    /// Waits for the first frame of another connection after a kill, before which so many were
    /// lost, and notes how long it took.
    async fn measure(&mut self, killed: Instant, lost: u64) {
        let Some(following) = &self.following else {
            return;
        };
        while killed.elapsed() < RECOVERY_MAX {
            let taken = {
                let record = open(&following.record);
                record.last_taken.filter(|_| record.lost > lost)
            };
            if taken.is_some() {
                self.outcome.recoveries.push(killed.elapsed());
                return;
            }
            sleep(LOOK).await;
        }
    }

    /// Everything is sent: the queue is worked off, the log checked, the clients
    /// brought to its end, and what they took compared with it.
    async fn finish(mut self, universe: &Universe, expected: &ExpectedLog) -> Result<Outcome, Failure> {
        let ours = |group: &tickwire_streams::GroupKey| group.universe() == universe;
        let logs = read_logs(&self.data, ours).await?;
        check_queues_empty(&self.data)?;
        let keys = followed();
        let mut all = Checked::default();
        for log in &logs {
            let sent = expected.get(&log.group).map_or(&[][..], Vec::as_slice);
            let checked = check_log(log, sent, |key| keys.iter().any(|wanted| wanted == key))?;
            all.segments += checked.segments;
            all.ticks += checked.ticks;
            all.signals += checked.signals;
            all.streams.extend(checked.streams);
        }
        if let Some(missing) = expected
            .keys()
            .find(|group| !logs.iter().any(|log| log.group == **group))
        {
            return Err(Violation::Left(format!("group {missing} has no log")).into());
        }

        // A last life, in which clients fetch what they missed.
        let stack = self.start_idle()?;
        let python = self.python.take();
        if let Some(following) = &self.following {
            let began = Instant::now();
            let behind = |record: &Record| {
                let last =
                    |(key, logged): (&String, &Vec<Logged>)| Some((key.clone(), logged.last()?.offset));
                let tops: BTreeMap<String, Offset> = all.streams.iter().filter_map(last).collect();
                tops.into_iter().find(|(key, top)| !record.has_reached(key, *top))
            };
            loop {
                let mut missing = behind(&open(&following.record));
                if missing.is_none()
                    && let Some(python) = &python
                {
                    missing = behind(&python.record()?);
                }
                let Some((key, top)) = missing else { break };
                if began.elapsed() > CATCH_UP_MAX {
                    return Err(Violation::Left(format!("a client did not come to {top} of {key}")).into());
                }
                sleep(LOOK * 10).await;
            }
        }
        self.check_clients_alive()?;
        stack_is_up(self.port).await?;
        stack.stop(STOP_MAX).await?;

        if let Some(python) = python {
            let record = python.record()?;
            python.stop();
            self.outcome.taken_python = Some(compare(&record, &all)?.0);
        }
        if let Some(following) = self.following.take() {
            let record = std::sync::Arc::clone(&following.record);
            self.outcome.reconnects = following.stop().await?.reconnects;
            (self.outcome.taken, self.outcome.conflated) = compare(&open(&record), &all)?;
        }
        for (before, after) in logs.iter().zip(read_logs(&self.data, ours).await?) {
            if before.segments.len() != after.segments.len() {
                return Err(
                    Violation::Left(format!("the log of {} grew with nothing sent", before.group)).into(),
                );
            }
        }
        self.tickwire.check_no_panic()?;
        self.outcome.recoveries.sort_unstable();
        self.outcome.groups = logs.len();
        (self.outcome.segments, self.outcome.ticks) = (all.segments, all.ticks);
        (self.outcome.signals, self.outcome.streams) = (all.signals, keys.len());
        self.outcome.elapsed = self.began.elapsed();
        Ok(self.outcome)
    }
}

fn compare(record: &Record, log: &Checked) -> Result<(u64, u64), Failure> {
    let (mut taken, mut conflated) = (0, 0);
    for (key, logged) in &log.streams {
        let items = record.streams.get(key).map_or(&[][..], Vec::as_slice);
        let (signals, together) = check_client(key, items, logged)?;
        taken += signals;
        conflated += together;
    }
    Ok((taken, conflated))
}

fn with_output(failure: Failure, tickwire: &Tickwire) -> Failure {
    Failure::Process(format!(
        "{failure}\nlast output of the processes:\n{}",
        tickwire.tail()
    ))
}

/// Kills stack and sender while files are sent into the live world, in `home`.
///
/// # Errors
/// At the first promise that is broken.
pub async fn kill_live(home: &Path, trial: &Trial) -> Result<Outcome, Failure> {
    let scene = Scene::new(home, trial.seed)?;
    let tickwire = scene.tickwire.clone();
    live(scene, home, trial)
        .await
        .map_err(|failure| with_output(failure, &tickwire))
}

async fn live(mut scene: Scene, home: &Path, trial: &Trial) -> Result<Outcome, Failure> {
    let universe = Universe::live();
    let mut files = TickFiles::new(
        home,
        trial.seed,
        (trial.kills + KILLS_PER_FILE) * trial.ticks_per_file,
        trial.instruments,
    )?;
    let speed = files.speed(trial.ticks_per_file, FILE_SECONDS);
    let mut expected = ExpectedLog::new();
    let mut kills = 0;
    let mut stack = scene.start_idle()?;
    scene.follow(&universe, trial.seed)?;
    let python_output = home.join("python.txt");
    let mut began = Instant::now();
    let mut life = Duration::from_millis(scene.random.random_range(LIFE_MS));
    while kills < trial.kills {
        let file = files.make(trial.ticks_per_file)?;
        expect(&file, &universe, &mut expected)?;
        let mut sender = scene.start_sender(&file, speed)?;
        let mut kills_here = 0;
        let mut unkilled_since = Instant::now();
        loop {
            scene.check_clients_alive()?;
            scene.start_python_when_due(trial.python.as_deref(), &python_output)?;
            if let Some(status) = sender.ended()? {
                if status.success() {
                    break;
                }
                // The stack may have been down for too long; otherwise it is a fault of its own.
                if unkilled_since.elapsed() > SEND_MAX {
                    return Err(Failure::Process(format!(
                        "send ended with {status} though nothing was killed"
                    )));
                }
                sleep(LOOK * 10).await;
                sender = scene.start_sender(&file, speed)?;
            }
            if let Some(status) = stack.ended()? {
                return Err(Failure::Process(format!("the stack ended by itself: {status}")));
            }
            let may_kill = kills_here < KILLS_PER_FILE && kills < trial.kills;
            if may_kill && began.elapsed() >= life {
                kills += 1;
                kills_here += 1;
                let killed = Instant::now();
                if scene.random.random_ratio(2, 3) {
                    scene.outcome.kills_stack += 1;
                    let lost = scene.lost();
                    stack.kill();
                    stack = scene.start_idle()?;
                    if scene.outcome.kills_stack.is_multiple_of(MEASURED_ONE_IN) {
                        scene.measure(killed, lost).await;
                    }
                } else {
                    scene.outcome.kills_sender += 1;
                    sender.kill();
                    sender = scene.start_sender(&file, speed)?;
                }
                began = Instant::now();
                unkilled_since = began;
                life = Duration::from_millis(scene.random.random_range(LIFE_MS));
            }
            sleep(LOOK).await;
        }
    }
    stack_is_up(scene.port).await?;
    stack.stop(STOP_MAX).await?;
    scene.finish(&universe, &expected).await
}

/// A process that is just starting does not know yet what to do at a SIGTERM.
async fn stack_is_up(port: u16) -> Result<(), Failure> {
    let began = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if began.elapsed() > UP_MAX {
            return Err(Failure::Process(format!(
                "the stack did not serve within {} s",
                UP_MAX.as_secs()
            )));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// Kills a stack that replays a file until the replay is finished, in `home`.
///
/// # Errors
/// At the first promise that is broken.
pub async fn kill_replay(home: &Path, trial: &Trial) -> Result<Outcome, Failure> {
    let scene = Scene::new(home, trial.seed)?;
    let tickwire = scene.tickwire.clone();
    replay(scene, home, trial)
        .await
        .map_err(|failure| with_output(failure, &tickwire))
}

async fn replay(mut scene: Scene, home: &Path, trial: &Trial) -> Result<Outcome, Failure> {
    let ticks = trial.ticks_per_file * trial.kills.max(1);
    let mut files = TickFiles::new(home, trial.seed, ticks, trial.instruments)?;
    // However fast the machine, the file lasts as long as its kills.
    let speed = files.speed(ticks, REPLAY_SECONDS * trial.kills as f64);
    let file = files.make(ticks)?;
    let hash = tickwire::feed::file::FileFeed::open(&file, &tickwire::feed::file::FileOptions::default())
        .map_err(Failure::of("read the file"))?
        .content_hash()
        .to_owned();
    let universe = Runs::default()
        .resume(&hash, World::Replay, &Placement::default())
        .0
        .universe;
    let mut expected = ExpectedLog::new();
    expect(&file, &universe, &mut expected)?;
    scene.follow(&universe, trial.seed)?;
    let python_output = home.join("python.txt");
    let mut kills = 0;
    loop {
        let mut stack = scene.start_replay(&file, speed)?;
        let began = Instant::now();
        let life = Duration::from_millis(scene.random.random_range(REPLAY_LIFE_MS));
        let ended = loop {
            scene.check_clients_alive()?;
            scene.start_python_when_due(trial.python.as_deref(), &python_output)?;
            if let Some(status) = stack.ended()? {
                break Some(status);
            }
            if kills < trial.kills && began.elapsed() >= life {
                break None;
            }
            if began.elapsed() > SEND_MAX {
                return Err(Failure::Process("the replay did not come to its end".to_owned()));
            }
            sleep(LOOK).await;
        };
        match ended {
            Some(status) if status.success() => break,
            Some(status) => return Err(Failure::Process(format!("the replay ended with {status}"))),
            None => {
                kills += 1;
                scene.outcome.kills_stack += 1;
                stack.kill();
                // Killed behind its last note: the next start would begin the file anew.
                let runs = Runs::read(&scene.data).map_err(Failure::of("read the runs"))?;
                if runs.newest().is_some_and(|run| run.finished) {
                    let stack = scene.start_idle()?;
                    stack_is_up(scene.port).await?;
                    stack.stop(STOP_MAX).await?;
                    break;
                }
            }
        }
    }
    scene.finish(&universe, &expected).await
}
