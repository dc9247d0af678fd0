//! The figures of one run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tickwire_telemetry::MeterSnapshot;

use super::latency::Latency;
use super::prices::{Cost, PriceTable};
use super::text::{bytes_text, decimals, pairs, thousands};

/// Version of the report's form.
pub const RUN_REPORT_VERSION: u32 = 1;

/// What became of the ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticks {
    /// Handed over by the sender.
    pub taken_in: u64,
    /// Folded and committed.
    pub accepted: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Of a sender that was superseded.
    pub superseded: u64,
    /// Set aside by the reader or by ingest.
    pub set_aside: u64,
}

/// What clients received.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Clients.
    pub clients: u64,
    /// Subscriptions of all of them.
    pub subscriptions: u64,
    /// Measured for so long, in seconds.
    pub seconds: f64,
    /// Data frames.
    pub frames: u64,
    /// Bytes of all messages.
    pub bytes: u64,
    /// Items of the chains.
    pub items: u64,
    /// Signals that those stand for.
    pub signals: u64,
    /// Times a stream went on at a snapshot, or ended with a hole: something is missing.
    pub lost: u64,
    /// Items that came again without a reason.
    pub duplicated: u64,
    /// Items that came before one they follow.
    pub out_of_order: u64,
    /// Holes that a resume filled, or that filled themselves.
    pub holes: u64,
    /// Connections that were made anew.
    pub reconnects: u64,
    /// Streams that were refused.
    pub refused: u64,
    /// From the receipt of what caused a signal to the receipt of its frame.
    pub tick_to_frame: Option<Latency>,
}

/// One call of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoreUsage {
    /// Calls that were answered, failed conditions among them.
    pub calls: u64,
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units, those of failed conditions among them.
    pub write_units: f64,
    /// Writes whose condition failed.
    pub conditions_failed: u64,
    /// Calls that were turned away.
    pub throttled: u64,
}

/// One call of the queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueUsage {
    /// Calls.
    pub calls: u64,
    /// Messages in them.
    pub messages: u64,
    /// Calls as they are billed.
    pub chunks_billed: u64,
}

/// Frames to connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostUsage {
    /// Taken.
    pub taken: u64,
    /// Taken, as they are billed.
    pub chunks_billed: u64,
    /// Turned away.
    pub throttled: u64,
    /// To connections that are gone.
    pub gone: u64,
}

/// What is paid for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// By table and call.
    pub store: BTreeMap<String, BTreeMap<String, StoreUsage>>,
    /// By call.
    pub queue: BTreeMap<String, QueueUsage>,
    /// Frames to connections.
    pub posts: PostUsage,
}

impl From<&MeterSnapshot> for Usage {
    fn from(meter: &MeterSnapshot) -> Self {
        let store = meter.store.iter().map(|(table, calls)| {
            let calls = calls.iter().map(|(call, use_)| {
                let usage = StoreUsage {
                    calls: use_.calls,
                    read_units: use_.read_units,
                    write_units: use_.write_units,
                    conditions_failed: use_.conditions_failed,
                    throttled: use_.throttled,
                };
                ((*call).to_owned(), usage)
            });
            ((*table).to_owned(), calls.collect())
        });
        let queue = meter.queue.iter().map(|(call, use_)| {
            let usage = QueueUsage {
                calls: use_.calls,
                messages: use_.messages,
                chunks_billed: use_.chunks_billed,
            };
            ((*call).to_owned(), usage)
        });
        let posts = PostUsage {
            taken: meter.posts.taken,
            chunks_billed: meter.posts.chunks_billed,
            throttled: meter.posts.throttled,
            gone: meter.posts.gone,
        };
        Self {
            store: store.collect(),
            queue: queue.collect(),
            posts,
        }
    }
}

impl Usage {
    fn all(&self) -> impl Iterator<Item = &StoreUsage> {
        self.store.values().flat_map(BTreeMap::values)
    }

    /// Write units of all tables.
    pub fn write_units(&self) -> f64 {
        self.all().map(|usage| usage.write_units).sum()
    }

    /// Read units of all tables.
    pub fn read_units(&self) -> f64 {
        self.all().map(|usage| usage.read_units).sum()
    }

    /// Writes whose condition failed, in all tables.
    pub fn conditions_failed(&self) -> u64 {
        self.all().map(|usage| usage.conditions_failed).sum()
    }

    /// Calls to the queues.
    pub fn queue_calls(&self) -> u64 {
        self.queue.values().map(|usage| usage.calls).sum()
    }

    /// Calls to the queues as they are billed.
    pub fn queue_requests_billed(&self) -> u64 {
        self.queue.values().map(|usage| usage.chunks_billed).sum()
    }
}

/// What functions would use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LambdaUse {
    /// Invocations.
    pub requests: u64,
    /// Memory times time.
    pub gb_seconds: f64,
}

/// Memory of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The most that was resident, in bytes.
    pub peak_bytes: u64,
}

impl Memory {
    /// Of this process, where the system tells it.
    pub fn of_this_process() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/status").ok()?)
    }

    fn parse(status: &str) -> Option<Self> {
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(Self {
            peak_bytes: kilobytes.saturating_mul(1_024),
        })
    }
}

/// Processor time of this process, where the system tells it.
fn processor_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
    }
    #[cfg(not(unix))]
    None
}

/// The figures of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Version of this form.
    pub version: u32,
    /// What was run.
    pub title: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What became of the ticks.
    pub ticks: Ticks,
    /// Ticks accepted per second; unknown if no time passed.
    pub ticks_per_second: Option<f64>,
    /// Segments committed.
    pub segments: u64,
    /// Bytes of those.
    pub segment_bytes: u64,
    /// Signals committed.
    pub signals: u64,
    /// Frames that connections took.
    pub frames: u64,
    /// Items in frames, each counted for each connection.
    pub items: u64,
    /// What clients received, where some were measured.
    pub delivery: Option<Delivery>,
    /// What is paid for.
    pub usage: Usage,
    /// What functions would use, where it was measured.
    pub lambda: Option<LambdaUse>,
    /// What it would cost.
    pub cost: Option<Cost>,
    /// Memory of this process.
    pub memory: Option<Memory>,
    /// Processor time of this process since its start, in seconds, of all processors together.
    pub processor_seconds: Option<f64>,
}

impl RunReport {
    /// Fills what follows from the rest: rates, cost, memory.
    #[must_use]
    pub fn finished(mut self, prices: &PriceTable) -> Self {
        self.version = RUN_REPORT_VERSION;
        self.frames = self.usage.posts.taken;
        self.ticks_per_second = (self.seconds > 0.0).then(|| self.ticks.accepted as f64 / self.seconds);
        self.memory = Memory::of_this_process();
        self.processor_seconds = processor_seconds();
        self.cost = Some(prices.cost(&self));
        self
    }

    /// `quantity` per million ticks taken in; unknown without a tick.
    fn per_million_ticks(&self, quantity: f64) -> String {
        match self.ticks.taken_in {
            0 => "-".to_owned(),
            ticks => decimals(quantity * 1e6 / ticks as f64, 0),
        }
    }

    /// As a table for a terminal.
    pub fn render(&self) -> String {
        let mut rows: Vec<(String, String)> = Vec::new();
        let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
        let Ticks {
            taken_in,
            accepted,
            duplicate,
            superseded,
            set_aside,
        } = self.ticks;
        row(
            &format!("{} in {} s", self.title, decimals(self.seconds, 1)),
            String::new(),
        );
        let rate = self.ticks_per_second.map_or("-".into(), |rate| decimals(rate, 0));
        row("ticks in", format!("{} ({rate} accepted/s)", thousands(taken_in)));
        row(
            "  accepted, duplicate, superseded, set aside",
            [accepted, duplicate, superseded, set_aside]
                .map(thousands)
                .join(", "),
        );
        row(
            "segments",
            format!(
                "{} of {}",
                thousands(self.segments),
                bytes_text(self.segment_bytes)
            ),
        );
        row("signals", thousands(self.signals));
        row(
            "frames posted",
            format!("{} of {} items", thousands(self.frames), thousands(self.items)),
        );
        if let Some(delivery) = &self.delivery {
            row("received", String::new());
            delivery_rows(delivery, &mut row);
        }
        row("used, and per million ticks", String::new());
        let usage = &self.usage;
        for (table, calls) in &usage.store {
            let units = |read: fn(&StoreUsage) -> f64| calls.values().map(read).sum::<f64>();
            let failed: u64 = calls.values().map(|call| call.conditions_failed).sum();
            let failed = if failed == 0 {
                String::new()
            } else {
                format!(", {} conditions failed", thousands(failed))
            };
            let (write, read) = (units(|call| call.write_units), units(|call| call.read_units));
            row(
                &format!("  {table}"),
                format!(
                    "{} write, {} read units{failed}",
                    decimals(write, 0),
                    decimals(read, 1)
                ),
            );
        }
        let mut used = |name: &str, quantity: f64| {
            row(
                name,
                format!(
                    "{}, {} per million",
                    decimals(quantity, 0),
                    self.per_million_ticks(quantity)
                ),
            );
        };
        used("write units", usage.write_units());
        used("read units", usage.read_units());
        used("conditions failed", usage.conditions_failed() as f64);
        used("queue calls", usage.queue_calls() as f64);
        used("queue calls billed", usage.queue_requests_billed() as f64);
        used("posts", usage.posts.taken as f64);
        if usage.posts.throttled + usage.posts.gone > 0 {
            let PostUsage { throttled, gone, .. } = usage.posts;
            row("  turned away, gone", [throttled, gone].map(thousands).join(", "));
        }
        if let Some(cost) = &self.cost {
            row(&format!("on AWS it would cost ({})", cost.region), String::new());
            for line in &cost.lines {
                row(&line.what, format!("${:.4}", line.usd));
            }
            let per_million = cost
                .usd_per_million_ticks
                .map_or("-".into(), |usd| format!("${usd:.4}"));
            row(
                "together",
                format!("${:.4}, {per_million} per million ticks", cost.usd),
            );
            row("not counted", cost.not_counted.join(", "));
        }
        if let Some(memory) = self.memory {
            row("peak memory", bytes_text(memory.peak_bytes));
        }
        if let Some(seconds) = self.processor_seconds {
            let of_items = match self.items {
                0 => String::new(),
                items => format!(
                    ", {} ms per 1,000 items",
                    decimals(seconds * 1e6 / items as f64, 2)
                ),
            };
            row("processor time", format!("{} s{of_items}", decimals(seconds, 1)));
        }
        pairs(&rows)
    }
}

impl Delivery {
    /// As a table for a terminal.
    pub fn render(&self) -> String {
        let mut rows = Vec::new();
        delivery_rows(self, &mut |name, value| rows.push((name.to_owned(), value)));
        pairs(&rows)
    }

    /// Whether everything came, once.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicated == 0
    }
}

fn delivery_rows(delivery: &Delivery, row: &mut impl FnMut(&str, String)) {
    let rate = |count: u64| match delivery.seconds > 0.0 {
        true => format!(
            "{} ({}/s)",
            thousands(count),
            decimals(count as f64 / delivery.seconds, 0)
        ),
        false => thousands(count),
    };
    let Delivery {
        clients,
        subscriptions,
        seconds,
        ..
    } = *delivery;
    let seconds = decimals(seconds, 1);
    row(
        "clients, subscriptions",
        format!(
            "{}, {}, {seconds} s",
            thousands(clients),
            thousands(subscriptions)
        ),
    );
    row("frames", rate(delivery.frames));
    row("signals", rate(delivery.signals));
    row(
        "bytes",
        format!(
            "{} in {} items",
            bytes_text(delivery.bytes),
            thousands(delivery.items)
        ),
    );
    row(
        "tick to frame",
        delivery
            .tick_to_frame
            .map_or("not measured: no stamp of now".into(), |l| l.to_string()),
    );
    row(
        "lost, duplicated, out of order",
        [delivery.lost, delivery.duplicated, delivery.out_of_order]
            .map(thousands)
            .join(", "),
    );
    row(
        "holes filled, reconnects, refused",
        [delivery.holes, delivery.reconnects, delivery.refused]
            .map(thousands)
            .join(", "),
    );
}

#[cfg(test)]
mod tests {
    use tickwire_telemetry::Meter;
    use tickwire_telemetry::metrics::{QueueCall, StoreCall, Table};

    use super::super::prices::US_EAST_1;
    use super::*;

    fn report() -> RunReport {
        let meter = Meter::default();
        meter.store(Table::Log, StoreCall::Put, 1_000_000.0);
        meter.condition_failed(Table::Log, StoreCall::Put, 100);
        meter.store(Table::Groups, StoreCall::Get, 2_000_000.0);
        meter.queue(QueueCall::Send, 10, 65_537);
        meter.post(100);
        RunReport {
            title: "a test".into(),
            seconds: 10.0,
            ticks: Ticks {
                taken_in: 2_000_000,
                accepted: 1_999_990,
                duplicate: 4,
                superseded: 1,
                set_aside: 5,
            },
            segments: 12,
            segment_bytes: 3 * 1_024 * 1_024,
            signals: 5_000_000,
            delivery: Some(Delivery {
                clients: 100,
                subscriptions: 1_000,
                seconds: 60.0,
                frames: 6_000,
                signals: 60_000,
                tick_to_frame: Some(Latency {
                    count: 1,
                    p50_ms: 30.0,
                    p95_ms: 55.2,
                    p99_ms: 80.0,
                    max_ms: 91.0,
                    ..Latency::default()
                }),
                ..Delivery::default()
            }),
            items: 400,
            usage: (&meter.snapshot()).into(),
            lambda: Some(LambdaUse {
                requests: 1_000_000,
                gb_seconds: 30_000.0,
            }),
            ..RunReport::default()
        }
        .finished(&US_EAST_1)
    }

    #[test]
    fn a_bill_adds_up() {
        let cost = report().cost.unwrap();
        let usd: Vec<_> = cost
            .lines
            .iter()
            .map(|line| format!("{} {:.6}", line.what, line.usd))
            .collect();
        assert_eq!(
            usd,
            [
                "DynamoDB write request units 0.625001",
                "DynamoDB read request units 0.250000",
                "SQS FIFO requests 0.000001",
                "WebSocket messages 0.000001",
                "WebSocket connection minutes 0.000025",
                "Lambda requests 0.200000",
                "Lambda GB-seconds, arm64 0.400002",
            ]
        );
        assert!((cost.usd - 1.475_029_6).abs() < 1e-6, "{}", cost.usd);
        assert!((cost.usd_per_million_ticks.unwrap() - cost.usd / 2.0).abs() < 1e-12);
        let unmeasured = RunReport {
            lambda: None,
            delivery: None,
            ..report()
        };
        let cost = US_EAST_1.cost(&unmeasured);
        assert_eq!(cost.not_counted[..2], ["WebSocket connection minutes", "Lambda"]);
        assert_eq!(
            US_EAST_1.cost(&RunReport::default()).usd_per_million_ticks,
            None,
            "unknown is never 0"
        );
    }

    #[test]
    fn it_reads_back_and_shows_all() {
        let report = report();
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<RunReport>(&text).unwrap(), report);
        let shown = report.render();
        for expected in [
            "a test in 10.0 s\n",
            "  ticks in                                      2,000,000 (199,999 accepted/s)\n",
            "  segments                                      12 of 3.0 MB\n",
            "  frames posted                                 1 of 400 items\n",
            " ms per 1,000 items\n",
            "    log                                         1,000,001 write, 0.0 read units, 1 conditions failed\n",
            "  write units                                   1,000,001, 500,000 per million\n",
            "  tick to frame                                 p50 30.0  p95 55.2  p99 80.0  max 91.0 ms\n",
            "  together                                      $1.4750, $0.7375 per million ticks\n",
        ] {
            assert!(shown.contains(expected), "{expected}is missing in\n{shown}");
        }
    }

    #[test]
    fn memory_is_read_or_unknown() {
        assert_eq!(
            Memory::parse("Name:\tx\nVmHWM:\t  2048 kB\n"),
            Some(Memory {
                peak_bytes: 2_097_152
            })
        );
        assert_eq!(Memory::parse("VmHWM: many\n"), None);
    }
}
