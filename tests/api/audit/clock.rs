//! A clock that was wrong: numbers follow days, and changes follow the trail, unless a user
//! overrides them explicitly.

use domain::{
    audit::{clock_acceptance, date_order},
    auth::viewer::Viewer,
    error::ErrorCode,
    invoices,
};
use serde_json::json;

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{course, drafted, fill, issue, member},
    lifecycle_fixtures::mutate,
};

const AHEAD: &str = "2027-01-09T09:00:00Z";
const ADMISSION: &str = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { name } } }";

/// A register whose invoices continue from imported history, of which one has an earlier day than
/// the one before.
async fn with_history(app: &App) -> (App, tempfile::TempDir) {
    let (app, folder) = fill(app, 3).await;
    let heads = "key,number,kind,buyer,issued_on,due_on,credits\na,1001,INVOICE,m1,2026-03-02,2026-04-01,\nb,1002,INVOICE,m1,2026-03-01,2026-03-31,\n";
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\na,Kurs,,,,,1,100.00,STANDARD_25\nb,Kurs,,,,,1,100.00,STANDARD_25\n";
    app.import(&[("invoices.csv", heads), ("invoice_lines.csv", lines)]).await;
    (app, folder)
}

/// Violations and notes about the order of days of invoices.
async fn order_of_days(app: &App) -> (Vec<String>, Vec<String>) {
    let inversions = invoices::date_order::inversions(app.db.read(), |_, _| {}).await.unwrap();
    date_order::sort_out(app.db.read(), inversions).await.unwrap()
}

const HISTORY: &str =
    "invoice 1002 of 2026-03-01 follows invoice 1001 of 2026-03-02; imported history";

on_both!(no_document_is_dated_by_a_clock_behind_the_latest_of_its_series, |app| async move {
    let (app, _folder) = with_history(&app).await;
    assert_eq!(order_of_days(&app).await, (Vec::<String>::new(), vec![HISTORY.to_owned()]));
    let buyer = member(&app, 1).await;
    let draft = async || drafted(&app.finance(), course(&buyer, "100.00")).await;
    let ahead = issue(&app.at(AHEAD).finance(), &draft().await, "id number issuedOn").await;
    assert_eq!(
        (&ahead["invoiceIssue"]["number"], &ahead["invoiceIssue"]["issuedOn"]),
        (&json!("1003"), &json!("2027-01-09"))
    );

    let (second, revision) = (draft().await, app.revision().await);
    let refused = issue(&app.finance(), &second, "id").await;
    assert_eq!(refused.reason(), "LATEST_IN_FUTURE");
    let message = refused.error()["message"].as_str().unwrap().to_owned();
    assert!(
        ["invoice 1003", "2027-01-09", "2026-11-21"].iter().all(|word| message.contains(word)),
        "{message}"
    );
    let run = "{ invoiceRunPreview(input: { membershipFee: true, year: 2026 }) { total } }";
    assert_eq!(app.finance().query(run).await.reason(), "LATEST_IN_FUTURE");
    assert_eq!(
        mutate(
            &app.finance(),
            "invoiceRun",
            json!({ "membershipFee": true, "year": 2026 }),
            "total"
        )
        .await
        .reason(),
        "LATEST_IN_FUTURE"
    );
    // Credit notes are a series of their own.
    let credited = mutate(
        &app.finance(),
        "invoiceCredit",
        json!({ "invoiceId": ahead["invoiceIssue"]["id"], "reason": "x" }),
        "issuedOn",
    )
    .await;
    assert!(
        credited.error()["message"].as_str().unwrap().contains("2027-01-09"),
        "a credit note isn't older than its invoice"
    );
    assert_eq!(app.revision().await, revision);

    // A given day overrides the check.
    let given = json!({ "invoiceId": second, "issuedOn": "2026-11-20" });
    let given = mutate(&app.finance(), "invoiceIssue", given, "number issuedOn").await;
    assert_eq!(
        (&given["invoiceIssue"]["number"], &given["invoiceIssue"]["issuedOn"]),
        (&json!("1004"), &json!("2026-11-20"))
    );
    let earlier = json!({ "invoiceId": draft().await, "issuedOn": "2026-11-19" });
    let earlier = mutate(&app.finance(), "invoiceIssue", earlier, "number").await;
    assert!(
        earlier.error()["message"].as_str().unwrap().contains("2026-11-20"),
        "{}",
        earlier.text()
    );
    // No one has recorded that the clock was set back.
    let violations =
        vec!["invoice 1004 of 2026-11-20 follows invoice 1003 of 2027-01-09".to_owned()];
    assert_eq!(order_of_days(&app).await, (violations, vec![HISTORY.to_owned()]));
    // When the clock has come so far, all is as before.
    let later =
        issue(&app.at("2027-01-09T12:00:00Z").finance(), &draft().await, "number issuedOn").await;
    assert_eq!(
        (&later["invoiceIssue"]["number"], &later["invoiceIssue"]["issuedOn"]),
        (&json!("1005"), &json!("2027-01-09"))
    );
});

on_both!(imported_history_of_another_series_that_is_dated_ahead_stops_no_one, |app| async move {
    let (app, _folder) = with_history(&app).await;
    let heads = "key,number,kind,buyer,issued_on,due_on,credits\nc,2027-0001,INVOICE,m1,2027-01-05,2027-02-04,\nd,Förskott 7,INVOICE,m1,2027-02-01,2027-03-03,\ne,20270001,INVOICE,m1,2027-01-07,2027-02-06,\n";
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nc,Kurs,,,,,1,100.00,STANDARD_25\nd,Kurs,,,,,1,100.00,STANDARD_25\ne,Kurs,,,,,1,100.00,STANDARD_25\n";
    app.import(&[("invoices.csv", heads), ("invoice_lines.csv", lines)]).await;
    let buyer = member(&app, 1).await;
    let draft = async || drafted(&app.finance(), course(&buyer, "100.00")).await;
    let issued = issue(&app.finance(), &draft().await, "number issuedOn").await;
    assert_eq!(issued["invoiceIssue"], json!({ "number": "1003", "issuedOn": "2026-11-21" }));
    // One of its own series does.
    let heads = "key,number,kind,buyer,issued_on,due_on,credits\nf,1004,INVOICE,m1,2027-01-05,2027-02-04,\n";
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nf,Kurs,,,,,1,100.00,STANDARD_25\n";
    app.import(&[("invoices.csv", heads), ("invoice_lines.csv", lines)]).await;
    let refused = issue(&app.finance(), &draft().await, "number").await;
    assert_eq!(refused.reason(), "LATEST_IN_FUTURE");
    assert!(
        refused.error()["message"].as_str().unwrap().contains("invoice 1004 is dated 2027-01-05"),
        "{}",
        refused.text()
    );
});

on_both!(a_clock_behind_the_trail_refuses_changes_until_an_operator_accepts_it, |app| async move {
    let (app, _folder) = with_history(&app).await;
    let buyer = member(&app, 1).await;
    let (first, second) = (
        drafted(&app.finance(), course(&buyer, "100.00")).await,
        drafted(&app.finance(), course(&buyer, "100.00")).await,
    );
    issue(&app.in_order_at(AHEAD).finance(), &first, "number").await.data();
    let revision = app.revision().await;

    let back = app.in_order_at("2026-11-30T09:00:00Z");
    let refused = back.office().query(ADMISSION).await;
    assert_eq!((refused.code(), refused.reason()), ("CONFLICT", "CLOCK_BEHIND"));
    let message = refused.error()["message"].as_str().unwrap().to_owned();
    for words in [
        "2026-11-30T09:00:00Z",
        "2027-01-09T09:00:00Z",
        &format!("revision {revision}"),
        "samregister clock --accept",
    ] {
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(
        back.office().query("{ members { totalCount } }").await["members"]["totalCount"],
        12,
        "reading continues"
    );
    assert_eq!(app.revision().await, revision);
    // Two servers' clocks differ a little.
    app.in_order_at("2027-01-09T08:59:00Z").office().query(ADMISSION).await.data();
    assert_eq!(
        app.in_order_at("2027-01-09T08:57:59Z").office().query(ADMISSION).await.reason(),
        "CLOCK_BEHIND"
    );

    let office = Viewer { subject: "a board member".into(), ..Viewer::default() };
    assert_eq!(
        clock_acceptance::accept(back.context(&office)).await.unwrap_err().code(),
        ErrorCode::Forbidden
    );
    let operator = Viewer::operator("clock");
    assert!(clock_acceptance::accept(back.context(&operator)).await.unwrap());
    assert!(
        !clock_acceptance::accept(back.context(&operator)).await.unwrap(),
        "it is accepted already"
    );
    let entry = app.trail(revision + 1).await.remove(0);
    assert_eq!(
        (&entry["action"], &entry["actor"]),
        (&json!("clockAccept"), &json!("samregister clock"))
    );
    back.office().query(ADMISSION).await.data();

    assert_eq!(issue(&back.finance(), &second, "number").await.reason(), "LATEST_IN_FUTURE");
    let given = json!({ "invoiceId": second, "issuedOn": "2026-11-30" });
    mutate(&back.finance(), "invoiceIssue", given, "number").await.data();
    let explained = "invoice 1004 of 2026-11-30 follows invoice 1003 of 2027-01-09; the clock was set back between them".to_owned();
    assert_eq!(
        order_of_days(&app).await,
        (Vec::<String>::new(), vec![HISTORY.to_owned(), explained])
    );
    assert_eq!(
        domain::audit::violations_now(&app.db, app.clock).await.unwrap(),
        Vec::<String>::new()
    );
});

on_both!(an_operator_sees_and_accepts_the_clock, |app| async move {
    let clock =
        |option: &str| app.program().arg("clock").args(option.split_whitespace()).output().unwrap();
    let reported = |done: &std::process::Output| String::from_utf8_lossy(&done.stdout).into_owned();
    let empty = clock("");
    assert_eq!((empty.status.code(), reported(&empty).contains("no entry")), (Some(0), true));
    app.at("2999-01-01T09:00:00Z").office().query(ADMISSION).await.data();
    let behind = clock("");
    assert_eq!(
        (
            behind.status.code(),
            reported(&behind)
                .contains("is behind the last entry, revision 1 of 2999-01-01T09:00:00Z")
        ),
        (Some(3), true)
    );
    let load = || app.program().args(["templates", "load"]).output().unwrap();
    let refused = load();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("samregister clock --accept"));
    let accepted = clock("--accept");
    assert_eq!((accepted.status.code(), reported(&accepted).contains("accepted")), (Some(0), true));
    assert_eq!(
        (clock("").status.code(), clock("--accept").status.code(), load().status.code()),
        (Some(0), Some(0), Some(0))
    );
});
