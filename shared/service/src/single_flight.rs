//! Reads that are asked for at the same time, done once.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustc_hash::FxHashMap;
use tokio::sync::OnceCell;

/// Reads in the air by what is asked for.
///
/// Nothing is kept: who asks while a read is in the air is given its answer, and who asks
/// after it has ended reads anew. Where the one who reads gives up, another goes on.
pub(crate) struct SingleFlight<K, V> {
    flying: Mutex<FxHashMap<K, Weak<OnceCell<V>>>>,
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self {
            flying: Mutex::default(),
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> SingleFlight<K, V> {
    /// The answer to `key`: that of the read in the air, or of `read`.
    pub(crate) async fn join<F: Future<Output = V>>(&self, key: &K, read: impl FnOnce() -> F) -> V {
        let flight = self.board(key);
        let answer = flight.get_or_init(read).await.clone();
        let mut flying = self.flying.lock().unwrap_or_else(PoisonError::into_inner);
        if flying
            .get(key)
            .is_some_and(|other| other.as_ptr() == Arc::as_ptr(&flight))
        {
            flying.remove(key);
        }
        answer
    }

    fn board(&self, key: &K) -> Arc<OnceCell<V>> {
        let mut flying = self.flying.lock().unwrap_or_else(PoisonError::into_inner);
        let in_the_air = flying.get(key).and_then(Weak::upgrade);
        if let Some(flight) = in_the_air.filter(|flight| !flight.initialized()) {
            return flight;
        }
        // Those that all who asked gave up were not taken out by anyone.
        flying.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(OnceCell::new());
        flying.insert(key.clone(), Arc::downgrade(&flight));
        flight
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Poll, Waker};

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    /// Is ready when asked a second time.
    async fn slowly(count: &AtomicU32) -> u32 {
        let mut asked = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            match std::mem::replace(&mut asked, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        count.fetch_add(1, Ordering::Relaxed)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..10_000 {
            if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
                return answer;
            }
        }
        panic!("it never ends")
    }

    #[test]
    fn what_is_asked_at_once_is_read_once() {
        let (flights, reads) = (SingleFlight::default(), AtomicU32::new(0));
        let ask = |key: u32| {
            flights
                .join(&0, || slowly(&reads))
                .map(move |answer| (key, answer))
        };
        let answers = run(join_all((0..200).map(ask)));
        assert!(answers.iter().all(|(_, answer)| *answer == 0));
        assert_eq!(run(flights.join(&0, || slowly(&reads))), 1, "nothing is kept");
        let others = run(join_all((0..3).map(|key| {
            let (flights, reads) = (&flights, &reads);
            async move { flights.join(&key, || slowly(reads)).await }
        })));
        assert_eq!(others.len(), 3);
        assert_eq!(reads.load(Ordering::Relaxed), 5);
        assert!(flights.flying.lock().unwrap().is_empty());
    }

    #[test]
    fn when_the_reader_gives_up_another_goes_on() {
        let (flights, reads) = (SingleFlight::default(), AtomicU32::new(0));
        let mut context = Context::from_waker(Waker::noop());
        let mut first = Box::pin(flights.join(&0, || slowly(&reads)));
        let mut second = Box::pin(flights.join(&0, || slowly(&reads)));
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert_eq!(run(second), 0);
        assert!(flights.flying.lock().unwrap().is_empty());
        // What nobody waits for any longer is forgotten with the next that is asked for.
        let mut left = Box::pin(flights.join(&1, || slowly(&reads)));
        assert!(left.as_mut().poll(&mut context).is_pending());
        drop(left);
        assert_eq!(run(flights.join(&2, || slowly(&reads))), 1);
        assert!(flights.flying.lock().unwrap().is_empty());
    }
}
