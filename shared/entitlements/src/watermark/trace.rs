//! Who received values: by the marks in them, with the probability that chance
//! alone would have shown as much.
//!
//! The originals are known from the log. A leaked value lies in the cell of one
//! of them, whatever its order, its time and what was dropped around it; what
//! its digits then say is compared with what each candidate would have received.
//! Under the hypothesis that a candidate did not receive it, their marks are
//! independent of the leak and uniform. Two statistics are bounded from that:
//!
//! - **matches**: how many values carry the candidate's mark, as exactly as their
//!   digits tell. Each does by chance with a probability that is known from its
//!   digits; the sum is bounded by Chernoff. It finds copies, parts of copies, and
//!   copies of several mixed row by row.
//! - **lean**: how far all values lean the way of the candidate's marks, a sum of
//!   independent terms whose moments are below those of a normal distribution (Hoeffding).
//!   It finds copies that were averaged, or blurred by noise.
//!
//! What is stated is the probability that any candidate at all would be named by
//! either: both bounds, times the candidates, times the keys.

use std::collections::{BTreeMap, HashMap};

use tickwire_streams::Offset;

use super::Marker;
use super::mark::{Grid, LEVELS};

/// Probability below which a candidate is named.
pub const FALSE_POSITIVE_MAX: f64 = 1e-9;
/// Statistics that are asked.
const STATISTICS: f64 = 2.0;
/// Middle of all marks.
const MIDDLE: f64 = (LEVELS as f64 + 1.0) / 2.0;
/// Variance that bounds that of a mark: of the continuous uniform distribution around it.
const VARIANCE: f64 = LEVELS as f64 * LEVELS as f64 / 12.0;
/// Originals in one cell that are told apart by their marks.
const ORIGINALS_MAX: usize = 16;
/// How far a value may be from its decimal text, in parts of a cell.
const SLACK: f64 = 0.25;

/// A value as it was computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Original {
    /// Which of the streams.
    pub stream: u32,
    /// Of which signal.
    pub offset: Offset,
    /// Which output of the expression.
    pub output: u32,
    /// The value.
    pub value: f64,
    /// Smallest tick of its instrument, see [`super::tick_min`].
    pub tick: f64,
}

/// A value as it was found, from its text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leaked {
    value: f64,
    /// Decimals of its text.
    decimals: i32,
}

impl Leaked {
    /// From the text of a number; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse().ok()?),
            None => (text, 0_i32),
        };
        let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        Some(Self {
            value,
            decimals: i32::try_from(decimals).ok()?.checked_sub(exponent)?,
        })
    }
}

/// What leaked values of one cell say. No other cell has the same originals, so what
/// chance does in one is independent of what it does in the others.
#[derive(Clone, Debug)]
struct Trial {
    /// What lies in the cell: stream, offset, output. One of them was leaked.
    originals: Vec<(u32, Offset, u32)>,
    /// Where marks stand that were found, and how far around them.
    found: Vec<(f64, f64)>,
    /// Bound on the probability that a mark of chance is one of those.
    chance: f64,
    /// Sum of how far they stand from the middle; 0 where there are several originals.
    lean: f64,
}

/// Leaked values beside their originals.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    trials: Vec<Trial>,
    /// Values that lie in the cell of no original.
    pub strange: usize,
    /// Values that lie beside too many, which say nothing.
    pub ambiguous: usize,
    /// Values with too few digits to hold a mark.
    pub coarse: usize,
}

/// What is said of one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The candidate.
    pub subscriber: String,
    /// Id of the key of the marks.
    pub key_id: String,
    /// Values that carry the candidate's mark.
    pub matches: usize,
    /// Probability that chance would name any candidate by as much.
    pub false_positive: f64,
}

/// What a trace found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Those whose false-positive probability is small enough, the surest first.
    pub named: Vec<Finding>,
    /// The surest of the others.
    pub next: Option<Finding>,
    /// Values that were compared.
    pub values: usize,
    /// Candidates, each with each key.
    pub candidates: usize,
}

impl Trace {
    /// Finds the original of each leaked value.
    pub fn new(originals: &[Original], leaked: &[Leaked]) -> Self {
        let mut cells: HashMap<(Grid, i64), Vec<usize>> = HashMap::new();
        let mut ticks: Vec<f64> = Vec::new();
        for (place, original) in originals.iter().enumerate() {
            if !ticks.contains(&original.tick) {
                ticks.push(original.tick);
            }
            if let Some(grid) = Grid::of(original.value, original.tick)
                && let Some(cell) = grid.cell(original.value)
            {
                cells.entry((grid, cell)).or_default().push(place);
            }
        }
        // In order, so that grids that are the same stand together.
        ticks.sort_unstable_by(f64::total_cmp);
        let mut trace = Self::default();
        let mut trials: BTreeMap<&[usize], Vec<(f64, f64)>> = BTreeMap::new();
        for leak in leaked {
            let mut places: Vec<(&[usize], f64, f64)> = Vec::new();
            let mut coarse = false;
            let mut grids: Vec<Grid> = ticks
                .iter()
                .filter_map(|tick| Grid::of(leak.value, *tick))
                .collect();
            grids.dedup();
            for grid in grids {
                let Some(parts) = grid.parts(leak.value) else {
                    continue;
                };
                // What one unit of its last digit is, in parts.
                let lost = grid.decimals_of_parts() - leak.decimals;
                let within = if lost > 0 { 10_f64.powi(lost) } else { 0.0 };
                if within >= Grid::PARTS as f64 {
                    coarse = true;
                    continue;
                }
                let cell = (parts / Grid::PARTS as f64).floor() as i64;
                // Rounded up, it may have left its cell.
                for cell in [cell, cell - 1] {
                    let mark = parts - (cell * Grid::PARTS) as f64;
                    if mark - within <= f64::from(LEVELS) + SLACK
                        && let Some(here) = cells.get(&(grid, cell))
                    {
                        places.push((here, mark, within));
                    }
                }
            }
            match places.as_slice() {
                [] if coarse => trace.coarse += 1,
                [] => trace.strange += 1,
                [(here, mark, within)] if here.len() <= ORIGINALS_MAX => {
                    let found = trials.entry(here).or_default();
                    // The same value twice says it once.
                    if !found.iter().any(|(other, _)| (other - mark).abs() < SLACK) {
                        found.push((*mark, *within));
                    }
                }
                _ => trace.ambiguous += 1,
            }
        }
        trace.trials = trials
            .into_iter()
            .map(|(here, found)| {
                let of = |place: &usize| {
                    let original = &originals[*place];
                    (original.stream, original.offset, original.output)
                };
                let chance: f64 = found.iter().map(|(mark, within)| chance_of(*mark, *within)).sum();
                let lean: f64 = found.iter().map(|(mark, _)| mark - MIDDLE).sum();
                Trial {
                    originals: here.iter().map(of).collect(),
                    chance: (chance * here.len() as f64).min(1.0),
                    lean: if here.len() == 1 { lean } else { 0.0 },
                    found,
                }
            })
            .collect();
        trace
    }

    /// Values that have an original.
    pub fn values(&self) -> usize {
        self.trials.len()
    }

    /// Asks all candidates: of each a name, and the markers of all streams, in their order.
    /// Who may have received by several keys is a candidate with each.
    pub fn ask<'a>(&self, candidates: impl Iterator<Item = (&'a str, Vec<Marker>)>) -> Verdict {
        self.ask_among(candidates, 0)
    }

    /// The same of some among so many: what is stated is for all of them.
    pub fn ask_among<'a>(
        &self,
        candidates: impl Iterator<Item = (&'a str, Vec<Marker>)>,
        among: usize,
    ) -> Verdict {
        let mut scores: Vec<(String, String, usize, f64)> = Vec::new();
        for (subscriber, markers) in candidates {
            let (matches, lean) = self.score(&markers);
            let key_id = markers.first().map(|marker| marker.key_id().to_owned());
            scores.push((subscriber.to_owned(), key_id.unwrap_or_default(), matches, lean));
        }
        let candidates = scores.len().max(among);
        let mut findings: Vec<Finding> = scores
            .into_iter()
            .map(|(subscriber, key_id, matches, lean)| Finding {
                subscriber,
                key_id,
                matches,
                false_positive: self.false_positive(matches, lean, candidates),
            })
            .collect();
        findings.sort_by(|a, b| {
            a.false_positive
                .total_cmp(&b.false_positive)
                .then(b.matches.cmp(&a.matches))
        });
        let named = findings.partition_point(|finding| finding.false_positive < FALSE_POSITIVE_MAX);
        let next = findings.get(named).cloned();
        findings.truncate(named);
        Verdict {
            named: findings,
            next,
            values: self.trials.len(),
            candidates,
        }
    }

    /// Matches and lean of a candidate.
    fn score(&self, markers: &[Marker]) -> (usize, f64) {
        let (mut matches, mut lean) = (0, 0.0);
        for trial in &self.trials {
            let mut is_match = false;
            for (stream, offset, output) in &trial.originals {
                let Some(marker) = markers.get(*stream as usize) else {
                    continue;
                };
                let level = f64::from(marker.level(*offset, *output as usize));
                let is_near = |(mark, within): &(f64, f64)| (level - mark).abs() <= within + SLACK;
                is_match |= trial.found.iter().any(is_near);
                lean += trial.lean * (level - MIDDLE);
            }
            matches += usize::from(is_match);
        }
        (matches, lean)
    }

    /// The bound for any of so many candidates.
    fn false_positive(&self, matches: usize, lean: f64, candidates: usize) -> f64 {
        let by_matches = self.tail_of_matches(matches);
        let squares: f64 = self.trials.iter().map(|trial| trial.lean * trial.lean).sum();
        let by_lean = if lean > 0.0 && squares > 0.0 {
            -lean * lean / (2.0 * squares * VARIANCE)
        } else {
            0.0
        };
        (by_matches.min(by_lean).exp() * STATISTICS * candidates as f64).min(1.0)
    }

    /// Logarithm of a bound on the probability of so many matches or more (Chernoff).
    fn tail_of_matches(&self, matches: usize) -> f64 {
        let expected: f64 = self.trials.iter().map(|trial| trial.chance).sum();
        if matches as f64 <= expected {
            return 0.0;
        }
        if matches == self.trials.len() {
            return self.trials.iter().map(|trial| trial.chance.ln()).sum();
        }
        // Any slope gives a bound; the function is convex, so the best is found by thirds.
        let bound = |slope: f64| {
            let moments = self
                .trials
                .iter()
                .map(|trial| (trial.chance * slope.exp_m1()).ln_1p());
            moments.sum::<f64>() - slope * matches as f64
        };
        let (mut low, mut high) = (0.0, 20.0);
        for _ in 0..60 {
            let third = (high - low) / 3.0;
            if bound(low + third) < bound(high - third) {
                high -= third;
            } else {
                low += third;
            }
        }
        bound((low + high) / 2.0).min(0.0)
    }
}

/// Part of all marks that stand so near.
fn chance_of(mark: f64, within: f64) -> f64 {
    let reach = within + SLACK;
    let (low, high) = (
        (mark - reach).ceil().max(1.0),
        (mark + reach).floor().min(f64::from(LEVELS)),
    );
    // None is as likely as the least that can be told.
    ((high - low + 1.0) / f64::from(LEVELS)).max(1.0 / f64::from(LEVELS))
}
