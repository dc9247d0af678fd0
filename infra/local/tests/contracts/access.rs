//! Port `AccessBook`.

use std::time::Duration;

use tickwire_entitlements::{Revocation, Revoked};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{AccessBook, Clock as _};

use super::world::ManualClock;

pub(crate) async fn the_epoch_rises(book: &impl AccessBook, _: &ManualClock) {
    assert_eq!(book.access_epoch().await.unwrap(), 0);
    book.raise_access_epoch().await.unwrap();
    book.raise_access_epoch().await.unwrap();
    assert_eq!(book.access_epoch().await.unwrap(), 2);
}

pub(crate) async fn revocations_come_back_until_they_are_forgotten(
    book: &impl AccessBook,
    clock: &ManualClock,
) {
    assert_eq!(book.revocations().await.unwrap(), []);
    let of_user = Revocation {
        of: Revoked::User("u#1".into()),
        at: clock.now(),
        until: clock.now().saturating_add(100 * UnixNanos::PER_SECOND),
    };
    let of_proof = Revocation {
        of: Revoked::Proof("u#1".into()),
        until: clock.now().saturating_add(50 * UnixNanos::PER_SECOND),
        ..of_user.clone()
    };
    for revocation in [&of_user, &of_proof, &of_user] {
        book.put_revocation(revocation).await.unwrap();
    }
    assert_eq!(book.revocations().await.unwrap(), [of_proof, of_user.clone()]);
    clock.pass(Duration::from_secs(50));
    assert_eq!(book.revocations().await.unwrap(), [of_user]);
}
