//! Values of inputs: amounts, dates, numbers, and texts of every script and length.

use axum::http::StatusCode;
use serde_json::json;

use crate::{
    interfaces::graphql::bad_input::{is_clear, mutation},
    support::{
        app::{App, on_both},
        fixtures::Samples,
    },
};

on_both!(amounts_dates_and_numbers_are_read_exactly, |app| async move {
    let samples = Samples::fill(&app).await;
    let alfa = samples.id("alfa");
    for (amount, taken) in [
        ("0", "0.00"),
        ("0.01", "0.01"),
        ("26800", "26800.00"),
        ("26800.5", "26800.50"),
        ("10000000000.00", "10000000000.00"),
    ] {
        let answer = mutation(
            &app,
            "allocationSet",
            "allocation(year: 2031) { amount }",
            json!({ "memberId": alfa, "year": 2031, "amount": amount }),
        )
        .await;
        assert_eq!(answer["allocationSet"]["allocation"]["amount"], taken);
    }
    let before = app.revision().await;
    for amount in [
        "",
        " ",
        "1,00",
        "1.005",
        "1e3",
        "--1",
        "+1",
        ".5",
        "1.",
        "1 000",
        "10000000000.01",
        "1000000000001",
        "99999999999999999999999",
        "-1",
        "NaN",
        "Infinity",
        "0x10",
        "١",
        "1.0\u{0}",
    ] {
        let answer = mutation(
            &app,
            "allocationSet",
            "id",
            json!({ "memberId": alfa, "year": 2031, "amount": amount }),
        )
        .await;
        is_clear(&answer, "INVALID");
        assert_eq!(answer.bad_fields(), ["input.amount"], "{amount}");
    }
    for amount in [json!(100), json!(1.5), json!(true), json!([]), json!({})] {
        let answer = mutation(
            &app,
            "allocationSet",
            "id",
            json!({ "memberId": alfa, "year": 2031, "amount": amount }),
        )
        .await;
        is_clear(&answer, "INVALID");
    }
    for date in [
        "",
        "2026-02-30",
        "2025-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-1-1",
        "26-01-01",
        "2026/01/01",
        "2026-01-01T00:00:00Z",
        "1899-12-31",
        "3000-01-01",
        "+2026-01-01",
        "０２６-01-01",
        "20260101",
    ] {
        let answer =
            mutation(&app, "memberUpdate", "id", json!({ "memberId": alfa, "joinedOn": date }))
                .await;
        is_clear(&answer, "INVALID");
        assert_eq!(answer.bad_fields(), ["input.joinedOn"], "{date}");
    }
    for number in [
        "222000-1835",
        "121212-1212",
        "2220001834",
        "222000–1834",
        "22200-01834",
        "222000-18340",
        "SE222000183401",
        "",
        "22200０-1834",
    ] {
        let answer =
            mutation(&app, "memberUpdate", "id", json!({ "memberId": alfa, "orgNumber": number }))
                .await;
        is_clear(&answer, "INVALID");
        assert_eq!(answer.bad_fields(), ["input.orgNumber"], "{number}");
    }
    assert_eq!(app.revision().await, before);
});

on_both!(texts_of_the_whole_world_come_back_as_they_went, |app| async move {
    for (position, (text, missing)) in [
        ("Förbundet 🙂👩‍👩‍👧", Some("🙂 (U+1F642)")),
        ("رابطة التنسيق", Some("U+0631")),
        ("\u{202e}dnubröf", Some("U+202E")),
        ("Ærø — “citat” '; DROP TABLE member; --", None),
        ("%_\\", None),
        ("名前", Some("名 (U+540D)")),
        ("e\u{301}", None),
    ]
    .into_iter()
    .enumerate()
    {
        let input = |name: &str| json!({ "name": name, "county": text, "municipalities": [text], "joinedOn": "2026-01-01" });
        // A name stands in documents, whose fonts do not have every letter of the world.
        if let Some(missing) = missing {
            let refused = mutation(&app, "memberAdmit", "id", input(text)).await;
            assert_eq!(refused.bad_fields(), ["input.name"], "{text}");
            assert!(refused.text().contains(missing), "{text}: {}", refused.text());
        }
        let other = format!("Förbund {position}");
        let name = if missing.is_some() { other.as_str() } else { text };
        let answer =
            mutation(&app, "memberAdmit", "id name county municipalities", input(name)).await;
        let member = &answer["memberAdmit"];
        assert_eq!(
            (&member["name"], &member["county"], &member["municipalities"]),
            (&json!(name), &json!(text), &json!([text]))
        );
        let found = app
            .office()
            .ask(
                "query($name: String) { members(filter: { search: $name }) { nodes { name } } }",
                json!({ "name": name }),
            )
            .await;
        // What has neither letters nor digits has no word to be found by.
        let is_found = name.chars().any(char::is_alphanumeric);
        assert_eq!(
            found["members"]["nodes"],
            if is_found { json!([{ "name": name }]) } else { json!([]) }
        );
        let found = app
            .office()
            .ask(
                "query($name: String) { members(filter: { county: $name }) { totalCount } }",
                json!({ "name": text }),
            )
            .await;
        assert_eq!(found["members"]["totalCount"], 1, "{text}");
    }
});

/// Every question that takes a text, with the text in `$text`.
const TEXTS: [&str; 21] = [
    "members(filter: { search: $text }) { totalCount }",
    "members(filter: { county: $text }) { totalCount }",
    "members(filter: { inActivitySlugs: [$text] }) { totalCount }",
    "members(filter: { notInActivitySlugs: [$text] }) { totalCount }",
    "activities(filter: { search: $text }) { totalCount }",
    "activity(by: { slug: $text }) { id }",
    "agreements(filter: { search: $text }) { totalCount }",
    "agreements(filter: { activitySlugs: [$text] }) { totalCount }",
    "agreements(filter: { county: $text }) { totalCount }",
    "agreement(by: { number: $text }) { id }",
    "templates(filter: { search: $text }) { totalCount }",
    "templates(filter: { activitySlugs: [$text] }) { totalCount }",
    "template(by: { slug: $text }) { id }",
    "invoices(filter: { activitySlugs: [$text] }) { totalCount }",
    "costs(filter: { activitySlugs: [$text] }) { totalCount }",
    "grants(filter: { activitySlugs: [$text] }) { totalCount }",
    "statusReports(filter: { activitySlugs: [$text] }) { totalCount }",
    "documents(filter: { activitySlugs: [$text] }) { totalCount }",
    "invoice(by: { number: $text }) { id }",
    "invoice(by: { ocr: $text }) { id }",
    "auditEntries(filter: { actor: $text }) { totalCount }",
];

on_both!(texts_that_no_database_holds_find_nothing_or_are_refused, |app| async move {
    Samples::fill(&app).await;
    let mut wrong = Vec::new();
    for question in TEXTS {
        for text in [
            "",
            " ",
            "a\u{0}b",
            "\u{0}",
            "🙂",
            "%",
            "_",
            "\\",
            "'",
            "\"",
            "\u{202e}ab",
            "\u{feff}",
            "\u{10ffff}",
            &"å".repeat(100_000),
        ] {
            let answer = app
                .office()
                .ask(&format!("query($text: String!) {{ {question} }}"), json!({ "text": text }))
                .await;
            if answer.errors().iter().any(|error| error["extensions"]["code"] != "INVALID") {
                wrong.push(format!(
                    "{question} with {:?}: {}",
                    text.chars().take(10).collect::<String>(),
                    answer.error()
                ));
            } else if !answer.errors().is_empty() {
                is_clear(&answer, "INVALID");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.office().query("{ members { totalCount } }").await.data();
});

on_both!(very_long_texts_are_refused, |app| async move {
    let samples = Samples::fill(&app).await;
    let before = app.revision().await;
    let answer = mutation(
        &app,
        "memberAdmit",
        "id",
        json!({ "name": "å".repeat(5 << 20), "joinedOn": "2026-01-01" }),
    )
    .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    is_clear(&answer, "INVALID");
    let long = "å".repeat(1 << 19);
    // And where the operator lets them in, the fields have their own limits.
    let patient = app.with(&[("SAMREGISTER_MAX_BODY_BYTES", "268435456")]);
    let answer = mutation(
        &patient,
        "memberAdmit",
        "id",
        json!({ "name": long, "joinedOn": "2026-01-01", "billing": { "buyerReference": long } }),
    )
    .await;
    is_clear(&answer, "INVALID");
    assert_eq!(answer.bad_fields(), ["input.billing.buyerReference", "input.name"]);
    let answer = mutation(
        &patient,
        "statusReportFile",
        "id",
        json!({ "activityId": samples.id("bip"), "period": long, "health": "RED", "summary": long }),
    )
    .await;
    assert_eq!(answer.bad_fields(), ["input.period", "input.summary"]);
    let answer = mutation(
        &patient,
        "allocationSet",
        "id",
        json!({ "memberId": long, "year": 2026, "amount": long }),
    )
    .await;
    assert_eq!(answer.bad_fields(), ["input.amount", "input.memberId"]);
    let inline =
        format!("{{ node(id: \"{long}\") {{ id }} members(after: \"{long}\") {{ totalCount }} }}");
    let answer = patient.office().query(&inline).await;
    let codes: Vec<_> = answer.errors().iter().map(|error| &error["extensions"]["code"]).collect();
    assert!(!codes.is_empty() && codes.iter().all(|code| *code == "INVALID"), "{codes:?}");
    assert_eq!(app.revision().await, before);
    app.office().query("{ members { totalCount } }").await.data();
});

on_both!(a_string_of_a_document_is_no_value_of_an_enum, |app| async move {
    let samples = Samples::fill(&app).await;
    let office = app.office();
    let report = format!(
        "mutation {{ statusReportFile(input: {{ activityId: \"{}\", period: \"2026\", health: \"RED\", summary: \"x\" }}) {{ statusReport {{ id }} }} }}",
        samples.id("bip")
    );
    let before = app.revision().await;
    for (document, path) in [
        ("{ invoices(filter: { status: [OVERDUE, \"PAID\"] }) { totalCount } }", "filter.status.1"),
        ("{ costs(filter: { status: \"BOOKED\" }) { totalCount } }", "filter.status"),
        ("{ members(orderBy: { field: \"NAME\" }) { totalCount } }", "orderBy.field"),
        (
            "query($status: [MemberStatus!] = [\"ACTIVE\"]) { members(filter: { status: $status }) { totalCount } }",
            "variables.status.0",
        ),
        (
            "{ members { nodes { ...m } } } fragment m on Member { invoices(filter: { kind: \"INVOICE\" }) { totalCount } }",
            "filter.kind",
        ),
        (report.as_str(), "input.health"),
    ] {
        let refused = office.query(document).await;
        assert_eq!(refused.bad_fields(), [path], "{document}");
        assert_eq!(refused.error()["extensions"]["fields"][0]["code"], "WRONG_TYPE", "{document}");
    }
    assert_eq!(app.revision().await, before);
    // Variables are JSON, which has no other form for them.
    let document = "query($status: [MemberStatus!], $order: MemberOrder, $kind: InvoiceKind = INVOICE) { members(filter: { status: $status, search: \"alfa\" }, orderBy: $order) { nodes { invoices(filter: { kind: $kind }) { totalCount } } } }";
    let variables = json!({ "status": ["ACTIVE"], "order": { "field": "NAME" } });
    office.ask(document, variables).await.data();
    office
        .query("{ members(filter: { status: [ACTIVE] }, orderBy: { field: NAME }) { totalCount } }")
        .await
        .data();
});
