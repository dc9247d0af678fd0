//! How much users use, over all processes, and what comes of too much.
//!
//! A subject's use is one small row, changed only if nobody else changed it meanwhile: of two
//! that come for the last one, one gets it. A process that is asked again within a second
//! takes more at once (1, 2, 4 … 32) and hands these out in that second without asking the
//! store; what is left at its end is lost. So the limit holds over all processes, exactly.
//!
//! A check costs one write unit, and none for what was taken before; one that loses against
//! another costs one more, at most 8 times. Then, as where the store does not answer, it denies.
//! A process reads the row first, unless it found it as it had left it: as long as nobody else
//! changes it, what it wrote last is what stands.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tickwire_entitlements::{Ban, Banned, Left, Usage, Window};
use tickwire_market::UnixNanos;
use tickwire_wire::{ErrorBody, ErrorCode};

use crate::access::Access;
use crate::authenticate::RefusedCode;
use crate::open_connection::Fault;
use crate::ports::{AccessBook, Clock, PortError, PortResult, UsageRows};

#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
mod limits {
    /// Attempts to prove an identity that may fail from one address in a minute.
    pub const attempts_per_minute_max: u32 = 20;
    /// How long a ban lasts, in seconds.
    pub const ban_s: i64 = 300;
    /// Tokens of a key that is not known which count as one failed attempt: in the seconds after a
    /// key was rotated in, all who are behind one address may come with such.
    pub const unknown_keys_per_attempt: u32 = 4;
    /// Most that a process takes at once to hand out within a second.
    pub const lease_max: u32 = 32;
}

pub use limits::{attempts_per_minute_max, ban_s, lease_max, unknown_keys_per_attempt};

/// Times that a row is tried while others change it.
const TRIES_MAX: usize = 8;
/// What is counted of which something is kept.
const SUBJECTS_MAX: u64 = 10_000;

/// What is counted, of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted<'a> {
    /// Requests over HTTP of a user.
    Requests(&'a str),
    /// Messages on the sockets of a user.
    Messages(&'a str),
    /// Frames that a user is sent.
    Frames(&'a str),
    /// Attempts from an address that failed.
    Attempts(&'a str),
}

impl Counted<'_> {
    /// Name of its row.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Requests(user) => format!("requests#{user}"),
            Self::Messages(user) => format!("messages#{user}"),
            Self::Frames(user) => format!("frames#{user}"),
            Self::Attempts(address) => format!("attempts#{address}"),
        }
    }
}

/// What a process took and has not handed out.
#[derive(Clone, Copy, Debug, Default)]
struct Lease {
    second: i64,
    held: u32,
    taken: u32,
    left: Option<Left>,
}

/// A row as a process left it.
#[derive(Default)]
struct Row {
    usage: Option<Usage>,
    /// Whether nobody else had changed it when it was last looked at.
    is_ours: bool,
}

/// What a process keeps of what is counted.
#[derive(Default)]
struct Subject {
    lease: Mutex<Lease>,
    /// Held while its row is changed: by one of a process at a time.
    row: tokio::sync::Mutex<Row>,
    /// Tokens of keys that are not known.
    unknown_keys: AtomicU32,
}

/// Changes a row of use, of which `stands` is what was seen of it last, also where others change it
/// meanwhile. `make` says whether the row is to be changed, and what it made of it. Returns the
/// row as it left it, with both.
pub(crate) async fn change<T>(
    rows: &dyn UsageRows,
    name: &str,
    mut stands: Option<Usage>,
    mut make: impl FnMut(&mut Usage) -> (bool, T),
) -> PortResult<(Usage, bool, T)> {
    for _ in 0..TRIES_MAX {
        let mut usage = stands.clone().unwrap_or_default();
        let (is_change, made) = make(&mut usage);
        if !is_change {
            return Ok((usage, false, made));
        }
        match rows.swap_usage(name, stands.as_ref(), &usage).await? {
            Ok(()) => return Ok((usage, true, made)),
            Err(other) => stands = other,
        }
    }
    Err(PortError::Throttled { what: "limits" })
}

/// A process's part in counting.
#[derive(Clone)]
pub struct LimitUse {
    rows: Arc<dyn UsageRows>,
    book: Arc<dyn AccessBook>,
    access: Access,
    clock: Arc<dyn Clock>,
    /// By the name of its row.
    subjects: moka::sync::Cache<String, Arc<Subject>>,
}

impl LimitUse {
    /// With nothing taken.
    pub fn new<S: UsageRows + AccessBook + 'static>(
        store: Arc<S>,
        access: Access,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            rows: store.clone(),
            book: store,
            access,
            clock,
            subjects: moka::sync::Cache::new(SUBJECTS_MAX),
        }
    }

    /// Counts one; what is left then.
    ///
    /// # Errors
    /// When it is one too many, with when to come again; or when it cannot be counted.
    pub async fn take(&self, of: Counted<'_>, windows: &[Window]) -> Result<Left, Fault> {
        match self.count(of, windows).await? {
            (true, left) => Ok(left),
            (false, left) => Err(ErrorBody {
                retry_after_ms: Some(u64::from(left.after_s.max(1)) * 1_000),
                ..ErrorCode::RequestsRate.into()
            }
            .into()),
        }
    }

    async fn count(&self, of: Counted<'_>, windows: &[Window]) -> PortResult<(bool, Left)> {
        let name = of.name();
        let subject = self.subjects.get_with_by_ref(&name, Arc::default);
        let lease = &subject.lease;
        if let Some(left) = self.hand_out(lease) {
            return Ok((true, left));
        }
        let mut row = subject.row.lock().await;
        if let Some(left) = self.hand_out(lease) {
            return Ok((true, left));
        }
        let stands = match row.is_ours {
            true => row.usage.clone(),
            false => self.rows.usage(&name).await?,
        };
        let was_ours = stands == row.usage;
        let mut tries = 0;
        let (usage, changed, (second, taken, left)) = change(self.rows.as_ref(), &name, stands, |usage| {
            tries += 1;
            let now = self.clock.now();
            let second = now.0.div_euclid(UnixNanos::PER_SECOND);
            let wanted = {
                let lease = lease.lock().unwrap_or_else(PoisonError::into_inner);
                let busy = lease.second == second;
                if busy {
                    (lease.taken * 2).clamp(1, lease_max)
                } else {
                    1
                }
            };
            let (taken, left) = usage.take(windows, now, wanted);
            (taken > 0 && left.is_some(), (second, taken, left))
        })
        .await?;
        // What was refused was not written.
        if changed || tries > 1 {
            *row = Row {
                usage: changed.then_some(usage),
                is_ours: was_ours && tries == 1,
            };
        }
        let Some(left) = left else {
            let why = "it was given no window".to_owned();
            return Err(PortError::Refused { what: "limits", why });
        };
        if changed {
            let mut lease = lease.lock().unwrap_or_else(PoisonError::into_inner);
            *lease = Lease {
                // Taken of a second that other clocks have reached is handed out in ours.
                second,
                held: taken - 1,
                taken,
                left: Some(left),
            };
        }
        Ok((changed, left))
    }

    fn hand_out(&self, lease: &Mutex<Lease>) -> Option<Left> {
        let second = self.clock.now().0.div_euclid(UnixNanos::PER_SECOND);
        let mut lease = lease.lock().unwrap_or_else(PoisonError::into_inner);
        if lease.second != second || lease.held == 0 {
            return None;
        }
        lease.held -= 1;
        lease.left
    }

    /// Notes why an identity could not be proved from an address, where someone may be guessing;
    /// too often is a ban.
    pub async fn note_attempt(&self, address: &str, why: RefusedCode) {
        if !why.is_attempt() {
            return;
        }
        if why == RefusedCode::SigningKeyUnknown {
            let name = Counted::Attempts(address).name();
            let subject = self.subjects.get_with_by_ref(&name, Arc::default);
            let seen = subject.unknown_keys.fetch_add(1, Relaxed);
            if !seen.is_multiple_of(unknown_keys_per_attempt) {
                return;
            }
        }
        let window = Window {
            limit: attempts_per_minute_max,
            seconds: 60,
        };
        match self.count(Counted::Attempts(address), &[window]).await {
            Ok((true, _)) => {}
            Ok((false, _)) => {
                let of = Banned::Address(address.to_owned());
                self.ban(of, "too many attempts failed").await;
            }
            Err(error) => tracing::warn!(%error, "a failed attempt could not be counted"),
        }
    }

    /// Refuses an address that is banned.
    ///
    /// # Errors
    /// When it is, or when it cannot be known.
    pub async fn check_address(&self, address: &str) -> Result<(), Fault> {
        self.check(&Banned::Address(address.to_owned()), ErrorCode::AttemptsRate)
            .await
    }

    /// Refuses changes of a user who is banned from them.
    ///
    /// # Errors
    /// When the user is, or when it cannot be known.
    pub async fn check_changes(&self, user: &str) -> Result<(), Fault> {
        self.check(&Banned::Changes(user.to_owned()), ErrorCode::ChangesRate)
            .await
    }

    async fn check(&self, of: &Banned, code: ErrorCode) -> Result<(), Fault> {
        let bans = self.access.bans().await?;
        let now = self.clock.now();
        let Some(ban) = bans.iter().find(|ban| ban.of == *of && now < ban.until) else {
            return Ok(());
        };
        let wait = ban.until.nanos_since(now);
        Err(ErrorBody {
            retry_after_ms: Some(u64::try_from(wait / UnixNanos::PER_MILLISECOND + 1).unwrap_or(1)),
            ..code.into()
        }
        .into())
    }

    /// Bans for five minutes from now. It lifts by itself.
    pub async fn ban(&self, of: Banned, reason: &str) {
        let now = self.clock.now();
        let ban = Ban {
            of,
            reason: reason.to_owned(),
            at: now,
            until: now.saturating_add(ban_s * UnixNanos::PER_SECOND),
        };
        tracing::warn!(target: crate::audit::AUDIT, reason, until = ban.until.0, "banned");
        let put = async {
            self.book.put_ban(&ban).await?;
            self.access.raise().await
        };
        if let Err(error) = put.await {
            tracing::error!(%error, "a ban could not be stored: the next offence tries again");
        }
    }
}
