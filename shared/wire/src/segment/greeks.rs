//! Greeks of options by what they were computed from: a reader computes them again, to the
//! same bits.

use serde::{Deserialize, Serialize};
use tickwire_market::{Right, UnixNanos};
use tickwire_options::{Basis, Carry};
use tickwire_signals::{GREEKS, PriceValue, Valuation, Value, Valuer};

use crate::columns::{Integers, Numbers, Runs, Times, field};

/// A column a field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Greeks {
    /// Curves of rates by days.
    curves: Vec<Vec<(f64, f64)>>,
    expiries: Vec<StoredExpiry>,
    /// Exchange time, beside that of the cause.
    time: Times,
    /// Place of the expiry, then [`CALL`], [`TWIN`] and [`OWN_PRICE`].
    contract: Integers,
    spot: Runs<f64>,
    strike: Numbers,
    /// The price that was solved, where it is not that of the tick that caused the signal.
    price: Numbers,
    /// Which of the values the signal has; [`GREEKS`]: all of them.
    output: Runs<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct StoredExpiry {
    close: i64,
    curve: u32,
    carry: StoredCarry,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum StoredCarry {
    Yield(f64),
    Forward(f64),
    Future,
}

/// The contract is a call.
const CALL: i64 = 1;
/// The other right of its strike was solved.
const TWIN: i64 = 1 << 1;
/// The price that was solved is that of the cause.
const OWN_PRICE: i64 = 1 << 2;
const FLAGS: u32 = 3;

impl From<Carry> for StoredCarry {
    fn from(carry: Carry) -> Self {
        match carry {
            Carry::Yield(yielded) => Self::Yield(yielded),
            Carry::Forward(forward) => Self::Forward(forward),
            Carry::Future => Self::Future,
        }
    }
}

impl From<StoredCarry> for Carry {
    fn from(carry: StoredCarry) -> Self {
        match carry {
            StoredCarry::Yield(yielded) => Self::Yield(yielded),
            StoredCarry::Forward(forward) => Self::Forward(forward),
            StoredCarry::Future => Self::Future,
        }
    }
}

/// Takes the signals one after the other.
#[derive(Default)]
pub(super) struct GreeksWriter {
    packed: Greeks,
    valuer: Valuer,
    time: Vec<i64>,
    caused: Vec<i64>,
    contract: Vec<i64>,
    strike: Vec<f64>,
    price: Vec<f64>,
}

impl GreeksWriter {
    /// Takes a signal of `time`, caused at `caused` by a tick of price `own`, if a reader will
    /// find the same bits.
    pub(super) fn take(
        &mut self,
        valuation: &Valuation,
        outputs: &[Value],
        (time, caused): (i64, i64),
        own: Option<f64>,
    ) -> bool {
        let Valuation { close, rates, basis } = valuation;
        let conditions = &basis.conditions;
        // What the reader will make of it.
        let again = Valuation::conditions(rates, *close, UnixNanos(time), conditions.spot, conditions.carry);
        if again != Some(*conditions) {
            return false;
        }
        let Some(greeks) = self.valuer.greeks(basis) else {
            return false;
        };
        let Some(output) = which(&greeks, outputs) else {
            return false;
        };
        let expiry = self.expiry(*close, rates, conditions.carry.into());
        let own = own.is_some_and(|own| own.to_bits() == basis.price.to_bits());
        let mut contract = (expiry as i64) << FLAGS;
        for (flag, is) in [
            (CALL, basis.right == Right::Call),
            (TWIN, basis.right != basis.solved),
            (OWN_PRICE, own),
        ] {
            contract |= if is { flag } else { 0 };
        }
        if !own {
            self.price.push(basis.price);
        }
        self.packed.output.push(output);
        self.packed.spot.push(conditions.spot);
        self.time.push(time);
        self.caused.push(caused);
        self.contract.push(contract);
        self.strike.push(basis.strike);
        true
    }

    fn expiry(&mut self, close: UnixNanos, rates: &[(f64, f64)], carry: StoredCarry) -> usize {
        let curves = &mut self.packed.curves;
        let curve = curves.iter().position(|curve| curve == rates);
        let expiry = StoredExpiry {
            close: close.0,
            curve: curve.unwrap_or(curves.len()) as u32,
            carry,
        };
        if curve.is_none() {
            curves.push(rates.to_vec());
        }
        let expiries = &mut self.packed.expiries;
        let known = expiries.iter().rposition(|known| *known == expiry);
        known.unwrap_or_else(|| {
            expiries.push(expiry);
            expiries.len() - 1
        })
    }

    /// The columns, if it took a signal.
    pub(super) fn finish(self) -> Option<Greeks> {
        (!self.time.is_empty()).then(|| Greeks {
            time: Times::pack(&self.time, &self.caused),
            contract: Integers::pack(&self.contract),
            strike: Numbers::pack(&self.strike),
            price: Numbers::pack(&self.price),
            ..self.packed
        })
    }
}

/// Which of the Greeks the outputs are, to the bit.
fn which(greeks: &[Value; GREEKS], outputs: &[Value]) -> Option<u8> {
    let at = match outputs {
        [one] => greeks.iter().position(|greek| greek.same_bits(one))?,
        all => {
            let same = all.len() == GREEKS && greeks.iter().zip(all).all(|(a, b)| a.same_bits(b));
            same.then_some(GREEKS)?
        }
    };
    u8::try_from(at).ok()
}

impl Greeks {
    /// Gives one signal's time and values after the other, each for the time and the price of
    /// its cause.
    pub(super) fn reader(
        &self,
    ) -> impl FnMut(i64, Option<PriceValue>) -> Option<(UnixNanos, Vec<Value>)> + '_ {
        let mut valuer = Valuer::default();
        let (mut time, mut contract) = (self.time.reader(), self.contract.reader());
        let (mut spot, mut output) = (self.spot.reader(), self.output.reader());
        let (mut strike, mut price) = (self.strike.reader(), self.price.reader());
        move |caused, own| {
            let time = UnixNanos(time.next(caused)?);
            let contract = contract.next()?;
            let expiry = self.expiries.get(usize::try_from(contract >> FLAGS).ok()?)?;
            let rates = self.curves.get(expiry.curve as usize)?;
            let close = UnixNanos(expiry.close);
            let right = |is_call| if is_call { Right::Call } else { Right::Put };
            let is_call = contract & CALL != 0;
            let basis = Basis {
                conditions: Valuation::conditions(rates, close, time, spot.next()?, expiry.carry.into())?,
                strike: strike.next()?,
                right: right(is_call),
                solved: right(is_call != (contract & TWIN != 0)),
                price: match field(contract & OWN_PRICE == 0, &mut price)? {
                    Some(price) => price,
                    None => own?.option_price()?,
                },
            };
            let greeks = valuer.greeks(&basis)?;
            let values = match usize::from(output.next()?) {
                GREEKS => greeks.to_vec(),
                one => vec![*greeks.get(one)?],
            };
            Some((time, values))
        }
    }
}
