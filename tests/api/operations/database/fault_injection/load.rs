//! A server in a process of its own, those who write to it, and what became of each of their
//! changes.

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{app, server_process::Server};

/// A register with a server in a process of its own, which the test may end and start again.
pub struct Site {
    url: String,
    folder: TempDir,
    server: Mutex<Option<Server>>,
    address: Mutex<String>,
    token: String,
    activity: String,
    tally: Tally,
}

/// Outcomes of the changes.
#[derive(Default)]
struct Tally {
    /// Descriptions of the costs that were answered as recorded.
    answered: Mutex<Vec<String>>,
    refused: Mutex<BTreeMap<String, u64>>,
    unanswered: AtomicU64,
    sent: AtomicU64,
    /// Changes that shared a commit with earlier ones, by servers that were killed.
    joined: AtomicU64,
}

/// The outcome of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    Refused(String),
    Unanswered,
}

impl Site {
    /// Makes a register at `url` and starts its server.
    pub fn start(url: String) -> Self {
        let mut site = Self {
            url,
            folder: tempfile::tempdir().unwrap(),
            server: Mutex::default(),
            address: Mutex::default(),
            token: String::new(),
            activity: String::new(),
            tally: Tally::default(),
        };
        site.run("migrate");
        site.token = site.run("token --role OFFICE --days 30").trim().to_owned();
        site.restart();
        let begun =
            site.ask("mutation { activityStart(input: { slug: \"x\", name: \"X\", funding: [GRANT], startsOn: \"2026-01-01\" }) { activity { id } } }");
        site.activity =
            begun.unwrap()["data"]["activityStart"]["activity"]["id"].as_str().unwrap().to_owned();
        site
    }

    fn program(&self) -> Command {
        // A process whose files may not grow gets a signal, which ends it unless it is ignored.
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_samregister")]);
        for (name, _) in std::env::vars_os()
            .filter(|(name, _)| name.to_string_lossy().starts_with("SAMREGISTER_"))
        {
            shell.env_remove(name);
        }
        shell
            .current_dir(self.folder.path())
            .env("DATABASE_URL", &self.url)
            .env("SAMREGISTER_JWT_SECRET", app::SECRET);
        shell.env("SAMREGISTER_LOG", "error").env("SAMREGISTER_MAX_CONCURRENT", "64");
        shell
    }

    /// Runs a command of the program that must succeed.
    pub fn run(&self, line: &str) -> String {
        let done = self.program().args(line.split(' ')).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(done.status.success(), "{line}: {}{}", text(&done.stdout), text(&done.stderr));
        text(&done.stdout)
    }

    /// Kills the server, as a power cut would, and starts it again.
    pub fn restart(&self) {
        self.count_joined();
        let mut server = self.server.lock().unwrap();
        drop(server.take());
        let started = Server::start(self.program(), "serve --bind 127.0.0.1:0");
        *self.address.lock().unwrap() = started.address.clone();
        *server = Some(started);
    }

    /// The server's process.
    pub fn process(&self) -> u32 {
        self.server.lock().unwrap().as_ref().unwrap().id()
    }

    /// Ends the server in good order.
    pub fn stop(&self) {
        let server = self.server.lock().unwrap().take();
        assert_eq!(server.unwrap().stop().0, Some(0));
    }

    fn http(&self, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
        self.http_within(Duration::from_secs(60), method, path, body)
    }

    fn http_within(
        &self,
        time: Duration,
        method: &str,
        path: &str,
        body: &str,
    ) -> io::Result<(u16, String)> {
        let address = self.address.lock().unwrap().clone();
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(time))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let broken = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let status =
            answer.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
        Ok((status, body.to_owned()))
    }

    /// Asks the API; an error when there was no answer.
    pub fn ask(&self, document: &str) -> io::Result<Value> {
        let (_, body) = self.http("POST", "/graphql", &json!({ "query": document }).to_string())?;
        serde_json::from_str(&body).map_err(io::Error::from)
    }

    /// The status of a path.
    pub fn status(&self, path: &str) -> u16 {
        self.http("GET", path, "").map_or(0, |(status, _)| status)
    }

    /// A figure of `/metrics`.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.http("GET", "/metrics", "").unwrap();
        figure(&text, name).unwrap_or_else(|| panic!("{name} in {text}"))
    }

    /// Adds the changes of this server that shared a commit, if it has a moment to report them.
    fn count_joined(&self) {
        let answer = self.http_within(Duration::from_secs(1), "GET", "/metrics", "");
        let joined = answer.ok().and_then(|(_, text)| figure(&text, JOINED)).unwrap_or_default();
        self.tally.joined.fetch_add(joined as u64, SeqCst);
    }

    /// Records a cost that no other is like.
    pub fn write(&self) -> Outcome {
        let description = format!("cost {}", self.tally.sent.fetch_add(1, SeqCst));
        let input = format!(
            "activityId: \"{}\", bookedOn: \"2026-06-01\", amount: \"1.00\", description: \"{description}\"",
            self.activity
        );
        let Ok(answer) = self.ask(&format!(
            "mutation {{ costRecord(input: {{ {input} }}) {{ activity {{ __typename }} }} }}"
        )) else {
            self.tally.unanswered.fetch_add(1, SeqCst);
            return Outcome::Unanswered;
        };
        if answer["data"]["costRecord"].is_object() {
            self.tally.answered.lock().unwrap().push(description);
            return Outcome::Answered;
        }
        let extensions = &answer["errors"][0]["extensions"];
        let code = extensions["reason"]
            .as_str()
            .or(extensions["code"].as_str())
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned();
        *self.tally.refused.lock().unwrap().entry(code.clone()).or_default() += 1;
        Outcome::Refused(code)
    }

    /// Runs `work` while so many write, who share commits. The server must run afterwards.
    pub fn under_writers(&self, writers: usize, work: impl FnOnce()) {
        /// Ends the writers also when the work fails.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, SeqCst);
            }
        }
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let _stop = Stop(&stop);
            for _ in 0..writers {
                scope.spawn(|| {
                    while !stop.load(SeqCst) {
                        if self.write() != Outcome::Answered {
                            thread::sleep(Duration::from_millis(20));
                        }
                    }
                });
            }
            work();
        });
        self.count_joined();
        assert!(self.tally.joined.load(SeqCst) > 0, "no change shared a commit with another");
    }

    /// Waits until changes are written again, by the server itself.
    pub fn wait_until_ready(&self) {
        let began = Instant::now();
        while self.status("/readyz") != 200 {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "still not ready: {:?}",
                self.http("GET", "/readyz", "")
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Stops the server, if it runs, and checks every answer against the register. Prints how many
    /// there were.
    pub async fn check(&self, errors: usize) {
        if self.server.lock().unwrap().is_some() {
            self.stop();
        }
        let answered = std::mem::take(&mut *self.tally.answered.lock().unwrap());
        let db = sea_orm::Database::connect(&self.url).await.unwrap();
        let asked =
            Statement::from_string(db.get_database_backend(), "SELECT description FROM cost");
        let rows = db.query_all_raw(asked).await.unwrap();
        db.close().await.unwrap();
        let stored: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        let there: HashSet<&String> = stored.iter().collect();
        assert_eq!(there.len(), stored.len(), "none is there twice");
        let lost: Vec<_> = answered.iter().filter(|cost| !there.contains(cost)).collect();
        let refused = self.tally.refused.lock().unwrap().clone();
        println!(
            "{errors} failures, {} changes sent, {} answered, {} refused {:?}, {} unanswered, {} stored, {} answered and lost",
            self.tally.sent.load(SeqCst),
            answered.len(),
            refused.values().sum::<u64>(),
            refused,
            self.tally.unanswered.load(SeqCst),
            stored.len(),
            lost.len()
        );
        assert_eq!(lost, Vec::<&String>::new());
        self.run("verify");
    }
}

/// The metric of changes that shared a commit with earlier ones.
const JOINED: &str = "samregister_joined_changes_total";

/// A figure in the text of `/metrics`.
fn figure(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.split(' ').nth(1)?.parse().ok()
}

/// Waits a little, differently each time.
pub fn pause(most: u64) {
    thread::sleep(Duration::from_millis(rand::random_range(0..=most)));
}
