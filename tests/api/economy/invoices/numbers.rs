//! Numbers of invoices and credit notes: without gaps, in the order of days.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{course, drafted, fill, issue, member, violations},
    lifecycle_fixtures::mutate,
};

on_both!(numbers_follow_days, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let later = app.at("2027-03-01T09:00:00Z");
    let buyer = member(&app, 1).await;
    let on = async |day: &str| {
        let id = drafted(&app.finance(), course(&buyer, "100.00")).await;
        mutate(
            &later.finance(),
            "invoiceIssue",
            json!({ "invoiceId": id, "issuedOn": day }),
            "number issuedOn dueOn",
        )
        .await
    };
    assert_eq!(
        on("1989-12-31").await.bad_fields(),
        ["input.issuedOn", "invoice.lines.0.vatRate"],
        "no rate of VAT held then either"
    );
    let first = on("2026-12-31").await;
    assert_eq!(
        first["invoiceIssue"],
        json!({ "number": "20260001", "issuedOn": "2026-12-31", "dueOn": "2027-01-30" })
    );
    assert_eq!(on("2026-12-31").await["invoiceIssue"]["number"], "20260002");
    assert_eq!(on("2027-01-02").await["invoiceIssue"]["number"], "20270001");
    let back = on("2027-01-01").await;
    assert_eq!(back.bad_fields(), ["input.issuedOn"]);
    assert!(
        back.error()["message"].as_str().unwrap().contains("must not be before 2027-01-02"),
        "{}",
        back.error()
    );
    let run = json!({ "membershipFee": true, "year": 2026, "issuedOn": "2027-01-01" });
    assert_eq!(
        mutate(&later.finance(), "invoiceRun", run.clone(), "invoiceCount").await.bad_fields(),
        ["input.issuedOn"]
    );
    let preview =
        "query($input: InvoiceRunInput!) { invoiceRunPreview(input: $input) { invoiceCount } }";
    assert_eq!(
        later.finance().ask(preview, json!({ "input": run })).await.bad_fields(),
        ["input.issuedOn"]
    );
    assert_eq!(on("2027-01-02").await["invoiceIssue"]["number"], "20270002");
});

on_both!(numbers_continue_where_history_ends, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\ni1,2025-0107,INVOICE,m1,2025-12-30,2026-01-29,\ni2,2026-0001,INVOICE,m1,2026-02-01,2026-03-01,\ni3,2026-0002,INVOICE,m1,2026-02-01,2026-03-01,\nk,41,CREDIT_NOTE,m1,2026-03-01,,i1\n"),
        ("invoice_lines.csv", "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\ni1,x,,,,,1,10.00,ZERO\ni2,x,,,,,1,10.00,ZERO\ni3,x,,,,,1,10.00,ZERO\nk,x,,,,,1,4.00,ZERO\n"),
    ])
    .await;
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    assert_eq!(
        issue(&app.finance(), &id, "number ocr").await["invoiceIssue"],
        json!({ "number": "2026-0003", "ocr": "2026000303" })
    );
    let note = mutate(
        &app.finance(),
        "invoiceCredit",
        json!({ "invoiceId": id, "reason": "x" }),
        "number",
    )
    .await;
    assert_eq!(note["invoiceCredit"]["number"], "42");
    let old = app.finance().query("{ invoice(by: { number: \"2025-0107\" }) { id pdfUrl } }").await
        ["invoice"]
        .clone();
    assert_eq!(old["pdfUrl"], Value::Null, "of history the register has no document");
    let rest = mutate(
        &app.finance(),
        "invoiceCredit",
        json!({ "invoiceId": old["id"], "reason": "x" }),
        "total number",
    )
    .await;
    assert_eq!(rest["invoiceCredit"], json!({ "total": "6.00", "number": "43" }));
    let next = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    let issued = issue(&app.at("2027-01-02T09:00:00Z").finance(), &next, "number").await;
    assert_eq!(issued["invoiceIssue"]["number"], "2027-0001");
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(imported_numbers_of_another_form_belong_to_no_series, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\ni1,20260041,INVOICE,m1,2026-02-01,2026-03-01,\ni2,20260042,INVOICE,m1,2026-02-01,2026-03-01,\ni3,20260042A,INVOICE,m1,2026-02-01,2026-03-01,\ni4,2026/0099,INVOICE,m1,2026-02-01,2026-03-01,\nk1,K20260007,CREDIT_NOTE,m1,2026-03-01,,i1\nk2,k20260099,CREDIT_NOTE,m1,2026-03-01,,i2\n"),
        ("invoice_lines.csv", "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\ni1,x,,,,,1,10.00,ZERO\ni2,x,,,,,1,10.00,ZERO\ni3,x,,,,,1,10.00,ZERO\ni4,x,,,,,1,10.00,ZERO\nk1,x,,,,,1,4.00,ZERO\nk2,x,,,,,1,4.00,ZERO\n"),
    ])
    .await;
    for (number, of_note) in [("20260043", "K20260008"), ("20260044", "K20260009")] {
        let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
        let issued = issue(&app.finance(), &id, "number").await;
        assert_eq!(issued["invoiceIssue"]["number"], number);
        let input = json!({ "invoiceId": id, "reason": "x" });
        let note = mutate(&app.finance(), "invoiceCredit", input, "number").await;
        assert_eq!(note["invoiceCredit"]["number"], of_note);
    }
});

on_both!(sixty_four_issuers_at_once_leave_no_gap, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let buyer = member(&app, 1).await;
    let mut drafts = Vec::new();
    for _ in 0..64 {
        drafts.push(drafted(&app.finance(), course(&buyer, "100.00")).await);
    }
    // Each by a server of its own with connections of its own, four of them.
    let url = app.url();
    let servers = [app.clone(), app.by(&url).await, app.by(&url).await, app.by(&url).await];
    let tasks = drafts.into_iter().enumerate().map(|(position, id)| {
        let app = servers[position % servers.len()].clone();
        tokio::spawn(async move {
            loop {
                let answer = issue(&app.finance(), &id, "number").await;
                if answer.errors().is_empty() {
                    return answer["invoiceIssue"]["number"].as_str().unwrap().to_owned();
                }
                assert_eq!(answer.reason(), "BUSY", "{}", answer.text());
            }
        })
    });
    let numbers: BTreeSet<String> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(numbers, (1..=64).map(|n| format!("2026{n:04}")).collect());
    assert!(servers.iter().any(|server| server.db.joined_changes() > 0), "none shared a commit");
    assert_eq!(violations(&app).await, [""; 0]);
});
