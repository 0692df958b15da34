//! Fuzz target of `src/settings.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| fuzz::settings::check(input));
