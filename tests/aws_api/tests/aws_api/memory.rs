//! How much memory the bootstraps take: peaks of all their processes, a market's load among it.

use std::time::Duration;

use tickwire::feed::simulate::{Simulator, SimulatorOptions};
use tickwire_aws_api::Failure;
use tickwire_aws_api::emulator::Memory;
use tickwire_aws_api::stack::Stack;
use tickwire_end_to_end::client::{Follow, Following, open};
use tickwire_market::{Calendar, InstrumentKey, Tick};
use tickwire_service::placement::Placement;
use tickwire_service::ports::{Groups as _, Secret};
use tickwire_signals::ReferenceChange;
use tickwire_streams::{GroupKey, StreamKey, Universe};
use tickwire_wire::{LatestRow, Sender, decode, plan_message, reference_message, ticks_message};

use crate::feed::put;
use crate::wait::{ensure, until};

/// Most that a process may ever have held, in bytes.
const PEAK_BYTES_MAX: u64 = 64_000_000;
/// Ticks of the market, over an index and 441 options in one group.
const TICKS: usize = 12_000;
/// Ticks in a message: what 1,000 a second make in 25 ms.
const TICKS_PER_MESSAGE: usize = 25;
/// Clients, each with the streams of the index and some prices.
const CLIENTS: usize = 10;
/// Streams of the index.
const INDEX_STREAMS: usize = 20;
/// Prices of options that a client reads.
const PRICES: usize = 30;
/// Longest wait for the streams, and for the ticks.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What the simulation calls it, on a venue that never closes.
fn renamed(instrument: &InstrumentKey) -> InstrumentKey {
    let text = instrument.as_str();
    let rest = text.split_once('@').map_or(text, |(_, rest)| rest);
    format!("BINANCE@{rest}").parse().unwrap()
}

/// A market of 442 instruments, and clients that read of it.
pub(crate) async fn market(stack: &Stack, key: &Secret) -> Result<(), Failure> {
    let simulator = Simulator::new(SimulatorOptions::default()).map_err(Failure::of("simulate a market"))?;
    let instruments: Vec<InstrumentKey> = simulator
        .instruments()
        .iter()
        .map(|(key, _)| renamed(key))
        .collect();
    let index = &instruments[0];
    let group = Placement::default().group_of(&Universe::live(), index);
    let mut streams: Vec<String> = (0..INDEX_STREAMS)
        .map(|n| format!("common:{index}:tick:ema(close,{})", n + 2))
        .collect();
    streams.extend(instruments.iter().map(|key| format!("public:{key}:tick:price")));
    introduce(stack, &group, &instruments, &streams).await?;

    let mut clients = Vec::with_capacity(CLIENTS);
    for client in 0..CLIENTS {
        let prices = streams.iter().skip(INDEX_STREAMS + client * PRICES).take(PRICES);
        let wanted: Vec<String> = streams
            .iter()
            .take(INDEX_STREAMS)
            .chain(prices)
            .cloned()
            .collect();
        let following = Following::start(Follow {
            endpoint: stack.endpoint()?,
            tokens: Stack::tokens(key, "reader-market")?,
            universe: Universe::live(),
            streams: wanted,
            seed: client as u64,
        });
        clients.push(following);
    }
    until("all clients read", WAIT_MAX, async || {
        let reads = |client: &Following| open(&client.record).accepted.len() == INDEX_STREAMS + PRICES;
        Ok(clients.iter().all(reads).then_some(()))
    })
    .await?;

    let ticks: Vec<Tick> = simulator.take(TICKS).collect();
    let mut seq = 0;
    for (nth, ticks) in ticks.chunks(TICKS_PER_MESSAGE).enumerate() {
        let sent = tickwire::now();
        let stamped = ticks.iter().map(|tick| Tick {
            instrument: renamed(&tick.instrument),
            exchange_time: sent,
            receive_time: sent,
            ..tick.clone()
        });
        let sender = Sender {
            group: &group,
            source: "market",
            epoch: 1,
            seq,
            sent,
        };
        let text = ticks_message(&sender, &stamped.collect::<Vec<_>>());
        put(stack, &group, &format!("market-{nth}"), &text).await?;
        seq += ticks.len() as u64;
    }
    until("the market's ticks are in the log", WAIT_MAX, async || {
        let latest = stack.store.latest(&group).await;
        let latest = latest.map_err(Failure::of("read a latest row"))?;
        let row = latest.and_then(|(_, bytes)| decode::<LatestRow>(&bytes).ok());
        Ok(row.filter(|row| row.ticks >= seq).map(|_| ()))
    })
    .await?;
    let mut taken = 0;
    for client in clients {
        taken += open(&client.record).streams.values().map(Vec::len).sum::<usize>();
        let _ = client.stop().await;
    }
    ensure(taken > 0, "no client of the market took a signal")?;
    println!(
        "        {TICKS} ticks of {} instruments, {taken} items taken",
        instruments.len()
    );
    Ok(())
}

async fn introduce(
    stack: &Stack,
    group: &GroupKey,
    instruments: &[InstrumentKey],
    streams: &[String],
) -> Result<(), Failure> {
    let sender = Sender {
        group,
        source: "setup",
        epoch: 1,
        seq: 0,
        sent: tickwire::now(),
    };
    let change = |instrument: &InstrumentKey| ReferenceChange::Instrument {
        instrument: instrument.clone(),
        calendar: Calendar::Crypto,
        tick_size: None,
    };
    let changes: Vec<ReferenceChange> = instruments.iter().map(change).collect();
    put(
        stack,
        group,
        "market-reference",
        &reference_message(&sender, &changes),
    )
    .await?;
    let keys: Result<Vec<StreamKey>, _> = streams.iter().map(|stream| stream.parse()).collect();
    let keys = keys.map_err(Failure::of("read a stream's key"))?;
    put(stack, group, "market-plan", &plan_message(&sender, &keys, &[])).await
}

/// Prints the peaks; too high a one is a failure.
pub(crate) fn peaks(memory: &Memory) -> Result<(), Failure> {
    let peaks = memory.peaks();
    ensure(!peaks.is_empty(), "no process of a function was seen")?;
    for (function, bytes) in &peaks {
        println!(
            "        {function:24} {:>5.1} MB at its peak",
            *bytes as f64 / 1e6
        );
    }
    match peaks.iter().find(|(_, bytes)| **bytes > PEAK_BYTES_MAX) {
        Some((function, bytes)) => Err(Failure::Process(format!("{function} held {bytes} bytes"))),
        None => Ok(()),
    }
}
