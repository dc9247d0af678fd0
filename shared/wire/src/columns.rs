//! Columns: values of one meaning, compact and lossless.
//!
//! Each is packed as a whole and read in order. A column does not always know
//! its own length (equal values are stored once), so the reader must know how
//! many to ask for. Damaged content gives wrong values or none, never a panic.

mod integers;
mod numbers;
mod times;

use serde::{Deserialize, Serialize};

pub(crate) use integers::{Integers, IntegersReader};
pub(crate) use numbers::{Numbers, Prices};
pub(crate) use times::Times;

/// Equal values that follow each other, with their count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Runs<T>(Vec<(u32, T)>);

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + PartialEq> Runs<T> {
    pub(crate) fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some((count, last)) if *last == value && *count < u32::MAX => *count += 1,
            _ => self.0.push((1, value)),
        }
    }

    pub(crate) fn reader(&self) -> impl Iterator<Item = T> + '_ {
        self.0
            .iter()
            .flat_map(|(count, value)| (0..*count).map(move |_| *value))
    }
}

/// An optional field of a row: the next of its column where the row `has` it.
/// The outer `None` says that the column has ended, which is damage.
pub(crate) fn field<T>(has: bool, column: &mut impl Iterator<Item = T>) -> Option<Option<T>> {
    if has { column.next().map(Some) } else { Some(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_stored_once() {
        let check = |values: &[u16], runs: usize| {
            let mut packed = Runs::default();
            values.iter().for_each(|value| packed.push(*value));
            assert_eq!(packed.0.len(), runs, "{values:?}");
            assert_eq!(packed.reader().collect::<Vec<_>>(), values);
        };
        check(&[], 0);
        check(&[7, 7, 7], 1);
        check(&[7, 7, 8, 7], 3);
    }
}
