//! Bad input: one clear error with its code that names every bad field, nothing changed, and a
//! server that goes on.

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    app::{Answer, App, on_both},
    samples::Samples,
};

/// What follows the noun in the ids of things that are not there.
const NOTHING: &str = "0197aaaaaaaa7000800000000000000a";

/// Does a deed as the office.
async fn deed(app: &App, name: &str, selection: &str, input: Value) -> Answer {
    app.office().does(name, selection, input).await
}

/// Everything that an error must be: one, with a code, words, the request's id, and nothing of the
/// server's insides.
#[track_caller]
fn is_clear(answer: &Answer, code: &str) {
    assert_eq!(answer.code(), code, "{}", answer.text());
    let error = answer.error();
    let message = error["message"].as_str().unwrap();
    // One clause has no full stop, sentences have.
    assert!(
        !message.is_empty()
            && (!message.ends_with('.') || message.contains(". "))
            && message.len() < 1000,
        "{message}"
    );
    assert_eq!(error["extensions"]["requestId"], answer.header("x-request-id"));
    for insides in
        ["sqlx", "SQL", "sea_orm", "panicked", "Utf8Error", "UNIQUE", "constraint", "src/"]
    {
        assert!(!answer.text().contains(insides), "{insides} in {}", answer.text());
    }
}

/// What is wrong with how a deed is refused: it should be for exactly these fields, and change
/// nothing.
async fn refused_for(app: &App, name: &str, input: Value, fields: &[&str]) -> Option<String> {
    let before = app.revision().await;
    let answer = deed(app, name, "id", input).await;
    if answer.code() != "INVALID" {
        return Some(format!("{name}: {}", answer.text()));
    }
    is_clear(&answer, "INVALID");
    assert_eq!(app.revision().await, before, "{name} changed something");
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    let found = answer.bad_fields();
    (found != fields).then(|| format!("{name} names {found:?}\n   instead of {fields:?}"))
}

on_both!(every_bad_field_of_a_deed_is_named_at_once, |app| async move {
    let samples = Samples::fill(&app).await;
    let mut wrong = Vec::new();
    let (alfa, bip, anna) = (samples.id("alfa"), samples.id("bip"), samples.id("anna"));
    wrong.extend(refused_for(
        &app,
        "memberAdmit",
        json!({ "name": " ", "orgNumber": "222000-1835", "county": "a\u{0}b", "municipalities": ["Bra", ""], "contactArea": "x".repeat(301),
            "joinedOn": "2026-02-30", "billing": { "email": "ingen", "peppolId": "222000", "city": "x\u{7}" } }),
        &["input.billing.city", "input.billing.email", "input.billing.peppolId", "input.contactArea", "input.county", "input.joinedOn", "input.municipalities.1", "input.name", "input.orgNumber"],
    )
    .await);
    wrong.extend(refused_for(
        &app,
        "memberUpdate",
        json!({ "member": alfa, "name": "", "orgNumber": "121212-1212", "county": "x".repeat(301), "municipalities": ["\n"], "joinedOn": "20260101", "billing": { "email": "a@" } }),
        &["input.billing.email", "input.county", "input.joinedOn", "input.municipalities.0", "input.name", "input.orgNumber"],
    )
    .await);
    wrong.extend(
        refused_for(
            &app,
            "memberLeave",
            json!({ "member": alfa, "leftOn": "2026-13-01", "reason": "\u{0}" }),
            &["input.leftOn", "input.reason"],
        )
        .await,
    );
    wrong.extend(
        refused_for(
            &app,
            "memberMerge",
            json!({ "into": alfa, "from": [bip, "x"], "leftOn": "i morgon" }),
            &["input.from.0", "input.from.1", "input.leftOn"],
        )
        .await,
    );
    wrong.extend(
        refused_for(
            &app,
            "allocationSet",
            json!({ "member": alfa, "year": 12026, "amount": "1.005", "source": "\u{1b}" }),
            &["input.amount", "input.source", "input.year"],
        )
        .await,
    );
    wrong.extend(refused_for(
        &app,
        "contactAdd",
        json!({ "member": "member_", "role": "CHAIR", "name": "", "email": "x", "phone": "x".repeat(301), "validFrom": "2026-02-30", "validTo": "2026-02-31" }),
        &["input.email", "input.member", "input.name", "input.phone", "input.validFrom", "input.validTo"],
    )
    .await);
    wrong.extend(
        refused_for(
            &app,
            "contactUpdate",
            json!({ "contact": anna, "name": " ", "email": "x y@z.se", "validTo": "1899-12-31" }),
            &["input.email", "input.name", "input.validTo"],
        )
        .await,
    );
    wrong.extend(
        refused_for(&app, "contactErase", json!({ "contact": alfa }), &["input.contact"]).await,
    );
    wrong.extend(
        refused_for(
            &app,
            "organisationAdd",
            json!({ "name": "\u{0}", "orgNumber": "1" }),
            &["input.name", "input.orgNumber"],
        )
        .await,
    );
    wrong.extend(
        refused_for(
            &app,
            "organisationUpdate",
            json!({ "organisation": samples.id("gamma"), "name": "", "orgNumber": "1" }),
            &["input.name", "input.orgNumber"],
        )
        .await,
    );
    wrong.extend(refused_for(
        &app,
        "activityStart",
        json!({ "slug": "Ej Så", "name": "", "purpose": "x".repeat(20_001), "goal": "\u{0}", "funding": [], "startsOn": "2026-02-30", "endsOn": "x", "lead": alfa,
            "boardContact": "contact_x", "decision": { "body": "BOARD", "on": "2026-00-01", "paragraph": "x".repeat(301) } }),
        &["input.boardContact", "input.decision.on", "input.decision.paragraph", "input.endsOn", "input.goal", "input.lead", "input.name", "input.purpose", "input.slug", "input.startsOn"],
    )
    .await);
    wrong.extend(
        refused_for(
            &app,
            "activityUpdate",
            json!({ "activity": bip, "name": "", "startsOn": "x", "goal": "\u{0}" }),
            &["input.goal", "input.name", "input.startsOn"],
        )
        .await,
    );
    wrong.extend(
        refused_for(
            &app,
            "activityClose",
            json!({ "activity": alfa, "endsOn": "2026-02-30" }),
            &["input.activity", "input.endsOn"],
        )
        .await,
    );
    wrong.extend(refused_for(
        &app,
        "feeScheduleSet",
        json!({ "activity": bip, "validFrom": "x", "validTo": "y", "basis": "FIXED_PER_YEAR", "amount": "1.005", "cap": "10000000000.01", "minimum": "1e3", "vatRate": "STANDARD_25" }),
        &["input.amount", "input.cap", "input.minimum", "input.validFrom", "input.validTo"],
    )
    .await);
    wrong.extend(
        refused_for(
            &app,
            "costRecord",
            json!({ "activity": bip, "bookedOn": "2026-02-30", "amount": "1,00", "description": "" }),
            &["input.amount", "input.bookedOn", "input.description"],
        )
        .await,
    );
    wrong.extend(
        refused_for(
            &app,
            "grantRecord",
            json!({ "activity": bip, "bookedOn": "", "amount": "0.001", "funder": "\u{0}" }),
            &["input.amount", "input.bookedOn", "input.funder"],
        )
        .await,
    );
    wrong.extend(refused_for(
        &app,
        "statusReportFile",
        json!({ "activity": bip, "period": "", "health": "GREEN", "summary": "", "deviations": "\u{0}", "nextSteps": "x".repeat(20_001) }),
        &["input.deviations", "input.nextSteps", "input.period", "input.summary"],
    )
    .await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.office().query("{ members { totalCount } }").await.data();
});

on_both!(ids_of_nothing_are_not_found_and_other_texts_are_no_ids, |app| async move {
    Samples::fill(&app).await;
    let before = app.revision().await;
    let mut wrong = Vec::new();
    for (name, path, noun, rest) in [
        ("memberUpdate", "member", "member", json!({ "name": "Ny" })),
        ("memberLeave", "member", "member", json!({ "leftOn": "2026-12-31" })),
        (
            "memberMerge",
            "into",
            "member",
            json!({ "from": [format!("member_{NOTHING}")], "leftOn": "2026-12-31" }),
        ),
        ("allocationSet", "member", "member", json!({ "year": 2026, "amount": "1" })),
        ("contactAdd", "member", "member", json!({ "role": "CHAIR", "name": "Ny" })),
        ("contactAdd", "organisation", "organisation", json!({ "role": "OTHER", "name": "Ny" })),
        (
            "contactAdd",
            "contactArea",
            "contact_area",
            json!({ "role": "BOARD_MEMBER", "name": "Ny" }),
        ),
        ("contactUpdate", "contact", "contact", json!({ "name": "Ny" })),
        ("contactErase", "contact", "contact", json!({})),
        ("personErase", "bankPaymentId", "bank_payment", json!({})),
        ("organisationUpdate", "organisation", "organisation", json!({ "name": "Ny" })),
        (
            "activityStart",
            "lead",
            "contact",
            json!({ "slug": "ny", "name": "Ny", "funding": [], "startsOn": "2026-01-01" }),
        ),
        ("activityUpdate", "activity", "activity", json!({ "name": "Ny" })),
        ("activityClose", "activity", "activity", json!({ "endsOn": "2026-12-31" })),
        (
            "feeScheduleSet",
            "activity",
            "activity",
            json!({ "validFrom": "2030-01-01", "basis": "ONE_OFF", "amount": "1", "vatRate": "STANDARD_25" }),
        ),
        (
            "costRecord",
            "activity",
            "activity",
            json!({ "bookedOn": "2026-01-01", "amount": "1", "description": "x" }),
        ),
        (
            "grantRecord",
            "activity",
            "activity",
            json!({ "bookedOn": "2026-01-01", "amount": "1", "funder": "x" }),
        ),
        (
            "statusReportFile",
            "activity",
            "activity",
            json!({ "period": "2026", "health": "RED", "summary": "x" }),
        ),
    ] {
        let with = |id: &str| {
            let mut input = rest.clone();
            input[path] = json!(id);
            input
        };
        let selection = if name == "personErase" { "kind" } else { "id" };
        let answer = deed(&app, name, selection, with(&format!("{noun}_{NOTHING}"))).await;
        if ["NOT_FOUND", "INVALID"].contains(&answer.code()) {
            is_clear(&answer, answer.code());
        } else {
            wrong.push(format!("{name} of nothing: {}", answer.error()));
        }
        let other = if noun == "activity" { "member" } else { "activity" };
        for id in [
            "",
            "x",
            noun,
            &format!("{noun}_"),
            &format!("{other}_{NOTHING}"),
            &format!("{noun}_{NOTHING}0"),
            &format!("{noun}_\u{0}"),
            NOTHING,
            "🙂",
            "' OR 1=1 --",
        ] {
            let answer = deed(&app, name, selection, with(id)).await;
            if answer.code() != "INVALID"
                || !answer.bad_fields().contains(&format!("input.{path}").as_str())
            {
                wrong.push(format!("{name} with the {path} {id:?}: {}", answer.error()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(app.revision().await, before);
    let nothing = app
        .office()
        .query(&format!(
            "{{ node(id: \"member_{NOTHING}\") {{ id }} nodes(ids: [\"invoice_{NOTHING}\", \"unicorn_{NOTHING}\"]) {{ id }} }}"
        ))
        .await;
    assert_eq!(nothing.data(), &json!({ "node": null, "nodes": [null, null] }));
});

/// A cursor of this order and key that no row has given.
fn forged(position: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{position}\n{NOTHING}"))
}

on_both!(bad_arguments_of_queries_are_named_by_their_paths, |app| async move {
    let samples = Samples::fill(&app).await;
    let cursor = app.office().query("{ agreements { pageInfo { endCursor } } }").await["agreements"]["pageInfo"]["endCursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let alfa = samples.id("alfa");
    let mut wrong = Vec::new();
    for (question, fields) in [
        ("members(first: -1) { totalCount }".to_owned(), &["first"][..]),
        ("members(first: 100000) { totalCount }".into(), &["first"]),
        ("members(last: 201) { totalCount }".into(), &["last"]),
        ("members(first: 1, last: 1) { totalCount }".into(), &["last"]),
        ("members(after: \"x\", before: \"🙂\", first: -1, filter: { asOf: \"2026-02-30\" }) { totalCount }".into(), &["after", "before", "filter.asOf", "first"]),
        (format!("members(after: \"{cursor}\") {{ totalCount }}"), &["after"]),
        (format!("agreements(after: \"{cursor}\", orderBy: {{ field: ENDS_ON }}) {{ totalCount }}"), &["after"]),
        (format!("members(after: \"{}\") {{ totalCount }}", forged("NAME\nta\0b")), &["after"]),
        (format!("agreements(before: \"{}\", orderBy: {{ field: ENDS_ON }}) {{ nodes {{ id }} }}", forged("ENDS_ON\nd-9999-01-01")), &["before"]),
        ("activities(first: -1, after: \"!\", filter: { activeOn: \"2026-02-30\" }) { totalCount }".into(), &["after", "filter.activeOn", "first"]),
        (
            "agreements(first: -1, filter: { asOf: \"x\", endsFrom: \"2026-02-30\", endsTo: \"2999-13-01\", counterparty: \"x\", templateVersion: \"y\" }) { totalCount }".into(),
            &["filter.asOf", "filter.counterparty", "filter.endsFrom", "filter.endsTo", "filter.templateVersion", "first"],
        ),
        ("expiringAgreements(withinDays: -1, from: \"2026-02-30\", first: 201) { totalCount }".into(), &["first", "from", "withinDays"]),
        ("expiringAgreements(withinDays: 2000000000) { totalCount }".into(), &["withinDays"]),
        ("templates(first: -1, before: \"x\") { totalCount }".into(), &["before", "first"]),
        (
            "invoices(first: -1, filter: { asOf: \"x\", buyer: \"x\", issuedFrom: \"x\", issuedTo: \"x\", dueBefore: \"x\" }) { totalCount }".into(),
            &["filter.asOf", "filter.buyer", "filter.dueBefore", "filter.issuedFrom", "filter.issuedTo", "first"],
        ),
        ("auditLog(first: -1, filter: { subject: \"x\", from: \"2026-01-01\", to: \"x\" }) { totalCount }".into(), &["filter.from", "filter.subject", "filter.to", "first"]),
        ("node(id: \"x\") { id }".into(), &["id"]),
        (format!("nodes(ids: [\"x\", \"{alfa}\", \"\"]) {{ id }}"), &["ids.0", "ids.2"]),
        ("member(by: { id: \"x\" }) { id }".into(), &["by.id"]),
        ("member(by: { orgNumber: \"222000-1835\" }) { id }".into(), &["by.orgNumber"]),
        (format!("activity(by: {{ id: \"{alfa}\" }}) {{ id }}"), &["by.id"]),
        (format!("agreement(by: {{ id: \"{alfa}\" }}) {{ id }}"), &["by.id"]),
        (format!("template(by: {{ id: \"{alfa}\" }}) {{ id }}"), &["by.id"]),
        (format!("invoice(by: {{ id: \"{alfa}\" }}) {{ id }}"), &["by.id"]),
        (
            "revenue(input: { from: \"x\", to: \"2026-02-30\", activities: [\"bip\"], members: [\"x\"] }) { from }".into(),
            &["input.from", "input.members.0", "input.to"],
        ),
        ("revenue(input: { from: \"2026-01-01\", to: \"2026-12-31\", activities: [\"bip\", \"okänd\"] }) { from }".into(), &["input.activities.1"]),
        ("revenue(input: { from: \"2026-12-31\", to: \"2026-01-01\" }) { from }".into(), &["input.to"]),
        ("revenueForecast(year: 99999) { from }".into(), &["year"]),
    ] {
        let answer = app.office().query(&format!("{{ {question} }}")).await;
        if answer.code() != "INVALID" || answer.bad_fields() != fields {
            wrong.push(format!("{question} should name {fields:?}: {}", answer.error()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.office().query("{ members { totalCount } }").await.data();
});

on_both!(bad_arguments_of_nested_fields_have_their_place_in_the_answer, |app| async move {
    Samples::fill(&app).await;
    for (question, path) in [
        (
            "{ members { nodes { name agreements(first: -1) { totalCount } } } }",
            "members.nodes.0.agreements",
        ),
        (
            "{ members { nodes { name invoices(after: \"x\") { nodes { id } } } } }",
            "members.nodes.0.invoices",
        ),
        (
            "{ activities { nodes { name coverage(on: \"2026-02-30\") { connected } } } }",
            "activities.nodes.0.coverage",
        ),
        ("{ agreements { nodes { number status(on: \"x\") } } }", "agreements.nodes.0.status"),
        (
            "{ agreements { nodes { number nextDeadline(on: \"x\") { on } } } }",
            "agreements.nodes.0.nextDeadline",
        ),
        ("{ invoices { nodes { number state(on: \"x\") } } }", "invoices.nodes.0.state"),
        (
            "{ members { nodes { allocation(year: 99999999) { amount } serviceFee(year: -1) { amount } } } }",
            "",
        ),
        ("{ activities { nodes { result(year: 2147483647) { invoiced } } } }", ""),
    ] {
        let answer = app.office().query(question).await;
        for error in answer.errors() {
            assert_eq!(error["extensions"]["code"], "INVALID", "{question}: {}", answer.text());
            assert!(error["message"].as_str().unwrap().len() < 1000);
        }
        let paths: Vec<_> = answer
            .errors()
            .iter()
            .map(|error| {
                let parts = error["path"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned));
                parts.collect::<Vec<_>>().join(".")
            })
            .collect();
        assert!(
            path.is_empty() || paths.iter().any(|found| found == path),
            "{question}: {}",
            answer.text()
        );
    }
});

on_both!(values_of_the_wrong_type_are_refused_before_anything_is_done, |app| async move {
    let before = app.revision().await;
    for (document, variables) in [
        ("{ members(first: 99999999999) { totalCount } }", json!({})),
        ("{ members(first: \"1\") { totalCount } }", json!({})),
        ("{ members(first: 1.5) { totalCount } }", json!({})),
        ("query($n: Int) { members(first: $n) { totalCount } }", json!({ "n": "1" })),
        ("query($n: Int) { members(first: $n) { totalCount } }", json!({ "n": 4_294_967_296_i64 })),
        ("{ members(filter: { status: NOTHING }) { totalCount } }", json!({})),
        ("{ members(filter: { nothing: 1 }) { totalCount } }", json!({})),
        ("{ members(orderBy: {}) { totalCount } }", json!({})),
        ("{ member(by: {}) { id } }", json!({})),
        ("{ member(by: { id: \"a\", orgNumber: \"222000-1834\" }) { id } }", json!({})),
        ("{ member { id } }", json!({})),
        ("{ members { nothing } }", json!({})),
        ("query($id: ID!) { node(id: $id) { id } }", json!({})),
        ("query($id: ID!) { node(id: $id) { id } }", json!({ "id": null })),
        ("query($id: ID!) { node(id: $id) { id } }", json!({ "id": { "a": 1 } })),
        ("query($f: MemberFilter) { members(filter: $f) { totalCount } }", json!({ "f": [] })),
        ("mutation { memberAdmit(input: { name: \"X\" }) { id } }", json!({})),
        (
            "mutation { memberAdmit(input: { name: null, joinedOn: \"2026-01-01\" }) { id } }",
            json!({}),
        ),
        ("mutation { memberAdmit(input: { name: 1, joinedOn: 2026 }) { id } }", json!({})),
        (
            "mutation($i: MemberAdmitInput!) { memberAdmit(input: $i) { id } }",
            json!({ "i": { "name": "X", "joinedOn": 5, "orgNumber": 2220001834_u64 } }),
        ),
        (
            "mutation($i: MemberAdmitInput!) { memberAdmit(input: $i) { id } }",
            json!({ "i": { "name": "X", "joinedOn": "2026-01-01", "more": 1 } }),
        ),
    ] {
        let answer = app.office().ask(document, variables.clone()).await;
        is_clear(&answer, "INVALID");
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.bad_fields().is_empty(), "{document}");
        // A null that is refused stands for nothing: no data, or the field itself is null.
        assert!(
            answer.json.get("data").is_none_or(Value::is_null),
            "{document} {variables}: {}",
            answer.text()
        );
    }
    assert_eq!(app.revision().await, before);
    app.office().query("{ members { totalCount } }").await.data();
});

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
        let answer = deed(
            &app,
            "allocationSet",
            "allocation(year: 2031) { amount }",
            json!({ "member": alfa, "year": 2031, "amount": amount }),
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
        let answer = deed(
            &app,
            "allocationSet",
            "id",
            json!({ "member": alfa, "year": 2031, "amount": amount }),
        )
        .await;
        is_clear(&answer, "INVALID");
        assert_eq!(answer.bad_fields(), ["input.amount"], "{amount}");
    }
    for amount in [json!(100), json!(1.5), json!(true), json!([]), json!({})] {
        let answer = deed(
            &app,
            "allocationSet",
            "id",
            json!({ "member": alfa, "year": 2031, "amount": amount }),
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
            deed(&app, "memberUpdate", "id", json!({ "member": alfa, "joinedOn": date })).await;
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
            deed(&app, "memberUpdate", "id", json!({ "member": alfa, "orgNumber": number })).await;
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
            let refused = deed(&app, "memberAdmit", "id", input(text)).await;
            assert_eq!(refused.bad_fields(), ["input.name"], "{text}");
            assert!(refused.text().contains(missing), "{text}: {}", refused.text());
        }
        let other = format!("Förbund {position}");
        let name = if missing.is_some() { other.as_str() } else { text };
        let answer = deed(&app, "memberAdmit", "id name county municipalities", input(name)).await;
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
const TEXTS: [&str; 19] = [
    "members(filter: { search: $text }) { totalCount }",
    "members(filter: { county: $text }) { totalCount }",
    "members(filter: { contactArea: $text }) { totalCount }",
    "members(filter: { inActivity: [$text] }) { totalCount }",
    "members(filter: { notInActivity: [$text] }) { totalCount }",
    "activities(filter: { search: $text }) { totalCount }",
    "activity(by: { slug: $text }) { id }",
    "agreements(filter: { search: $text }) { totalCount }",
    "agreements(filter: { activity: [$text] }) { totalCount }",
    "agreements(filter: { contactArea: $text }) { totalCount }",
    "agreements(filter: { county: $text }) { totalCount }",
    "agreement(by: { number: $text }) { id }",
    "templates(filter: { search: $text }) { totalCount }",
    "templates(filter: { activity: $text }) { totalCount }",
    "template(by: { slug: $text }) { id }",
    "invoices(filter: { activity: [$text] }) { totalCount }",
    "invoice(by: { number: $text }) { id }",
    "invoice(by: { ocr: $text }) { id }",
    "auditLog(filter: { actor: $text }) { totalCount }",
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
    let answer = deed(
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
    let answer = deed(
        &patient,
        "memberAdmit",
        "id",
        json!({ "name": long, "joinedOn": "2026-01-01", "billing": { "buyerReference": long } }),
    )
    .await;
    is_clear(&answer, "INVALID");
    assert_eq!(answer.bad_fields(), ["input.billing.buyerReference", "input.name"]);
    let answer = deed(
        &patient,
        "statusReportFile",
        "id",
        json!({ "activity": samples.id("bip"), "period": long, "health": "RED", "summary": long }),
    )
    .await;
    assert_eq!(answer.bad_fields(), ["input.period", "input.summary"]);
    let answer = deed(
        &patient,
        "allocationSet",
        "id",
        json!({ "member": long, "year": 2026, "amount": long }),
    )
    .await;
    assert_eq!(answer.bad_fields(), ["input.amount", "input.member"]);
    let inline =
        format!("{{ node(id: \"{long}\") {{ id }} members(after: \"{long}\") {{ totalCount }} }}");
    let answer = patient.office().query(&inline).await;
    let codes: Vec<_> = answer.errors().iter().map(|error| &error["extensions"]["code"]).collect();
    assert!(!codes.is_empty() && codes.iter().all(|code| *code == "INVALID"), "{codes:?}");
    assert_eq!(app.revision().await, before);
    app.office().query("{ members { totalCount } }").await.data();
});
