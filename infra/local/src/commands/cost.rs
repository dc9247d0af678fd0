//! `tickwire cost`: what AWS would ask a month, from the counts of measured runs.

use std::path::PathBuf;

use clap::Args;

use tickwire_service::deliver_signals::FRAMES_LEASE_S;
use tickwire_service::manage_subscription::heartbeat_s;
use tickwire_service::placement::cell_of;
use tickwire_telemetry::metrics::queue_chunk_bytes;

use super::up::UpError;
use crate::report::{PriceTable, RunReport, US_EAST_1, thousands};

/// Clients for which the table has a column.
const CLIENTS: [u64; 4] = [100, 1_000, 10_000, 100_000];
/// Clients for which the table of cells has a row.
const CELL_CLIENTS: [u32; 3] = [1_000, 10_000, 1_000_000];
/// Largest message of the queue that is billed as one, in characters.
const QUEUE_CHUNK: f64 = queue_chunk_bytes as f64;
/// Characters of a message a byte of a segment.
const BASE64: f64 = 4.0 / 3.0;
const SECONDS_PER_HOUR: f64 = 3_600.0;

/// Prints a month's cost by instruments and clients, as a table in Markdown.
///
/// What the flow of ticks uses (store, queues) is measured; what clients and
/// functions use is computed from the assumptions below.
#[derive(Args, Clone, Debug)]
pub struct CostArgs {
    /// Reports of runs, as `up --report` writes them: a row each
    #[arg(value_name = "REPORT.json", required = true)]
    pub reports: Vec<PathBuf>,
    /// Hours a day in which the market trades
    #[arg(long, value_name = "HOURS", default_value_t = 6.25)]
    pub hours: f64,
    /// Days a month
    #[arg(long, value_name = "DAYS", default_value_t = 21.0)]
    pub days: f64,
    /// Frames that a client receives a second
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub frames: f64,
    /// Frames that one cell's deliverers may post a second: what is left of its account's quota
    #[arg(long, value_name = "N", default_value_t = 8_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub cell_posts: u32,
    /// Milliseconds that an invocation takes
    #[arg(long, value_name = "MS", default_value_t = 20.0)]
    pub invocation_ms: f64,
    /// Memory of a function, in MB
    #[arg(long, value_name = "MB", default_value_t = 512.0)]
    pub memory_mb: f64,
}

/// A month's cost of a run in US dollars: of the flow alone, and of a client.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Month {
    flow: f64,
    client: f64,
    /// What each cell after the first adds.
    cell: f64,
}

/// Cells that so many clients need, and how many of them are in the fullest.
fn cells(clients: u32, clients_max: f64) -> (u32, u32) {
    let fullest = |cells: u32| {
        let mut sizes = vec![0_u32; cells as usize];
        for nth in 0..clients {
            if let Some(size) = sizes.get_mut(cell_of(&format!("user-{nth}"), cells) as usize) {
                *size += 1;
            }
        }
        sizes.into_iter().max().unwrap_or(0)
    };
    let mut cells = ((f64::from(clients) / clients_max).ceil() as u32).clamp(1, clients.max(1));
    loop {
        let most = fullest(cells);
        if f64::from(most) <= clients_max || cells >= clients {
            return (cells, most);
        }
        // What the fullest has too many, over all, and one cell at least.
        let grown = f64::from(cells) * f64::from(most) / clients_max;
        cells = (cells + 1).max(grown.floor() as u32).min(clients);
    }
}

impl CostArgs {
    fn month(&self, report: &RunReport, prices: &PriceTable) -> Option<Month> {
        if report.seconds <= 0.0 {
            return None;
        }
        let seconds = self.hours * self.days * SECONDS_PER_HOUR;
        let usage = &report.usage;
        // A function is called once for what one receive brought.
        let invocations = usage.queue.get("receive").map_or(0, |receives| receives.calls) as f64;
        let gb_seconds = invocations * self.invocation_ms / 1e3 * self.memory_mb / 1_024.0;
        let run = usage.write_units() * prices.store_write_million / 1e6
            + usage.read_units() * prices.store_read_million / 1e6
            + usage.queue_requests_billed() as f64 * prices.queue_million / 1e6
            + invocations * prices.lambda_requests_million / 1e6
            + gb_seconds * prices.lambda_gb_second;
        let frame = prices.post_million / 1e6;
        // The frames of a user are counted by leases, if one frame comes in each.
        let counted = self.frames.min(1.0 / FRAMES_LEASE_S as f64) * prices.store_write_million / 1e6;
        let minute = prices.connection_minutes_million / 1e6;
        // A cell has each segment sent, received and deleted once more, in a call of its deliverer
        // that looks at the version of the shard.
        let segments = report.segments as f64;
        let bytes = report.segment_bytes as f64 / segments.max(1.0);
        let chunks = (bytes * BASE64 / QUEUE_CHUNK).ceil().max(1.0);
        let invocation = prices.lambda_requests_million / 1e6
            + self.invocation_ms / 1e3 * self.memory_mb / 1_024.0 * prices.lambda_gb_second;
        let publication =
            (2.0 * chunks + 1.0) * prices.queue_million / 1e6 + invocation + prices.store_read_million / 1e6;
        // A message, its reply, the call between them, which reads the connection's row and its
        // user's, and writes the latter.
        let ping =
            2.0 * frame + invocation + (2.0 * prices.store_read_million + prices.store_write_million) / 1e6;
        Some(Month {
            cell: segments * publication * seconds / report.seconds,
            flow: run * seconds / report.seconds,
            client: seconds * (self.frames * frame + counted + minute / 60.0 + ping / f64::from(heartbeat_s)),
        })
    }

    fn table(&self, reports: &[RunReport], prices: &PriceTable) -> String {
        let mut lines = vec![
            "| run | ticks/s | the flow alone |".to_owned(),
            "| --- | ---: | ---: |".to_owned(),
        ];
        for clients in CLIENTS {
            lines[0].push_str(&format!(" {} clients |", thousands(clients)));
            lines[1].push_str(" ---: |");
        }
        for report in reports {
            let rate = report
                .ticks_per_second
                .map_or("-".to_owned(), |rate| format!("{rate:.0}"));
            let mut line = format!("| {} | {rate} |", report.title);
            match self.month(report, prices) {
                Some(Month { flow, client, .. }) => {
                    let cell = |usd: f64| format!(" {} |", thousands(usd.round() as u64));
                    line.push_str(&cell(flow));
                    line.extend(CLIENTS.map(|clients| cell(flow + clients as f64 * client)));
                }
                None => line.push_str(" - |"),
            }
            lines.push(line);
        }
        lines.push(String::new());
        lines.push(
            "| clients | cells | clients of the fullest | its frames/s | run | a cell more | all |"
                .to_owned(),
        );
        lines.push("| ---: | ---: | ---: | ---: | --- | ---: | ---: |".to_owned());
        for clients in CELL_CLIENTS {
            let (count, fullest) = cells(clients, f64::from(self.cell_posts) / self.frames);
            for report in reports {
                let Some(Month { flow, client, cell }) = self.month(report, prices) else {
                    continue;
                };
                let all = flow + f64::from(count - 1) * cell + f64::from(clients) * client;
                let frames = f64::from(fullest) * self.frames;
                let [clients, count, fullest] = [clients, count, fullest].map(|n| thousands(n.into()));
                lines.push(format!(
                    "| {clients} | {count} | {fullest} | {} | {} | {} | {} |",
                    thousands(frames.round() as u64),
                    report.title,
                    thousands(cell.round() as u64),
                    thousands(all.round() as u64),
                ));
            }
        }
        lines.push(String::new());
        lines.push(format!(
            "US dollars a month of {} days of {} hours, {} list prices of {}; {} frames a second to a client, \
             a ping every {heartbeat_s} s, invocations of {} ms at {} MB; {} frames a second from a cell. Without storage, logs, data transfer, \
             HTTP, subscribes and the tops that pings read.",
            self.days, self.hours, prices.region, prices.as_of, self.frames, self.invocation_ms, self.memory_mb, self.cell_posts
        ));
        lines.join("\n")
    }
}

/// Prints the table.
///
/// # Errors
/// When a report cannot be read.
pub fn run(args: &CostArgs) -> Result<(), UpError> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string());
        let report = text.and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string()));
        report.map_err(|why| UpError::Usage(format!("failed to read the report {}: {why}", path.display())))
    };
    let reports: Vec<RunReport> = args.reports.iter().map(read).collect::<Result<_, _>>()?;
    println!("{}", args.table(&reports, &US_EAST_1));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::report::{QueueUsage, StoreUsage};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: CostArgs,
    }

    fn args(more: &[&str]) -> CostArgs {
        let line = ["cost", "x.json"].iter().chain(more);
        Line::try_parse_from(line).unwrap().args
    }

    #[test]
    fn a_month_is_what_was_measured_times_its_seconds() {
        let mut report = RunReport {
            title: "index".into(),
            seconds: 10.0,
            ..RunReport::default()
        };
        let put = StoreUsage {
            write_units: 1_000.0,
            ..StoreUsage::default()
        };
        report
            .usage
            .store
            .entry("log".into())
            .or_default()
            .insert("put".into(), put);
        let receive = QueueUsage {
            calls: 50,
            chunks_billed: 100,
            ..QueueUsage::default()
        };
        report.usage.queue.insert("receive".into(), receive);
        // An hour a month: 360 times the run.
        let args = args(&[
            "--hours",
            "1",
            "--days",
            "1",
            "--frames",
            "2",
            "--invocation-ms",
            "1000",
            "--memory-mb",
            "1024",
        ]);
        let month = args.month(&report, &US_EAST_1).unwrap();
        let run = 1_000.0 * 0.625e-6 + 100.0 * 0.5e-6 + 50.0 * (0.2e-6 + 0.000_013_333_4);
        let ping = 2.0e-6 + 0.2e-6 + 0.000_013_333_4 + 2.0 * 0.125e-6 + 0.625e-6;
        assert!((month.flow - 360.0 * run).abs() < 1e-9, "{month:?}");
        assert!(
            (month.client - (7_200.0 * 1e-6 + 360.0 * 0.625e-6 + 60.0 * (0.25e-6 + ping))).abs() < 1e-9,
            "{month:?}"
        );
        let table = args.table(&[report], &US_EAST_1);
        assert_eq!(
            table.lines().nth(2),
            Some("| index | - | 0 | 1 | 9 | 85 | 843 |"),
            "{table}"
        );
    }

    #[test]
    fn cells_are_as_many_as_the_fullest_needs() {
        assert_eq!(cells(1_000, 8_000.0), (1, 1_000));
        let (two, fullest) = cells(10_000, 8_000.0);
        assert!(two == 2 && fullest < 5_300, "{fullest}");
        let (many, fullest) = cells(100_000, 1_000.0);
        // 100 would do if all were as full; the fullest is some 4 roots above the mean.
        assert!(
            (105..=118).contains(&many) && fullest <= 1_000,
            "{many}, {fullest}"
        );
        assert_eq!(cells(3, 0.5).0, 3, "no more cells than clients");
    }

    #[test]
    fn a_run_without_time_has_no_cost() {
        assert_eq!(args(&[]).month(&RunReport::default(), &US_EAST_1), None);
    }
}
