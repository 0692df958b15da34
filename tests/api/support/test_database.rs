//! Databases without a register: for programs that make one there, and for registers of other
//! versions.

use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use crate::support::app::{SECRET, program};

/// Names the PostgreSQL server that tests may make databases on.
const SERVER: &str = "SAMREGISTER_TEST_POSTGRES";

/// A database for the program to make a register in, or with a register of another version; it is
/// gone when this is dropped.
pub struct TestDatabase {
    home: Home,
    /// The file with the key that signs its trail; none: that of the tests.
    key: Option<PathBuf>,
}

/// The location of a register.
pub enum Home {
    /// A folder with its file.
    Sqlite(TempDir),
    /// A database of the tests' server.
    Postgres(String),
}

impl TestDatabase {
    /// An empty file of SQLite that isn't there yet.
    pub fn sqlite() -> Self {
        Self { home: Home::Sqlite(tempfile::tempdir().unwrap()), key: None }
    }

    /// An empty database of PostgreSQL.
    pub async fn postgres() -> Self {
        let name = database_name();
        on_server(&[&format!("CREATE DATABASE {name}")]).await;
        Self { home: Home::Postgres(name), key: None }
    }

    /// The same with the key of its trail in this file.
    pub fn with_key(self, key: PathBuf) -> Self {
        Self { key: Some(key), ..self }
    }

    /// A copy of it as it stands. No program may have it open.
    pub async fn copy(&self) -> Self {
        let copy = match &self.home {
            Home::Sqlite(folder) => {
                let copy = Self::sqlite();
                let Home::Sqlite(to) = &copy.home else { unreachable!("just made") };
                for entry in std::fs::read_dir(folder.path()).unwrap() {
                    let entry = entry.unwrap();
                    std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
                }
                copy
            }
            Home::Postgres(template) => {
                let name = database_name();
                on_server(&[&format!("CREATE DATABASE {name} TEMPLATE {template}")]).await;
                Self { home: Home::Postgres(name), key: None }
            }
        };
        Self { key: self.key.clone(), ..copy }
    }

    /// Its address, as DATABASE_URL for the program.
    pub fn url(&self) -> String {
        match &self.home {
            Home::Sqlite(_) => format!("sqlite://{}?mode=rwc", self.file().display()),
            Home::Postgres(name) => postgres_url(name),
        }
    }

    /// Its file; for SQLite alone.
    pub fn file(&self) -> PathBuf {
        let Home::Sqlite(folder) = &self.home else {
            panic!("a database of PostgreSQL is no file")
        };
        folder.path().join("register.db")
    }

    /// The program over it.
    pub fn program(&self) -> Command {
        let mut program = program();
        program.env("DATABASE_URL", self.url()).env("SAMREGISTER_JWT_SECRET", SECRET);
        if let Some(key) = &self.key {
            program.env("SAMREGISTER_TRAIL_KEY", key);
        }
        program
    }
}

/// A name that no other database of the server has.
pub fn database_name() -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    format!("samregister_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

/// The address of a database on the tests' server.
pub fn postgres_url(database: &str) -> String {
    let url = std::env::var(SERVER).unwrap_or_else(|_| {
        panic!("this test needs PostgreSQL: run tests/run.sh, which starts one and sets {SERVER}")
    });
    let (server, _) = url.rsplit_once('/').unwrap_or_else(|| {
        panic!("{SERVER} is not an address as postgres://user:password@host:port/postgres")
    });
    format!("{server}/{database}")
}

/// Runs these statements on the tests' server, outside of any register.
pub async fn on_server(statements: &[&str]) {
    let server = sea_orm::Database::connect(postgres_url("postgres")).await;
    let server = server.unwrap_or_else(|error| {
        panic!("the PostgreSQL server of {SERVER} can't be reached: {error}; run tests/run.sh")
    });
    for statement in statements {
        server.execute_unprepared(statement).await.unwrap();
    }
    server.close().await.unwrap();
}

impl Drop for Home {
    fn drop(&mut self) {
        let Self::Postgres(name) = self else { return };
        let name = std::mem::take(name);
        // A runtime of its own, since this one can't be waited for from within; and a failure here
        // must not fail the test.
        let dropped = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(on_server(&[&format!("DROP DATABASE {name} WITH (FORCE)")]))
        });
        if dropped.join().is_err() && !thread::panicking() {
            eprintln!("a test's database was not dropped");
        }
    }
}
