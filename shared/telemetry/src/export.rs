//! What is counted, by name, and the two ways out: Prometheus's text format where
//! one process is the whole stack, lines of CloudWatch's embedded metric format
//! (EMF) where functions run.
//!
//! [`Metric`] is the one table of names; both ways and the documents use it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::io::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tickwire_service::deliver_signals::DeliverStats;
use tickwire_service::ingest_ticks::IngestStats;

use crate::metrics::MeterSnapshot;

/// Namespace of all metrics in CloudWatch.
pub const NAMESPACE: &str = "Tickwire";

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises. A function's line carries what it rose by.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Spread of many values.
    Histogram,
}

impl Kind {
    /// As Prometheus writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($variant:ident = $name:literal $kind:ident $unit:literal $help:literal,)+) => {
        /// A metric. Its name is the same everywhere.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric { $(#[doc = $help] $variant,)+ }

        impl Metric {
            /// All of them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];
            /// The name.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name),+ } }
            /// How it behaves.
            pub const fn kind(self) -> Kind { match self { $(Self::$variant => Kind::$kind),+ } }
            /// Its unit, as CloudWatch writes it.
            pub const fn unit(self) -> &'static str { match self { $(Self::$variant => $unit),+ } }
            /// What it is.
            pub const fn help(self) -> &'static str { match self { $(Self::$variant => $help),+ } }
        }
    };
}

metrics! {
    StoreCalls = "tickwire_store_calls_total" Counter "Count" "Calls to the store that were answered.",
    StoreReadUnits = "tickwire_store_read_units_total" Counter "Count" "Read capacity units.",
    StoreWriteUnits = "tickwire_store_write_units_total" Counter "Count" "Write capacity units.",
    StoreConditionsFailed = "tickwire_store_conditions_failed_total" Counter "Count" "Writes whose condition failed.",
    StoreThrottled = "tickwire_store_throttled_total" Counter "Count" "Calls to the store that were turned away.",
    QueueCalls = "tickwire_queue_calls_total" Counter "Count" "Calls to the queues.",
    QueueChunks = "tickwire_queue_chunks_total" Counter "Count" "Calls to the queues as they are billed.",
    Posts = "tickwire_posts_total" Counter "Count" "Frames to connections: taken, throttled or gone.",
    PostChunks = "tickwire_post_chunks_total" Counter "Count" "Frames taken, as they are billed.",
    TicksAccepted = "tickwire_ticks_accepted_total" Counter "Count" "Ticks folded and committed.",
    TicksDuplicate = "tickwire_ticks_duplicate_total" Counter "Count" "Ticks seen before.",
    TicksSuperseded = "tickwire_ticks_superseded_total" Counter "Count" "Ticks of superseded senders.",
    EventsSetAside = "tickwire_events_set_aside_total" Counter "Count" "Events that could not be folded.",
    SequenceGaps = "tickwire_sequence_gaps_total" Counter "Count" "Numbers that sources left out.",
    Segments = "tickwire_segments_total" Counter "Count" "Segments committed.",
    SegmentBytes = "tickwire_segment_bytes_total" Counter "Bytes" "Bytes of the segments committed.",
    Signals = "tickwire_signals_total" Counter "Count" "Signals committed.",
    Corrections = "tickwire_corrections_total" Counter "Count" "Signals committed that correct a bar.",
    CommitConflicts = "tickwire_commit_conflicts_total" Counter "Count" "Commits lost to another consumer.",
    GroupLoads = "tickwire_group_loads_total" Counter "Count" "Groups loaded cold.",
    Checkpoints = "tickwire_checkpoints_total" Counter "Count" "Checkpoints written.",
    MessagesParked = "tickwire_messages_parked_total" Counter "Count" "Messages sent to the dead letters.",
    MessagesFailed = "tickwire_messages_failed_total" Counter "Count" "Messages put back because of a passing fault.",
    Publications = "tickwire_publications_total" Counter "Count" "Publications delivered.",
    Items = "tickwire_items_total" Counter "Count" "Items of data frames, for each connection.",
    Holes = "tickwire_holes_total" Counter "Count" "Times a connection did not take its frames.",
    Deferred = "tickwire_posts_deferred_total" Counter "Count" "Times a connection's frames were put off, as posts were short of the quota.",
    Requests = "tickwire_requests_total" Counter "Count" "HTTP requests answered.",
    RequestSeconds = "tickwire_request_seconds" Histogram "Seconds" "Time to the answer of an HTTP request.",
    QueueMessages = "tickwire_queue_messages" Gauge "Count" "Messages in the queues: waiting or in flight.",
    Connections = "tickwire_connections" Gauge "Count" "Open sockets.",
    TaskDeaths = "tickwire_task_deaths_total" Counter "Count" "Background tasks that ended by themselves and were started anew.",
    InvocationMs = "tickwire_invocation_ms" Histogram "Milliseconds" "Time of one invocation of a function.",
}

/// A value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    metric: Metric,
    /// After the name: `_bucket`, `_sum`, `_count`, or nothing.
    suffix: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

impl Sample {
    /// A value under labels.
    pub fn of(metric: Metric, labels: &[(&'static str, &str)], value: f64) -> Self {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            metric,
            suffix: "",
            labels: labels.collect(),
            value,
        }
    }
}

/// What a meter counted.
pub fn of_meter(meter: &MeterSnapshot) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (table, calls) in &meter.store {
        for (call, used) in calls {
            let labels = [("table", *table), ("call", *call)];
            for (metric, value) in [
                (Metric::StoreCalls, used.calls as f64),
                (Metric::StoreReadUnits, used.read_units),
                (Metric::StoreWriteUnits, used.write_units),
                (Metric::StoreConditionsFailed, used.conditions_failed as f64),
                (Metric::StoreThrottled, used.throttled as f64),
            ] {
                samples.push(Sample::of(metric, &labels, value));
            }
        }
    }
    for (call, used) in &meter.queue {
        let labels = [("call", *call)];
        samples.push(Sample::of(Metric::QueueCalls, &labels, used.calls as f64));
        samples.push(Sample::of(
            Metric::QueueChunks,
            &labels,
            used.chunks_billed as f64,
        ));
    }
    for (outcome, posts) in [
        ("taken", meter.posts.taken),
        ("throttled", meter.posts.throttled),
        ("gone", meter.posts.gone),
    ] {
        samples.push(Sample::of(Metric::Posts, &[("outcome", outcome)], posts as f64));
    }
    samples.push(Sample::of(
        Metric::PostChunks,
        &[],
        meter.posts.chunks_billed as f64,
    ));
    samples
}

/// What ingest counted.
pub fn of_ingest(stats: &IngestStats) -> Vec<Sample> {
    let counters = [
        (Metric::TicksAccepted, &stats.accepted),
        (Metric::TicksDuplicate, &stats.duplicate),
        (Metric::TicksSuperseded, &stats.old_epoch),
        (Metric::EventsSetAside, &stats.set_aside),
        (Metric::SequenceGaps, &stats.gaps),
        (Metric::Segments, &stats.segments),
        (Metric::SegmentBytes, &stats.segment_bytes),
        (Metric::Signals, &stats.signals),
        (Metric::Corrections, &stats.corrections),
        (Metric::CommitConflicts, &stats.conflicts),
        (Metric::GroupLoads, &stats.loads),
        (Metric::Checkpoints, &stats.checkpoints),
    ];
    let queue = [("queue", "ticks")];
    counters
        .iter()
        .map(|(metric, counter)| Sample::of(*metric, &[], counter.load(Relaxed) as f64))
        .chain([
            Sample::of(Metric::MessagesParked, &queue, stats.parked.load(Relaxed) as f64),
            Sample::of(Metric::MessagesFailed, &queue, stats.failed.load(Relaxed) as f64),
        ])
        .collect()
}

/// What deliver counted.
pub fn of_deliver(stats: &DeliverStats) -> Vec<Sample> {
    let queue = [("queue", "signals")];
    vec![
        Sample::of(Metric::Publications, &[], stats.publications.load(Relaxed) as f64),
        Sample::of(Metric::Items, &[], stats.items.load(Relaxed) as f64),
        Sample::of(Metric::Holes, &[], stats.holes.load(Relaxed) as f64),
        Sample::of(Metric::Deferred, &[], stats.deferred.load(Relaxed) as f64),
        Sample::of(Metric::MessagesParked, &queue, stats.parked.load(Relaxed) as f64),
        Sample::of(Metric::MessagesFailed, &queue, stats.failed.load(Relaxed) as f64),
    ]
}

/// Upper bounds of the times of requests, in seconds.
const REQUEST_BOUNDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0];

/// HTTP requests: how many by route and status, how long by route.
#[derive(Debug, Default)]
pub struct Requests {
    // Routes and statuses are few; a lock is held for an addition.
    seen: Mutex<BTreeMap<(String, u16), u64>>,
    times: Mutex<BTreeMap<String, Times>>,
}

#[derive(Debug, Default)]
struct Times {
    buckets: [u64; REQUEST_BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Requests {
    /// Counts an answer. `route` is the route's pattern, never an address.
    pub fn observe(&self, route: &str, status: u16, seconds: f64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen.entry((route.to_owned(), status)).or_default() += 1;
        drop(seen);
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let times = times.entry(route.to_owned()).or_default();
        times.count += 1;
        times.sum += seconds;
        for (bucket, bound) in times.buckets.iter_mut().zip(REQUEST_BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    /// What was counted.
    pub fn samples(&self) -> Vec<Sample> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut samples: Vec<Sample> = seen
            .iter()
            .map(|((route, status), count)| {
                let labels = [("route", route.as_str()), ("status", &status.to_string())];
                Sample::of(Metric::Requests, &labels, *count as f64)
            })
            .collect();
        drop(seen);
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        for (route, times) in &*times {
            let mut push = |suffix, bound: Option<&str>, value: f64| {
                let mut labels = vec![("route", route.as_str())];
                labels.extend(bound.map(|bound| ("le", bound)));
                samples.push(Sample {
                    suffix,
                    ..Sample::of(Metric::RequestSeconds, &labels, value)
                });
            };
            for (bucket, bound) in times.buckets.iter().zip(REQUEST_BOUNDS) {
                push("_bucket", Some(&bound.to_string()), *bucket as f64);
            }
            push("_bucket", Some("+Inf"), times.count as f64);
            push("_sum", None, times.sum);
            push("_count", None, times.count as f64);
        }
        samples
    }
}

/// Samples in Prometheus's text format, version 0.0.4.
pub fn prometheus(samples: &[Sample]) -> String {
    let mut text = String::new();
    for metric in Metric::ALL {
        let mut of_metric = samples.iter().filter(|sample| sample.metric == metric).peekable();
        if of_metric.peek().is_none() {
            continue;
        }
        let name = metric.name();
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {}", metric.help());
        let _ = writeln!(text, "# TYPE {name} {}", metric.kind().as_str());
        for sample in of_metric {
            let labels: Vec<String> = sample
                .labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
                .collect();
            let labels = match labels.is_empty() {
                true => String::new(),
                false => format!("{{{}}}", labels.join(",")),
            };
            let _ = writeln!(text, "{name}{}{labels} {}", sample.suffix, sample.value);
        }
    }
    text
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Counts of a function, a line an invocation.
pub struct Invocations {
    function: &'static str,
    samples: Box<dyn Fn() -> Vec<Sample> + Send + Sync>,
    /// Totals at the line before.
    last: Mutex<BTreeMap<Metric, f64>>,
}

impl std::fmt::Debug for Invocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invocations")
            .field("function", &self.function)
            .finish_non_exhaustive()
    }
}

impl Invocations {
    /// Of the function named, whose counts `samples` gives.
    pub fn new(function: &'static str, samples: impl Fn() -> Vec<Sample> + Send + Sync + 'static) -> Self {
        Self {
            function,
            samples: Box::new(samples),
            last: Mutex::default(),
        }
    }

    /// Runs an invocation, and writes its line to standard output.
    pub async fn measure<T>(&self, invocation: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let outcome = invocation.await;
        let ms = began.elapsed().as_secs_f64() * 1_000.0;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = self.line(now.as_millis() as u64, ms);
        // A log that is gone takes no invocation with it.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
        outcome
    }

    /// The same for a function that never fails.
    ///
    /// # Errors
    /// Never.
    pub async fn answer<T, E>(&self, invocation: impl Future<Output = T>) -> Result<T, E> {
        Ok(self.measure(invocation).await)
    }

    /// The line of an invocation that took `ms`. A counter is in it from its
    /// first value on, with what it rose by, over all labels.
    pub fn line(&self, timestamp_ms: u64, ms: f64) -> String {
        let mut totals: BTreeMap<Metric, f64> = BTreeMap::new();
        for sample in (self.samples)() {
            if sample.metric.kind() == Kind::Counter && sample.value > 0.0 {
                *totals.entry(sample.metric).or_default() += sample.value;
            }
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut values: BTreeMap<Metric, f64> = totals
            .iter()
            .map(|(metric, total)| (*metric, total - last.get(metric).copied().unwrap_or(0.0)))
            .collect();
        *last = totals;
        drop(last);
        values.insert(Metric::InvocationMs, (ms * 1_000.0).round() / 1_000.0);
        let definitions: Vec<Value> = values
            .keys()
            .map(|metric| json!({"Name": metric.name(), "Unit": metric.unit()}))
            .collect();
        let mut line = Map::new();
        let directive = json!({
            "Namespace": NAMESPACE, "Dimensions": [["function"]], "Metrics": definitions,
        });
        line.insert(
            "_aws".into(),
            json!({"Timestamp": timestamp_ms, "CloudWatchMetrics": [directive]}),
        );
        line.insert("function".into(), self.function.into());
        for (metric, value) in values {
            line.insert(metric.name().into(), value.into());
        }
        Value::Object(line).to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::{Meter, QueueCall, StoreCall, Table};

    #[test]
    fn names_are_one_and_well_formed() {
        let mut names = Metric::ALL.map(Metric::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        for metric in Metric::ALL {
            let name = metric.name();
            assert!(name.starts_with("tickwire_"), "{name}");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            assert_eq!(metric.kind() == Kind::Counter, name.ends_with("_total"), "{name}");
        }
    }

    /// The deploy page names every metric as the table does.
    #[test]
    fn the_documents_table_is_this_one() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/README.md");
        let page = std::fs::read_to_string(page).unwrap();
        let rows: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| `tickwire_"))
            .collect();
        let expected: Vec<String> = Metric::ALL
            .iter()
            .map(|metric| {
                let help = metric.help().trim_end_matches('.');
                format!("| `{}` | {} | {help} |", metric.name(), metric.kind().as_str())
            })
            .collect();
        assert_eq!(rows, expected, "write:\n{}", expected.join("\n"));
    }

    fn counted() -> Meter {
        let meter = Meter::default();
        meter.store(Table::Log, StoreCall::Put, 2.0);
        meter.store(Table::Log, StoreCall::Query, 0.5);
        meter.queue(QueueCall::Send, 1, 10);
        meter.post(10);
        meter
    }

    #[test]
    fn text_for_prometheus() {
        let requests = Requests::default();
        requests.observe("/v1/bars/{instrument}", 200, 0.003);
        requests.observe("/v1/bars/{instrument}", 404, 7.0);
        let samples = [of_meter(&counted().snapshot()), requests.samples()].concat();
        let text = prometheus(&samples);
        for line in [
            "# TYPE tickwire_store_calls_total counter",
            "tickwire_store_calls_total{table=\"log\",call=\"put\"} 1",
            "tickwire_store_write_units_total{table=\"log\",call=\"put\"} 2",
            "tickwire_store_read_units_total{table=\"log\",call=\"query\"} 0.5",
            "tickwire_posts_total{outcome=\"taken\"} 1",
            "tickwire_post_chunks_total 1",
            "tickwire_requests_total{route=\"/v1/bars/{instrument}\",status=\"404\"} 1",
            "# TYPE tickwire_request_seconds histogram",
            "tickwire_request_seconds_bucket{route=\"/v1/bars/{instrument}\",le=\"0.0025\"} 0",
            "tickwire_request_seconds_bucket{route=\"/v1/bars/{instrument}\",le=\"0.005\"} 1",
            "tickwire_request_seconds_bucket{route=\"/v1/bars/{instrument}\",le=\"+Inf\"} 2",
            "tickwire_request_seconds_count{route=\"/v1/bars/{instrument}\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let helps = text.lines().filter(|line| line.starts_with("# HELP"));
        let mut helps: Vec<&str> = helps.collect();
        let all = helps.len();
        helps.dedup();
        assert_eq!(helps.len(), all, "a metric's lines stand together");
        let hostile = Sample::of(Metric::Requests, &[("route", "a\"b\\c\nd")], 1.0);
        assert!(prometheus(&[hostile]).contains("route=\"a\\\"b\\\\c\\nd\""));
    }

    #[test]
    fn a_line_an_invocation() {
        let meter = Arc::new(counted());
        let of = meter.clone();
        let invocations = Invocations::new("ingest", move || of_meter(&of.snapshot()));
        let line: Value = serde_json::from_str(&invocations.line(1_795_000_000_000, 1.23456)).unwrap();
        assert_eq!(line["function"], "ingest");
        assert_eq!(line["tickwire_store_calls_total"], 2.0, "over all labels");
        assert_eq!(line["tickwire_invocation_ms"], 1.235);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], 1_795_000_000_000u64);
        assert_eq!(
            (&directive["Namespace"], &directive["Dimensions"]),
            (&json!("Tickwire"), &json!([["function"]]))
        );
        // What is named is there, and what is there is named.
        let mut named: Vec<&str> = directive["Metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| metric["Name"].as_str().unwrap())
            .collect();
        let fields = line.as_object().unwrap().keys().map(String::as_str);
        let mut fields: Vec<&str> = fields.filter(|name| name.starts_with("tickwire_")).collect();
        named.sort_unstable();
        fields.sort_unstable();
        assert_eq!(named, fields);
        assert!(
            !named.contains(&"tickwire_store_throttled_total"),
            "never counted"
        );

        meter.store(Table::Log, StoreCall::Put, 1.0);
        let next: Value = serde_json::from_str(&invocations.line(0, 0.5)).unwrap();
        assert_eq!(next["tickwire_store_calls_total"], 1.0, "what it rose by");
        assert_eq!(next["tickwire_queue_calls_total"], 0.0);
    }
}
