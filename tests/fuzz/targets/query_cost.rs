//! Fuzz target of `src/query_cost.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| fuzz::query_cost::check(input));
