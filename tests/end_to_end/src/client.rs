//! A client that records all it takes, over as many connections as it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tickwire::client::{Client, Counts, Endpoint, Item, ItemKind, Note, Receive, Session, TokenSource};
use tickwire::secrets::{JWT_KEY, LocalSecrets};
use tickwire_entitlements::Tier;
use tickwire_market::UnixNanos;
use tickwire_service::authenticate::sign_token;
use tickwire_service::ports::Secrets;
use tickwire_streams::Universe;
use tickwire_wire::Mode;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::check::Taken;

/// How long the token of a client lives.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3_600);
/// Wait before asking again for streams that are not there yet.
const NOT_YET: Duration = Duration::from_millis(100);

/// What a client took.
#[derive(Debug, Default)]
pub struct Record {
    /// Items by stream, in the order in which they were taken.
    pub streams: BTreeMap<String, Vec<Taken>>,
    /// Connections that were lost.
    pub lost: u64,
    /// When the last link of a chain was taken since then.
    pub last_taken: Option<Instant>,
    /// Why the record cannot be whole, if that is so.
    pub broken: Option<String>,
    /// Streams that were accepted so far.
    pub accepted: BTreeSet<String>,
}

impl Record {
    /// Whether the last item of a stream is at an offset, or beyond it.
    pub fn has_reached(&self, stream: &str, offset: tickwire_streams::Offset) -> bool {
        let last = self.streams.get(stream).and_then(|taken| taken.last());
        last.is_some_and(|last| last.offset >= Some(offset))
    }
}

/// A record that is being written.
pub type SharedRecord = Arc<Mutex<Record>>;

/// The record, whatever became of who held it.
pub fn open(record: &SharedRecord) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Recorder {
    record: SharedRecord,
    /// Cancelled when a stream is not there yet: it is asked for again.
    not_yet: CancellationToken,
}

impl Receive for Recorder {
    fn take(&mut self, stream: &str, item: &Item<'_>, _received: UnixNanos) {
        let mut record = open(&self.record);
        let snapshot = item.k == ItemKind::Snapshot;
        if !snapshot {
            record.last_taken = Some(Instant::now());
        }
        record.streams.entry(stream.to_owned()).or_default().push(Taken {
            snapshot,
            offset: item.o,
            previous: (!snapshot).then_some(item.prev),
            count: item.signals(),
            value: item.d.map_or_else(String::new, |d| d.get().to_owned()),
        });
    }

    fn note(&mut self, note: Note<'_>) {
        match note {
            Note::Refused {
                stream,
                error,
                again: false,
            } => {
                let mut record = open(&self.record);
                if record.accepted.contains(stream) {
                    record.broken = Some(format!(
                        "{stream} was refused after it had been accepted: {}",
                        error.message
                    ));
                }
                self.not_yet.cancel();
            }
            Note::Subscribed { stream, .. } => drop(open(&self.record).accepted.insert(stream.to_owned())),
            Note::Lost { stream, since } => {
                open(&self.record).broken =
                    Some(format!("what followed {since} of {stream} was not to be had"));
            }
            Note::Reconnect { .. } => {
                let mut record = open(&self.record);
                record.lost += 1;
                record.last_taken = None;
            }
            Note::Revoked { stream, .. } => open(&self.record).broken = Some(format!("{stream} was revoked")),
            _ => {}
        }
    }
}

/// Where the embedded stack on a port is.
///
/// # Errors
/// Never, for a port.
pub fn local(port: u16) -> Result<Endpoint, Failure> {
    Endpoint::parse(&format!("ws://127.0.0.1:{port}"), None).map_err(Failure::of("name the stack"))
}

/// The token of a user of the stack whose data is at `data`, made anew for every connection.
pub fn tokens(data: &Path, user: &'static str) -> TokenSource {
    let data = data.to_owned();
    Arc::new(move || token(&data, user).map_err(|e| e.to_string()))
}

/// A token of a user of the stack whose data is at `data`.
///
/// # Errors
/// When the key cannot be read.
pub fn token(data: &Path, user: &str) -> Result<String, Failure> {
    let secrets = LocalSecrets::read(data).map_err(Failure::of("read the stack's key"))?;
    // The twin answers at once.
    let mut ready = std::pin::pin!(secrets.secret(JWT_KEY));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(key) = ready.as_mut().poll(&mut context) else {
        return Err(Failure::Process(
            "the secrets of this machine did not answer at once".to_owned(),
        ));
    };
    let key = key.map_err(Failure::of("read the stack's key"))?;
    let token = sign_token(
        &key.current,
        user,
        Tier::Enterprise,
        TOKEN_LIFETIME,
        tickwire::now(),
    )
    .map_err(Failure::of("sign a token"))?;
    Ok(token.expose().to_owned())
}

/// Where and what a client reads.
#[derive(Clone)]
pub struct Follow {
    /// Where the stack is.
    pub endpoint: Endpoint,
    /// Who asks.
    pub tokens: TokenSource,
    /// The world to read.
    pub universe: Universe,
    /// The streams.
    pub streams: Vec<String>,
    /// Seed of its waits.
    pub seed: u64,
}

/// A client at work.
#[derive(Debug)]
pub struct Following {
    /// What it takes.
    pub record: SharedRecord,
    stop: CancellationToken,
    task: JoinHandle<Result<Counts, Failure>>,
}

impl Following {
    /// Starts one. Until all streams are there it begins anew, with an empty record.
    pub fn start(follow: Follow) -> Self {
        let (record, stop) = (SharedRecord::default(), CancellationToken::new());
        let task = tokio::spawn(run(follow, Arc::clone(&record), stop.clone()));
        Self { record, stop, task }
    }

    /// Stops it; gives what it counted.
    ///
    /// # Errors
    /// When it had ended by itself.
    pub async fn stop(self) -> Result<Counts, Failure> {
        self.stop.cancel();
        self.task.await.map_err(Failure::of("run the client"))?
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }
}

async fn run(follow: Follow, record: SharedRecord, stop: CancellationToken) -> Result<Counts, Failure> {
    while !stop.is_cancelled() {
        *open(&record) = Record::default();
        let streams = follow.streams.iter().map(|key| (key.clone(), Mode::Full));
        let session = Session::new(streams, Some(follow.universe.to_string()), follow.seed);
        // The stack may not have made its key, or not be up.
        let Ok(client) = Client::connect(follow.endpoint.clone(), follow.tokens.clone(), session).await
        else {
            sleep(NOT_YET).await;
            continue;
        };
        let not_yet = stop.child_token();
        let mut recorder = Recorder {
            record: Arc::clone(&record),
            not_yet: not_yet.clone(),
        };
        let (session, ended) = client.run(&mut recorder, &not_yet).await;
        let all = open(&record).accepted.len() >= follow.streams.len();
        if stop.is_cancelled() || all {
            ended.map_err(Failure::of("follow the streams"))?;
            return Ok(session.counts());
        }
        sleep(NOT_YET).await;
    }
    Ok(Counts::default())
}
