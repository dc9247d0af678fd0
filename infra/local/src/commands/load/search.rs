//! The greatest count of clients that are served in time.

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{LoadArgs, json, list, load, write_report};
use crate::commands::client_args::{Exit, Failure};
use crate::report::{Delivery, decimals, thousands};

/// Most clients of one process.
pub(super) const CLIENTS_MAX: u32 = 10_000;
/// It is found when the least count that is too many is no more than this part above it.
const NEAR: f64 = 0.1;

/// How one count went.
#[derive(Serialize)]
struct Try {
    clients: u32,
    served: bool,
    /// What came, where all could connect.
    delivery: Option<Delivery>,
    /// Why none came.
    failure: Option<String>,
}

impl Try {
    fn of(clients: u32, outcome: Result<Delivery, Failure>, p99_ms_max: f64) -> Self {
        let (delivery, failure) = match outcome {
            Ok(delivery) => (Some(delivery), None),
            Err(failure) => (None, Some(failure.message)),
        };
        let served = delivery.as_ref().is_some_and(|delivery| {
            let in_time = delivery.tick_to_frame.is_some_and(|l| l.p99_ms <= p99_ms_max);
            in_time && delivery.is_clean() && delivery.refused == 0 && delivery.reconnects == 0
        });
        Self {
            clients,
            served,
            delivery,
            failure,
        }
    }

    fn render(&self) -> String {
        let what = match (&self.delivery, &self.failure) {
            (Some(delivery), _) => {
                let latency = delivery
                    .tick_to_frame
                    .map_or("no signal".into(), |l| l.to_string());
                let rate = decimals(delivery.signals as f64 / delivery.seconds, 0);
                let Delivery {
                    lost,
                    duplicated,
                    refused,
                    reconnects,
                    ..
                } = delivery;
                format!(
                    "{latency}, {rate} signals/s, {lost} lost, {duplicated} twice, {refused} refused, {reconnects} connected again"
                )
            }
            (None, failure) => failure.clone().unwrap_or_default(),
        };
        let verdict = if self.served { "served" } else { "too many" };
        format!(
            "{:>6} clients  {verdict:<8}  {what}",
            thousands(self.clients.into())
        )
    }
}

/// The count to be tried next: twice as many until it is too many, then between. `None` when it is
/// found.
fn next(first: u32, tries: impl Iterator<Item = (u32, bool)>) -> Option<u32> {
    let (mut good, mut bad) = (0, None::<u32>);
    for (clients, served) in tries {
        match served {
            true => good = good.max(clients),
            false => bad = Some(bad.map_or(clients, |bad| bad.min(clients))),
        }
    }
    match bad {
        None if good == 0 => Some(first),
        None if good >= CLIENTS_MAX => None,
        None => Some(good.saturating_mul(2).min(CLIENTS_MAX)),
        Some(bad) => {
            let near = f64::from(bad - good.min(bad)) <= (f64::from(good) * NEAR).max(1.0);
            (!near).then(|| good.midpoint(bad))
        }
    }
}

/// Tries counts of clients until the greatest is found whose 99th percentile is within `p99_ms_max`.
pub(super) async fn search(
    args: &LoadArgs,
    p99_ms_max: f64,
    stop: &CancellationToken,
) -> Result<Exit, Failure> {
    let list = list(args).await?;
    let mut tries: Vec<Try> = Vec::new();
    while let Some(clients) = next(args.clients, tries.iter().map(|t| (t.clients, t.served))) {
        let one = LoadArgs {
            clients,
            ..args.clone()
        };
        let outcome = load(&one, &list, stop).await;
        if stop.is_cancelled() {
            break;
        }
        let tried = Try::of(clients, outcome, p99_ms_max);
        if args.json {
            eprintln!("{}", tried.render());
        } else {
            println!("{}", tried.render());
        }
        tries.push(tried);
    }
    let served = tries.iter().filter(|t| t.served).map(|t| t.clients).max();
    let within = format!("p99 within {} ms", decimals(p99_ms_max, 0));
    match served {
        _ if args.json => print!("{}", json(&tries)),
        Some(clients) => println!("{} clients are served with {within}", thousands(clients.into())),
        None => println!("no count that was tried is served with {within}"),
    }
    write_report(args, &tries)?;
    Ok(match served {
        Some(_) => Exit::Good,
        None => Exit::Bad,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_in_few_tries() {
        let check = |first, most, expected_within: (u32, u32), tries_max| {
            let mut tries: Vec<(u32, bool)> = Vec::new();
            while let Some(clients) = next(first, tries.iter().copied()) {
                assert!((1..=CLIENTS_MAX).contains(&clients), "{tries:?}");
                tries.push((clients, clients <= most));
                assert!(tries.len() <= tries_max, "{tries:?}");
            }
            let found = tries.iter().filter(|t| t.1).map(|t| t.0).max().unwrap_or(0);
            let (least, greatest) = expected_within;
            assert!((least..=greatest).contains(&found), "{tries:?}");
        };
        check(100, 3_300, (3_000, 3_300), 12);
        check(100, 70, (64, 70), 6);
        check(100, 0, (0, 0), 9);
        check(1, 1, (1, 1), 3);
        check(100, 1_000_000, (CLIENTS_MAX, CLIENTS_MAX), 8);
        check(CLIENTS_MAX, 5_000, (4_600, 5_000), 6);
    }

    #[test]
    fn late_lost_and_refused_are_too_many() {
        let delivery = |p99_ms, lost, refused| Delivery {
            lost,
            refused,
            tick_to_frame: Some(crate::report::Latency {
                p99_ms,
                ..Default::default()
            }),
            ..Delivery::default()
        };
        let check = |delivery, expected| assert_eq!(Try::of(5, Ok(delivery), 500.0).served, expected);
        check(delivery(500.0, 0, 0), true);
        check(delivery(500.1, 0, 0), false);
        check(delivery(20.0, 1, 0), false);
        check(delivery(20.0, 0, 1), false);
        check(Delivery::default(), false);
    }
}
