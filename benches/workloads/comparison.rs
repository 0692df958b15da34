//! The comparison: checks that the answers are equal, measures in turns, and prints a table.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::{
    Failure, bank_file,
    client::Client,
    documents::{Facts, Workload},
    measure::{Contender, Figures},
    register::{NOW, Register, clock},
    servers::Servers,
};

/// What is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Names of the workloads; empty: all.
    pub workloads: HashSet<String>,
    /// Rounds of each server.
    pub rounds: usize,
    /// Duration of a round.
    pub duration: Duration,
    /// Connections for the workloads that read.
    pub clients: usize,
    /// Connections for W6, one after the other.
    pub issuers: Vec<usize>,
}

/// Compares the servers of a register, and prints the figures.
pub fn compare(
    runtime: &tokio::runtime::Runtime,
    register: &Register,
    plan: &Plan,
) -> Result<(), Failure> {
    // Connections are closed within it.
    let _inside = runtime.enter();
    let servers = runtime.block_on(Servers::start(register))?;
    println!(
        "\n{:?}, {}: {} members, {} agreements, {} invoices; {}; {} rounds of {:?} at {} connections",
        register.system,
        register.name,
        register.size.members,
        register.size.agreements,
        register.size.invoices,
        servers.durability,
        plan.rounds,
        plan.duration,
        plan.clients,
    );
    println!(
        "workload  server                    req/s    ratio  CPU ms  of it DB   CPU ×   p50 ms   p99 ms"
    );
    let wants = |name: &str| plan.workloads.is_empty() || plan.workloads.contains(name);
    for workload in servers.facts.reads().into_iter().chain(Facts::wide_reads()) {
        if wants(workload.name) {
            let contenders = readers(&servers, &workload)?;
            let figures = take_turns(&contenders, plan.clients, plan, &servers)?;
            print(workload.name, &contenders, &figures);
        }
    }
    if wants("W6") {
        let contenders = issuers(&servers)?;
        let mut floor_at_most = 0.0;
        for &clients in &plan.issuers {
            let figures = take_turns(&contenders, clients, plan, &servers)?;
            print(&format!("W6 × {clients}"), &contenders, &figures);
            if clients <= 16 {
                floor_at_most = figures[0].rate();
            } else {
                let ratio = figures[1].rate() / f64::max(floor_at_most, f64::EPSILON);
                println!("W6: {ratio:.3} times the floor at 16 connections");
            }
        }
        runtime.block_on(check_numbers(&servers))?;
    }
    if wants("W12") {
        runtime.block_on(bank_file::measure(&servers, register))?;
    }
    Ok(())
}

/// Workloads without a hand-written handler: the division of a line's amount over the days of its
/// period is a rule of the register, which no statement of some lines follows to the öre. The
/// program without its answer cache takes the place of the floor.
const WITHOUT_FLOOR: [&str; 1] = ["W9"];

/// Returns the servers of a workload that reads, the hand-written handler first, after checking
/// that they answer equally.
fn readers(servers: &Servers, workload: &Workload) -> Result<Vec<Contender>, Failure> {
    let path = match workload.name {
        "W2" => format!("/W2/{}", workload.variables["id"].as_str().unwrap_or_default()),
        "W5" => format!("/W5/{}", servers.after),
        name => format!("/{name}"),
    };
    let body = json!({ "query": workload.document, "variables": workload.variables });
    let mut contenders = Vec::new();
    let all =
        [("floor", servers.floor), ("uncached", servers.uncached), ("unchanged", servers.cached)];
    let has_floor = !WITHOUT_FLOOR.contains(&workload.name);
    for (name, address) in all.into_iter().filter(|(name, _)| has_floor || *name != "floor") {
        let mut contender = contender(servers, name, address);
        let mut client = contender.client();
        contender.requests = vec![match name {
            "floor" => client.prepare_get(&path, ""),
            _ => client.prepare_post("/graphql", &body),
        }];
        contender.body = Some(answer(&contender, &mut client)?);
        contenders.push(contender);
    }
    let known = contenders[0].body.as_deref().unwrap_or_default();
    for contender in &contenders[1..] {
        let own = contender.body.as_deref().unwrap_or_default();
        equal(workload.name, contender.name, &comparable(own)?, &comparable(known)?)?;
    }
    contenders.push(not_modified(servers, workload)?);
    Ok(contenders)
}

fn contender(servers: &Servers, name: &'static str, address: SocketAddr) -> Contender {
    Contender {
        name,
        address: address.to_string(),
        token: servers.token.clone(),
        requests: Vec::new(),
        status: 200,
        body: None,
    }
}

/// Returns the program asked by GET with the validator of the answer that the client has.
fn not_modified(servers: &Servers, workload: &Workload) -> Result<Contender, Failure> {
    let mut contender = contender(servers, "unchanged, If-None-Match", servers.cached);
    let mut client = contender.client();
    let path = format!(
        "/graphql?query={}&variables={}",
        escaped(workload.document),
        escaped(&workload.variables.to_string())
    );
    contender.requests = vec![client.prepare_get(&path, "")];
    answer(&contender, &mut client)?;
    let header = format!("if-none-match: {}\r\n", client.etag());
    contender.requests = vec![client.prepare_get(&path, &header)];
    contender.status = 304;
    contender.body = Some(answer(&contender, &mut client)?);
    Ok(contender)
}

/// Escapes a text for the query of an address.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Returns the body of the answer to the first request.
fn answer(contender: &Contender, client: &mut Client) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    contender.ask(client, &contender.requests[0], &mut body)?;
    Ok(body)
}

/// Returns an answer without what each server chooses itself: cursors, ids and numbers of new
/// invoices.
fn comparable(body: &[u8]) -> Result<Value, Failure> {
    let mut answer: Value = serde_json::from_slice(body)?;
    for path in [
        "/data/invoices/pageInfo/endCursor",
        "/data/invoiceIssue/invoice/id",
        "/data/invoiceIssue/invoice/number",
    ] {
        if let Some(value) = answer.pointer_mut(path)
            && value.as_str().is_some_and(|text| !text.is_empty())
        {
            *value = json!("any");
        }
    }
    Ok(answer)
}

/// Fails unless an answer is that of the hand-written handler.
fn equal(workload: &str, name: &str, own: &Value, known: &Value) -> Result<(), Failure> {
    if own == known {
        return Ok(());
    }
    Err(format!("{workload} of {name} differs from that of the floor:\n{own}\n{known}").into())
}

/// Returns the servers of W6, the hand-written handler first, after checking that they answer
/// equally.
fn issuers(servers: &Servers) -> Result<Vec<Contender>, Failure> {
    let mut floor = contender(servers, "floor", servers.floor);
    let mut program = contender(servers, "program", servers.cached);
    let (one, other) = (floor.client(), program.client());
    for position in 0..50 {
        let workload = servers.facts.issue(position);
        let draft = &workload.variables["input"]["draft"];
        floor.requests.push(one.prepare_post("/W6", draft));
        let body = json!({ "query": workload.document, "variables": workload.variables });
        program.requests.push(other.prepare_post("/graphql", &body));
    }
    let known = comparable(&answer(&floor, &mut floor.client())?)?;
    let own = comparable(&answer(&program, &mut program.client())?)?;
    equal("W6", program.name, &own, &known)?;
    Ok(vec![floor, program])
}

/// Asks each server for a second, and then all of them in turns.
fn take_turns(
    contenders: &[Contender],
    clients: usize,
    plan: &Plan,
    servers: &Servers,
) -> Result<Vec<Figures>, Failure> {
    for contender in contenders {
        contender.round(clients, plan.duration.min(Duration::from_secs(1)), None)?;
    }
    let mut figures = vec![Figures::default(); contenders.len()];
    for _ in 0..plan.rounds {
        for (contender, figures) in contenders.iter().zip(&mut figures) {
            figures.add(contender.round(clients, plan.duration, servers.database)?);
        }
    }
    Ok(figures)
}

fn print(workload: &str, contenders: &[Contender], figures: &[Figures]) {
    let floor = &figures[0];
    let total = |figures: &Figures| {
        let (process, database) = figures.milliseconds();
        process + database
    };
    for (contender, own) in contenders.iter().zip(figures) {
        println!(
            "{workload:<9} {:<24} {:>7.1} {:>8.3} {:>7.3} {:>9.3} {:>7.2} {:>8.2} {:>8.2}",
            contender.name,
            own.rate(),
            own.rate() / floor.rate().max(f64::EPSILON),
            total(own),
            own.milliseconds().1,
            total(own) / total(floor).max(f64::EPSILON),
            own.percentile(0.5),
            own.percentile(0.99),
        );
    }
}

/// Fails unless the numbers of the invoices that were issued have no gap.
async fn check_numbers(servers: &Servers) -> Result<(), Failure> {
    let today = clock().today();
    for (name, invoices) in [
        (
            "program",
            format!(
                "SELECT CAST(number AS bigint) AS number FROM invoice WHERE kind = 'INVOICE' AND issued_on = '{today}'"
            ),
        ),
        ("floor", "SELECT number FROM floor_invoice".to_owned()),
    ] {
        let sql = format!(
            "SELECT COUNT(*), COALESCE(MAX(number) - MIN(number) + 1, 0) FROM ({invoices}) issued"
        );
        let statement = Statement::from_string(servers.db.backend(), sql);
        let row = servers.db.read().query_one_raw(statement).await?.ok_or("no row")?;
        let (count, range): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        if count != range {
            return Err(
                format!("{name} issued {count} invoices with {range} numbers at {NOW}").into()
            );
        }
        println!("W6: {name} issued {count} invoices without a gap");
    }
    Ok(())
}
