//! A server in a process of its own, whose log is read.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::support::app::App;

/// Time limit for a line.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// A server in a process of its own, and what it has said so far.
pub struct Logged {
    child: Child,
    pub address: std::net::SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

impl Logged {
    /// Starts the program as a server with these settings.
    pub fn start(mut program: Command, settings: &[(&str, &str)]) -> Self {
        let program =
            program.envs(settings.iter().copied()).args(["serve", "--bind", "127.0.0.1:0"]);
        let mut child = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (writing, lines) =
            (Arc::clone(&said), BufReader::new(child.stderr.take().unwrap()).lines());
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| writing.lock().unwrap().push(line))
        });
        let mut logged = Self { child, address: "127.0.0.1:0".parse().unwrap(), said };
        let listens = logged.line(&["Samregister listens on http://"]);
        let address =
            listens.split("http://").nth(1).unwrap().split(['"', ',', ' ']).next().unwrap();
        logged.address = address.parse().unwrap();
        logged
    }

    /// The first line that says all of this, which must come within a minute: a start takes seconds
    /// on a loaded machine.
    pub fn line(&self, parts: &[&str]) -> String {
        let began = Instant::now();
        while began.elapsed() < MAX_WAIT {
            let found = self
                .said
                .lock()
                .unwrap()
                .iter()
                .find(|line| parts.iter().all(|part| line.contains(part)))
                .cloned();
            if let Some(line) = found {
                return line;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("nothing says {parts:?}: {:#?}", self.said.lock().unwrap());
    }

    /// All that it has said so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The header Authorization with a token that the program minted.
pub fn token(app: &App, arguments: &[&str]) -> String {
    let minted = app.program().arg("token").args(arguments).output().unwrap();
    assert!(minted.status.success(), "{minted:?}");
    format!("Bearer {}", String::from_utf8(minted.stdout).unwrap().trim())
}
