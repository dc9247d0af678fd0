use serde::{Deserialize, Serialize};

use super::{Integers, IntegersReader};

/// Powers of ten that are exact in f64 and of practical use for prices.
const SCALES: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Whole numbers up to here are exact in f64.
const MANTISSA_MAX: u64 = 1 << 53;

/// Numbers of one meaning: whole multiples of one power of ten where that
/// gives every number back to the bit, plain otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Numbers {
    Plain(Vec<f64>),
    Decimal {
        exponent: u8,
        mantissas: Integers,
    },
    /// The same but for the last bits, as means of prices are.
    Nearly {
        exponent: u8,
        mantissas: Integers,
        /// From the multiple to the number, in units of the last place.
        beyond: Integers,
    },
}

/// How far a number may be from a multiple, in units of the last place.
const BEYOND_MAX: u64 = 4;

impl Default for Numbers {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

fn mantissa(number: f64, scale: f64) -> Option<i64> {
    let scaled = number * scale;
    // The nearest whole number, by way of i64, which has no -0; what it is for
    // numbers that have none is found out by the way back.
    let mantissa = (scaled + 0.5f64.copysign(scaled)) as i64;
    let exact =
        mantissa.unsigned_abs() < MANTISSA_MAX && (mantissa as f64 / scale).to_bits() == number.to_bits();
    exact.then_some(mantissa)
}

/// The nearest whole number, and what is beyond it in units of the last place.
fn nearly(number: f64, scale: f64) -> Option<(i64, i64)> {
    let scaled = number * scale;
    let mantissa = (scaled + 0.5f64.copysign(scaled)) as i64;
    let beyond = number.to_bits().wrapping_sub((mantissa as f64 / scale).to_bits()) as i64;
    (mantissa.unsigned_abs() < MANTISSA_MAX && beyond.unsigned_abs() <= BEYOND_MAX)
        .then_some((mantissa, beyond))
}

/// The first exponent at which the numbers are whole, each at this one or a
/// smaller one. A number that fits a smaller exponent may, rarely, not fit a
/// larger one.
fn exponent_of(numbers: impl Iterator<Item = f64>) -> Option<u8> {
    let mut exponent = 0;
    for number in numbers {
        while mantissa(number, *SCALES.get(exponent)?).is_none() {
            exponent += 1;
        }
    }
    u8::try_from(exponent).ok()
}

fn scale_of(exponent: u8) -> f64 {
    SCALES.get(usize::from(exponent)).copied().unwrap_or(f64::NAN)
}

impl Numbers {
    pub(crate) fn pack(numbers: &[f64]) -> Self {
        let decimal = exponent_of(numbers.iter().copied()).and_then(|exponent| {
            let scale = scale_of(exponent);
            let mantissas: Option<Vec<i64>> = numbers.iter().map(|number| mantissa(*number, scale)).collect();
            Some(Self::Decimal {
                exponent,
                mantissas: Integers::pack(&mantissas?),
            })
        });
        decimal
            .or_else(|| Self::nearly(numbers))
            .unwrap_or_else(|| Self::Plain(numbers.to_vec()))
    }

    fn nearly(numbers: &[f64]) -> Option<Self> {
        let mut exponent = 0;
        for number in numbers {
            while nearly(*number, *SCALES.get(exponent)?).is_none() {
                exponent += 1;
            }
        }
        let scale = *SCALES.get(exponent)?;
        let split: Option<(Vec<i64>, Vec<i64>)> =
            numbers.iter().map(|number| nearly(*number, scale)).collect();
        let (mantissas, beyond) = split?;
        Some(Self::Nearly {
            exponent: u8::try_from(exponent).ok()?,
            mantissas: Integers::pack(&mantissas),
            beyond: Integers::pack(&beyond),
        })
    }

    pub(crate) fn reader(&self) -> NumbersReader<'_> {
        match self {
            Self::Plain(numbers) => NumbersReader::Plain(numbers.iter()),
            Self::Decimal { exponent, mantissas } => NumbersReader::Decimal {
                scale: scale_of(*exponent),
                mantissas: mantissas.reader(),
            },
            Self::Nearly {
                exponent,
                mantissas,
                beyond,
            } => NumbersReader::Nearly {
                scale: scale_of(*exponent),
                mantissas: mantissas.reader(),
                beyond: beyond.reader(),
            },
        }
    }
}

/// Gives one number after the other.
pub(crate) enum NumbersReader<'a> {
    Plain(std::slice::Iter<'a, f64>),
    Decimal {
        scale: f64,
        mantissas: IntegersReader<'a>,
    },
    Nearly {
        scale: f64,
        mantissas: IntegersReader<'a>,
        beyond: IntegersReader<'a>,
    },
}

impl Iterator for NumbersReader<'_> {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        match self {
            Self::Plain(numbers) => numbers.next().copied(),
            Self::Decimal { scale, mantissas } => mantissas.next().map(|mantissa| mantissa as f64 / *scale),
            Self::Nearly {
                scale,
                mantissas,
                beyond,
            } => {
                let multiple = mantissas.next()? as f64 / *scale;
                let bits = multiple.to_bits().wrapping_add(beyond.next()? as u64);
                Some(f64::from_bits(bits))
            }
        }
    }
}

/// Prices, each with up to `N` others that lie near it: those are told from it
/// where all are multiples of one power of ten, each kind by itself otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Prices {
    Near {
        exponent: u8,
        prices: Integers,
        /// Less the price of the row, where the row has one.
        others: Vec<Integers>,
    },
    Apart {
        prices: Numbers,
        others: Vec<Numbers>,
    },
}

impl Default for Prices {
    fn default() -> Self {
        Self::pack::<0>(&[])
    }
}

impl Prices {
    pub(crate) fn pack<const N: usize>(rows: &[(f64, [Option<f64>; N])]) -> Self {
        let others = |kind: usize| rows.iter().filter_map(move |(_, others)| others[kind]);
        let all = rows
            .iter()
            .flat_map(|(price, others)| others.iter().flatten().chain([price]).copied());
        Self::near(rows, exponent_of(all)).unwrap_or_else(|| Self::Apart {
            prices: Numbers::pack(&rows.iter().map(|(price, _)| *price).collect::<Vec<_>>()),
            others: (0..N)
                .map(|kind| Numbers::pack(&others(kind).collect::<Vec<_>>()))
                .collect(),
        })
    }

    fn near<const N: usize>(rows: &[(f64, [Option<f64>; N])], exponent: Option<u8>) -> Option<Self> {
        let exponent = exponent?;
        let scale = scale_of(exponent);
        let mut prices = Vec::with_capacity(rows.len());
        let mut others: [Vec<i64>; N] = std::array::from_fn(|_| Vec::with_capacity(rows.len()));
        for (price, beside) in rows {
            let price = mantissa(*price, scale)?;
            prices.push(price);
            for (column, other) in others.iter_mut().zip(beside) {
                if let Some(other) = other {
                    column.push(mantissa(*other, scale)? - price);
                }
            }
        }
        Some(Self::Near {
            exponent,
            prices: Integers::pack(&prices),
            others: others.iter().map(|column| Integers::pack(column)).collect(),
        })
    }

    pub(crate) fn reader(&self) -> PricesReader<'_> {
        match self {
            Self::Near {
                exponent,
                prices,
                others,
            } => PricesReader::Near {
                scale: scale_of(*exponent),
                price: 0,
                prices: prices.reader(),
                others: others.iter().map(Integers::reader).collect(),
            },
            Self::Apart { prices, others } => PricesReader::Apart {
                prices: prices.reader(),
                others: others.iter().map(Numbers::reader).collect(),
            },
        }
    }
}

/// Gives one price after the other, and those beside it.
pub(crate) enum PricesReader<'a> {
    Near {
        scale: f64,
        price: i64,
        prices: IntegersReader<'a>,
        others: Vec<IntegersReader<'a>>,
    },
    Apart {
        prices: NumbersReader<'a>,
        others: Vec<NumbersReader<'a>>,
    },
}

impl PricesReader<'_> {
    /// The price of the next row.
    pub(crate) fn next(&mut self) -> Option<f64> {
        match self {
            Self::Near {
                scale, price, prices, ..
            } => {
                *price = prices.next()?;
                Some(*price as f64 / *scale)
            }
            Self::Apart { prices, .. } => prices.next(),
        }
    }

    /// The other price of this kind in the row of the last price; to be asked
    /// for exactly where the row has one.
    pub(crate) fn other(&mut self, kind: usize) -> Option<f64> {
        match self {
            Self::Near {
                scale, price, others, ..
            } => {
                let less = others.get_mut(kind)?.next()?;
                Some(price.wrapping_add(less) as f64 / *scale)
            }
            Self::Apart { others, .. } => others.get_mut(kind)?.next(),
        }
    }
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
        let Numbers::Decimal {
            exponent: 2,
            mantissas,
        } = &packed
        else {
            panic!("{packed:?}");
        };
        assert!(mantissas.bytes() < prices.len());
        assert_eq!(
            bits(&packed.reader().take(prices.len()).collect::<Vec<_>>()),
            bits(&prices)
        );
    }

    #[test]
    fn means_of_prices_are_small() {
        let price = |steps: i32| f64::from(steps) / 20.0;
        let means: Vec<f64> = (0..100)
            .map(|n| 0.5 * (price(401 + 3 * n) + price(404 + 5 * n)))
            .collect();
        let packed = Numbers::pack(&means);
        let Numbers::Nearly {
            exponent: 3,
            mantissas,
            beyond,
        } = &packed
        else {
            panic!("{packed:?}");
        };
        assert!(mantissas.bytes() + beyond.bytes() < 2 * means.len());
        assert_eq!(
            bits(&packed.reader().take(means.len()).collect::<Vec<_>>()),
            bits(&means)
        );
    }

    #[test]
    fn quotes_are_told_from_the_price() {
        let rows: Vec<(f64, [Option<f64>; 2])> = (0..100)
            .map(|n| {
                let at = |steps: i32| f64::from(n * n * 20 + steps) / 20.0;
                (at(9), [Some(at(8)), (n % 2 == 0).then(|| at(10))])
            })
            .collect();
        let Prices::Near { others, .. } = Prices::pack(&rows) else {
            panic!("{rows:?}");
        };
        assert_eq!(others, [Integers::Same(-5), Integers::Same(5)]);
        let packed = Prices::pack(&[(0.05, [Some(-0.0)])]);
        assert!(matches!(packed, Prices::Apart { .. }), "{packed:?}");
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            1 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
            1 => Just(-0.0),
            20 => (any::<i32>(), 0u32..12).prop_map(|(m, e)| f64::from(m) / 10f64.powi(e as i32)),
            5 => (any::<i32>(), any::<i32>()).prop_map(|(a, b)| 0.5 * (f64::from(a) / 100.0 + f64::from(b) / 100.0)),
        ]
    }

    proptest! {
        #[test]
        fn any_numbers_come_back_to_the_bit(numbers in prop::collection::vec(number(), 0..50)) {
            let packed = Numbers::pack(&numbers);
            let read: Vec<f64> = packed.reader().take(numbers.len()).collect();
            prop_assert_eq!(bits(&read), bits(&numbers));
        }

        #[test]
        fn any_prices_come_back_to_the_bit(rows in prop::collection::vec(
            (number(), [prop::option::of(number()), prop::option::of(number())]), 0..20
        )) {
            let packed = Prices::pack(&rows);
            let mut reader = packed.reader();
            for (price, others) in rows {
                prop_assert_eq!(reader.next().map(f64::to_bits), Some(price.to_bits()));
                for (kind, other) in others.iter().enumerate().filter(|(_, other)| other.is_some()) {
                    prop_assert_eq!(reader.other(kind).map(f64::to_bits), other.map(f64::to_bits));
                }
            }
        }
    }
}
