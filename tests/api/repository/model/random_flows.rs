//! Random flows on both databases in step, each report compared with an independent model of the
//! register (`tests/model`).

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, PoisonError, RwLock},
    thread,
};

use axum::{Router, body::Body, extract::State, http::Request, response::IntoResponse};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

use crate::support::{
    app::App,
    bank_fixtures,
    caller::Caller,
    invoicing_fixtures::{NETWORK, violations, with_network},
    register_files::{exported, try_import},
};

/// Seeds of the flows that every run takes.
const SEEDS: [u64; 2] = [1, 8];
/// Steps of each of them.
const STEPS: &str = "40";
/// Steps of each flow of the long form (`SAMREGISTER_TEST_RUNS`), which plays one for every four
/// registers that `secrecy` draws.
const LONG_STEPS: &str = "250";
/// Seconds after which a flow of every run ends, however slow the machine is.
const SECONDS: &str = "12";

/// A register behind an HTTP address that stays the same when its clock moves.
struct Register {
    app: Arc<RwLock<App>>,
    url: String,
    serving: JoinHandle<()>,
    /// The folder of its settings.
    _settings: TempDir,
}

impl Register {
    /// Serves a register that knows its network.
    async fn start(app: &App, is_whole_kronor: bool) -> Self {
        let rounding = format!("[network.invoicing]\nwhole_kronor = {is_whole_kronor}\n");
        let limits = "SAMREGISTER_MAX_COST_PER_MINUTE = \"0\"\nSAMREGISTER_REQUEST_SECONDS = 120\n";
        let (app, settings) = with_network(app, &format!("{limits}{NETWORK}{rounding}"));
        let app = Arc::new(RwLock::new(app));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(forward).with_state(Arc::clone(&app));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { app, url, serving, _settings: settings }
    }

    fn app(&self) -> App {
        self.app.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn move_clock(&self, instant: &str) {
        let later = self.app().at(instant);
        *self.app.write().unwrap_or_else(PoisonError::into_inner) = later;
    }

    /// Exports the register and imports it into an empty one. Fails with the first file whose
    /// second export differs.
    async fn copy(&self, instant: &str, is_whole_kronor: bool) -> Result<Self, String> {
        let app = self.app();
        let files = exported(&app).await;
        let copy = Self::start(&app.another().await.at(instant), is_whole_kronor).await;
        try_import(&copy.app(), &files)
            .await
            .map_err(|error| format!("the import fails: {error:?}"))?;
        let again = exported(&copy.app()).await;
        let names: Vec<_> = files.keys().chain(again.keys()).collect();
        match names.into_iter().find(|name| files.get(*name) != again.get(*name)) {
            None => Ok(copy),
            Some(name) => {
                let lines = |bytes: Option<&Vec<u8>>| {
                    String::from_utf8_lossy(bytes.map_or(&[], Vec::as_slice)).into_owned()
                };
                let (before, after) = (lines(files.get(name)), lines(again.get(name)));
                let pair =
                    before.lines().zip(after.lines()).find(|(before, after)| before != after);
                Err(format!("{name} of the second export differs: {pair:?}"))
            }
        }
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers a request by the register as its clock stands.
async fn forward(State(app): State<Arc<RwLock<App>>>, request: Request<Body>) -> impl IntoResponse {
    let app = app.read().unwrap_or_else(PoisonError::into_inner).clone();
    let answer = app.send(request).await;
    (answer.status, answer.bytes)
}

fn token(caller: &Caller<'_>) -> String {
    caller.authorization().unwrap_or_default().trim_start_matches("Bearer ").to_owned()
}

/// The process of one flow, and the lines that it writes to stdout.
struct Flow {
    process: Child,
    lines: mpsc::UnboundedReceiver<String>,
    /// Reads stderr to its end.
    words: thread::JoinHandle<String>,
}

impl Flow {
    fn start(registers: &[Register; 2], seed: u64, is_long: bool, is_whole_kronor: bool) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model/run.py");
        let mut command = Command::new("python3");
        command.args(["-B", "-u"]).arg(script).args([
            "--seed",
            &seed.to_string(),
            "--steps",
            if is_long { LONG_STEPS } else { STEPS },
        ]);
        if !is_long {
            command.args(["--seconds", SECONDS, "--every", "20"]);
        }
        let app = registers[0].app();
        command
            .env("SAMREGISTER_URL", &registers[0].url)
            .env("SAMREGISTER_OTHER_URL", &registers[1].url)
            .env("SAMREGISTER_OFFICE_TOKEN", token(&app.office()))
            .env("SAMREGISTER_FINANCE_TOKEN", token(&app.finance()))
            .env("SAMREGISTER_WHOLE_KRONOR", is_whole_kronor.to_string());
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line).map_err(drop))
        });
        let mut stderr = process.stderr.take().unwrap();
        let words = thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { process, lines, words }
    }

    fn answer(&mut self, line: &str) {
        // A process that has ended is judged by its status.
        writeln!(self.process.stdin.as_mut().unwrap(), "{}", line.replace('\n', " ")).ok();
    }
}

/// Executes the flow's lines: the clock, a file of the bank, a copy of each register by its
/// files, and the check that all that is stored is consistent.
async fn serve(flow: &mut Flow, registers: &[Register; 2], is_whole_kronor: bool) {
    let (mut instant, mut copies) = (String::new(), Vec::new());
    while let Some(line) = flow.lines.recv().await {
        let answer = match line.split_once(' ').unwrap_or((&line, "")) {
            ("clock", day) => {
                instant = format!("{day}T09:00:00Z");
                for register in registers {
                    register.move_clock(&instant);
                }
                let app = registers[0].app();
                format!("ok OFFICE={} FINANCE={}", token(&app.office()), token(&app.finance()))
            }
            ("exchange", _) => {
                let mut made = Vec::new();
                for register in registers {
                    made.push(register.copy(&instant, is_whole_kronor).await);
                }
                match made.into_iter().collect::<Result<Vec<_>, _>>() {
                    Ok(made) => {
                        copies = made;
                        format!("ok {} {}", copies[0].url, copies[1].url)
                    }
                    Err(message) => format!("differs: {message}"),
                }
            }
            ("bank", path) => {
                let bytes = std::fs::read(path).unwrap();
                let mut refused = Vec::new();
                for register in registers {
                    refused.extend(
                        bank_fixtures::try_import(&register.app(), "bgmax.txt", &bytes).await.err(),
                    );
                }
                if refused.is_empty() { "ok".to_owned() } else { format!("differs: {refused:?}") }
            }
            ("verify", _) => {
                let mut found = Vec::new();
                for register in registers.iter().chain(&copies) {
                    found.extend(violations(&register.app()).await);
                }
                if found.is_empty() {
                    "ok".to_owned()
                } else {
                    format!("differs: {}", found.join("; "))
                }
            }
            _ => format!("unknown line: {line}"),
        };
        flow.answer(&answer);
    }
}

/// Plays one flow on a register of each database.
async fn agrees(seed: u64, is_long: bool) {
    let is_whole_kronor = seed.is_multiple_of(3);
    let (sqlite, postgres) = (App::sqlite().await, App::postgres().await);
    let registers = [
        Register::start(&sqlite, is_whole_kronor).await,
        Register::start(&postgres, is_whole_kronor).await,
    ];
    let mut flow = Flow::start(&registers, seed, is_long, is_whole_kronor);
    serve(&mut flow, &registers, is_whole_kronor).await;
    let status = flow.process.wait().unwrap();
    let words = flow.words.join().unwrap();
    assert!(
        status.success(),
        "seed {seed}: a register and the model differ, or the flow failed ({status})\n{words}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_registers_answer_as_the_model_does() {
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match setting("SAMREGISTER_TEST_RUNS") {
        None => {
            for seed in SEEDS {
                agrees(seed, false).await;
            }
        }
        Some(runs) => {
            let first = setting("SAMREGISTER_TEST_FIRST").unwrap_or_default();
            for seed in first..first + runs.div_ceil(4) {
                agrees(seed, true).await;
            }
        }
    }
}
