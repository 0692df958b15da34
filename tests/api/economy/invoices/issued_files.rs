//! Issued invoices never change: their files, and their rows in the database.

use axum::{body::Body, http::Method};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{
        NETWORK, activity, course, drafted, fill, issue, member, violations, with_network,
    },
    lifecycle_fixtures::{mutate, raw, sql_id},
};

on_both!(its_files_are_kept_as_they_were_issued_and_served_to_those_who_see_it, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let buyer = member(&app, 1).await;
    let id = drafted(&app.finance(), course(&buyer, "1000.00")).await;
    let path = |ending: &str| format!("/files/invoices/{id}.{ending}");
    assert_eq!(app.finance().get(&path("pdf")).await.status, 404, "a draft has no files");
    let urls = issue(&app.finance(), &id, "pdfUrl peppolUrl").await;
    for (field, ending) in [("pdfUrl", "pdf"), ("peppolUrl", "xml")] {
        let url = urls["invoiceIssue"][field].as_str().unwrap();
        assert!(url.starts_with(&format!("{}?signature=", path(ending))), "{url}");
    }

    // What changes after the issue changes no file, even one that no one asked for until then.
    mutate(&app.office(), "memberUpdate", json!({ "memberId": buyer, "name": "Nytt namn" }), "id")
        .await
        .data();
    let (renamed, _other) = with_network(&app, &NETWORK.replace("'Nätverket'", "'Ett annat namn'"));
    let xml = renamed.finance().get(&path("xml")).await;
    let text = String::from_utf8(xml.bytes.to_vec()).unwrap();
    assert!(
        text.contains("Förbund 001") && text.contains("Nätverket") && text.contains("20260001"),
        "{text}"
    );
    assert_eq!(
        (xml.header("content-type"), xml.header("content-disposition")),
        ("application/xml", "inline; filename=\"20260001.xml\"")
    );
    let pdf = renamed.finance().get(&path("pdf")).await;
    assert!(pdf.bytes.starts_with(b"%PDF-"));
    assert_eq!(app.at("2030-01-01T00:00:00Z").finance().get(&path("pdf")).await.bytes, pdf.bytes);
    let request = app
        .finance()
        .request(Method::GET, &path("pdf"))
        .header("if-none-match", pdf.header("etag"))
        .body(Body::empty())
        .unwrap();
    assert_eq!(app.send(request).await.status, 304);
    let kept = app.auditor().query("{ auditEntries(first: 1) { nodes { action actor } } }").await;
    assert_eq!(
        kept["auditEntries"]["nodes"],
        json!([{ "action": "invoicePdfKeep", "actor": "samregister documents" }])
    );

    for (caller, status) in [
        (app.office(), 200),
        (app.board(), 200),
        (app.auditor(), 200),
        (app.lead(&["bip"]), 404),
        (app.member(&buyer), 200),
        (app.member(&member(&app, 3).await), 404),
        (app.service("invoices:read"), 200),
        (app.service("members:read"), 404),
        (app.no_one(), 401),
    ] {
        assert_eq!(caller.get(&path("pdf")).await.status, status);
        assert_eq!(caller.get(&path("xml")).await.status, status);
    }
    for path in [
        "/files/invoices/x.pdf".to_owned(),
        format!("/files/invoices/{buyer}.pdf"),
        format!("/files/invoices/{id}.zip"),
    ] {
        assert_eq!(app.office().get(&path).await.status, 404, "{path}");
    }
});

on_both!(a_new_file_is_set_once_however_many_ask_for_it, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "1000.00")).await;
    issue(&app.finance(), &id, "id").await.data();
    let (path, before) = (format!("/files/invoices/{id}.pdf"), app.revision().await);
    app.statements();
    let finance = app.finance();
    let answers = join_all((0..8).map(|_| finance.get(&path))).await;
    for answer in &answers {
        assert!(
            answer.bytes.starts_with(b"%PDF-") && answer.bytes == answers[0].bytes,
            "{}",
            answer.status
        );
    }
    // What it says is read to set it, and for nothing else.
    let read = app.statements().iter().filter(|sql| sql.contains("invoice_content")).count();
    assert_eq!((read, app.revision().await), (1, before + 1));
});

on_both!(what_was_issued_never_changes_in_the_database_either, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    issue(&app.finance(), &id, "id").await.data();
    let run = json!({ "activityId": activity(&app, "indikatorer").await, "year": 2026, "skipProblems": true });
    assert_eq!(
        mutate(&app.finance(), "invoiceRun", run, "invoiceCount").await["invoiceRun"]["invoiceCount"],
        9
    );
    let line = app
        .finance()
        .query("{ invoice(by: { number: \"20260001\" }) { lines { id } } }")
        .await["invoice"]["lines"][0]["id"]
        .clone();
    let (id, line) = (sql_id(&app, &id), sql_id(&app, line.as_str().unwrap()));
    let new = if app.db.backend() == sea_orm::DbBackend::Postgres {
        "gen_random_uuid()"
    } else {
        "randomblob(16)"
    };
    let extra = "position, description, quantity, unit_price, vat_rate, net, vat, account";
    for (statement, rule) in [
        (
            format!(
                "UPDATE invoice SET total = total + 1, rounding = rounding + 1 WHERE id = {id}"
            ),
            "invoice__frozen",
        ),
        (
            format!("UPDATE invoice SET issued_on = NULL, number = NULL WHERE id = {id}"),
            "invoice__frozen",
        ),
        (format!("UPDATE invoice SET due_on = '2027-01-01' WHERE id = {id}"), "invoice__frozen"),
        (format!("UPDATE invoice SET ocr = '18' WHERE id = {id}"), "invoice__frozen"),
        (format!("UPDATE invoice SET reason = 'x' WHERE id = {id}"), "invoice__frozen"),
        (format!("UPDATE invoice SET line_count = 2 WHERE id = {id}"), "invoice__frozen"),
        (format!("DELETE FROM invoice WHERE id = {id}"), "invoice__kept"),
        (
            format!("UPDATE invoice_line SET description = 'x' WHERE id = {line}"),
            "invoice_line__frozen",
        ),
        (format!("DELETE FROM invoice_line WHERE id = {line}"), "invoice_line__frozen"),
        (
            format!(
                "INSERT INTO invoice_line (id, invoice_id, {extra}) SELECT {new}, {id}, 2, 'x', 1000, 1, 'ZERO', 1, 0, '3041'"
            ),
            "invoice_line__frozen",
        ),
        ("UPDATE invoice_content SET content = '{}'".to_owned(), "invoice_content__kept"),
        ("DELETE FROM invoice_content".to_owned(), "invoice_content__kept"),
        ("UPDATE invoice_file SET sha256 = 'x'".to_owned(), "invoice_file__kept"),
        ("DELETE FROM invoice_file".to_owned(), "invoice_file__kept"),
        ("DELETE FROM fee_charge".to_owned(), "fee_charge__kept"),
        ("UPDATE fee_charge SET year = 2027".to_owned(), "fee_charge__kept"),
        (
            format!(
                "INSERT INTO fee_charge (line_id, kind, year, round, agreement_id) SELECT {line}, kind, year, round, agreement_id FROM fee_charge"
            ),
            "fee_charge__",
        ),
    ] {
        let refused =
            raw(&app, &statement).await.err().unwrap_or_else(|| panic!("{statement} is taken"));
        assert!(refused.to_string().contains(rule), "{statement}: {refused}");
    }
    // Nor by the statements that each database has instead of an UPDATE or a DELETE.
    let tables = ["invoice", "invoice_line", "invoice_content", "invoice_file", "fee_charge"];
    for table in tables {
        let around = if app.db.backend() == sea_orm::DbBackend::Postgres {
            format!("TRUNCATE {table} CASCADE")
        } else if table == "invoice" {
            let columns =
                ["total", "net"].map(|column| format!("{column} + 1 AS {column}")).join(", ");
            format!("INSERT OR REPLACE INTO invoice (id, kind, number, number_key, member_id, issued_on, due_on, vat, rounding, paid, credited, total, net)
                     SELECT id, kind, number, number_key, member_id, issued_on, due_on, vat, rounding, paid, credited, {columns} FROM invoice WHERE id = {id}")
        } else {
            format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
        };
        assert!(raw(&app, &around).await.is_err(), "{around} is taken");
    }
    if app.db.backend() == sea_orm::DbBackend::Sqlite {
        let draft = drafted(&app.finance(), course(&member(&app, 1).await, "200.00")).await;
        let empty = drafted(&app.finance(), course(&member(&app, 1).await, "300.00")).await;
        let (draft, empty) = (sql_id(&app, &draft), sql_id(&app, &empty));
        raw(&app, &format!("DELETE FROM invoice_line WHERE invoice_id = {empty}")).await.unwrap();
        for (around, rule) in [
            (
                format!(
                    "UPDATE OR REPLACE invoice_line SET id = {line} WHERE invoice_id = {draft}"
                ),
                "invoice_line__kept",
            ),
            (
                format!(
                    "UPDATE OR REPLACE invoice_line SET invoice_id = {id} WHERE invoice_id = {draft}"
                ),
                "invoice_line__",
            ),
            (
                format!("UPDATE OR REPLACE invoice SET id = {id} WHERE id = {empty}"),
                "invoice__kept",
            ),
            (
                format!("UPDATE OR REPLACE invoice SET ocr = '2026000105' WHERE id = {empty}"),
                "invoice__ocr",
            ),
            (
                format!(
                    "UPDATE OR REPLACE invoice SET number = '20260001', issued_on = '2026-11-21' WHERE id = {empty}"
                ),
                "invoice__kind__number",
            ),
            (
                format!(
                    "INSERT OR REPLACE INTO invoice (id, kind, ocr, member_id, net, vat, total) SELECT randomblob(16), kind, ocr, member_id, 0, 0, 0 FROM invoice WHERE id = {id}"
                ),
                "invoice__ocr",
            ),
        ] {
            let refused =
                raw(&app, &around).await.err().unwrap_or_else(|| panic!("{around} is taken"));
            assert!(refused.to_string().contains(rule), "{around}: {refused}");
        }
        raw(&app, &format!("DELETE FROM invoice WHERE id = {empty}")).await.unwrap();
    }
    // What follows from payments may change.
    assert!(raw(&app, &format!("UPDATE invoice SET paid = 0 WHERE id = {id}")).await.is_ok());
    assert_eq!(violations(&app).await, [""; 0]);
});
