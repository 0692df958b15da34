//! Fuzz target of `src/prose.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| fuzz::prose::check(text));
