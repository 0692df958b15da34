//! Writes a sample agreement, and its draft, as HTML and PDF: `cargo run --release --example
//! agreement -- DIR`. Tells what each took, the first one cold.

#[path = "../benches/documents/sample.rs"]
mod sample;

use std::{path::PathBuf, time::Instant};

use documents::agreement;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    std::fs::create_dir_all(&dir)?;
    for (name, number) in [("agreement", Some("2027-0001")), ("draft", None)] {
        let sample = sample::agreement(number);
        let before = Instant::now();
        let rendered = agreement::rendered(&sample)?;
        println!(
            "{name}: {} ms, {} bytes, {}",
            before.elapsed().as_millis(),
            rendered.pdf.len(),
            rendered.sha256
        );
        std::fs::write(dir.join(name).with_extension("html"), rendered.html)?;
        std::fs::write(dir.join(name).with_extension("pdf"), rendered.pdf)?;
    }
    Ok(())
}
