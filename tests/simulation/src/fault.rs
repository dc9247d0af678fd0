//! What can go wrong, how often, and how often it did.

use std::fmt;
use std::str::FromStr;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::planted::names;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fault {
    /// A batch that was worked on is handed out again.
    Duplicate,
    /// A call takes up to half a second.
    Delay,
    /// A group of a queue stands still while others go on.
    Reorder,
    /// The acknowledgement of a batch is lost.
    DropAcknowledgement,
    /// A call is throttled.
    Throttle,
    /// A call fails, and nothing happened.
    Unavailable,
    /// A call takes effect, and its answer is lost.
    LostAnswer,
    /// Messages that one consumer works on are given to another as well.
    TwoConsumers,
    /// A call takes so long that the lease of its messages runs out.
    LeaseExpiry,
    /// A function dies at a call, before or after its effect.
    Crash,
    /// A connection breaks: posts to it are answered by 410.
    Gone,
    /// Posts are answered by 429.
    TooMany,
    /// A post takes longer than its budget.
    SlowPost,
    /// A process's clock jumps.
    Clock,
    /// A sender is superseded and goes on sending.
    OldSender,
    /// A message or a tick that cannot be right.
    Poison,
    /// The account's quota of posts is short for some seconds: those beyond it are answered by 429.
    QuotaShort,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Duplicate,
        Self::Delay,
        Self::Reorder,
        Self::DropAcknowledgement,
        Self::Throttle,
        Self::Unavailable,
        Self::LostAnswer,
        Self::TwoConsumers,
        Self::LeaseExpiry,
        Self::Crash,
        Self::Gone,
        Self::TooMany,
        Self::SlowPost,
        Self::Clock,
        Self::OldSender,
        Self::Poison,
        Self::QuotaShort,
    ];

    /// The one spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Delay => "delay",
            Self::Reorder => "reorder",
            Self::DropAcknowledgement => "drop-acknowledgement",
            Self::Throttle => "throttle",
            Self::Unavailable => "unavailable",
            Self::LostAnswer => "lost-answer",
            Self::TwoConsumers => "two-consumers",
            Self::LeaseExpiry => "lease-expiry",
            Self::Crash => "crash",
            Self::Gone => "gone-410",
            Self::TooMany => "too-many-429",
            Self::SlowPost => "slow-post",
            Self::Clock => "clock",
            Self::OldSender => "old-sender",
            Self::Poison => "poison",
            Self::QuotaShort => "quota-short",
        }
    }

    /// How often it acts where it can: one in so many, at the middle of intensity.
    const fn one_in(self) -> f64 {
        match self {
            Self::Duplicate | Self::DropAcknowledgement | Self::TwoConsumers => 25.0,
            Self::Delay => 60.0,
            Self::Reorder => 80.0,
            Self::Throttle | Self::Unavailable | Self::LostAnswer => 250.0,
            Self::LeaseExpiry => 700.0,
            Self::Crash => 500.0,
            Self::TooMany => 60.0,
            Self::SlowPost => 150.0,
            // These act at moments of their own, so many seconds apart.
            Self::Gone => 4.0,
            Self::Clock => 8.0,
            Self::OldSender => 15.0,
            Self::Poison => 5.0,
            Self::QuotaShort => 12.0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no kind of fault; those are: {all}", all = names(&Fault::ALL.map(Fault::as_str)))]
pub struct UnknownFault(String);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|fault| fault.as_str() == text)
            .ok_or_else(|| UnknownFault(text.chars().take(40).collect()))
    }
}

/// A set of kinds of faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u32);

impl Faults {
    /// Whether it is in the set.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u8) != 0
    }

    /// With it.
    pub fn with(self, fault: Fault) -> Self {
        Self(self.0 | 1 << fault as u8)
    }

    /// Without it.
    pub fn without(self, fault: Fault) -> Self {
        Self(self.0 & !(1 << fault as u8))
    }

    /// How many.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// None.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in it.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |fault| self.has(*fault))
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<T: IntoIterator<Item = Fault>>(faults: T) -> Self {
        faults.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.iter().map(Fault::as_str).collect();
        f.write_str(&all.join(","))
    }
}

/// How often each fault acted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage([u64; Fault::ALL.len()]);

impl Coverage {
    /// How often one acted.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Kinds that acted.
    pub fn kinds(&self) -> usize {
        self.0.iter().filter(|count| **count > 0).count()
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }
}

/// A generator of its own for one purpose: what is left out of a run changes
/// nothing of what the others throw.
pub(crate) fn generator(seed: u64, purpose: u64) -> Pcg64Mcg {
    // SplitMix64, so that neighbouring seeds have nothing in common.
    let mix = |mut x: u64| {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    };
    Pcg64Mcg::seed_from_u64(mix(mix(seed) ^ purpose))
}

/// Throws for each kind of fault, and counts.
#[derive(Debug)]
pub(crate) struct Dice {
    active: Faults,
    /// Nothing happens any longer.
    pub(crate) calm: bool,
    generators: Vec<Pcg64Mcg>,
    chances: Vec<f64>,
    pub(crate) coverage: Coverage,
}

impl Dice {
    /// `intensity` multiplies every chance.
    pub(crate) fn new(seed: u64, active: Faults, intensity: f64) -> Self {
        Self {
            active,
            calm: false,
            generators: Fault::ALL
                .iter()
                .map(|fault| generator(seed, 100 + *fault as u64))
                .collect(),
            chances: Fault::ALL
                .iter()
                .map(|fault| (intensity / fault.one_in()).min(0.5))
                .collect(),
            coverage: Coverage::default(),
        }
    }

    /// Whether it may act now.
    pub(crate) fn is_active(&self, fault: Fault) -> bool {
        !self.calm && self.active.has(fault)
    }

    /// Whether it acts here.
    pub(crate) fn acts(&mut self, fault: Fault) -> bool {
        if !self.is_active(fault) {
            return false;
        }
        let acts = self.generators[fault as usize].random::<f64>() < self.chances[fault as usize];
        if acts {
            self.count(fault);
        }
        acts
    }

    /// It acted.
    pub(crate) fn count(&mut self, fault: Fault) {
        self.coverage.0[fault as usize] += 1;
    }

    /// Seconds to the next time that it acts by itself; `None` if it never does.
    pub(crate) fn next_seconds(&mut self, fault: Fault) -> Option<f64> {
        if !self.is_active(fault) {
            return None;
        }
        let mean = 1.0 / self.chances[fault as usize];
        Some(mean * self.generators[fault as usize].random_range(0.3..1.7))
    }

    /// A number in `[from, to)` for a fault that acts.
    pub(crate) fn range(&mut self, fault: Fault, from: i64, to: i64) -> i64 {
        self.generators[fault as usize].random_range(from..to.max(from + 1))
    }
}
