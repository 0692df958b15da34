//! The life of an invoice: drafted, issued with a number, credited as long as something is left,
//! and never changed.

use std::collections::BTreeSet;

use axum::{body::Body, http::Method};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    app::{App, on_both},
    invoicing_samples::{
        NETWORK, activity, course, drafted, fill, issue, member, violations, with_network,
    },
    life_samples::{deed, raw, sql_id, with},
    samples::Samples,
};

on_both!(an_invoice_lives_from_draft_to_credit, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let (buyer, bip) = (member(&app, 1).await, activity(&app, "bip").await);
    let input = json!({ "buyer": buyer, "dueInDays": 20, "lines": [
        { "description": "BIP-kurs", "activity": bip, "quantity": "1.5", "unitPrice": "4500.00", "vatRate": "STANDARD_25",
          "periodFrom": "2026-11-02", "periodTo": "2026-11-03" },
        { "description": "Kursbok", "activity": bip, "quantity": "3", "unitPrice": "99.95", "vatRate": "REDUCED_6" },
        { "description": "Rabatt", "unitPrice": "-100", "vatRate": "STANDARD_25" },
    ] });
    let aggregate =
        "id number state buyer { ... on Member { name } } issuedOn dueOn dueInDays ocr net vat rounding total outstanding pdfUrl peppolUrl
        lines { description activity { slug } quantity unitPrice vatRate net vat account } vatBreakdown { rate net vat }";
    let draft =
        deed(&app.finance(), "invoiceDraft", input, aggregate).await["invoiceDraft"].clone();
    let id = draft["id"].as_str().unwrap().to_owned();
    assert_eq!(
        with(draft, json!({ "id": null })),
        json!({
            "id": null, "number": null, "state": "DRAFT", "buyer": { "name": "Förbund 001" }, "issuedOn": null, "dueOn": null, "dueInDays": 20,
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
    let change = json!({ "invoice": id, "reason": "Tack för kursen", "dueInDays": null });
    let changed = deed(
        &app.finance(),
        "invoiceDraftUpdate",
        change,
        "reason dueInDays lines { description } total",
    )
    .await;
    assert_eq!(changed["invoiceDraftUpdate"]["reason"], "Tack för kursen");
    assert_eq!(changed["invoiceDraftUpdate"]["lines"].as_array().unwrap().len(), 3);

    let issued = issue(&app.finance(), &id, aggregate).await["invoiceIssue"].clone();
    assert_eq!(
        (&issued["number"], &issued["ocr"], &issued["state"]),
        (&json!("20260001"), &json!("2026000105"), &json!("ISSUED"))
    );
    assert_eq!(
        (&issued["issuedOn"], &issued["dueOn"], &issued["total"]),
        (&json!("2026-11-21"), &json!("2026-12-21"), &json!("8630.34"))
    );
    assert_eq!(issue(&app.finance(), &id, "id").await.reason(), "ALREADY_ISSUED");
    let change = json!({ "invoice": id, "reason": null });
    assert_eq!(
        deed(&app.finance(), "invoiceDraftUpdate", change, "id").await.reason(),
        "ALREADY_ISSUED"
    );
    assert_eq!(
        deed(&app.finance(), "invoiceDraftDiscard", json!({ "invoice": id }), "id").await.reason(),
        "ALREADY_ISSUED"
    );

    // A part of a line, then all that is left, then nothing.
    let lines =
        app.finance().query("{ invoice(by: { number: \"20260001\" }) { lines { id } } }").await;
    let line = |position: usize| lines["invoice"]["lines"][position]["id"].clone();
    let part = json!({ "invoice": id, "reason": "En deltagare mindre", "lines": [{ "line": line(0), "amount": "2250.00" }] });
    let fields = "kind number ocr dueOn net vat rounding total reason credits { number outstanding credited state } lines { description quantity unitPrice net }";
    let note =
        deed(&app.finance(), "invoiceCredit", part.clone(), fields).await["invoiceCredit"].clone();
    assert_eq!(
        note,
        json!({
            "kind": "CREDIT_NOTE", "number": "K20260001", "ocr": null, "dueOn": null, "net": "2250.00", "vat": "562.50", "rounding": "0.00",
            "total": "2812.50", "reason": "En deltagare mindre",
            "credits": { "number": "20260001", "outstanding": "5817.84", "credited": "2812.50", "state": "ISSUED" },
            "lines": [{ "description": "BIP-kurs", "quantity": "1", "unitPrice": "2250.00", "net": "2250.00" }],
        })
    );
    let beyond = json!({ "invoice": id, "reason": "x", "lines": [{ "line": line(0), "amount": "4500.01" }, { "line": line(1), "amount": "299.86" }] });
    let refused = deed(&app.finance(), "invoiceCredit", beyond, "id").await;
    assert_eq!(refused.reason(), "BEYOND_INVOICE");
    let words = "invoice 20260001: line 1 has 4500.00 left, without VAT; line 2 has 299.85 left, without VAT";
    assert_eq!(refused.error()["message"], words);
    let rest = deed(
        &app.finance(),
        "invoiceCredit",
        json!({ "invoice": id, "reason": "Inställd" }),
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
        json!({ "number": "20260001", "outstanding": "0.00", "credited": "8630.34", "state": "CREDITED" })
    );
    assert_eq!(
        deed(&app.finance(), "invoiceCredit", json!({ "invoice": id, "reason": "x" }), "id")
            .await
            .reason(),
        "NOTHING_LEFT"
    );

    let revenue = r#"{ revenue(input: { from: "2026-01-01", to: "2026-12-31" }) { total { net credited invoices } } }"#;
    assert_eq!(
        app.finance().query(revenue).await["revenue"]["total"],
        json!({ "net": "0.00", "credited": "6949.85", "invoices": 3 })
    );
    assert_eq!(violations(&app).await, [""; 0]);
    let trail = app.auditor().query("{ auditLog { nodes { action } } }").await;
    let mut actions: Vec<_> = trail["auditLog"]["nodes"]
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

on_both!(its_files_are_kept_as_they_were_issued_and_served_to_those_who_see_it, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let buyer = member(&app, 1).await;
    let id = drafted(&app.finance(), course(&buyer, "1000.00")).await;
    let path = |ending: &str| format!("/files/invoices/{id}.{ending}");
    assert_eq!(app.finance().get(&path("pdf")).await.status, 404, "a draft has no files");
    let urls = issue(&app.finance(), &id, "pdfUrl peppolUrl").await;
    assert_eq!(urls["invoiceIssue"], json!({ "pdfUrl": path("pdf"), "peppolUrl": path("xml") }));

    // What changes after the issue changes no file, even one that nobody asked for until then.
    deed(&app.office(), "memberUpdate", json!({ "member": buyer, "name": "Nytt namn" }), "id")
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
    let kept = app.auditor().query("{ auditLog(first: 1) { nodes { action actor } } }").await;
    assert_eq!(
        kept["auditLog"]["nodes"],
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

on_both!(all_that_is_lacking_is_named_at_once_and_burns_no_number, |app| async move {
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
        ready.office().query("{ invoices { nodes { state } } }").await["invoices"]["nodes"],
        json!([{ "state": "DRAFT" }])
    );
    // Outside the scope of VAT nobody needs a VAT number.
    let input = json!({ "buyer": member(&ready, 1).await, "lines": [{ "description": "Avgift", "unitPrice": "1", "vatRate": "OUTSIDE_SCOPE" }] });
    let untaxed = drafted(&ready.finance(), input).await;
    let (unregistered, _other) = with_network(&app, &NETWORK.replace("vat_number", "#"));
    assert_eq!(
        issue(&unregistered.finance(), &untaxed, "number").await["invoiceIssue"]["number"],
        "20260001"
    );
    let future = json!({ "invoice": lacking, "issuedOn": "2026-11-22" });
    let all = deed(&ready.finance(), "invoiceIssue", future, "id").await;
    assert_eq!(all.bad_fields().len(), 6, "with what it lacks: {:?}", all.bad_fields());
    assert!(all.bad_fields().contains(&"input.issuedOn"));
    // An organisation has billing details too.
    let organisation =
        ready.office().query("{ agreement(by: { number: \"2026-9002\" }) { counterparty { ... on Organisation { id } } } }").await;
    let organisation = organisation["agreement"]["counterparty"]["id"].as_str().unwrap().to_owned();
    let other = drafted(&ready.finance(), course(&organisation, "100.00")).await;
    assert_eq!(issue(&ready.finance(), &other, "id").await.bad_fields().len(), 4);
    let billing = json!({ "buyerReference": "R", "addressLine": "G 1", "postalCode": "111 11", "city": "S", "email": "a@example.se" });
    let known = deed(
        &ready.office(),
        "organisationUpdate",
        json!({ "organisation": organisation, "billing": billing }),
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

on_both!(bad_drafts_are_told_all_that_is_wrong, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let (buyer, bip, before) =
        (member(&app, 1).await, activity(&app, "bip").await, app.revision().await);
    let agreement = app.office().query("{ agreement(by: { number: \"2024-0003\" }) { id } }").await
        ["agreement"]["id"]
        .clone();
    let line = json!({ "description": "x", "unitPrice": "1", "vatRate": "EXEMPT" });
    for (input, fields) in [
        (json!({ "buyer": buyer, "lines": [] }), vec!["input.lines"]),
        (json!({ "buyer": bip, "lines": [line] }), vec!["input.buyer"]),
        (json!({ "buyer": buyer, "lines": vec![line.clone(); 1001] }), vec!["input.lines"]),
        (
            json!({ "buyer": buyer, "dueInDays": 31, "lines": [
                { "description": " ", "quantity": "0", "unitPrice": "1.005", "vatRate": "EXEMPT", "periodFrom": "2026-02-30", "account": "31" },
                { "description": "a\u{0}b", "quantity": "1.0001", "unitPrice": "10000000000.00", "vatRate": "EXEMPT",
                  "periodFrom": "2026-02-02", "periodTo": "2026-02-01", "agreement": agreement },
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
                "input.lines.1.agreement",
                "input.lines.1.description",
                "input.dueInDays",
            ],
        ),
        (
            json!({ "buyer": buyer, "lines": [with(line.clone(), json!({ "unitPrice": "-1" }))] }),
            vec!["input.lines"],
        ),
        (
            json!({ "buyer": buyer, "lines": [line, with(line.clone(), json!({ "vatRate": "ZERO" }))] }),
            vec!["input.lines.1.vatRate"],
        ),
        (
            json!({ "buyer": buyer, "lines": [with(line.clone(), json!({ "unitPrice": "0" }))] }),
            vec!["input.lines"],
        ),
        (
            json!({ "buyer": buyer, "lines": [with(line.clone(), json!({ "account": "1510" })), line, with(line.clone(), json!({ "account": "2621" }))] }),
            vec!["input.lines.0.account", "input.lines.2.account"],
        ),
        (
            json!({ "buyer": buyer, "lines": [line, with(line.clone(), json!({ "vatRate": "OUTSIDE_SCOPE" }))] }),
            vec!["input.lines"],
        ),
        (
            json!({ "buyer": buyer, "lines": vec![with(line.clone(), json!({ "unitPrice": "10000000000.00" })); 2] }),
            vec!["input.lines"],
        ),
        (
            json!({ "buyer": buyer, "lines": [with(line.clone(), json!({ "quantity": "2", "unitPrice": "10000000000.00" }))] }),
            vec!["input.lines.0.unitPrice"],
        ),
    ] {
        let refused = deed(&app.finance(), "invoiceDraft", input, "id").await;
        let (mut found, mut expected) = (refused.bad_fields(), fields);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{}", refused.text());
    }
    let no_one = format!("member_{}", "0".repeat(32));
    assert_eq!(
        deed(&app.finance(), "invoiceDraft", json!({ "buyer": no_one, "lines": [line] }), "id")
            .await
            .code(),
        "NOT_FOUND"
    );
    assert_eq!(app.revision().await, before);
});

on_both!(a_discarded_draft_leaves_its_trace_in_the_trail_alone, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    let was = deed(
        &app.finance(),
        "invoiceDraftDiscard",
        json!({ "invoice": id }),
        "total lines { description } vatBreakdown { vat }",
    )
    .await;
    let expected = json!({ "total": "125.00", "lines": [{ "description": "Kurs" }], "vatBreakdown": [{ "vat": "25.00" }] });
    assert_eq!(was["invoiceDraftDiscard"], expected);
    assert_eq!(issue(&app.finance(), &id, "id").await.code(), "NOT_FOUND");
    let trail =
        app.auditor().query("{ auditLog(first: 1) { nodes { action before after } } }").await;
    let entry = &trail["auditLog"]["nodes"][0];
    assert_eq!(
        (&entry["action"], &entry["after"], &entry["before"]["total"]),
        (&json!("invoiceDraftDiscard"), &Value::Null, &json!(12500))
    );
});

on_both!(a_correction_upwards_refers_to_what_it_corrects, |app| async move {
    let (app, _folder) = fill(&app, 3).await;
    let buyer = member(&app, 1).await;
    let first = drafted(&app.finance(), course(&buyer, "100.00")).await;
    let again =
        with(course(&buyer, "50.00"), json!({ "corrects": first, "reason": "För lågt pris" }));
    assert_eq!(
        deed(&app.finance(), "invoiceDraft", again.clone(), "id").await.bad_fields(),
        ["input.corrects"]
    );
    issue(&app.finance(), &first, "id").await.data();
    let refused = with(again.clone(), json!({ "buyer": member(&app, 3).await, "reason": null }));
    assert_eq!(
        deed(&app.finance(), "invoiceDraft", refused, "id").await.bad_fields(),
        ["input.buyer", "input.reason"]
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
        drafted(&app.finance(), json!({ "buyer": member(&app, 1).await, "lines": lines })).await;
    let lines = issue(&app.finance(), &id, "lines { id }").await["invoiceIssue"]["lines"].clone();
    let credit =
        |position: usize, amount: &str| json!({ "line": lines[position]["id"], "amount": amount });
    let asked = |lines: &[Value]| json!({ "invoice": id, "reason": "x", "lines": lines });
    let refused = deed(&app.finance(), "invoiceCredit", asked(&[credit(0, "100")]), "id").await;
    assert_eq!(refused.reason(), "BEYOND_INVOICE");
    assert_eq!(
        refused.error()["message"],
        "invoice 20260001: 50.00 without VAT remains at 25 %, not 100.00"
    );
    // With its deduction it is right, and so is its VAT.
    let both = deed(
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

on_both!(numbers_follow_days, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let later = app.at("2027-03-01T09:00:00Z");
    let buyer = member(&app, 1).await;
    let on = async |day: &str| {
        let id = drafted(&app.finance(), course(&buyer, "100.00")).await;
        deed(
            &later.finance(),
            "invoiceIssue",
            json!({ "invoice": id, "issuedOn": day }),
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
        deed(&later.finance(), "invoiceRun", run.clone(), "count").await.bad_fields(),
        ["input.issuedOn"]
    );
    let preview = "query($input: InvoiceRunInput!) { invoiceRunPreview(input: $input) { count } }";
    assert_eq!(
        later.finance().ask(preview, json!({ "input": run })).await.bad_fields(),
        ["input.issuedOn"]
    );
    assert_eq!(on("2027-01-02").await["invoiceIssue"]["number"], "20270002");
});

on_both!(a_draft_that_nobody_could_have_drafted_is_not_issued, |app| async move {
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
        .query("{ invoices(filter: { state: [DRAFT] }) { nodes { id lines { id } } } }")
        .await;
    let drafts = drafts["invoices"]["nodes"].as_array().unwrap().clone();
    assert_eq!(drafts.len(), 2);
    for draft in &drafts {
        assert_eq!(
            issue(&app.finance(), draft["id"].as_str().unwrap(), "id").await.bad_fields(),
            ["invoice.lines"]
        );
    }
    // What rounding makes nothing of is nothing that anybody could pay.
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "0.24")).await;
    let (aggregate, _other) =
        with_network(&app, &format!("{NETWORK}[network.invoicing]\nwhole_kronor = true\n"));
    assert_eq!(issue(&aggregate.finance(), &id, "id").await.bad_fields(), ["invoice.lines"]);
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
    let part = json!({ "invoice": id, "reason": "x", "lines": [{ "line": lines["invoice"]["lines"][0]["id"], "amount": "0.02" }] });
    let fields = "vat rounding total credits { state }";
    assert_eq!(
        deed(&app.finance(), "invoiceCredit", part, fields).await["invoiceCredit"],
        json!({ "vat": "0.01", "rounding": "0.00", "total": "0.03", "credits": { "state": "ISSUED" } })
    );
    assert_eq!(
        deed(&app.finance(), "invoiceCredit", json!({ "invoice": id, "reason": "x" }), fields)
            .await["invoiceCredit"],
        json!({ "vat": "2162.12", "rounding": "0.37", "total": "10810.97", "credits": { "state": "CREDITED" } })
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
        let reminded = deed(
            &later.at("2027-02-01T09:00:00Z").finance(),
            "invoiceRemind",
            json!({ "invoice": id }),
            "reminders { fee }",
        )
        .await;
        assert_eq!(reminded["invoiceRemind"]["reminders"], json!([{ "fee": fee }]));
    }
});

on_both!(numbers_go_on_where_history_ends, |app| async move {
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
    let note =
        deed(&app.finance(), "invoiceCredit", json!({ "invoice": id, "reason": "x" }), "number")
            .await;
    assert_eq!(note["invoiceCredit"]["number"], "42");
    let old = app.finance().query("{ invoice(by: { number: \"2025-0107\" }) { id pdfUrl } }").await
        ["invoice"]
        .clone();
    assert_eq!(old["pdfUrl"], Value::Null, "of history the register has no document");
    let rest = deed(
        &app.finance(),
        "invoiceCredit",
        json!({ "invoice": old["id"], "reason": "x" }),
        "total number",
    )
    .await;
    assert_eq!(rest["invoiceCredit"], json!({ "total": "6.00", "number": "43" }));
    let next = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    let issued = issue(&app.at("2027-01-02T09:00:00Z").finance(), &next, "number").await;
    assert_eq!(issued["invoiceIssue"]["number"], "2027-0001");
    assert_eq!(violations(&app).await, [""; 0]);
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
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(two_credits_at_once_never_take_more_than_there_is, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    issue(&app.finance(), &id, "id").await.data();
    let lines =
        app.finance().query("{ invoice(by: { number: \"20260001\" }) { lines { id } } }").await;
    let part = json!({ "invoice": id, "reason": "x", "lines": [{ "line": lines["invoice"]["lines"][0]["id"], "amount": "60.00" }] });
    let tasks = (0..8).map(|_| {
        let (app, part) = (app.clone(), part.clone());
        tokio::spawn(async move { deed(&app.finance(), "invoiceCredit", part, "number").await })
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

on_both!(what_was_issued_never_changes_in_the_database_either, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    issue(&app.finance(), &id, "id").await.data();
    let run = json!({ "activity": activity(&app, "indikatorer").await, "year": 2026, "skipProblems": true });
    assert_eq!(deed(&app.finance(), "invoiceRun", run, "count").await["invoiceRun"]["count"], 9);
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
    // Nor in the ways around an UPDATE or a DELETE that each database has.
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

on_both!(a_line_names_no_agreement_that_its_writer_may_not_see, |app| async move {
    let samples = Samples::fill(&app).await;
    let input = |agreement: &str| {
        let line = json!({ "description": "Avgift", "unitPrice": "1.00", "vatRate": "EXEMPT", "agreement": agreement });
        json!({ "buyer": samples.id("alfa"), "lines": [line] })
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
            "input.lines.0.agreement is not an existing agreement"
        );
    }
    let reader = app.service("invoices:write agreements:read");
    assert_eq!(
        reader.does("invoiceDraft", "id", input(samples.id("avtal beta"))).await.bad_fields(),
        ["input.lines.0.agreement"]
    );
    let draft = reader.does("invoiceDraft", "id", input(samples.id("avtal alfa"))).await["invoiceDraft"]["id"].clone();
    // What stands in a draft stays there.
    blind
        .does("invoiceDraftUpdate", "id", json!({ "invoice": draft, "buyer": samples.id("alfa") }))
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
