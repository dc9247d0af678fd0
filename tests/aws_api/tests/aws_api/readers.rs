//! Two clients that read from the first tick to the last: the one of the command
//! `tickwire`, and the one in Python.

use std::path::Path;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value as Json, json};
use tickwire_aws_api::Failure;
use tickwire_aws_api::stack::Stack;
use tickwire_aws_api::tools::Tools;
use tickwire_end_to_end::check::{Logged, check_client, check_log};
use tickwire_end_to_end::client::{Follow, Following, open};
use tickwire_end_to_end::data::read_log;
use tickwire_end_to_end::python::PythonClient;
use tickwire_entitlements::Tier;
use tickwire_market::InstrumentKey;
use tickwire_service::ports::Secret;
use tickwire_streams::Universe;

use crate::feed::Feed;
use crate::wait::{ensure, until};

/// Longest wait for the first signals.
const BEGIN_MAX: Duration = Duration::from_secs(30);
/// A bar of a minute, its lateness, the schedule's minute, and the way.
const BAR_MAX: Duration = Duration::from_secs(150);
/// Longest wait for the last signals: a message that met trouble is hidden for a minute.
const END_MAX: Duration = Duration::from_secs(90);

/// The clients.
pub(crate) struct Readers {
    rust: Following,
    python: PythonClient,
    streams: Vec<String>,
    quiet_bars: String,
}

impl Readers {
    /// Starts both; the Python one when the streams are there.
    pub(crate) async fn start(
        tools: &Tools,
        stack: &Stack,
        key: &Secret,
        busy: &InstrumentKey,
        quiet: &InstrumentKey,
    ) -> Result<Self, Failure> {
        let quiet_bars = format!("public:{quiet}:1m:bars");
        let streams = vec![
            format!("public:{busy}:tick:price"),
            format!("public:{busy}:1m:bars"),
            format!("common:{busy}:tick:ema(close,5)"),
            format!("public:{quiet}:tick:price"),
            quiet_bars.clone(),
        ];
        let rust = Following::start(Follow {
            endpoint: stack.endpoint()?,
            tokens: Stack::tokens(key, "reader-rust")?,
            universe: Universe::live(),
            streams: streams.clone(),
            seed: 1,
        });
        let there = until("all streams are there", BEGIN_MAX, async || {
            Ok((open(&rust.record).accepted.len() == streams.len()).then_some(()))
        });
        there.await?;
        let python = PythonClient::start(
            &tools.path("python"),
            stack.output("SocketUrl")?,
            Some(stack.output("ApiUrl")?),
            &Stack::token(key, "reader-python", Tier::Enterprise)?,
            &streams,
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("aws_api/python.log"),
        )?;
        Ok(Self {
            rust,
            python,
            streams,
            quiet_bars,
        })
    }

    /// The bar of the group in which nothing happens is closed, and delivered.
    pub(crate) async fn bar_closed(&self) -> Result<(), Failure> {
        until(
            "the bar of a quiet instrument was delivered",
            BAR_MAX,
            async || {
                let record = open(&self.rust.record);
                let bars = record.streams.get(&self.quiet_bars);
                Ok(bars
                    .is_some_and(|bars| bars.iter().any(|bar| bar.offset.is_some()))
                    .then_some(()))
            },
        )
        .await
    }

    pub(crate) fn python_lives(&mut self) -> Result<(), Failure> {
        self.python.check_alive()
    }

    /// Log and clients against what was sent. The clock goes on meanwhile, so a
    /// difference counts when it stays.
    pub(crate) async fn check(&self, stack: &Stack, feeds: &[&Feed]) -> Result<(), Failure> {
        let mut last = None;
        let settled = until("log and clients are whole", END_MAX, async || {
            stack.invoke("schedule", &json!({"job": "reconcile"})).await?;
            match self.compare(stack, feeds).await {
                Ok(()) => Ok(Some(())),
                Err(error @ Failure::Broken(_)) => {
                    last = Some(error);
                    Ok(None)
                }
                Err(other) => Err(other),
            }
        })
        .await;
        settled.map_err(|late| last.unwrap_or(late))
    }

    async fn compare(&self, stack: &Stack, feeds: &[&Feed]) -> Result<(), Failure> {
        let token = Stack::token(&stack.key().await?, "reader-past", Tier::Enterprise)?;
        let python = self.python.record()?;
        let mut signals = 0;
        for feed in feeds {
            let expected = feed.expected().await;
            let log = read_log(&stack.store, feed.group.clone()).await?;
            let wanted = |stream: &str| self.streams.iter().any(|wanted| wanted == stream);
            let checked = check_log(&log, expected.ticks(), wanted)?;
            for (stream, logged) in &checked.streams {
                {
                    let record = open(&self.rust.record);
                    if let Some(broken) = &record.broken {
                        return Err(Failure::Process(broken.clone()));
                    }
                    let taken = record.streams.get(stream).map_or(&[][..], Vec::as_slice);
                    signals += check_client(stream, taken, logged)?.0;
                }
                let taken = python.streams.get(stream).map_or(&[][..], Vec::as_slice);
                check_client(stream, taken, logged)?;
                check_past(stack, &token, stream, logged).await?;
            }
        }
        ensure(signals > 0, "no client took a signal")?;
        println!("        {signals} signals taken by a client, each once");
        Ok::<_, Failure>(())
    }

    /// Ends both.
    pub(crate) async fn stop(self) {
        let _ = self.rust.stop().await;
        self.python.stop();
    }
}

/// Asks over HTTP for all of a stream's past, by pages, and holds it against the log.
async fn check_past(stack: &Stack, token: &str, stream: &str, logged: &[Logged]) -> Result<(), Failure> {
    let instrument = stream.split(':').nth(1).unwrap_or_default();
    let mut past: Vec<Json> = Vec::new();
    let mut cursor = String::new();
    loop {
        let address = format!("/v1/signals/{instrument}?key={stream}&from=0&limit=150{cursor}");
        let answer = stack.api(Method::GET, &address, Some(token)).await?;
        let page = answer.json();
        ensure(
            answer.status == 200,
            format!("the past of {stream}: {} {}", answer.status, answer.text()),
        )?;
        let rows = page["signals"].as_array().cloned().unwrap_or_default();
        past = [rows, past].concat();
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    // What came since the log was read is behind it.
    let told = |row: &Json| (row["offset"].as_u64(), Some(row["d"].clone()));
    let wanted = |row: &Logged| (Some(row.offset.0), serde_json::from_str::<Json>(&row.value).ok());
    ensure(
        past.len() >= logged.len()
            && past
                .iter()
                .zip(logged)
                .all(|(row, logged)| told(row) == wanted(logged)),
        format!(
            "the past of {stream} is not what the log holds: {} of {}",
            past.len(),
            logged.len()
        ),
    )
}
