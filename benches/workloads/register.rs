//! Registers to measure on: made once for each size and database, and copied for each run, because
//! W6 writes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::{
    audit::{TrailKey, write_private},
    auth::viewer::Viewer,
    clock::Clock,
    context::Context,
    database::Database,
    interchange, term_sql,
};
use entity::agreement;
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait};
use uuid::Uuid;

use crate::{
    Failure,
    floor::statements::TABLES,
    network::network,
    synthetic::{self, Size},
};

/// The time at which every register is made and asked.
pub const NOW: &str = "2026-11-30T09:00:00Z";

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Sqlite,
    Postgres,
}

/// A register of a size on a kind of database.
#[derive(Clone, Debug)]
pub struct Register {
    pub system: System,
    /// `s`, `m`, `l` or `xl`.
    pub name: &'static str,
    pub size: Size,
    /// Folder of its files.
    pub folder: PathBuf,
}

/// Returns the clock of every register.
pub fn clock() -> Clock {
    Clock::fixed(NOW.parse().unwrap_or_default())
}

impl Register {
    /// Makes the register if there is none yet, and returns the address of a copy.
    pub async fn copy(&self) -> Result<String, Failure> {
        self.make().await?;
        let (template, copy) = (self.database(""), self.database("_run"));
        match self.system {
            System::Sqlite => {
                self.remove_file(&copy);
                fs::copy(self.file(&template), self.file(&copy))?;
            }
            System::Postgres => {
                let drop = format!("DROP DATABASE IF EXISTS {copy} WITH (FORCE)");
                let create = format!("CREATE DATABASE {copy} TEMPLATE {template}");
                self.on_server(&[&drop, &create]).await?;
            }
        }
        self.url(&copy)
    }

    /// Makes the register if there is none yet, and returns its address.
    pub async fn make(&self) -> Result<String, Failure> {
        fs::create_dir_all(&self.folder)?;
        let (template, unfinished) = (self.database(""), self.database("_new"));
        if !self.exists(&template).await? {
            println!("making the register {template} of {:?} on {:?} …", self.size, self.system);
            match self.system {
                System::Sqlite => self.remove_file(&unfinished),
                System::Postgres => {
                    let drop = format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)");
                    let create = format!("CREATE DATABASE {unfinished}");
                    self.on_server(&[&drop, &create]).await?;
                }
            }
            self.fill(&self.url(&unfinished)?).await?;
            match self.system {
                System::Sqlite => fs::rename(self.file(&unfinished), self.file(&template))?,
                System::Postgres => {
                    let rename = format!("ALTER DATABASE {unfinished} RENAME TO {template}");
                    self.on_server(&[&rename]).await?;
                }
            }
        }
        self.url(&template)
    }

    /// Connects to a register with the key of its trail.
    pub async fn connect(&self, url: &str) -> Result<Database, Failure> {
        let file = self.folder.join("trail-key.pem");
        if !file.exists() {
            write_private(&file, &TrailKey::generate().to_pem()?)?;
        }
        let key = TrailKey::read("SAMREGISTER_TRAIL_KEY", &file)?;
        Ok(Database::connect(url, None).await?.with_trail_key(Arc::new(key)))
    }

    async fn fill(&self, url: &str) -> Result<(), Failure> {
        let files = self.folder.join(format!("{}-csv", self.name));
        synthetic::write(&files, self.size)?;
        let db = self.connect(url).await?;
        db.migrate(clock().now()).await?;
        let viewer = Viewer::operator("bench");
        let ctx = Context::new(&db, clock(), &viewer);
        let imported =
            interchange::import::import(ctx, &network(), &files, false, &mut |_| {}).await;
        imported.map_err(|error| format!("the import failed: {error:?}"))?;
        db.close().await?;
        if self.system == System::Postgres {
            let connection = sea_orm::Database::connect(url).await?;
            connection.execute_unprepared("VACUUM ANALYZE").await?;
            connection.close().await?;
        }
        Ok(())
    }

    async fn exists(&self, database: &str) -> Result<bool, Failure> {
        if self.system == System::Sqlite {
            return Ok(self.file(database).exists());
        }
        let server = sea_orm::Database::connect(server()?).await?;
        let sql = format!("SELECT 1 FROM pg_database WHERE datname = '{database}'");
        let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql);
        let found = server.query_one_raw(statement).await?.is_some();
        server.close().await?;
        Ok(found)
    }

    async fn on_server(&self, statements: &[&str]) -> Result<(), Failure> {
        let server = sea_orm::Database::connect(server()?).await?;
        for statement in statements {
            server.execute_unprepared(statement).await?;
        }
        Ok(server.close().await?)
    }

    fn database(&self, end: &str) -> String {
        format!("samregister_workloads_{}{end}", self.name)
    }

    fn file(&self, database: &str) -> PathBuf {
        self.folder.join(format!("{database}.db"))
    }

    fn remove_file(&self, database: &str) {
        for end in ["", "-wal", "-shm"] {
            let file = self.file(database);
            fs::remove_file(format!("{}{end}", file.display())).ok();
        }
    }

    fn url(&self, database: &str) -> Result<String, Failure> {
        match self.system {
            System::Sqlite => Ok(format!("sqlite://{}?mode=rwc", self.file(database).display())),
            System::Postgres => {
                let server = server()?;
                let (base, _) =
                    server.rsplit_once('/').ok_or("BENCH_POSTGRES names no database")?;
                Ok(format!("{base}/{database}"))
            }
        }
    }
}

/// Returns the address of the PostgreSQL server.
fn server() -> Result<String, Failure> {
    Ok(std::env::var("BENCH_POSTGRES")
        .map_err(|_| "BENCH_POSTGRES names no PostgreSQL server; tests/long/workloads.sh does")?)
}

/// Makes the tables of the hand-written handlers.
pub async fn add_floor(url: &str, system: System) -> Result<(), Failure> {
    let connection = sea_orm::Database::connect(url).await?;
    let (id, date) = match system {
        System::Sqlite => ("blob", "text"),
        System::Postgres => ("uuid", "date"),
    };
    connection.execute_unprepared(&TABLES.replace("{id}", id).replace("{date}", date)).await?;
    add_deadlines(&connection, system).await?;
    if system == System::Postgres {
        connection.execute_unprepared("ANALYZE floor_deadline").await?;
    }
    Ok(connection.close().await?)
}

async fn add_deadlines(connection: &DatabaseConnection, system: System) -> Result<(), Failure> {
    let (today, rows) = (clock().today(), agreement::Entity::find().all(connection).await?);
    let deadlines = rows.iter().filter_map(|row| {
        let deadline = term_sql::of(row).next_deadline(today)?;
        Some((Uuid::from(row.id), deadline))
    });
    let values: Vec<_> = deadlines
        .map(|(id, deadline)| {
            let kind = deadline.kind.word();
            let id = match system {
                System::Sqlite => format!("x'{}'", id.simple()),
                System::Postgres => format!("'{id}'"),
            };
            format!("({id}, '{kind}', '{}')", deadline.on)
        })
        .collect();
    for part in values.chunks(500) {
        let sql = format!("INSERT INTO floor_deadline VALUES {}", part.join(", "));
        connection.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// Returns the folder of the registers of benchmarks.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/synthetic/workloads")
}
