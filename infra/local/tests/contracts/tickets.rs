//! Port `Tickets`.

use std::time::Duration;

use tickwire_entitlements::{Proof, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{Clock as _, TicketGrant, Tickets};

use super::world::ManualClock;

fn grant(clock: &ManualClock) -> TicketGrant {
    TicketGrant {
        user: "u1".into(),
        tier: Tier::Premium,
        expires_at: clock.now().saturating_add(60 * UnixNanos::PER_SECOND),
        identity_expires_at: clock.now().saturating_add(3_600 * UnixNanos::PER_SECOND + 1),
        proof: Proof {
            id: "t1".into(),
            issued_at: clock.now(),
        },
    }
}

pub(crate) async fn a_ticket_is_taken_once(tickets: &impl Tickets, clock: &ManualClock) {
    let stored = grant(clock);
    tickets.put_ticket("h1", &stored).await.unwrap();
    assert_eq!(tickets.take_ticket("h2").await.unwrap(), None);
    assert_eq!(tickets.take_ticket("h1").await.unwrap(), Some(stored));
    assert_eq!(tickets.take_ticket("h1").await.unwrap(), None);
}

pub(crate) async fn of_takers_at_once_one_gets_it(tickets: &impl Tickets, clock: &ManualClock) {
    tickets.put_ticket("h1", &grant(clock)).await.unwrap();
    let takers = futures_util::future::join_all((0..16).map(|_| tickets.take_ticket("h1"))).await;
    assert_eq!(
        takers
            .into_iter()
            .filter(|taken| taken.as_ref().unwrap().is_some())
            .count(),
        1
    );
}

pub(crate) async fn an_expired_ticket_is_worth_nothing(tickets: &impl Tickets, clock: &ManualClock) {
    tickets.put_ticket("h1", &grant(clock)).await.unwrap();
    tickets.put_ticket("h2", &grant(clock)).await.unwrap();
    clock.pass(Duration::from_nanos(59_999_999_999));
    assert!(tickets.take_ticket("h1").await.unwrap().is_some());
    clock.pass(Duration::from_nanos(1));
    assert_eq!(tickets.take_ticket("h2").await.unwrap(), None);
}
