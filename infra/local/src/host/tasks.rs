//! Background tasks: they end together, and one that dies before is started anew.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tickwire_telemetry::export::{Metric, Sample};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Wait before what died is started anew: what dies at once again is not to take the processor.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// How often each task died.
#[derive(Clone, Default)]
pub(super) struct Deaths(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Deaths {
    fn count(&self, task: &'static str) {
        let mut deaths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *deaths.entry(task).or_default() += 1;
    }

    /// The counts.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let deaths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sample = |(task, count): (&&'static str, &u64)| {
            Sample::of(Metric::TaskDeaths, &[("task", task)], *count as f64)
        };
        deaths.iter().map(sample).collect()
    }
}

/// Tasks that end together, each after the work in hand.
pub(super) struct Tasks {
    pub(super) stop: CancellationToken,
    running: JoinSet<()>,
    deaths: Deaths,
}

impl Tasks {
    /// None yet; deaths are counted in `deaths`.
    pub(super) fn new(deaths: &Deaths) -> Self {
        Self {
            stop: CancellationToken::new(),
            running: JoinSet::new(),
            deaths: deaths.clone(),
        }
    }

    /// Runs what `make` makes. Whoever ends before `stop` is cancelled, by a panic or
    /// otherwise, has died: that is logged and counted, and another one is made.
    pub(super) fn keep<F>(&mut self, name: &'static str, mut make: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, deaths) = (self.stop.clone(), self.deaths.clone());
        self.running.spawn(async move {
            loop {
                // The task owns all that it uses, and its successor begins with new state.
                let ended = AssertUnwindSafe(make()).catch_unwind().await;
                if stop.is_cancelled() {
                    return;
                }
                deaths.count(name);
                let how = if ended.is_err() { "by a panic" } else { "by itself" };
                tracing::error!(
                    job = name,
                    why = how,
                    "a background task ended: it is started anew"
                );
                if stop
                    .run_until_cancelled(tokio::time::sleep(RESTART_AFTER))
                    .await
                    .is_none()
                {
                    return;
                }
            }
        });
    }

    /// Ends them; false if some were given up because they took longer than `within`.
    pub(super) async fn end(&mut self, within: Duration) -> bool {
        self.stop.cancel();
        tokio::time::timeout(within, async {
            while self.running.join_next().await.is_some() {}
        })
        .await
        .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_dies_is_seen_counted_and_started_anew() {
        let (deaths, lives) = (Deaths::default(), Arc::new(AtomicU32::new(0)));
        let mut tasks = Tasks::new(&deaths);
        let (seen, stop) = (lives.clone(), tasks.stop.clone());
        tasks.keep("consumer", move || {
            let (life, stop) = (seen.fetch_add(1, SeqCst), stop.clone());
            async move {
                match life {
                    0 | 2 => panic!("life {life} is over"),
                    1 => {}
                    _ => stop.cancelled().await,
                }
            }
        });
        tokio::time::sleep(RESTART_AFTER * 10).await;
        assert_eq!(lives.load(SeqCst), 4);
        let expected = [Sample::of(Metric::TaskDeaths, &[("task", "consumer")], 3.0)];
        assert_eq!(deaths.samples(), expected);
        // An end that was asked for is none.
        assert!(tasks.end(Duration::from_secs(1)).await);
        assert_eq!((lives.load(SeqCst), deaths.samples()), (4, expected.to_vec()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_died_last_does_not_keep_the_others_from_ending() {
        let deaths = Deaths::default();
        let mut tasks = Tasks::new(&deaths);
        tasks.keep("sweep", || async { panic!("again") });
        tokio::time::sleep(RESTART_AFTER / 2).await;
        let began = tokio::time::Instant::now();
        assert!(tasks.end(Duration::from_secs(60)).await);
        assert!(began.elapsed() < RESTART_AFTER);
    }
}
