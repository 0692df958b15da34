//! The lifecycle of an invoice: drafted, issued with a number, and credited as long as something is
//! left.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    fixtures::Samples,
    invoicing_fixtures::{
        NETWORK, activity, course, drafted, fill, issue, member, violations, with_network,
    },
    lifecycle_fixtures::{mutate, with},
};

on_both!(an_invoice_lives_from_draft_to_credit, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let (buyer, bip) = (member(&app, 1).await, activity(&app, "bip").await);
    let input = json!({ "buyerId": buyer, "dueInDays": 20, "lines": [
        { "description": "BIP-kurs", "activityId": bip, "quantity": "1.5", "unitPrice": "4500.00", "vatRate": "STANDARD_25",
          "periodFrom": "2026-11-02", "periodTo": "2026-11-03" },
        { "description": "Kursbok", "activityId": bip, "quantity": "3", "unitPrice": "99.95", "vatRate": "REDUCED_6" },
        { "description": "Rabatt", "unitPrice": "-100", "vatRate": "STANDARD_25" },
    ] });
    let selection =
        "id number status buyer { ... on Member { name } } issuedOn dueOn dueInDays ocr net vat rounding total outstanding pdfUrl peppolUrl
        lines { description activity { slug } quantity unitPrice vatRate net vat account } vatBreakdown { rate net vat }";
    let draft =
        mutate(&app.finance(), "invoiceDraft", input, selection).await["invoiceDraft"].clone();
    let id = draft["id"].as_str().unwrap().to_owned();
    assert_eq!(
        with(draft, json!({ "id": null })),
        json!({
            "id": null, "number": null, "status": "DRAFT", "buyer": { "name": "Förbund 001" }, "issuedOn": null, "dueOn": null, "dueInDays": 20,
            "ocr": null, "net": "6949.85", "vat": "1680.49", "rounding": "0.00", "total": "8630.34", "outstanding": "8630.34", "pdfUrl": null, "peppolUrl": null,
            "lines": [
                { "description": "BIP-kurs", "activity": { "slug": "bip" }, "quantity": "1.5", "unitPrice": "4500.00", "vatRate": "STANDARD_25",
                  "net": "6750.00", "vat": "1687.50", "account": "3041" },
                { "description": "Kursbok", "activity": { "slug": "bip" }, "quantity": "3", "unitPrice": "99.95", "vatRate": "REDUCED_6",
                  "net": "299.85", "vat": "17.99", "account": "3043" },
                { "description": "Rabatt", "activity": null, "quantity": "1", "unitPrice": "-100.00", "vatRate": "STANDARD_25",
                  "net": "-100.00", "vat": "-25.00", "account": "3041" },
            ],
            "vatBreakdown": [{ "rate": "STANDARD_25", "net": "6650.00", "vat": "1662.50" }, { "rate": "REDUCED_6", "net": "299.85", "vat": "17.99" }],
        })
    );
    let change = json!({ "invoiceId": id, "reason": "Tack för kursen", "dueInDays": null });
    let changed = mutate(
        &app.finance(),
        "invoiceDraftUpdate",
        change,
        "reason dueInDays lines { description } total",
    )
    .await;
    assert_eq!(changed["invoiceDraftUpdate"]["reason"], "Tack för kursen");
    assert_eq!(changed["invoiceDraftUpdate"]["lines"].as_array().unwrap().len(), 3);

    let issued = issue(&app.finance(), &id, selection).await["invoiceIssue"].clone();
    assert_eq!(
        (&issued["number"], &issued["ocr"], &issued["status"]),
        (&json!("20260001"), &json!("2026000105"), &json!("ISSUED"))
    );
    assert_eq!(
        (&issued["issuedOn"], &issued["dueOn"], &issued["total"]),
        (&json!("2026-11-21"), &json!("2026-12-21"), &json!("8630.34"))
    );
    assert_eq!(issue(&app.finance(), &id, "id").await.reason(), "ALREADY_ISSUED");
    let change = json!({ "invoiceId": id, "reason": null });
    assert_eq!(
        mutate(&app.finance(), "invoiceDraftUpdate", change, "id").await.reason(),
        "ALREADY_ISSUED"
    );
    assert_eq!(
        mutate(&app.finance(), "invoiceDraftDiscard", json!({ "invoiceId": id }), "id")
            .await
            .reason(),
        "ALREADY_ISSUED"
    );

    // A part of a line, then all that is left, then nothing.
    let lines =
        app.finance().query("{ invoice(by: { number: \"20260001\" }) { lines { id } } }").await;
    let line = |position: usize| lines["invoice"]["lines"][position]["id"].clone();
    let part = json!({ "invoiceId": id, "reason": "En deltagare mindre", "lines": [{ "lineId": line(0), "amount": "2250.00" }] });
    let fields = "kind number ocr dueOn net vat rounding total reason credits { number outstanding credited status } lines { description quantity unitPrice net }";
    let note = mutate(&app.finance(), "invoiceCredit", part.clone(), fields).await["invoiceCredit"]
        .clone();
    assert_eq!(
        note,
        json!({
            "kind": "CREDIT_NOTE", "number": "K20260001", "ocr": null, "dueOn": null, "net": "2250.00", "vat": "562.50", "rounding": "0.00",
            "total": "2812.50", "reason": "En deltagare mindre",
            "credits": { "number": "20260001", "outstanding": "5817.84", "credited": "2812.50", "status": "ISSUED" },
            "lines": [{ "description": "BIP-kurs", "quantity": "1", "unitPrice": "2250.00", "net": "2250.00" }],
        })
    );
    let beyond = json!({ "invoiceId": id, "reason": "x", "lines": [{ "lineId": line(0), "amount": "4500.01" }, { "lineId": line(1), "amount": "299.86" }] });
    let refused = mutate(&app.finance(), "invoiceCredit", beyond, "id").await;
    assert_eq!(refused.reason(), "BEYOND_INVOICE");
    let words = "invoice 20260001: line 1 has 4500.00 left, without VAT; line 2 has 299.85 left, without VAT";
    assert_eq!(refused.error()["message"], words);
    let rest = mutate(
        &app.finance(),
        "invoiceCredit",
        json!({ "invoiceId": id, "reason": "Inställd" }),
        fields,
    )
    .await["invoiceCredit"]
        .clone();
    assert_eq!(
        (&rest["number"], &rest["total"], &rest["vat"]),
        (&json!("K20260002"), &json!("5817.84"), &json!("1117.99"))
    );
    assert_eq!(
        rest["credits"],
        json!({ "number": "20260001", "outstanding": "0.00", "credited": "8630.34", "status": "CREDITED" })
    );
    assert_eq!(
        mutate(&app.finance(), "invoiceCredit", json!({ "invoiceId": id, "reason": "x" }), "id")
            .await
            .reason(),
        "NOTHING_LEFT"
    );

    let revenue = r#"{ revenue(input: { from: "2026-01-01", to: "2026-12-31" }) { total { net credited invoiceCount } } }"#;
    assert_eq!(
        app.finance().query(revenue).await["revenue"]["total"],
        json!({ "net": "0.00", "credited": "6949.85", "invoiceCount": 3 })
    );
    assert_eq!(violations(&app).await, [""; 0]);
    let trail = app.auditor().query("{ auditEntries { nodes { action } } }").await;
    let mut actions: Vec<_> = trail["auditEntries"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    // Each credit note with its documents and the credited invoice, twice; the invoice with its
    // documents.
    let counts = ["invoiceCredit", "invoiceIssue"]
        .map(|action| actions.iter().filter(|found| **found == action).count());
    assert_eq!(counts, [8, 3]);
    actions.dedup();
    assert_eq!(
        actions[..4],
        ["invoiceCredit", "invoiceIssue", "invoiceDraftUpdate", "invoiceDraft"]
    );
});

on_both!(all_missing_data_is_named_at_once_and_uses_no_number, |app| async move {
    let (ready, _folder) = fill(&app, 3).await;
    let lacking = drafted(&ready.finance(), course(&member(&ready, 2).await, "100.00")).await;
    let (bare, _bare) = with_network(&app, "[network]\nname = 'Nätverket'\n");
    let refused = issue(&bare.finance(), &lacking, "id").await;
    assert_eq!(
        refused.bad_fields(),
        [
            "buyer.billing.addressLine",
            "buyer.billing.buyerReference",
            "buyer.billing.city",
            "buyer.billing.postalCode",
            "buyer.orgNumber",
            "network.address_line",
            "network.bankgiro",
            "network.city",
            "network.org_number",
            "network.postal_code",
            "network.vat_number",
        ]
    );
    assert_eq!(
        ready.office().query("{ invoices { nodes { status } } }").await["invoices"]["nodes"],
        json!([{ "status": "DRAFT" }])
    );
    // Outside the scope of VAT no one needs a VAT number.
    let input = json!({ "buyerId": member(&ready, 1).await, "lines": [{ "description": "Avgift", "unitPrice": "1", "vatRate": "OUTSIDE_SCOPE" }] });
    let untaxed = drafted(&ready.finance(), input).await;
    let (unregistered, _other) = with_network(&app, &NETWORK.replace("vat_number", "#"));
    assert_eq!(
        issue(&unregistered.finance(), &untaxed, "number").await["invoiceIssue"]["number"],
        "20260001"
    );
    let future = json!({ "invoiceId": lacking, "issuedOn": "2026-11-22" });
    let all = mutate(&ready.finance(), "invoiceIssue", future, "id").await;
    assert_eq!(all.bad_fields().len(), 6, "with what it lacks: {:?}", all.bad_fields());
    assert!(all.bad_fields().contains(&"input.issuedOn"));
    // An organisation has billing details too.
    let organisation =
        ready.office().query("{ agreement(by: { number: \"2026-9002\" }) { counterparty { ... on Organisation { id } } } }").await;
    let organisation = organisation["agreement"]["counterparty"]["id"].as_str().unwrap().to_owned();
    let other = drafted(&ready.finance(), course(&organisation, "100.00")).await;
    assert_eq!(issue(&ready.finance(), &other, "id").await.bad_fields().len(), 4);
    let billing = json!({ "buyerReference": "R", "addressLine": "G 1", "postalCode": "111 11", "city": "S", "email": "a@example.se" });
    let known = mutate(
        &ready.office(),
        "organisationUpdate",
        json!({ "organisationId": organisation, "billing": billing }),
        "billing { buyerReference addressLine postalCode city email peppolId }",
    )
    .await;
    assert_eq!(known["organisationUpdate"]["billing"], with(billing, json!({ "peppolId": null })));
    assert_eq!(
        issue(&ready.finance(), &other, "number").await["invoiceIssue"]["number"],
        "20260002"
    );
    assert_eq!(violations(&ready).await, [""; 0]);
});

on_both!(all_errors_of_a_bad_draft_are_reported, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let (buyer, bip, before) =
        (member(&app, 1).await, activity(&app, "bip").await, app.revision().await);
    let agreement = app.office().query("{ agreement(by: { number: \"2024-0003\" }) { id } }").await
        ["agreement"]["id"]
        .clone();
    let line = json!({ "description": "x", "unitPrice": "1", "vatRate": "EXEMPT" });
    for (input, fields) in [
        (json!({ "buyerId": buyer, "lines": [] }), vec!["input.lines"]),
        (json!({ "buyerId": bip, "lines": [line] }), vec!["input.buyerId"]),
        (json!({ "buyerId": buyer, "lines": vec![line.clone(); 1001] }), vec!["input.lines"]),
        (
            json!({ "buyerId": buyer, "dueInDays": 31, "lines": [
                { "description": " ", "quantity": "0", "unitPrice": "1.005", "vatRate": "EXEMPT", "periodFrom": "2026-02-30", "account": "31" },
                { "description": "a\u{0}b", "quantity": "1.0001", "unitPrice": "10000000000.00", "vatRate": "EXEMPT",
                  "periodFrom": "2026-02-02", "periodTo": "2026-02-01", "agreementId": agreement },
            ] }),
            vec![
                "input.lines.0.quantity",
                "input.lines.0.unitPrice",
                "input.lines.0.periodFrom",
                "input.lines.0.periodTo",
                "input.lines.0.account",
                "input.lines.0.description",
                "input.lines.1.quantity",
                "input.lines.1.periodTo",
                "input.lines.1.agreementId",
                "input.lines.1.description",
                "input.dueInDays",
            ],
        ),
        (
            json!({ "buyerId": buyer, "lines": [with(line.clone(), json!({ "unitPrice": "-1" }))] }),
            vec!["input.lines"],
        ),
        (
            json!({ "buyerId": buyer, "lines": [line, with(line.clone(), json!({ "vatRate": "ZERO" }))] }),
            vec!["input.lines.1.vatRate"],
        ),
        (
            json!({ "buyerId": buyer, "lines": [with(line.clone(), json!({ "unitPrice": "0" }))] }),
            vec!["input.lines"],
        ),
        (
            json!({ "buyerId": buyer, "lines": [with(line.clone(), json!({ "account": "1510" })), line, with(line.clone(), json!({ "account": "2621" }))] }),
            vec!["input.lines.0.account", "input.lines.2.account"],
        ),
        (
            json!({ "buyerId": buyer, "lines": [line, with(line.clone(), json!({ "vatRate": "OUTSIDE_SCOPE" }))] }),
            vec!["input.lines"],
        ),
        (
            json!({ "buyerId": buyer, "lines": vec![with(line.clone(), json!({ "unitPrice": "10000000000.00" })); 2] }),
            vec!["input.lines"],
        ),
        (
            json!({ "buyerId": buyer, "lines": [with(line.clone(), json!({ "quantity": "2", "unitPrice": "10000000000.00" }))] }),
            vec!["input.lines.0.unitPrice"],
        ),
    ] {
        let refused = mutate(&app.finance(), "invoiceDraft", input, "id").await;
        let (mut found, mut expected) = (refused.bad_fields(), fields);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{}", refused.text());
    }
    let no_one = format!("member_{}", "0".repeat(32));
    assert_eq!(
        mutate(&app.finance(), "invoiceDraft", json!({ "buyerId": no_one, "lines": [line] }), "id")
            .await
            .code(),
        "NOT_FOUND"
    );
    assert_eq!(app.revision().await, before);
});

on_both!(a_discarded_draft_leaves_its_trace_in_the_trail_alone, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    let was = mutate(
        &app.finance(),
        "invoiceDraftDiscard",
        json!({ "invoiceId": id }),
        "total lines { description } vatBreakdown { vat }",
    )
    .await;
    let expected = json!({ "total": "125.00", "lines": [{ "description": "Kurs" }], "vatBreakdown": [{ "vat": "25.00" }] });
    assert_eq!(was["invoiceDraftDiscard"], expected);
    assert_eq!(issue(&app.finance(), &id, "id").await.code(), "NOT_FOUND");
    let trail =
        app.auditor().query("{ auditEntries(first: 1) { nodes { action before after } } }").await;
    let entry = &trail["auditEntries"]["nodes"][0];
    assert_eq!(
        (&entry["action"], &entry["after"], &entry["before"]["total"]),
        (&json!("invoiceDraftDiscard"), &Value::Null, &json!(12500))
    );
});

on_both!(a_draft_that_no_one_could_have_drafted_is_not_issued, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\nnone,,INVOICE,m1,,,\nless,,INVOICE,m1,,,\n"),
        (
            "invoice_lines.csv",
            "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nless,Rabatt,,,,,1,-10.00,STANDARD_25\n",
        ),
    ])
    .await;
    let drafts = app
        .finance()
        .query("{ invoices(filter: { status: [DRAFT] }) { nodes { id lines { id } } } }")
        .await;
    let drafts = drafts["invoices"]["nodes"].as_array().unwrap().clone();
    assert_eq!(drafts.len(), 2);
    for draft in &drafts {
        assert_eq!(
            issue(&app.finance(), draft["id"].as_str().unwrap(), "id").await.bad_fields(),
            ["invoice.lines"]
        );
    }
    // What rounding makes nothing of is nothing that anyone could pay.
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "0.24")).await;
    let (whole_kronor, _other) =
        with_network(&app, &format!("{NETWORK}[network.invoicing]\nwhole_kronor = true\n"));
    assert_eq!(issue(&whole_kronor.finance(), &id, "id").await.bad_fields(), ["invoice.lines"]);
    assert_eq!(issue(&app.finance(), &id, "number").await["invoiceIssue"]["number"], "20260001");
});

on_both!(settings_decide_on_rounding_and_references, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let settings = format!(
        "{NETWORK}[network.invoicing]\nwhole_kronor = true\nocr_length_digit = false\ndue_days = 10\n"
    );
    let (app, _other) = with_network(&app, &settings);
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "8648.50")).await;
    let issued = issue(&app.finance(), &id, "net vat rounding total ocr dueOn").await;
    let expected = json!({ "net": "8648.50", "vat": "2162.13", "rounding": "0.37", "total": "10811.00", "ocr": "202600010", "dueOn": "2026-12-01" });
    assert_eq!(
        with(issued["invoiceIssue"].clone(), json!({ "ocr": null })),
        with(expected, json!({ "ocr": null }))
    );
    let ocr = issued["invoiceIssue"]["ocr"].as_str().unwrap();
    assert!(
        ocr.starts_with("20260001") && ocr.len() == 9 && ::entity::number::luhn_holds(ocr),
        "{ocr}"
    );
    // The last credit takes the rounding with it.
    let lines =
        app.finance().query("{ invoice(by: { number: \"20260001\" }) { lines { id } } }").await;
    let part = json!({ "invoiceId": id, "reason": "x", "lines": [{ "lineId": lines["invoice"]["lines"][0]["id"], "amount": "0.02" }] });
    let fields = "vat rounding total credits { status }";
    assert_eq!(
        mutate(&app.finance(), "invoiceCredit", part, fields).await["invoiceCredit"],
        json!({ "vat": "0.01", "rounding": "0.00", "total": "0.03", "credits": { "status": "ISSUED" } })
    );
    assert_eq!(
        mutate(&app.finance(), "invoiceCredit", json!({ "invoiceId": id, "reason": "x" }), fields)
            .await["invoiceCredit"],
        json!({ "vat": "2162.12", "rounding": "0.37", "total": "10810.97", "credits": { "status": "CREDITED" } })
    );
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(a_reminder_costs_what_was_agreed_when_the_invoice_was_issued, |app| async move {
    let (free, _folder) = fill(&app, 1).await;
    let (priced, _other) =
        with_network(&app, &format!("{NETWORK}[network.invoicing]\nreminder_fee = '60.00'\n"));
    let buyer = member(&app, 1).await;
    for (then, later, fee) in [(&free, &priced, "0.00"), (&priced, &free, "60.00")] {
        let id = drafted(&then.finance(), course(&buyer, "100.00")).await;
        issue(&then.finance(), &id, "id").await.data();
        let reminded = mutate(
            &later.at("2027-02-01T09:00:00Z").finance(),
            "invoiceRemind",
            json!({ "invoiceId": id }),
            "reminders { fee }",
        )
        .await;
        assert_eq!(reminded["invoiceRemind"]["reminders"], json!([{ "fee": fee }]));
    }
});

on_both!(a_line_names_no_agreement_that_its_writer_may_not_see, |app| async move {
    let samples = Samples::fill(&app).await;
    let input = |agreement: &str| {
        let line = json!({ "description": "Avgift", "unitPrice": "1.00", "vatRate": "EXEMPT", "agreementId": agreement });
        json!({ "buyerId": samples.id("alfa"), "lines": [line] })
    };
    let blind = app.service("invoices:write");
    for agreement in [
        samples.id("avtal alfa"),
        samples.id("avtal beta"),
        "agreement_0197aaaaaaaa7000800000000000000a",
    ] {
        let answer = blind.does("invoiceDraft", "id", input(agreement)).await;
        assert_eq!(
            answer.errors()[0]["message"],
            "input.lines.0.agreementId is not an existing agreement"
        );
    }
    let reader = app.service("invoices:write agreements:read");
    assert_eq!(
        reader.does("invoiceDraft", "id", input(samples.id("avtal beta"))).await.bad_fields(),
        ["input.lines.0.agreementId"]
    );
    let draft = reader.does("invoiceDraft", "id", input(samples.id("avtal alfa"))).await["invoiceDraft"]["id"].clone();
    // What stands in a draft stays there.
    blind
        .does(
            "invoiceDraftUpdate",
            "id",
            json!({ "invoiceId": draft, "buyerId": samples.id("alfa") }),
        )
        .await
        .data();
    let kept = app
        .office()
        .query(&format!(
            "{{ node(id: {draft}) {{ ... on Invoice {{ lines {{ agreement {{ number }} }} }} }} }}"
        ))
        .await;
    assert_eq!(kept["node"]["lines"], json!([{ "agreement": { "number": "2026-7001" } }]));
});
