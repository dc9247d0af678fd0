//! Sums over the last `period` values, in O(1), accurate for ever.
//!
//! A running sum that adds the new value and subtracts the old one collects every
//! rounding error it ever made. Here nothing is subtracted: values are filled in
//! blocks of `period`; a window is a tail of the previous block, whose sums are
//! made when the block is full, and a head of the current one, which is added to.
//! Values are taken relative to an anchor, the last value of the previous block,
//! which every window contains: so a flat window is flat to the bit, and a variance
//! loses at most a factor `period` to cancellation.

use crate::{StateError, StateReader, StateWriter, sample::is_usable};

/// Sums of the first `POWERS` powers of `value - anchor`.
#[derive(Clone, Debug)]
pub(crate) struct Window<const POWERS: usize> {
    /// Places before `at` belong to the current block, the others to the previous one.
    values: Box<[f64]>,
    /// `tails[i]`: sums over `values[i..]` of the previous block.
    tails: Box<[[f64; POWERS]]>,
    head: [f64; POWERS],
    anchor: f64,
    at: usize,
    full: bool,
}

/// Sums of powers over a full window, relative to `anchor`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums<const POWERS: usize> {
    anchor: f64,
    sums: [f64; POWERS],
    count: f64,
}

impl Sums<1> {
    pub(crate) fn mean(&self) -> f64 {
        self.anchor + self.sums[0] / self.count
    }
}

impl Sums<2> {
    pub(crate) fn mean(&self) -> f64 {
        self.anchor + self.sums[0] / self.count
    }

    /// Of the population (divided by the count, ddof 0).
    pub(crate) fn variance(&self) -> f64 {
        let mean = self.sums[0] / self.count;
        (self.sums[1] / self.count - mean * mean).max(0.0)
    }
}

fn add<const POWERS: usize>(mut sums: [f64; POWERS], deviation: f64) -> [f64; POWERS] {
    let mut power = deviation;
    for sum in &mut sums {
        *sum += power;
        power *= deviation;
    }
    sums
}

impl<const POWERS: usize> Window<POWERS> {
    pub(crate) fn new(period: u32) -> Self {
        let period = period.max(1) as usize;
        Self {
            values: vec![0.0; period].into(),
            tails: vec![[0.0; POWERS]; period].into(),
            head: [0.0; POWERS],
            anchor: 0.0,
            at: 0,
            full: false,
        }
    }

    pub(crate) fn push(&mut self, value: f64) -> Option<Sums<POWERS>> {
        self.values[self.at] = value;
        self.at += 1;
        if self.at < self.values.len() {
            if !self.full {
                return None;
            }
            self.head = add(self.head, value - self.anchor);
            return Some(self.sums(self.anchor, self.tails[self.at], self.head));
        }
        self.at = 0;
        self.full = true;
        self.anchor = value;
        self.head = [0.0; POWERS];
        self.fill_tails(0);
        Some(self.sums(self.anchor, self.tails[0], self.head))
    }

    /// What [`Self::push`] would give.
    pub(crate) fn peek(&self, value: f64) -> Option<Sums<POWERS>> {
        let after = self.at + 1;
        if after < self.values.len() {
            let head = add(self.head, value - self.anchor);
            return self.full.then(|| self.sums(self.anchor, self.tails[after], head));
        }
        let last = add([0.0; POWERS], 0.0);
        let others = &self.values[..self.at];
        let tail = others
            .iter()
            .rev()
            .fold(last, |sums, other| add(sums, other - value));
        Some(self.sums(value, tail, [0.0; POWERS]))
    }

    fn sums(&self, anchor: f64, tail: [f64; POWERS], head: [f64; POWERS]) -> Sums<POWERS> {
        let mut sums = tail;
        for (sum, head) in sums.iter_mut().zip(head) {
            *sum += head;
        }
        Sums {
            anchor,
            sums,
            count: self.values.len() as f64,
        }
    }

    fn fill_tails(&mut self, from: usize) {
        let mut sums = [0.0; POWERS];
        for (tail, value) in self.tails.iter_mut().zip(&self.values).skip(from).rev() {
            sums = add(sums, value - self.anchor);
            *tail = sums;
        }
    }

    pub(crate) fn write(&self, into: &mut StateWriter<'_>) {
        into.count(self.at as u32);
        into.count(u32::from(self.full));
        into.number(self.anchor);
        self.head.iter().for_each(|sum| into.number(*sum));
        let filled = if self.full { self.values.len() } else { self.at };
        self.values
            .iter()
            .take(filled)
            .for_each(|value| into.number(*value));
    }

    pub(crate) fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.at = from.count(self.values.len() as u32 - 1)? as usize;
        self.full = from.count(1)? == 1;
        self.anchor = from.number()?;
        for sum in &mut self.head {
            *sum = from.number()?;
        }
        let filled = if self.full { self.values.len() } else { self.at };
        for value in self.values.iter_mut().take(filled) {
            *value = from.number()?;
        }
        if !self
            .values
            .iter()
            .take(filled)
            .chain([&self.anchor])
            .all(|value| is_usable(*value))
        {
            return Err(StateError::Damaged);
        }
        // Tails are a function of the values, so they need no bytes.
        self.fill_tails(self.at);
        Ok(())
    }
}
