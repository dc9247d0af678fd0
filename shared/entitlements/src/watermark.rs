//! Watermarks of paid streams: who received a frame, and who received a value.
//!
//! A frame carries a signature: HMAC-SHA256 over subscriber, product, offset and
//! payload. Whoever strips it off still has the mark in the values: the digits
//! below a grid that is finer than a tenth of the instrument's tick, and finer
//! than the sixth digit of the value, are replaced by a number from 1 to
//! [`LEVELS`] that is a function of key, subscriber, product, stream and offset
//! alone. So a value is the same in a frame, a snapshot, a resume and a page of
//! history, and no comparison with a number of the grid, which all prices are,
//! comes out otherwise than before. See the README beside for what the mark
//! withstands.

mod mark;
mod needed;
mod trace;

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac};
use sha2::Sha256;
use tickwire_market::InstrumentKey;
use tickwire_streams::{Class, Offset};

pub use mark::{Grid, LEVELS};
pub use needed::{Attack, needed};
pub use trace::{FALSE_POSITIVE_MAX, Finding, Leaked, Original, Trace, Verdict};

/// Shortest secret that keys are made of, in bytes.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const watermark_secret_bytes_min: usize = 32;

/// Bytes of a signature: half of the hash, as RFC 2104, 5 allows.
const SIGNATURE_BYTES: usize = 16;
/// Bytes of a key's id.
const ID_BYTES: usize = 4;

// What hashes are made for. None begins like another.
const FOR_ID: &[u8] = b"tickwire watermark id 1";
const FOR_VALUES: &[u8] = b"tickwire watermark values 1";
const FOR_FRAMES: &[u8] = b"tickwire watermark frames 1";

/// A secret of watermarks. It cannot be printed.
#[derive(Clone)]
pub struct WatermarkKey {
    keyed: Hmac<Sha256>,
    id: String,
}

/// Why a secret makes no key: paid streams are not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret for watermarks is shorter than {watermark_secret_bytes_min} bytes: replace it")]
pub struct WatermarkKeyError;

impl WatermarkKey {
    /// From a secret.
    ///
    /// # Errors
    /// When it is too short.
    pub fn new(secret: &[u8]) -> Result<Self, WatermarkKeyError> {
        if secret.len() < watermark_secret_bytes_min {
            return Err(WatermarkKeyError);
        }
        let keyed = Hmac::new_from_slice(secret).map_err(|_| WatermarkKeyError)?;
        let id = hex(&Mac::chain_update(keyed.clone(), FOR_ID).finalize().into_bytes()[..ID_BYTES]);
        Ok(Self { keyed, id })
    }

    /// Names the key without telling it: 8 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The mark of what `subscriber` receives of a stream, which is `stream` as its key is
    /// written, of a product, on an instrument.
    pub fn marker(
        &self,
        subscriber: &str,
        product: &str,
        stream: &str,
        instrument: &InstrumentKey,
    ) -> Marker {
        let derived = |purpose: &[u8]| {
            let parts = [
                purpose,
                subscriber.as_bytes(),
                product.as_bytes(),
                stream.as_bytes(),
            ];
            let keyed = parts.iter().fold(self.keyed.clone(), |keyed, part| {
                let length = (part.len() as u64).to_be_bytes();
                Mac::chain_update(Mac::chain_update(keyed, length), part)
            });
            keyed.finalize().into_bytes()
        };
        // A key of 32 bytes is taken.
        let keyed = |purpose| Hmac::new_from_slice(&derived(purpose)).unwrap_or_else(|_| self.keyed.clone());
        Marker {
            values: keyed(FOR_VALUES),
            frames: keyed(FOR_FRAMES),
            id: self.id.as_str().into(),
            tick: tick_min(instrument),
        }
    }
}

impl fmt::Debug for WatermarkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WatermarkKey({})", self.id)
    }
}

/// The product whose streams are marked; `None` for those that are not paid for.
pub fn marked_product(class: &Class) -> Option<String> {
    match class {
        Class::Public | Class::Common => None,
        Class::Marketplace(_) | Class::Personal(_) => Some(class.to_string()),
    }
}

/// The smallest tick that instruments of its kind have, in their currency. Smaller than
/// the instrument's own costs nothing but digits.
pub fn tick_min(instrument: &InstrumentKey) -> f64 {
    match instrument.exchange() {
        "NSE" | "BSE" | "NFO" | "BFO" | "MCX" => 0.01,
        "FX" | "CDS" => 0.000_01,
        // Sub-penny quotes below one dollar.
        "NASDAQ" | "NYSE" | "ARCA" | "BATS" | "AMEX" => 0.000_1,
        // Coins: down to a hundred-millionth.
        _ => 0.000_000_01,
    }
}

/// Marks what one subscriber receives of one stream.
#[derive(Clone)]
pub struct Marker {
    values: Hmac<Sha256>,
    frames: Hmac<Sha256>,
    id: std::sync::Arc<str>,
    tick: f64,
}

impl fmt::Debug for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Marker({})", self.id)
    }
}

impl Marker {
    /// Id of the key.
    pub fn key_id(&self) -> &str {
        &self.id
    }

    /// The mark of an output of the signal at `offset`, 1 to [`LEVELS`].
    pub fn level(&self, offset: Offset, output: usize) -> u32 {
        const BYTES: usize = size_of::<u32>();
        const OUTPUTS_PER_HASH: usize = 32 / BYTES;
        let hash = Mac::chain_update(self.values.clone(), offset.0.to_be_bytes());
        let hash = Mac::chain_update(hash, (output / OUTPUTS_PER_HASH).to_be_bytes());
        let hash = hash.finalize().into_bytes();
        let at = output % OUTPUTS_PER_HASH * BYTES;
        let chance = hash[at..]
            .first_chunk::<BYTES>()
            .map_or(0, |bytes| u32::from_be_bytes(*bytes));
        chance % LEVELS + 1
    }

    /// The value as this subscriber receives it: itself where it lies on the grid, as a
    /// quoted price or a count does, or has no room for a mark.
    pub fn mark(&self, offset: Offset, output: usize, value: f64) -> f64 {
        match Grid::of(value, self.tick).and_then(|grid| Some((grid, grid.cell(value)?))) {
            Some((grid, cell)) => grid.value(cell, self.level(offset, output)),
            None => value,
        }
    }

    /// The signature of a frame's payload: `payload` is the text of the value as sent.
    pub fn sign(&self, offset: Offset, payload: &str) -> String {
        hex(&self.frame(offset, payload).finalize().into_bytes()[..SIGNATURE_BYTES])
    }

    /// Whether `signature` is that of the payload. What is missing or malformed is not.
    pub fn verify(&self, offset: Offset, payload: &str, signature: &str) -> bool {
        // In constant time.
        unhex(signature).is_some_and(|signature| {
            self.frame(offset, payload)
                .verify_truncated_left(&signature)
                .is_ok()
        })
    }

    fn frame(&self, offset: Offset, payload: &str) -> Hmac<Sha256> {
        let hash = Mac::chain_update(self.frames.clone(), offset.0.to_be_bytes());
        Mac::chain_update(hash, payload)
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(text: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    (digits.len() == 2 * SIGNATURE_BYTES)
        .then_some(bytes)?
        .try_into()
        .ok()
}
