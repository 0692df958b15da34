//! The servers under comparison: the program with and without its answer cache, and hand-written
//! handlers, all in this process and on one copy of a register.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use async_graphql::{Request, Variables};
use axum::Router;
use domain::{
    auth::{
        token::Keys,
        viewer::{Role, Viewer},
    },
    config::Settings,
    database::Database,
};
use samregister::http::{self, graphiql};
use sea_orm::sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    query_scalar,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use serde_json::Value;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{
    Failure,
    documents::Facts,
    floor::{
        self,
        statements::{Postgres, Sqlite},
    },
    network::network,
    processor::Server,
    register::{Register, System, add_floor, clock},
};

/// Servers of one register, and the objects that are asked for.
pub struct Servers {
    pub floor: SocketAddr,
    /// The program with its default settings.
    pub cached: SocketAddr,
    /// The program without an answer cache.
    pub uncached: SocketAddr,
    /// Token of the office.
    pub token: String,
    pub facts: Facts,
    /// Cursor of W5 for the hand-written handler.
    pub after: String,
    /// The PostgreSQL server, if it is on this machine.
    pub database: Option<Server>,
    /// Settings of the database that decide what a commit costs.
    pub durability: String,
    /// The register.
    pub db: Database,
}

/// Returns the settings of the program, with so many bytes for its answer cache, by default its
/// own.
pub fn settings(answer_cache_bytes: Option<&str>) -> Result<Settings, Failure> {
    let secret = "a secret of the benchmarks, which opens nothing";
    let mut env = vec![
        ("SAMREGISTER_JWT_SECRET", secret),
        // They measure what a request costs, not how many may be sent.
        ("SAMREGISTER_MAX_COST_PER_MINUTE", "0"),
        ("SAMREGISTER_MAX_CONCURRENT", "1000"),
        ("SAMREGISTER_REQUEST_SECONDS", "600"),
    ];
    env.extend(answer_cache_bytes.map(|bytes| ("SAMREGISTER_ANSWER_CACHE_BYTES", bytes)));
    let env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut settings = Settings::load(env, None)?;
    settings.network = network();
    Ok(settings)
}

/// Returns the program on this register, and a token of the office.
pub fn program(db: &Database, settings: &Settings) -> Result<(http::App, String), Failure> {
    let keys = Keys::from_settings(settings)?;
    let office = Viewer {
        subject: "office@example.se".to_owned(),
        roles: vec![Role::Office],
        ..Viewer::default()
    };
    let token = keys.mint(&office, 1, clock().now())?;
    let explorer = graphiql::Settings::default();
    Ok((http::App::new(db.clone(), clock(), keys, settings, explorer), token))
}

impl Servers {
    /// Starts the servers on a copy of the register.
    pub async fn start(register: &Register) -> Result<Self, Failure> {
        let url = register.copy().await?;
        add_floor(&url, register.system).await?;
        let db = register.connect(&url).await?;
        db.migrate(clock().now()).await?;
        let facts = facts(&program(&db, &settings(Some("0"))?)?.0).await;
        let (uncached, token) = serve(&db, settings(Some("0"))?).await?;
        let (cached, _) = serve(&db, settings(None)?).await?;
        let (floor, total, database, durability) = match register.system {
            System::Sqlite => on_sqlite(&url, &facts).await?,
            System::Postgres => on_postgres(&url, &facts).await?,
        };
        let after = format!("{total}:{}", facts.last);
        Ok(Self { floor, cached, uncached, token, facts, after, database, durability, db })
    }
}

/// Serves the program on a free port.
async fn serve(db: &Database, settings: Settings) -> Result<(SocketAddr, String), Failure> {
    let (app, token) = program(db, &settings)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(
        async move { http::serve(listener, app, &settings, std::future::pending()).await },
    );
    Ok((address, token))
}

/// Finds the objects that are asked for.
pub async fn facts(app: &http::App) -> Facts {
    Facts::find(async |document: &str, variables: Value| {
        let request = Request::new(document).variables(Variables::from_json(variables));
        let answer = http::execution::ask(app, Viewer::operator("bench"), request).await;
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
        answer.data.into_json().unwrap_or_default()
    })
    .await
}

/// Address of the hand-written handlers, total of the invoice at the cursor of W5, server and
/// settings of the database.
type Started = (SocketAddr, i64, Option<Server>, String);

async fn on_sqlite(url: &str, facts: &Facts) -> Result<Started, Failure> {
    // As the program opens it.
    let options = SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5));
    let readers = SqlitePoolOptions::new().max_connections(8).connect_with(options.clone()).await?;
    let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let total = query_scalar("SELECT total FROM invoice WHERE id = $1")
        .bind(last_of(facts)?)
        .fetch_one(&readers)
        .await?;
    let routes = floor::router(Sqlite { readers, writer }, clock().today());
    let durability = "journal_mode=wal synchronous=full".to_owned();
    Ok((serve_floor(routes).await?, total, None, durability))
}

async fn on_postgres(url: &str, facts: &Facts) -> Result<Started, Failure> {
    let options = PgConnectOptions::from_str(url)?;
    let pool = PgPoolOptions::new().max_connections(16).connect_with(options).await?;
    let total = query_scalar("SELECT total FROM invoice WHERE id = $1")
        .bind(last_of(facts)?)
        .fetch_one(&pool)
        .await?;
    let backend: i32 = query_scalar("SELECT pg_backend_pid()").fetch_one(&pool).await?;
    let durability = query_scalar(
        "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name \
         IN ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'commit_delay')",
    )
    .fetch_one(&pool)
    .await?;
    let server = u32::try_from(backend).ok().and_then(Server::of_backend);
    let routes = floor::router(Postgres { pool }, clock().today());
    Ok((serve_floor(routes).await?, total, server, durability))
}

/// Returns the id of the invoice at the cursor of W5.
fn last_of(facts: &Facts) -> Result<Uuid, Failure> {
    Ok(Uuid::try_parse(facts.last.rsplit('_').next().unwrap_or_default())?)
}

/// Serves the hand-written handlers on a free port.
async fn serve_floor(routes: Router) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}
