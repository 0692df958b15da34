//! The time that a document takes: an agreement of two pages as HTML and as PDF, next to one line
//! and next to six times the text.

#![expect(clippy::expect_used, reason = "a benchmark that can't begin may stop")]

mod sample;

use divan::Bencher;
use documents::agreement;

fn main() {
    divan::main();
}

/// The sample with its text so many times.
fn sample(times: usize) -> agreement::Agreement {
    let sample = sample::agreement(Some("2027-0001"));
    agreement::Agreement { body: sample.body.repeat(times), ..sample }
}

#[divan::bench]
fn html(bencher: Bencher<'_, '_>) {
    let sample = sample(1);
    bencher.bench_local(|| agreement::html(&sample));
}

#[divan::bench(args = [0, 1, 6])]
fn pdf(bencher: Bencher<'_, '_>, times: usize) {
    let sample = sample(times);
    bencher.bench_local(|| agreement::rendered(&sample).expect("a document"));
}
