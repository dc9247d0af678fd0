//! See `tickwire_fuzz::chain`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickwire_fuzz::chain(bytes));
