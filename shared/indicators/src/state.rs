//! State in bytes: version, fingerprint, then little-endian counts and numbers.
//!
//! The reader trusts nothing: bytes from a store may be cut, foreign or hostile.

use crate::{MAGNITUDE_MAX, StateError};

/// Bytes of exported state beside its windows (8 bytes × window × inputs).
pub const STATE_BYTES_FIXED_MAX: usize = 256;

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
pub struct StateWriter<'a>(&'a mut Vec<u8>);

impl<'a> StateWriter<'a> {
    pub(crate) fn new(into: &'a mut Vec<u8>, version: u8, fingerprint: u32) -> Self {
        into.push(version);
        into.extend_from_slice(&fingerprint.to_le_bytes());
        Self(into)
    }

    /// A count.
    pub fn count(&mut self, count: u32) {
        self.0.extend_from_slice(&count.to_le_bytes());
    }

    /// A number, bit for bit.
    pub fn number(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_bits().to_le_bytes());
    }

    /// A number that may not be there yet.
    pub fn optional(&mut self, number: Option<f64>) {
        self.0.push(u8::from(number.is_some()));
        if let Some(number) = number {
            self.number(number);
        }
    }
}

/// Takes state back from bytes.
#[derive(Debug)]
pub struct StateReader<'a>(&'a [u8]);

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
    ///
    /// # Errors
    /// [`StateError::Damaged`] when it is greater, or the bytes end.
    pub fn count(&mut self, maximum: u32) -> Result<u32, StateError> {
        let count = u32::from_le_bytes(self.take()?);
        if count <= maximum {
            Ok(count)
        } else {
            Err(StateError::Damaged)
        }
    }

    /// A number that a run can reach.
    ///
    /// # Errors
    /// [`StateError::Damaged`] when it is not finite, or the bytes end.
    pub fn number(&mut self) -> Result<f64, StateError> {
        // Squares and sums of inputs are greater than an input can be.
        let reachable = MAGNITUDE_MAX * MAGNITUDE_MAX * 1e16;
        let number = f64::from_bits(u64::from_le_bytes(self.take()?));
        if number.abs() <= reachable {
            Ok(number)
        } else {
            Err(StateError::Damaged)
        }
    }

    /// A number that may not be there yet.
    ///
    /// # Errors
    /// [`StateError::Damaged`] when it is not finite, or the bytes end.
    pub fn optional(&mut self) -> Result<Option<f64>, StateError> {
        match self.take()? {
            [0] => Ok(None),
            [1] => self.number().map(Some),
            _ => Err(StateError::Damaged),
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
