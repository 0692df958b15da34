//! A server of PostgreSQL of a test's own: a primary, or a standby of one.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Output,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
};

use tempfile::TempDir;

use super::fault_injection::cluster::{as_owner, give_to_owner, programs};

/// A server of PostgreSQL of the test's own, stopped when dropped.
pub struct Instance {
    folder: TempDir,
    pub port: u16,
}

/// The password of all of them.
pub const PASSWORD: &str = "of-a-server-that-lives-as-long-as-a-test";

impl Instance {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_to_owner(folder.path());
        Self { folder, port: own_port() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let done = as_owner(&programs().join(program), arguments);
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    }

    pub fn control(&self, arguments: &[&str]) {
        let data = text(&self.path("data"));
        self.run("pg_ctl", &[&["-D", &data, "-s", "-w"], arguments].concat());
    }

    pub fn start(&self) {
        let done = self.launch();
        assert!(done.status.success(), "pg_ctl: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Starts a new server. Another program may have taken its port since that was found free.
    fn start_first(&mut self) {
        for _ in 0..5 {
            if self.launch().status.success() {
                return;
            }
            self.port = own_port();
        }
        self.start();
    }

    fn launch(&self) -> Output {
        let options = format!(
            "-c port={} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off -c max_connections=80 -c shared_buffers=32MB",
            self.port,
            text(self.folder.path())
        );
        let (data, log) = (text(&self.path("data")), text(&self.path("log")));
        let arguments = ["-D", &data, "-s", "-w", "start", "-l", &log, "-o", &options];
        as_owner(&programs().join("pg_ctl"), &arguments)
    }

    /// Makes a primary.
    pub fn primary() -> Self {
        let mut instance = Self::new();
        let file = instance.path("password");
        std::fs::write(&file, PASSWORD).unwrap();
        give_to_owner(&file);
        let (data, file) = (text(&instance.path("data")), text(&file));
        let arguments =
            ["-D", &data, "-U", "samregister", "-A", "password", "--pwfile", &file, "--no-sync"];
        instance.run("initdb", &[&arguments[..], &["--encoding=UTF8", "--locale=C"]].concat());
        instance.start_first();
        instance
    }

    /// Makes a standby that receives what this primary writes.
    pub fn standby(&self) -> Self {
        let mut standby = Self::new();
        let (data, from) = (text(&standby.path("data")), self.url("postgres"));
        standby
            .run("pg_basebackup", &["-D", &data, "-d", &from, "-R", "-X", "stream", "-c", "fast"]);
        standby.start_first();
        standby
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://samregister:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let data = text(&self.path("data"));
        as_owner(&programs().join("pg_ctl"), &["-D", &data, "-s", "-m", "immediate", "stop"]);
    }
}

/// Returns a port that no other test takes, also while its server is stopped: below those that the
/// system gives to connections and to listeners that ask for any.
pub fn own_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Two runs at the same time begin at different ports.
    let first = 20_000 + u16::try_from(std::process::id() % 100).unwrap() * 100;
    loop {
        let port = first + TAKEN.fetch_add(1, Relaxed) % 100;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
