//! Sharing out posts that are short: how many there are, and whose turn it is.
//!
//! A process may make as many posts as its bucket holds. Whoever waits has turns
//! that are as much shorter as its weight is greater, one behind the other, and the
//! next post goes to whose turn ends first (stride scheduling; Waldspurger and Weihl,
//! *Stride Scheduling*, 1995). Of two that wait all the time the posts by weight
//! never differ by more than one post of the lighter.

use std::collections::{BTreeMap, BTreeSet};

use tickwire_market::UnixNanos;

/// Virtual time of a turn of weight 1.
const TURN: u64 = 1 << 40;
/// Posts are counted in parts of so many.
const PARTS: i128 = UnixNanos::PER_SECOND as i128;
/// Who waited no longer ago than all others could ask so many times waits still: it is only that
/// signals come in turns too.
const ROUNDS_STILL: u64 = 16;
/// A place is kept until so many others have asked.
const ASKS_KEPT: u64 = 100_000;

/// How many posts may be made: in any T seconds at most `burst + per_second × T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostQuota {
    /// Posts a second.
    pub per_second: u32,
    /// Posts at once, after a time without any.
    pub burst: u32,
}

impl PostQuota {
    /// The share of one of `sharers`, so that what all of them make is within this quota.
    ///
    /// Both numbers are rounded down, but a share is never nothing: a quota of fewer
    /// posts than sharers cannot be kept.
    #[must_use]
    pub fn share(self, sharers: u32) -> Self {
        let of = |whole: u32| (whole / sharers.max(1)).max(1);
        Self {
            per_second: of(self.per_second),
            burst: of(self.burst),
        }
    }
}

/// Who asked for a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

#[derive(Debug)]
struct Waiter<K> {
    who: K,
    begins: u64,
    ends: u64,
}

/// The posts of one process, shared out among those who wait for one.
#[derive(Debug)]
pub struct Shares<K> {
    quota: PostQuota,
    /// What the bucket holds, in parts of a post.
    parts: i128,
    filled_at: Option<UnixNanos>,
    /// Where the latest turn began that had a post.
    time: u64,
    asked: u64,
    waiting: BTreeMap<Ticket, Waiter<K>>,
    by_end: BTreeSet<(u64, Ticket)>,
    places: BTreeMap<K, Place>,
    tidied: u64,
}

/// Where the next turn of someone begins.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    /// Who had asked when it was last taken.
    asked: u64,
}

impl<K: Ord + Clone> Shares<K> {
    /// With an empty bucket: who starts anew gets nothing for it.
    pub fn new(quota: PostQuota) -> Self {
        Self {
            quota,
            parts: 0,
            filled_at: None,
            time: 0,
            asked: 0,
            waiting: BTreeMap::new(),
            by_end: BTreeSet::new(),
            places: BTreeMap::new(),
            tidied: 0,
        }
    }

    /// Takes `posts` at once, if there are so many and nobody waits for one.
    pub fn take(&mut self, now: UnixNanos, posts: usize) -> bool {
        self.fill(now);
        let parts = posts as i128 * PARTS;
        let taken = self.waiting.is_empty() && parts <= self.parts;
        if taken {
            self.parts -= parts;
        }
        taken
    }

    /// Whether someone waited before.
    pub fn knows(&self, who: &K) -> bool {
        self.places.contains_key(who)
    }

    /// Waits for a post. Who waited before, left without and waits again has not lost its place; who
    /// is new begins where the next in line does.
    pub fn ask(&mut self, who: K, weight: u32) -> Ticket {
        self.tidy();
        let weight = u64::from(weight.max(1));
        let next = self.next_in_line().map_or(self.time, |next| next.begins);
        let still = ROUNDS_STILL * self.places.len() as u64;
        let begins = match self.places.get(&who) {
            Some(place) if self.asked - place.asked <= still => place.at,
            Some(place) => place.at.max(next),
            None => next,
        };
        let ends = begins + TURN / weight;
        self.asked += 1;
        let ticket = Ticket(self.asked);
        let place = Place {
            at: ends,
            asked: self.asked,
        };
        self.places.insert(who.clone(), place);
        self.by_end.insert((ends, ticket));
        self.waiting.insert(ticket, Waiter { who, begins, ends });
        ticket
    }

    fn next_in_line(&self) -> Option<&Waiter<K>> {
        let (_, ticket) = self.by_end.first()?;
        self.waiting.get(ticket)
    }

    /// The next one that has a post, if the bucket holds one.
    pub fn grant(&mut self, now: UnixNanos) -> Option<Ticket> {
        self.fill(now);
        if self.parts < PARTS {
            return None;
        }
        let (_, ticket) = self.by_end.pop_first()?;
        if let Some(waiter) = self.waiting.remove(&ticket) {
            self.time = self.time.max(waiter.begins);
        }
        self.parts -= PARTS;
        Some(ticket)
    }

    /// Waits no longer, and keeps its place.
    pub fn leave(&mut self, ticket: Ticket) {
        let Some(waiter) = self.waiting.remove(&ticket) else {
            return;
        };
        self.by_end.remove(&(waiter.ends, ticket));
        if let Some(place) = self.places.get_mut(&waiter.who) {
            // It may wait for others still, whose turns come that much sooner.
            place.at = place.at.saturating_sub(waiter.ends - waiter.begins);
        }
    }

    fn fill(&mut self, now: UnixNanos) {
        let passed = self.filled_at.map_or(0, |at| now.0.saturating_sub(at.0).max(0));
        // A clock that went back gives nothing, and goes on from there.
        self.filled_at = Some(now);
        let (more, full) = (
            i128::from(passed) * i128::from(self.quota.per_second),
            i128::from(self.quota.burst) * PARTS,
        );
        self.parts = (self.parts + more).min(full);
    }

    /// Forgets places of those who have not asked for long.
    fn tidy(&mut self) {
        if self.asked < self.tidied + ASKS_KEPT {
            return;
        }
        self.tidied = self.asked;
        let since = self.asked - ASKS_KEPT;
        self.places.retain(|_, place| place.asked > since);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WEIGHTS: [u32; 4] = [1, 2, 4, 8];

    fn at(millis: i64) -> UnixNanos {
        UnixNanos(1_795_000_000 * UnixNanos::PER_SECOND + millis * 1_000_000)
    }

    fn shares(per_second: u32, burst: u32) -> Shares<u32> {
        let mut shares = Shares::new(PostQuota { per_second, burst });
        assert!(!shares.take(at(0), 1), "it begins empty");
        shares
    }

    #[test]
    fn what_all_have_is_within_the_whole() {
        let check = |per_second, burst, sharers, expected| {
            let share = PostQuota { per_second, burst }.share(sharers);
            assert_eq!((share.per_second, share.burst), expected, "{sharers}");
        };
        check(10_000, 5_000, 20, (500, 250));
        check(10_000, 5_000, 3, (3_333, 1_666));
        check(10_000, 5_000, 0, (10_000, 5_000));
        check(10, 5, 20, (1, 1));
    }

    #[test]
    fn a_clock_that_jumps_gives_no_more_than_a_burst() {
        let mut shares = shares(10, 5);
        assert!(!shares.take(at(-3_600_000), 1));
        assert!(shares.take(at(0), 5) && !shares.take(at(0), 1));
        assert!(!shares.take(at(99), 1) && shares.take(at(100), 1));
    }

    #[test]
    fn who_waits_keeps_its_place() {
        // Twenty of weight 1 ask again and again; each time there are three posts.
        let mut shares = shares(3, 3);
        let mut served = [0_u32; 20];
        for round in 1..=20 {
            let tickets: Vec<Ticket> = (0..20).map(|who| shares.ask(who, 1)).collect();
            while let Some(ticket) = shares.grant(at(round * 1_000)) {
                served[tickets.iter().position(|t| *t == ticket).unwrap()] += 1;
            }
            tickets.into_iter().for_each(|ticket| shares.leave(ticket));
        }
        assert_eq!(served, [3; 20]);
    }

    #[test]
    fn who_waits_for_two_keeps_its_place() {
        // The heavy one asks once a round, the light one twice; there is one post.
        let mut shares = shares(1, 1);
        let mut served = [0_u32; 2];
        for round in 1..=90 {
            let tickets = [shares.ask(0, 1), shares.ask(0, 1), shares.ask(1, 8)];
            while let Some(ticket) = shares.grant(at(round * 1_000)) {
                served[usize::from(ticket == tickets[2])] += 1;
            }
            tickets.into_iter().for_each(|ticket| shares.leave(ticket));
        }
        assert_eq!(served, [10, 80]);
    }

    #[test]
    fn who_is_away_for_long_has_nothing_for_it() {
        // One of two that weigh the same does not wait while the other has so many posts.
        let check = |away: u32, expected: u32| {
            let mut shares = shares(1_000, 1);
            let mut now = 0;
            let mut turn = |shares: &mut Shares<u32>, waiting: &[u32]| {
                now += 1;
                let tickets: Vec<Ticket> = waiting.iter().map(|who| shares.ask(*who, 1)).collect();
                let ticket = shares.grant(at(now)).unwrap();
                tickets.iter().for_each(|ticket| shares.leave(*ticket));
                waiting[tickets.iter().position(|t| *t == ticket).unwrap()]
            };
            let both = [turn(&mut shares, &[0, 1]), turn(&mut shares, &[0, 1])];
            assert_eq!(both, [0, 1]);
            (0..away).for_each(|_| assert_eq!(turn(&mut shares, &[1]), 1));
            let mut in_advance = 0;
            while turn(&mut shares, &[0, 1]) == 0 {
                in_advance += 1;
            }
            assert_eq!(in_advance, expected, "after {away}");
        };
        check(0, 1);
        check(20, 21);
        check(1_000, 2);
    }

    #[test]
    fn who_is_new_is_neither_first_nor_last() {
        let mut shares = shares(1_000, 1);
        // Some are served while others, who wait too, are not there to take it.
        let behind: Vec<Ticket> = (0..3).map(|who| shares.ask(who, 1)).collect();
        behind.into_iter().for_each(|ticket| shares.leave(ticket));
        for now in 0..6 {
            let ticket = shares.ask(9, 1);
            assert_eq!(shares.grant(at(now + 1)), Some(ticket));
        }
        let mut tickets: Vec<Ticket> = (0..3).map(|who| shares.ask(who, 1)).collect();
        assert!(shares.knows(&9) && !shares.knows(&7));
        tickets.extend([shares.ask(7, 1), shares.ask(9, 1)]);
        let order: Vec<Ticket> = (0..5).map(|now| shares.grant(at(now + 10)).unwrap()).collect();
        assert_eq!(order, tickets);
    }

    #[test]
    fn places_are_forgotten() {
        let mut shares = shares(1_000_000, 1_000_000);
        for who in 0..500_000 {
            let ticket = shares.ask(who, 1);
            if who % 2 == 0 {
                shares.leave(ticket);
            } else {
                assert_eq!(shares.grant(at(i64::from(who))), Some(ticket));
            }
        }
        assert!(
            shares.places.len() as u64 <= 2 * ASKS_KEPT,
            "{}",
            shares.places.len()
        );
        assert!(shares.waiting.is_empty() && shares.by_end.is_empty());
    }

    proptest! {
        /// Whoever comes and goes: no time of any beginning holds more than the quota, and
        /// while someone waits no post is left.
        #[test]
        fn never_over_the_quota_and_nothing_kept_back(
            steps in prop::collection::vec((0_i64..400, 0_u32..12, 0_usize..4, 0_usize..6), 1..150),
            per_second in 1_u32..50,
            burst in 1_u32..20,
        ) {
            let mut shares = shares(per_second, burst);
            let (mut now, mut waiting) = (0, Vec::new());
            let mut made: Vec<(i64, i64)> = Vec::new();
            for (step, who, asks, leaves) in steps {
                now += step;
                let mut posts = 0;
                if shares.take(at(now), asks) {
                    prop_assert!(waiting.is_empty());
                    posts += asks as i64;
                }
                for (n, weight) in WEIGHTS.iter().enumerate().take(asks) {
                    waiting.push(shares.ask(who + n as u32, *weight));
                }
                for _ in 0..leaves.min(waiting.len()) / 2 {
                    shares.leave(waiting.remove(0));
                }
                while let Some(ticket) = shares.grant(at(now)) {
                    let place = waiting.iter().position(|t| *t == ticket);
                    prop_assert!(place.is_some(), "who has a post waits for one");
                    waiting.remove(place.unwrap());
                    posts += 1;
                }
                made.push((now, posts));
                prop_assert!(waiting.is_empty() || shares.parts < PARTS, "a post is kept back");
            }
            for (nth, (begin, _)) in made.iter().enumerate() {
                let mut sum = 0;
                for (end, posts) in &made[nth..] {
                    sum += posts;
                    let most = i64::from(burst) * 1_000 + i64::from(per_second) * (end - begin);
                    prop_assert!(sum * 1_000 <= most, "{sum} from {begin} to {end}");
                }
            }
        }

        /// Of two that wait all the time the posts by weight differ, at every moment, by one post of
        /// the lighter at the most; so nobody starves.
        #[test]
        fn weights_are_kept_within_one_post(
            weights in prop::collection::vec(0_usize..4, 1..40),
            posts in 1_u32..600,
        ) {
            let weights: Vec<u32> = weights.into_iter().map(|place| WEIGHTS[place]).collect();
            let mut shares = shares(1_000, 1);
            let mut tickets: Vec<Ticket> = (0..).zip(&weights).map(|(who, weight)| shares.ask(who, *weight)).collect();
            let mut had = vec![0_u32; weights.len()];
            for nth in 1..=posts {
                let ticket = shares.grant(at(i64::from(nth))).unwrap();
                let who = tickets.iter().position(|t| *t == ticket).unwrap();
                had[who] += 1;
                tickets[who] = shares.ask(who as u32, weights[who]);
                for (one, light) in had.iter().zip(&weights) {
                    for (other, heavy) in had.iter().zip(&weights).filter(|(_, heavy)| *heavy >= light) {
                        let by_weight = i64::from(one * heavy) - i64::from(other * light);
                        prop_assert!(by_weight.abs() <= i64::from(*heavy), "{one} and {other} at {nth}");
                    }
                }
            }
        }

        /// The same among those that wait, leave and come again with each run.
        #[test]
        fn weights_are_kept_over_runs(
            weights in prop::collection::vec(0_usize..4, 2..30),
            part in 2_u32..10,
        ) {
            let weights: Vec<u32> = weights.into_iter().map(|place| WEIGHTS[place]).collect();
            let per_run = (weights.len() as u32 / part).max(1);
            let mut shares = shares(per_run, per_run);
            let mut had = vec![0_u32; weights.len()];
            let (runs, sum) = (400, weights.iter().sum::<u32>());
            for run in 1..=runs {
                let tickets: Vec<Ticket> = (0..).zip(&weights).map(|(who, weight)| shares.ask(who, *weight)).collect();
                while let Some(ticket) = shares.grant(at(i64::from(run) * 1_000)) {
                    had[tickets.iter().position(|t| *t == ticket).unwrap()] += 1;
                }
                tickets.into_iter().for_each(|ticket| shares.leave(ticket));
            }
            let posts = f64::from(runs * per_run);
            prop_assert_eq!(had.iter().sum::<u32>(), runs * per_run);
            for (had, weight) in had.iter().zip(&weights) {
                // A run serves each once at most.
                let due = posts * f64::from(*weight) / f64::from(sum);
                let least = due.min(f64::from(runs) / 2.0);
                prop_assert!(f64::from(*had) >= 0.8 * least - 2.0, "{had} of {due}");
            }
        }
    }
}
