//! What AWS asks for what a run used.

use serde::{Deserialize, Serialize};

use super::run::RunReport;

/// List prices in US dollars, on demand, without free tier or volume discount.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PriceTable {
    /// Where they hold.
    pub region: &'static str,
    /// When they were looked up.
    pub as_of: &'static str,
    /// A million write request units of DynamoDB.
    pub store_write_million: f64,
    /// A million read request units of DynamoDB.
    pub store_read_million: f64,
    /// A million requests of 64 KB to a FIFO queue.
    pub queue_million: f64,
    /// A million messages of 32 KB over a WebSocket API.
    pub post_million: f64,
    /// A million minutes of open connections.
    pub connection_minutes_million: f64,
    /// A million invocations of functions.
    pub lambda_requests_million: f64,
    /// A second of 1 GB of a function on arm64.
    pub lambda_gb_second: f64,
}

/// The table that reports are computed with: the public price lists of the
/// services for US East (N. Virginia).
pub const US_EAST_1: PriceTable = PriceTable {
    region: "us-east-1",
    as_of: "2025-11",
    store_write_million: 0.625,
    store_read_million: 0.125,
    queue_million: 0.50,
    post_million: 1.00,
    connection_minutes_million: 0.25,
    lambda_requests_million: 0.20,
    lambda_gb_second: 0.000_013_333_4,
};

/// One line of a bill.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CostLine {
    /// What is paid for.
    pub what: String,
    /// In US dollars.
    pub usd: f64,
}

/// A bill.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Whose prices, and when they were looked up.
    pub region: String,
    /// Its lines.
    pub lines: Vec<CostLine>,
    /// Their sum.
    pub usd: f64,
    /// The sum for a million ticks; unknown without a tick.
    pub usd_per_million_ticks: Option<f64>,
    /// What was not measured, and is in no line.
    pub not_counted: Vec<String>,
}

impl PriceTable {
    /// What a run would have cost.
    pub fn cost(&self, report: &RunReport) -> Cost {
        let mut lines = Vec::new();
        let mut not_counted = Vec::new();
        let mut line = |what: &str, quantity: f64, price: f64| {
            lines.push(CostLine {
                what: what.to_owned(),
                usd: quantity * price,
            });
        };
        let usage = &report.usage;
        line(
            "DynamoDB write request units",
            usage.write_units(),
            self.store_write_million / 1e6,
        );
        line(
            "DynamoDB read request units",
            usage.read_units(),
            self.store_read_million / 1e6,
        );
        line(
            "SQS FIFO requests",
            usage.queue_requests_billed() as f64,
            self.queue_million / 1e6,
        );
        line(
            "WebSocket messages",
            usage.posts.chunks_billed as f64,
            self.post_million / 1e6,
        );
        match &report.delivery {
            Some(delivery) => {
                let minutes = delivery.clients as f64 * delivery.seconds / 60.0;
                line(
                    "WebSocket connection minutes",
                    minutes,
                    self.connection_minutes_million / 1e6,
                );
            }
            None => not_counted.push("WebSocket connection minutes".to_owned()),
        }
        match &report.lambda {
            Some(used) => {
                line(
                    "Lambda requests",
                    used.requests as f64,
                    self.lambda_requests_million / 1e6,
                );
                line("Lambda GB-seconds, arm64", used.gb_seconds, self.lambda_gb_second);
            }
            None => not_counted.push("Lambda".to_owned()),
        }
        not_counted.extend(["storage", "logs", "data transfer"].map(str::to_owned));
        let usd = lines.iter().map(|line| line.usd).sum();
        let ticks = report.ticks.taken_in;
        Cost {
            region: format!("{}, {}", self.region, self.as_of),
            lines,
            usd,
            usd_per_million_ticks: (ticks > 0).then(|| usd * 1e6 / ticks as f64),
            not_counted,
        }
    }
}
