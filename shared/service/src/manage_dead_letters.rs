//! Dead letters, looked at and sent back by admins.
//!
//! A queue gives the oldest ten of a message group only while the others wait,
//! so ten a group is what can be seen. Sent back, a letter goes to the end of
//! the queue it came from, as it was: the numbers that its sender gave its
//! events still stand as a hole in the log, and they are accepted exactly once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tickwire_wire::{ErrorBody, ErrorCode};

use crate::audit::{AUDIT, allow};
use crate::authenticate::Principal;
use crate::open_connection::Fault;
use crate::ports::{DeadLetter, DeadLetters, Enqueue, Outgoing, PortError, PortResult, Queue};

#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
mod limits {
    /// Dead letters that a request looks at or sends back.
    pub const dead_letters_per_request_max: usize = 100;
}

pub use limits::dead_letters_per_request_max;

/// How long a letter stays with whoever took it and then died.
const HOLD: Duration = Duration::from_secs(30);
/// Letters that are taken at once.
const TAKEN_AT_ONCE: usize = 10;

/// What is asked to be sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// As many as a request may, the oldest first.
    Oldest(usize),
    /// Those of these ids.
    Ids(BTreeSet<String>),
}

/// Dead letters of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// About how many there are.
    pub count: u64,
    /// Those that can be seen.
    pub letters: Vec<DeadLetter>,
}

/// What was sent back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Ids of the letters that are on their way.
    pub redriven: Vec<String>,
    /// Ids that were asked for and not found: gone, in other hands, or behind ten of their group.
    pub not_found: Vec<String>,
    /// About how many are left.
    pub left: u64,
}

/// The use case.
#[derive(Clone)]
pub struct ManageDeadLetters {
    letters: Arc<dyn DeadLetters>,
    enqueue: Arc<dyn Enqueue>,
}

impl ManageDeadLetters {
    /// Over its ports.
    pub fn new(letters: Arc<dyn DeadLetters>, enqueue: Arc<dyn Enqueue>) -> Self {
        Self { letters, enqueue }
    }

    /// The letters of a queue, at most `limit`. The queue is as before.
    ///
    /// # Errors
    /// For whoever is not an admin, and when the queue does not answer.
    pub async fn list(&self, admin: &Principal, queue: Queue, limit: usize) -> Result<Letters, Fault> {
        allow(admin, "list_dead_letters")?;
        let mut letters = Vec::new();
        let looked = self.look(queue, limit, &mut letters).await;
        self.put_down(queue, &letters).await;
        looked?;
        let count = self.letters.count(queue).await?.max(letters.len() as u64);
        Ok(Letters { count, letters })
    }

    /// One letter. The queue is as before.
    ///
    /// # Errors
    /// The same, and when it cannot be seen.
    pub async fn show(&self, admin: &Principal, queue: Queue, id: &str) -> Result<DeadLetter, Fault> {
        allow(admin, "show_dead_letter")?;
        let Letters { letters, .. } = self.list(admin, queue, dead_letters_per_request_max).await?;
        let found = letters.into_iter().find(|letter| letter.id == id);
        found.ok_or_else(|| {
            let message = "No dead letter with this id can be seen: it is gone, in other hands, or behind ten of its group.";
            ErrorBody::with_message(ErrorCode::NotFound, message).into()
        })
    }

    /// Sends letters back to the queue they came from.
    ///
    /// # Errors
    /// For whoever is not an admin, and when a queue does not answer: what was sent back until then is.
    pub async fn redrive(&self, admin: &Principal, queue: Queue, wanted: &Wanted) -> Result<Redriven, Fault> {
        allow(admin, "redrive_dead_letters")?;
        let mut redriven = Vec::new();
        let mut kept = Vec::new();
        let outcome = self
            .send_back(admin, queue, wanted, &mut redriven, &mut kept)
            .await;
        self.put_down(queue, &kept).await;
        outcome?;
        let not_found = match wanted {
            Wanted::Oldest(_) => Vec::new(),
            Wanted::Ids(ids) => {
                let missing = ids.iter().filter(|id| !redriven.contains(id));
                missing.cloned().collect()
            }
        };
        Ok(Redriven {
            redriven,
            not_found,
            left: self.letters.count(queue).await?,
        })
    }

    async fn send_back(
        &self,
        admin: &Principal,
        queue: Queue,
        wanted: &Wanted,
        redriven: &mut Vec<String>,
        kept: &mut Vec<DeadLetter>,
    ) -> PortResult<()> {
        let most = match wanted {
            Wanted::Oldest(most) => (*most).min(dead_letters_per_request_max),
            Wanted::Ids(ids) => ids.len(),
        };
        while redriven.len() < most && kept.len() < dead_letters_per_request_max {
            let at_once = match wanted {
                Wanted::Oldest(_) => TAKEN_AT_ONCE.min(most - redriven.len()),
                Wanted::Ids(_) => TAKEN_AT_ONCE,
            };
            let taken = self.letters.take(queue, at_once, HOLD).await?;
            if taken.is_empty() {
                break;
            }
            let mut failed = None;
            for letter in taken {
                let is_wanted = match wanted {
                    Wanted::Oldest(_) => true,
                    Wanted::Ids(ids) => ids.contains(&letter.id),
                };
                if !is_wanted || failed.is_some() {
                    kept.push(letter);
                    continue;
                }
                match self.send_one_back(admin, queue, &letter).await {
                    Ok(()) => redriven.push(letter.id),
                    Err(error) => {
                        kept.push(letter);
                        failed = Some(error);
                    }
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sent first, removed then: whoever dies between leaves a letter that goes
    /// its way once more, and whose events the log then knows.
    async fn send_one_back(
        &self,
        admin: &Principal,
        queue: Queue,
        letter: &DeadLetter,
    ) -> Result<(), PortError> {
        let message = Outgoing {
            group: letter.group.clone(),
            deduplication: format!("redrive:{}", letter.id),
            body: letter.body.clone(),
        };
        self.enqueue.send(queue, message).await?;
        self.letters.remove(queue, &letter.receipt).await?;
        let (by, id, group) = (&admin.identity.user, &letter.id, &letter.group);
        tracing::info!(target: AUDIT, by, action = "redrive_dead_letters", id, group, "done");
        Ok(())
    }

    async fn look(&self, queue: Queue, limit: usize, letters: &mut Vec<DeadLetter>) -> PortResult<()> {
        while letters.len() < limit {
            let at_once = TAKEN_AT_ONCE.min(limit - letters.len());
            let taken = self.letters.take(queue, at_once, HOLD).await?;
            if taken.is_empty() {
                break;
            }
            letters.extend(taken);
        }
        Ok(())
    }

    /// The last first, so that a group is whole again only when all of its letters are back.
    async fn put_down(&self, queue: Queue, letters: &[DeadLetter]) {
        for letter in letters.iter().rev() {
            // One that cannot be put down comes back when its time is over.
            if let Err(error) = self.letters.put_down(queue, &letter.receipt).await {
                tracing::debug!(id = letter.id, %error, "failed to put down a dead letter");
            }
        }
    }
}
