//! Where things belong: an instrument to its group, a connection to its shard, a user to a cell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tickwire_market::InstrumentKey;
use tickwire_streams::{GroupKey, Universe, baskets_default};

/// How instruments are spread over groups. The same everywhere, or readers look where nobody writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Baskets of a venue that is not named.
    others: u16,
    /// Baskets of the venues named.
    baskets: BTreeMap<Box<str>, u16>,
}

impl Default for Placement {
    fn default() -> Self {
        Self::even(baskets_default)
    }
}

impl Placement {
    /// [`baskets_default`] baskets a venue, but for the venues named.
    pub fn new(baskets: impl IntoIterator<Item = (String, u16)>) -> Self {
        let baskets = baskets
            .into_iter()
            .map(|(venue, count)| (venue.into(), count))
            .collect();
        Self {
            baskets,
            ..Self::default()
        }
    }

    /// `count` baskets for every venue.
    pub fn even(count: u16) -> Self {
        Self {
            others: count,
            baskets: BTreeMap::new(),
        }
    }

    /// The group of an instrument.
    pub fn group_of(&self, universe: &Universe, instrument: &InstrumentKey) -> GroupKey {
        let baskets = self
            .baskets
            .get(instrument.exchange())
            .copied()
            .unwrap_or(self.others);
        GroupKey::of(universe, instrument, baskets)
    }
}

/// The shard of a connection among `shards`. CRC-32, since it must be the same in every process.
pub fn shard_of(connection: &str, shards: u16) -> u16 {
    let shard = crc32fast::hash(connection.as_bytes()) % u32::from(shards.max(1));
    u16::try_from(shard).unwrap_or(0)
}

/// The cell of a user among `cells`, each a WebSocket API of its own in an account and region of
/// its own: from 0, the one of the highest score (rendezvous hashing; Thaler and Ravishankar,
/// *Using Name-Based Mappings to Increase Hit Rates*, 1998). A cell that is added takes its share
/// of the users from all the others, and moves nobody else.
pub fn cell_of(user: &str, cells: u32) -> u32 {
    let digest = Sha256::digest(user.as_bytes());
    let user = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let score = |cell: &u32| mix(user ^ mix(u64::from(*cell)));
    (0..cells).max_by_key(score).unwrap_or(0)
}

/// The finalizer of SplitMix64: neighbouring numbers come out unrelated.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_never_change() {
        let check =
            |connection, shards, expected| assert_eq!(shard_of(connection, shards), expected, "{connection}");
        check("any", 0, 0);
        check("any", 1, 0);
        check(
            "JKJaXd6WPHcCEtA=",
            4,
            (crc32fast::hash(b"JKJaXd6WPHcCEtA=") % 4) as u16,
        );
    }

    #[test]
    fn users_are_spread_evenly_over_cells() {
        for (users, cells) in [(1_000, 1), (10_000, 2), (50_000, 7), (100_000, 40)] {
            let mut sizes = vec![0_u32; cells as usize];
            for nth in 0..users {
                sizes[cell_of(&format!("user-{nth}"), cells) as usize] += 1;
            }
            let mean = f64::from(users) / f64::from(cells);
            for size in sizes {
                let off = (f64::from(size) - mean).abs() / mean.sqrt();
                assert!(off <= 4.0, "{size} of {users} in one of {cells}");
            }
        }
        assert_eq!(cell_of("any", 0), 0);
    }

    #[test]
    fn a_cell_that_is_added_moves_its_own_share_only() {
        for cells in [1, 2, 9, 30] {
            let users = 20_000_u32;
            let mut moved = 0;
            for nth in 0..users {
                let user = format!("user-{nth}");
                let (before, after) = (cell_of(&user, cells), cell_of(&user, cells + 1));
                assert!(
                    after == before || after == cells,
                    "{user} moved from {before} to {after}"
                );
                moved += u32::from(after != before);
            }
            let share = f64::from(users) / f64::from(cells + 1);
            assert!(
                (f64::from(moved) - share).abs() <= 4.0 * share.sqrt(),
                "{moved} moved to the new one of {cells}"
            );
        }
    }

    #[test]
    fn cells_never_change() {
        let check = |user, cells, expected| assert_eq!(cell_of(user, cells), expected, "{user}");
        check("asha", 1, 0);
        check("asha", 16, 8);
    }

    #[test]
    fn baskets_are_those_of_the_venue() {
        let key = |text: &str| text.parse::<InstrumentKey>().unwrap();
        let placement = Placement::new([("NASDAQ".to_owned(), 1)]);
        let universe = Universe::live();
        assert_eq!(
            placement.group_of(&universe, &key("NASDAQ@AAPL@EQ")).as_str(),
            "live/NASDAQ.0"
        );
        let by_default = GroupKey::of(&universe, &key("NSE@TCS@EQ"), baskets_default);
        assert_eq!(placement.group_of(&universe, &key("NSE@TCS@EQ")), by_default);
    }
}
