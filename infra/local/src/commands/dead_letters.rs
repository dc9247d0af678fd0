//! `tickwire dead-letters`: what was set aside, looked at and sent back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;
use tickwire_market::UnixNanos;
use tickwire_wire::{DeadLetterRow, DeadLettersPage, RedriveBody, RedriveRequest};

use super::client_args::{ClientArgs, Exit, Failure};
use crate::client::{TokenSource, http};
use crate::report::{bytes_text, thousands};

const ID: Style = AnsiColor::Cyan.on_default();
const REASON: Style = AnsiColor::Yellow.on_default();
/// Letters that one request sends back, the most that the API takes.
const AT_ONCE: usize = 100;

/// What was set aside with its reason: look at it, and send it back.
///
/// Of a message group the oldest ten can be seen. Sent back, a message goes to
/// the end of its queue: events that the log has already are not taken twice.
#[derive(Args, Clone, Debug)]
pub struct DeadLettersArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// List them by message group
    List {
        /// Most letters to show
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=100))]
        limit: u16,
        #[command(flatten)]
        common: Common,
    },
    /// Show one with its text
    Show {
        /// Its id, as in the list
        id: String,
        #[command(flatten)]
        common: Common,
    },
    /// Send them back to the queue they came from
    Redrive {
        /// Ids, as in the list
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<String>,
        /// All that there are now
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args, Clone, Debug)]
struct Common {
    /// The queue they came from
    #[arg(long, value_enum, default_value_t = QueueArg::Ticks)]
    queue: QueueArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum QueueArg {
    /// Events
    Ticks,
    /// Publications
    Signals,
}

impl QueueArg {
    fn name(self) -> &'static str {
        match self {
            Self::Ticks => "ticks",
            Self::Signals => "signals",
        }
    }
}

/// Runs the command.
pub async fn run(args: DeadLettersArgs) -> ExitCode {
    match told(args).await {
        Ok((text, exit)) => {
            // A pipe that is closed wants no more.
            let _ = write!(anstream::stdout().lock(), "{text}");
            exit.into()
        }
        Err(failure) => failure.report(),
    }
}

async fn told(args: DeadLettersArgs) -> Result<(String, Exit), Failure> {
    match args.command {
        Command::List { limit, common } => {
            let page: DeadLettersPage = common.get(&format!("?limit={limit}")).await?;
            let text = common.written(&page, |page| list(page, common.queue, crate::now()))?;
            Ok((text, Exit::Good))
        }
        Command::Show { id, common } => {
            let path = format!("/{}", super::client_args::percent_encoded(&id));
            let letter: DeadLetterRow = common.get(&path).await?;
            Ok((common.written(&letter, show)?, Exit::Good))
        }
        Command::Redrive { ids, all, common } => {
            let done = if all {
                redrive_all(&common).await?
            } else {
                redrive_ids(&common, ids).await?
            };
            let exit = if done.not_found.is_empty() {
                Exit::Good
            } else {
                Exit::Bad
            };
            Ok((common.written(&done, redriven)?, exit))
        }
    }
}

impl Common {
    fn tokens(&self) -> Result<TokenSource, Failure> {
        self.client.admin_tokens()
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, Failure> {
        let token = self.tokens()?().map_err(Failure::usage)?;
        let path = format!("/v1/dead-letters/{}{path}", self.queue.name());
        let answer = http(&self.client.endpoint()?, method, &path, &token, body.into()).await?;
        serde_json::from_slice(&answer).map_err(|e| Failure {
            message: format!("failed to read the answer of {path}: {e}"),
            exit: Exit::Connect,
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(Method::GET, path, Vec::new()).await
    }

    async fn redrive(&self, request: &RedriveRequest) -> Result<RedriveBody, Failure> {
        let body = serde_json::to_vec(request).map_err(|e| Failure::usage(e.to_string()))?;
        self.ask(Method::POST, "", body).await
    }

    fn written<T: serde::Serialize>(
        &self,
        value: &T,
        text: impl Fn(&T) -> String,
    ) -> Result<String, Failure> {
        if !self.json {
            return Ok(text(value));
        }
        let json = serde_json::to_string_pretty(value).map_err(|e| Failure::usage(e.to_string()))?;
        Ok(json + "\n")
    }
}

async fn redrive_ids(common: &Common, ids: Vec<String>) -> Result<RedriveBody, Failure> {
    let mut done = RedriveBody {
        redriven: Vec::new(),
        not_found: Vec::new(),
        left: 0,
    };
    for ids in ids.chunks(AT_ONCE) {
        let request = RedriveRequest {
            ids: Some(ids.to_vec()),
            oldest: None,
        };
        add(&mut done, common.redrive(&request).await?);
    }
    Ok(done)
}

/// As many as there are at the beginning: what comes back meanwhile is left.
async fn redrive_all(common: &Common) -> Result<RedriveBody, Failure> {
    let page: DeadLettersPage = common.get("?limit=1").await?;
    let wanted = usize::try_from(page.count).unwrap_or(usize::MAX);
    let progress = if io::stderr().is_terminal() && wanted > AT_ONCE {
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} sent back");
        ProgressBar::new(page.count).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    } else {
        ProgressBar::hidden()
    };
    let mut done = RedriveBody {
        redriven: Vec::new(),
        not_found: Vec::new(),
        left: 0,
    };
    while done.redriven.len() < wanted {
        let request = RedriveRequest {
            ids: None,
            oldest: Some(AT_ONCE.min(wanted - done.redriven.len())),
        };
        let part = common.redrive(&request).await?;
        let is_end = part.redriven.is_empty();
        add(&mut done, part);
        progress.set_position(done.redriven.len() as u64);
        if is_end {
            break;
        }
    }
    progress.finish_and_clear();
    Ok(done)
}

fn add(done: &mut RedriveBody, part: RedriveBody) {
    done.redriven.extend(part.redriven);
    done.not_found.extend(part.not_found);
    done.left = part.left;
}

fn list(page: &DeadLettersPage, queue: QueueArg, now: UnixNanos) -> String {
    let mut groups: BTreeMap<&str, Vec<&DeadLetterRow>> = BTreeMap::new();
    for letter in &page.letters {
        groups.entry(&letter.group).or_default().push(letter);
    }
    let mut text = match page.count {
        0 => format!("no dead letters of {}\n", queue.name()),
        1 => format!("1 dead letter of {}\n", queue.name()),
        count => format!("{} dead letters of {}\n", thousands(count), queue.name()),
    };
    for (group, letters) in groups {
        let _ = writeln!(text, "\n{group}");
        for letter in letters {
            let (reason, detail) = why(letter);
            let _ = writeln!(
                text,
                "  {ID}{}{ID:#}  {REASON}{reason}{REASON:#}, {}, {} ago\n    {detail}",
                letter.id,
                bytes_text(letter.bytes),
                age(now.nanos_since(letter.parked_at)),
            );
        }
    }
    let shown = page.letters.len() as u64;
    if shown < page.count {
        let rest = thousands(page.count - shown);
        let _ = writeln!(
            text,
            "\n{rest} more: a higher --limit shows some, and of each group ten can be seen"
        );
    }
    if shown > 0 {
        text.push_str("\ntickwire dead-letters show ID tells all of one; redrive ID… or --all sends back\n");
    }
    text
}

fn show(letter: &DeadLetterRow) -> String {
    let (reason, detail) = why(letter);
    let at = jiff::Timestamp::from(letter.parked_at);
    let source = letter.source_message_id.as_deref().unwrap_or("unknown");
    let body = letter.body.as_deref().unwrap_or_default();
    format!(
        "{ID}{}{ID:#} of {}\n{REASON}{reason}{REASON:#}: {detail}\nset aside {at}; its id in the queue was {source}\n\n{body}\n",
        letter.id, letter.group,
    )
}

fn why(letter: &DeadLetterRow) -> (&str, &str) {
    (
        letter.reason.as_deref().unwrap_or("received_too_often"),
        letter
            .detail
            .as_deref()
            .unwrap_or("the queue itself set it aside: no consumer came to an end with it"),
    )
}

fn redriven(done: &RedriveBody) -> String {
    let mut text = format!(
        "{} sent back, {} left\n",
        thousands(done.redriven.len() as u64),
        thousands(done.left)
    );
    for id in &done.not_found {
        let _ = writeln!(
            text,
            "{ID}{id}{ID:#} was not found: it is gone, in other hands, or behind ten of its group"
        );
    }
    text
}

fn age(nanos: i64) -> String {
    let seconds = (nanos / UnixNanos::PER_SECOND).max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(id: &str, group: &str, reason: Option<&str>) -> DeadLetterRow {
        DeadLetterRow {
            id: id.into(),
            group: group.into(),
            parked_at: UnixNanos(0),
            source_message_id: None,
            reason: reason.map(str::to_owned),
            detail: reason.map(|_| "it is not JSON".to_owned()),
            bytes: 1_500,
            body: None,
        }
    }

    #[test]
    fn letters_are_listed_by_group() {
        let page = DeadLettersPage {
            count: 12,
            letters: vec![
                letter("2", "live/b", Some("message_malformed")),
                letter("1", "live/a", None),
            ],
        };
        let now = UnixNanos(180 * UnixNanos::PER_SECOND);
        let text = anstream::adapter::strip_str(&list(&page, QueueArg::Ticks, now)).to_string();
        let expected = "12 dead letters of ticks\n\
            \nlive/a\n  1  received_too_often, 1.5 KB, 3 min ago\n    the queue itself set it aside: no consumer came to an end with it\n\
            \nlive/b\n  2  message_malformed, 1.5 KB, 3 min ago\n    it is not JSON\n\
            \n10 more: a higher --limit shows some, and of each group ten can be seen\n";
        assert!(text.starts_with(expected), "{text}");
        let none = DeadLettersPage {
            count: 0,
            letters: Vec::new(),
        };
        assert_eq!(
            list(&none, QueueArg::Signals, now),
            "no dead letters of signals\n"
        );
    }
}
