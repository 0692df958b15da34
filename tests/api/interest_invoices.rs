//! Late interest is claimed by an invoice of its own, once.

use serde_json::{Value, json};

use crate::{
    app::{App, on_both},
    invoicing_samples::{NETWORK, breaches, drafted, fill, issue, member, with_network},
    life_samples::deed,
    payment_samples::{invoice, pays},
};

const FIELDS: &str =
    "invoice { number ocr net vat total state buyer { ... on Member { name } } lines { description periodFrom periodTo vatRate account } }";

/// Issues an invoice without VAT on Friday 20 November 2026 that is due at once, and on which a day's interest at 10 % is 10.00.
async fn late(app: &App) -> (String, String) {
    let line = json!({ "description": "Kurs", "unitPrice": "36500.00", "vatRate": "EXEMPT" });
    let id = drafted(&app.finance(), json!({ "buyer": member(app, 1).await, "dueInDays": 0, "lines": [line] })).await;
    let issued = deed(&app.finance(), "invoiceIssue", json!({ "invoice": id, "issuedOn": "2026-11-20" }), "number").await;
    (id, issued["invoiceIssue"]["number"].as_str().unwrap().to_owned())
}

async fn claim(app: &App, id: &str, until: Option<&str>) -> crate::app::Answer {
    let mut input = json!({ "invoiceId": id });
    if let Some(until) = until {
        input["until"] = json!(until);
    }
    deed(&app.finance(), "interestInvoiceIssue", input, FIELDS).await
}

on_both!(late_interest_is_invoiced_once, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let (app, _other) = with_network(&app, &format!("{NETWORK}[network.invoicing]\ninterest_from_due_date = true\n"));
    let (id, number) = late(&app).await;
    let app = app.at("2026-12-31T09:00:00Z");
    pays(&app, &number, "2026-11-30", "36500.00", "A").await.data();
    // Of the first four days, and of all ten that it was late.
    let first = claim(&app, &id, Some("2026-11-24")).await["interestInvoiceIssue"]["invoice"].clone();
    let line = |from: &str, until: &str, days: usize| {
        json!([{ "description": format!("Dröjsmålsränta på faktura {number}, {days} dagar"), "periodFrom": from, "periodTo": until,
            "vatRate": "OUTSIDE_SCOPE", "account": "8313" }])
    };
    assert_eq!((&first["total"], &first["vat"], &first["lines"]), (&json!("40.00"), &json!("0.00"), &line("2026-11-21", "2026-11-24", 4)));
    assert_eq!((&first["state"], &first["buyer"]["name"], first["ocr"].is_string()), (&json!("ISSUED"), &json!("Förbund 001"), true));
    // Interest bears no interest.
    let first_id = invoice(&app, first["number"].as_str().unwrap(), "id").await["id"].as_str().unwrap().to_owned();
    assert_eq!(claim(&app, &first_id, None).await.reason(), "NO_INTEREST");
    let rest = claim(&app, &id, None).await["interestInvoiceIssue"]["invoice"].clone();
    assert_eq!((&rest["total"], &rest["lines"]), (&json!("60.00"), &line("2026-11-21", "2026-11-30", 10)));
    let before = app.revision().await;
    assert_eq!(claim(&app, &id, None).await.reason(), "NO_INTEREST");
    assert_eq!(app.revision().await, before);
    // What was credited may be claimed again.
    let rest_id = invoice(&app, rest["number"].as_str().unwrap(), "id").await["id"].clone();
    deed(&app.finance(), "invoiceCredit", json!({ "invoice": rest_id, "reason": "Fel dag" }), "id").await.data();
    assert_eq!(claim(&app, &id, None).await["interestInvoiceIssue"]["invoice"]["total"], "60.00");
    assert_eq!(breaches(&app).await, [""; 0]);
});

on_both!(what_bears_no_interest_is_not_claimed, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let (id, _) = late(&app).await;
    let draft = drafted(
        &app.finance(),
        json!({ "buyer": member(&app, 1).await, "lines": [{ "description": "Kurs", "unitPrice": "1", "vatRate": "EXEMPT" }] }),
    )
    .await;
    let later = app.at("2027-02-01T09:00:00Z");
    let before = app.revision().await;
    // Nothing was agreed, so that nothing is owed before the thirtieth day.
    assert_eq!(claim(&later, &id, Some("2026-12-10")).await.reason(), "NO_INTEREST");
    assert_eq!(claim(&later, &id, Some("2026-11-20")).await.reason(), "NOT_LATE");
    assert_eq!(claim(&later, &id, Some("2027-01-15")).await.reason(), "RATE_UNKNOWN");
    assert_eq!(claim(&later, &draft, None).await.reason(), "DRAFT");
    assert_eq!(claim(&later, &id, Some("2027-02-02")).await.bad_fields(), ["input.until"]);
    assert_eq!(claim(&later, "member_x", Some("2026-02-30")).await.bad_fields(), ["input.invoiceId", "input.until"]);
    let answer: Value = claim(&later, "invoice_0197aaaaaaaa7000800000000000000a", None).await.code().into();
    assert_eq!(answer, "NOT_FOUND");
    assert_eq!(app.revision().await, before);
    let issued = issue(&later.finance(), &draft, "number").await;
    issued.data();
});
