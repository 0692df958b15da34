//! Fuzz target of `src/cursor.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| fuzz::cursor::check(input));
