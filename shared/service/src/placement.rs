//! Where things belong: an instrument to its group, a connection to its shard, a user to a cell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tickwire_market::InstrumentKey;
use tickwire_streams::{GroupKey, Universe, baskets_default, baskets_max};

/// How instruments are spread over groups. The same everywhere, or readers look where nobody writes.
///
/// As text its parts are separated by commas: `8` baskets a venue, `NASDAQ=16` baskets of that venue,
/// `NSE=own` for a group of each symbol of that venue, and `NSE@TCS@EQ` for that one alone. What has a
/// group of its own lies there with its futures and options, which baskets do not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Placement {
    /// Of the venues that are not named.
    others: Spread,
    venues: BTreeMap<Box<str>, Spread>,
    /// Those with a group of their own, wherever their venue's others lie.
    own: BTreeSet<InstrumentKey>,
}

/// How text says [`Spread::Own`].
const OWN: &str = "own";

/// Where shares, pairs and perpetuals of a venue lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    /// Hashed into so many baskets.
    Baskets(u16),
    /// Each in the group of its symbol.
    Own,
}

/// Text that is no [`Placement`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} does not say how instruments are grouped: write such as 8,NASDAQ=16,NSE=own,BSE@TCS@EQ, each once, from 1 to {baskets_max} baskets"
)]
pub struct PlacementError(String);

impl Default for Placement {
    fn default() -> Self {
        Self::even(baskets_default)
    }
}

impl Placement {
    /// `count` baskets for every venue.
    pub fn even(count: u16) -> Self {
        Self {
            others: Spread::Baskets(count),
            venues: BTreeMap::new(),
            own: BTreeSet::new(),
        }
    }

    /// The group of an instrument.
    pub fn group_of(&self, universe: &Universe, instrument: &InstrumentKey) -> GroupKey {
        let spread = self.venues.get(instrument.exchange()).unwrap_or(&self.others);
        match *spread {
            Spread::Baskets(count) if !self.own.contains(instrument) => {
                GroupKey::of(universe, instrument, count)
            }
            Spread::Baskets(_) | Spread::Own => GroupKey::of_symbol(universe, instrument),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Baskets(count) => count.fmt(f),
            Self::Own => f.write_str(OWN),
        }
    }
}

impl FromStr for Spread {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == OWN {
            return Ok(Self::Own);
        }
        let count = text
            .parse()
            .ok()
            .filter(|count| (1..=baskets_max).contains(count));
        count.map(Self::Baskets).ok_or(())
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.others.fmt(f)?;
        for (venue, spread) in &self.venues {
            write!(f, ",{venue}={spread}")?;
        }
        self.own
            .iter()
            .try_for_each(|instrument| write!(f, ",{instrument}"))
    }
}

impl FromStr for Placement {
    type Err = PlacementError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || PlacementError(text.chars().take(100).collect());
        let mut placement = Self::default();
        let mut others = None;
        for part in text.split(',').map(str::trim) {
            let is_new = if let Some((venue, spread)) = part.split_once('=') {
                // A venue that no instrument can name would silently have what others have.
                InstrumentKey::parse(&format!("{venue}@X@EQ")).map_err(|_| wrong())?;
                let spread = spread.parse().map_err(|()| wrong())?;
                placement.venues.insert(venue.into(), spread).is_none()
            } else if let Ok(spread) = part.parse() {
                others.replace(spread).is_none()
            } else {
                let instrument = part.parse().map_err(|_| wrong())?;
                placement.own.insert(instrument)
            };
            if !is_new {
                return Err(wrong());
            }
        }
        placement.others = others.unwrap_or(placement.others);
        Ok(placement)
    }
}

impl TryFrom<String> for Placement {
    type Error = PlacementError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Placement> for String {
    fn from(placement: Placement) -> Self {
        placement.to_string()
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
    fn everything_lies_in_one_group() {
        let check = |placement: &str, instrument: &str, expected: &str| {
            let placement: Placement = placement.parse().unwrap();
            let group = placement.group_of(&Universe::live(), &instrument.parse().unwrap());
            assert_eq!(
                group.as_str().strip_prefix("live/"),
                Some(expected),
                "{instrument} by {placement}"
            );
        };
        check("NASDAQ=1", "NASDAQ@AAPL@EQ", "NASDAQ.0");
        check("1,NASDAQ=4", "NSE@TCS@EQ", "NSE.0");
        for placement in ["NSE=own", "own", "4,NSE@TCS@EQ", "NSE=2, NSE@TCS@EQ"] {
            check(placement, "NSE@TCS@EQ", "TCS");
            check(placement, "NFO@TCS@OPT@2026-11-24@CE@3000", "TCS");
        }
        check("1,NSE@TCS@EQ", "NSE@INFY@EQ", "NSE.0");
        check("1,NSE@TCS@EQ", "BSE@TCS@EQ", "BSE.0");
        check("1,NSE=own", "DERIBIT@BTC@PERP", "DERIBIT.0");
        let by_default = GroupKey::of(&Universe::live(), &"NSE@TCS@EQ".parse().unwrap(), baskets_default);
        assert_eq!(
            Placement::default().group_of(&Universe::live(), &"NSE@TCS@EQ".parse().unwrap()),
            by_default
        );
    }

    #[test]
    fn it_is_read_and_written_in_one_form() {
        let check = |text: &str, canonical: &str| {
            let placement: Placement = text.parse().unwrap();
            assert_eq!(placement.to_string(), canonical, "{text}");
            assert_eq!(canonical.parse(), Ok(placement), "{text}");
        };
        check("4", "4");
        check("own", "own");
        check("NASDAQ=16", "8,NASDAQ=16");
        check(
            "NSE@TCS@EQ, NSE=4,1, NASDAQ=own,DERIBIT@BTC@PERP",
            "1,NASDAQ=own,NSE=4,DERIBIT@BTC@PERP,NSE@TCS@EQ",
        );
        for text in [
            "",
            ",",
            "0",
            "1025",
            "4,5",
            "-1",
            "NASDAQ",
            "NASDAQ=",
            "NASDAQ=0",
            "nasdaq=4",
            "=4",
            "NSE=4,NSE=4",
            "NSE=4,",
            "NSE=70000",
            "NSE=OWN",
            "NSE@TCS@EQ,NSE@TCS@EQ",
            "NSE@TCS@EQ=own",
        ] {
            assert!(text.parse::<Placement>().is_err(), "{text}");
        }
    }
}
