//! A group, messages for it, and what must hold of its log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::FutureExt as _;
use tickwire_market::{Calendar, InstrumentKey, Tick, Timeframe, UnixNanos};
use tickwire_service::group::GroupState;
use tickwire_service::ingest_ticks::Ingest;
use tickwire_service::load_group::newest_checkpoint;
use tickwire_service::queue_message::QueueMessage;
use tickwire_service::testing::{Process, Store};
use tickwire_signals::{ClosedBar, ReferenceChange, Signal, StreamId};
use tickwire_streams::{GroupKey, StreamKey};
use tickwire_wire::{BarBlock, Sender, decode, plan_message, reference_message, ticks_message};

pub(crate) const SECOND: i64 = UnixNanos::PER_SECOND;
/// 2024-07-05T00:00:00Z, the beginning of a session of [`BTC`].
pub(crate) const START: UnixNanos = UnixNanos(1_720_137_600 * SECOND);
pub(crate) const BTC: &str = "BINANCE@BTCUSDT@SPOT";
pub(crate) const ETH: &str = "BINANCE@ETHUSDT@SPOT";

pub(crate) fn group() -> GroupKey {
    "live/BINANCE.0".parse().unwrap()
}

pub(crate) fn key(text: &str) -> InstrumentKey {
    InstrumentKey::parse(text).unwrap()
}

pub(crate) fn stream(text: &str) -> StreamKey {
    text.parse().unwrap()
}

pub(crate) fn after(seconds: i64) -> UnixNanos {
    START.saturating_add(seconds * SECOND)
}

pub(crate) fn tick(instrument: &str, seconds: i64, price: f64) -> Tick {
    Tick {
        size: Some(1.5),
        ..Tick::at(key(instrument), after(seconds), price)
    }
}

pub(crate) fn message(id: &str, body: String) -> QueueMessage {
    QueueMessage {
        id: id.into(),
        group: group().to_string(),
        receipt: format!("r-{id}"),
        body,
        receive_count: 1,
    }
}

pub(crate) fn ticks_of(source: &str, epoch: u64, seq: u64, ticks: &[Tick]) -> QueueMessage {
    let sent = ticks.last().map_or(START, |tick| tick.receive_time);
    let group = group();
    let sender = Sender {
        group: &group,
        source,
        epoch,
        seq,
        sent,
    };
    message(&format!("{source}-{epoch}-{seq}"), ticks_message(&sender, ticks))
}

pub(crate) fn instruments(names: &[&str]) -> QueueMessage {
    let known = |name: &&str| ReferenceChange::Instrument {
        instrument: key(name),
        calendar: Calendar::Crypto,
        tick_size: None,
    };
    references(&names.iter().map(known).collect::<Vec<_>>())
}

pub(crate) fn references(changes: &[ReferenceChange]) -> QueueMessage {
    let group = group();
    let sender = Sender {
        group: &group,
        source: "reference",
        epoch: 1,
        seq: 0,
        sent: START,
    };
    message("reference", reference_message(&sender, changes))
}

pub(crate) fn plan(add: &[&str], remove: &[&str]) -> QueueMessage {
    plan_sent(START, add, remove)
}

pub(crate) fn plan_sent(sent: UnixNanos, add: &[&str], remove: &[&str]) -> QueueMessage {
    let keys = |texts: &[&str]| texts.iter().map(|text| stream(text)).collect::<Vec<_>>();
    let group = group();
    let sender = Sender {
        group: &group,
        source: "plan",
        epoch: 1,
        seq: 0,
        sent,
    };
    message("plan", plan_message(&sender, &keys(add), &keys(remove)))
}

pub(crate) const STREAMS: [&str; 7] = [
    "public:BINANCE@BTCUSDT@SPOT:tick:price",
    "public:BINANCE@BTCUSDT@SPOT:1m:bars",
    "public:BINANCE@BTCUSDT@SPOT:5m:bars",
    "common:BINANCE@BTCUSDT@SPOT:1m:sma(close,3)",
    "common:BINANCE@BTCUSDT@SPOT:5m:macd(close,2,3,2)",
    "common:BINANCE@ETHUSDT@SPOT:1m:vwap()",
    "common:BINANCE@ETHUSDT@SPOT:tick:ema(close,3)>close",
];

/// Instruments and streams of most tests.
pub(crate) fn setup() -> Vec<QueueMessage> {
    vec![instruments(&[BTC, ETH]), plan(&STREAMS, &[])]
}

/// Runs a batch; `None` if the process died in it.
pub(crate) fn try_run(ingest: &Ingest, messages: Vec<QueueMessage>) -> Option<Vec<String>> {
    ingest.ingest(messages).now_or_never()
}

pub(crate) fn run(ingest: &Ingest, messages: Vec<QueueMessage>) -> Vec<String> {
    try_run(ingest, messages).unwrap()
}

/// Runs a batch that must succeed.
pub(crate) fn take(ingest: &Ingest, messages: Vec<QueueMessage>) {
    assert_eq!(run(ingest, messages), Vec::<String>::new());
}

pub(crate) fn ingest(process: &Arc<Process>) -> Ingest {
    Ingest::new(process.ingest_ports())
}

/// The whole log folded from the start, with its signals and closed bars.
pub(crate) fn fold_log(store: &Store) -> (GroupState, Vec<Signal>, Vec<ClosedBar>) {
    let (mut state, mut signals, mut bars) = (GroupState::default(), Vec::new(), Vec::new());
    for (number, segment) in store.content().segments(&group()) {
        let mut settlement = state.apply(number, &segment).unwrap();
        assert_eq!(settlement.signals, segment.signals(number), "segment {number}");
        signals.append(&mut settlement.signals);
        bars.append(&mut settlement.bars);
    }
    (state, signals, bars)
}

/// Everything a group's state consists of.
pub(crate) fn export(state: &GroupState) -> (Vec<Vec<u8>>, String, u64, u64) {
    let engine = &state.engine;
    let cells =
        std::iter::once(engine.export_head()).chain((0..engine.cells()).map(|cell| engine.export_cell(cell)));
    (
        cells.collect(),
        format!("{:?}", state.sources),
        state.set_aside,
        state.segment,
    )
}

/// The state as a consumer loads it: the newest checkpoint, then the log.
pub(crate) fn load(store: &Arc<Store>) -> (u64, GroupState) {
    let process = store.process();
    let found = newest_checkpoint(&*process, &group(), u64::MAX)
        .now_or_never()
        .unwrap()
        .unwrap();
    let mut state = found.map_or_else(GroupState::default, |(_, state)| state);
    let checkpoint = state.segment;
    for (number, segment) in store.content().segments(&group()) {
        if number > checkpoint {
            state.apply(number, &segment).unwrap();
        }
    }
    (checkpoint, state)
}

/// Values of each stream in order: what does not depend on how messages were batched.
pub(crate) fn values(state: &GroupState, signals: &[Signal]) -> BTreeMap<String, Vec<String>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for signal in signals {
        let key = &state.engine.streams()[signal.stream as usize].key;
        let value = format!("{} {} {:?}", signal.exchange_time, signal.mock, signal.value);
        values.entry(key.to_string()).or_default().push(value);
    }
    values
}

/// Source, epoch and sequence number of every event of the sources in the log.
pub(crate) fn logged(store: &Store, sources: &[&str]) -> Vec<(String, u64, u64)> {
    let mut logged = Vec::new();
    for (_, segment) in store.content().segments(&group()) {
        for run in segment.runs() {
            let name = segment.sources[run.source as usize].name.to_string();
            if sources.contains(&name.as_str()) {
                logged.extend((0..u64::from(run.events)).map(|nth| (name.clone(), run.epoch, run.seq + nth)));
            }
        }
    }
    logged
}

/// What holds of every log, whatever happened, once its tail is published.
pub(crate) fn check_promises(store: &Arc<Store>) {
    let (state, signals, bars) = fold_log(store);
    let content = store.content();
    assert_eq!(content.violations, Vec::<String>::new());
    let numbers: Vec<u64> = content
        .tables
        .log
        .get(&group())
        .map_or_else(Vec::new, |log| log.keys().copied().collect());
    assert_eq!(
        numbers,
        (1..=numbers.len() as u64).collect::<Vec<_>>(),
        "one chain"
    );
    // Every signal is published once, in order, on each shard.
    let shards = content.tables.groups.get(&group()).map_or(1, |row| row.shards);
    for shard in 0..shards {
        let published: Vec<Signal> = content
            .publications()
            .into_iter()
            .filter(|publication| publication.shard == shard)
            .flat_map(|publication| publication.signals)
            .collect();
        assert!(
            published == signals,
            "{} of {} signals on shard {shard}",
            published.len(),
            signals.len()
        );
    }
    let mut last: BTreeMap<StreamId, Option<tickwire_streams::Offset>> = BTreeMap::new();
    for signal in &signals {
        let before = last.insert(signal.stream, Some(signal.offset)).flatten();
        assert_eq!(signal.previous, before);
    }
    let segments: Vec<u64> = content
        .latest_history
        .iter()
        .map(|(_, segment)| *segment)
        .collect();
    assert!(
        segments.is_sorted(),
        "the latest row never goes back: {segments:?}"
    );
    // Stored bars are those that closed, each once.
    let row = |key: &InstrumentKey, timeframe: Timeframe, bar: &tickwire_market::Bar| {
        format!("{key} {timeframe} {bar:?}")
    };
    let mut stored = Vec::new();
    for ((_, timeframe), blocks) in &content.tables.bars {
        for bytes in blocks.values() {
            let block: BarBlock = decode(bytes).unwrap();
            stored.extend(block.bars.iter().map(|(key, bar)| row(key, *timeframe, bar)));
        }
    }
    let closed: BTreeSet<String> = bars
        .iter()
        .map(|bar| row(&bar.instrument, bar.timeframe, &bar.bar))
        .collect();
    assert_eq!(stored.len(), bars.len(), "each bar once");
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), closed);
    drop(content);
    assert!(
        export(&load(store).1) == export(&state),
        "a fresh load is not what folding from the start gives"
    );
}
