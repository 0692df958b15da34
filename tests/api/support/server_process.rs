//! A server as a process of its own, and requests to it over TCP.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

/// A server in a process of its own, killed when the test is over whatever becomes of it.
pub struct Server {
    pub child: Child,
    /// The address that it listens on.
    pub address: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts it with these arguments.
    pub fn start(mut program: Command, line: &str) -> Self {
        let mut child = program
            .args(line.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.starts_with("Samregister listens on "))
            .unwrap();
        let address = said.split("http://").nth(1).unwrap().split(',').next().unwrap().to_owned();
        // Anyone who writes into a full pipe waits for ever.
        let log = Arc::<Mutex<String>>::default();
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            lines.for_each(|line| {
                if let Ok(line) = line {
                    *written.lock().unwrap() += &(line + "\n");
                }
            });
        });
        Self { child, address, log }
    }

    pub fn post(&self, token: &str, body: &str) -> String {
        Self::post_to(&self.address, token, body)
    }

    /// Posts to the server at this address.
    pub fn post_to(address: &str, token: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// What it has logged since it listens.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends it this signal, as `HUP`.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to stop, as a service manager does, and answers its exit code and what it wrote.
    pub fn stop(mut self) -> (Option<i32>, String) {
        assert!(
            Command::new("sh")
                .arg("-c")
                .arg(format!("kill {}", self.child.id()))
                .status()
                .unwrap()
                .success()
        );
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
