//! Credit notes and corrections of issued invoices.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{course, drafted, fill, issue, member, violations},
    lifecycle_fixtures::{mutate, with},
};

on_both!(a_correction_upwards_refers_to_what_it_corrects, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let buyer = member(&app, 1).await;
    let first = drafted(&app.finance(), course(&buyer, "100.00")).await;
    let again =
        with(course(&buyer, "50.00"), json!({ "correctsId": first, "reason": "För lågt pris" }));
    assert_eq!(
        mutate(&app.finance(), "invoiceDraft", again.clone(), "id").await.bad_fields(),
        ["input.correctsId"]
    );
    issue(&app.finance(), &first, "id").await.data();
    let refused = with(again.clone(), json!({ "buyerId": member(&app, 3).await, "reason": null }));
    assert_eq!(
        mutate(&app.finance(), "invoiceDraft", refused, "id").await.bad_fields(),
        ["input.buyerId", "input.reason"]
    );
    let second = drafted(&app.finance(), again).await;
    let issued =
        issue(&app.finance(), &second, "number kind reason corrects { number } credits { number }")
            .await;
    let expected = json!({ "number": "20260002", "kind": "INVOICE", "reason": "För lågt pris", "corrects": { "number": "20260001" }, "credits": null });
    assert_eq!(issued["invoiceIssue"], expected);
    let xml = app.finance().get(&format!("/files/invoices/{second}.xml")).await.bytes;
    assert!(String::from_utf8_lossy(&xml).contains("<cbc:ID>20260001</cbc:ID>"));
});

on_both!(a_line_is_not_credited_beyond_what_its_rate_comes_to, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let line = |price: &str, rate: &str| {
        let day = "2026-11-02";
        json!({ "description": "x", "unitPrice": price, "vatRate": rate, "periodFrom": day, "periodTo": day })
    };
    let lines = [line("100", "STANDARD_25"), line("-50", "STANDARD_25"), line("100", "REDUCED_6")];
    let id =
        drafted(&app.finance(), json!({ "buyerId": member(&app, 1).await, "lines": lines })).await;
    let lines = issue(&app.finance(), &id, "lines { id }").await["invoiceIssue"]["lines"].clone();
    let credit = |position: usize, amount: &str| json!({ "lineId": lines[position]["id"], "amount": amount });
    let asked = |lines: &[Value]| json!({ "invoiceId": id, "reason": "x", "lines": lines });
    let refused = mutate(&app.finance(), "invoiceCredit", asked(&[credit(0, "100")]), "id").await;
    assert_eq!(refused.reason(), "BEYOND_INVOICE");
    assert_eq!(
        refused.error()["message"],
        "invoice 20260001: 50.00 without VAT remains at 25 %, not 100.00"
    );
    // With its deduction it is right, and so is its VAT.
    let both = mutate(
        &app.finance(),
        "invoiceCredit",
        asked(&[credit(0, "100"), credit(1, "-50")]),
        "vatBreakdown { rate net vat } total",
    )
    .await;
    assert_eq!(
        both["invoiceCredit"],
        json!({ "vatBreakdown": [{ "rate": "STANDARD_25", "net": "50.00", "vat": "12.50" }], "total": "62.50" })
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(two_credits_at_once_never_take_more_than_there_is, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    issue(&app.finance(), &id, "id").await.data();
    let lines =
        app.finance().query("{ invoice(by: { number: \"20260001\" }) { lines { id } } }").await;
    let part = json!({ "invoiceId": id, "reason": "x", "lines": [{ "lineId": lines["invoice"]["lines"][0]["id"], "amount": "60.00" }] });
    let tasks = (0..8).map(|_| {
        let (app, part) = (app.clone(), part.clone());
        tokio::spawn(async move { mutate(&app.finance(), "invoiceCredit", part, "number").await })
    });
    let answers: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer.errors().is_empty()).count(), 1);
    assert!(
        answers
            .iter()
            .filter(|answer| !answer.errors().is_empty())
            .all(|answer| answer.reason() == "BEYOND_INVOICE")
    );
    assert_eq!(violations(&app).await, [""; 0]);
});
