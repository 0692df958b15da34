//! Each fee of each year is invoiced once, by any mutations and in any parts; and again
//! only when it was credited.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    invoicing_fixtures::{
        NETWORK, activity, drafted, fill, issue, member, violations, with_network,
    },
    lifecycle_fixtures::{mutate, raw, with},
    register_files::{bad_rows, exported, try_import},
};

/// The special fees of 2026 about Indikatorer.
async fn of_2026(app: &App) -> Value {
    json!({ "activityId": activity(app, "indikatorer").await, "year": 2026, "skipProblems": true })
}

async fn run(app: &App, input: &Value) -> Answer {
    let fields = "invoiceCount net alreadyInvoicedCount invoicedManuallyCount problems { agreement { number } reason }
        invoices { id number buyer { ... on Member { name } } lines { agreement { number } vatRate } }";
    mutate(&app.finance(), "invoiceRun", input.clone(), fields).await
}

async fn agreement(app: &App, number: &str) -> Value {
    let answer = app
        .office()
        .query(&format!("{{ agreement(by: {{ number: \"{number}\" }}) {{ id }} }}"))
        .await;
    answer["agreement"]["id"].clone()
}

/// A line of the fee of member 1's agreement, 18 000.00 a year.
async fn line(app: &App, price: &str, from: &str, to: &str) -> Value {
    let agreement = agreement(app, "2024-0001").await;
    json!({ "description": "Avgift", "agreementId": agreement, "unitPrice": price, "vatRate": "STANDARD_25", "periodFrom": from, "periodTo": to })
}

async fn draft(app: &App, lines: &[Value]) -> String {
    drafted(&app.finance(), json!({ "buyerId": member(app, 1).await, "lines": lines })).await
}

/// Returns a run's problem with member 1's agreement.
fn problem(answer: &Answer) -> Option<String> {
    let problems = answer["invoiceRun"]["problems"].as_array().unwrap();
    let own = problems.iter().find(|problem| problem["agreement"]["number"] == "2024-0001");
    own.map(|problem| problem["reason"].as_str().unwrap().to_owned())
}

fn has_invoiced(answer: &Answer, number: &str) -> bool {
    let invoices = answer["invoiceRun"]["invoices"].as_array().unwrap();
    invoices
        .iter()
        .flat_map(|invoice| invoice["lines"].as_array().unwrap())
        .any(|line| line["agreement"]["number"] == number)
}

on_both!(a_fee_that_is_invoiced_in_part_is_named_until_the_rest_is_invoiced, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let quarter = draft(&app, &[line(&app, "4500", "2026-01-01", "2026-03-31").await]).await;
    issue(&app.finance(), &quarter, "id").await.data();
    let input = of_2026(&app).await;
    let done = run(&app, &input).await;
    assert!(!has_invoiced(&done, "2024-0001"));
    assert_eq!(
        problem(&done).as_deref(),
        Some(
            "the fee of agreement 2024-0001 for 2026 is 18000.00, of which 4500.00 is invoiced already; invoice the rest manually, or credit the invoiced part"
        )
    );
    // A part of the rest that is too much, and the rest.
    let rest = line(&app, "13500.01", "2026-04-01", "2026-12-31").await;
    let more = draft(&app, std::slice::from_ref(&rest)).await;
    let refused = issue(&app.finance(), &more, "id").await;
    assert_eq!(refused.reason(), "ALREADY_INVOICED");
    let words = refused.error()["message"].as_str().unwrap().to_owned();
    assert!(words.contains("the fee of agreement 2024-0001 for 2026 is 18000.00, of which 4500.00 is invoiced already"), "{words}");
    let rest =
        json!({ "invoiceId": more, "lines": [with(rest, json!({ "unitPrice": "13500.00" }))] });
    mutate(&app.finance(), "invoiceDraftUpdate", rest, "id").await.data();
    issue(&app.finance(), &more, "id").await.data();
    let again = run(&app, &input).await;
    assert_eq!((problem(&again), &again["invoiceRun"]["alreadyInvoicedCount"]), (None, &json!(9)));
    // A part that is credited was given away.
    mutate(
        &app.finance(),
        "invoiceCredit",
        json!({ "invoiceId": quarter, "reason": "Rabatt" }),
        "id",
    )
    .await
    .data();
    let again = run(&app, &input).await;
    assert_eq!((problem(&again), &again["invoiceRun"]["alreadyInvoicedCount"]), (None, &json!(9)));
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(what_goes_over_new_year_is_not_guessed, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let across = draft(&app, &[line(&app, "18000", "2026-07-01", "2027-06-30").await]).await;
    issue(&app.finance(), &across, "id").await.data();
    let done = run(&app, &of_2026(&app).await).await;
    assert!(!has_invoiced(&done, "2024-0001"));
    assert!(
        problem(&done).is_some_and(
            |words| words.contains("18000.00 is invoiced for a period across New Year")
        ),
        "{:?}",
        problem(&done)
    );
    mutate(&app.finance(), "invoiceCredit", json!({ "invoiceId": across, "reason": "x" }), "id")
        .await
        .data();
    assert!(has_invoiced(&run(&app, &of_2026(&app).await).await, "2024-0001"));
});

on_both!(a_draft_that_a_run_overtook_is_not_issued, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let special = draft(&app, &[line(&app, "18000", "2026-01-01", "2026-12-31").await]).await;
    let own = json!({ "description": "Serviceavgift 2026", "unitPrice": "2000", "vatRate": "OUTSIDE_SCOPE", "periodFrom": "2026-01-01", "periodTo": "2026-12-31" });
    let service =
        drafted(&app.finance(), json!({ "buyerId": member(&app, 11).await, "lines": [own] })).await;
    assert!(has_invoiced(&run(&app, &of_2026(&app).await).await, "2024-0001"));
    let of_members = json!({ "serviceFee": true, "year": 2026, "skipProblems": true });
    assert_eq!(run(&app, &of_members).await["invoiceRun"]["invoiceCount"], 3);
    let before = app.revision().await;
    for id in [&special, &service] {
        assert_eq!(issue(&app.finance(), id, "id").await.reason(), "ALREADY_INVOICED");
    }
    assert_eq!(app.revision().await, before);
    // A deliberate second invoice says what it corrects.
    let first = app.finance().query("{ invoice(by: { number: \"20260001\" }) { id } }").await["invoice"]["id"].clone();
    let lines = [line(&app, "500", "2026-01-01", "2026-12-31").await];
    let more = json!({ "buyerId": member(&app, 1).await, "lines": lines, "correctsId": first, "reason": "För lågt pris" });
    let more = drafted(&app.finance(), more).await;
    // Without its reason it is no correction any more.
    assert_eq!(
        mutate(
            &app.finance(),
            "invoiceDraftUpdate",
            json!({ "invoiceId": more, "reason": null }),
            "id"
        )
        .await
        .bad_fields(),
        ["input.reason"]
    );
    issue(&app.finance(), &more, "id").await.data();
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(a_fee_that_was_credited_is_invoiced_again_once, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let input = of_2026(&app).await;
    for permit in 1..=3 {
        let done = run(&app, &input).await;
        assert!(has_invoiced(&done, "2024-0001"), "turn {permit}");
        assert_eq!(done["invoiceRun"]["invoiceCount"], if permit == 1 { 9 } else { 1 });
        assert_eq!(run(&app, &input).await["invoiceRun"]["alreadyInvoicedCount"], 9);
        let of_first = |invoice: &&Value| invoice["lines"][0]["agreement"]["number"] == "2024-0001";
        let id = done["invoiceRun"]["invoices"].as_array().unwrap().iter().find(of_first).unwrap()
            ["id"]
            .clone();
        let lines = app
            .finance()
            .query(&format!("{{ invoice(by: {{ id: {id} }}) {{ lines {{ id }} }} }}"))
            .await["invoice"]["lines"]
            .clone();
        let part = json!({ "invoiceId": id, "reason": "Del", "lines": [{ "lineId": lines[0]["id"], "amount": "1000" }] });
        mutate(&app.finance(), "invoiceCredit", part, "id").await.data();
        assert_eq!(
            run(&app, &input).await["invoiceRun"]["alreadyInvoicedCount"],
            9,
            "a part was given away"
        );
        mutate(
            &app.finance(),
            "invoiceCredit",
            json!({ "invoiceId": id, "reason": "Fel avgift" }),
            "id",
        )
        .await
        .data();
    }
    // The database refuses the same round twice, for every client.
    let twice = "INSERT INTO fee_charge (line_id, kind, year, round, agreement_id)
        SELECT (SELECT id FROM invoice_line line WHERE NOT EXISTS (SELECT 1 FROM fee_charge c WHERE c.line_id = line.id) LIMIT 1), kind, year, round, agreement_id
        FROM fee_charge WHERE round = 2";
    let refused = raw(&app, twice).await.unwrap_err().to_string();
    assert!(refused.contains("fee_charge__"), "{refused}");
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(a_copy_knows_what_runs_have_invoiced, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let done = run(&app, &of_2026(&app).await).await;
    assert_eq!(done["invoiceRun"]["invoiceCount"], 9);
    let service = json!({ "serviceFee": true, "year": 2026, "memberIds": [member(&app, 5).await] });
    assert_eq!(run(&app, &service).await["invoiceRun"]["net"], "8648.67");
    // The fee becomes another: by the lines alone it would be invoiced in part.
    mutate(
        &app.office(),
        "allocationSet",
        json!({ "memberId": member(&app, 5).await, "year": 2026, "amount": "5000000" }),
        "id",
    )
    .await
    .data();
    let reported = async |app: &App| {
        let document = "query($input: InvoiceRunInput!) { invoiceRunPreview(input: $input) { invoiceCount alreadyInvoicedCount problems { reason } } }";
        let service =
            json!({ "serviceFee": true, "year": 2026, "memberIds": [member(app, 5).await] });
        let special = app.finance().ask(document, json!({ "input": of_2026(app).await })).await["invoiceRunPreview"].clone();
        (
            special,
            app.finance().ask(document, json!({ "input": service })).await["invoiceRunPreview"]
                .clone(),
        )
    };
    let (special, service) = reported(&app).await;
    assert_eq!(service, json!({ "invoiceCount": 0, "alreadyInvoicedCount": 1, "problems": [] }));
    assert_eq!(
        (&special["invoiceCount"], &special["alreadyInvoicedCount"]),
        (&json!(0), &json!(9))
    );

    let files = exported(&app).await;
    let charges = String::from_utf8(files["fee_charges.csv"].clone()).unwrap();
    assert_eq!(charges.lines().count(), 11, "{charges}");
    assert!(
        charges.starts_with("invoice,line,kind,year,round\n")
            && charges.contains(",1,SERVICE_FEE,2026,1\n"),
        "{charges}"
    );
    let empty = app.another().await;
    try_import(&empty, &files).await.unwrap();
    let (other, _other) = with_network(&empty, NETWORK);
    assert_eq!(reported(&other).await, (special, service));
    assert_eq!(exported(&other).await["fee_charges.csv"], files["fee_charges.csv"]);
    let before = other.revision().await;
    try_import(&other, &files).await.unwrap();
    assert_eq!(other.revision().await, before, "the same again left an entry");
    for (from, to, words) in [
        (
            ",1,SERVICE_FEE,2026,1\n",
            ",1,SERVICE_FEE,2025,1\n",
            "differs from the fee that the line invoices, which never changes",
        ),
        (
            ",1,SERVICE_FEE,2026,1\n",
            ",2,SERVICE_FEE,2026,1\n",
            "line: is not a line of the invoice",
        ),
        (
            ",1,SERVICE_FEE,2026,1\n",
            ",1,SPECIAL_FEE,2026,1\n",
            "kind: is a fee of the line's agreement, which it does not name",
        ),
        (
            ",1,SERVICE_FEE,2026,1\n",
            ",1,SERVICE_FEE,2026,0\n",
            "round: must be a whole number from 1 to 10000",
        ),
    ] {
        let mut wrong = files.clone();
        wrong.insert("fee_charges.csv".to_owned(), charges.replace(from, to).into_bytes());
        let refused = bad_rows(&other, &wrong).await;
        assert!(
            refused.iter().any(|row| row.starts_with("fee_charges.csv:") && row.ends_with(words)),
            "{to}: {refused:?}"
        );
    }
    assert_eq!(violations(&other).await, [""; 0]);
});

on_both!(what_only_some_invoices_lack_stops_only_them, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let unregistered = NETWORK.replace("vat_number", "#");
    let (app, _other) = with_network(&app, &unregistered);
    let done = run(&app, &of_2026(&app).await).await;
    let invoices = done["invoiceRun"]["invoices"].as_array().unwrap();
    assert_eq!(invoices.len(), 1, "{invoices:#?}");
    assert_eq!(
        (&invoices[0]["buyer"]["name"], &invoices[0]["lines"][0]["vatRate"]),
        (&json!("Förbund 008"), &json!("OUTSIDE_SCOPE"))
    );
    let problems = done["invoiceRun"]["problems"].as_array().unwrap();
    assert!(
        problems.iter().any(|problem| problem["reason"]
            .as_str()
            .unwrap()
            .contains("network.vat_number is required")),
        "{problems:#?}"
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(fees_that_a_run_cannot_identify_are_counted_or_named, |app| async move {
    let (app, _folder) = fill(&app, 14).await;
    let header = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate";
    let large = |n: usize| {
        format!(
            "x{n},2025-100{n},PARTICIPATION,INCOME,bip,m{n},,,2026-01-01,,3,,2025-11-01T08:00:00Z,2025-12-01,,FIXED_PER_YEAR,7205759403.93,,STANDARD_25"
        )
    };
    let course = "c,2025-2000,PARTICIPATION,INCOME,bip,m5,,,2026-01-01,,3,,2025-11-01T08:00:00Z,2025-12-01,,PER_PARTICIPANT,4500.00,,STANDARD_25";
    app.import(&[("agreements.csv", &format!("{header}\n{}\n{}\n{course}\n", large(1), large(3)))])
        .await;
    let input = json!({ "activityId": activity(&app, "bip").await, "year": 2026 });
    let before = app.revision().await;
    assert_eq!(run(&app, &input).await.reason(), "TOO_LARGE");
    let preview =
        "query($input: InvoiceRunInput!) { invoiceRunPreview(input: $input) { invoiceCount } }";
    assert_eq!(app.finance().ask(preview, json!({ "input": input })).await.reason(), "TOO_LARGE");
    assert_eq!(app.revision().await, before);
    let one = with(input, json!({ "memberIds": [member(&app, 3).await, member(&app, 5).await] }));
    let done = run(&app, &one).await;
    assert_eq!(
        (
            &done["invoiceRun"]["invoiceCount"],
            &done["invoiceRun"]["invoicedManuallyCount"],
            &done["invoiceRun"]["problems"]
        ),
        (&json!(1), &json!(1), &json!([]))
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(a_fee_that_was_decided_late_needs_a_confirmation, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let app = app.at("2026-12-12T09:00:00Z");
    let decision = json!({ "body": "ANNUAL_MEETING", "decidedOn": "2026-12-10" });
    let rule = json!({ "validFrom": "2027-01-01", "basis": "FIXED_PER_YEAR", "amount": "6000.00", "vatRate": "OUTSIDE_SCOPE", "decision": decision });
    mutate(&app.office(), "networkFeeSet", rule, "id").await.data();
    let of = async |n: usize, issued_on: &str| json!({ "membershipFee": true, "year": 2027, "memberIds": [member(&app, n).await], "issuedOn": issued_on });
    let preview = async |input: &Value| {
        let document = "query($input: InvoiceRunInput!) { invoiceRunPreview(input: $input) { invoiceCount warnings } }";
        app.finance().ask(document, json!({ "input": input })).await["invoiceRunPreview"].clone()
    };
    let run = async |input: &Value| {
        mutate(&app.finance(), "invoiceRun", input.clone(), "invoiceCount warnings").await
    };
    let warnings = [
        "the fee of 2027 was decided on 2026-12-10, which is after the day of the invoices, 2026-12-01",
    ];
    let early = of(1, "2026-12-01").await;
    assert_eq!(preview(&early).await, json!({ "invoiceCount": 1, "warnings": warnings }));
    let before = app.revision().await;
    assert_eq!(run(&early).await.reason(), "DECIDED_LATE");
    assert_eq!(app.revision().await, before);
    let confirmed = with(early, json!({ "confirmDecision": true }));
    assert_eq!(
        run(&confirmed).await["invoiceRun"],
        json!({ "invoiceCount": 1, "warnings": warnings })
    );
    // Once it is decided, no one has to confirm anything.
    let late = of(3, "2026-12-10").await;
    assert_eq!(run(&late).await["invoiceRun"], json!({ "invoiceCount": 1, "warnings": [] }));

    // The fee of a year that was decided in the next one.
    let app = app.at("2027-02-01T09:00:00Z");
    let decision = json!({ "body": "BOARD", "decidedOn": "2027-01-15" });
    let rule = json!({ "validFrom": "2020-01-01", "validTo": "2026-12-31", "basis": "FIXED_PER_YEAR", "amount": "5500.00",
        "vatRate": "OUTSIDE_SCOPE", "decision": decision });
    mutate(&app.office(), "networkFeeSet", rule, "id").await.data();
    let input =
        json!({ "membershipFee": true, "year": 2026, "memberIds": [member(&app, 4).await] });
    let refused = mutate(&app.finance(), "invoiceRun", input, "invoiceCount").await;
    assert_eq!(refused.reason(), "DECIDED_LATE");
    assert!(
        refused
            .text()
            .contains("the fee of 2026 was decided on 2027-01-15, which is after that year"),
        "{}",
        refused.text()
    );
});
