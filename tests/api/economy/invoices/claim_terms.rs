//! The terms of payment of an agreement reach its invoices: days to pay, interest from the last day
//! to pay, and the reminder fee.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{NETWORK, activity, drafted, fill, member, with_network},
    lifecycle_fixtures::mutate,
    payment_fixtures::{LEDGER, invoice},
};

/// A template that asks for the terms of payment, and agreements about BIP: of member 11 with
/// interest from the last day to pay and a fee, of member 12 without.
const AGREED: [(&str, &str); 4] = [
    (
        "templates.csv",
        "slug,title,kind,activity,version,state,language,body_file,parameters_file
villkor,Avtal med villkor,PARTICIPATION,,1,PUBLISHED,sv,templates/villkor.md,templates/villkor.json
",
    ),
    (
        "templates/villkor.md",
        "## Betalning

Fakturan betalas inom {{ payment_days }} dagar.{% if interest_from_due_date %} Ränta löper från förfallodagen.{% endif %}{% if reminder_fee %} En påminnelse kostar {{ reminder_fee }} kr.{% endif %}
",
    ),
    (
        "templates/villkor.json",
        r#"[{"name":"payment_days","label":"Dagar","type":"INTEGER","required":true,"default":14},
            {"name":"interest_from_due_date","label":"Ränta","type":"BOOLEAN","required":true,"default":true},
            {"name":"reminder_fee","label":"Avgift","type":"INTEGER","required":true,"default":60}]"#,
    ),
    (
        "agreements.csv",
        r#"key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate,parameters
t11,2025-8011,PARTICIPATION,INCOME,bip,m11,villkor,1,2026-01-01,,3,,2025-11-01T08:00:00Z,2025-12-01,,FIXED_PER_YEAR,36500.00,,EXEMPT,
t12,2025-8012,PARTICIPATION,INCOME,bip,m12,villkor,1,2026-01-01,,3,,2025-11-01T08:00:00Z,2025-12-01,,FIXED_PER_YEAR,36500.00,,EXEMPT,"{""interest_from_due_date"":false,""reminder_fee"":0}"
"#,
    ),
];

/// A line without VAT on which a day's interest at 10 % is 10.00.
fn line(agreement: &Value) -> Value {
    json!({ "description": "Kurs", "unitPrice": "36500.00", "vatRate": "EXEMPT", "agreementId": agreement })
}

/// Drafts and issues an invoice on Friday 20 November 2026, and gives its number and last day to
/// pay.
async fn issued(app: &App, input: Value) -> (String, String) {
    let id = drafted(&app.finance(), input).await;
    let answer = mutate(
        &app.finance(),
        "invoiceIssue",
        json!({ "invoiceId": id, "issuedOn": "2026-11-20" }),
        "number dueOn",
    )
    .await;
    let text = |field: &str| answer["invoiceIssue"][field].as_str().unwrap().to_owned();
    (text("number"), text("dueOn"))
}

/// Days late and interest of an invoice on a day.
async fn late(app: &App, number: &str, day: &str) -> Value {
    let reported =
        invoice(app, number, &format!("daysLate(asOf: \"{day}\") interest(asOf: \"{day}\")")).await;
    json!([reported["daysLate"], reported["interest"]])
}

/// Returns the fee of the first reminder of an invoice.
async fn reminder(app: &App, number: &str, day: &str) -> Value {
    let id = invoice(app, number, "id").await["id"].clone();
    let answer = mutate(
        &app.finance(),
        "invoiceRemind",
        json!({ "invoiceId": id, "sentOn": day }),
        "reminders { fee }",
    )
    .await;
    answer["invoiceRemind"]["reminders"][0]["fee"].clone()
}

async fn agreement(app: &App, number: &str) -> Value {
    app.office().query(&format!("{{ agreement(by: {{ number: \"{number}\" }}) {{ id }} }}")).await["agreement"]["id"].clone()
}

on_both!(an_agreements_terms_of_payment_reach_its_invoice, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    app.import(&AGREED).await;
    let of = async |n: usize| {
        let line = line(&agreement(&app, &format!("2025-80{n}")).await);
        issued(&app, json!({ "buyerId": member(&app, n).await, "lines": [line] })).await
    };
    let ((agreed, due), (silent, also_due)) = (of(11).await, of(12).await);
    assert_eq!(
        (due.as_str(), also_due.as_str()),
        ("2026-12-04", "2026-12-04"),
        "fourteen days, as the agreements have it, and not thirty"
    );
    let app = app.at("2026-12-31T09:00:00Z");
    // Agreed: from the last day to pay. Not agreed: from the thirtieth day after the invoice, 20
    // December.
    assert_eq!(late(&app, &agreed, "2026-12-14").await, json!([10, "100.00"]));
    assert_eq!(late(&app, &silent, "2026-12-14").await, json!([10, "0.00"]));
    assert_eq!(late(&app, &silent, "2026-12-20").await, json!([16, "0.00"]));
    assert_eq!(late(&app, &silent, "2026-12-30").await, json!([26, "100.00"]));
    assert_eq!(
        (reminder(&app, &agreed, "2026-12-15").await, reminder(&app, &silent, "2026-12-15").await),
        (json!("60.00"), json!("0.00"))
    );

    // A manual draft may give another time to pay.
    let input = json!({ "buyerId": member(&app, 11).await, "dueInDays": 20, "lines": [line(&agreement(&app, "2025-8011").await)] });
    assert_eq!(issued(&app, input).await.1, "2026-12-10");
});

on_both!(a_run_gives_each_agreement_its_days_to_pay, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    app.import(&AGREED).await;
    let input = json!({ "activityId": activity(&app, "bip").await, "year": 2026, "issuedOn": "2026-11-20" });
    let fields = "problems { reason } invoices { dueOn lines { agreement { number } } }";
    let document = format!(
        "query($input: InvoiceRunInput!) {{ invoiceRunPreview(input: $input) {{ {fields} }} }}"
    );
    let shown =
        app.finance().ask(&document, json!({ "input": input })).await["invoiceRunPreview"].clone();
    let done = mutate(&app.finance(), "invoiceRun", input, fields).await["invoiceRun"].clone();
    assert_eq!(done, shown);
    let invoice = |number: &str| json!({ "dueOn": "2026-12-04", "lines": [{ "agreement": { "number": number } }] });
    assert_eq!(
        done,
        json!({ "problems": [], "invoices": [invoice("2025-8011"), invoice("2025-8012")] })
    );
});

on_both!(what_is_due_at_once_bears_no_interest_for_thirty_days_unless_agreed, |app| async move {
    let (plain, _folder) = fill(&app, 1).await;
    let (statutes, _other) = with_network(
        &app,
        &format!("{NETWORK}[network.invoicing]\ninterest_from_due_date = true\n"),
    );
    let input = json!({ "buyerId": member(&plain, 1).await, "dueInDays": 0, "lines": [line(&Value::Null)] });
    let (silent, due) = issued(&plain, input.clone()).await;
    assert_eq!(due, "2026-11-20");
    let (agreed, _) = issued(&statutes, input).await;
    let app = plain.at("2026-12-31T09:00:00Z");
    assert_eq!(late(&app, &silent, "2026-12-20").await, json!([30, "0.00"]));
    assert_eq!(late(&app, &silent, "2026-12-21").await, json!([31, "10.00"]));
    assert_eq!(late(&app, &agreed, "2026-11-30").await, json!([10, "100.00"]));
});

on_both!(compensation_for_the_delay_takes_the_place_of_the_reminder_fee, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let (app, _other) = with_network(
        &app,
        &format!(
            "{NETWORK}[network.invoicing]\nlate_compensation = true\nreminder_fee = '60.00'\n"
        ),
    );
    let buyer = member(&app, 1).await;
    let of = async |rate: &str| {
        let line = json!({ "description": "Avgift", "unitPrice": "100.00", "vatRate": rate });
        issued(&app, json!({ "buyerId": buyer, "lines": [line] })).await.0
    };
    let (service, fee) = (of("EXEMPT").await, of("OUTSIDE_SCOPE").await);
    let app = app.at("2027-01-31T09:00:00Z");
    assert_eq!(reminder(&app, &service, "2027-01-15").await, "450.00");
    assert_eq!(
        reminder(&app, &fee, "2027-01-15").await,
        "60.00",
        "what is paid for neither goods nor services"
    );
});

on_both!(a_reminder_of_history_costs_what_the_law_allows, |app| async move {
    app.import(&LEDGER).await;
    let reminders = |fee: &str| format!("invoice,sent_on,fee\nb,2026-05-04,{fee}\n");
    for fee in ["60.01", "449.00", "450.01", "-1.00"] {
        assert!(app.try_import(&[("reminders.csv", &reminders(fee))]).await.is_err(), "{fee}");
    }
    app.import(&[("reminders.csv", &reminders("450.00"))]).await;
    assert_eq!(
        invoice(&app, "1002", "reminders { fee }").await,
        json!({ "reminders": [{ "fee": "450.00" }] })
    );
});
