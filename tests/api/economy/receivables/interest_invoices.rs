//! Interest invoices: late interest is claimed once, on a separate invoice.

use domain::integrity;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{NETWORK, drafted, fill, issue, member, violations, with_network},
    lifecycle_fixtures::mutate,
    payment_fixtures::{invoice, pays},
    validators,
};

const FIELDS: &str = "invoice { number ocr net vat total status buyer { ... on Member { name } } lines { description periodFrom periodTo vatRate account } }";

/// Issues an invoice without VAT on Friday 20 November 2026 that is due at once, and on which a
/// day's interest at 10 % is 10.00.
async fn late(app: &App) -> (String, String) {
    let line = json!({ "description": "Kurs", "unitPrice": "36500.00", "vatRate": "EXEMPT" });
    let id = drafted(
        &app.finance(),
        json!({ "buyerId": member(app, 1).await, "dueInDays": 0, "lines": [line] }),
    )
    .await;
    let issued = mutate(
        &app.finance(),
        "invoiceIssue",
        json!({ "invoiceId": id, "issuedOn": "2026-11-20" }),
        "number",
    )
    .await;
    (id, issued["invoiceIssue"]["number"].as_str().unwrap().to_owned())
}

async fn claim(app: &App, id: &str, until: Option<&str>) -> crate::support::caller::Answer {
    let mut input = json!({ "invoiceId": id });
    if let Some(until) = until {
        input["interestUntil"] = json!(until);
    }
    mutate(&app.finance(), "interestInvoiceIssue", input, FIELDS).await
}

on_both!(late_interest_is_invoiced_once, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let (app, _other) = with_network(
        &app,
        &format!("{NETWORK}[network.invoicing]\ninterest_from_due_date = true\n"),
    );
    let (id, number) = late(&app).await;
    let app = app.at("2026-12-31T09:00:00Z");
    pays(&app, &number, "2026-11-30", "36500.00", "A").await.data();
    // Of the first four days, and of all ten that it was late.
    let first =
        claim(&app, &id, Some("2026-11-24")).await["interestInvoiceIssue"]["invoice"].clone();
    let line = |from: &str, until: &str, days: usize| {
        let description = format!(
            "Dröjsmålsränta på faktura {number}, {days} dagar, 10\u{a0}% på 36\u{a0}500,00 kr"
        );
        json!([{ "description": description, "periodFrom": from, "periodTo": until, "vatRate": "OUTSIDE_SCOPE", "account": "8313" }])
    };
    assert_eq!(
        (&first["total"], &first["vat"], &first["lines"]),
        (&json!("40.00"), &json!("0.00"), &line("2026-11-21", "2026-11-24", 4))
    );
    assert_eq!(
        (&first["status"], &first["buyer"]["name"], first["ocr"].is_string()),
        (&json!("ISSUED"), &json!("Förbund 001"), true)
    );
    // Interest bears no interest, and its documents say what it is.
    let issued = invoice(&app, first["number"].as_str().unwrap(), "id peppolUrl pdfUrl").await;
    let first_id = issued["id"].as_str().unwrap().to_owned();
    let pdf = app.finance().get(issued["pdfUrl"].as_str().unwrap()).await;
    let words = validators::words(&pdf.bytes);
    let xml = app.finance().get(issued["peppolUrl"].as_str().unwrap()).await.text();
    for text in [
        "Dröjsmålsränta är inte ersättning för en vara eller tjänst",
        "Ingen dröjsmålsränta tas ut på räntan.",
    ] {
        assert!(words.contains(text) && xml.contains(text), "{text}: {words}");
    }
    assert!(
        words.contains("Räntefaktura")
            && !words.contains("Avgiften är inte")
            && !words.contains("referensräntan"),
        "{words}"
    );
    assert_eq!(claim(&app, &first_id, None).await.reason(), "NO_INTEREST");
    let rest = claim(&app, &id, None).await["interestInvoiceIssue"]["invoice"].clone();
    assert_eq!(
        (&rest["total"], &rest["lines"]),
        (&json!("60.00"), &line("2026-11-25", "2026-11-30", 6))
    );
    let before = app.revision().await;
    assert_eq!(claim(&app, &id, None).await.reason(), "NO_INTEREST");
    assert_eq!(app.revision().await, before);
    // What was credited may be claimed again.
    let rest_id = invoice(&app, rest["number"].as_str().unwrap(), "id").await["id"].clone();
    mutate(
        &app.finance(),
        "invoiceCredit",
        json!({ "invoiceId": rest_id, "reason": "Fel dag" }),
        "id",
    )
    .await
    .data();
    assert_eq!(claim(&app, &id, None).await["interestInvoiceIssue"]["invoice"]["total"], "60.00");
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(a_credit_warns_of_the_interest_that_was_claimed_on_it, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let (app, _other) = with_network(
        &app,
        &format!("{NETWORK}[network.invoicing]\ninterest_from_due_date = true\n"),
    );
    let (id, number) = late(&app).await;
    let app = app.at("2026-12-01T09:00:00Z");
    let claimed =
        claim(&app, &id, Some("2026-11-30")).await["interestInvoiceIssue"]["invoice"].clone();
    assert_eq!(
        (&claimed["total"], invoice(&app, &number, "warnings { code message }").await),
        (&json!("100.00"), json!({ "warnings": [] }))
    );
    let notes = async || {
        let notes = integrity::verify(&app.db, app.clock, integrity::Request::default())
            .await
            .unwrap()
            .findings
            .notes;
        notes.into_iter().filter(|note| note.contains("interest invoice")).collect::<Vec<_>>()
    };
    assert_eq!(notes().await, [""; 0]);

    // Half of the capital was never owed.
    let lines = app
        .finance()
        .ask("query($id: ID!) { invoice(by: { id: $id }) { lines { id } } }", json!({ "id": id }))
        .await;
    let half = json!([{ "lineId": lines["invoice"]["lines"][0]["id"], "amount": "18250.00" }]);
    let input = json!({ "invoiceId": id, "reason": "Hälften kom", "lines": half });
    let note = mutate(&app.finance(), "invoiceCredit", input, "warnings { code message }").await["invoiceCredit"].clone();
    let interest = claimed["number"].as_str().unwrap();
    let warning = note["warnings"][0]["message"].as_str().unwrap().to_owned();
    assert!(
        warning.starts_with(&format!("interest invoice {interest} claims 100.00 of interest on invoice {number}, of which 50.00 is owed")),
        "{warning}"
    );
    assert_eq!(
        invoice(&app, &number, "warnings { code message }").await["warnings"],
        json!([{ "code": "OVERCLAIMED", "message": warning }])
    );
    assert_eq!(notes().await, std::slice::from_ref(&warning));
    // Before more is claimed it must be credited. The warning is for the office.
    assert_eq!(claim(&app, &id, None).await.reason(), "OVERCLAIMED");
    let question =
        format!("{{ invoice(by: {{ number: \"{number}\" }}) {{ warnings {{ code }} }} }}");
    assert_eq!(
        app.member(&member(&app, 1).await).query(&question).await["invoice"]["warnings"],
        json!([])
    );

    let own = invoice(&app, interest, "id lines { id }").await;
    let part = json!([{ "lineId": own["lines"][0]["id"], "amount": "50.00" }]);
    mutate(
        &app.finance(),
        "invoiceCredit",
        json!({ "invoiceId": own["id"], "reason": "Kapitalet krediterat", "lines": part }),
        "id",
    )
    .await
    .data();
    assert_eq!(invoice(&app, &number, "warnings { code message }").await["warnings"], json!([]));
    assert_eq!(notes().await, [""; 0]);
    // The day after, on what is left.
    assert_eq!(claim(&app, &id, None).await["interestInvoiceIssue"]["invoice"]["total"], "5.00");
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(a_reminder_claims_no_interest_that_is_invoiced, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let (app, _other) = with_network(
        &app,
        &format!(
            "{NETWORK}[network.invoicing]\ninterest_from_due_date = true\nreminder_fee = '60.00'\n"
        ),
    );
    let (id, _) = late(&app).await;
    let app = app.at("2026-12-01T09:00:00Z");
    let remind = async |on: &str| {
        let input = json!({ "invoiceId": id, "sentOn": on });
        let sent = mutate(
            &app.finance(),
            "invoiceRemind",
            input,
            "reminders { sentOn fee earlierFees pdfUrl }",
        )
        .await;
        let all = sent["invoiceRemind"]["reminders"].as_array().unwrap().clone();
        all.into_iter().find(|reminder| reminder["sentOn"] == on).unwrap()
    };
    let words = async |reminder: &Value| {
        validators::words(&app.finance().get(reminder["pdfUrl"].as_str().unwrap()).await.bytes)
            .replace('\u{a0}', " ")
    };
    let first = remind("2026-11-30").await;
    assert_eq!((&first["fee"], &first["earlierFees"]), (&json!("60.00"), &json!("0.00")));
    let said = words(&first).await;
    assert!(said.contains("36 660,00 kr") && said.contains("Påminnelseavgift"), "{said}");

    let claimed =
        claim(&app, &id, Some("2026-11-30")).await["interestInvoiceIssue"]["invoice"].clone();
    let second = remind("2026-12-01").await;
    assert_eq!((&second["fee"], &second["earlierFees"]), (&json!("0.00"), &json!("60.00")));
    // The capital, a day of interest, and the fee of the first reminder.
    let said = words(&second).await;
    assert!(
        said.contains("36 570,00 kr") && said.contains("Påminnelseavgift, påminnelsen 2026-11-30"),
        "{said}"
    );
    let number = claimed["number"].as_str().unwrap();
    assert!(said.contains(&format!("till och med 2026-11-30 med räntefaktura {number}")), "{said}");
    // The first one stays as it was sent.
    assert!(words(&first).await.contains("36 660,00 kr"));
});

on_both!(what_bears_no_interest_is_not_claimed, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let (id, _) = late(&app).await;
    let draft = drafted(
        &app.finance(),
        json!({ "buyerId": member(&app, 1).await, "lines": [{ "description": "Kurs", "unitPrice": "1", "vatRate": "EXEMPT" }] }),
    )
    .await;
    let later = app.at("2027-02-01T09:00:00Z");
    let before = app.revision().await;
    // Nothing was agreed, so that nothing is owed before the thirtieth day.
    assert_eq!(claim(&later, &id, Some("2026-12-10")).await.reason(), "NO_INTEREST");
    assert_eq!(claim(&later, &id, Some("2026-11-20")).await.reason(), "NOT_LATE");
    assert_eq!(claim(&later, &id, Some("2027-01-15")).await.reason(), "RATE_UNKNOWN");
    assert_eq!(claim(&later, &draft, None).await.reason(), "DRAFT");
    assert_eq!(claim(&later, &id, Some("2027-02-02")).await.bad_fields(), ["input.interestUntil"]);
    assert_eq!(
        claim(&later, "member_x", Some("2026-02-30")).await.bad_fields(),
        ["input.interestUntil", "input.invoiceId"]
    );
    let answer: Value =
        claim(&later, "invoice_0197aaaaaaaa7000800000000000000a", None).await.code().into();
    assert_eq!(answer, "NOT_FOUND");
    assert_eq!(app.revision().await, before);
    let issued = issue(&later.finance(), &draft, "number").await;
    issued.data();
});
