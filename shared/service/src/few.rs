//! A few things that are kept.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

/// Kept while there are few; when one too many comes all are forgotten, and so read anew. For what
/// is bounded by its nature, where a cache that knows what was used last would be so much more code
/// in every function. Its clones keep the same.
#[derive(Clone)]
pub(crate) struct Few<K, V> {
    kept: Arc<Mutex<FxHashMap<K, V>>>,
    max: usize,
}

impl<K: Eq + Hash, V: Clone> Few<K, V> {
    /// At most so many.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            kept: Arc::default(),
            max,
        }
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.lock().get(key).cloned()
    }

    pub(crate) fn insert(&self, key: K, value: V) {
        let mut kept = self.lock();
        if kept.len() >= self.max && !kept.contains_key(&key) {
            kept.clear();
        }
        kept.insert(key, value);
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<K, V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_never_more_than_a_few() {
        let few = Few::new(3);
        for n in 0..3 {
            few.insert(n.to_string(), n);
        }
        few.insert("2".to_owned(), 7);
        assert_eq!(
            (few.get("0"), few.get("2"), few.get("3")),
            (Some(0), Some(7), None)
        );
        few.insert("3".to_owned(), 3);
        assert_eq!((few.get("0"), few.clone().get("3")), (None, Some(3)));
    }
}
