//! Measures what requests cost a server, and what others notice of hostile ones:
//! `cargo run --release --example load -- target/release/samregister
//! [costs|hostile|followers|memory|scale]…`.
//!
//! It starts the program with its demo, so that it can be run against any build. `costs` prints the
//! dearest requests that each role may make, `hostile` the latency of `/healthz` and others next to
//! 32 of them, `followers` what a commit costs with 1 000 of those. `memory`, which only runs when
//! it is named, prints the resident memory of a server of a synthetic register, and so does
//! `scale`, which prints the figures of a large one on PostgreSQL. It ends with 1 when a goal is
//! missed: `.ci/long` runs it.

#[expect(dead_code, reason = "the comparison of the workloads uses the rest")]
mod client;
mod memory;
mod questions;
mod scale;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use client::{Client, Reply, Socket};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A program under measurement.
struct Program {
    child: Child,
    address: String,
    /// Tokens by role.
    tokens: Vec<(String, String)>,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Program {
    /// Starts the program's demo with these settings.
    fn start(path: &str, settings: &[(&str, &str)]) -> Result<Self, Failure> {
        let mut command = Command::new(path);
        command.args(["serve", "--demo", "--bind", "127.0.0.1:0"]).envs(settings.iter().copied());
        let mut program = Self::listening(command)?;
        let output = program.child.stdout.take().ok_or("no output")?;
        let mut role = String::new();
        for line in BufReader::new(output).lines() {
            let line = line?;
            if line.trim_start().starts_with("eyJ") {
                program.tokens.push((std::mem::take(&mut role), line.trim().to_owned()));
            } else if line.contains("curl") {
                break;
            }
            role = line.split(' ').next().unwrap_or_default().to_owned();
        }
        Ok(program)
    }

    /// Runs a command that serves, and waits until it listens.
    fn listening(mut command: Command) -> Result<Self, Failure> {
        command.env("SAMREGISTER_LOG", "error").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut errors = BufReader::new(child.stderr.take().ok_or("no errors")?);
        let mut program = Self { child, address: String::new(), tokens: Vec::new() };
        let mut line = String::new();
        while program.address.is_empty() {
            line.clear();
            if errors.read_line(&mut line)? == 0 {
                return Err("the program ended at once".into());
            }
            let address = line.split("http://").nth(1).and_then(|rest| rest.split(',').next());
            program.address = address.unwrap_or_default().trim().to_owned();
        }
        thread::spawn(move || errors.lines().for_each(drop));
        Ok(program)
    }

    fn client(&self, role: &str) -> Client {
        let token = self
            .tokens
            .iter()
            .find(|(its, _)| its == role)
            .map(|(_, token)| token.clone())
            .unwrap_or_default();
        Client::new(self.address.clone(), token)
    }

    /// Processor time so far, in seconds.
    fn processor_time(&self) -> f64 {
        let text =
            std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> =
            text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |position: usize| {
            fields.get(position).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or_default()
        };
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Megabytes of memory, now and at most.
    fn memory(&self) -> (u64, u64) {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .unwrap_or_default();
        let of = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace()
                .nth(1)
                .and_then(|kilobytes| kilobytes.parse::<u64>().ok())
                .unwrap_or_default()
                / 1024
        };
        (of("VmRSS"), of("VmHWM"))
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().unwrap_or_else(|| "target/release/samregister".to_owned());
    let wanted: Vec<String> = arguments.collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let mut missed = Vec::new();
    type Part = fn(&str, &mut Vec<String>) -> Result<(), Failure>;
    let parts: [(&str, Part); 3] =
        [("costs", costs), ("hostile", hostile), ("followers", followers)];
    let mut parts: Vec<_> = parts.into_iter().filter(|(name, _)| wants(name)).collect();
    let named: [(&str, Part); 2] = [("memory", memory::memory), ("scale", scale::scale)];
    parts.extend(named.into_iter().filter(|(name, _)| wanted.iter().any(|wanted| wanted == name)));
    for (name, part) in parts {
        if let Err(failure) = part(&program, &mut missed) {
            missed.push(format!("{name}: {failure}"));
        }
    }
    missed.iter().for_each(|goal| println!("missed: {goal}"));
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the dearest requests of each role, by processor time.
fn costs(path: &str, _: &mut Vec<String>) -> Result<(), Failure> {
    // This measures what a document costs, not how many may be sent.
    let program = Program::start(path, &[("SAMREGISTER_MAX_COST_PER_MINUTE", "0")])?;
    println!(
        "role           request                                   points   CPU-ms  µs/point       bytes  seconds  answer"
    );
    let roles: Vec<String> = program.tokens.iter().map(|(role, _)| role.clone()).collect();
    for role in roles {
        let mut client = program.client(&role);
        let mut rows = Vec::new();
        for (name, document, variables) in questions::dear(&mut client)? {
            let (before, began) = (program.processor_time(), Instant::now());
            let reply = client.ask(&document, variables, true)?;
            let (seconds, used) =
                (began.elapsed().as_secs_f64(), program.processor_time() - before);
            rows.push((used, seconds, name, reply));
        }
        rows.sort_by(|one, other| other.0.total_cmp(&one.0));
        for (used, seconds, name, reply) in rows.into_iter().take(10) {
            let points = reply.points();
            let each = points
                .filter(|points| *points > 0)
                .map_or(0.0, |points| used * 1e6 / points as f64);
            let points = points.map_or("-".to_owned(), |points| points.to_string());
            println!(
                "{role:<14} {name:<40} {points:>7} {:>8.0} {each:>9.1} {:>11} {seconds:>8.2}  {}",
                used * 1e3,
                reply.bytes,
                reply.outcome()
            );
        }
    }
    println!("memory: {:?} MB now and at most", program.memory());
    Ok(())
}

/// Sends every probe for twenty seconds, and returns its times in ascending order.
fn probed(program: &Arc<Program>) -> Result<Vec<(&'static str, Vec<Duration>)>, Failure> {
    let probes = questions::PROBES.map(|(name, role, question)| {
        let program = Arc::clone(program);
        thread::spawn(move || {
            let mut client = program.client(role);
            let mut times = Vec::new();
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(20) {
                let asked = Instant::now();
                let reply = if question.starts_with('/') {
                    client.get(question)
                } else {
                    client.ask(question, json!({}), false)
                };
                times.push(if reply.is_ok_and(|reply| reply.status == 200) {
                    asked.elapsed()
                } else {
                    Duration::from_secs(3600)
                });
                thread::sleep(Duration::from_millis(20));
            }
            times.sort_unstable();
            (name, times)
        })
    });
    let times =
        |probe: thread::JoinHandle<_>| probe.join().map_err(|_| Failure::from("a probe panicked"));
    probes.into_iter().map(times).collect()
}

/// Prints latencies next to 32 hostile requests that never stop.
fn hostile(path: &str, missed: &mut Vec<String>) -> Result<(), Failure> {
    let program = Arc::new(Program::start(path, &[("SAMREGISTER_MAX_COST_PER_MINUTE", "0")])?);
    let questions = questions::dear(&mut program.client("MEMBER"))?;
    let over = Arc::new(AtomicBool::new(false));
    let before = program.processor_time();
    let hostile: Vec<_> = (0..32)
        .map(|position| {
            let (program, over, questions) =
                (Arc::clone(&program), Arc::clone(&over), questions.clone());
            thread::spawn(move || {
                let (mut client, mut asked, mut longest) =
                    (program.client("MEMBER"), 0, Duration::ZERO);
                while !over.load(Ordering::Relaxed) {
                    let (_, document, variables) = &questions[(position + asked) % questions.len()];
                    let began = Instant::now();
                    if client.ask(document, variables.clone(), false).is_err() {
                        client = program.client("MEMBER");
                    }
                    (asked, longest) = (asked + 1, longest.max(began.elapsed()));
                }
                (asked, longest)
            })
        })
        .collect();
    thread::sleep(Duration::from_secs(2));
    println!("during 32 hostile requests of a MEMBER       probes   p50 ms   p99 ms   max ms");
    for (name, times) in probed(&program)? {
        let at = |part: f64| {
            times
                .get(((times.len() as f64 - 1.0) * part) as usize)
                .map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        println!(
            "{name:<44} {:>6} {:>8.1} {:>8.1} {:>8.1}",
            times.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
        if name.starts_with('/') && at(0.99) > 100.0 {
            missed.push(format!(
                "{name} has a p99 of {:.0} ms during 32 hostile requests; the goal is 100",
                at(0.99)
            ));
        }
    }
    over.store(true, Ordering::Relaxed);
    let (mut asked, mut longest) = (0, Duration::ZERO);
    for one in hostile {
        let (its, time) = one.join().map_err(|_| "a hostile client panicked")?;
        (asked, longest) = (asked + its, longest.max(time));
    }
    println!(
        "hostile: {asked} answers, the slowest after {:.1} s; {:.0} CPU-s; memory {:?} MB",
        longest.as_secs_f64(),
        program.processor_time() - before,
        program.memory()
    );
    if longest > Duration::from_secs(21) {
        missed.push(format!(
            "a request was answered after {:.1} s; the time limit is 20",
            longest.as_secs_f64()
        ));
    }
    Ok(())
}

/// Number of subscribers.
const FOLLOWERS: usize = 1_000;

/// Settings that let one subject have all of them.
const MANY_SOCKETS: [(&str, &str); 4] = [
    ("SAMREGISTER_SOCKETS_PER_SUBJECT", "2000"),
    ("SAMREGISTER_SUBSCRIPTIONS_PER_SUBJECT", "2000"),
    ("SAMREGISTER_MAX_PENDING_SOCKETS", "2000"),
    ("SAMREGISTER_MAX_COST_PER_MINUTE", "0"),
];

/// Opens a socket for each subscriber.
fn subscribers(client: &Client) -> Result<Vec<Socket>, Failure> {
    let document =
        "subscription { changes { revision kind action node { __typename id } recordedAt } }";
    let open = |_| {
        let mut socket = Socket::open(client)?;
        socket.subscribe(document)?;
        Ok(socket)
    };
    (0..FOLLOWERS).map(open).collect()
}

/// Prints what a commit costs with 1 000 followers.
fn followers(path: &str, missed: &mut Vec<String>) -> Result<(), Failure> {
    let known = Program::start(path, &MANY_SOCKETS);
    // A program of before these settings.
    let program = known.or_else(|_| Program::start(path, &[]))?;
    let mut office = program.client("OFFICE");
    let mut sockets = subscribers(&office)?;
    thread::sleep(Duration::from_secs(2));
    let mut used = Vec::new();
    for position in 0..5 {
        let before = program.processor_time();
        let document = "mutation($name: String!) { \
                        organisationAdd(input: { name: $name }) { organisation { id } } }";
        office.ask(document, json!({ "name": format!("Organisation {position}") }), false)?;
        for socket in &mut sockets {
            socket.next_event()?;
        }
        used.push(program.processor_time() - before);
    }
    let mean = used.iter().sum::<f64>() / used.len() as f64;
    println!(
        "{FOLLOWERS} followers: {mean:.3} CPU-s a commit ({used:.3?}); memory {:?} MB",
        program.memory()
    );
    if mean > 0.05 {
        missed.push(format!(
            "a commit with {FOLLOWERS} followers takes {mean:.3} CPU-s; the goal is 0.05"
        ));
    }
    Ok(())
}

impl Reply {
    /// Returns the cost of the document, if the server reported it.
    fn points(&self) -> Option<u64> {
        self.json.get("extensions")?.get("cost")?.get("requested")?.as_u64()
    }

    /// `ok`, or why not.
    fn outcome(&self) -> String {
        let error = &self.json["errors"][0];
        match error["message"].as_str() {
            Some(message) => {
                let reason = error["extensions"]["reason"].as_str().unwrap_or_default();
                format!("{} {reason} {}", self.status, message.chars().take(70).collect::<String>())
            }
            None => self.status.to_string(),
        }
    }
}
