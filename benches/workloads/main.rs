//! The workloads W1 to W12 against hand-written handlers of the same answers in the same process:
//! `cargo bench --profile dist --bench workloads -- [s|m|l|xl]… [sqlite|postgres]… [W1…]…
//! [rounds=N] [seconds=N] [clients=N]`. `docs/performance.md` explains the table that it prints.
//!
//! Set `BENCH_POSTGRES` to the address of a PostgreSQL server on this machine to measure there as
//! well as on SQLite; `tests/long/workloads.sh` starts one. `prepare FOLDER` makes a register of
//! size s in a folder, and `count FOLDER W1 N` asks it one workload so often, for callgrind.

mod bank_file;
#[path = "../../examples/load/client.rs"]
#[expect(dead_code, reason = "the load test uses the rest")]
mod client;
mod comparison;
mod count;
mod documents;
mod floor;
mod measure;
#[path = "../register/network.rs"]
mod network;
mod processor;
mod register;
mod servers;
#[path = "../register/synthetic.rs"]
#[expect(dead_code, reason = "the benchmark of the register uses the other size")]
mod synthetic;

use std::{collections::HashSet, path::PathBuf, process::ExitCode, time::Duration};

use comparison::Plan;
use register::{Register, System};
use synthetic::{LARGE, Size};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Sizes by name: the network as it is, one of ten thousand members, one of a hundred thousand, and
/// this one with twenty invoices a member.
const SIZES: [(&str, Size); 4] = [
    ("s", Size { members: 70, agreements: 210, invoices: 1_000 }),
    ("m", LARGE),
    ("l", Size { members: 100_000, agreements: 300_000, invoices: 200_000 }),
    ("xl", Size { members: 100_000, agreements: 300_000, invoices: 2_000_000 }),
];

fn main() -> ExitCode {
    // The program pays for its log too, apart from its output.
    tracing_subscriber::fmt()
        .with_env_filter("info,sea_orm_migration=warn")
        .with_ansi(false)
        .with_writer(std::io::sink)
        .init();
    // `cargo bench` adds an option.
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["prepare", folder] => count::prepare(&small(folder)),
        ["count", folder, workload, times] => count::ask(&small(folder), workload, times),
        _ => compare(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the register of size s on SQLite in this folder.
fn small(folder: &str) -> Register {
    let [(name, size), ..] = SIZES;
    Register { system: System::Sqlite, name, size, folder: PathBuf::from(folder) }
}

fn compare(words: &[&str]) -> Result<(), Failure> {
    let (mut sizes, mut systems) = (Vec::new(), Vec::new());
    let mut plan = Plan {
        workloads: HashSet::new(),
        rounds: 5,
        duration: Duration::from_secs(3),
        clients: 16,
        issuers: vec![1, 16, 64],
    };
    for &word in words {
        match (word, word.split_once('=')) {
            (_, Some(("rounds", count))) => plan.rounds = count.parse()?,
            (_, Some(("seconds", count))) => plan.duration = Duration::from_secs(count.parse()?),
            (_, Some(("clients", count))) => plan.clients = count.parse()?,
            ("sqlite", _) => systems.push(System::Sqlite),
            ("postgres", _) => systems.push(System::Postgres),
            (
                "W1" | "W2" | "W3" | "W4" | "W5" | "W6" | "W7" | "W8" | "W9" | "W10" | "W11"
                | "W12",
                _,
            ) => {
                plan.workloads.insert(word.to_owned());
            }
            _ => {
                let size = SIZES.into_iter().find(|(name, _)| *name == word);
                sizes.push(size.ok_or_else(|| format!("{word} is not an argument"))?);
            }
        }
    }
    if sizes.is_empty() {
        sizes.push(SIZES[0]);
    }
    if systems.is_empty() {
        systems.push(System::Sqlite);
        systems.extend(std::env::var_os("BENCH_POSTGRES").map(|_| System::Postgres));
    }
    for (name, size) in sizes {
        for &system in &systems {
            let register = Register { system, name, size, folder: register::folder() };
            // A runtime of its own: its servers and connections end with it.
            let runtime = tokio::runtime::Runtime::new()?;
            comparison::compare(&runtime, &register, &plan)?;
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
    Ok(())
}
