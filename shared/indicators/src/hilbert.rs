//! Ehlers' measure of the dominant cycle by a Hilbert transform, as TA-Lib computes it.

use crate::state::state;

const A: f64 = 0.0962;
const B: f64 = 0.5769;

/// Bars that are kept: the longest cycle.
pub(crate) const CYCLE_BARS_MAX: usize = 50;

state! {
    /// One transform on every other bar.
    Transform { ; ring: [f64; 3], before: f64, input: f64 }
}

impl Transform {
    fn new() -> Self {
        Self {
            ring: [0.0; 3],
            before: 0.0,
            input: 0.0,
        }
    }

    fn next(&mut self, input: f64, place: usize, scale: f64) -> f64 {
        let new = A * input;
        let old = std::mem::replace(&mut self.ring[place], new);
        let before = std::mem::replace(&mut self.before, B * self.input);
        self.input = input;
        (new - old - before + self.before) * scale
    }
}

state! {
    /// What even bars have apart from odd ones.
    Half { ; detrender: Transform, quadrature: Transform, ji: Transform, jq: Transform, newer: f64, older: f64 }
}

impl Half {
    fn new() -> Self {
        Self {
            detrender: Transform::new(),
            quadrature: Transform::new(),
            ji: Transform::new(),
            jq: Transform::new(),
            newer: 0.0,
            older: 0.0,
        }
    }
}

state! {
    /// The cycle so far.
    Cycle {
        start: u32;
        bar: u32, odd_bar: bool, place: u32, prices: [f64; 3], halves: [Half; 2],
        i2: f64, q2: f64, re: f64, im: f64, period: f64, smooth: f64
    }
}

/// What a bar tells of the cycle.
pub(crate) struct Measured {
    /// The price, smoothed over 4 bars.
    pub(crate) price: f64,
    /// Degrees between the components in phase and in quadrature.
    pub(crate) phase: f64,
    /// Bars of the dominant cycle, smoothed.
    pub(crate) period: f64,
}

impl Cycle {
    /// TA-Lib begins at bar 12 or 37, by function.
    pub(crate) fn from_bar(start: u32) -> Self {
        Self {
            start,
            bar: 0,
            odd_bar: false,
            place: 0,
            prices: [0.0; 3],
            halves: [Half::new(), Half::new()],
            i2: 0.0,
            q2: 0.0,
            re: 0.0,
            im: 0.0,
            period: 0.0,
            smooth: 0.0,
        }
    }

    /// Bars taken, counted up to those of the longest warm-up.
    pub(crate) fn bars(&self) -> u32 {
        self.bar
    }

    pub(crate) fn next(&mut self, x: f64) -> Option<Measured> {
        let [first, second, third] = self.prices;
        self.prices = [x, first, second];
        let is_odd = self.odd_bar;
        self.odd_bar = !is_odd;
        self.bar = (self.bar + 1).min(1_000);
        if self.bar <= self.start {
            return None;
        }
        let price = (4.0 * x + 3.0 * first + 2.0 * second + third) * 0.1;
        let scale = 0.075f64.mul_add(self.period, 0.54);
        let place = (self.place as usize).min(2);
        let [even, odd] = &mut self.halves;
        let (own, other) = if is_odd { (odd, even) } else { (even, odd) };
        let detrender = own.detrender.next(price, place, scale);
        let q1 = own.quadrature.next(detrender, place, scale);
        let i1 = own.older;
        let ji = own.ji.next(i1, place, scale);
        let jq = own.jq.next(q1, place, scale);
        (other.older, other.newer) = (other.newer, detrender);
        if !is_odd {
            self.place = (self.place + 1) % 3;
        }
        let q2 = 0.2f64.mul_add(q1 + ji, 0.8 * self.q2);
        let i2 = 0.2f64.mul_add(i1 - jq, 0.8 * self.i2);
        self.re = 0.8f64.mul_add(self.re, 0.2 * i2.mul_add(self.i2, q2 * self.q2));
        self.im = 0.8f64.mul_add(self.im, 0.2 * (i2 * self.q2 - q2 * self.i2));
        (self.i2, self.q2) = (i2, q2);
        let old = self.period;
        let mut period = old;
        if self.im != 0.0 && self.re != 0.0 {
            period = 360.0 / (self.im / self.re).atan().to_degrees();
        }
        period = if period > 1.5 * old { 1.5 * old } else { period };
        period = if period < 0.67 * old { 0.67 * old } else { period };
        period = period.clamp(6.0, 50.0);
        self.period = 0.2f64.mul_add(period, 0.8 * old);
        self.smooth = 0.67f64.mul_add(self.smooth, 0.33 * self.period);
        Some(Measured {
            price,
            phase: if i1 == 0.0 {
                0.0
            } else {
                (q1 / i1).atan().to_degrees()
            },
            period: self.smooth,
        })
    }
}

state! {
    /// The last bars, newest first by age.
    Past { ; values: [f64; CYCLE_BARS_MAX], at: u32 }
}

impl Past {
    pub(crate) fn new() -> Self {
        Self {
            values: [0.0; CYCLE_BARS_MAX],
            at: 0,
        }
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.at = (self.at + 1) % CYCLE_BARS_MAX as u32;
        self.values[self.at as usize] = value;
    }

    /// The value `age` bars ago, at most 49.
    pub(crate) fn ago(&self, age: usize) -> f64 {
        self.values[(self.at as usize + CYCLE_BARS_MAX - age % CYCLE_BARS_MAX) % CYCLE_BARS_MAX]
    }
}

state! {
    /// The mean over a cycle, smoothed.
    TrendLine { ; prices: Past, older: [f64; 3] }
}

impl TrendLine {
    pub(crate) fn new() -> Self {
        Self {
            prices: Past::new(),
            older: [0.0; 3],
        }
    }

    pub(crate) fn push(&mut self, x: f64) {
        self.prices.push(x);
    }

    pub(crate) fn next(&mut self, period: f64) -> f64 {
        let bars = ((period + 0.5) as usize).min(CYCLE_BARS_MAX);
        let sum: f64 = (0..bars).map(|age| self.prices.ago(age)).sum();
        let mean = if bars > 0 { sum / bars as f64 } else { 0.0 };
        let [first, second, third] = self.older;
        self.older = [mean, first, second];
        (4.0 * mean + 3.0 * first + 2.0 * second + third) / 10.0
    }
}

state! {
    /// The phase of the dominant cycle, in degrees.
    Phase { ; prices: Past, phase: f64 }
}

impl Phase {
    pub(crate) fn new() -> Self {
        Self {
            prices: Past::new(),
            phase: 0.0,
        }
    }

    /// As of the last bar.
    pub(crate) fn phase(&self) -> f64 {
        self.phase
    }

    pub(crate) fn next(&mut self, measured: &Measured) -> f64 {
        self.prices.push(measured.price);
        let bars = ((measured.period + 0.5) as usize).min(CYCLE_BARS_MAX);
        let (mut real, mut imaginary) = (0.0, 0.0);
        for age in 0..bars {
            let angle = age as f64 * std::f64::consts::TAU / bars as f64;
            let price = self.prices.ago(age);
            real += angle.sin() * price;
            imaginary += angle.cos() * price;
        }
        let mut phase = self.phase;
        if imaginary != 0.0 {
            phase = (real / imaginary).atan().to_degrees();
        } else if real < 0.0 {
            phase -= 90.0;
        } else if real > 0.0 {
            phase += 90.0;
        }
        phase += 90.0 + 360.0 / measured.period;
        if imaginary < 0.0 {
            phase += 180.0;
        }
        if phase > 315.0 {
            phase -= 360.0;
        }
        self.phase = phase;
        phase
    }
}

/// Sine of a phase, and of 45 degrees more.
pub(crate) fn sines(phase: f64) -> (f64, f64) {
    (phase.to_radians().sin(), (phase + 45.0).to_radians().sin())
}
