//! Tiers and what each of them may use.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a user pays for. A later tier includes all that an earlier one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Public and common streams.
    Free,
    /// Also products that were granted.
    Standard,
    /// Also option Greeks and personal streams.
    Premium,
    /// The same, with the widest limits.
    Enterprise,
}

/// How much a tier may use at once and per window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Sockets of a user that are open at once.
    pub connections_max: u32,
    /// Streams of one socket.
    pub subscriptions_per_connection_max: u32,
    /// HTTP requests in a minute.
    pub api_requests_per_minute_max: u32,
    /// Frames sent to a user in a minute; over it streams are conflated, not dropped.
    pub stream_messages_per_minute_max: u32,
    /// Changes of subscriptions in 10 seconds.
    pub subscription_changes_per_10_s_max: u32,
    /// Requests of any kind in 5 seconds.
    pub burst_per_5_s_max: u32,
}

/// The table of tiers: one row a tier, in ascending order.
const LIMITS: [(Tier, Limits); 4] = [
    (Tier::Free, limits(20, 5, 60, 500, 3, 25)),
    (Tier::Standard, limits(50, 15, 180, 1_500, 8, 75)),
    (Tier::Premium, limits(200, 50, 600, 5_000, 20, 200)),
    (Tier::Enterprise, limits(1_000, 200, 2_000, 20_000, 50, 500)),
];

// A row out of place would hand one tier the limits of another.
const _: () = {
    let mut row = 0;
    while row < LIMITS.len() {
        assert!(LIMITS[row].0 as usize == row);
        row += 1;
    }
};

/// A row, in the order of the fields of [`Limits`].
const fn limits(
    connections_max: u32,
    subscriptions_per_connection_max: u32,
    api_requests_per_minute_max: u32,
    stream_messages_per_minute_max: u32,
    subscription_changes_per_10_s_max: u32,
    burst_per_5_s_max: u32,
) -> Limits {
    Limits {
        connections_max,
        subscriptions_per_connection_max,
        api_requests_per_minute_max,
        stream_messages_per_minute_max,
        subscription_changes_per_10_s_max,
        burst_per_5_s_max,
    }
}

impl Tier {
    /// All tiers, ascending.
    pub const ALL: [Self; 4] = [Self::Free, Self::Standard, Self::Premium, Self::Enterprise];

    /// What the tier may use.
    pub const fn limits(self) -> Limits {
        LIMITS[self as usize].1
    }

    /// What a connection has of posts that are short, against others: one of tier premium gets
    /// four where one of tier free gets one. None is 0, so nobody gets none.
    pub const fn weight(self) -> u32 {
        match self {
            Self::Free => 1,
            Self::Standard => 2,
            Self::Premium => 4,
            Self::Enterprise => 8,
        }
    }

    /// The one spelling: `free`, `standard`, `premium`, `enterprise`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Standard => "standard",
            Self::Premium => "premium",
            Self::Enterprise => "enterprise",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.as_str() == text)
            .ok_or_else(|| UnknownTier(text.chars().take(20).collect()))
    }
}

/// A text that names no tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tier {0:?} is not one: write free, standard, premium or enterprise")]
pub struct UnknownTier(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_published_limits() {
        let check = |tier: Tier, expected: [u32; 6]| {
            let Limits {
                connections_max,
                subscriptions_per_connection_max,
                api_requests_per_minute_max,
                stream_messages_per_minute_max,
                subscription_changes_per_10_s_max,
                burst_per_5_s_max,
            } = tier.limits();
            let found = [
                connections_max,
                subscriptions_per_connection_max,
                api_requests_per_minute_max,
                stream_messages_per_minute_max,
                subscription_changes_per_10_s_max,
                burst_per_5_s_max,
            ];
            assert_eq!(found, expected, "{tier}");
        };
        check(Tier::Free, [20, 5, 60, 500, 3, 25]);
        check(Tier::Standard, [50, 15, 180, 1_500, 8, 75]);
        check(Tier::Premium, [200, 50, 600, 5_000, 20, 200]);
        check(Tier::Enterprise, [1_000, 200, 2_000, 20_000, 50, 500]);
    }

    #[test]
    fn weights_are_those_of_the_page() {
        let page = include_str!("../ACCESS.md");
        for tier in Tier::ALL {
            assert!(
                page.contains(&format!("\n| {tier} | {} |\n", tier.weight())),
                "{tier}"
            );
            assert!(tier.weight() > 0);
        }
        assert!(Tier::ALL.is_sorted_by_key(|tier| tier.weight()));
    }

    #[test]
    fn is_ordered() {
        assert!(Tier::ALL.is_sorted());
        assert!(Tier::Free < Tier::Standard && Tier::Premium < Tier::Enterprise);
    }

    #[test]
    fn has_one_spelling() {
        for tier in Tier::ALL {
            assert_eq!(tier.to_string().parse(), Ok(tier));
            let json = serde_json::to_string(&tier).unwrap();
            assert_eq!(json, format!("\"{tier}\""));
            assert_eq!(serde_json::from_str::<Tier>(&json).unwrap(), tier);
        }
        for wrong in ["", "Free", "FREE", " free", "gold"] {
            assert_eq!(wrong.parse::<Tier>(), Err(UnknownTier(wrong.into())));
        }
    }
}
