//! Queries of invoices: filters, orders, fields and visibility.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    fixtures::{BUYERS, EARNERS},
    random_ledger::RandomLedger,
};

/// An invoice in each state, with all that can hang on one.
pub const INVOICES: [(&str, &str); 7] = [
    BUYERS[0],
    BUYERS[1],
    EARNERS,
    (
        "agreements.csv",
        "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate
a1,2026-0001,PARTICIPATION,INCOME,ind,gotland,,,2025-01-01,,3,,2024-11-01T08:00:00Z,2024-12-01,,FIXED_PER_YEAR,8648.50,,STANDARD_25
a2,2026-0002,PARTICIPATION,INCOME,ind,gavle,,,2025-01-01,,3,,2024-11-01T08:00:00Z,2024-12-01,,FIXED_PER_YEAR,100.00,,STANDARD_25
",
    ),
    (
        "invoices.csv",
        "key,number,kind,buyer,issued_on,due_on,credits,rounding
paid,1,INVOICE,gotland,2026-01-15,2026-02-14,,0.40
late,2,INVOICE,gavle,2026-03-31,2026-04-30,,
part,3,INVOICE,konsult,2026-11-01,2026-12-01,,
sent,4,INVOICE,gavle,2026-11-02,2026-12-02,,
credited,5,INVOICE,gavle,2026-11-03,2026-12-03,,
more,10,INVOICE,gotland,2026-11-20,2026-12-20,,
note,1,CREDIT_NOTE,gavle,2026-11-10,,credited,
note2,2,CREDIT_NOTE,gavle,2026-11-11,,late,
draft,,INVOICE,gotland,,,,
",
    ),
    (
        "invoice_lines.csv",
        "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate
paid,Avgift 2026,ind,a1,2026-01-01,2026-12-31,1,8648.50,STANDARD_25
paid,Rabatt,ind,a1,,,1.5,-0.10,STANDARD_25
paid,Kurslitteratur,bip,,,,3,0.05,REDUCED_6
late,Avgift,ind,a2,,,1,100.00,STANDARD_25
late,Avgift igen,ind,a2,,,1,100.00,STANDARD_25
part,Kurs,bip,,,,1,1100.00,EXEMPT
sent,Serviceavgift,,,,,1,1000.00,OUTSIDE_SCOPE
credited,Avgift,ind,a2,,,1,100.00,STANDARD_25
more,Kurs,bip,,,,1,10.00,ZERO
note,Avgift,ind,a2,,,1,100.00,STANDARD_25
note2,Avgift,ind,a2,,,1,40.00,STANDARD_25
draft,Kurs,bip,,,,1,99.00,STANDARD_25
",
    ),
    (
        "payments.csv",
        "invoice,received_on,amount,reference
paid,2026-02-20,5000.00,b2
paid,2026-02-10,6000.00,b1
part,2026-11-05,400.00,b3
",
    ),
];

async fn numbers(caller: &Caller<'_>, arguments: &str) -> Vec<String> {
    let answer = caller
        .query(&format!("{{ invoices{arguments} {{ totalCount nodes {{ kind number }} }} }}"))
        .await;
    let list = &answer["invoices"];
    let nodes = list["nodes"].as_array().unwrap();
    if !arguments.contains("first:") && !arguments.contains("last:") {
        assert_eq!(list["totalCount"], nodes.len(), "{arguments}");
    }
    let number = |node: &Value| {
        let letter = if node["kind"] == "CREDIT_NOTE" { "K" } else { "" };
        format!("{letter}{}", node["number"].as_str().unwrap_or("utkast"))
    };
    nodes.iter().map(number).collect()
}

pub(super) async fn id_of(app: &App, list: &str, name: &str) -> String {
    let answer = app.office().query(&format!("{{ {list} {{ nodes {{ id name }} }} }}")).await;
    let nodes = answer[list]["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
}

on_both!(an_invoice_answers_all_its_fields, |app| async move {
    app.import(&INVOICES).await;
    let document = r#"{ invoice(by: { number: "1" }) {
        kind number ocr status before: status(asOf: "2026-01-14") then: status(asOf: "2026-02-17") issuedOn dueOn payableUntil
        buyer { __typename ... on Member { name orgNumber } }
        lines { description activity { slug } agreement { number } periodFrom periodTo quantity unitPrice vatRate net vat account }
        net vat vatBreakdown { rate net vat } rounding total paid credited outstanding overpaid
        payments { receivedOn amount reference } reminders { sentOn } credits { number } creditNotes { number }
    } }"#;
    let answer = app.finance().query(document).await;
    let expected = json!({
        "kind": "INVOICE", "number": "1", "ocr": "133", "status": "PAID", "before": "DRAFT", "then": "OVERDUE",
        "issuedOn": "2026-01-15", "dueOn": "2026-02-14", "payableUntil": "2026-02-16",
        "buyer": { "__typename": "Member", "name": "Gotland", "orgNumber": "222000-1834" },
        "lines": [
            { "description": "Avgift 2026", "activity": { "slug": "indikatorer" }, "agreement": { "number": "2026-0001" }, "periodFrom": "2026-01-01",
              "periodTo": "2026-12-31", "quantity": "1", "unitPrice": "8648.50", "vatRate": "STANDARD_25", "net": "8648.50", "vat": "2162.13", "account": "3041" },
            { "description": "Rabatt", "activity": { "slug": "indikatorer" }, "agreement": { "number": "2026-0001" }, "periodFrom": null,
              "periodTo": null, "quantity": "1.5", "unitPrice": "-0.10", "vatRate": "STANDARD_25", "net": "-0.15", "vat": "-0.04", "account": "3041" },
            { "description": "Kurslitteratur", "activity": { "slug": "bip" }, "agreement": null, "periodFrom": null,
              "periodTo": null, "quantity": "3", "unitPrice": "0.05", "vatRate": "REDUCED_6", "net": "0.15", "vat": "0.01", "account": "3043" },
        ],
        "net": "8648.50", "vat": "2162.10",
        "vatBreakdown": [{ "rate": "STANDARD_25", "net": "8648.35", "vat": "2162.09" }, { "rate": "REDUCED_6", "net": "0.15", "vat": "0.01" }],
        "rounding": "0.40", "total": "10811.00", "paid": "11000.00", "credited": "0.00", "outstanding": "0.00", "overpaid": "189.00",
        "payments": [{ "receivedOn": "2026-02-10", "amount": "6000.00", "reference": "b1" }, { "receivedOn": "2026-02-20", "amount": "5000.00", "reference": "b2" }],
        "reminders": [], "credits": null, "creditNotes": [],
    });
    assert_eq!(answer["invoice"], expected);
});

on_both!(an_invoice_is_found_in_three_ways, |app| async move {
    app.import(&INVOICES).await;
    let find = async |by: Value| {
        let document = "query($by: InvoiceBy!) { invoice(by: $by) { id kind number ocr credits { number } creditNotes { number credits { number } } outstanding } }";
        app.auditor().ask(document, json!({ "by": by })).await["invoice"].clone()
    };
    // Each kind has a series of its own, and an invoice comes first.
    let second = find(json!({ "number": "2" })).await;
    assert_eq!(
        (&second["kind"], &second["creditNotes"]),
        (&json!("INVOICE"), &json!([{ "number": "2", "credits": { "number": "2" } }]))
    );
    assert_eq!(second["outstanding"], "200.00");
    assert_eq!(find(json!({ "id": second["id"] })).await, second);
    assert_eq!(find(json!({ "ocr": second["ocr"] })).await, second);
    for nothing in [
        json!({ "number": "99" }),
        json!({ "ocr": "99" }),
        json!({ "id": "invoice_00000000000000000000000000000000" }),
    ] {
        assert_eq!(find(nothing).await, Value::Null);
    }
    let node = app
        .auditor()
        .ask(
            "query($id: ID!) { node(id: $id) { id ... on Invoice { number } } }",
            json!({ "id": second["id"] }),
        )
        .await;
    assert_eq!(node["node"]["number"], "2");
    for (by, path) in [
        (json!({ "id": "x" }), "by.id"),
        (json!({ "id": "member_00000000000000000000000000000000" }), "by.id"),
        (json!({ "number": "\u{0}" }), "by.number"),
        (json!({ "ocr": " " }), "by.ocr"),
    ] {
        let answer = app
            .auditor()
            .ask("query($by: InvoiceBy!) { invoice(by: $by) { id } }", json!({ "by": by }))
            .await;
        assert_eq!(answer.errors()[0]["extensions"]["fields"][0]["path"], path, "{by}");
    }
});

on_both!(filters_and_orders_compose, |app| async move {
    app.import(&INVOICES).await;
    let finance = app.finance();
    let (gavle, konsult) = (id_of(&app, "members", "Gävle").await, {
        let answer = app
            .office()
            .query(r#"{ invoice(by: { number: "3" }) { buyer { ... on Organisation { id } } } }"#)
            .await;
        answer["invoice"]["buyer"]["id"].as_str().unwrap().to_owned()
    });
    for (arguments, expected) in [
        (String::new(), vec!["utkast", "1", "K1", "2", "K2", "3", "4", "5", "10"]),
        ("(filter: { status: OVERDUE })".into(), vec!["2"]),
        ("(filter: { status: [PAID, PARTLY_PAID, CREDITED] })".into(), vec!["1", "3", "5"]),
        (
            "(filter: { status: [] })".into(),
            vec!["utkast", "1", "K1", "2", "K2", "3", "4", "5", "10"],
        ),
        (
            r#"(filter: { status: DRAFT, asOf: "2026-11-02" })"#.into(),
            vec!["utkast", "K1", "K2", "5", "10"],
        ),
        ("(filter: { kind: CREDIT_NOTE })".into(), vec!["K1", "K2"]),
        (
            r#"(filter: { activitySlugs: ["bip"], kind: INVOICE })"#.into(),
            vec!["utkast", "1", "3", "10"],
        ),
        (r#"(filter: { activitySlugs: ["bip", "indikatorer"], status: PAID })"#.into(), vec!["1"]),
        (format!("(filter: {{ buyerId: {gavle:?}, kind: INVOICE }})"), vec!["2", "4", "5"]),
        (format!("(filter: {{ buyerId: {konsult:?} }})"), vec!["3"]),
        (
            r#"(filter: { issuedFrom: "2026-11-03", issuedTo: "2026-11-10" })"#.into(),
            vec!["K1", "5"],
        ),
        (r#"(filter: { dueTo: "2026-12-01" })"#.into(), vec!["1", "2", "3"]),
        ("(orderBy: { field: NUMBER, direction: DESC }, first: 3)".into(), vec!["10", "5", "4"]),
        ("(orderBy: { field: ISSUED_ON }, last: 3)".into(), vec!["K2", "10", "utkast"]),
        (
            "(orderBy: { field: DUE_ON, direction: DESC }, filter: { kind: INVOICE })".into(),
            vec!["utkast", "10", "5", "4", "3", "2", "1"],
        ),
        ("(orderBy: { field: TOTAL, direction: DESC }, first: 2)".into(), vec!["1", "3"]),
    ] {
        let mut found = numbers(&finance, &arguments).await;
        let mut expected: Vec<_> = expected.into_iter().map(str::to_owned).collect();
        if !arguments.contains("orderBy") {
            // Numbers of two series may be the same, and then the id decides.
            found.sort();
            expected.sort();
        }
        assert_eq!(found, expected, "{arguments}");
    }
});

on_both!(pages_follow_each_other_in_every_order, |app| async move {
    RandomLedger::draw(&app, 5, 60).await;
    let document = "query($order: InvoiceOrder, $first: Int, $after: String, $last: Int, $before: String) {
        invoices(orderBy: $order, first: $first, after: $after, last: $last, before: $before) {
            totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { id } } }";
    let finance = app.finance();
    let ids = |page: &Value| {
        page["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for field in ["NUMBER", "ISSUED_ON", "DUE_ON", "TOTAL"] {
        for direction in ["ASC", "DESC"] {
            let order = json!({ "field": field, "direction": direction });
            let unpaged =
                finance.ask(document, json!({ "order": order, "first": 200 })).await["invoices"]
                    .clone();
            assert_eq!(unpaged["totalCount"], ids(&unpaged).len());
            let (mut forward, mut backward) = (Vec::new(), Vec::new());
            let (mut after, mut before) = (Value::Null, Value::Null);
            loop {
                let page = finance
                    .ask(document, json!({ "order": order, "first": 7, "after": after }))
                    .await["invoices"]
                    .clone();
                forward.extend(ids(&page));
                after = page["pageInfo"]["endCursor"].clone();
                if page["pageInfo"]["hasNextPage"] == false {
                    break;
                }
            }
            loop {
                let page = finance
                    .ask(document, json!({ "order": order, "last": 7, "before": before }))
                    .await["invoices"]
                    .clone();
                backward.splice(0..0, ids(&page));
                before = page["pageInfo"]["startCursor"].clone();
                if page["pageInfo"]["hasPreviousPage"] == false {
                    break;
                }
            }
            assert_eq!(
                (&forward, &backward),
                (&ids(&unpaged), &ids(&unpaged)),
                "{field} {direction}"
            );
        }
    }
});

on_both!(a_state_is_the_same_in_filters_and_fields, |app| async move {
    RandomLedger::draw(&app, 1, 150).await;
    let mut seen = BTreeSet::new();
    let days = [
        "2024-10-31",
        "2024-12-31",
        "2025-01-01",
        "2025-01-31",
        "2025-04-30",
        "2025-06-15",
        "2025-09-01",
        "2025-12-31",
        "2026-02-28",
        "2026-03-01",
        "2026-07-31",
        "2026-11-21",
        "2027-06-01",
    ];
    for on in days {
        let reported = app.board().ask("query($on: Date) { invoices(first: 200) { nodes { id status(asOf: $on) } } more: invoices(last: 200) { nodes { id status(asOf: $on) } } }", json!({ "on": on })).await;
        let all: BTreeSet<_> = ["invoices", "more"]
            .into_iter()
            .flat_map(|list| reported[list]["nodes"].as_array().unwrap().clone())
            .map(|node| (node["id"].to_string(), node["status"].to_string()))
            .collect();
        for state in ["DRAFT", "ISSUED", "PARTLY_PAID", "PAID", "OVERDUE", "CREDITED"] {
            let document = "query($status: [InvoiceStatus!], $on: Date) { invoices(filter: { status: $status, asOf: $on }, first: 200) { totalCount nodes { id } } }";
            let asked = app.board().ask(document, json!({ "status": [state], "on": on })).await;
            let mut found: Vec<_> = asked["invoices"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["id"].to_string())
                .collect();
            found.sort();
            let expected: Vec<_> = all
                .iter()
                .filter(|(_, reported)| *reported == format!("{state:?}"))
                .map(|(id, _)| id.clone())
                .collect();
            assert_eq!(found, expected, "{state} on {on}");
            assert_eq!(asked["invoices"]["totalCount"], expected.len());
            if !expected.is_empty() {
                seen.insert(state);
            }
        }
    }
    assert_eq!(seen.len(), 6, "every state was there: {seen:?}");
});

on_both!(a_member_sees_what_it_was_sent_and_a_lead_none, |app| async move {
    app.import(&INVOICES).await;
    let (gotland, gavle) =
        (id_of(&app, "members", "Gotland").await, id_of(&app, "members", "Gävle").await);
    // Its draft isn't sent yet.
    assert_eq!(numbers(&app.member(&gotland), "").await, ["1", "10"]);
    assert_eq!(numbers(&app.member(&gavle), "(filter: { kind: INVOICE })").await, ["2", "4", "5"]);
    assert_eq!(
        numbers(&app.member(&gavle), &format!("(filter: {{ buyerId: {gotland:?} }})")).await,
        Vec::<String>::new()
    );
    for blind in [
        app.lead(&["bip", "indikatorer"]),
        app.service("revenue:read"),
        app.service("agreements:read"),
    ] {
        assert_eq!(numbers(&blind, "").await, Vec::<String>::new());
        assert_eq!(
            blind.query(r#"{ invoice(by: { number: "1" }) { id } }"#).await["invoice"],
            Value::Null
        );
    }
    assert_eq!(numbers(&app.service("invoices:read"), "").await.len(), 9);
    let other =
        app.office().query(r#"{ invoice(by: { number: "1" }) { id ocr } }"#).await["invoice"]
            .clone();
    for by in
        [json!({ "number": "1" }), json!({ "id": other["id"] }), json!({ "ocr": other["ocr"] })]
    {
        let found = app
            .member(&gavle)
            .ask("query($by: InvoiceBy!) { invoice(by: $by) { kind number } }", json!({ "by": by }))
            .await;
        // Of the number 1 it sees the credit note alone.
        let expected = if by["number"].is_null() {
            Value::Null
        } else {
            json!({ "kind": "CREDIT_NOTE", "number": "1" })
        };
        assert_eq!(found["invoice"], expected);
    }
    let nested = app
        .member(&gavle)
        .query("{ members { nodes { name invoices { totalCount nodes { number } } } } }")
        .await;
    assert_eq!(nested["members"]["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(nested["members"]["nodes"][0]["invoices"]["totalCount"], 5);
    let led = app
        .lead(&["indikatorer"])
        .query("{ agreements { nodes { number invoices { totalCount nodes { number } } } } }")
        .await;
    assert_eq!(
        led["agreements"]["nodes"][0],
        json!({ "number": "2026-0001", "invoices": { "totalCount": 0, "nodes": [] } })
    );
});

on_both!(agreements_and_members_list_their_invoices, |app| async move {
    app.import(&INVOICES).await;
    let document = "{ agreements { nodes { number invoices(first: 2) { totalCount pageInfo { hasNextPage } nodes { kind number } } } }
        members { nodes { name invoices(first: 2, filter: { kind: INVOICE }, orderBy: { field: TOTAL, direction: DESC }) { totalCount nodes { number } } } } }";
    let answer = app.finance().query(document).await;
    // An agreement's invoice is listed once, however many lines of it are about it.
    let agreements = &answer["agreements"]["nodes"];
    assert_eq!(
        agreements[0]["invoices"],
        json!({ "totalCount": 1, "pageInfo": { "hasNextPage": false }, "nodes": [{ "kind": "INVOICE", "number": "1" }] })
    );
    assert_eq!(
        (
            &agreements[1]["invoices"]["totalCount"],
            &agreements[1]["invoices"]["pageInfo"]["hasNextPage"]
        ),
        (&json!(4), &json!(true))
    );
    assert_eq!(agreements[1]["invoices"]["nodes"].as_array().unwrap().len(), 2);
    let members = &answer["members"]["nodes"];
    assert_eq!(
        members[0],
        json!({ "name": "Gotland", "invoices": { "totalCount": 3, "nodes": [{ "number": "1" }, { "number": null }] } })
    );
    assert_eq!(
        members[1],
        json!({ "name": "Gävle", "invoices": { "totalCount": 3, "nodes": [{ "number": "4" }, { "number": "2" }] } })
    );
});

on_both!(a_page_needs_a_statement_for_each_kind_of_thing, |app| async move {
    RandomLedger::draw(&app, 9, 80).await;
    let document = "query($first: Int!) { invoices(first: $first) { totalCount nodes { number status total outstanding
        buyer { ... on Member { name } ... on Organisation { name } }
        lines { net activity { name } agreement { number } } vatBreakdown { rate net vat }
        payments { amount } reminders { fee } credits { number } creditNotes { number lines { net } } } } }";
    for first in [5, 100] {
        app.statements();
        app.finance().ask(document, json!({ "first": first })).await.data();
        let statements = app.statements();
        assert!(statements.len() <= 13, "{first}: {statements:#?}");
    }
    app.statements();
    app.finance().query("{ invoices { nodes { id number } } }").await.data();
    let statements = app.statements();
    assert_eq!(statements.len(), 1, "{statements:#?}");
    assert!(
        !statements[0].contains("\"total\""),
        "only what was asked for is read: {statements:?}"
    );
});

on_both!(every_bad_field_of_a_filter_is_named_at_once, |app| async move {
    let document = "query($filter: InvoiceFilter, $first: Int, $after: String) { invoices(filter: $filter, first: $first, after: $after) { totalCount } }";
    let filter = json!({ "asOf": "2026-02-30", "buyerId": "activity_00000000000000000000000000000000", "activitySlugs": ["bip", "\u{0}"], "issuedFrom": "x", "issuedTo": "1800-01-01", "dueFrom": "2026-13-01", "dueTo": "2026-13-01" });
    let answer =
        app.finance().ask(document, json!({ "filter": filter, "first": -1, "after": "x" })).await;
    let paths = [
        "after",
        "filter.activitySlugs.0",
        "filter.activitySlugs.1",
        "filter.asOf",
        "filter.buyerId",
        "filter.dueFrom",
        "filter.dueTo",
        "filter.issuedFrom",
        "filter.issuedTo",
        "first",
    ];
    assert_eq!(answer.bad_fields(), paths);
    assert_eq!(app.finance().ask(document, json!({ "first": 201 })).await.bad_fields(), ["first"]);
});

on_both!(a_large_list_is_counted_up_to_a_number, |app| async move {
    RandomLedger::draw(&app, 5, 40).await;
    let ask = async |list: &str, at_most: i64| {
        let document = format!(
            "query($atMost: Int!) {{ {list} {{ all: totalCount totalCount(atMost: $atMost) totalCountIsEstimate(atMost: $atMost) }} }}"
        );
        let answer = app.office().ask(&document, json!({ "atMost": at_most })).await;
        answer[list.split('(').next().unwrap()].clone()
    };
    let overdue = "invoices(filter: { status: [OVERDUE] })";
    for list in ["invoices", overdue, "members", "auditEntries", "activities"] {
        let all = ask(list, 1_000_000).await["all"].as_i64().unwrap();
        assert!(all > 2, "{list}");
        for (at_most, is_estimate) in [(1, true), (all - 1, true), (all, false), (all + 1, false)] {
            let expected = json!({
                "all": all,
                "totalCount": at_most.min(all),
                "totalCountIsEstimate": is_estimate,
            });
            assert_eq!(ask(list, at_most).await, expected, "{list} {at_most}");
        }
    }
    // Both fields are one statement, which stops above the number.
    for list in ["invoices", overdue] {
        let both = "totalCount(atMost: 1) totalCountIsEstimate(atMost: 1)";
        app.statements();
        app.office().query(&format!("{{ {list} {{ {both} }} }}")).await.data();
        let statements = app.statements();
        let counts: Vec<_> = statements.iter().filter(|sql| sql.contains("COUNT(*)")).collect();
        assert_eq!(counts.len(), 1, "{statements:#?}");
        assert!(counts[0].contains("LIMIT"), "{counts:#?}");
    }

    for field in ["totalCount(atMost: 0)", "totalCountIsEstimate(atMost: -1)"] {
        let bad = app.office().query(&format!("{{ invoices {{ {field} }} }}")).await;
        assert_eq!(bad.bad_fields(), ["atMost"], "{field}");
    }
});
