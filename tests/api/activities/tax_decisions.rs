//! VAT treatment: no fee has one by default, an exempt line has its own reason, and a taxed line
//! has its date of supply.

use domain::integrity::{self, Request};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::{Answer, Caller},
    invoicing_fixtures::{activity, course, drafted, fill, issue, member, violations},
    lifecycle_fixtures::{Register, mutate, with},
};

const REASON: &str = "Utbildning, undantagen enligt 10 kap. 13 § mervärdesskattelagen";
const FIELDS: &str = "taxDecision { id fee activity { slug } validFrom vatRate exemptionReason exemptionCode decidedOn reference }";

async fn decide(caller: &Caller<'_>, changes: Value) -> Answer {
    let input = json!({ "fee": "MEMBERSHIP_FEE", "vatRate": "OUTSIDE_SCOPE", "decidedOn": "2026-11-20", "reference": "Styrelsen § 7" });
    mutate(caller, "taxDecisionRecord", with(input, changes), FIELDS).await
}

/// That BIP is exempt.
async fn decide_bip(app: &App) {
    let bip = activity(app, "bip").await;
    let exempt = json!({ "fee": "SPECIAL_FEE", "activityId": bip, "vatRate": "EXEMPT", "exemptionReason": REASON,
        "exemptionCode": "vatex-eu-132-1i" });
    decide(&app.finance(), exempt).await.data();
}

async fn notes(app: &App) -> Vec<String> {
    let found = integrity::verify(&app.db, app.clock, Request::default()).await.unwrap().findings;
    assert!(found.violations.is_empty(), "{found:?}");
    found.notes.into_iter().filter(|note| note.contains("tax decision")).collect()
}

on_both!(a_members_fee_is_not_invoiced_until_its_vat_is_decided, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let app = app.at("2027-02-01T09:00:00Z");
    let rule = json!({ "validFrom": "2027-01-01", "basis": "FIXED_PER_YEAR", "amount": "6000.00" });
    let set = mutate(&app.office(), "networkFeeSet", rule.clone(), "vatRate").await;
    assert_eq!(set["networkFeeSet"]["vatRate"], Value::Null);
    assert_eq!(
        notes(&app).await,
        [
            "the service fee from 2020-01-01 states OUTSIDE_SCOPE, which no tax decision confirms; record one that confirms it",
            "the membership fee from 2027-01-01 has no VAT treatment until a tax decision is recorded",
        ]
    );
    let input =
        json!({ "membershipFee": true, "year": 2027, "memberIds": [member(&app, 1).await] });
    let before = app.revision().await;
    let refused = mutate(&app.finance(), "invoiceRun", input.clone(), "invoiceCount").await;
    assert_eq!(refused.reason(), "VAT_UNDECIDED");
    assert!(
        refused.text().contains(
            "the membership fee of 2027 has no VAT treatment: record the network's tax decision"
        ),
        "{}",
        refused.text()
    );
    let preview =
        "query($input: InvoiceRunInput!) { invoiceRunPreview(input: $input) { invoiceCount } }";
    assert_eq!(
        app.finance().ask(preview, json!({ "input": input })).await.reason(),
        "VAT_UNDECIDED"
    );
    assert_eq!(app.revision().await, before);

    // A decision that is for later invoices is none for these.
    decide(&app.finance(), json!({ "validFrom": "2027-03-01", "vatRate": "STANDARD_25" }))
        .await
        .data();
    assert_eq!(
        mutate(&app.finance(), "invoiceRun", input.clone(), "invoiceCount").await.reason(),
        "VAT_UNDECIDED"
    );
    decide(&app.finance(), json!({ "decidedOn": "2027-01-20" })).await.data();
    let run =
        mutate(&app.finance(), "invoiceRun", input, "invoices { lines { description vatRate } }")
            .await;
    assert_eq!(
        run["invoiceRun"]["invoices"][0]["lines"],
        json!([{ "description": "Medlemsavgift 2027", "vatRate": "OUTSIDE_SCOPE" }])
    );

    // It counts before what a price states, and no later price may say otherwise.
    let app = app.at("2027-03-01T09:00:00Z");
    let stated = with(rule, json!({ "validFrom": "2027-03-02", "vatRate": "OUTSIDE_SCOPE" }));
    let refused = mutate(&app.office(), "networkFeeSet", stated, "id").await;
    assert_eq!(refused.bad_fields(), ["input.vatRate"]);
    let input =
        json!({ "membershipFee": true, "year": 2027, "memberIds": [member(&app, 3).await] });
    let run =
        mutate(&app.finance(), "invoiceRun", input, "invoices { lines { vatRate vat } }").await;
    assert_eq!(
        run["invoiceRun"]["invoices"][0]["lines"],
        json!([{ "vatRate": "STANDARD_25", "vat": "1500.00" }])
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(a_tax_decision_is_recorded_with_its_reason, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let bip = activity(&app, "bip").await;
    let exempt = json!({ "fee": "SPECIAL_FEE", "activityId": bip, "vatRate": "EXEMPT", "exemptionReason": REASON });
    let first =
        decide(&app.office(), exempt.clone()).await["taxDecisionRecord"]["taxDecision"].clone();
    assert_eq!(
        first,
        json!({ "id": first["id"], "fee": "SPECIAL_FEE", "activity": { "slug": "bip" }, "validFrom": "2026-11-20", "vatRate": "EXEMPT",
            "exemptionReason": REASON, "exemptionCode": null, "decidedOn": "2026-11-20", "reference": "Styrelsen § 7" })
    );
    // The same again changes nothing; another of the same day replaces it.
    let before = app.revision().await;
    decide(&app.finance(), exempt.clone()).await.data();
    assert_eq!(app.revision().await, before);
    let coded =
        decide(&app.finance(), with(exempt, json!({ "exemptionCode": "VATEX-EU-132-1I" }))).await;
    assert_eq!(coded["taxDecisionRecord"]["taxDecision"]["id"], first["id"]);
    let listed = app.board().query("{ taxDecisions { id exemptionCode } }").await;
    assert_eq!(
        listed["taxDecisions"],
        json!([{ "id": first["id"], "exemptionCode": "VATEX-EU-132-1I" }])
    );
    let node = app
        .board()
        .ask(
            "query($id: ID!) { node(id: $id) { ... on TaxDecision { reference } } }",
            json!({ "id": first["id"] }),
        )
        .await;
    assert_eq!(node["node"]["reference"], "Styrelsen § 7");

    let before = app.revision().await;
    for (bad, fields) in [
        (json!({ "vatRate": "ZERO" }), vec!["input.vatRate"]),
        (json!({ "vatRate": "EXEMPT" }), vec!["input.exemptionReason"]),
        (
            json!({ "exemptionCode": "VATEX-EU-O" }),
            vec!["input.exemptionCode", "input.exemptionReason"],
        ),
        (json!({ "fee": "SPECIAL_FEE" }), vec!["input.activityId"]),
        (
            json!({ "activityId": bip, "decidedOn": "2100-01-01", "reference": " " }),
            vec!["input.activityId", "input.decidedOn", "input.reference"],
        ),
    ] {
        assert_eq!(decide(&app.finance(), bad.clone()).await.bad_fields(), fields, "{bad}");
    }
    for caller in [app.board(), app.auditor(), app.service("invoices:write")] {
        assert_eq!(decide(&caller, json!({})).await.code(), "FORBIDDEN");
    }
    assert_eq!(app.revision().await, before);
});

on_both!(a_line_that_says_no_treatment_has_that_of_its_fee, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    decide_bip(&app).await;
    let (bip, buyer) = (activity(&app, "bip").await, member(&app, 1).await);
    let agreement = app.office().query("{ agreement(by: { number: \"2024-0001\" }) { id } }").await
        ["agreement"]["id"]
        .clone();
    let line =
        |changes: Value| with(json!({ "description": "Kurs", "unitPrice": "100.00" }), changes);
    let of = async |line: Value| {
        mutate(
            &app.finance(),
            "invoiceDraft",
            json!({ "buyerId": buyer, "lines": [line] }),
            "lines { vatRate exemptionReason exemptionCode }",
        )
        .await
    };
    for (given, expected) in [
        (
            json!({ "activityId": bip }),
            json!({ "vatRate": "EXEMPT", "exemptionReason": REASON, "exemptionCode": "VATEX-EU-132-1I" }),
        ),
        (
            json!({ "agreementId": agreement }),
            json!({ "vatRate": "STANDARD_25", "exemptionReason": null, "exemptionCode": null }),
        ),
        // As its price states, which no decision confirms.
        (
            json!({ "description": "Serviceavgift 2026" }),
            json!({ "vatRate": "OUTSIDE_SCOPE", "exemptionReason": null, "exemptionCode": null }),
        ),
        (
            json!({ "activityId": bip, "vatRate": "EXEMPT", "exemptionReason": "Vård" }),
            json!({ "vatRate": "EXEMPT", "exemptionReason": "Vård", "exemptionCode": null }),
        ),
    ] {
        assert_eq!(of(line(given)).await["invoiceDraft"]["lines"], json!([expected]));
    }
    let before = app.revision().await;
    let undecided = of(line(json!({}))).await;
    assert_eq!(undecided.reason(), "VAT_UNDECIDED");
    assert!(
        undecided.text().contains("line 1 (Kurs) has no VAT treatment"),
        "{}",
        undecided.text()
    );
    // A text that names both fees says of neither which one it is.
    let both = json!({ "description": "Medlemsavgift 2026 (utom serviceavgift)" });
    assert_eq!(of(line(both.clone())).await.reason(), "VAT_UNDECIDED");
    let ineligibility =
        of(line(json!({ "vatRate": "STANDARD_25", "exemptionReason": "x", "exemptionCode": "y" })))
            .await;
    assert_eq!(
        ineligibility.bad_fields(),
        ["input.lines.0.exemptionCode", "input.lines.0.exemptionReason"]
    );
    assert_eq!(app.revision().await, before);
    let stated = of(line(with(both, json!({ "vatRate": "OUTSIDE_SCOPE" })))).await;
    assert_eq!(stated["invoiceDraft"]["lines"][0]["vatRate"], "OUTSIDE_SCOPE");
});

on_both!(lines_that_are_exempt_for_two_reasons_are_distinguished, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    decide_bip(&app).await;
    let (bip, buyer) = (activity(&app, "bip").await, member(&app, 1).await);
    let of_bip = json!({ "description": "Kurs", "unitPrice": "100.00", "activityId": bip });
    let other = json!({ "description": "Samtal", "unitPrice": "50.00", "vatRate": "EXEMPT", "exemptionReason": "Vård" });
    let id = drafted(&app.finance(), json!({ "buyerId": buyer, "lines": [of_bip, other] })).await;
    let issued =
        issue(&app.finance(), &id, "peppolUrl lines { exemptionReason }").await["invoiceIssue"]
            .clone();
    assert_eq!(
        issued["lines"],
        json!([{ "exemptionReason": REASON }, { "exemptionReason": "Vård" }])
    );
    let xml = app.finance().get(issued["peppolUrl"].as_str().unwrap()).await.text();
    assert!(
        xml.contains(&format!(
            "<cbc:TaxExemptionReason>Rad 1: {REASON}; rad 2: Vård</cbc:TaxExemptionReason>"
        )),
        "{xml}"
    );
    let note = mutate(
        &app.finance(),
        "invoiceCredit",
        json!({ "invoiceId": id, "reason": "x" }),
        "peppolUrl",
    )
    .await["invoiceCredit"]
        .clone();
    let xml = app.finance().get(note["peppolUrl"].as_str().unwrap()).await.text();
    assert!(xml.contains("rad 2: Vård</cbc:TaxExemptionReason>"), "{xml}");

    // They go out and come in again.
    let alone =
        drafted(&app.finance(), json!({ "buyerId": buyer, "lines": [{ "description": "Kurs", "unitPrice": "1", "activityId": bip }] })).await;
    let issued = issue(&app.finance(), &alone, "peppolUrl").await["invoiceIssue"].clone();
    let xml = app.finance().get(issued["peppolUrl"].as_str().unwrap()).await.text();
    assert!(
        xml.contains("<cbc:TaxExemptionReasonCode>VATEX-EU-132-1I</cbc:TaxExemptionReasonCode>"),
        "{xml}"
    );
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate,exemption_reason,exemption_code\n\
                 h,Kurs,bip,,,,1,10.00,EXEMPT,Gammal grund,VATEX-EU-132\n";
    let head =
        "key,number,kind,buyer,issued_on,due_on,credits\nh,77,INVOICE,m1,2020-01-01,2020-02-01,\n";
    app.import(&[("invoices.csv", head), ("invoice_lines.csv", lines)]).await;
    let found = app
        .finance()
        .query("{ invoice(by: { number: \"77\" }) { lines { exemptionReason exemptionCode } } }")
        .await;
    assert_eq!(
        found["invoice"]["lines"],
        json!([{ "exemptionReason": "Gammal grund", "exemptionCode": "VATEX-EU-132" }])
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(every_line_that_charges_vat_says_when_it_was_supplied, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let buyer = member(&app, 1).await;
    let line = |rate: &str, changes: Value| {
        with(json!({ "description": "Kurs", "unitPrice": "100.00", "vatRate": rate }), changes)
    };
    let days = "lines { periodFrom periodTo } warnings { code message }";
    let silent = || line("STANDARD_25", json!({}));
    let dated = line("REDUCED_6", json!({ "suppliedOn": "2026-11-02" }));
    let id = drafted(
        &app.finance(),
        json!({ "buyerId": buyer, "lines": [silent(), dated, line("EXEMPT", json!({}))] }),
    )
    .await;
    let issued = issue(&app.finance(), &id, days).await["invoiceIssue"].clone();
    let day = |day: &str| json!({ "periodFrom": day, "periodTo": day });
    assert_eq!(
        issued["lines"],
        json!([day("2026-11-21"), day("2026-11-02"), { "periodFrom": null, "periodTo": null }])
    );
    assert_eq!(
        (issued["warnings"].as_array().unwrap().len(), &issued["warnings"][0]["code"]),
        (1, &json!("SUPPLY_DATE_ASSUMED"))
    );
    assert!(
        issued["warnings"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("line 1 says that it was supplied on 2026-11-21")
    );
    let later = app
        .finance()
        .ask(
            "query($id: ID!) { invoice(by: { id: $id }) { warnings { code } } }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(later["invoice"]["warnings"], json!([]));

    // The invoice's days are those of the lines that say nothing.
    let of_invoice = json!({ "buyerId": buyer, "suppliedOn": "2026-11-05", "lines": [silent(), line("REDUCED_6", json!({ "periodFrom": "2026-10-01", "periodTo": "2026-10-31" }))] });
    let id = drafted(&app.finance(), of_invoice).await;
    let changed = mutate(
        &app.finance(),
        "invoiceDraftUpdate",
        json!({ "invoiceId": id, "lines": [silent()], "periodFrom": "2026-09-01", "periodTo": "2026-09-30" }),
        "lines { periodFrom periodTo }",
    )
    .await;
    assert_eq!(
        changed["invoiceDraftUpdate"]["lines"],
        json!([{ "periodFrom": "2026-09-01", "periodTo": "2026-09-30" }])
    );
    // Lines keep their own days: days that no line takes are refused.
    let same = json!({ "invoiceId": id, "periodFrom": "2026-09-01", "periodTo": "2026-09-30" });
    mutate(&app.finance(), "invoiceDraftUpdate", same, "id").await.data();
    for (field, days) in [
        ("input.suppliedOn", json!({ "invoiceId": id, "suppliedOn": "2026-11-15" })),
        (
            "input.periodFrom",
            json!({ "invoiceId": id, "periodFrom": "2026-11-01", "periodTo": "2026-11-30" }),
        ),
    ] {
        assert_eq!(
            mutate(&app.finance(), "invoiceDraftUpdate", days, "id").await.bad_fields(),
            [field]
        );
    }
    assert_eq!(
        issue(&app.finance(), &id, "warnings { code }").await["invoiceIssue"]["warnings"],
        json!([])
    );

    let both =
        json!({ "suppliedOn": "2026-11-05", "periodFrom": "2026-11-01", "periodTo": "2026-11-30" });
    let bad = with(json!({ "buyerId": buyer, "lines": [line("STANDARD_25", both.clone())] }), both);
    let refused = mutate(&app.finance(), "invoiceDraft", bad, "id").await;
    assert_eq!(refused.bad_fields(), ["input.lines.0.suppliedOn", "input.suppliedOn"]);
});

on_both!(a_rate_of_zero_is_refused_where_it_enters, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let (bip, buyer) = (activity(&app, "bip").await, member(&app, 1).await);
    let before = app.revision().await;
    let price = json!({ "validFrom": "2027-01-01", "basis": "FIXED_PER_YEAR", "amount": "1", "vatRate": "ZERO" });
    assert_eq!(
        mutate(&app.finance(), "networkFeeSet", price.clone(), "id").await.bad_fields(),
        ["input.vatRate"]
    );
    assert_eq!(
        mutate(&app.finance(), "feeScheduleSet", with(price, json!({ "activityId": bip })), "id")
            .await
            .bad_fields(),
        ["input.vatRate"]
    );
    let mut zero = course(&buyer, "1");
    zero["lines"][0]["vatRate"] = json!("ZERO");
    assert_eq!(
        mutate(&app.finance(), "invoiceDraft", zero, "id").await.bad_fields(),
        ["input.lines.0.vatRate"]
    );
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nu,Kurs,bip,,,,1,10.00,ZERO\n";
    let head = "key,number,kind,buyer,issued_on,due_on,credits\nu,,INVOICE,m1,,,\n";
    let refused = format!(
        "{:?}",
        app.try_import(&[("invoices.csv", head), ("invoice_lines.csv", lines)]).await
    );
    assert!(refused.contains("vat_rate") && refused.contains("must not be ZERO"), "{refused}");
    assert_eq!(app.revision().await, before);
    // History may have it.
    let history = head.replace("u,,INVOICE,m1,,,", "u,7,INVOICE,m1,2020-01-01,2020-02-01,");
    app.import(&[("invoices.csv", &history), ("invoice_lines.csv", lines)]).await;
});

on_both!(an_agreement_has_the_tax_decision_of_its_first_invoice, |app| async move {
    let register = Register::fill(&app).await;
    let bip = register.id("bip");
    let exempt = json!({ "fee": "SPECIAL_FEE", "activityId": bip, "vatRate": "EXEMPT", "exemptionReason": REASON });
    decide(&app.finance(), exempt).await.data();
    let later = json!({ "fee": "SPECIAL_FEE", "activityId": bip, "vatRate": "REDUCED_6", "validFrom": "2027-01-01" });
    decide(&app.finance(), later).await.data();
    for (starts_on, vat_rate) in [
        // No invoice is issued before today, so that the decision of before counts no more.
        ("2026-07-01", "EXEMPT"),
        ("2026-12-01", "EXEMPT"),
        ("2027-01-01", "REDUCED_6"),
    ] {
        let mut input = register.draft(0, "bip", starts_on);
        input.as_object_mut().unwrap().remove("fee");
        let drafted = mutate(&app.office(), "agreementDraft", input, "fee { vatRate }").await;
        assert_eq!(drafted["agreementDraft"]["fee"]["vatRate"], vat_rate, "{starts_on}");
    }
});

on_both!(a_draft_from_before_a_decision_is_issued_with_a_warning, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let (bip, buyer) = (activity(&app, "bip").await, member(&app, 1).await);
    let price = json!({ "activityId": bip, "validFrom": "2026-11-21", "basis": "ONE_OFF", "amount": "100.00", "vatRate": "STANDARD_25" });
    mutate(&app.finance(), "feeScheduleSet", price, "id").await.data();
    let line = |description: &str, activity: Value| json!({ "description": description, "unitPrice": "100.00", "activityId": activity, "suppliedOn": "2026-11-20" });
    let other = with(line("Resa", Value::Null), json!({ "vatRate": "STANDARD_25" }));
    let id = drafted(
        &app.finance(),
        json!({ "buyerId": buyer, "lines": [other, line("Kurs", json!(bip))] }),
    )
    .await;
    decide_bip(&app).await;
    let issued = issue(&app.finance(), &id, "lines { vatRate } warnings { code message }").await["invoiceIssue"].clone();
    assert_eq!(
        issued["lines"],
        json!([{ "vatRate": "STANDARD_25" }, { "vatRate": "STANDARD_25" }])
    );
    let message = "line 2 has the VAT treatment STANDARD_25, but the tax decision in force from 2026-11-20 on says EXEMPT; if the decision is right, \
        credit the invoice and issue it with that treatment";
    assert_eq!(issued["warnings"], json!([{ "code": "TAX_DECISION_DIFFERS", "message": message }]));
    // A draft of after the decision has its treatment, and no warning.
    let id =
        drafted(&app.finance(), json!({ "buyerId": buyer, "lines": [line("Kurs", json!(bip))] }))
            .await;
    let issued =
        issue(&app.finance(), &id, "lines { vatRate } warnings { code }").await["invoiceIssue"]
            .clone();
    assert_eq!(issued, json!({ "lines": [{ "vatRate": "EXEMPT" }], "warnings": [] }));
    assert_eq!(violations(&app).await, [""; 0]);
});
