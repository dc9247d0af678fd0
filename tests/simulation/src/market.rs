//! Instruments and those who send their ticks.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use tickwire_market::{Bar, Calendar, InstrumentKey, Tick, UnixNanos};
use tickwire_service::placement::Placement;
use tickwire_service::ports::Outgoing;
use tickwire_signals::ReferenceChange;
use tickwire_streams::{GroupKey, StreamKey, Universe};
use tickwire_wire::{BarBlock, Sender, clock_message, plan_message, reference_message, ticks_message};

use crate::fault::generator;
use crate::planted::{Bug, content_id};
use crate::scenario::Scenario;
use crate::truth::{SentTick, SentTicks};
use crate::world::MILLISECOND;

/// Name of the source.
const SOURCE: &str = "feed";
const MINUTE: i64 = UnixNanos::PER_MINUTE;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Minutes of bars of before the run, twice.
const PAST_MINUTES: i64 = 40;
/// Of so many ticks one repeats the last trade.
const REPEATS_ONE_IN: u32 = 4;
/// Of so many ticks one is of some time ago, and comes late ...
const LATE_ONE_IN: u32 = 50;
/// ... by so many seconds: its bar is open, corrected, or settled.
const LATE_SECONDS: std::ops::RangeInclusive<i64> = 1..=90;
/// What is computed of each instrument from the beginning.
const SIGNALS: [&str; 4] = [
    "public:{}:tick:price",
    "public:{}:1m:bars",
    "common:{}:1m:sma(close,3)",
    "common:{}:tick:ema(close,3)>close",
];

/// An instrument and its last trade.
struct Listed {
    key: InstrumentKey,
    group: usize,
    price: f64,
    traded: UnixNanos,
}

/// One sender's ticks of one group: messages go one after the other.
pub(crate) struct Lane {
    pub(crate) group: usize,
    epoch: u64,
    seq: u64,
    /// When it stops, having been superseded.
    pub(crate) until: Option<i64>,
    /// What was not acknowledged yet.
    pub(crate) unsent: Option<(Outgoing, SentTicks)>,
}

/// The market.
pub(crate) struct Market {
    pub(crate) groups: Vec<GroupKey>,
    pub(crate) placement: Placement,
    instruments: Vec<Listed>,
    pub(crate) lanes: Vec<Lane>,
    random: Pcg64Mcg,
    late: Pcg64Mcg,
    ticks_per_flush: f64,
    flush: i64,
    epoch: u64,
    counted: u64,
    next_is_bad: bool,
    bug: Option<Bug>,
}

impl Market {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let placement = Placement::even(scenario.groups);
        let mut groups: Vec<GroupKey> = Vec::new();
        let mut instruments = Vec::new();
        let mut random = generator(scenario.seed, 3);
        for nth in 0..scenario.instruments {
            // A name of this form is always a key.
            let Ok(key) = InstrumentKey::parse(&format!("BINANCE@C{nth}USDT@SPOT")) else {
                continue;
            };
            let group = placement.group_of(&Universe::live(), &key);
            let place = groups
                .iter()
                .position(|known| *known == group)
                .unwrap_or_else(|| {
                    groups.push(group);
                    groups.len() - 1
                });
            let price = f64::from(random.random_range(1_000..100_000u32)) / 100.0;
            instruments.push(Listed {
                key,
                group: place,
                price,
                traded: UnixNanos(0),
            });
        }
        let lane = |group| Lane {
            group,
            epoch: 1,
            seq: 0,
            until: None,
            unsent: None,
        };
        Self {
            lanes: (0..groups.len()).map(lane).collect(),
            groups,
            placement,
            instruments,
            random,
            late: generator(scenario.seed, 5),
            ticks_per_flush: scenario.ticks_per_second * f64::from(scenario.flush_ms) / 1_000.0,
            flush: i64::from(scenario.flush_ms) * MILLISECOND,
            epoch: 1,
            counted: 0,
            next_is_bad: false,
            bug: scenario.bug,
        }
    }

    pub(crate) fn flush_nanos(&self) -> i64 {
        self.flush
    }

    /// Streams that exist from the beginning, of an instrument chosen by `pick`.
    pub(crate) fn stream(&self, instrument: usize, signal: usize) -> String {
        let key = &self.instruments[instrument % self.instruments.len()].key;
        SIGNALS[signal % SIGNALS.len()].replace("{}", key.as_str())
    }

    /// The group of an instrument.
    pub(crate) fn group_of(&self, instrument: usize) -> GroupKey {
        let instrument = &self.instruments[instrument % self.instruments.len()];
        self.placement.group_of(&Universe::live(), &instrument.key)
    }

    /// An instrument's key.
    pub(crate) fn instrument(&self, instrument: usize) -> &str {
        self.instruments[instrument % self.instruments.len()].key.as_str()
    }

    /// What makes instruments and streams known, before anything else.
    pub(crate) fn introductions(&self, now: i64) -> Vec<Outgoing> {
        let mut messages = Vec::new();
        for (place, group) in self.groups.iter().enumerate() {
            let members = || self.instruments.iter().filter(|listed| listed.group == place);
            let references: Vec<_> = members()
                .map(|listed| ReferenceChange::Instrument {
                    instrument: listed.key.clone(),
                    calendar: Calendar::Crypto,
                    tick_size: None,
                })
                .collect();
            let streams: Vec<StreamKey> = members()
                .flat_map(|listed| SIGNALS.map(|signal| signal.replace("{}", listed.key.as_str())))
                .filter_map(|text| text.parse().ok())
                .collect();
            let sender = Sender {
                group,
                source: "control",
                epoch: 1,
                seq: 0,
                sent: UnixNanos(now),
            };
            for (nth, body) in [
                reference_message(&sender, &references),
                plan_message(&sender, &streams, &[]),
            ]
            .into_iter()
            .enumerate()
            {
                messages.push(Outgoing {
                    group: group.to_string(),
                    deduplication: format!("control:{group}:{nth}"),
                    body,
                });
            }
        }
        messages
    }

    /// What tells every group the time.
    pub(crate) fn clocks(&self, now: i64) -> impl Iterator<Item = Outgoing> {
        self.groups.iter().map(move |group| {
            let sender = Sender {
                group,
                source: "clock",
                epoch: now.unsigned_abs(),
                seq: 0,
                sent: UnixNanos(now),
            };
            Outgoing {
                group: group.to_string(),
                deduplication: format!("clock:{group}:{now}"),
                body: clock_message(&sender, UnixNanos(now)),
            }
        })
    }

    /// Bars that were closed before the run, in blocks of a few minutes: of the evening of the day
    /// before, and of the hour before.
    pub(crate) fn past_bars(&mut self, now: i64) -> Vec<(GroupKey, BarBlock)> {
        let mut blocks = Vec::new();
        for hour in [now - DAY, now - HOUR] {
            let mut begin = hour - hour.rem_euclid(MINUTE);
            let end = begin + PAST_MINUTES * MINUTE;
            while begin < end {
                let minutes = self.random.random_range(1..=3);
                for (place, group) in self.groups.iter().enumerate() {
                    let mut block = BarBlock { bars: Vec::new() };
                    for start in (0..minutes).map(|nth| begin + nth * MINUTE) {
                        for listed in self.instruments.iter().filter(|listed| listed.group == place) {
                            let price = listed.price + f64::from(self.random.random_range(0..100)) / 100.0;
                            let bar = Bar {
                                start: UnixNanos(start),
                                end: UnixNanos(start + MINUTE),
                                open: price,
                                high: price,
                                low: price,
                                close: price,
                                volume: None,
                                open_interest: None,
                                ticks: 1,
                            };
                            block.bars.push((listed.key.clone(), bar));
                        }
                    }
                    blocks.push((group.clone(), block));
                }
                begin += minutes * MINUTE;
            }
        }
        blocks
    }

    /// What a lane has gathered, if anything.
    pub(crate) fn gather(&mut self, lane: usize, now: i64) -> Option<(Outgoing, SentTicks)> {
        let whole = self.ticks_per_flush.floor();
        let chance = self.ticks_per_flush - whole;
        let mut ticks = Vec::new();
        let group = self.lanes[lane].group;
        for listed in self.instruments.iter_mut().filter(|listed| listed.group == group) {
            let count = whole as u32 + u32::from(self.random.random::<f64>() < chance);
            for _ in 0..count {
                let repeats = listed.traded.0 > 0 && self.random.random_range(0..REPEATS_ONE_IN) == 0;
                if !repeats {
                    let step = f64::from(self.random.random_range(-20..=20)) / 100.0;
                    listed.price = ((listed.price + step).max(1.0) * 100.0).round() / 100.0;
                    listed.traded = UnixNanos(
                        now - now.rem_euclid(MILLISECOND) - self.random.random_range(0..50) * MILLISECOND,
                    );
                }
                let mut tick = tick_of(listed, now);
                if self.late.random_range(0..LATE_ONE_IN) == 0 {
                    let late = self.late.random_range(LATE_SECONDS) * UnixNanos::PER_SECOND;
                    tick.exchange_time = tick.exchange_time.saturating_add(-late);
                }
                ticks.push(tick);
            }
        }
        self.message(lane, now, ticks)
    }

    /// What traded long ago does not trade again as of then.
    pub(crate) fn forget_trades(&mut self) {
        for listed in &mut self.instruments {
            listed.traded = UnixNanos(0);
        }
    }

    /// One tick each of the first `count` instruments of a lane's group.
    pub(crate) fn gather_one_each(
        &mut self,
        lane: usize,
        now: i64,
        count: usize,
    ) -> Option<(Outgoing, SentTicks)> {
        let group = self.lanes[lane].group;
        let members = self.instruments.iter_mut().filter(|listed| listed.group == group);
        let ticks = members
            .take(count)
            .map(|listed| {
                listed.price = ((listed.price + 0.01) * 100.0).round() / 100.0;
                listed.traded = UnixNanos(now);
                tick_of(listed, now)
            })
            .collect();
        self.message(lane, now, ticks)
    }

    fn message(&mut self, lane: usize, now: i64, mut ticks: Vec<Tick>) -> Option<(Outgoing, SentTicks)> {
        if ticks.is_empty() {
            return None;
        }
        let bad = std::mem::take(&mut self.next_is_bad).then(|| self.random.random_range(0..ticks.len()));
        if let Some(bad) = bad {
            ticks[bad].price = -1.0;
        }
        let lane = &mut self.lanes[lane];
        let group = &self.groups[lane.group];
        let count = ticks.len() as u64;
        let seq = match self.bug == Some(Bug::SequenceOverGroups) {
            true => self.counted,
            false => lane.seq,
        };
        self.counted += count;
        lane.seq += count;
        let sender = Sender {
            group,
            source: SOURCE,
            epoch: lane.epoch,
            seq,
            sent: UnixNanos(now),
        };
        let body = ticks_message(&sender, &ticks);
        let deduplication = match self.bug == Some(Bug::DeduplicationByContent) {
            true => content_id(&body),
            false => format!("{SOURCE}:{group}:{}:{seq}", lane.epoch),
        };
        let sent = SentTicks {
            source: SOURCE.into(),
            epoch: lane.epoch,
            seq,
            ticks: ticks
                .iter()
                .enumerate()
                .map(|(nth, tick)| SentTick {
                    exchange_time: tick.exchange_time,
                    price: tick.price,
                    bad: bad == Some(nth),
                })
                .collect(),
        };
        Some((
            Outgoing {
                group: group.to_string(),
                deduplication,
                body,
            },
            sent,
        ))
    }

    /// Another sender takes over; those before go on until `until`. Returns the new lanes.
    pub(crate) fn supersede(&mut self, until: i64) -> Vec<usize> {
        self.epoch += 1;
        for lane in &mut self.lanes {
            lane.until = lane.until.or(Some(until));
        }
        let first = self.lanes.len();
        let epoch = self.epoch;
        self.lanes.extend((0..self.groups.len()).map(|group| Lane {
            group,
            epoch,
            seq: 0,
            until: None,
            unsent: None,
        }));
        (first..self.lanes.len()).collect()
    }

    /// A message that cannot be read; without one, the next tick will be one that cannot be right.
    pub(crate) fn poison(&mut self) -> Option<Outgoing> {
        if self.random.random() {
            self.next_is_bad = true;
            return None;
        }
        let group = &self.groups[self.random.random_range(0..self.groups.len())];
        let nth: u64 = self.random.random();
        let body = match nth % 3 {
            0 => "no JSON".to_owned(),
            1 => format!(
                r#"{{"v":1,"group":"live/OTHER","source":"x","epoch":1,"seq":0,"sent":1,"clock":{}}}"#,
                nth >> 10
            ),
            _ => r#"{"v":9}"#.to_owned(),
        };
        Some(Outgoing {
            group: group.to_string(),
            deduplication: format!("poison:{nth}"),
            body,
        })
    }
}

fn tick_of(listed: &Listed, now: i64) -> Tick {
    Tick {
        receive_time: UnixNanos(now),
        ..Tick::at(listed.key.clone(), listed.traded, listed.price)
    }
}
