//! Products of the marketplace: which streams a grant for one opens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, de};
use tickwire_market::UnixNanos;
use tickwire_streams::StreamKey;

mod pattern;

pub use pattern::{PatternError, StreamPattern};

#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
mod limits {
    /// Patterns of one version of a product.
    pub const patterns_per_version_max: usize = 64;
    /// Patterns of all versions of a product together.
    pub const patterns_per_product_max: usize = 1_024;
    /// Longest pattern, in bytes.
    pub const pattern_bytes_max: usize = 128;
}

pub use limits::{pattern_bytes_max, patterns_per_product_max, patterns_per_version_max};

/// Which version of a product a grant opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The one that was the newest when the grant was given.
    Locked,
    /// The newest of these, both ends included.
    Range {
        /// The first.
        first: u32,
        /// The last, which may be still to come.
        last: u32,
    },
    /// The newest.
    Auto,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.pad("locked"),
            Self::Range { first, last } => write!(f, "range:{first}-{last}"),
            Self::Auto => f.pad("auto"),
        }
    }
}

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let policy = match text {
            "locked" => Some(Self::Locked),
            "auto" => Some(Self::Auto),
            _ => text.strip_prefix("range:").and_then(|range| {
                let (first, last) = range.split_once('-')?;
                let (first, last) = (first.parse().ok()?, last.parse().ok()?);
                (1 <= first && first <= last).then_some(Self::Range { first, last })
            }),
        };
        // One spelling: no sign, no leading zero.
        policy
            .filter(|policy| policy.to_string() == text)
            .ok_or_else(|| UnknownPolicy(text.chars().take(32).collect()))
    }
}

/// A text that is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy {0:?} is not one: write locked, auto or range:FIRST-LAST")]
pub struct UnknownPolicy(String);

/// A set of streams, as it was published. Versions count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductVersion {
    /// When.
    pub published_at: UnixNanos,
    /// A stream is of it that one of these matches.
    pub patterns: Vec<StreamPattern>,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its name, as in `marketplace/{product}`.
    pub name: String,
    /// Which version a grant opens.
    pub policy: Policy,
    /// All of them, the first first.
    pub versions: Vec<ProductVersion>,
    /// From when on it opens nothing to anybody.
    pub retired_at: Option<UnixNanos>,
    /// How often it was changed: of two who change it at once, one sees that he comes late.
    pub revision: u32,
}

/// Why a version cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It is retired.
    #[error("the product is retired: publish under another name")]
    Retired,
    /// No pattern, or too many.
    #[error("a version has 1 to {patterns_per_version_max} patterns")]
    Patterns,
    /// Too many in all.
    #[error("the product's versions have more than {patterns_per_product_max} patterns together")]
    Full,
}

impl Product {
    /// One without versions: it opens nothing yet.
    pub fn new(name: &str, policy: Policy) -> Self {
        Self {
            name: name.to_owned(),
            policy,
            versions: Vec::new(),
            retired_at: None,
            revision: 0,
        }
    }

    /// Adds a version.
    ///
    /// # Errors
    /// When there is no room for it, or when the product is retired.
    pub fn publish(&mut self, patterns: Vec<StreamPattern>, at: UnixNanos) -> Result<(), PublishError> {
        if self.retired_at.is_some() {
            return Err(PublishError::Retired);
        }
        if !(1..=patterns_per_version_max).contains(&patterns.len()) {
            return Err(PublishError::Patterns);
        }
        let stand: usize = self.versions.iter().map(|version| version.patterns.len()).sum();
        if stand + patterns.len() > patterns_per_product_max {
            return Err(PublishError::Full);
        }
        self.versions.push(ProductVersion {
            published_at: at,
            patterns,
        });
        self.revision = self.revision.saturating_add(1);
        Ok(())
    }

    /// Ends it for everybody, for good.
    pub fn retire(&mut self, at: UnixNanos) {
        self.retired_at = Some(at);
        self.revision = self.revision.saturating_add(1);
    }

    /// Number of the newest version; 0 before there is one.
    pub fn newest(&self) -> u32 {
        u32::try_from(self.versions.len()).unwrap_or(u32::MAX)
    }

    /// The version that a grant opens which was given when `granted` was the newest.
    pub fn version_of(&self, granted: u32) -> Option<&ProductVersion> {
        let number = match self.policy {
            Policy::Locked => granted,
            Policy::Auto => self.newest(),
            Policy::Range { first, last } => Some(self.newest().min(last)).filter(|n| *n >= first)?,
        };
        self.versions.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    /// Whether that version includes a stream of this product.
    pub fn includes(&self, granted: u32, key: &StreamKey) -> bool {
        let version = self.version_of(granted);
        version.is_some_and(|version| {
            version
                .patterns
                .iter()
                .any(|pattern| pattern.matches(&key.stream))
        })
    }
}

macro_rules! as_text {
    ($($type:ty),+) => {$(
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )+};
}
as_text!(Policy, StreamPattern);

#[cfg(test)]
mod tests {
    use super::*;

    fn key(expression: &str) -> StreamKey {
        let key = format!("marketplace/gold:NSE@NIFTY@IDX:1m:{expression}");
        key.parse().unwrap()
    }

    /// Each version has one expression: `sma(close,VERSION)`.
    fn product(policy: Policy, versions: u32) -> Product {
        let mut product = Product::new("gold", policy);
        for version in 1..=versions {
            let pattern = format!("*:*:sma(close,{version})").parse().unwrap();
            product
                .publish(vec![pattern], UnixNanos(i64::from(version)))
                .unwrap();
        }
        product
    }

    #[test]
    fn a_policy_chooses_the_version() {
        let check = |policy: &str, versions: u32, granted: u32, expected: Option<u32>| {
            let product = product(policy.parse().unwrap(), versions);
            let found: Vec<u32> = (1..=9)
                .filter(|n| product.includes(granted, &key(&format!("sma(close,{n})"))))
                .collect();
            assert_eq!(
                found,
                expected.into_iter().collect::<Vec<_>>(),
                "{policy} of {versions}, granted at {granted}"
            );
        };
        check("auto", 3, 1, Some(3));
        check("auto", 0, 0, None);
        check("locked", 3, 1, Some(1));
        check("locked", 3, 3, Some(3));
        // Given before there was a version, or of one that there is not.
        check("locked", 3, 0, None);
        check("locked", 3, 4, None);
        check("range:1-2", 3, 1, Some(2));
        check("range:1-2", 1, 1, Some(1));
        check("range:2-4", 3, 1, Some(3));
        check("range:2-4", 1, 1, None);
        check("range:2-4", 9, 9, Some(4));
        check("range:1-4294967295", 3, 1, Some(3));
    }

    #[test]
    fn policies_have_one_spelling() {
        for text in ["locked", "auto", "range:1-1", "range:2-40"] {
            assert_eq!(text.parse::<Policy>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "Auto",
            "range",
            "range:",
            "range:0-1",
            "range:2-1",
            "range:+1-2",
            "range:01-2",
            "range:1-2-3",
            "range:1-4294967296",
            " auto",
        ] {
            assert!(wrong.parse::<Policy>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_are_bounded() {
        let pattern = |n: usize| vec!["*:*:*".parse::<StreamPattern>().unwrap(); n];
        let mut product = Product::new("gold", Policy::Auto);
        assert_eq!(
            product.publish(pattern(0), UnixNanos(1)),
            Err(PublishError::Patterns)
        );
        assert_eq!(
            product.publish(pattern(65), UnixNanos(1)),
            Err(PublishError::Patterns)
        );
        for _ in 0..16 {
            product.publish(pattern(64), UnixNanos(1)).unwrap();
        }
        assert_eq!(product.publish(pattern(1), UnixNanos(1)), Err(PublishError::Full));
        assert_eq!((product.newest(), product.revision), (16, 16));
        product.retire(UnixNanos(2));
        assert_eq!(
            product.publish(pattern(1), UnixNanos(3)),
            Err(PublishError::Retired)
        );
    }
}
