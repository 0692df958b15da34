//! Writes sample invoices and credit notes as PDF and as e-invoices: `cargo run --release --example
//! invoice -- DIR`. Tells what each took, the first one cold.

#[path = "../tests/api/support/document_fixtures.rs"]
mod samples;

use std::{path::PathBuf, time::Instant};

use documents::{invoice, peppol};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    std::fs::create_dir_all(&dir)?;
    for (name, sample) in samples::named() {
        let before = Instant::now();
        let xml = peppol::xml(&sample)?;
        let rendered = invoice::rendered(&sample, xml.clone(), None)?;
        println!(
            "{name}: {} ms, {} bytes, {}",
            before.elapsed().as_millis(),
            rendered.bytes.len(),
            rendered.sha256
        );
        std::fs::write(dir.join(name).with_extension("xml"), xml)?;
        std::fs::write(dir.join(name).with_extension("pdf"), rendered.bytes)?;
    }
    Ok(())
}
