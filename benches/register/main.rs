//! Benchmarks of the queries of three users, on the network as it is and on one a hundred times as
//! large, side by side.
//!
//! The registers are made once, under `target/synthetic`. Set `BENCH_POSTGRES` to the address of an
//! empty PostgreSQL server (`postgres://…/postgres`) to measure there as well as on SQLite.

#![expect(clippy::expect_used, reason = "a benchmark that can't begin may stop")]

mod invoice_run;
mod network;
mod synthetic;

use std::{path::PathBuf, sync::LazyLock};

use async_graphql::{Request, Variables};
use divan::Bencher;
use domain::{
    auth::{token::Keys, viewer::Viewer},
    clock::Clock,
    config::{Network, Settings},
    context::Context,
    database::Database,
    interchange,
};
use samregister::http;
use synthetic::{LARGE, SMALL, Size};

fn main() {
    divan::main();
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().expect("a runtime"));

/// A register to measure on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    SqliteSmall,
    SqliteLarge,
    PostgresSmall,
    PostgresLarge,
}

impl std::fmt::Display for On {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SqliteSmall => "SQLite 70 / 200 / 1 000",
            Self::SqliteLarge => "SQLite 10 000 / 30 000 / 200 000",
            Self::PostgresSmall => "PostgreSQL 70 / 200 / 1 000",
            Self::PostgresLarge => "PostgreSQL 10 000 / 30 000 / 200 000",
        })
    }
}

fn registers() -> Vec<On> {
    let mut on = vec![On::SqliteSmall, On::SqliteLarge];
    if std::env::var_os("BENCH_POSTGRES").is_some() {
        on.extend([On::PostgresSmall, On::PostgresLarge]);
    }
    on
}

static SQLITE_SMALL: LazyLock<http::App> =
    LazyLock::new(|| RUNTIME.block_on(open(SMALL, "small", false)));
static SQLITE_LARGE: LazyLock<http::App> =
    LazyLock::new(|| RUNTIME.block_on(open(LARGE, "large", false)));
static POSTGRES_SMALL: LazyLock<http::App> =
    LazyLock::new(|| RUNTIME.block_on(open(SMALL, "small", true)));
static POSTGRES_LARGE: LazyLock<http::App> =
    LazyLock::new(|| RUNTIME.block_on(open(LARGE, "large", true)));

impl On {
    fn app(self) -> &'static http::App {
        match self {
            Self::SqliteSmall => &SQLITE_SMALL,
            Self::SqliteLarge => &SQLITE_LARGE,
            Self::PostgresSmall => &POSTGRES_SMALL,
            Self::PostgresLarge => &POSTGRES_LARGE,
        }
    }
}

async fn open(size: Size, name: &str, postgres: bool) -> http::App {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/synthetic");
    std::fs::create_dir_all(&dir).expect("a folder for the registers");
    let url = if postgres {
        let server = std::env::var("BENCH_POSTGRES").expect("registers() looked");
        let admin = sea_orm::Database::connect(&server).await.expect("the PostgreSQL server");
        // It may be there from the last time.
        sea_orm::ConnectionTrait::execute_unprepared(
            &admin,
            &format!("CREATE DATABASE samregister_bench_{name}"),
        )
        .await
        .ok();
        let (base, _) = server.rsplit_once('/').expect("an address with a database");
        format!("{base}/samregister_bench_{name}")
    } else {
        format!("sqlite://{}?mode=rwc", dir.join(format!("{name}.db")).display())
    };
    let db = Database::connect(&url, None)
        .await
        .expect("the register")
        .with_trail_key(std::sync::Arc::new(domain::audit::TrailKey::generate()));
    db.migrate(Clock::system().now()).await.expect("a schema");
    let viewer = Viewer::operator("bench");
    let app = http::App::new(
        db.clone(),
        Clock::system(),
        Keys::demo(),
        &Settings::load(Vec::new(), None).expect("defaults"),
        http::graphiql::Settings::default(),
    );
    let empty = answer(&app, "{ members(first: 1) { totalCount } }", serde_json::json!({})).await["members"]
        ["totalCount"]
        == 0;
    if empty {
        let files = dir.join(format!("{name}-csv"));
        synthetic::write(&files, size).expect("CSV files");
        interchange::import::import(
            Context::new(&db, Clock::system(), &viewer),
            &Network::default(),
            &files,
            false,
            &mut |_| {},
        )
        .await
        .expect("an import");
    }
    app
}

async fn answer(app: &http::App, query: &str, variables: serde_json::Value) -> serde_json::Value {
    let request = Request::new(query).variables(Variables::from_json(variables));
    let answer = http::execution::ask(app, Viewer::operator("bench"), request).await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    answer.data.into_json().expect("JSON")
}

fn measure(bencher: Bencher<'_, '_>, on: On, query: &str, variables: serde_json::Value) {
    let app = on.app();
    bencher.bench_local(|| RUNTIME.block_on(answer(app, query, variables.clone())));
}

/// 50 members with five agreements each and their activities.
#[divan::bench(args = registers())]
fn list_with_nested_agreements(bencher: Bencher<'_, '_>, on: On) {
    let query = "{ members(first: 50) { nodes { id name agreements(first: 5) { nodes { number status activity { name } } } } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

/// One agreement by its number.
#[divan::bench(args = registers())]
fn point_look_up(bencher: Bencher<'_, '_>, on: On) {
    let query = "{ agreement(by: {number: \"2021-00042\"}) { number status counterparty { ... on Member { name } } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

/// The first page of what expires within 90 days.
#[divan::bench(args = registers())]
fn expiring_window(bencher: Bencher<'_, '_>, on: On) {
    let query = "{ expiringAgreements(withinDays: 90, first: 25) { nodes { number nextDeadline { kind deadlineOn } } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

/// Revenue of six years by activity and year.
#[divan::bench(args = registers())]
fn revenue_by_activity_and_year(bencher: Bencher<'_, '_>, on: On) {
    let query = "{ revenue(input: {from: \"2021-01-01\", to: \"2026-12-31\", groupBy: [ACTIVITY, YEAR]}) { rows { activity { name } period net result } total { net } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

/// The same as paid.
#[divan::bench(args = registers())]
fn revenue_paid_by_activity_and_year(bencher: Bencher<'_, '_>, on: On) {
    let query = "{ revenue(input: {from: \"2021-01-01\", to: \"2026-12-31\", basis: PAID, groupBy: [ACTIVITY, YEAR]}) { rows { activity { name } period net result } total { net } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

/// The agreements of one member, by a word of its name and the beginning of another.
#[divan::bench(args = registers())]
fn search_for_few(bencher: Bencher<'_, '_>, on: On) {
    let query = "{ agreements(first: 25, filter: {search: \"samordn 00042\"}) { nodes { number counterparty { ... on Member { name } } } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

/// The first page of what every agreement has in its name.
#[divan::bench(args = registers())]
fn search_for_all(bencher: Bencher<'_, '_>, on: On) {
    let query = "{ agreements(first: 25, filter: {search: \"samordn\"}) { nodes { number counterparty { ... on Member { name } } } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

/// The first page without any search, to compare with the two.
#[divan::bench(args = registers())]
fn no_search(bencher: Bencher<'_, '_>, on: On) {
    let query =
        "{ agreements(first: 25) { nodes { number counterparty { ... on Member { name } } } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

/// A municipality.
#[divan::bench(args = registers())]
fn search_members(bencher: Bencher<'_, '_>, on: On) {
    measure(
        bencher,
        on,
        "{ members(first: 25, filter: {search: \"kommun 42\"}) { totalCount nodes { name } } }",
        serde_json::json!({}),
    );
}

/// Every activity's coverage with 200 members' cells.
#[divan::bench(args = registers())]
fn matrix(bencher: Bencher<'_, '_>, on: On) {
    let query = "{ activityMatrix(asOf: \"2025-06-30\") { activities { activity { name } coverage { connectedCount memberCount share } } rows(first: 200) { totalCount nodes { member { name } cells { number } } } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

/// The counterparties that have joined and left in a year, by activity.
#[divan::bench(args = registers())]
fn matrix_trend(bencher: Bencher<'_, '_>, on: On) {
    let query = "{ activityMatrix(asOf: \"2026-06-30\", comparedTo: \"2025-06-30\") { activities { activity { name } coverage { connectedCount } trend { before { connectedCount } joinedCount leftCount } } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

/// The first page of the agreements without a template.
#[divan::bench(args = registers())]
fn consistency(bencher: Bencher<'_, '_>, on: On) {
    let query = "{ templateConsistency(first: 25) { nodes { agreement { number } reasons } } }";
    measure(bencher, on, query, serde_json::json!({}));
}

const INVOICES: &str = "query($after: String) { invoices(first: 50, after: $after, orderBy: {field: TOTAL}) { nodes { number total status } pageInfo { endCursor } } }";

/// The first page of the invoices by their total.
#[divan::bench(args = registers())]
fn first_page(bencher: Bencher<'_, '_>, on: On) {
    measure(bencher, on, INVOICES, serde_json::json!({}));
}

/// The page after nine tenths of them.
#[divan::bench(args = registers())]
fn page_at_ninety_per_cent(bencher: Bencher<'_, '_>, on: On) {
    let app = on.app();
    let cursor = RUNTIME.block_on(async {
        let count = answer(app, "{ invoices(first: 0) { totalCount } }", serde_json::json!({})).await["invoices"]["totalCount"].as_u64().expect("a count");
        // From the back, since that way is a tenth as long.
        let (mut before, mut left) = (serde_json::Value::Null, count / 10);
        while left > 0 {
            let last = left.min(200);
            let query = "query($before: String, $last: Int) { invoices(last: $last, before: $before, orderBy: {field: TOTAL}) { pageInfo { startCursor } } }";
            let page = answer(app, query, serde_json::json!({ "before": before, "last": last })).await;
            before = page["invoices"]["pageInfo"]["startCursor"].clone();
            left -= last;
        }
        before
    });
    measure(bencher, on, INVOICES, serde_json::json!({ "after": cursor }));
}
