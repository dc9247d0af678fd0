//! Where things belong: an instrument to its group, a connection to its shard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
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
