//! Figures of a register of two million invoices on PostgreSQL: import, size, start, latencies of
//! the workloads that read, and `verify` of all of it and of the last changes.
//!
//! DATABASE_URL names an empty database of PostgreSQL, and SAMREGISTER_TRAIL_KEY the file of a key,
//! which is created. SCALE_SIZE is another size, as `10000 30000 200000`: members, agreements and
//! invoices. `tests/long/scale.sh` sets them.

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde_json::{Value, json};

use super::{
    Failure, Program,
    client::Client,
    memory::{
        Register,
        documents::{Facts, Workload},
        synthetic::{self, Size},
    },
};

/// A hundred thousand members, with twenty invoices each.
const SIZE: Size = Size { members: 100_000, agreements: 300_000, invoices: 2_000_000 };
/// Requests of each workload, at most.
const REQUESTS: usize = 50;
/// Time after which no further request of a workload is sent.
const MAX_TIME: Duration = Duration::from_secs(15);
/// Changes after the checkpoint from which on `verify` checks.
const CHANGES: usize = 100;
/// Time that a server gets to be ready.
const START_TIME: Duration = Duration::from_secs(120);

/// Makes the register, and prints the figures.
pub fn scale(path: &str, _: &mut Vec<String>) -> Result<(), Failure> {
    let url = env::var("DATABASE_URL")
        .map_err(|_| "DATABASE_URL names no database; tests/long/scale.sh starts a server")?;
    let size = size()?;
    println!("{size:?}");
    let mut register = Register::at(url.clone())?;
    fill(&register, path, size)?;
    print_size(&url)?;
    register.mint(path)?;
    timed("verify", || register.run(path, &[Path::new("verify")]))?;
    let checkpoint = register.run(path, &[Path::new("checkpoint")])?;
    let is_checkpoint = |line: &&str| !line.is_empty() && !line.starts_with(['+', '#']);
    let checkpoint = checkpoint.lines().rfind(is_checkpoint).ok_or("there is no checkpoint")?;

    let program = timed("start, until it is ready", || start(&register, path))?;
    let mut client = program.client("OFFICE");
    let facts = facts(&mut client)?;
    println!("workload                                        requests   p50 ms   p99 ms");
    for workload in facts.reads().into_iter().chain(Facts::wide_reads()) {
        measure(&mut client, &workload)?;
    }
    println!("{:<44} {:>7} MB", "memory of the server, at most", program.memory().1);
    for position in 0..CHANGES {
        let name = format!("Organisation {position}");
        let document = "mutation($name: String!) { \
                        organisationAdd(input: { name: $name }) { organisation { id } } }";
        data(&mut client, document, json!({ "name": name }))?;
    }
    drop((client, program));
    let since = ["verify", "--since", checkpoint].map(Path::new);
    timed(&format!("verify --since, {CHANGES} changes later"), || register.run(path, &since))?;
    Ok(())
}

/// Returns the size in the environment, or [`SIZE`].
fn size() -> Result<Size, Failure> {
    let Ok(text) = env::var("SCALE_SIZE") else { return Ok(SIZE) };
    let numbers: Vec<usize> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    match numbers[..] {
        [members, agreements, invoices] => Ok(Size { members, agreements, invoices }),
        _ => Err(format!("SCALE_SIZE is {text:?}, not three numbers").into()),
    }
}

/// Prints how long something takes, and returns its result.
fn timed<T>(name: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let begun = Instant::now();
    let done = work()?;
    println!("{name:<44} {:>9.1} s", begun.elapsed().as_secs_f64());
    Ok(done)
}

/// Imports a register into the empty database.
fn fill(register: &Register, path: &str, size: Size) -> Result<(), Failure> {
    let files = register.folder.path().join("files");
    timed("writing the CSV files", || Ok(synthetic::write(&files, size)?))?;
    register.run(path, &["trail-key", "new"].map(Path::new))?;
    register.run(path, &[Path::new("migrate")])?;
    timed("import", || register.run(path, &[Path::new("import"), &files]))?;
    std::fs::remove_dir_all(&files)?;
    Ok(())
}

/// Prints the size of the database, after its statistics are up to date.
fn print_size(url: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bytes: i64 = runtime.block_on(async {
        let connection = sea_orm::Database::connect(url).await?;
        connection.execute_unprepared("VACUUM ANALYZE").await?;
        let sql = "SELECT pg_database_size(current_database())";
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let row = connection.query_one_raw(statement).await?.ok_or("the database has no size")?;
        let bytes = row.try_get_by_index(0)?;
        connection.close().await?;
        Ok::<i64, Failure>(bytes)
    })?;
    println!("{:<44} {:>7} MB", "size of the database", bytes >> 20);
    Ok(())
}

/// Serves the register without an answer cache, and waits until it is ready.
fn start(register: &Register, path: &str) -> Result<Program, Failure> {
    let mut command = register.command(path);
    command.args(["serve", "--bind", "127.0.0.1:0"]).env("SAMREGISTER_ANSWER_CACHE_BYTES", "0");
    let mut program = Program::listening(command)?;
    program.tokens.push(("OFFICE".to_owned(), register.token.clone()));
    let (mut client, begun) = (program.client("OFFICE"), Instant::now());
    while client.get("/readyz").map_or(0, |reply| reply.status) != 200 {
        if begun.elapsed() > START_TIME {
            return Err(format!("the server is not ready after {START_TIME:?}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(program)
}

/// Finds the objects that the workloads name.
fn facts(client: &mut Client) -> Result<Facts, Failure> {
    let mut failed = None;
    let ask = async |document: &str, variables: Value| {
        data(client, document, variables).unwrap_or_else(|failure| {
            failed = Some(failure);
            Value::Null
        })
    };
    // The client blocks, so that nothing is ever pending.
    let found = Facts::find(ask).now_or_never();
    match (failed, found) {
        (None, Some(facts)) => Ok(facts),
        (failed, _) => Err(failed.unwrap_or_else(|| "a search did not end".into())),
    }
}

/// Returns the data of an answer.
fn data(client: &mut Client, document: &str, variables: Value) -> Result<Value, Failure> {
    let mut reply = client.ask(document, variables, false)?;
    match &reply.json["errors"] {
        Value::Null => Ok(reply.json["data"].take()),
        errors => Err(format!("{} {errors}", reply.status).into()),
    }
}

/// Asks a workload on one connection, and prints its latencies; or its error, as one about the time
/// limit.
fn measure(client: &mut Client, workload: &Workload) -> Result<(), Failure> {
    let body = json!({ "query": workload.document, "variables": workload.variables });
    let (request, mut answer) = (client.prepare_post("/graphql", &body), Vec::new());
    let (mut times, begun) = (Vec::new(), Instant::now());
    // The first prepares the statements of its connections.
    for position in 0..=REQUESTS {
        let asked = Instant::now();
        let status = client.send(&request, &mut answer)?;
        if status != 200 || answer.starts_with(b"{\"errors\"") {
            let start: String = String::from_utf8_lossy(&answer).chars().take(200).collect();
            println!("{:<44} fails with {status}: {start}", workload.name);
            return Ok(());
        }
        if position > 0 {
            times.push(asked.elapsed());
        }
        if position > 0 && begun.elapsed() > MAX_TIME {
            break;
        }
    }
    times.sort_unstable();
    let at = |part: f64| {
        let position = (times.len().saturating_sub(1) as f64 * part) as usize;
        times.get(position).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    println!("{:<44} {:>11} {:>8.1} {:>8.1}", workload.name, times.len(), at(0.5), at(0.99));
    Ok(())
}
