//! Fuzz target of `src/bank_file.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::bank_file::check(bytes));
