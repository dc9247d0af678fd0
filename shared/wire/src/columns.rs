//! Columns of numbers, compact and lossless.

use serde::{Deserialize, Serialize};

/// Powers of ten that are exact in f64 and of practical use for prices.
const EXPONENT_MAX: u8 = 9;
/// Whole numbers up to here are exact in f64.
const MANTISSA_MAX: f64 = 9_007_199_254_740_992.0;

/// Numbers of one meaning: whole multiples of one power of ten where that
/// gives every number back to the bit, plain otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Numbers {
    Decimal { exponent: u8, mantissas: Vec<i64> },
    Plain(Vec<f64>),
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

fn mantissa(number: f64, exponent: u8) -> Option<i64> {
    let scale = 10f64.powi(i32::from(exponent));
    let mantissa = (number * scale).round();
    // By way of i64, which has no -0.
    let exact =
        mantissa.abs() < MANTISSA_MAX && (mantissa as i64 as f64 / scale).to_bits() == number.to_bits();
    exact.then_some(mantissa as i64)
}

impl Numbers {
    pub(crate) fn pack(numbers: &[f64]) -> Self {
        let mut exponent = 0;
        for number in numbers {
            while mantissa(*number, exponent).is_none() {
                exponent += 1;
                if exponent > EXPONENT_MAX {
                    return Self::Plain(numbers.to_vec());
                }
            }
        }
        // A number that fits a smaller exponent may, rarely, not fit a larger one.
        match numbers.iter().map(|number| mantissa(*number, exponent)).collect() {
            Some(mantissas) => Self::Decimal { exponent, mantissas },
            None => Self::Plain(numbers.to_vec()),
        }
    }

    pub(crate) fn unpack(&self) -> Vec<f64> {
        match self {
            Self::Plain(numbers) => numbers.clone(),
            Self::Decimal { exponent, mantissas } => {
                let scale = 10f64.powi(i32::from((*exponent).min(EXPONENT_MAX)));
                mantissas
                    .iter()
                    .map(|mantissa| *mantissa as f64 / scale)
                    .collect()
            }
        }
    }
}

/// The greatest of 1 s, 1 ms, 1 us and 1 ns that divides all the times, in nanoseconds.
pub(crate) fn time_unit(times: impl Iterator<Item = i64>) -> i64 {
    let mut unit = 1_000_000_000;
    for time in times {
        while time % unit != 0 {
            unit /= 1_000;
        }
    }
    unit
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(numbers: &[f64]) -> Vec<u64> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    #[test]
    fn prices_are_small() {
        let prices: Vec<f64> = (0..100).map(|n| f64::from(2_400_000 + n * 5) / 100.0).collect();
        let packed = Numbers::pack(&prices);
        assert!(
            matches!(packed, Numbers::Decimal { exponent: 2, .. }),
            "{packed:?}"
        );
        assert_eq!(bits(&packed.unpack()), bits(&prices));
    }

    #[test]
    fn the_unit_divides_all_times() {
        let check = |times: &[i64], unit| assert_eq!(time_unit(times.iter().copied()), unit, "{times:?}");
        check(&[], 1_000_000_000);
        check(&[0, 2_000_000_000], 1_000_000_000);
        check(&[2_000_000_000, 5_000_000], 1_000_000);
        check(&[-1_000], 1_000);
        check(&[1], 1);
    }

    proptest! {
        #[test]
        fn any_numbers_come_back_to_the_bit(numbers in prop::collection::vec(prop_oneof![
            any::<f64>().prop_filter("finite", |x| x.is_finite()),
            Just(-0.0),
            (any::<i32>(), 0u32..12).prop_map(|(m, e)| f64::from(m) / 10f64.powi(e as i32)),
        ], 0..50)) {
            prop_assert_eq!(bits(&Numbers::pack(&numbers).unpack()), bits(&numbers));
        }
    }
}
