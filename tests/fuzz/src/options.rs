//! Contracts and chains, whatever is quoted.

use tickwire_market::{Right, UnixNanos};
use tickwire_options::{
    Chain, Curve, Exercise, Expiry, Greek, Lanes, Model, Quote, Settings, Slice, Underlying, Unsolved,
};

use crate::bytes::Bytes;

const DAY: i64 = 86_400 * UnixNanos::PER_SECOND;
const NOW: UnixNanos = UnixNanos(1_750_000_000 * UnixNanos::PER_SECOND);
/// Contracts of a chain.
const CONTRACTS_MAX: usize = 48;

/// Values one contract on every path of this machine. What is told is finite, a volatility is above
/// 0, nothing is made of a number that is none, and all paths tell the same bits.
pub fn contract(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let model = Model::ALL[usize::from(bytes.byte()) % Model::ALL.len()];
    let right = right(bytes.byte());
    let [spot, rate, payout, time, strike, value] = [100.0, 0.05, 0.01, 0.5, 100.0, 0.2].map(|usual| {
        if bytes.byte() < 128 {
            usual * (0.5 + f64::from(bytes.byte()) / 255.0)
        } else {
            bytes.number()
        }
    });
    let Ok(expiry) = Expiry::of_model(model, spot, rate, payout, time) else {
        return;
    };
    let mut first = None;
    for lanes in Lanes::available() {
        let greeks = expiry.greeks(lanes, strike, right, value);
        let found = expiry.implied_volatility(lanes, strike, right, value);
        let told = Greek::ALL.map(|greek| greeks.get(greek));
        assert!(
            told.iter().flatten().all(|value| value.is_finite()),
            "{lanes:?}: told {told:?}"
        );
        assert!(
            found.is_err() || found.is_ok_and(|sigma| sigma > 0.0 && sigma.is_finite()),
            "{lanes:?}: told {found:?}"
        );
        if !strike.is_finite() || strike <= 0.0 || !value.is_finite() {
            assert_eq!(
                found,
                Err(Unsolved::BadInput),
                "{lanes:?}: strike {strike}, price {value}"
            );
        }
        let bits = (told.map(|value| value.map(f64::to_bits)), found.map(f64::to_bits));
        assert_eq!(*first.get_or_insert(bits), bits, "{lanes:?} differs");
    }
}

/// Values a chain as a whole and contract by contract. What is told is finite, and a pass over the
/// same quotes tells the same again.
pub fn chain(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let settings = Settings {
        curve: Curve::flat(f64::from(bytes.byte()) / 1_000.0),
        dividend_yield: f64::from(bytes.byte()) / 1_000.0,
        on_future: bytes.byte().is_multiple_of(4),
        exercise: if bytes.byte().is_multiple_of(4) {
            Exercise::American
        } else {
            Exercise::European
        },
        cost: f64::from(bytes.byte()) / 100.0,
    };
    let underlying = match bytes.byte() {
        0..16 => Underlying::Missing,
        16..32 => Underlying::Stale,
        32..48 => Underlying::Price(bytes.number()),
        usual => Underlying::Price(100.0 + f64::from(usual) / 16.0),
    };
    let mut quoted = Vec::new();
    while !bytes.0.is_empty() && quoted.len() < CONTRACTS_MAX {
        let close = NOW.saturating_add(DAY * i64::from(bytes.byte() % 4) * 7);
        let strike = 80.0 + 5.0 * f64::from(bytes.byte() % 16);
        quoted.push((close, strike, right(bytes.byte()), quote(&mut bytes)));
    }
    let contracts = quoted.iter().map(|(close, strike, ..)| (*close, *strike));
    let mut chain = match Chain::new(contracts, settings) {
        Ok(chain) => chain,
        Err(error) => panic!("strikes that are some: {error}"),
    };
    for (close, strike, right, quote) in &quoted {
        match chain.place(*close, *strike, *right) {
            Some(place) => chain.quote(place, *quote),
            None => panic!("{strike} at {close:?} has no place"),
        }
    }
    let mut passes = [(); 2].map(|()| {
        chain.revalue(underlying, NOW);
        chain.slices().iter().flat_map(told).collect::<Vec<_>>()
    });
    let [first, second] = &mut passes;
    assert_eq!(
        first, second,
        "another pass over the same quotes tells something else"
    );
    let first: Vec<f64> = first.iter().map(|bits| f64::from_bits(*bits)).collect();
    assert!(first.iter().all(|value| value.is_finite()), "told {first:?}");
    for (close, strike, right, _) in quoted {
        let Some(place) = chain.place(close, strike, right) else {
            continue;
        };
        let valued = chain.value(place, underlying, NOW);
        assert!(valued.volatility.is_err() || valued.volatility.is_ok_and(|sigma| sigma > 0.0));
        let greeks = valued.greeks.iter();
        let mut values = greeks.flat_map(|greeks| Greek::ALL.map(|greek| greeks.get(greek)));
        assert!(values.all(|value| value.is_none_or(f64::is_finite)), "{valued:?}");
    }
}

/// All values of an expiry.
fn told(slice: &Slice) -> Vec<u64> {
    let analytics = slice.analytics();
    let whole = [
        analytics.pcr_open_interest,
        analytics.pcr_volume,
        analytics.max_pain,
        analytics.atm_volatility,
        analytics.skew_25d,
        analytics.butterfly_25d,
        slice.fitted_forward().map(|forward| forward.price),
    ];
    let rows = (0..slice.strikes().len()).flat_map(|row| {
        let greeks = [Right::Call, Right::Put].into_iter().flat_map(move |right| {
            let columns = [slice.greeks(), slice.theoretical()];
            let of_row = columns.map(|values| {
                [Greek::Price, Greek::Delta, Greek::Vega].map(|greek| values.get(right, greek, row))
            });
            of_row.into_iter().flatten()
        });
        greeks.chain([slice.volatility(row).ok(), slice.moneyness(row)])
    });
    let arbitrages = slice.arbitrages().iter().map(|arbitrage| Some(arbitrage.profit));
    let all = whole.into_iter().chain(rows).chain(arbitrages);
    all.flatten().map(f64::to_bits).collect()
}

fn right(byte: u8) -> Right {
    if byte.is_multiple_of(2) {
        Right::Call
    } else {
        Right::Put
    }
}

/// Mostly one that can be used, else anything.
fn quote(bytes: &mut Bytes<'_>) -> Quote {
    let kind = bytes.byte();
    let mut number = |usual: f64| match (kind, bytes.byte()) {
        (240.., byte) if byte.is_multiple_of(2) => Some(bytes.number()),
        (_, byte) if byte < 16 => None,
        (_, byte) => Some(usual + f64::from(byte) / 16.0),
    };
    Quote {
        bid: number(0.0),
        ask: number(2.0),
        last: number(1.0),
        volume: number(0.0),
        open_interest: number(0.0),
    }
}
