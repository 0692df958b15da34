//! Fuzz target of `src/node_id.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| fuzz::node_id::check(input));
