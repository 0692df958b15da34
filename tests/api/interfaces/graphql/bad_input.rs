//! Bad input: one clear error with its code that names every bad field, nothing changed, and a
//! server that continues.

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    fixtures::Samples,
};

/// The part of an id after the noun, of a row that is not there.
const NOTHING: &str = "0197aaaaaaaa7000800000000000000a";

/// Sends a mutation as the office.
pub(super) async fn mutation(app: &App, name: &str, selection: &str, input: Value) -> Answer {
    app.office().does(name, selection, input).await
}

/// Everything that an error must be: one, with a code, words, the request's id, and nothing of the
/// server's insides.
#[track_caller]
pub(super) fn is_clear(answer: &Answer, code: &str) {
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

/// Returns the deviation of a refusal: it should be for exactly these fields, and change
/// nothing.
async fn refused_for(app: &App, name: &str, input: Value, fields: &[&str]) -> Option<String> {
    let before = app.revision().await;
    let answer = mutation(app, name, "id", input).await;
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

on_both!(every_bad_field_of_a_mutation_is_named_at_once, |app| async move {
    let samples = Samples::fill(&app).await;
    let mut wrong = Vec::new();
    let (alfa, bip, anna) = (samples.id("alfa"), samples.id("bip"), samples.id("anna"));
    wrong.extend(refused_for(
        &app,
        "memberAdmit",
        json!({ "name": " ", "orgNumber": "222000-1835", "county": "a\u{0}b", "municipalities": ["Bra", ""], "contactAreaName": "x".repeat(301),
            "joinedOn": "2026-02-30", "billing": { "email": "ingen", "peppolId": "222000", "city": "x\u{7}" } }),
        &["input.billing.city", "input.billing.email", "input.billing.peppolId", "input.contactAreaName", "input.county", "input.joinedOn", "input.municipalities.1", "input.name", "input.orgNumber"],
    )
    .await);
    wrong.extend(refused_for(
        &app,
        "memberUpdate",
        json!({ "memberId": alfa, "name": "", "orgNumber": "121212-1212", "county": "x".repeat(301), "municipalities": ["\n"], "joinedOn": "20260101", "billing": { "email": "a@" } }),
        &["input.billing.email", "input.county", "input.joinedOn", "input.municipalities.0", "input.name", "input.orgNumber"],
    )
    .await);
    wrong.extend(
        refused_for(
            &app,
            "memberLeave",
            json!({ "memberId": alfa, "leftOn": "2026-13-01", "reason": "\u{0}" }),
            &["input.leftOn", "input.reason"],
        )
        .await,
    );
    wrong.extend(
        refused_for(
            &app,
            "memberMerge",
            json!({ "intoId": alfa, "fromIds": [bip, "x"], "leftOn": "i morgon" }),
            &["input.fromIds.0", "input.fromIds.1", "input.leftOn"],
        )
        .await,
    );
    wrong.extend(
        refused_for(
            &app,
            "allocationSet",
            json!({ "memberId": alfa, "year": 12026, "amount": "1.005", "source": "\u{1b}" }),
            &["input.amount", "input.source", "input.year"],
        )
        .await,
    );
    wrong.extend(refused_for(
        &app,
        "contactAdd",
        json!({ "memberId": "member_", "role": "CHAIR", "name": "", "email": "x", "phone": "x".repeat(301), "validFrom": "2026-02-30", "validTo": "2026-02-31" }),
        &["input.email", "input.memberId", "input.name", "input.phone", "input.validFrom", "input.validTo"],
    )
    .await);
    wrong.extend(
        refused_for(
            &app,
            "contactUpdate",
            json!({ "contactId": anna, "name": " ", "email": "x y@z.se", "validTo": "1899-12-31" }),
            &["input.email", "input.name", "input.validTo"],
        )
        .await,
    );
    wrong.extend(
        refused_for(&app, "contactErase", json!({ "contactId": alfa }), &["input.contactId"]).await,
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
            json!({ "organisationId": samples.id("gamma"), "name": "", "orgNumber": "1" }),
            &["input.name", "input.orgNumber"],
        )
        .await,
    );
    wrong.extend(refused_for(
        &app,
        "activityStart",
        json!({ "slug": "Ej Så", "name": "", "purpose": "x".repeat(20_001), "goal": "\u{0}", "funding": [], "startsOn": "2026-02-30", "endsOn": "x", "leadId": alfa,
            "boardContactId": "contact_x", "decision": { "body": "BOARD", "decidedOn": "2026-00-01", "paragraph": "x".repeat(301) } }),
        &["input.boardContactId", "input.decision.decidedOn", "input.decision.paragraph", "input.endsOn", "input.goal", "input.leadId", "input.name", "input.purpose", "input.slug", "input.startsOn"],
    )
    .await);
    wrong.extend(
        refused_for(
            &app,
            "activityUpdate",
            json!({ "activityId": bip, "name": "", "startsOn": "x", "goal": "\u{0}" }),
            &["input.goal", "input.name", "input.startsOn"],
        )
        .await,
    );
    wrong.extend(
        refused_for(
            &app,
            "activityClose",
            json!({ "activityId": alfa, "endsOn": "2026-02-30" }),
            &["input.activityId", "input.endsOn"],
        )
        .await,
    );
    wrong.extend(refused_for(
        &app,
        "feeScheduleSet",
        json!({ "activityId": bip, "validFrom": "x", "validTo": "y", "basis": "FIXED_PER_YEAR", "amount": "1.005", "cap": "10000000000.01", "minimum": "1e3", "vatRate": "STANDARD_25" }),
        &["input.amount", "input.cap", "input.minimum", "input.validFrom", "input.validTo"],
    )
    .await);
    wrong.extend(
        refused_for(
            &app,
            "costRecord",
            json!({ "activityId": bip, "bookedOn": "2026-02-30", "amount": "1,00", "description": "" }),
            &["input.amount", "input.bookedOn", "input.description"],
        )
        .await,
    );
    wrong.extend(
        refused_for(
            &app,
            "grantRecord",
            json!({ "activityId": bip, "bookedOn": "", "amount": "0.001", "funder": "\u{0}" }),
            &["input.amount", "input.bookedOn", "input.funder"],
        )
        .await,
    );
    wrong.extend(refused_for(
        &app,
        "statusReportFile",
        json!({ "activityId": bip, "period": "", "health": "GREEN", "summary": "", "deviations": "\u{0}", "nextSteps": "x".repeat(20_001) }),
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
        ("memberUpdate", "memberId", "member", json!({ "name": "Ny" })),
        ("memberLeave", "memberId", "member", json!({ "leftOn": "2026-12-31" })),
        (
            "memberMerge",
            "intoId",
            "member",
            json!({ "fromIds": ["member_0197aaaaaaaa7000800000000000000b"], "leftOn": "2026-12-31" }),
        ),
        ("allocationSet", "memberId", "member", json!({ "year": 2026, "amount": "1" })),
        ("contactAdd", "memberId", "member", json!({ "role": "CHAIR", "name": "Ny" })),
        ("contactAdd", "organisationId", "organisation", json!({ "role": "OTHER", "name": "Ny" })),
        (
            "contactAdd",
            "contactAreaId",
            "contact_area",
            json!({ "role": "BOARD_MEMBER", "name": "Ny" }),
        ),
        ("contactUpdate", "contactId", "contact", json!({ "name": "Ny" })),
        ("contactErase", "contactId", "contact", json!({})),
        ("personErase", "bankPaymentId", "bank_payment", json!({})),
        ("organisationUpdate", "organisationId", "organisation", json!({ "name": "Ny" })),
        (
            "activityStart",
            "leadId",
            "contact",
            json!({ "slug": "ny", "name": "Ny", "funding": [], "startsOn": "2026-01-01" }),
        ),
        ("activityUpdate", "activityId", "activity", json!({ "name": "Ny" })),
        ("activityClose", "activityId", "activity", json!({ "endsOn": "2026-12-31" })),
        (
            "feeScheduleSet",
            "activityId",
            "activity",
            json!({ "validFrom": "2030-01-01", "basis": "ONE_OFF", "amount": "1", "vatRate": "STANDARD_25" }),
        ),
        (
            "costRecord",
            "activityId",
            "activity",
            json!({ "bookedOn": "2026-01-01", "amount": "1", "description": "x" }),
        ),
        (
            "grantRecord",
            "activityId",
            "activity",
            json!({ "bookedOn": "2026-01-01", "amount": "1", "funder": "x" }),
        ),
        (
            "statusReportFile",
            "activityId",
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
        let answer = mutation(&app, name, selection, with(&format!("{noun}_{NOTHING}"))).await;
        // The error names the field, with either code.
        let fields = &answer.error()["extensions"]["fields"];
        if ["NOT_FOUND", "INVALID"].contains(&answer.code())
            && fields[0]["path"] == format!("input.{path}")
        {
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
            let answer = mutation(&app, name, selection, with(id)).await;
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
        (format!("members(after: \"{}\") {{ totalCount }}", forged("Member.NAME\nta\0b")), &["after"]),
        (format!("agreements(before: \"{}\", orderBy: {{ field: ENDS_ON }}) {{ nodes {{ id }} }}", forged("Agreement.ENDS_ON\nd-9999-01-01")), &["before"]),
        ("activities(first: -1, after: \"!\", filter: { activeOn: \"2026-02-30\" }) { totalCount }".into(), &["after", "filter.activeOn", "first"]),
        (
            "agreements(first: -1, filter: { asOf: \"x\", endsFrom: \"2026-02-30\", endsTo: \"2999-13-01\", counterpartyId: \"x\", templateVersionId: \"y\" }) { totalCount }".into(),
            &["filter.asOf", "filter.counterpartyId", "filter.endsFrom", "filter.endsTo", "filter.templateVersionId", "first"],
        ),
        ("expiringAgreements(withinDays: -1, asOf: \"2026-02-30\", first: 201) { totalCount }".into(), &["asOf", "first", "withinDays"]),
        ("expiringAgreements(withinDays: 2000000000) { totalCount }".into(), &["withinDays"]),
        ("templates(first: -1, before: \"x\") { totalCount }".into(), &["before", "first"]),
        (
            "invoices(first: -1, filter: { asOf: \"x\", buyerId: \"x\", issuedFrom: \"x\", issuedTo: \"x\", dueFrom: \"x\", dueTo: \"x\" }) { totalCount }".into(),
            &["filter.asOf", "filter.buyerId", "filter.dueFrom", "filter.dueTo", "filter.issuedFrom", "filter.issuedTo", "first"],
        ),
        ("auditEntries(first: -1, filter: { subjectId: \"x\", recordedFrom: \"2026-01-01\", recordedBefore: \"x\" }) { totalCount }".into(), &["filter.recordedBefore", "filter.recordedFrom", "filter.subjectId", "first"]),
        ("node(id: \"x\") { id }".into(), &["id"]),
        (format!("nodes(ids: [\"x\", \"{alfa}\", \"\"]) {{ id }}"), &["ids.0", "ids.2"]),
        ("member(by: { id: \"x\" }) { id }".into(), &["by.id"]),
        ("member(by: { orgNumber: \"222000-1835\" }) { id }".into(), &["by.orgNumber"]),
        (format!("activity(by: {{ id: \"{alfa}\" }}) {{ id }}"), &["by.id"]),
        (format!("agreement(by: {{ id: \"{alfa}\" }}) {{ id }}"), &["by.id"]),
        (format!("template(by: {{ id: \"{alfa}\" }}) {{ id }}"), &["by.id"]),
        (format!("invoice(by: {{ id: \"{alfa}\" }}) {{ id }}"), &["by.id"]),
        (
            "revenue(input: { from: \"x\", to: \"2026-02-30\", activitySlugs: [\"bip\"], memberIds: [\"x\"] }) { from }".into(),
            &["input.from", "input.memberIds.0", "input.to"],
        ),
        ("revenue(input: { from: \"2026-01-01\", to: \"2026-12-31\", activitySlugs: [\"bip\", \"okänd\"] }) { from }".into(), &["input.activitySlugs.1"]),
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

on_both!(bad_arguments_of_nested_fields_have_their_path_in_the_answer, |app| async move {
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
            "{ activities { nodes { name coverage(asOf: \"2026-02-30\") { connectedCount } } } }",
            "activities.nodes.0.coverage",
        ),
        ("{ agreements { nodes { number status(asOf: \"x\") } } }", "agreements.nodes.0.status"),
        (
            "{ agreements { nodes { number nextDeadline(asOf: \"x\") { deadlineOn } } } }",
            "agreements.nodes.0.nextDeadline",
        ),
        ("{ invoices { nodes { number status(asOf: \"x\") } } }", "invoices.nodes.0.status"),
        (
            "{ members { nodes { allocation(year: 99999999) { amount } serviceFee(year: -1) { amount } } } }",
            "",
        ),
        ("{ activities { nodes { economy(year: 2147483647) { invoiced } } } }", ""),
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
        ("mutation { memberAdmit(input: { name: \"X\" }) { member { id } } }", json!({})),
        (
            "mutation { memberAdmit(input: { name: null, joinedOn: \"2026-01-01\" }) { member { id } } }",
            json!({}),
        ),
        (
            "mutation { memberAdmit(input: { name: 1, joinedOn: 2026 }) { member { id } } }",
            json!({}),
        ),
        (
            "mutation($i: MemberAdmitInput!) { memberAdmit(input: $i) { member { id } } }",
            json!({ "i": { "name": "X", "joinedOn": 5, "orgNumber": 2220001834_u64 } }),
        ),
        (
            "mutation($i: MemberAdmitInput!) { memberAdmit(input: $i) { member { id } } }",
            json!({ "i": { "name": "X", "joinedOn": "2026-01-01", "more": 1 } }),
        ),
    ] {
        let answer = app.office().ask(document, variables.clone()).await;
        is_clear(&answer, "INVALID");
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.bad_fields().is_empty(), "{document}");
        // There is no data, or the payload of the mutation is null.
        let is_nothing = |data: &Value| {
            data.is_null()
                || data.as_object().is_some_and(|fields| fields.values().all(Value::is_null))
        };
        assert!(
            answer.json.get("data").is_none_or(is_nothing),
            "{document} {variables}: {}",
            answer.text()
        );
    }
    assert_eq!(app.revision().await, before);
    app.office().query("{ members { totalCount } }").await.data();
});

on_both!(an_input_that_is_no_object_is_refused_before_any_mutation_is_applied, |app| async move {
    let before = app.revision().await;
    let admit = |alias: &str, input: &str| {
        format!("{alias}: memberAdmit(input: {input}) {{ member {{ id }} }}")
    };
    let good = admit("first", "{ name: \"Norra\", joinedOn: \"2026-01-01\" }");
    for (parts, variables, path) in [
        (admit("second", "[]"), json!({}), "input"),
        (admit("second", "$i"), json!({ "i": [] }), "input"),
        (admit("second", "$i"), json!({ "i": "a" }), "input"),
        (
            admit("second", "{ name: \"X\", joinedOn: \"2026-01-01\", billing: [] }"),
            json!({}),
            "input.billing",
        ),
        (
            format!("...P }} fragment P on Mutation {{ {}", admit("second", "[]")),
            json!({}),
            "input",
        ),
        (
            "second: invoiceDraft(input: { buyerId: \"a\", lines: [[]] }) { invoice { id } }"
                .to_owned(),
            json!({}),
            "input.lines.0",
        ),
        (
            format!(
                "second: memberAdmit(input: {{ name: \"X\", joinedOn: \"2026-01-01\" }}) {{ member {{ agreements(filter: {}) {{ totalCount }} }} }}",
                "[]"
            ),
            json!({}),
            "filter",
        ),
    ] {
        let head =
            if variables == json!({}) { "mutation" } else { "mutation($i: MemberAdmitInput!)" };
        let document = format!("{head} {{ {good} {parts} }}");
        let answer = app.office().ask(&document, variables).await;
        is_clear(&answer, "INVALID");
        assert!(answer.json.get("data").is_none(), "{document}: {}", answer.text());
        let fields = answer.bad_fields();
        assert_eq!(fields, [path], "{document}");
    }
    assert_eq!(app.revision().await, before, "nothing was committed");
});

on_both!(activities_of_filters_must_exist, |app| async move {
    Samples::fill(&app).await;
    for (question, path) in [
        ("members(filter: { inActivitySlugs: [\"bip\", \"bop\"] })", "filter.inActivitySlugs.1"),
        ("members(filter: { notInActivitySlugs: [\"bop\"] })", "filter.notInActivitySlugs.0"),
        ("agreements(filter: { activitySlugs: [\"bop\"] })", "filter.activitySlugs.0"),
        (
            "expiringAgreements(withinDays: 9, filter: { activitySlugs: [\"bop\"] })",
            "filter.activitySlugs.0",
        ),
        ("templateConsistency(filter: { activitySlugs: [\"bop\"] })", "filter.activitySlugs.0"),
        ("templates(filter: { activitySlugs: [\"bop\"] })", "filter.activitySlugs.0"),
        ("costs(filter: { activitySlugs: [\"bop\"] })", "filter.activitySlugs.0"),
        ("grants(filter: { activitySlugs: [\"bip\", \"bop\"] })", "filter.activitySlugs.1"),
        ("statusReports(filter: { activitySlugs: [\"bop\"] })", "filter.activitySlugs.0"),
        ("documents(filter: { activitySlugs: [\"bop\"] })", "filter.activitySlugs.0"),
        ("invoices(filter: { activitySlugs: [\"bip\", \"bop\"] })", "filter.activitySlugs.1"),
        ("activityMatrix(activitySlugs: [\"bip\", \"bop\"])", "activitySlugs.1"),
    ] {
        let selection =
            if question.starts_with("activityMatrix") { "asOf" } else { "nodes { __typename }" };
        let answer = app.office().query(&format!("{{ {question} {{ {selection} }} }}")).await;
        assert_eq!(answer.bad_fields(), [path], "{question}");
        let field = &answer.error()["extensions"]["fields"][0];
        assert_eq!(field["code"], "UNKNOWN", "{question}");
        assert_eq!(field["message"], "is not the slug of an activity: \"bop\"");
    }
    // So do those of a list of each row.
    let nested = "{ members { nodes { agreements(filter: { activitySlugs: [\"bop\"] }) { totalCount } invoices(filter: { activitySlugs: [\"bop\"] }) { totalCount } } } }";
    let answer = app.office().query(nested).await;
    for error in answer.errors() {
        assert_eq!(error["extensions"]["fields"][0]["path"], "filter.activitySlugs.0", "{error}");
    }
    assert!(!answer.errors().is_empty(), "{}", answer.text());
});

on_both!(numbers_and_ids_are_refused_with_what_is_possible, |app| async move {
    let samples = Samples::fill(&app).await;
    let office = app.office();
    let large = office.query("{ members(first: 99999999999) { totalCount } }").await;
    let expected = json!([{
        "path": "first", "code": "OUT_OF_RANGE", "min": i32::MIN, "max": i32::MAX,
        "message": "must be a whole number from -2147483648 to 2147483647",
    }]);
    assert_eq!(large.error()["extensions"]["fields"], expected);
    assert_eq!(
        large.error()["message"],
        "first must be a whole number from -2147483648 to 2147483647"
    );
    // An object has a single id.
    let (word, id) = samples.id("alfa").rsplit_once('_').unwrap();
    let other = format!("{word}_{}", id.to_uppercase());
    let refused = office.query(&format!("{{ node(id: \"{other}\") {{ id }} }}")).await;
    assert_eq!(refused.bad_fields(), ["id"]);
    // A part of a document is reported a single time.
    let unknown = office.query("query($x: Foo) { members(first: $x) { totalCount } }").await;
    let about = unknown.errors().iter().filter(|error| {
        error["message"].as_str().is_some_and(|message| message.starts_with("Unknown type"))
    });
    assert_eq!(about.count(), 1, "{}", unknown.text());
});
