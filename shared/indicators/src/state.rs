//! State in bytes: version, fingerprint, then little-endian counts and numbers.
//!
//! The reader trusts nothing: bytes from a store may be cut, foreign or hostile.

use crate::StateError;
use crate::lane::Lanes;

/// Bytes of exported state beside the numbers held (8 bytes each).
pub const STATE_BYTES_FIXED_MAX: usize = 256;

/// Bytes before the numbers: version and fingerprint.
pub(crate) const STATE_HEADER_BYTES: usize = 5;

/// Greatest magnitude of a number in a state: squares and sums of inputs are greater
/// than an input can be.
const REACHABLE_MAX: f64 = 1e216;

/// Names an indicator with its parameters in 4 bytes (FNV-1a), so that state is
/// not continued by another.
pub(crate) fn fingerprint(name: &str, parameters: &[f64]) -> u32 {
    let parameters = parameters
        .iter()
        .flat_map(|parameter| parameter.to_bits().to_le_bytes());
    name.bytes().chain(parameters).fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Appends state to bytes.
#[derive(Debug)]
pub(crate) struct StateWriter<'a>(&'a mut Vec<u8>);

impl<'a> StateWriter<'a> {
    pub(crate) fn new(into: &'a mut Vec<u8>, version: u8, fingerprint: u32) -> Self {
        into.push(version);
        into.extend_from_slice(&fingerprint.to_le_bytes());
        Self(into)
    }

    pub(crate) fn count(&mut self, count: u32) {
        self.0.extend_from_slice(&count.to_le_bytes());
    }

    /// A number, bit for bit.
    pub(crate) fn number(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_bits().to_le_bytes());
    }
}

/// Takes state back from bytes.
#[derive(Debug)]
pub(crate) struct StateReader<'a>(&'a [u8]);

impl<'a> StateReader<'a> {
    pub(crate) fn new(from: &'a [u8], version: u8, fingerprint: u32) -> Result<Self, StateError> {
        let mut reader = Self(from);
        let [found] = reader.take()?;
        if found != version {
            return Err(StateError::Version {
                found,
                expected: version,
            });
        }
        if u32::from_le_bytes(reader.take()?) != fingerprint {
            return Err(StateError::Foreign);
        }
        Ok(reader)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(StateError::Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A count of at most `maximum`.
    pub(crate) fn count(&mut self, maximum: u32) -> Result<u32, StateError> {
        let count = u32::from_le_bytes(self.take()?);
        if count <= maximum {
            Ok(count)
        } else {
            Err(StateError::Damaged)
        }
    }

    /// A number that a run can reach.
    pub(crate) fn number(&mut self) -> Result<f64, StateError> {
        let number = f64::from_bits(u64::from_le_bytes(self.take()?));
        if number.abs() <= REACHABLE_MAX {
            Ok(number)
        } else {
            Err(StateError::Damaged)
        }
    }

    pub(crate) fn finish(self) -> Result<(), StateError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(StateError::Damaged)
        }
    }
}

/// What changes from bar to bar. Parameters and what follows from them is not state.
pub(crate) trait State {
    fn write(&self, into: &mut StateWriter<'_>);

    /// Takes back what `write` wrote, in order.
    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError>;

    /// Most bytes that `write` appends.
    fn bytes_max(&self) -> usize;
}

/// Whether a part has had the bars that it does otherwise than all after them. Once a loop has
/// asked, the compiler knows, and leaves out what else would be asked at each bar.
pub(crate) trait Warm {
    fn is_warm(&self) -> bool {
        true
    }
}

impl Warm for f64 {}
impl Warm for Lanes {}
impl Warm for u32 {}
impl Warm for bool {}
impl<T> Warm for Option<T> {}

impl<T: Warm, const N: usize> Warm for [T; N] {
    #[inline(always)]
    fn is_warm(&self) -> bool {
        self.iter().all(T::is_warm)
    }
}

impl State for f64 {
    fn write(&self, into: &mut StateWriter<'_>) {
        into.number(*self);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        *self = from.number()?;
        Ok(())
    }

    fn bytes_max(&self) -> usize {
        8
    }
}

impl State for u32 {
    fn write(&self, into: &mut StateWriter<'_>) {
        into.count(*self);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        *self = from.count(u32::MAX)?;
        Ok(())
    }

    fn bytes_max(&self) -> usize {
        4
    }
}

impl State for bool {
    fn write(&self, into: &mut StateWriter<'_>) {
        into.0.push(u8::from(*self));
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        *self = match from.take()? {
            [0] => false,
            [1] => true,
            _ => return Err(StateError::Damaged),
        };
        Ok(())
    }

    fn bytes_max(&self) -> usize {
        1
    }
}

impl<T: State + Default> State for Option<T> {
    fn write(&self, into: &mut StateWriter<'_>) {
        self.is_some().write(into);
        if let Some(value) = self {
            value.write(into);
        }
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut is_some = false;
        is_some.read(from)?;
        *self = is_some.then(T::default);
        self.as_mut().map_or(Ok(()), |value| value.read(from))
    }

    fn bytes_max(&self) -> usize {
        1 + T::default().bytes_max()
    }
}

impl<T: State, const N: usize> State for [T; N] {
    fn write(&self, into: &mut StateWriter<'_>) {
        self.iter().for_each(|value| value.write(into));
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.iter_mut().try_for_each(|value| value.read(from))
    }

    fn bytes_max(&self) -> usize {
        self.iter().map(State::bytes_max).sum()
    }
}

/// A struct and its state: fields before the semicolon follow from the parameters,
/// those after it are exported, in their order. `Name<L>` is over lanes.
macro_rules! state {
    ($(#[$attribute:meta])* $name:ident<L> { $($fixed:ident: $fixed_type:ty),*; $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$attribute])*
        #[derive(Clone)]
        pub(crate) struct $name<L> { $($fixed: $fixed_type,)* $($field: $type,)* }

        impl<L: $crate::lane::Lane> $crate::state::Warm for $name<L> {
            #[inline(always)]
            fn is_warm(&self) -> bool {
                true $( && $crate::state::Warm::is_warm(&self.$field) )*
            }
        }

        $crate::state::state!(impl ($name<f64>) { $($field)* });
    };
    ($(#[$attribute:meta])* $name:ident<L> { $($field:ident: $type:ty),* $(,)? }) => {
        $crate::state::state!($(#[$attribute])* $name<L> { ; $($field: $type),* });
    };
    ($(#[$attribute:meta])* $name:ident { $($fixed:ident: $fixed_type:ty),*; $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$attribute])*
        #[derive(Clone)]
        pub(crate) struct $name { $($fixed: $fixed_type,)* $($field: $type,)* }

        impl $crate::state::Warm for $name {
            #[inline(always)]
            fn is_warm(&self) -> bool {
                true $( && $crate::state::Warm::is_warm(&self.$field) )*
            }
        }

        $crate::state::state!(impl ($name) { $($field)* });
    };
    ($(#[$attribute:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $crate::state::state!($(#[$attribute])* $name { ; $($field: $type),* });
    };
    (impl $(<$generic:ident>)? ($name:ty) { $($field:ident)* }) => {
        impl $(<$generic>)? $crate::state::State for $name {
            fn write(&self, into: &mut $crate::state::StateWriter<'_>) {
                $( $crate::state::State::write(&self.$field, into); )*
                let _ = into;
            }

            fn read(
                &mut self,
                from: &mut $crate::state::StateReader<'_>,
            ) -> Result<(), $crate::StateError> {
                $( $crate::state::State::read(&mut self.$field, from)?; )*
                let _ = from;
                Ok(())
            }

            fn bytes_max(&self) -> usize {
                0 $( + $crate::state::State::bytes_max(&self.$field) )*
            }
        }
    };
}
pub(crate) use state;
