//! Fuzz target of `src/csv.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::csv::check(bytes));
