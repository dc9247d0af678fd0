//! Moving average convergence and divergence.

use crate::{
    Definition, Indicator, Input, Parameter, ParameterError, Row, StateError, StateReader, StateWriter,
    indicator::{Dynamic, fill},
    smoothing::Smoothing,
    state::fingerprint,
};

const NAME: &str = "macd";
const FAST: Parameter = Parameter::bars("fast", 2, 12);
const SLOW: Parameter = Parameter::bars("slow", 3, 26);
const SIGNAL: Parameter = Parameter::bars("signal", 1, 9);

/// Moving average convergence and divergence.
///
/// - Formula: `macd = ema(fast) - ema(slow)`, `signal = ema(macd, signal)`,
///   `hist = macd - signal`. The fast average starts late, so that both averages
///   have their first value with the same bar, and all outputs start together.
///   Source: Appel, TA-Lib MACD.
/// - Parameters: `fast` 2 to 10,000, default 12; `slow` 3 to 10,000, default 26;
///   `signal` 1 to 10,000, default 9. `fast` must be less than `slow` (TA-Lib swaps
///   them; here a signal has one spelling).
/// - Input: any series. Outputs: `macd`, `signal`, `hist`.
/// - Warm-up: `slow + signal - 2` bars.
/// - Cost: O(1) a bar; 41 bytes of state.
///
/// ```
/// use tickwire_indicators::{Indicator, Macd, MacdValue};
///
/// let mut macd = Macd::new(2, 3, 1)?;
/// let values = [1.0, 2.0, 3.0].map(|close| macd.next(close));
/// assert_eq!(values, [None, None, Some(MacdValue { macd: 0.5, signal: 0.5, hist: 0.0 })]);
/// # Ok::<(), tickwire_indicators::ParameterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Macd {
    fast: Smoothing,
    slow: Smoothing,
    signal: Smoothing,
}

/// What [`Macd`] yields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MacdValue {
    /// Fast average less slow average.
    pub macd: f64,
    /// Average of it.
    pub signal: f64,
    /// The one less the other.
    pub hist: f64,
}

impl Row for MacdValue {
    const COLUMNS: usize = 3;

    fn write(self, into: &mut [Option<f64>]) {
        fill(into, [self.macd, self.signal, self.hist]);
    }
}

impl Macd {
    /// Of two averages over `fast` and `slow` bars, averaged over `signal`.
    ///
    /// # Errors
    /// When a period is out of bounds, or `fast` is not less than `slow`.
    pub fn new(fast: u32, slow: u32, signal: u32) -> Result<Self, ParameterError> {
        FAST.check(NAME, fast.into())?;
        SLOW.check(NAME, slow.into())?;
        SIGNAL.check(NAME, signal.into())?;
        if fast >= slow {
            return Err(ParameterError::Order {
                indicator: NAME,
                lesser: FAST.name,
                greater: SLOW.name,
            });
        }
        Ok(Self {
            fast: Smoothing::exponential(fast),
            slow: Smoothing::exponential(slow),
            signal: Smoothing::exponential(signal),
        })
    }
}

impl Indicator for Macd {
    type Input = f64;
    type Output = MacdValue;

    fn update(&mut self, input: f64) -> Option<MacdValue> {
        let late = self.slow.period() - self.fast.period();
        let fast = if self.slow.seen() < late {
            None
        } else {
            self.fast.next(input)
        };
        let slow = self.slow.next(input);
        let macd = fast? - slow?;
        let signal = self.signal.next(macd)?;
        Some(MacdValue {
            macd,
            signal,
            hist: macd - signal,
        })
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(
            NAME,
            &[&self.fast, &self.slow, &self.signal].map(|average| average.period().into()),
        )
    }

    fn write(&self, into: &mut StateWriter<'_>) {
        self.fast.write(into);
        self.slow.write(into);
        self.signal.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.fast.read(from)?;
        self.slow.read(from)?;
        self.signal.read(from)
    }
}

pub(crate) const DEFINITION: Definition = Definition {
    name: NAME,
    aliases: &[],
    summary: "Moving average convergence and divergence: two averages' difference, its average, and the rest.",
    inputs: &[Input::Chosen],
    outputs: &["macd", "signal", "hist"],
    parameters: &[FAST, SLOW, SIGNAL],
    source: "Appel, TA-Lib 0.8 MACD",
    warm_up: |parameters| (parameters[1] + parameters[2]) as usize - 2,
    settle: |parameters| {
        let [slow, signal] = [1, 2].map(|at| Smoothing::exponential(parameters[at] as u32).settle());
        (parameters[1] + parameters[2]) as usize - 1 + slow + signal
    },
    window: |_| 0,
    build: |parameters| {
        let [fast, slow, signal] = [0, 1, 2].map(|at| parameters[at] as u32);
        Ok(Box::new(Dynamic(Macd::new(fast, slow, signal)?)))
    },
};
