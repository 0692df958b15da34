//! A cluster of PostgreSQL of a test's own, with small disks for its tables and its write-ahead
//! log.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sea_orm::{ConnectOptions, ConnectionTrait};
use tempfile::TempDir;

use super::volume::{Volume, limit_files};
use crate::operations::database::instance::own_port;

/// A running cluster, gone when dropped.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    password: String,
    /// The disk of the tables, and that of the log; none where the test may not mount.
    volumes: Option<(Volume, Volume)>,
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

/// Returns the folder of the newest server's programs.
pub fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .collect();
    found.sort();
    found
        .pop()
        .unwrap_or_else(|| panic!("PostgreSQL's server programs are not in /usr/lib/postgresql"))
}

/// Runs a program as the cluster's owner, who is not root.
pub fn as_owner(program: &Path, arguments: &[&str]) -> Output {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(arguments).current_dir("/").output().unwrap()
}

/// Gives a file to the owner of the cluster.
pub fn give_to_owner(path: &Path) {
    if is_root() {
        assert!(Command::new("chown").arg("postgres").arg(path).status().unwrap().success());
    }
}

fn is_child(process: u32, parent: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status
        .lines()
        .any(|line| line.split_whitespace().collect::<Vec<_>>() == ["PPid:", &parent.to_string()])
}

/// Size of a file of the log, in bytes.
const LOG_FILE: u64 = 1 << 20;

fn text(path: &Path) -> String {
    path.display().to_string()
}

impl Cluster {
    /// Makes one and starts it.
    pub async fn start() -> Self {
        let programs = programs();
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            TempDir::new_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        give_to_owner(folder.path());
        let volumes = Volume::mount(56).zip(Volume::mount(40));
        let log = volumes.as_ref().map_or(folder.path(), |(_, log)| log.path()).join("wal");
        if let Some((tables, log)) = &volumes {
            give_to_owner(tables.path());
            give_to_owner(log.path());
        }
        let password = uuid::Uuid::now_v7().simple().to_string();
        let file = folder.path().join("password");
        fs::write(&file, &password).unwrap();
        give_to_owner(&file);
        let port = own_port();
        let cluster = Self { folder, programs, port, password, volumes };
        let (data, file, log) = (text(&cluster.data()), text(&file), text(&log));
        let arguments = [
            "-D",
            &data,
            "-X",
            &log,
            "-U",
            "samregister",
            "-A",
            "password",
            "--pwfile",
            &file,
            "--no-sync",
            "--wal-segsize=1",
            "--encoding=UTF8",
            "--locale=C",
        ];
        let made = as_owner(&cluster.programs.join("initdb"), &arguments);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.run();
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self, arguments: &[&str]) -> Output {
        let data = text(&self.data());
        as_owner(&self.programs.join("pg_ctl"), &[&["-D", &data, "-s", "-w"], arguments].concat())
    }

    /// Starts the server, unless it runs, and waits until it takes connections.
    pub fn run(&self) {
        let port = self.port.to_string();
        for _ in 0..150 {
            if !self.control(&["status"]).status.success() {
                self.start_server();
            }
            let ready = as_owner(
                &self.programs.join("pg_isready"),
                &["-q", "-h", "127.0.0.1", "-p", &port],
            );
            if ready.status.success() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        panic!(
            "PostgreSQL does not come back: {}",
            fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
        );
    }

    fn start_server(&self) {
        let (log, sockets) = (text(&self.folder.path().join("log")), text(self.folder.path()));
        let options = format!(
            "-c port={} -c listen_addresses=127.0.0.1 -c unix_socket_directories={sockets} -c fsync=off -c max_connections=80 -c shared_buffers=32MB \
             -c min_wal_size=2MB -c max_wal_size=8MB -c autovacuum=off",
            self.port
        );
        // One that crashes again as it recovers is started once more.
        self.control(&["start", "-l", &log, "-o", &options]);
    }

    /// Its address, as host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The address of a database over this port.
    pub fn url(&self, port: u16, database: &str) -> String {
        format!("postgres://samregister:{}@127.0.0.1:{port}/{database}", self.password)
    }

    /// The address of a database.
    pub fn direct(&self, database: &str) -> String {
        self.url(self.port, database)
    }

    /// Makes a database, on the disk of the tables.
    pub async fn create(&self, database: &str) {
        if let Some((tables, _)) = &self.volumes {
            let folder = tables.path().join("tables");
            fs::create_dir(&folder).unwrap();
            give_to_owner(&folder);
            assert!(
                self.execute(&format!("CREATE TABLESPACE small LOCATION '{}'", folder.display()))
                    .await
            );
            assert!(self.execute(&format!("CREATE DATABASE {database} TABLESPACE small")).await);
        } else {
            assert!(self.execute(&format!("CREATE DATABASE {database}")).await);
        }
    }

    /// Runs a statement on the server; `false` when that can't be done.
    pub async fn execute(&self, statement: &str) -> bool {
        let mut options = ConnectOptions::new(self.direct("postgres"));
        options
            .max_connections(1)
            .acquire_timeout(std::time::Duration::from_secs(3))
            .sqlx_logging(false);
        let Ok(server) = sea_orm::Database::connect(options).await else { return false };
        let done = server.execute_unprepared(statement).await.is_ok();
        server.close().await.ok();
        done
    }

    /// The server's first process; none when it does not run.
    fn postmaster(&self) -> Option<u32> {
        fs::read_to_string(self.data().join("postmaster.pid"))
            .ok()?
            .lines()
            .next()?
            .trim()
            .parse()
            .ok()
    }

    /// The server's processes.
    fn processes(&self) -> Vec<u32> {
        let Some(postmaster) = self.postmaster() else { return Vec::new() };
        let all = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        std::iter::once(postmaster)
            .chain(all.filter(|process| is_child(*process, postmaster)))
            .collect()
    }

    /// Lets the server's files grow to so many bytes only. PostgreSQL takes a longer write for a
    /// full disk.
    fn limit(&self, size: Option<u64>) {
        self.processes().into_iter().for_each(|process| limit_files(process, size));
    }

    /// Leaves no room for tables; without a disk of their own, for those alone that have become as
    /// large as a file of the log.
    pub fn fill_tables(&self) {
        match &self.volumes {
            Some((tables, _)) => tables.fill(),
            None => self.limit(Some(LOG_FILE)),
        }
    }

    /// Leaves no room for the log.
    pub fn fill_log(&self) {
        match &self.volumes {
            Some((_, log)) => log.fill(),
            None => self.limit(Some(LOG_FILE / 4)),
        }
    }

    /// Gives all room back.
    pub fn free(&self) {
        match &self.volumes {
            Some((tables, log)) => {
                tables.free();
                log.free();
            }
            None => self.limit(None),
        }
    }

    /// Kills one process that serves connections, after which the server ends all others and
    /// recovers.
    pub fn crash(&self, database: &str) {
        let listed = Command::new("pgrep")
            .args(["-f", &format!("^postgres: samregister {database} 127.0.0.1.*")])
            .output()
            .unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        // The processes of this cluster are the children of its postmaster.
        let postmaster = self.postmaster().unwrap_or_default();
        let is_ours = |pid: &&str| pid.parse().is_ok_and(|process| is_child(process, postmaster));
        if let Some(pid) = listed.lines().find(is_ours) {
            Command::new("kill").args(["-9", pid]).status().unwrap();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.control(&["stop", "-m", "immediate"]);
    }
}
