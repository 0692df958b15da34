//! Metrics of operations, the database and the process, and the files that name them: alerts,
//! dashboard and documentation.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use axum::http::{Method, header};
use chrono::DateTime;
use domain::database::RecordedCommand;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    fixtures::Samples,
    payment_fixtures::bank_payment,
    random_ledger::RandomLedger,
};

async fn metrics(app: &App) -> String {
    let answer = app.get("/metrics").await;
    assert_eq!(answer.status, 200);
    answer.text()
}

/// The value of a series.
fn value(text: &str, series: &str) -> f64 {
    let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
}

/// The metrics of a page: the name of their series, without what a histogram adds, and the type.
fn families(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let family = |line: &str| {
        let (name, kind) = line.split_once(' ').unwrap();
        let ending = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        (format!("{name}{ending}"), kind.to_owned())
    };
    types.map(family).collect()
}

/// The names of metrics in a text, without what a histogram adds.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let words = text.split(|char| !is_part(char));
    let ours = words.filter(|word| {
        word.starts_with("samregister_") || (word.starts_with("process_") && word.len() > 8)
    });
    let base = |word: &str| {
        let endings = ["_bucket", "_sum", "_count"];
        endings.into_iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word).to_owned()
    };
    ours.map(base).collect()
}

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

/// The queries of the dashboard's panels.
fn panel_queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&file("deploy/grafana/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

fn alert_queries() -> Vec<String> {
    let alerts = file("deploy/prometheus/alerts.yml");
    let lines = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    lines.map(str::to_owned).collect()
}

/// Metrics of servers with read replicas only, which `database::replicas` expects.
const OF_REPLICAS: [&str; 3] = [
    "samregister_database_reads_total",
    "samregister_database_replica_in_use",
    "samregister_database_replica_lag_revisions",
];

/// Sends requests so that each metric with labels has a series.
async fn ask_of_each_kind(app: &App) {
    app.office().query("query Own { viewer { subject } }").await.data();
    app.no_one().query("{ viewer { subject } }").await.error();
}

#[tokio::test]
async fn alerts_and_dashboard_name_metrics_that_exist() {
    let app = App::sqlite().await;
    Samples::fill(&app).await;
    ask_of_each_kind(&app).await;
    let found = families(&metrics(&app).await);
    let (panels, alerts) = (panel_queries(), alert_queries());
    assert!(panels.len() > 30 && alerts.len() > 10, "{panels:?} {alerts:?}");
    let page = file("docs/operations/monitoring.md");
    for query in panels.into_iter().chain(alerts) {
        let names = named(&query);
        assert!(!names.is_empty() || query.starts_with("up{"), "{query}");
        for name in names {
            if OF_REPLICAS.contains(&name.as_str()) {
                assert!(page.contains(&format!("- `{name}{{server}}`")), "{name}");
                continue;
            }
            assert!(found.contains_key(&name), "{name} of {query} is no metric: {found:?}");
        }
    }
}

#[tokio::test]
async fn the_documentation_has_each_metric_with_its_unit_and_no_other() {
    let app = App::sqlite().await;
    Samples::fill(&app).await;
    ask_of_each_kind(&app).await;
    let text = metrics(&app).await;
    let page = file("docs/operations/monitoring.md");
    let mut documented = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let [_, metric, unit, meaning, _] = row.split('|').collect::<Vec<_>>()[..] else {
            continue;
        };
        let metric = metric.trim().trim_matches('`');
        let (name, labels) = metric.split_once('{').unwrap_or((metric, "}"));
        assert!(meaning.trim().len() > 10, "{row}");
        documented.insert(name.to_owned(), (unit.trim(), labels.trim_end_matches('}')));
    }
    let found = families(&text);
    let names = |all: Vec<&String>| all.into_iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(documented.keys().collect()), names(found.keys().collect()));
    for (name, (unit, labels)) in documented {
        let is_histogram = found[&name] == "histogram";
        assert_eq!(unit.contains("histogram"), is_histogram, "{name}");
        // The name ends with its unit if that is one of time or size.
        let base = name.trim_end_matches("_total");
        let is_base_unit = base.ends_with("_seconds") || base.ends_with("_bytes");
        let word = unit.split(',').next().unwrap();
        assert_eq!(["seconds", "bytes"].contains(&word), is_base_unit, "{name}: {unit}");
        let mut own: Vec<&str> = labels.split(',').filter(|label| !label.is_empty()).collect();
        let series = if is_histogram { format!("{name}_count") } else { name.clone() };
        let rest = |line| str::strip_prefix(line, series.as_str());
        let shown = text.lines().filter_map(rest).find(|rest| rest.starts_with(['{', ' ']));
        let shown = shown.unwrap_or_else(|| panic!("{name} has no series"));
        let labels = shown.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let mut shown: Vec<&str> = labels
            .into_iter()
            .flat_map(|(labels, _)| labels.split("\","))
            .filter_map(|label| Some(label.split_once('=')?.0))
            .collect();
        own.sort_unstable();
        shown.sort_unstable();
        assert_eq!(own, shown, "labels of {name}");
    }
    // Each has a text.
    for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = name.split(' ').next().unwrap();
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
    }
}

on_both!(operations_are_counted_by_name_code_statements_and_rows, |app| async move {
    let office = app.office();
    let admit = "mutation Admit($name: String!) { memberAdmit(input: { name: $name, joinedOn: \"2026-01-01\" }) { member { id } } }";
    office.ask(admit, json!({ "name": "Ale" })).await.data();
    office.ask(admit, json!({ "name": "" })).await.error();
    let members = "query Members { members { nodes { name } } }";
    office.query(members).await.data();
    let text = metrics(&app).await;
    let rows = value(&text, "samregister_graphql_operation_rows_sum");
    let statements = value(&text, "samregister_graphql_operation_statements_sum");
    assert!(statements >= 4.0, "{text}");
    office.query(members).await.data();
    office.query("{ viewer { subject } }").await.data();
    app.no_one().query(members).await.error();
    let text = metrics(&app).await;
    let count = |name: &str, code: &str| {
        let labels = format!("{{name=\"{name}\",code=\"{code}\"}}");
        value(&text, &format!("samregister_graphql_operations_total{labels}"))
    };
    assert_eq!(
        [count("Admit", "OK"), count("Admit", "INVALID"), count("Members", "OK")],
        [1.0, 1.0, 2.0]
    );
    assert_eq!([count("anonymous", "OK"), count("unknown", "UNAUTHENTICATED")], [1.0, 1.0]);
    let timed = "samregister_graphql_operation_duration_seconds_count{name=\"Members\"}";
    assert_eq!(value(&text, timed), 2.0);
    assert_eq!(value(&text, "samregister_graphql_operation_statements_count"), 5.0);
    // The page has the one member, and the viewer has none.
    assert_eq!(value(&text, "samregister_graphql_operation_rows_sum"), rows + 1.0);
    assert!(!text.contains("Ale"), "{text}");
});

on_both!(changes_and_retries_are_counted, |app| async move {
    let series = |text: &str| {
        ["database_commits_total", "change_wait_seconds_count", "idempotent_replays_total"]
            .map(|name| value(text, &format!("samregister_{name}")))
    };
    let before = series(&metrics(&app).await);
    let body = json!({ "query": "mutation { organisationAdd(input: { name: \"Ö\" }) { organisation { id } } }" });
    for _ in 0..2 {
        let request = app
            .office()
            .request(Method::POST, "/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", "one");
        app.send(request.body(body.to_string().into()).unwrap()).await.data();
    }
    let text = metrics(&app).await;
    let after = series(&text);
    assert!(after[0] > before[0] && after[1] > before[1], "{before:?} {after:?}");
    assert_eq!(after[2], before[2] + 1.0);
    for name in ["waiting_changes", "busy_changes_total", "failed_writes_total", "followers"] {
        assert_eq!(value(&text, &format!("samregister_{name}")), 0.0, "{name}");
    }
});

on_both!(the_register_the_pools_and_the_process_are_measured, |app| async move {
    RandomLedger::draw(&app, 5, 80).await;
    bank_payment(&app, "Okänd", 1).await;
    let document = "{ invoices(filter: { status: OVERDUE }) { totalCount } bankPayments(filter: { status: PENDING }) { totalCount } }";
    let answer = app.finance().query(document).await;
    let count = |list: &str| answer[list]["totalCount"].as_f64().unwrap();
    let text = metrics(&app).await;
    let overdue = value(&text, "samregister_invoices_overdue");
    let pending = value(&text, "samregister_bank_payments_pending");
    assert_eq!([overdue, pending], [count("invoices"), count("bankPayments")]);
    assert!(overdue > 5.0 && pending > 0.0, "{overdue} {pending}");
    assert!(value(&text, "samregister_database_size_bytes") > 100_000.0);
    for pool in ["read", "expensive", "monitor", "write"] {
        let most = format!("samregister_database_connections_max{{pool=\"{pool}\"}}");
        assert!(value(&text, &most) >= 1.0);
    }
    let resident = value(&text, "process_resident_memory_bytes");
    let (open, most) = (value(&text, "process_open_fds"), value(&text, "process_max_fds"));
    assert!(resident > 1e6 && open > 2.0 && most > open, "{resident} {open} {most}");
    // Counted again after a minute at the earliest: a scrape costs no counting.
    bank_payment(&app, "Okänd", 2).await;
    assert_eq!(value(&metrics(&app).await, "samregister_bank_payments_pending"), pending);
});

on_both!(the_last_checkpoint_and_check_are_shown, |app| async move {
    use RecordedCommand::{Checkpoint, Verify, VerifySince};
    let shown = async |number: usize| {
        // Another server, whose figures are read again.
        let text = metrics(&app.at(&format!("2026-11-21T09:{number:02}:00Z"))).await;
        let names = ["checkpoint_timestamp_seconds", "checkpoint_failed"];
        let names = names.into_iter().chain(["verify_timestamp_seconds", "verify_failed"]);
        names.map(|name| value(&text, &format!("samregister_last_{name}"))).collect::<Vec<_>>()
    };
    assert_eq!(shown(1).await, [0.0; 4], "none is recorded");
    let record = async |command: RecordedCommand, seconds: i64, findings: usize| {
        let at = DateTime::from_timestamp(seconds, 0).unwrap();
        app.db.record_run(command, at, findings).await.unwrap();
    };
    record(Checkpoint, 1_000, 0).await;
    record(Verify, 2_000, 0).await;
    assert_eq!(shown(2).await, [1_000.0, 0.0, 2_000.0, 0.0]);
    // A failure leaves the time of the last success.
    record(Checkpoint, 3_000, 1).await;
    record(Verify, 4_000, 7).await;
    assert_eq!(shown(3).await, [1_000.0, 1.0, 2_000.0, 1.0]);
    // A check of changes is none of the whole register.
    record(Checkpoint, 5_000, 0).await;
    record(VerifySince, 6_000, 0).await;
    assert_eq!(shown(4).await, [5_000.0, 0.0, 2_000.0, 0.0]);
    record(VerifySince, 7_000, 1).await;
    record(Verify, 6_500, 0).await;
    assert_eq!(shown(5).await, [5_000.0, 0.0, 6_500.0, 1.0]);
});

on_both!(the_age_of_the_oldest_payment_that_waits_is_measured, |app| async move {
    const NAME: &str = "samregister_bank_payments_oldest_pending_seconds";
    assert_eq!(value(&metrics(&app).await, NAME), 0.0);
    let [first, next] = ["2026-11-21T09:00:00Z", "2026-11-23T09:00:00Z"].map(|at| app.at(at));
    bank_payment(&first, "Första", 1).await;
    bank_payment(&next, "Nästa", 2).await;
    assert_eq!(value(&metrics(&next).await, NAME), 172_800.0);
});

on_both!(without_a_database_its_counts_are_missing, |app| async move {
    assert!(metrics(&app).await.contains("\nsamregister_invoices_overdue 0"));
    app.lose_database().await;
    let text = metrics(&app).await;
    assert_eq!(value(&text, "samregister_database_up"), 0.0);
    for name in
        ["invoices_overdue", "bank_payments_pending", "database_size_bytes", "last_verify_failed"]
    {
        assert!(!text.contains(&format!("\nsamregister_{name} ")), "{text}");
    }
    // What the server knows of itself is there.
    value(&text, "process_open_fds");
    value(&text, "samregister_database_connections_max{pool=\"read\"}");
});

on_both!(a_read_that_finds_no_free_connection_is_counted, |app| async move {
    let waits = async || {
        let series = "samregister_database_connection_waits_total{pool=\"read\"}";
        value(&metrics(&app).await, series)
    };
    let taken = crate::support::http_server::take_readers(&app, false).await;
    let before = waits().await;
    let text = metrics(&app).await;
    let in_use = "samregister_database_connections{pool=\"read\",state=\"in_use\"}";
    assert_eq!(value(&text, in_use), taken.len() as f64);
    let asked = app.clone();
    let waiting =
        tokio::spawn(async move { asked.office().query("{ members { totalCount } }").await });
    while waits().await == before {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    drop(taken);
    waiting.await.unwrap().data();
});
