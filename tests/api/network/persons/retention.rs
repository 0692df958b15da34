//! Retention: the data stored, the day from which it may be erased, and that nothing else is
//! erased. Today is 2026-11-21.

use domain::{
    auth::viewer::Viewer, config::Retention, persons::erase::erase_due_payers,
    retention::kind::Kind,
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    database_intruder::intruder,
    fixtures::Samples,
};

/// Returns the report's row of a kind: its count, its oldest day, the day from which that may go,
/// and how many may go.
async fn held(caller: &Caller<'_>, kind: &str, on: Option<&str>) -> Value {
    let document = "query($asOf: Date) { retention(asOf: $asOf) { holdings { kind recordCount oldest erasableFrom dueCount } } }";
    let answer = caller.ask(document, json!({ "asOf": on })).await;
    let holdings = answer["retention"]["holdings"].as_array().unwrap();
    let held = holdings.iter().find(|held| held["kind"] == kind).unwrap();
    json!([held["recordCount"], held["oldest"], held["erasableFrom"], held["dueCount"]])
}

/// The names of the people who may be erased.
async fn due(caller: &Caller<'_>, on: Option<&str>) -> Vec<Value> {
    let answer = caller
        .ask(
            "query($asOf: Date) { retention(asOf: $asOf) { contacts { name } } }",
            json!({ "asOf": on }),
        )
        .await;
    answer["retention"]["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|contact| contact["name"].clone())
        .collect()
}

async fn add(app: &App, name: &str, valid_to: Option<&str>) -> String {
    let input = json!({ "role": "OTHER", "name": name, "validTo": valid_to });
    app.office().does("contactAdd", "id", input).await["contactAdd"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn start(app: &App, slug: &str, lead: &str, ends_on: Option<&str>) {
    let input = json!({ "slug": slug, "name": slug, "funding": [], "startsOn": "2020-01-01", "leadId": lead });
    let id = app.office().does("activityStart", "id", input).await["activityStart"]["id"].clone();
    if let Some(ends_on) = ends_on {
        app.office()
            .does("activityClose", "id", json!({ "activityId": id, "endsOn": ends_on }))
            .await
            .data();
    }
}

on_both!(people_may_go_some_months_after_their_role, |app| async move {
    add(&app, "Alltjämt", None).await;
    add(&app, "Blivande", Some("2027-01-01")).await;
    add(&app, "Dagen efter", Some("2024-11-21")).await;
    add(&app, "Dagen", Some("2024-11-20")).await;
    add(&app, "Länge sedan", Some("2020-01-01")).await;
    let leads = add(&app, "Leder", Some("2020-01-01")).await;
    start(&app, "bip", &leads, None).await;
    let led = add(&app, "Ledde", Some("2021-01-01")).await;
    start(&app, "kurser", &led, Some("2026-11-20")).await;
    let gone = add(&app, "Borta", Some("2019-01-01")).await;
    app.office().does("contactErase", "id", json!({ "contactId": gone })).await.data();

    assert_eq!(due(&app.office(), None).await, ["Länge sedan", "Ledde", "Dagen"]);
    assert_eq!(
        held(&app.auditor(), "FORMER_CONTACTS", None).await,
        json!([4, "2020-01-01", "2022-01-02", 3])
    );
    assert_eq!(
        due(&app.auditor(), Some("2026-11-22")).await,
        ["Länge sedan", "Ledde", "Dagen", "Dagen efter"]
    );
    // On its last day the activity still names its lead.
    assert_eq!(due(&app.auditor(), Some("2026-11-20")).await, ["Länge sedan"]);
    assert_eq!(
        held(&app.office(), "FORMER_CONTACTS", Some("2019-12-31")).await,
        json!([0, null, null, 0])
    );

    // The network decides for how long.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samregister.toml");
    std::fs::write(&file, "[network.retention]\ncontact_months = 72").unwrap();
    assert_eq!(due(&app.with_file(&file).office(), None).await, ["Länge sedan"]);
    let refused = app
        .office()
        .ask("query($asOf: Date) { retention(asOf: $asOf) { asOf } }", json!({ "asOf": "i går" }))
        .await;
    assert_eq!(refused.bad_fields(), ["asOf"]);
});

on_both!(what_the_law_on_bookkeeping_is_about_stays_seven_years, |app| async move {
    Samples::fill(&app).await;
    for (kind, count, oldest) in [
        ("INVOICES", 2, "2026-03-01"),
        ("PAYMENTS", 2, "2026-03-20"),
        ("COSTS", 2, "2026-04-01"),
        ("GRANTS", 2, "2026-05-01"),
    ] {
        for (on, due) in [(None, 0), (Some("2033-12-31"), 0), (Some("2034-01-01"), 2)] {
            assert_eq!(
                held(&app.office(), kind, on).await,
                json!([count, oldest, "2034-01-01", due]),
                "{kind} on {on:?}"
            );
        }
    }
    assert_eq!(held(&app.office(), "ENDED_AGREEMENTS", None).await, json!([0, null, null, 0]));
    // The third is renewed automatically, and the draft was never one.
    assert_eq!(
        held(&app.office(), "ENDED_AGREEMENTS", Some("2035-01-01")).await,
        json!([2, "2027-01-31", "2035-01-01", 2])
    );
    let trail = app.revision().await;
    assert_eq!(
        held(&app.office(), "AUDIT_TRAIL", Some("2900-01-01")).await,
        json!([trail, null, null, 0])
    );
});

on_both!(only_what_may_go_is_erased, |app| async move {
    let run = |arguments: &[&str]| {
        let output = app.program().arg("retention").args(arguments).output().unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code(),
        )
    };
    add(&app, "Annabella", Some("2001-01-01")).await;
    add(&app, "Bertil", Some("2001-01-01")).await;
    add(&app, "Cecilia", Some("2900-01-01")).await;
    let log = "INSERT INTO contact_read (id, reader, contact_id, day, first_at, last_at, times)
        SELECT id, 'x', id, '2001-01-01', '2001-01-01T09:00:00+00:00', '2001-01-01T09:00:00+00:00', 1 FROM contact WHERE name <> 'Cecilia'";
    intruder(&app).await.execute_unprepared(log).await.unwrap();
    let before = app.revision().await;
    let (listed, _, code) = run(&["--format", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (code, listed["contacts"].as_array().unwrap().len(), app.revision().await),
        (Some(0), 2, before)
    );
    let (_, said, code) = run(&["--erase"]);
    assert_eq!((said.trim(), code), ("erased 2 contacts and 2 lines of the log", Some(0)));
    // Each contact and the deletion of its key, and the log.
    assert_eq!(app.revision().await, before + 5);
    let mut trail = app.trail(before).await;
    // Who thins out the log, as of which day and by how much, is in the trail.
    let forgotten = trail.pop().unwrap();
    let today = domain::clock::Clock::system().today();
    let first = today.checked_sub_months(chrono::Months::new(24)).unwrap();
    assert_eq!(
        [
            &forgotten["action"],
            &forgotten["actor"],
            &forgotten["subject"],
            &forgotten["before"],
            &forgotten["after"]
        ],
        [
            &json!("contactReadsForget"),
            &json!("samregister retention"),
            &Value::Null,
            &Value::Null,
            &json!({ "before": first, "lines": 2 })
        ]
    );
    assert!(
        trail
            .iter()
            .all(|entry| entry["action"] == "contactErase"
                && entry["actor"] == "samregister retention"),
        "{trail:?}"
    );
    let (left, said, _) = run(&["--erase", "--format", "csv"]);
    assert_eq!(
        (said.trim(), app.revision().await),
        ("erased 0 contacts and 0 lines of the log", before + 5)
    );
    assert!(
        left.starts_with("kind,count,oldest,erasable_from,due,law\r\nFORMER_CONTACTS,0,,,0,"),
        "{left}"
    );
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
    // To see what may go is not to erase it.
    assert_eq!(run(&["--erase", "--on", "2900-01-01"]).2, Some(2));
    let refused = app.finance().query("{ retention { asOf } }").await;
    assert_eq!(refused.code(), "FORBIDDEN");
});

on_both!(payers_go_when_their_time_is_over, |app| async move {
    let head = "bank_reference,file_name,file_sha256,imported_at,account,booked_on,amount,reference,message,payer_name,payer_org_number,finding,set_aside_on,set_aside_reason\n";
    let sha256 = "a".repeat(64);
    let row = |reference: &str, day: &str, payer: &str| {
        format!(
            "{reference},bank.txt,{sha256},{day}T09:00:00Z,50501055,{day},1.00,,Hej från {payer},{payer},,NO_REFERENCE,,\n"
        )
    };
    let text = format!(
        "{head}{}{}",
        row("old", "2018-12-31", "Kalle Betalare"),
        row("new", "2019-01-01", "Lisa Betalare")
    );
    app.import(&[("bank_payments.csv", &text)]).await;
    for (on, due) in [("2025-12-31", 0), ("2026-01-01", 1), ("2026-12-31", 1), ("2027-01-01", 2)] {
        assert_eq!(
            held(&app.office(), "PAYERS", Some(on)).await,
            json!([2, "2018-12-31", "2026-01-01", due]),
            "{on}"
        );
    }
    let names = async || {
        app.office()
            .query("{ bankPayments { nodes { bankReference payerName message amount } } }")
            .await
    };
    let ten = Retention { payer_years: 10, ..Retention::default() };
    let viewer = Viewer::operator("retention");
    assert_eq!(erase_due_payers(app.context(&viewer), &ten).await.unwrap(), 0);
    assert_eq!(erase_due_payers(app.context(&viewer), &Retention::default()).await.unwrap(), 1);
    let left = names().await["bankPayments"]["nodes"].clone();
    let lisa = json!({ "bankReference": "new", "payerName": "Lisa Betalare", "message": "Hej från Lisa Betalare", "amount": "1.00" });
    assert_eq!(
        left,
        json!([lisa, { "bankReference": "old", "payerName": null, "message": null, "amount": "1.00" }])
    );
    // Neither the rows nor the trail name the payer, and the trail holds all the same.
    let reported = app
        .office()
        .query("{ auditEntries(first: 100) { nodes { action before after } } }")
        .await
        .text();
    assert!(
        !reported.contains("Kalle")
            && reported.contains("Lisa Betalare")
            && reported.contains("personErase"),
        "{reported}"
    );
    assert_eq!(domain::audit::violations_now(&app.db, app.clock).await.unwrap(), [""; 0]);
    assert_eq!(
        held(&app.office(), "PAYERS", None).await,
        json!([1, "2019-01-01", "2027-01-01", 0])
    );
});

#[tokio::test]
async fn the_report_is_about_every_table() {
    let app = App::postgres().await;
    let of_the_machinery = [
        "migration_requirement",
        "seaql_migrations",
        "search_document",
        "search_stale",
        "idempotent_request",
        "idempotent_outcome",
        "token_revocation",
        "write_probe",
        "command_run",
    ];
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'";
    let rows = app
        .db
        .read()
        .query_all_raw(Statement::from_string(app.db.backend(), tables))
        .await
        .unwrap();
    let tables = rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap());
    let reported: Vec<_> =
        Kind::ALL.iter().flat_map(|kind| kind.tables()).chain(&of_the_machinery).collect();
    let untold: Vec<_> =
        tables.filter(|table| reported.iter().all(|reported| *reported != table)).collect();
    assert_eq!(
        untold, [""; 0],
        "give them a place in Kind::tables of domain/src/retention/kind.rs"
    );
}
