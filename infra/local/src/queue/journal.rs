//! The queues on the disk: one SQLite file, one thread that writes it.
//!
//! Sends wait for the sync of their transaction, and all that wait share one.
//! Receives and deletions are written behind, with the next send or soon
//! after. A deleted message leaves an empty row as long as its deduplication
//! id counts.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, params};
use sha2::{Digest, Sha256};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{PortError, PortResult};
use tokio::sync::oneshot;

use super::ledger::Fingerprint;
use super::{Attributes, Contents, Message, QueueName, Shared};
use crate::store::StoreError;

/// What is written behind waits this long at most.
const BEHIND: Duration = Duration::from_millis(50);
/// After a failure it waits this long.
const BEHIND_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Operations of one transaction.
const BATCH_OPERATIONS_MAX: usize = 1_000;
/// Pages after which the write-ahead log is folded into the file: rarely, for
/// it makes one send wait for two more syncs.
const CHECKPOINT_PAGES: u32 = 4_000;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY,
        queue INTEGER NOT NULL,
        sent_at INTEGER NOT NULL,
        receives INTEGER NOT NULL,
        done INTEGER NOT NULL,
        fingerprint BLOB NOT NULL,
        message_group TEXT NOT NULL,
        attributes TEXT,
        body TEXT NOT NULL
    ) STRICT;
    PRAGMA user_version = 1;
";

/// A message that is about to be sent.
pub(super) struct NewMessage {
    pub(super) queue: QueueName,
    pub(super) group: String,
    pub(super) deduplication: String,
    pub(super) body: String,
    pub(super) attributes: Attributes,
}

impl NewMessage {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update([self.queue as u8]);
        hash.update(self.deduplication.as_bytes());
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(&hash.finalize()[..16]);
        fingerprint
    }

    pub(super) fn bytes(&self) -> usize {
        self.body.len()
            + self
                .attributes
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>()
    }

    pub(super) fn into_message(self, id: u64, sent_at: UnixNanos) -> Message {
        Message {
            id,
            group: self.group.into(),
            body: self.body.into(),
            attributes: Arc::new(self.attributes),
            sent_at,
            receives: 0,
            restored: false,
        }
    }
}

/// What is written behind about a message. A later change stands for an
/// earlier one, but for a receive after a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Received so many times.
    Received(u32),
    /// Went to another queue.
    Moved(QueueName),
    /// Deleted.
    Done,
}

type Reply = oneshot::Sender<PortResult<()>>;

enum Operation {
    Send {
        what: &'static str,
        message: Box<NewMessage>,
        reply: Reply,
    },
    Counts {
        counts: Vec<(u64, u32)>,
        reply: Reply,
    },
    Purge {
        queue: QueueName,
        reply: Reply,
    },
    /// Something is to be written behind.
    Behind,
}

type Pending = Arc<Mutex<HashMap<u64, Vec<Change>>>>;

/// The way to the writing thread.
pub(super) struct Journal {
    operations: Option<mpsc::Sender<Operation>>,
    pending: Pending,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    pub(super) fn start(store: Store, shared: Arc<Shared>) -> std::io::Result<Self> {
        let (operations, inbox) = mpsc::channel();
        let pending = Pending::default();
        let writer = Writer {
            store,
            shared,
            pending: Arc::clone(&pending),
        };
        let thread = std::thread::Builder::new()
            .name("queue-journal".into())
            .spawn(move || writer.run(&inbox))?;
        Ok(Self {
            operations: Some(operations),
            pending,
            thread: Some(thread),
        })
    }

    async fn ask(&self, what: &'static str, operation: impl FnOnce(Reply) -> Operation) -> PortResult<()> {
        let ended = || PortError::Unavailable {
            what,
            why: "the queue's journal has ended".into(),
        };
        let (reply, answer) = oneshot::channel();
        let operations = self.operations.as_ref().ok_or_else(ended)?;
        operations.send(operation(reply)).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    pub(super) async fn send(&self, what: &'static str, message: NewMessage) -> PortResult<()> {
        self.ask(what, |reply| Operation::Send {
            what,
            message: Box::new(message),
            reply,
        })
        .await
    }

    pub(super) async fn write_counts(&self, counts: Vec<(u64, u32)>) -> PortResult<()> {
        self.ask("queue.receive", |reply| Operation::Counts { counts, reply })
            .await
    }

    pub(super) async fn purge(&self, queue: QueueName) -> PortResult<()> {
        self.ask("queue.purge", |reply| Operation::Purge { queue, reply })
            .await
    }

    pub(super) fn write_behind(&self, changes: Vec<(u64, Change)>) {
        if changes.is_empty() {
            return;
        }
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let first = pending.is_empty();
        for (id, change) in changes {
            note(pending.entry(id).or_default(), change);
        }
        drop(pending);
        if let (true, Some(operations)) = (first, &self.operations) {
            // A thread that has ended has said so to every send.
            let _ = operations.send(Operation::Behind);
        }
    }
}

/// Adds a change to those of one message that are not written yet.
fn note(changes: &mut Vec<Change>, change: Change) {
    match change {
        Change::Done => changes.clear(),
        Change::Received(_) => changes.retain(|c| !matches!(c, Change::Received(_))),
        Change::Moved(_) => {}
    }
    changes.push(change);
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.operations = None;
        if let Some(thread) = self.thread.take() {
            // The thread reports its own failures.
            let _ = thread.join();
        }
    }
}

struct Writer {
    store: Store,
    shared: Arc<Shared>,
    pending: Pending,
}

impl Writer {
    fn run(mut self, inbox: &mpsc::Receiver<Operation>) {
        let mut behind_due: Option<Instant> = None;
        loop {
            let first = match behind_due {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            let written = match first {
                Ok(Operation::Behind) => {
                    behind_due.get_or_insert_with(|| Instant::now() + BEHIND);
                    continue;
                }
                Ok(operation) => {
                    let mut batch = vec![operation];
                    batch.extend(inbox.try_iter().take(BATCH_OPERATIONS_MAX - 1));
                    self.write(batch)
                }
                Err(RecvTimeoutError::Timeout) => self.write(Vec::new()),
                Err(RecvTimeoutError::Disconnected) => {
                    self.write(Vec::new());
                    return;
                }
            };
            let left = !self
                .pending
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_empty();
            behind_due = left.then(|| Instant::now() + if written { BEHIND } else { BEHIND_AFTER_FAILURE });
        }
    }

    /// One transaction and its sync; then the messages can be received and the
    /// waiting are answered. False if it failed.
    fn write(&mut self, batch: Vec<Operation>) -> bool {
        let behind = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        let now = self.shared.clock.now();
        match self.transact(&batch, &behind, now) {
            Ok(ids) => {
                self.publish(batch, ids, now);
                true
            }
            Err(error) => {
                let why = explain(&error);
                tracing::error!(why, operations = batch.len(), "the queues could not be written");
                let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                for (id, old) in behind {
                    let newer = std::mem::replace(pending.entry(id).or_default(), old);
                    let changes = pending.entry(id).or_default();
                    newer.into_iter().for_each(|change| note(changes, change));
                }
                drop(pending);
                for operation in batch {
                    let (what, reply) = match operation {
                        Operation::Send { what, reply, .. } => (what, reply),
                        Operation::Counts { reply, .. } => ("queue.receive", reply),
                        Operation::Purge { reply, .. } => ("queue.purge", reply),
                        Operation::Behind => continue,
                    };
                    // Nobody may be waiting any more.
                    let _ = reply.send(Err(PortError::Unavailable {
                        what,
                        why: why.clone(),
                    }));
                }
                false
            }
        }
    }

    /// Returns for every operation the id of its message, none for a
    /// duplicate and for what is no send.
    fn transact(
        &mut self,
        batch: &[Operation],
        behind: &HashMap<u64, Vec<Change>>,
        now: UnixNanos,
    ) -> rusqlite::Result<Vec<Option<(u64, Fingerprint)>>> {
        let mut ids = Vec::with_capacity(batch.len());
        let mut fresh: std::collections::HashSet<Fingerprint> = std::collections::HashSet::new();
        let (mut id, forgotten) = {
            let contents = self.shared.lock();
            (contents.ledger.next_id(now), contents.ledger.forgotten_id())
        };
        let transaction = self.store.connection.transaction()?;
        for operation in batch {
            let mut sent = None;
            match operation {
                Operation::Send { message, .. } => {
                    let fingerprint = message.fingerprint();
                    let is_new =
                        self.shared.lock().ledger.is_new(fingerprint, now) && fresh.insert(fingerprint);
                    if is_new {
                        insert(&transaction, id, message, &fingerprint, now)?;
                        sent = Some((id, fingerprint));
                        id += 1;
                    }
                }
                Operation::Counts { counts, .. } => {
                    for (id, receives) in counts {
                        apply(&transaction, *id, Change::Received(*receives), forgotten)?;
                    }
                }
                Operation::Purge { queue, .. } => {
                    transaction
                        .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND id <= ?2")?
                        .execute(params![*queue as u8, sql_id(forgotten)])?;
                    transaction
                        .prepare_cached(
                            "UPDATE messages SET done = 1, body = '', attributes = NULL WHERE queue = ?1",
                        )?
                        .execute(params![*queue as u8])?;
                }
                Operation::Behind => {}
            }
            ids.push(sent);
        }
        for (id, changes) in behind {
            for change in changes {
                apply(&transaction, *id, *change, forgotten)?;
            }
        }
        if forgotten > self.store.swept_id {
            transaction
                .prepare_cached("DELETE FROM messages WHERE id > ?1 AND id <= ?2 AND done = 1")?
                .execute(params![sql_id(self.store.swept_id), sql_id(forgotten)])?;
        }
        transaction.commit()?;
        self.store.swept_id = forgotten;
        Ok(ids)
    }

    fn publish(&self, batch: Vec<Operation>, ids: Vec<Option<(u64, Fingerprint)>>, now: UnixNanos) {
        let mut replies = Vec::with_capacity(batch.len());
        let mut arrived = [0usize; QueueName::ALL.len()];
        let mut contents = self.shared.lock();
        for (operation, sent) in batch.into_iter().zip(ids) {
            match operation {
                Operation::Send { message, reply, .. } => {
                    if let Some((id, fingerprint)) = sent {
                        let queue = message.queue;
                        contents.ledger.record(fingerprint, now, id);
                        contents.state(queue).add(message.into_message(id, now));
                        arrived[queue as usize] += 1;
                    }
                    replies.push(reply);
                }
                Operation::Counts { reply, .. } => replies.push(reply),
                Operation::Purge { queue, reply } => {
                    contents.state(queue).clear();
                    replies.push(reply);
                }
                Operation::Behind => {}
            }
        }
        drop(contents);
        for queue in QueueName::ALL {
            if arrived[queue as usize] > 0 {
                self.shared.arrived(queue);
            }
        }
        for reply in replies {
            // Nobody may be waiting any more.
            let _ = reply.send(Ok(()));
        }
    }
}

fn insert(
    transaction: &Connection,
    id: u64,
    message: &NewMessage,
    fingerprint: &Fingerprint,
    now: UnixNanos,
) -> rusqlite::Result<()> {
    let attributes = (!message.attributes.is_empty())
        .then(|| serde_json::to_string(&message.attributes))
        .transpose()
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    transaction
        .prepare_cached("INSERT INTO messages VALUES (?1, ?2, ?3, 0, 0, ?4, ?5, ?6, ?7)")?
        .execute(params![
            sql_id(id),
            message.queue as u8,
            now.0,
            fingerprint,
            message.group,
            attributes,
            message.body
        ])
        .map(|_| ())
}

/// Messages up to `forgotten` are not needed to know duplicates: deleted, they go.
fn apply(transaction: &Connection, id: u64, change: Change, forgotten: u64) -> rusqlite::Result<()> {
    let needed = id > forgotten;
    let id = sql_id(id);
    match change {
        Change::Received(receives) => transaction
            .prepare_cached("UPDATE messages SET receives = ?2 WHERE id = ?1")?
            .execute(params![id, receives]),
        Change::Moved(queue) => transaction
            .prepare_cached("UPDATE messages SET queue = ?2, receives = 0 WHERE id = ?1")?
            .execute(params![id, queue as u8]),
        Change::Done if !needed => transaction
            .prepare_cached("DELETE FROM messages WHERE id = ?1")?
            .execute(params![id]),
        Change::Done => transaction
            .prepare_cached("UPDATE messages SET done = 1, body = '', attributes = NULL WHERE id = ?1")?
            .execute(params![id]),
    }
    .map(|_| ())
}

/// Ids are microseconds of Unix time and stay far below the bound of `i64`.
fn sql_id(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn explain(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full: free space, and work goes on".to_owned(),
        Some(ErrorCode::ReadOnly) => "the data directory has become read-only".to_owned(),
        _ => error.to_string(),
    }
}

/// The file.
pub(super) struct Store {
    connection: Connection,
    path: std::path::PathBuf,
    /// Deleted messages up to this one are gone from the file.
    swept_id: u64,
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        let connection = open().map_err(|e| failed("open", path, &e))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            swept_id: 0,
        })
    }

    /// Reads everything back. What was in flight is visible.
    pub(super) fn load(&mut self, now: UnixNanos, contents: &mut Contents) -> Result<(), StoreError> {
        let mut load = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare(
                "SELECT id, queue, sent_at, receives, done, fingerprint, message_group, attributes, body
                 FROM messages ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let id = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
                let sent_at = UnixNanos(row.get(2)?);
                let fingerprint: Fingerprint = row.get(5)?;
                contents.ledger.saw(id);
                if now.nanos_since(sent_at) < contents.ledger.window_nanos() {
                    contents.ledger.record(fingerprint, sent_at, id);
                } else {
                    contents.ledger.forget_to(id);
                }
                let queue = usize::from(row.get::<_, u8>(1)?);
                if row.get::<_, bool>(4)? || queue >= contents.states.len() {
                    continue;
                }
                let attributes: Option<String> = row.get(7)?;
                let attributes: Attributes = attributes
                    .and_then(|text| serde_json::from_str(&text).ok())
                    .unwrap_or_default();
                contents.states[queue].add(Message {
                    id,
                    group: row.get::<_, String>(6)?.into(),
                    body: row.get::<_, String>(8)?.into(),
                    attributes: Arc::new(attributes),
                    sent_at,
                    receives: row.get(3)?,
                    restored: true,
                });
            }
            Ok(())
        };
        load().map_err(|e| failed("read", &self.path, &e))
    }
}

fn failed(action: &'static str, path: &Path, error: &rusqlite::Error) -> StoreError {
    StoreError::Engine {
        action,
        path: path.to_owned(),
        why: explain(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_change_stands_for_an_earlier_one() {
        let noted = |changes: &[Change]| {
            let mut all = Vec::new();
            changes.iter().for_each(|change| note(&mut all, *change));
            all
        };
        use Change::{Done, Moved, Received};
        assert_eq!(noted(&[Received(1), Received(2)]), [Received(2)]);
        assert_eq!(noted(&[Received(1), Done]), [Done]);
        let dead = QueueName::TicksDead;
        assert_eq!(
            noted(&[Received(1), Moved(dead), Received(1)]),
            [Moved(dead), Received(1)]
        );
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_that_says_so_and_loses_nothing() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("queues.db")).unwrap();
        store
            .connection
            .pragma_update(None, "max_page_count", 20)
            .unwrap();
        let options = super::super::QueueOptions::default();
        let contents = Contents {
            states: Default::default(),
            ledger: super::super::Ledger::new(options.deduplication),
        };
        let clock = Arc::new(tickwire_aws::SystemClock);
        let shared = Arc::new(Shared::new(contents, options, clock, Arc::default()));
        let journal = Journal::start(store, Arc::clone(&shared)).unwrap();
        let mut sent = 0;
        let error = loop {
            let message = NewMessage {
                queue: QueueName::Ticks,
                group: "a".into(),
                deduplication: sent.to_string(),
                body: "x".repeat(10_000),
                attributes: Attributes::new(),
            };
            match journal.send("queue.send", message).await {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert!(
            matches!(&error, PortError::Unavailable { why, .. } if why.contains("disk is full")),
            "{error}"
        );
        assert!(sent > 0);
        assert_eq!(shared.lock().state(QueueName::Ticks).waiting(), sent);
    }
}
