//! Writes the CSV files of a synthetic register: `cargo run --release --example synthetic -- DIR
//! [MEMBERS AGREEMENTS INVOICES]`. Another number of sizes gives a small one.

#[path = "../benches/register/synthetic.rs"]
mod synthetic;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().unwrap_or_else(|| "synthetic".to_owned());
    let sizes: Vec<usize> = arguments.filter_map(|size| size.parse().ok()).collect();
    let size = match sizes[..] {
        [members, agreements, invoices] => synthetic::Size { members, agreements, invoices },
        _ if sizes.is_empty() => synthetic::LARGE,
        _ => synthetic::SMALL,
    };
    synthetic::write(std::path::Path::new(&dir), size)
}
