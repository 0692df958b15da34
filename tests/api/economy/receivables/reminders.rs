//! Reminders: for overdue invoices alone, once a day, with the fee that was agreed when the invoice
//! was issued.

use domain::{auth::viewer::Viewer, receivables::overdue};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{NETWORK, course, drafted, fill, issue, member, with_network},
    payment_fixtures::{LEDGER, adds_up, does, id, invoice, pays},
    validators,
};

/// An invoice of a network that had agreed on a fee of 60 kr when it was issued, overdue since 1
/// January 2027.
async fn issued_with_fee(app: &App) -> (App, String, TempDir) {
    let (app, _) = fill(app, 1).await;
    let (app, folder) =
        with_network(&app, &format!("{NETWORK}[network.invoicing]\nreminder_fee = '60.00'\n"));
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    issue(&app.finance(), &id, "id").await.data();
    (app.at("2027-02-01T09:00:00Z"), id, folder)
}

async fn remind(app: &App, number: &str, sent_on: Value) -> crate::support::caller::Answer {
    does(
        app,
        "invoiceRemind",
        json!({ "invoiceId": id(app, number).await, "sentOn": sent_on }),
        "total outstanding reminders { sentOn fee }",
    )
    .await
}

on_both!(a_reminder_costs_what_was_agreed_and_once, |app| async move {
    let (app, invoice, _folder) = issued_with_fee(&app).await;
    let remind = async |sent_on: Value| {
        let input = json!({ "invoiceId": invoice, "sentOn": sent_on });
        does(&app, "invoiceRemind", input, "total outstanding reminders { sentOn fee }").await
    };
    let before = app.revision().await;
    let first = remind(json!("2027-01-15")).await;
    assert_eq!(
        first["invoiceRemind"],
        json!({ "total": "125.00", "outstanding": "125.00", "reminders": [{ "sentOn": "2027-01-15", "fee": "60.00" }] })
    );
    let trail = app.trail(before).await;
    assert_eq!(
        (trail.len(), &trail[0]["action"], &trail[0]["after"]["fee"]),
        (1, &json!("invoiceRemind"), &json!(6000))
    );
    assert_eq!(remind(json!("2027-01-15")).await.reason(), "ALREADY_REMINDED");
    // Today, when no one says when.
    let second = remind(Value::Null).await;
    assert_eq!(
        second["invoiceRemind"]["reminders"],
        json!([{ "sentOn": "2027-01-15", "fee": "60.00" }, { "sentOn": "2027-02-01", "fee": "0.00" }])
    );
    adds_up(&app).await;
    // The list of what is late has the fees that were taken by then.
    for (on, fees) in [("2027-01-14", "0.00"), ("2027-01-15", "60.00"), ("2027-02-01", "60.00")] {
        let late = overdue::overdue(
            app.context(&Viewer::operator("invoices late")),
            on.parse().unwrap(),
            8,
        )
        .await
        .unwrap();
        assert_eq!((late.len(), late[0].reminder_fees.to_string().as_str()), (1, fees), "{on}");
    }
});

on_both!(of_imported_history_no_one_knows_what_was_agreed, |app| async move {
    app.import(&LEDGER).await;
    let (app, _folder) =
        with_network(&app, &format!("{NETWORK}[network.invoicing]\nreminder_fee = '60.00'\n"));
    assert_eq!(
        remind(&app, "1001", json!("2026-03-01")).await["invoiceRemind"]["reminders"],
        json!([{ "sentOn": "2026-03-01", "fee": "0.00" }])
    );
    // Nor is there a document to make a reminder of.
    assert_eq!(
        invoice(&app, "1001", "reminders { pdfUrl }").await,
        json!({ "reminders": [{ "pdfUrl": null }] })
    );
});

on_both!(where_no_fee_was_agreed_there_is_none, |app| async move {
    app.import(&LEDGER).await;
    assert_eq!(
        remind(&app, "1002", json!("2026-04-01")).await["invoiceRemind"]["reminders"],
        json!([{ "sentOn": "2026-04-01", "fee": "0.00" }])
    );
});

on_both!(only_what_is_overdue_is_reminded_of, |app| async move {
    app.import(&LEDGER).await;
    let draft = app
        .office()
        .query("{ invoices(filter: { status: DRAFT }) { nodes { id } } }")
        .await["invoices"]["nodes"][0]["id"]
        .clone();
    pays(&app, "1002", "2026-04-10", "800.00", "B1").await.data();
    pays(&app, "1003", "2026-11-10", "1.00", "B1").await.data();
    let before = app.revision().await;
    for (number, day, reason) in [
        ("1002", "2026-04-10", "PAID"),
        ("1002", "2026-03-31", "NOT_OVERDUE"),
        ("1003", "2026-11-21", "NOT_OVERDUE"),
        ("1004", "2026-11-21", "NOT_OVERDUE"),
        ("1004", "2026-11-01", "NOT_OVERDUE"),
        ("1005", "2026-11-21", "CREDITED"),
        ("1", "2026-11-21", "CREDIT_NOTE"),
    ] {
        assert_eq!(remind(&app, number, json!(day)).await.reason(), reason, "{number} {day}");
    }
    assert_eq!(
        does(&app, "invoiceRemind", json!({ "invoiceId": draft }), "id").await.reason(),
        "DRAFT"
    );
    assert_eq!(remind(&app, "1001", json!("2026-11-22")).await.bad_fields(), ["input.sentOn"]);
    let bad = json!({ "invoiceId": "member_x", "sentOn": "2026-02-30" });
    assert_eq!(
        does(&app, "invoiceRemind", bad, "id").await.bad_fields(),
        ["input.invoiceId", "input.sentOn"]
    );
    assert_eq!(
        does(
            &app,
            "invoiceRemind",
            json!({ "invoiceId": "invoice_0197aaaaaaaa7000800000000000000a" }),
            "id"
        )
        .await
        .code(),
        "NOT_FOUND"
    );
    assert_eq!(app.revision().await, before);
    // The day after the last one to pay, and the one before it was paid.
    remind(&app, "1002", json!("2026-04-01")).await.data();
    remind(&app, "1002", json!("2026-04-09")).await.data();
    assert_eq!(
        invoice(&app, "1002", "reminders { sentOn }").await["reminders"].as_array().unwrap().len(),
        2
    );
});

on_both!(a_reminder_is_a_document_that_the_buyer_can_pay_by, |app| async move {
    let (app, invoice, _folder) = issued_with_fee(&app).await;
    let input = json!({ "invoiceId": invoice, "sentOn": "2027-01-15" });
    let sent = does(&app, "invoiceRemind", input, "reminders { pdfUrl }").await;
    let path = sent["invoiceRemind"]["reminders"][0]["pdfUrl"].as_str().unwrap().to_owned();
    let pdf = app.finance().get(&path).await;
    assert_eq!(pdf.status, 200, "{}", pdf.text());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paminnelse.pdf");
    std::fs::write(&file, &pdf.bytes).unwrap();
    validators::are_sound(std::slice::from_ref(&file));
    // The buyer sees its own, and no one else's.
    assert_eq!(app.member(&member(&app, 1).await).get(&path).await.status, 200);
    assert_eq!(app.member(&member(&app, 3).await).get(&path).await.status, 404);
});
