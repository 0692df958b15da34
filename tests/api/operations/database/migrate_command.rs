//! Tests of `migrate --status` and `--dry-run`, of `serve --no-migrate`, and of programs that are
//! older than the register allows.

use chrono::{DateTime, Utc};
use std::process::Output;

use axum::http::StatusCode;
use domain::{
    clock::Clock,
    database::{
        Database,
        plan::{Conversion, Plan},
    },
    error::Result,
};
use futures_util::future::BoxFuture;
use sea_orm::DatabaseTransaction;
use serde_json::Value;

use crate::support::{
    app::{App, on_both, trail_key_file},
    test_database::TestDatabase,
};

fn run(database: &TestDatabase, line: &str) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        database.program().args(line.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn nothing<'a>(
    _: &'a Database,
    _: &'a DatabaseTransaction,
    _: DateTime<Utc>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async { Ok(()) })
}

/// Migrates as a program of this version with one more migration does.
async fn migrate_as(url: &str, version: &str) {
    let db = Database::connect(url, None).await.unwrap();
    let newer =
        Plan::current().with(Conversion { name: "m9999_01_01_01_newer", run: nothing }, version);
    // Once it has done it, this program is too old to look for more.
    let done = db.apply(&newer, Clock::system().now()).await;
    assert_eq!(done.is_err(), version != OWN, "{done:?}");
    let status = db.migration_status(&newer).await.unwrap();
    assert!(status.iter().all(|step| step.applied.is_some()), "{status:?}");
    db.close().await.unwrap();
}

const OWN: &str = env!("CARGO_PKG_VERSION");

on_both!(what_is_to_be_migrated_is_listed_and_nothing_is_changed, |app| async move {
    let all = Plan::current().names().count();
    let database = app.empty_database().await;
    for line in ["migrate --dry-run --check", "migrate --status --check"] {
        let (code, out, err) = run(&database, line);
        assert_eq!(code, Some(3), "{err}");
        // Under a header and its rule.
        assert_eq!(out.lines().count(), all + 2, "{out}");
        assert!(out.lines().skip(2).all(|row| row.contains(" PENDING ")), "{out}");
    }
    if database.url().starts_with("sqlite:") {
        assert!(!database.file().exists(), "a register was made by looking for it");
    }

    let db = Database::connect(&database.url(), None).await.unwrap();
    db.apply(&Plan::current().before("m2026_11_24_01_texts"), Clock::system().now()).await.unwrap();
    db.close().await.unwrap();
    let pending = Plan::current().names().filter(|name| *name >= "m2026_11_24_01_texts").count();
    let (code, out, err) = run(&database, "migrate --dry-run --format json");
    let listed: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert_eq!((code, listed.len()), (Some(0), pending), "{err}");
    assert_eq!(
        (&listed[0]["name"], &listed[0]["status"]),
        (&"m2026_11_24_01_texts".into(), &"PENDING".into())
    );
    assert!(err.contains("nothing was changed: a dry run"), "{err}");
    let (_, out, err) = run(&database, "migrate --status --format csv");
    assert_eq!(out.lines().next(), Some("name,status,applied_at,applied_by,oldest_program"));
    let first = out.lines().nth(1).unwrap();
    assert!(
        first.starts_with("m2026_11_21_01_members,APPLIED,20")
            && first.ends_with(&format!("Z,{OWN},0.1.0")),
        "{first}"
    );
    assert!(
        err.contains(&format!("{pending} migration")) && err.contains("run `samregister migrate`"),
        "{err}"
    );

    let (code, out, err) = run(&database, "migrate");
    assert_eq!((code, out.as_str()), (Some(0), ""));
    assert!(err.ends_with("applied; the register is up to date\n"), "{err}");
    assert_eq!(
        run(&database, "migrate"),
        (Some(0), String::new(), "the register is up to date\n".into())
    );
    assert_eq!(
        run(&database, "migrate --dry-run --check"),
        (Some(0), String::new(), "the register is up to date\n".into())
    );
    for wrong in ["migrate --check", "migrate --status --dry-run", "migrate --format json"] {
        assert_eq!(run(&database, wrong).0, Some(2), "{wrong}");
    }
});

on_both!(a_server_that_may_not_migrate_does_not_start_on_an_old_schema, |app| async move {
    let database = app.empty_database().await;
    let db = Database::connect(&database.url(), None).await.unwrap();
    db.apply(&Plan::current().before("m2026_11_24_01_texts"), Clock::system().now()).await.unwrap();
    let (code, _, err) = run(&database, "serve --no-migrate --bind 127.0.0.1:0");
    assert_eq!(code, Some(1), "{err}");
    assert!(
        err.contains(
            "the database is not migrated, or not to this version; run `samregister migrate`"
        ),
        "{err}"
    );
    assert!(
        db.migration_status(&Plan::current())
            .await
            .unwrap()
            .iter()
            .any(|step| step.applied.is_none()),
        "it was migrated"
    );
    db.close().await.unwrap();
    assert_eq!(run(&database, "migrate").0, Some(0));
    drop(crate::support::server_process::Server::start(
        database.program(),
        "serve --no-migrate --bind 127.0.0.1:0",
    ));
});

on_both!(a_program_that_is_too_old_refuses_the_register_and_says_why, |app| async move {
    let database = app.empty_database().await;
    migrate_as(&database.url(), "99.1.0").await;
    let why = format!(
        "error: this program is Samregister {OWN}, but a newer one migrated the register, which now needs 99.1.0 or later; nothing was \
         changed; install Samregister 99.1.0 or later\n"
    );
    for line in [
        "migrate",
        "serve --bind 127.0.0.1:0",
        "serve --no-migrate --bind 127.0.0.1:0",
        "import .",
        "export exported",
        "archive import .",
        "expiring",
        "revenue --from 2026-01-01 --to 2026-12-31",
        "scenario --year 2026 --per-mille 2",
        "break-even --year 2026",
        "invoices late",
        "invoices run --year 2026 --activity bip",
        "sie --from 2026-01-01 --to 2026-01-31",
        "templates load",
        "token --role OFFICE --subject x",
        "token revoke --subject x",
        "clock",
        "clock --accept",
        "trail-key replace",
        "verify",
        "checkpoint",
        "retention",
        "contact export contact_0198c2f07e6b7000b3a2f1d4c5e6a7b8",
        "payments import nothing",
    ] {
        let (code, out, err) = run(&database, line);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{line}: {err}");
        assert_eq!(err, why, "{line}");
    }
    // Nothing was begun, a new key neither.
    assert!(!trail_key_file().with_extension("pem.next").exists());
    // A token of which the trail knows nothing is minted where no register can be reached, and
    // nowhere else.
    let older = app.empty_database().await;
    let db = Database::connect(&older.url(), None).await.unwrap();
    db.apply(&Plan::current().before("m2026_11_24_01_texts"), Clock::system().now()).await.unwrap();
    db.close().await.unwrap();
    let (code, out, err) = run(&older, "token --role OFFICE --subject x");
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("run `samregister migrate`"), "{err}");

    let (code, out, err) = run(&database, "migrate --status --format csv");
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.lines().last().unwrap().starts_with("m9999_01_01_01_newer,APPLIED_BY_NEWER,"),
        "{out}"
    );
    assert!(err.contains("1 migration applied by a newer program"), "{err}");
    assert!(
        err.contains("the register is newer than this program: ")
            && err.contains("needs 99.1.0 or later"),
        "{err}"
    );
    assert!(!out.contains("PENDING") && !err.contains("up to date"), "{out}{err}");
    for line in ["migrate --dry-run", "migrate --dry-run --check"] {
        assert_eq!(run(&database, line), (Some(1), String::new(), why.clone()), "{line}");
    }
    let (status, out, err) = run(&database, "migrate --dry-run --format json");
    let error: Value = serde_json::from_str(&err).unwrap();
    let expected = format!("error: {}\n", error["error"]["message"].as_str().unwrap());
    assert_eq!((status, out, expected), (Some(1), String::new(), why.clone()));
    assert_eq!(error["error"]["reason"], "PROGRAM_TOO_OLD");
});

on_both!(
    a_newer_program_that_changes_nothing_of_importance_leaves_older_ones_running,
    |app| async move {
        let database = app.empty_database().await;
        migrate_as(&database.url(), OWN).await;
        assert_eq!(run(&database, "verify").0, Some(0));
        assert_eq!(
            run(&database, "migrate"),
            (Some(0), String::new(), "the register is up to date\n".into())
        );
        drop(crate::support::server_process::Server::start(
            database.program(),
            "serve --bind 127.0.0.1:0",
        ));
    }
);

on_both!(a_running_server_continues_to_write_when_a_newer_program_allows_it, |app| async move {
    let admission = |name: &str| {
        format!(
            "mutation {{ memberAdmit(input: {{ name: \"{name}\", joinedOn: \"2026-01-01\" }}) {{ member {{ name }} }} }}"
        )
    };
    app.office().query(&admission("Ett")).await.data();
    migrate_as(&app.url(), OWN).await;
    app.office().query(&admission("Två")).await.data();
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    let count = app.office().query("{ members { totalCount } }").await;
    assert_eq!(count["members"]["totalCount"], 2);
});

on_both!(a_running_server_notices_that_it_is_too_old, |app| async move {
    let admission = "mutation { memberAdmit(input: { name: \"Ny\", joinedOn: \"2026-01-01\" }) { member { name } } }";
    app.office().query(admission).await.data();
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    let revision = app.revision().await;
    migrate_as(&app.url(), "99.1.0").await;
    let answer = app.office().query(admission).await;
    assert_eq!(answer.reason(), "PROGRAM_TOO_OLD");
    let message = answer.error()["message"].as_str().unwrap();
    assert!(
        message.contains("needs 99.1.0 or later") && message.contains("nothing was changed"),
        "{message}"
    );
    let ready = app.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        ready.text(),
        format!(
            "not ready: this program is Samregister {OWN}, but a newer one migrated the register, which now needs 99.1.0 or later; nothing \
             was changed; install Samregister 99.1.0 or later\n"
        )
    );
    assert_eq!(app.revision().await, revision);
    // What is read stays readable.
    app.office().query("{ members { totalCount } }").await.data();
});
