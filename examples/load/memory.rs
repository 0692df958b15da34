//! Resident memory of a server: idle, after W1 at 16 connections, during a soak, and of 1 000 idle
//! subscribers.
//!
//! The goals are those of a build with the profile `dist`, on a register of size s. DATABASE_URL
//! names another register that is there, and SAMREGISTER_TRAIL_KEY the key of its trail;
//! SOAK_SECONDS is the duration of the soak.

#[path = "../../benches/workloads/documents.rs"]
#[expect(dead_code, reason = "the comparison of the workloads uses the rest")]
pub(super) mod documents;
#[path = "../../benches/register/synthetic.rs"]
#[expect(dead_code, reason = "the benchmarks use the other sizes")]
pub(super) mod synthetic;

use std::{
    env,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;

use self::synthetic::Size;
use super::{FOLLOWERS, Failure, MANY_SOCKETS, Program, subscribers};

/// The register: the network as it is.
const SIZE: Size = Size { members: 70, agreements: 210, invoices: 1_000 };
/// Connections that ask at a time.
const CONNECTIONS: usize = 16;
/// Most megabytes of a server that was not asked anything yet.
const IDLE: f64 = 40.0;
/// Most megabytes after W1 at [`CONNECTIONS`].
const BUSY: f64 = 80.0;
/// Most megabytes that the idle subscribers add.
const SUBSCRIBERS: f64 = 10.0;
/// Most megabytes that a soak adds after its first quarter.
const GROWTH: f64 = 5.0;
/// Time that a server gets to come to rest.
const REST: Duration = Duration::from_secs(3);

/// Requests of the soak: W1, a short list, a search and a change.
static SOAK: [&str; 4] = [
    documents::MEMBERS,
    "{ invoices(last: 50) { nodes { number total status } } }",
    "{ members(first: 10, filter: { search: \"samordning\" }) { totalCount nodes { name } } }",
    "mutation { organisationAdd(input: { name: \"Organisation\" }) { organisation { id } } }",
];

/// Prints the memory of a server, and names the goals that it misses.
pub fn memory(path: &str, missed: &mut Vec<String>) -> Result<(), Failure> {
    let register = Register::of(path)?;
    let mut check = |name: &str, megabytes: f64, most: f64| {
        println!("{name:<44} {megabytes:>7.1} MB, goal {most:.0}");
        if megabytes > most {
            missed.push(format!("memory {name} is {megabytes:.1} MB; the goal is {most:.0}"));
        }
    };
    let program = Arc::new(register.serve(path)?);
    thread::sleep(REST);
    check("idle", program.resident(), IDLE);
    ask(&program, &SOAK[..1], Duration::from_secs(15), |_| {})?;
    println!("{:<44} {:>7} MB", "at most during W1 at 16 connections", program.memory().1);
    check("after W1 at 16 connections", program.resident(), BUSY);
    let seconds = env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(180);
    let mut samples = Vec::new();
    ask(&program, &SOAK, Duration::from_secs(seconds), |megabytes| samples.push(megabytes))?;
    let at = |quarter: usize| samples.get(samples.len() * quarter / 4).copied().unwrap_or_default();
    let last = samples.last().copied().unwrap_or_default();
    println!(
        "soak of {seconds} s: {:.1} MB after a quarter, {:.1} after a half, {last:.1} at its end",
        at(1),
        at(2)
    );
    check("added by the soak after its first quarter", last - at(1), GROWTH);
    drop(program);

    let program = register.serve(path)?;
    thread::sleep(REST);
    let before = program.resident();
    let sockets = subscribers(&program.client("OFFICE"))?;
    thread::sleep(REST);
    check(
        &format!("added by {FOLLOWERS} idle subscribers"),
        program.resident() - before,
        SUBSCRIBERS,
    );
    drop(sockets);
    Ok(())
}

/// Asks these documents in turn, for so long on [`CONNECTIONS`], and passes the memory on every
/// second.
fn ask(
    program: &Arc<Program>,
    documents: &'static [&'static str],
    duration: Duration,
    mut sample: impl FnMut(f64),
) -> Result<(), Failure> {
    let over = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|position| {
            let (program, over) = (Arc::clone(program), Arc::clone(&over));
            thread::spawn(move || -> Result<(), Failure> {
                let (mut client, mut body) = (program.client("OFFICE"), Vec::new());
                let requests: Vec<_> = documents
                    .iter()
                    .map(|document| client.prepare_post("/graphql", &json!({ "query": document })))
                    .collect();
                for request in requests.iter().cycle().skip(position) {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let status = client.send(request, &mut body)?;
                    if status != 200 {
                        return Err(format!("an answer has the status {status}").into());
                    }
                }
                Ok(())
            })
        })
        .collect();
    let begun = Instant::now();
    while begun.elapsed() < duration {
        thread::sleep(Duration::from_secs(1));
        sample(program.resident());
    }
    over.store(true, Ordering::Relaxed);
    for one in threads {
        one.join().map_err(|_| "a client panicked")??;
    }
    Ok(())
}

impl Program {
    /// Returns the resident memory in megabytes.
    fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
        let kilobytes: Option<f64> =
            line.split_whitespace().nth(1).and_then(|number| number.parse().ok());
        kilobytes.unwrap_or(0.0) / 1024.0
    }
}

/// A register that the program serves.
pub(super) struct Register {
    /// Address of the database.
    url: String,
    /// Token of the office.
    pub(super) token: String,
    pub(super) folder: TempDir,
}

impl Register {
    /// Returns the register of the environment, or a new synthetic one.
    fn of(path: &str) -> Result<Self, Failure> {
        let named = env::var("DATABASE_URL").ok();
        let is_named = named.is_some();
        let mut register = Self::at(named.unwrap_or_default())?;
        if !is_named {
            let file = register.folder.path().join("register.db");
            register.url = format!("sqlite://{}?mode=rwc", file.display());
            let files = register.folder.path().join("files");
            synthetic::write(&files, SIZE)?;
            register.run(path, &[Path::new("migrate")])?;
            register.run(path, &[Path::new("import"), &files])?;
        }
        register.mint(path)?;
        Ok(register)
    }

    /// Returns the register in the database of this address, without a token.
    pub(super) fn at(url: String) -> Result<Self, Failure> {
        Ok(Self { url, token: String::new(), folder: tempfile::tempdir()? })
    }

    /// Mints the token of the office.
    pub(super) fn mint(&mut self, path: &str) -> Result<(), Failure> {
        let words = ["token", "--role", "OFFICE", "--days", "1"].map(Path::new);
        self.token = self.run(path, &words)?.trim().to_owned();
        Ok(())
    }

    pub(super) fn command(&self, path: &str) -> Command {
        let mut command = Command::new(path);
        command
            .env("DATABASE_URL", &self.url)
            .env("SAMREGISTER_JWT_SECRET", "a secret of the load test, which opens nothing")
            .envs(MANY_SOCKETS);
        command
    }

    /// Runs a command of the program, and returns its output.
    pub(super) fn run(&self, path: &str, arguments: &[&Path]) -> Result<String, Failure> {
        let done = self.command(path).args(arguments).output()?;
        if !done.status.success() {
            let output = [done.stdout, done.stderr].concat();
            return Err(String::from_utf8_lossy(&output).into_owned().into());
        }
        Ok(String::from_utf8(done.stdout)?)
    }

    fn serve(&self, path: &str) -> Result<Program, Failure> {
        let mut command = self.command(path);
        command.args(["serve", "--bind", "127.0.0.1:0"]);
        let mut program = Program::listening(command)?;
        program.tokens.push(("OFFICE".to_owned(), self.token.clone()));
        Ok(program)
    }
}
