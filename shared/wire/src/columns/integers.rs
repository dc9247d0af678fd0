use serde::{Deserialize, Serialize};

/// Whole numbers as multiples of their greatest common step, told from the
/// least or from the median, whichever takes fewer bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Integers {
    /// All are this one.
    Same(i64),
    /// Steps up from the least.
    Above { least: i64, step: u64, steps: Vec<u64> },
    /// Steps up or down from the median: a far one does not widen the others.
    Around { median: i64, step: u64, steps: Vec<i64> },
    /// Steps up from the least, of so many bits each, the lowest bits first.
    Packed {
        least: i64,
        step: u64,
        width: u8,
        bits: Vec<u8>,
    },
}

/// Bits of a step that is packed.
const WIDTH_MAX: u32 = 32;

impl Default for Integers {
    fn default() -> Self {
        Self::Same(0)
    }
}

/// Euclid's.
fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Bytes of a number at seven bits a byte.
fn varint_bytes(number: u64) -> usize {
    ((70 - number.leading_zeros() as usize) / 7).max(1)
}

/// As it is written: the sign in the lowest bit.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

impl Integers {
    pub(crate) fn pack(numbers: &[i64]) -> Self {
        let Some(&least) = numbers.iter().min() else {
            return Self::default();
        };
        let mut steps: Vec<u64> = numbers
            .iter()
            .map(|number| number.wrapping_sub(least) as u64)
            .collect();
        let mut step = 0;
        for distance in &steps {
            if step == 1 {
                break;
            }
            step = greatest_common_divisor(*distance, step);
        }
        if step == 0 {
            return Self::Same(least);
        }
        if step > 1 {
            steps.iter_mut().for_each(|distance| *distance /= step);
        }
        let packed = Self::packed(least, step, &steps);
        let others = Self::around(least, step, &steps).unwrap_or(Self::Above { least, step, steps });
        match packed {
            Some(packed) if packed.bytes() < others.bytes() => packed,
            _ => others,
        }
    }

    fn packed(least: i64, step: u64, above: &[u64]) -> Option<Self> {
        let greatest = above.iter().max()?;
        let width = u64::BITS - greatest.leading_zeros();
        if width > WIDTH_MAX {
            return None;
        }
        let mut bits = Vec::with_capacity((above.len() * width as usize).div_ceil(8));
        let (mut waiting, mut held) = (0u64, 0);
        for steps in above {
            waiting |= steps << held;
            held += width;
            while held >= u8::BITS {
                bits.push(waiting as u8);
                waiting >>= u8::BITS;
                held -= u8::BITS;
            }
        }
        if held > 0 {
            bits.push(waiting as u8);
        }
        let width = width as u8;
        Some(Self::Packed {
            least,
            step,
            width,
            bits,
        })
    }

    /// The same from the median, if that takes fewer bytes.
    fn around(least: i64, step: u64, above: &[u64]) -> Option<Self> {
        let bytes_above: usize = above.iter().map(|steps| varint_bytes(*steps)).sum();
        if bytes_above == above.len() || above.iter().any(|steps| i64::try_from(*steps).is_err()) {
            return None;
        }
        let mut sorted = above.to_vec();
        let (_, median, _) = sorted.select_nth_unstable(above.len() / 2);
        let steps: Vec<i64> = above
            .iter()
            .map(|steps| (*steps as i64).wrapping_sub(*median as i64))
            .collect();
        let bytes: usize = steps.iter().map(|steps| varint_bytes(zigzag(*steps))).sum();
        (bytes < bytes_above).then(|| Self::Around {
            median: least.wrapping_add(step.wrapping_mul(*median) as i64),
            step,
            steps,
        })
    }

    /// Encoded size, but for what does not grow with the count.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Same(_) => 0,
            Self::Above { steps, .. } => steps.iter().map(|steps| varint_bytes(*steps)).sum(),
            Self::Around { steps, .. } => steps.iter().map(|steps| varint_bytes(zigzag(*steps))).sum(),
            // The width takes one.
            Self::Packed { bits, .. } => bits.len() + 1,
        }
    }

    pub(crate) fn reader(&self) -> IntegersReader<'_> {
        IntegersReader { column: self, at: 0 }
    }
}

/// The number at a place among those of `width` bits.
fn packed_at(bits: &[u8], width: u32, at: usize) -> Option<u64> {
    if width > WIDTH_MAX {
        return None;
    }
    let from = at.checked_mul(width as usize)?;
    let (first, shift) = (from / 8, from as u32 % u8::BITS);
    let bytes = bits.get(first..first + (shift + width).div_ceil(u8::BITS) as usize)?;
    let held = bytes
        .iter()
        .rev()
        .fold(0, |held: u64, byte| held << u8::BITS | u64::from(*byte));
    Some(held >> shift & ((1 << width) - 1))
}

/// Gives one number after the other.
pub(crate) struct IntegersReader<'a> {
    column: &'a Integers,
    at: usize,
}

impl Iterator for IntegersReader<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let at = self.at;
        self.at += 1;
        let (base, step, steps) = match self.column {
            Integers::Same(number) => return Some(*number),
            Integers::Above { least, step, steps } => (least, step, *steps.get(at)?),
            Integers::Around { median, step, steps } => (median, step, *steps.get(at)? as u64),
            Integers::Packed {
                least,
                step,
                width,
                bits,
            } => (least, step, packed_at(bits, u32::from(*width), at)?),
        };
        Some(base.wrapping_add(step.wrapping_mul(steps) as i64))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn varints_are_counted_as_they_are_written() {
        for number in (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, u64::MAX >> bit]) {
            let written = postcard::to_allocvec(&number).unwrap().len();
            assert_eq!(varint_bytes(number), written, "{number}");
        }
        for number in [0, -1, 63, 64, -64, -65, i64::MAX, i64::MIN] {
            let written = postcard::to_allocvec(&number).unwrap().len();
            assert_eq!(varint_bytes(zigzag(number)), written, "{number}");
        }
    }

    #[test]
    fn the_smaller_form_is_taken() {
        let check = |numbers: &[i64], bytes: usize| {
            let packed = Integers::pack(numbers);
            let read: Vec<i64> = packed.reader().take(numbers.len()).collect();
            assert_eq!(read, numbers);
            assert_eq!(packed.bytes(), bytes, "{packed:?}");
        };
        check(&[], 0);
        check(&[i64::MIN; 4], 0);
        // Lots of 75.
        check(&[7_500, 75, 150, 1_500], 4);
        // One far below: the others stay near their median.
        check(&[-1_000_000, 3, 1, 2, 0, 4], 3 + 5);
        // One bit each.
        check(&[5, 5, 12, 5, 12, 12, 5, 5, 12, 12], 2 + 1);
        check(&[i64::MIN, i64::MAX], 1 + 1);
        check(&[i64::MIN, i64::MAX, 0], 1 + 10 + 10);
    }

    proptest! {
        #[test]
        fn any_integers_come_back(
            numbers in prop::collection::vec(prop_oneof![any::<i64>(), -1_000i64..1_000], 0..50),
            factor in prop::sample::select(vec![1i64, 5, 75, 1_000_000]),
        ) {
            let numbers: Vec<i64> = numbers.iter().map(|number| number.wrapping_mul(factor)).collect();
            let packed = Integers::pack(&numbers);
            prop_assert_eq!(packed.reader().take(numbers.len()).collect::<Vec<_>>(), numbers);
        }
    }
}
