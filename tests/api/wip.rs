//! Work in progress.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(dead_code, reason = "only a part is built")]
mod app;
mod cli;
mod clock;
mod invoicing_samples;
mod life_samples;
mod outages;
mod place;
mod samples;
mod write_faults;
