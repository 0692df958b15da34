//! A register for each test, with a fixed clock and a caller for each role.
//!
//! A test begins with who asks and goes through HTTP, in process, with a real token:
//!
//! ```ignore
//! on_both!(a_member_is_admitted, |app| async move {
//!     let admit = "mutation($input: …) { memberAdmit(input: $input) { member { id } } }";
//!     let answer = app.office().ask(admit, json!({ … })).await;
//!     assert_eq!(answer["memberAdmit"]["member"]["name"], "Finsam Gotland");
//! });
//! ```
//!
//! [`on_both!`] makes two tests of it, `a_member_is_admitted::sqlite` and
//! `a_member_is_admitted::postgres`.

use std::{
    process::Command,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{self, Body},
    http::Request,
};
use chrono::{DateTime, Utc};
use domain::{
    audit::{TrailKey, write_private},
    auth::{
        token::Keys,
        viewer::{Role, Viewer},
    },
    clock::Clock,
    config::Settings,
    context::Context,
    database::{Database, plan::Plan},
    interchange::import::{ImportError, Report, import},
};
use samregister::{
    graphql,
    http::{self, graphiql},
};
use sea_orm::ConnectionTrait;
use serde_json::Value;
use tokio::sync::OnceCell;
use tower::ServiceExt;

use crate::support::{
    caller::{Answer, Caller},
    test_database::{Home, TestDatabase, database_name, on_server, postgres_url},
};

/// The time in a register, unless the test sets another.
pub const NOW: &str = "2026-11-21T09:00:00Z";

/// Signs the tokens of every test's register.
pub const SECRET: &str = "a secret of the tests, which opens nothing";

/// Makes a test of what is promised on SQLite and one on PostgreSQL: `on_both!(name, |app| async
/// move { … })`. The file that uses it needs `use crate::support::app::{App, on_both};`.
macro_rules! on_both {
    ($(#[$meta:meta])* $name:ident, |$app:ident| async move $promise:block) => {
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn promise($app: App) $promise

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                promise(App::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                promise(App::postgres().await).await;
            }
        }
    };
}

pub(crate) use on_both;

/// A register with its server. Clones share the register; it is gone when the last of them is.
#[derive(Clone)]
pub struct App {
    /// The register itself, for what no client can ask.
    pub db: Database,
    pub clock: Clock,
    keys: Keys,
    settings: Settings,
    explorer: graphiql::Settings,
    router: Router,
    statements: Arc<Mutex<Vec<String>>>,
    home: Arc<Home>,
}

impl App {
    /// An empty register on SQLite.
    pub async fn sqlite() -> Self {
        Self::of_file(sqlite_template().await).await
    }

    async fn of_file(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("register.db");
        std::fs::write(&file, bytes).unwrap();
        Self::open(&format!("sqlite://{}", file.display()), Home::Sqlite(folder)).await
    }

    /// An empty register on PostgreSQL.
    pub async fn postgres() -> Self {
        Self::of_template(postgres_template().await).await
    }

    async fn of_template(template: &str) -> Self {
        let name = database_name();
        on_server(&[&format!("CREATE DATABASE {name} TEMPLATE {template}")]).await;
        Self::open(&postgres_url(&name), Home::Postgres(name)).await
    }

    /// An empty database on the same database system, without a register.
    pub async fn empty_database(&self) -> TestDatabase {
        match &*self.home {
            Home::Sqlite(_) => TestDatabase::sqlite(),
            Home::Postgres(_) => TestDatabase::postgres().await,
        }
    }

    /// Another, empty register on the same database system.
    pub async fn another(&self) -> Self {
        match &*self.home {
            Home::Sqlite(_) => Self::sqlite().await,
            Home::Postgres(_) => Self::postgres().await,
        }
    }

    /// So many registers with all that is in this one, which is closed for it.
    pub async fn copies(self, count: usize) -> Vec<Self> {
        self.db.clone().close().await.unwrap();
        let mut copies = Vec::new();
        for _ in 0..count {
            copies.push(match &*self.home {
                Home::Sqlite(folder) => {
                    Self::of_file(&std::fs::read(folder.path().join("register.db")).unwrap()).await
                }
                Home::Postgres(name) => Self::of_template(name).await,
            });
        }
        copies
    }

    async fn open(url: &str, home: Home) -> Self {
        // The cause of an INTERNAL error is in the log alone.
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::ERROR)
            .with_test_writer()
            .try_init()
            .ok();
        let statements = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&statements);
        let listener: domain::database::Listener = Arc::new(move |sql: &str| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(sql.to_owned())
        });
        let db = Database::connect(url, Some(listener)).await.unwrap().with_trail_key(trail_key());
        let (clock, settings) = (Clock::fixed(instant(NOW)), settings(&[]));
        let keys = Keys::from_settings(&settings).unwrap();
        let explorer = graphiql::Settings::default();
        let router = router((&db, clock), &keys, &settings, &explorer);
        Self { db, clock, keys, settings, explorer, router, statements, home: Arc::new(home) }
    }

    fn renewed(mut self) -> Self {
        self.router = router((&self.db, self.clock), &self.keys, &self.settings, &self.explorer);
        self
    }

    /// The context of a rule that this viewer applies.
    pub fn context<'a>(&'a self, viewer: &'a Viewer) -> Context<'a> {
        Context::new(&self.db, self.clock, viewer)
    }

    /// The same register over another connection to its database.
    pub async fn by(&self, url: &str) -> Self {
        Self {
            db: Database::connect(url, None).await.unwrap().with_trail_key(trail_key()),
            ..self.clone()
        }
        .renewed()
    }

    /// The same register at another instant: `app.at("2027-01-01T09:00:00Z")`.
    pub fn at(&self, now: &str) -> Self {
        let mut app = self.clone();
        app.clock = Clock::fixed(instant(now));
        app.renewed()
    }

    /// The same register at another instant, which may not be behind its audit trail.
    pub fn in_order_at(&self, now: &str) -> Self {
        let mut app = self.clone();
        app.clock = Clock::fixed(instant(now)).ordered();
        app.renewed()
    }

    /// The same register with other settings: `app.with(&[("SAMREGISTER_MAX_DEPTH", "5")])`.
    pub fn with(&self, changed: &[(&str, &str)]) -> Self {
        Self { settings: settings(changed), ..self.clone() }.renewed()
    }

    /// The same register over the same connections, where changes share a commit with earlier ones
    /// that have waited for less than this time.
    pub fn with_sharing_time(&self, time: Duration) -> Self {
        let mut app = self.clone();
        app.db = app.db.with_sharing_time(time);
        app.renewed()
    }

    /// The same register with a server that stores answers, as the program does by default.
    pub fn with_stored_answers(&self) -> Self {
        self.with(&[("SAMREGISTER_ANSWER_CACHE_BYTES", "16777216")])
    }

    /// The same register with the settings in this file.
    pub fn with_file(&self, file: &std::path::Path) -> Self {
        let env = [("SAMREGISTER_JWT_SECRET", SECRET)].into_iter().chain(OPEN);
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { settings: Settings::load(env, Some(file)).unwrap(), ..self.clone() }.renewed()
    }

    /// The same register with an explorer that gets this at its start.
    pub fn with_explorer(&self, explorer: graphiql::Settings) -> Self {
        Self { explorer, ..self.clone() }.renewed()
    }

    /// The same register with a server whose API has no database, so that a query of a row fails
    /// with an internal error.
    pub fn with_a_bug(&self) -> Self {
        let app = self.server().0.with(|state| state.schema = graphql::schema(None));
        Self { router: http::router(app, &self.settings), ..self.clone() }
    }

    /// The same register with threads of its own for documents, as the program has.
    pub fn with_lanes(&self) -> Self {
        let lanes = http::lanes::Lanes::start().unwrap();
        let app = self.server().0.with(|state| state.lanes = lanes);
        Self { router: http::router(app, &self.settings), ..self.clone() }
    }

    /// A server of the register, and its settings.
    pub fn server(&self) -> (http::App, Settings) {
        (
            http::App::new(
                self.db.clone(),
                self.clock,
                self.keys.clone(),
                &self.settings,
                self.explorer.clone(),
            ),
            self.settings.clone(),
        )
    }

    /// The register's address, as DATABASE_URL for the program.
    pub fn url(&self) -> String {
        match &*self.home {
            Home::Sqlite(folder) => {
                format!("sqlite://{}", folder.path().join("register.db").display())
            }
            Home::Postgres(name) => postgres_url(name),
        }
    }

    /// The program over this register; only its settings are in the environment.
    pub fn program(&self) -> Command {
        let mut program = program();
        program.env("DATABASE_URL", self.url()).env("SAMREGISTER_JWT_SECRET", SECRET);
        program
    }

    /// Imports these files, by name and text: `app.import(&[("members.csv", "key,name,…\n…")])`.
    pub async fn import(&self, files: &[(&str, &str)]) -> Report {
        self.try_import(files).await.unwrap_or_else(|error| {
            panic!(
                "the import failed: {}",
                format!("{error:?}").chars().take(2000).collect::<String>()
            )
        })
    }

    /// Like [`App::import`], for what may fail.
    pub async fn try_import(&self, files: &[(&str, &str)]) -> Result<Report, ImportError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        import(
            self.context(&Viewer::operator("import")),
            &self.settings.network,
            folder.path(),
            false,
            &mut |_| {},
        )
        .await
    }

    /// The SQL of every statement since the last time that this was asked.
    pub fn statements(&self) -> Vec<String> {
        std::mem::take(&mut *self.statements.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last revision of the audit trail: it stays the same when nothing was changed.
    pub async fn revision(&self) -> i64 {
        let sql = "SELECT COALESCE(MAX(revision), 0) FROM audit_entry";
        let row = self
            .db
            .read()
            .query_one_raw(sea_orm::Statement::from_string(self.db.backend(), sql))
            .await
            .unwrap()
            .unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// The entries of the audit trail after this revision, the oldest first.
    pub async fn trail(&self, since: i64) -> Vec<Value> {
        let document = "{ auditEntries(first: 200) { nodes { revision actor action subject { __typename id } before after } } }";
        let mut entries = self.auditor().query(document).await["auditEntries"]["nodes"]
            .as_array()
            .unwrap()
            .clone();
        entries.retain(|entry| entry["revision"].as_str().unwrap().parse::<i64>().unwrap() > since);
        entries.reverse();
        entries
    }

    /// Takes the database away, as an outage does: a file is closed for good, a server refuses
    /// connections and breaks those that it has.
    pub async fn lose_database(&self) {
        match &*self.home {
            Home::Sqlite(_) => self.db.clone().close().await.unwrap(),
            Home::Postgres(name) => {
                let breaking = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                );
                on_server(&[&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"), &breaking])
                    .await;
            }
        }
    }

    /// Brings PostgreSQL back after [`App::lose_database`].
    pub async fn find_database(&self) {
        let Home::Postgres(name) = &*self.home else {
            panic!("a file that was closed stays closed")
        };
        on_server(&[&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")]).await;
    }

    /// The office.
    pub fn office(&self) -> Caller<'_> {
        self.role(Role::Office)
    }

    /// Finance.
    pub fn finance(&self) -> Caller<'_> {
        self.role(Role::Finance)
    }

    /// The board.
    pub fn board(&self) -> Caller<'_> {
        self.role(Role::Board)
    }

    /// An auditor.
    pub fn auditor(&self) -> Caller<'_> {
        self.role(Role::Auditor)
    }

    fn role(&self, role: Role) -> Caller<'_> {
        self.viewer(Viewer { roles: vec![role], ..Viewer::default() })
    }

    /// The lead of these activities, named by their slugs.
    pub fn lead(&self, activities: &[&str]) -> Caller<'_> {
        self.viewer(Viewer {
            roles: vec![Role::ActivityLead],
            activities: activities.iter().map(|slug| (*slug).to_owned()).collect(),
            ..Viewer::default()
        })
    }

    /// A contact of the member with this id, as the API writes it.
    pub fn member(&self, id: &str) -> Caller<'_> {
        self.member_who_leads(id, &[])
    }

    /// A contact of the member with this id who also leads these activities.
    pub fn member_who_leads(&self, id: &str, activities: &[&str]) -> Caller<'_> {
        let id = id
            .strip_prefix("member_")
            .and_then(|id| uuid::Uuid::try_parse(id).ok())
            .unwrap_or_else(|| panic!("{id} is no member's id"));
        let lead = (!activities.is_empty()).then_some(Role::ActivityLead);
        let roles = [Role::Member].into_iter().chain(lead).collect();
        let activities = activities.iter().map(|slug| (*slug).to_owned()).collect();
        self.viewer(Viewer { roles, member: Some(id.into()), activities, ..Viewer::default() })
    }

    /// A program with these scopes, with a blank between.
    pub fn service(&self, scope: &str) -> Caller<'_> {
        self.viewer(Viewer {
            roles: vec![Role::Service],
            scopes: scope.split_whitespace().map(str::to_owned).collect(),
            ..Viewer::default()
        })
    }

    /// A caller; without a subject, it is named for its roles.
    pub fn viewer(&self, mut viewer: Viewer) -> Caller<'_> {
        if viewer.subject.is_empty() {
            let words: Vec<_> =
                viewer.roles.iter().map(|role| role.word().to_lowercase()).collect();
            viewer.subject = format!("{}@example.se", words.join("+"));
        }
        let token = self.keys.mint(&viewer, 1, self.clock.now()).unwrap();
        self.bearer(&token)
    }

    /// The caller with this token.
    pub fn bearer(&self, token: &str) -> Caller<'_> {
        Caller { app: self, authorization: Some(format!("Bearer {token}")) }
    }

    /// A caller without a token.
    pub fn no_one(&self) -> Caller<'_> {
        Caller { app: self, authorization: None }
    }

    /// Sends a request unchanged.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body::to_bytes(body, usize::MAX).await.unwrap();
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, bytes, json }
    }

    /// Sends a GET of this path without a token.
    pub async fn get(&self, path: &str) -> Answer {
        self.no_one().get(path).await
    }
}

/// Returns how often a test repeats itself: `short` in every run, `long` when
/// `SAMREGISTER_TEST_LONG=1` asks for the long form.
pub fn runs(short: usize, long: usize) -> usize {
    if std::env::var_os("SAMREGISTER_TEST_LONG").is_some_and(|value| value == "1") {
        long
    } else {
        short
    }
}

/// The program, with none of this process's settings in its environment.
pub fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_samregister"));
    program.env_remove("DATABASE_URL");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SAMREGISTER_") {
            program.env_remove(name);
        }
    }
    program.env("SAMREGISTER_TRAIL_KEY", trail_key_file());
    program
}

/// The file of the key that signs the trails of all registers of the run.
pub fn trail_key_file() -> &'static std::path::Path {
    static FILE: LazyLock<(tempfile::TempDir, std::path::PathBuf)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trail-key.pem");
        write_private(&file, &TrailKey::generate().to_pem().unwrap()).unwrap();
        (folder, file)
    });
    &FILE.1
}

/// The key that signs the trails of all registers of the run.
pub fn trail_key() -> Arc<TrailKey> {
    Arc::new(TrailKey::read("SAMREGISTER_TRAIL_KEY", trail_key_file()).unwrap())
}

/// An instant from its text.
pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Settings by which a server shows the tests more of itself than it does by default.
const OPEN: [(&str, &str); 4] = [
    ("SAMREGISTER_INTROSPECTION", "true"),
    ("SAMREGISTER_SUGGESTIONS", "true"),
    ("SAMREGISTER_EXPLORER", "true"),
    ("SAMREGISTER_METRICS_OPEN", "true"),
];

fn settings(changed: &[(&str, &str)]) -> Settings {
    // The machine may be slow, and may have much to do; and a test asks more in a minute than one
    // subject does.
    let always = [
        ("SAMREGISTER_JWT_SECRET", SECRET),
        ("SAMREGISTER_REQUEST_SECONDS", "120"),
        ("SAMREGISTER_MAX_COST_PER_MINUTE", "0"),
        // A test may change rows without a revision, and then ask again.
        ("SAMREGISTER_ANSWER_CACHE_BYTES", "0"),
    ];
    let env = always.into_iter().chain(OPEN).chain(changed.iter().copied());
    Settings::load(env.map(|(name, value)| (name.to_owned(), value.to_owned())), None).unwrap()
}

fn router(
    (db, clock): (&Database, Clock),
    keys: &Keys,
    settings: &Settings,
    explorer: &graphiql::Settings,
) -> Router {
    let app = http::App::new(db.clone(), clock, keys.clone(), settings, explorer.clone())
        .with_documents(settings)
        .unwrap();
    http::router(app, settings)
}

/// Migrates an empty database.
async fn migrated(url: &str) {
    let db = Database::connect(url, None).await.unwrap();
    db.apply(&Plan::current(), Clock::system().now()).await.unwrap();
    db.close().await.unwrap();
}

/// The bytes of an empty register's file, made once for all tests of the run.
async fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let make = || async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("template.db");
        migrated(&format!("sqlite://{}?mode=rwc", file.display())).await;
        std::fs::read(&file).unwrap()
    };
    TEMPLATE.get_or_init(make).await
}

/// The name of an empty register, made once for all tests of the run. It goes with the server,
/// which `tests/run.sh` throws away.
async fn postgres_template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let make = || async {
        let name = database_name();
        on_server(&[&format!("CREATE DATABASE {name}")]).await;
        migrated(&postgres_url(&name)).await;
        name
    };
    TEMPLATE.get_or_init(make).await
}
