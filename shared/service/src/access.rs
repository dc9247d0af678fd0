//! What a process knows of grants and revocations: as little old as it must be,
//! with as few readings as that takes.
//!
//! Every change of what someone may do or get raises one number, behind the
//! change. A process that has not read it for 3 s reads it before it lets
//! anyone do anything; when it is another one, all that was kept is read anew.
//! That it cannot be read is told to who asks, who then denies.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join;
use tickwire_entitlements::{Ban, Grant, GrantsRead, Identity, Product, Revocations};
use tickwire_market::UnixNanos;

use crate::few::Few;
use crate::moment::Moment;
use crate::ports::{AccessBook, Clock, Grants, PortResult};

#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
mod limits {
    /// How long a process may not notice that something was taken back, in seconds.
    pub const access_epoch_age_s_max: u64 = 3;
    /// How long grants are kept that nothing was heard of, in seconds.
    pub const grants_age_s_max: u64 = 300;
}

pub use limits::{access_epoch_age_s_max, grants_age_s_max};

/// Users whose grants are kept.
const USERS_KEPT_MAX: u64 = 10_000;
/// Products that are kept.
const PRODUCTS_KEPT_MAX: usize = 1_000;

/// What is known.
#[derive(Clone, Default)]
struct Known {
    epoch: u64,
    /// When the epoch was read.
    read_at: Option<Moment>,
    revocations: Arc<Revocations>,
    bans: Arc<Vec<Ban>>,
}

/// What was read, as it was at an epoch.
#[derive(Clone)]
struct Kept<T> {
    epoch: u64,
    read_at: Moment,
    what: T,
}

impl<T> Kept<T> {
    fn holds(&self, epoch: u64, clock: &dyn Clock) -> bool {
        let age_max = Duration::from_secs(grants_age_s_max);
        self.epoch == epoch && self.read_at.is_within(age_max, clock)
    }
}

/// What a process knows; its clones know the same.
#[derive(Clone)]
pub struct Access {
    book: Arc<dyn AccessBook>,
    grants: Arc<dyn Grants>,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<Known>>,
    kept: moka::sync::Cache<String, Kept<Arc<GrantsRead>>>,
    products: Few<String, Kept<Arc<Product>>>,
    /// Held while the epoch is read: whoever waits finds it read.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Access {
    /// Knows nothing yet.
    pub fn new(book: Arc<dyn AccessBook>, grants: Arc<dyn Grants>, clock: Arc<dyn Clock>) -> Self {
        Self {
            book,
            grants,
            clock,
            known: Arc::default(),
            kept: moka::sync::Cache::new(USERS_KEPT_MAX),
            products: Few::new(PRODUCTS_KEPT_MAX),
            reading: Arc::default(),
        }
    }

    /// Now.
    pub fn now(&self) -> UnixNanos {
        self.clock.now()
    }

    /// What was taken back, as of 3 s ago at the most.
    ///
    /// # Errors
    /// When it cannot be read: then nobody is to be let in.
    pub async fn revocations(&self) -> PortResult<Arc<Revocations>> {
        self.known().await.map(|known| known.revocations)
    }

    /// Who is banned from what, as of 3 s ago at the most; some may have lifted since.
    ///
    /// # Errors
    /// When it cannot be read: then nobody is to be let in.
    pub async fn bans(&self) -> PortResult<Arc<Vec<Ban>>> {
        self.known().await.map(|known| known.bans)
    }

    /// The number that is raised with every change, as of 3 s ago at the most.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn epoch(&self) -> PortResult<u64> {
        self.known().await.map(|known| known.epoch)
    }

    /// Tells all processes that something was changed, behind the change. Who knows this here
    /// reads anew before anything else is said.
    ///
    /// # Errors
    /// When it cannot be told.
    pub async fn raise(&self) -> PortResult<()> {
        let raised = self.book.raise_access_epoch().await;
        // Without an answer it may have been raised too.
        self.lock().read_at = None;
        raised
    }

    /// Whether an identity was taken back.
    ///
    /// # Errors
    /// When it cannot be read: then nobody is to be let in.
    pub async fn is_taken_back(&self, identity: &Identity) -> PortResult<bool> {
        Ok(self.revocations().await?.take_back(identity))
    }

    /// The grants of a user that are kept, which are those of 3 s ago at the most.
    pub async fn kept_grants_of(&self, user: &str) -> Option<Arc<GrantsRead>> {
        let kept = self.kept.get(user)?;
        let epoch = self.known().await.ok()?.epoch;
        kept.holds(epoch, &*self.clock).then_some(kept.what)
    }

    /// The grants of a user, read now.
    pub async fn read_grants_of(&self, user: &str) -> Arc<GrantsRead> {
        match self.read_grants(user).await {
            Ok(grants) => grants,
            Err(error) => {
                tracing::warn!(%error, "grants cannot be read: streams of products are denied");
                Arc::new(GrantsRead::Unreadable)
            }
        }
    }

    async fn read_grants(&self, user: &str) -> PortResult<Arc<GrantsRead>> {
        let epoch = self.known().await?.epoch;
        let (read_at, now) = (Moment::now(&*self.clock), self.clock.now());
        let grants: Vec<Grant> = self.grants.grants(user).await?;
        let open = grants.iter().filter(|grant| now < grant.until);
        let names: BTreeSet<&str> = open.map(|grant| grant.product.as_str()).collect();
        let products = self.products_of(names, epoch, read_at).await?;
        let kept = Kept {
            epoch,
            read_at,
            what: Arc::new(GrantsRead::Read { grants, products }),
        };
        self.kept.insert(user.to_owned(), kept.clone());
        Ok(kept.what)
    }

    /// Those of the products that there are; one that is kept, as of 3 s ago at the most, is not read.
    async fn products_of(
        &self,
        names: BTreeSet<&str>,
        epoch: u64,
        read_at: Moment,
    ) -> PortResult<Vec<Arc<Product>>> {
        let mut products = Vec::with_capacity(names.len());
        let mut unknown = Vec::new();
        for name in names {
            let kept = self.products.get(name);
            match kept.filter(|kept| kept.holds(epoch, &*self.clock)) {
                Some(kept) => products.push(kept.what),
                None => unknown.push(name.to_owned()),
            }
        }
        if unknown.is_empty() {
            return Ok(products);
        }
        for product in self.grants.products(&unknown).await? {
            let (name, what) = (product.name.clone(), Arc::new(product));
            products.push(what.clone());
            self.products.insert(name, Kept { epoch, read_at, what });
        }
        Ok(products)
    }

    async fn known(&self) -> PortResult<Known> {
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        let _one_at_a_time = self.reading.lock().await;
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        // The clock before the reading: what is read is at least as new.
        let read_at = Moment::now(&*self.clock);
        let epoch = self.book.access_epoch().await?;
        let before = self.lock().clone();
        let (revocations, bans) = match before.read_at {
            Some(_) if before.epoch == epoch => (before.revocations, before.bans),
            _ => {
                let (revocations, bans) = try_join(self.book.revocations(), self.book.bans()).await?;
                (Arc::new(Revocations::new(revocations)), Arc::new(bans))
            }
        };
        let known = Known {
            epoch,
            read_at: Some(read_at),
            revocations,
            bans,
        };
        *self.lock() = known.clone();
        Ok(known)
    }

    fn fresh(&self) -> Option<Known> {
        let known = self.lock();
        let age_max = Duration::from_secs(access_epoch_age_s_max);
        let fresh = known.read_at?.is_within(age_max, &*self.clock);
        fresh.then(|| known.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
