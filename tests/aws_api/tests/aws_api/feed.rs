//! A sender of ticks, that knows what the log must hold.

use std::sync::Arc;
use std::time::Duration;

use tickwire_aws_api::Failure;
use tickwire_aws_api::stack::Stack;
use tickwire_end_to_end::ticks::Expected;
use tickwire_market::{Calendar, InstrumentKey, Tick};
use tickwire_service::placement::Placement;
use tickwire_service::ports::Groups as _;
use tickwire_signals::ReferenceChange;
use tickwire_streams::{GroupKey, StreamKey, Universe};
use tickwire_wire::{LatestRow, Sender, decode, plan_message, reference_message, ticks_message};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::wait::until;

/// Name of the source.
const SOURCE: &str = "feed-1";
/// Between two messages.
const EVERY: Duration = Duration::from_millis(400);
/// Ticks in each.
const TICKS: usize = 3;

/// Two that are traded around the clock, in groups of their own.
pub(crate) fn two_instruments() -> [InstrumentKey; 2] {
    let key = |symbol: &str| format!("BINANCE@{symbol}@SPOT").parse::<InstrumentKey>().unwrap();
    let busy = key("BTCUSDT");
    let quiet = ["ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT"].map(key);
    let quiet = quiet
        .into_iter()
        .find(|quiet| group_of(quiet) != group_of(&busy))
        .unwrap();
    [busy, quiet]
}

pub(crate) fn group_of(instrument: &InstrumentKey) -> GroupKey {
    Placement::default().group_of(&Universe::live(), instrument)
}

struct Line {
    stack: Stack,
    instrument: InstrumentKey,
    group: GroupKey,
    price: f64,
    expected: Vec<Expected>,
    messages: u64,
    last_body: String,
}

impl Line {
    async fn send(&mut self, ticks: usize) -> Result<(), Failure> {
        let sent = tickwire::now();
        let seq = self.expected.len() as u64;
        let made: Vec<Tick> = (0..ticks as u64)
            .map(|n| {
                // Up and down, each other than the one before.
                self.price += [0.5, -0.25, 0.75, -0.5][((seq + n) % 4) as usize];
                Tick {
                    size: Some(1.0),
                    ..Tick::at(self.instrument.clone(), sent, self.price)
                }
            })
            .collect();
        let sender = Sender {
            group: &self.group,
            source: SOURCE,
            epoch: 1,
            seq,
            sent,
        };
        let body = ticks_message(&sender, &made);
        self.messages += 1;
        put(
            &self.stack,
            &self.group,
            &format!("{}-{}", self.group, self.messages),
            &body,
        )
        .await?;
        self.last_body = body;
        self.expected
            .extend((seq..).zip(made).map(|(seq, tick)| Expected {
                source: SOURCE.to_owned(),
                epoch: 1,
                seq,
                tick,
            }));
        Ok(())
    }
}

/// Puts a message into the queue of ticks.
pub(crate) async fn put(
    stack: &Stack,
    group: &GroupKey,
    deduplication: &str,
    body: &str,
) -> Result<(), Failure> {
    let sent = stack
        .queues
        .send_message()
        .queue_url(stack.output("TicksQueueUrl")?)
        .message_group_id(group.to_string())
        .message_deduplication_id(deduplication.replace('/', "-"))
        .message_body(body)
        .send()
        .await;
    sent.map(|_| ())
        .map_err(|e| Failure::Process(format!("failed to send ticks: {e:?}")))
}

/// The sender.
pub(crate) struct Feed {
    line: Arc<Mutex<Line>>,
    task: Option<JoinHandle<Result<(), Failure>>>,
    pub(crate) group: GroupKey,
    stack: Stack,
}

impl Feed {
    /// Makes the instrument known to its group, with streams to be computed.
    pub(crate) async fn introduce(&self, streams: &[String]) -> Result<(), Failure> {
        let line = self.line.lock().await;
        let instrument = line.instrument.clone();
        let calendar = Calendar::of(&instrument).map_err(Failure::of("find a calendar"))?;
        let sender = Sender {
            group: &self.group,
            source: "setup",
            epoch: 1,
            seq: 0,
            sent: tickwire::now(),
        };
        let change = ReferenceChange::Instrument {
            instrument,
            calendar,
            tick_size: None,
        };
        let text = reference_message(&sender, &[change]);
        put(
            &self.stack,
            &self.group,
            &format!("{}-reference", self.group),
            &text,
        )
        .await?;
        let keys: Result<Vec<StreamKey>, _> = streams.iter().map(|stream| stream.parse()).collect();
        let text = plan_message(&sender, &keys.map_err(Failure::of("read a stream's key"))?, &[]);
        put(&self.stack, &self.group, &format!("{}-plan", self.group), &text).await
    }

    /// One that sends when told.
    pub(crate) fn still(stack: &Stack, instrument: &InstrumentKey) -> Self {
        let group = group_of(instrument);
        let line = Line {
            stack: stack.clone(),
            instrument: instrument.clone(),
            group: group.clone(),
            price: 100.0,
            expected: Vec::new(),
            messages: 0,
            last_body: String::new(),
        };
        Self {
            line: Arc::new(Mutex::new(line)),
            task: None,
            group,
            stack: stack.clone(),
        }
    }

    /// Goes on sending.
    pub(crate) fn flow(&mut self) {
        let line = self.line.clone();
        self.task = Some(tokio::spawn(async move {
            loop {
                line.lock().await.send(TICKS).await?;
                sleep(EVERY).await;
            }
        }));
    }

    /// Sends one more message.
    pub(crate) async fn send(&self, ticks: usize) -> Result<(), Failure> {
        self.line.lock().await.send(ticks).await
    }

    /// The text of the last message.
    pub(crate) async fn last_body(&self) -> String {
        self.line.lock().await.last_body.clone()
    }

    /// Ticks sent so far.
    pub(crate) async fn sent(&self) -> usize {
        self.line.lock().await.expected.len()
    }

    /// What the log must hold, while nothing more is sent.
    pub(crate) async fn expected(&self) -> ExpectedTicks<'_> {
        ExpectedTicks(self.line.lock().await)
    }

    /// Waits until all that was sent so far is in the log.
    pub(crate) async fn arrived(&self, longest: Duration) -> Result<(), Failure> {
        let sent = self.sent().await as u64;
        until("ticks that were sent are in the log", longest, async || {
            let latest = self
                .stack
                .store
                .latest(&self.group)
                .await
                .map_err(Failure::of("read a latest row"))?;
            let row = latest.and_then(|(_, bytes)| decode::<LatestRow>(&bytes).ok());
            Ok(row.filter(|row| row.ticks >= sent).map(|_| ()))
        })
        .await
    }

    /// Sends no more.
    pub(crate) async fn stop(&self) -> Result<(), Failure> {
        // Between two messages.
        let _line = self.line.lock().await;
        match &self.task {
            Some(task) if task.is_finished() => Err(Failure::Process("the sender gave up".to_owned())),
            Some(task) => {
                task.abort();
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// What a feed sent.
pub(crate) struct ExpectedTicks<'a>(MutexGuard<'a, Line>);

impl ExpectedTicks<'_> {
    pub(crate) fn ticks(&self) -> &[Expected] {
        &self.0.expected
    }
}
