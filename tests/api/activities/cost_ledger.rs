//! The ledger of costs and grants: lists and filters, corrections by reversal, supplier and VAT,
//! committed cost, and who reads the history.

use domain::{integrity, revenue::violations};
use serde_json::{Value, json};

use crate::{
    access::{inputs::input, table::Table},
    interfaces::graphql::statements::plan,
    support::{
        app::{App, on_both},
        caller::Caller,
        fixtures::Samples,
        invoicing_fixtures::{NETWORK, with_network},
        lifecycle_fixtures::{raw, sql_id},
        pages::walk,
        schema_documents::Schema,
    },
};

/// The costs that a filter lets through.
pub(super) async fn costs(caller: &Caller<'_>, filter: Value, fields: &str) -> Value {
    let document = format!(
        "query($filter: CostFilter) {{ costs(filter: $filter) {{ totalCount nodes {{ {fields} }} }} }}"
    );
    let answer = caller.ask(&document, json!({ "filter": filter })).await;
    let page = answer["costs"].clone();
    assert_eq!(page["totalCount"], page["nodes"].as_array().unwrap().len(), "{}", answer.text());
    page["nodes"].clone()
}

/// Records a cost for the agreement with Gamma, and returns its id.
pub(super) async fn gammas(app: &App, samples: &Samples, day: &str, amount: &str) -> String {
    let input = json!({ "activityId": samples.id("bip"), "bookedOn": day, "amount": amount, "vat": "1.25", "description": "Uppdrag",
        "reference": "F-17", "agreementId": samples.id("avtal gamma") });
    app.finance().does("costRecord", "id", input).await.data();
    let found = costs(
        &app.finance(),
        json!({ "bookedFrom": day, "bookedTo": day, "agreementId": samples.id("avtal gamma") }),
        "id",
    )
    .await;
    found[0]["id"].as_str().unwrap().to_owned()
}

pub(super) async fn reverse(app: &App, input: Value) -> crate::support::caller::Answer {
    let fields = "cost { id amount status reversedBy { id } } reversal { id bookedOn amount vat status reason reverses { id } supplier { ... on Organisation { name } } }
        activity { economy(year: 2026) { cost } }";
    app.finance().does("costReverse", fields, input).await
}

pub(super) async fn sound(app: &App) {
    let found = integrity::verify(&app.db, app.clock, integrity::Request::default())
        .await
        .unwrap()
        .findings
        .violations;
    assert_eq!(found, [""; 0]);
    assert_eq!(violations(&app.db).await.unwrap(), [""; 0]);
}

on_both!(costs_and_grants_are_listed_and_filtered, |app| async move {
    let samples = Samples::fill(&app).await;
    gammas(&app, &samples, "2026-06-01", "1000.00").await;
    let fields = "bookedOn amount vat description reference status activity { slug } supplier { ... on Organisation { name } } agreement { number }";
    let found = costs(&app.board(), json!({ "bookedFrom": "2026-06-01" }), fields).await;
    let expected = json!([{ "bookedOn": "2026-06-01", "amount": "1000.00", "vat": "1.25", "description": "Uppdrag", "reference": "F-17",
        "status": "BOOKED", "activity": { "slug": "bip" }, "supplier": { "name": "Konsult Gamma AB" }, "agreement": { "number": "2026-7003" } }]);
    assert_eq!(found, expected);
    let old =
        costs(&app.board(), json!({ "bookedTo": "2026-05-31", "activitySlugs": ["bip"] }), fields)
            .await;
    let expected = json!([{ "bookedOn": "2026-04-01", "amount": "3333.31", "vat": null, "description": "Lokal", "reference": null,
        "status": "BOOKED", "activity": { "slug": "bip" }, "supplier": null, "agreement": null }]);
    assert_eq!(old, expected);
    for (filter, amounts) in [
        (json!({}), vec!["1000.00", "4444.41", "3333.31"]),
        (json!({ "activitySlugs": ["bip", "indikatorer"] }), vec!["1000.00", "4444.41", "3333.31"]),
        (json!({ "activitySlugs": ["indikatorer"] }), vec!["4444.41"]),
        (json!({ "activitySlugs": [] }), vec!["1000.00", "4444.41", "3333.31"]),
        (json!({ "supplierId": samples.id("gamma") }), vec!["1000.00"]),
        (json!({ "supplierId": samples.id("alfa") }), vec![]),
        (
            json!({ "agreementId": samples.id("avtal gamma"), "status": ["BOOKED", "REVERSED"] }),
            vec!["1000.00"],
        ),
        (json!({ "agreementId": samples.id("avtal alfa") }), vec![]),
        (json!({ "status": ["REVERSED", "REVERSAL"] }), vec![]),
    ] {
        let found = costs(&app.finance(), filter.clone(), "amount").await;
        let mut found: Vec<_> =
            found.as_array().unwrap().iter().map(|row| row["amount"].as_str().unwrap()).collect();
        // Of one day, the order is by id.
        let of_one_day = usize::from(found.len() == 3);
        found[of_one_day..].sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(found, amounts, "{filter}");
    }
    // Pages continue where the last one ended.
    let page = |after: Value| json!({ "after": after });
    let document = "query($after: String) { costs(first: 1, after: $after) { nodes { amount } pageInfo { endCursor hasNextPage } } }";
    let (mut after, mut seen) = (Value::Null, Vec::new());
    for _ in 0..3 {
        let answer = app.finance().ask(document, page(after)).await["costs"].clone();
        seen.push(answer["nodes"][0]["amount"].clone());
        after = answer["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(app.finance().ask(document, page(after)).await["costs"]["nodes"], json!([]));
    assert_eq!((seen[0].as_str(), seen.len()), (Some("1000.00"), 3));
    let nested = "{ activities { nodes { slug costs { totalCount nodes { amount } } grants(first: 1) { totalCount nodes { amount funder status } } } } }";
    let found = app.lead(&["indikatorer"]).query(nested).await["activities"]["nodes"].clone();
    let expected = json!([
        { "slug": "bip", "costs": { "totalCount": 0, "nodes": [] }, "grants": { "totalCount": 0, "nodes": [] } },
        { "slug": "indikatorer", "costs": { "totalCount": 1, "nodes": [{ "amount": "4444.41" }] },
            "grants": { "totalCount": 1, "nodes": [{ "amount": "6666.61", "funder": "Myndighet", "status": "BOOKED" }] } },
    ]);
    assert_eq!(found, expected);
    let bad = json!({ "activitySlugs": [""], "supplierId": samples.id("bip"), "agreementId": "y", "bookedFrom": "2026-02-30" });
    let answer = app
        .finance()
        .ask(
            "query($filter: CostFilter) { costs(filter: $filter) { totalCount } }",
            json!({ "filter": bad }),
        )
        .await;
    assert_eq!(
        answer.bad_fields(),
        ["filter.activitySlugs.0", "filter.agreementId", "filter.bookedFrom", "filter.supplierId"]
    );
    sound(&app).await;
});

on_both!(costs_and_grants_are_sorted_by_what_a_table_shows, |app| async move {
    let samples = Samples::fill(&app).await;
    for (day, amount) in [("2026-06-01", "1000.00"), ("2026-02-01", "9000.00")] {
        gammas(&app, &samples, day, amount).await;
        let grant = json!({ "activityId": samples.id("bip"), "bookedOn": day, "amount": amount, "funder": "Staten" });
        app.finance().does("grantRecord", "id", grant).await.data();
    }
    let amounts = |rows: Vec<Value>| -> Vec<String> {
        rows.iter().map(|row| row["amount"].as_str().unwrap().to_owned()).collect()
    };
    for list in ["costs", "grants"] {
        let seen = async |order: &str| walk(&app.finance(), list, order, "amount bookedOn").await;
        let by_amount =
            |direction: &str| format!(", orderBy: {{ field: AMOUNT, direction: {direction} }}");
        let rising = amounts(seen(&by_amount("ASC")).await);
        let value = |text: &String| text.replace('.', "").parse::<i64>().unwrap();
        assert!(rising.is_sorted_by_key(value), "{list}: {rising:?}");
        assert!(rising.len() > 2, "{list}: {rising:?}");
        let falling = amounts(seen(&by_amount("DESC")).await);
        assert_eq!(falling, rising.iter().rev().cloned().collect::<Vec<_>>());
        let by_day = seen(", orderBy: { field: BOOKED_ON }").await;
        assert!(by_day.is_sorted_by_key(|row| row["bookedOn"].as_str().unwrap().to_owned()));
        let latest_first = seen("").await;
        assert_eq!(latest_first, by_day.into_iter().rev().collect::<Vec<_>>());
    }
});

on_both!(a_cost_is_corrected_by_one_reversal, |app| async move {
    let samples = Samples::fill(&app).await;
    let id = gammas(&app, &samples, "2026-06-01", "1000.00").await;
    let before = app.revision().await;
    let done =
        reverse(&app, json!({ "costId": id, "reason": "Fel verksamhet" })).await["costReverse"]
            .clone();
    let reversal = done["reversal"]["id"].clone();
    let expected = json!({ "cost": { "id": id, "amount": "1000.00", "status": "REVERSED", "reversedBy": { "id": reversal } },
        "reversal": { "id": reversal, "bookedOn": "2026-11-21", "amount": "-1000.00", "vat": "-1.25", "status": "REVERSAL", "reason": "Fel verksamhet",
            "reverses": { "id": id }, "supplier": { "name": "Konsult Gamma AB" } },
        "activity": { "economy": { "cost": "3333.31" } } });
    assert_eq!(done, expected);
    let trail = app.trail(before).await;
    assert_eq!(
        (trail.len(), &trail[0]["action"], &trail[0]["before"]),
        (1, &json!("costReverse"), &Value::Null),
        "the cost itself never changes"
    );
    // What was reported of its own day stays true.
    let june =
        "{ revenue(input: { from: \"2026-06-01\", to: \"2026-06-30\" }) { total { cost } } }";
    assert_eq!(app.board().query(june).await["revenue"]["total"]["cost"], "1000.00");

    assert_eq!(
        reverse(&app, json!({ "costId": id, "reason": "x" })).await.reason(),
        "ALREADY_REVERSED"
    );
    assert_eq!(
        reverse(&app, json!({ "costId": reversal, "reason": "x" })).await.reason(),
        "IS_REVERSAL"
    );
    let nothing = "cost_0197aaaaaaaa7000800000000000000a";
    assert_eq!(
        reverse(&app, json!({ "costId": nothing, "reason": "x" })).await.code(),
        "NOT_FOUND"
    );
    let other =
        costs(&app.finance(), json!({ "bookedTo": "2026-05-31", "activitySlugs": ["bip"] }), "id")
            .await[0]["id"]
            .clone();
    for (day, reason) in [("2026-03-31", "x"), ("2026-11-22", " ")] {
        let refused =
            reverse(&app, json!({ "costId": other, "reversedOn": day, "reason": reason })).await;
        assert!(refused.bad_fields().contains(&"input.reversedOn"), "{}", refused.text());
    }
    let close = json!({ "closedThrough": "2026-10-31" });
    app.finance().does("periodClose", "booksClosedThrough", close).await.data();
    assert_eq!(
        reverse(&app, json!({ "costId": other, "reversedOn": "2026-10-31", "reason": "x" }))
            .await
            .reason(),
        "PERIOD_CLOSED"
    );
    let open =
        reverse(&app, json!({ "costId": other, "reversedOn": "2026-11-01", "reason": "x" })).await;
    assert_eq!(open["costReverse"]["reversal"]["bookedOn"], "2026-11-01");
    for caller in [app.board(), app.auditor(), app.lead(&["bip"]), app.service("invoices:write")] {
        assert_eq!(
            caller
                .does("costReverse", "cost { id }", json!({ "costId": id, "reason": "x" }))
                .await
                .code(),
            "FORBIDDEN"
        );
    }
    // A grant is corrected alike.
    let grant = app.finance().query("{ grants { nodes { id amount } } }").await["grants"]["nodes"]
        [0]
    .clone();
    let input = json!({ "grantId": grant["id"], "reason": "Fel bidrag" });
    let done = app
        .office()
        .does(
            "grantReverse",
            "grant { status } reversal { amount reverses { amount } }",
            input.clone(),
        )
        .await;
    let amount = grant["amount"].as_str().unwrap();
    let expected = json!({ "grant": { "status": "REVERSED" }, "reversal": { "amount": format!("-{amount}"), "reverses": { "amount": amount } } });
    assert_eq!(done["grantReverse"], expected);
    assert_eq!(
        app.office().does("grantReverse", "grant { id }", input).await.reason(),
        "ALREADY_REVERSED"
    );
    sound(&app).await;
});

on_both!(what_a_cost_is_for_must_fit, |app| async move {
    let samples = Samples::fill(&app).await;
    let before = app.revision().await;
    let good = json!({ "activityId": samples.id("bip"), "bookedOn": "2026-06-01", "amount": "10.00", "description": "x" });
    for (change, field) in [
        (json!({ "vat": "-2.50" }), "input.vat"),
        (json!({ "vat": "10.01" }), "input.vat"),
        (json!({ "vat": "x" }), "input.vat"),
        (json!({ "reference": "\u{7}" }), "input.reference"),
        (json!({ "supplierId": samples.id("bip") }), "input.supplierId"),
        (
            json!({ "supplierId": "organisation_0197aaaaaaaa7000800000000000000a" }),
            "input.supplierId",
        ),
        (
            json!({ "supplierId": samples.id("alfa"), "agreementId": samples.id("avtal gamma") }),
            "input.supplierId",
        ),
        (json!({ "agreementId": samples.id("avtal alfa") }), "input.agreementId"),
        (
            json!({ "agreementId": "agreement_0197aaaaaaaa7000800000000000000a" }),
            "input.agreementId",
        ),
        (
            json!({ "activityId": samples.id("indikatorer"), "agreementId": samples.id("avtal gamma") }),
            "input.agreementId",
        ),
    ] {
        let answer = app
            .finance()
            .does(
                "costRecord",
                "id",
                crate::support::lifecycle_fixtures::with(good.clone(), change.clone()),
            )
            .await;
        assert_eq!(answer.bad_fields(), [field], "{change}: {}", answer.text());
    }
    // One answer names every error.
    let bad = json!({ "vat": "-1.00", "agreementId": samples.id("avtal alfa"), "amount": "10.00", "description": " " });
    let answer = app
        .finance()
        .does("costRecord", "id", crate::support::lifecycle_fixtures::with(good.clone(), bad))
        .await;
    assert_eq!(answer.bad_fields(), ["input.agreementId", "input.description", "input.vat"]);
    let grant = json!({ "activityId": samples.id("bip"), "bookedOn": "2026-06-01", "amount": "10.00", "funder": "x", "agreementId": samples.id("avtal gamma") });
    assert_eq!(
        app.finance().does("grantRecord", "id", grant).await.bad_fields(),
        ["input.agreementId"]
    );
    assert_eq!(app.revision().await, before);
    // A member may be the supplier, and an organisation that is one is not removed.
    for supplier in ["alfa", "gamma"] {
        let input = crate::support::lifecycle_fixtures::with(
            good.clone(),
            json!({ "supplierId": samples.id(supplier), "vat": "0.00" }),
        );
        app.finance().does("costRecord", "id", input).await.data();
    }
    let new = app.office().does("organisationAdd", "id", json!({ "name": "Lokaler AB" })).await["organisationAdd"]["id"].clone();
    app.finance()
        .does(
            "costRecord",
            "id",
            crate::support::lifecycle_fixtures::with(good, json!({ "supplierId": new })),
        )
        .await
        .data();
    assert_eq!(
        app.office()
            .does("organisationRemove", "organisationId", json!({ "organisationId": new }))
            .await
            .reason(),
        "IN_USE"
    );
    sound(&app).await;
});

on_both!(committed_cost_is_reported_next_to_booked_cost, |app| async move {
    let samples = Samples::fill(&app).await;
    let id = gammas(&app, &samples, "2026-06-01", "1000.00").await;
    // Gamma's 34 343.43 a year run from February 2026 to 10 February 2027: eleven months of the
    // first year, two of the second.
    let ask = async |caller: Caller<'_>, from: &str, to: &str, rest: &str| {
        let document = format!(
            "{{ revenue(input: {{ from: \"{from}\", to: \"{to}\"{rest} }}) {{ rows {{ activity {{ slug }} period committedCost committedCostBooked
                committedCostRemaining }} total {{ cost committedCost committedCostBooked committedCostRemaining }} }} }}"
        );
        caller.query(&document).await["revenue"].clone()
    };
    let year = ask(app.board(), "2026-01-01", "2026-12-31", ", committed: true").await;
    let total = json!({ "cost": "8777.72", "committedCost": "31481.48", "committedCostBooked": "1000.00", "committedCostRemaining": "30481.48" });
    assert_eq!(year["total"], total);
    let other = json!({ "activity": { "slug": "indikatorer" }, "period": null, "committedCost": "0.00", "committedCostBooked": "0.00", "committedCostRemaining": "0.00" });
    assert_eq!(year["rows"][1], other);
    // The months add up to the year, and what no one asks for is not shown as zero.
    let months =
        ask(app.board(), "2026-01-01", "2026-12-31", ", committed: true, groupBy: [MONTH]").await;
    assert_eq!(months["total"], total);
    assert_eq!(months["rows"].as_array().unwrap().len(), 11, "{months}");
    assert_eq!(months["rows"][0]["period"], "2026-02");
    assert_eq!(
        ask(app.board(), "2027-01-01", "2027-12-31", ", committed: true").await["total"]["committedCost"],
        "5723.91"
    );
    assert_eq!(
        ask(app.board(), "2026-01-01", "2026-12-31", "").await["total"]["committedCost"],
        Value::Null
    );
    // It is withheld from a member; a lead sees that of its activities.
    let member =
        ask(app.member(samples.id("alfa")), "2026-01-01", "2026-12-31", ", committed: true").await;
    assert_eq!(member["total"]["committedCost"], Value::Null);
    assert_eq!(
        ask(app.lead(&["bip"]), "2026-01-01", "2026-12-31", ", committed: true").await["total"]["committedCost"],
        "31481.48"
    );
    assert_eq!(
        ask(app.lead(&["indikatorer"]), "2026-01-01", "2026-12-31", ", committed: true").await["total"]
            ["committedCost"],
        "0.00"
    );
    let break_even = "{ activity(by: { slug: \"bip\" }) { breakEven(year: 2026) { cost committedCost committedCostBooked committedCostRemaining } } }";
    let expected = json!({ "cost": "4333.31", "committedCost": "31481.48", "committedCostBooked": "1000.00", "committedCostRemaining": "30481.48" });
    assert_eq!(app.board().query(break_even).await["activity"]["breakEven"], expected);
    // A reversal gives back what was booked.
    reverse(&app, json!({ "costId": id, "reason": "x" })).await.data();
    assert_eq!(
        app.board().query(break_even).await["activity"]["breakEven"]["committedCostBooked"],
        "0.00"
    );

    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let output =
            app.program().current_dir(folder.path()).args(line.split(' ')).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
    };
    let listed = run("costs --from 2026-06-01 --format csv");
    assert_eq!(
        listed,
        "booked_on,activity,description,supplier,reference,agreement,amount,vat,status,reason\n\
         2026-06-01,bip,Uppdrag,Konsult Gamma AB,F-17,2026-7003,1000.00,1.25,REVERSED,\n\
         2026-11-21,bip,Uppdrag,Konsult Gamma AB,F-17,2026-7003,-1000.00,-1.25,REVERSAL,x\n"
    );
    assert!(run("grants --activity bip").contains("1 grant\n"));
    run("costs --output kostnader.xlsx");
    assert!(std::fs::read(folder.path().join("kostnader.xlsx")).unwrap().starts_with(b"PK"));
});

on_both!(verify_finds_a_reversal_that_does_not_agree, |app| async move {
    let samples = Samples::fill(&app).await;
    let id = gammas(&app, &samples, "2026-06-01", "1000.00").await;
    reverse(&app, json!({ "costId": id, "reason": "x" })).await.data();
    raw(&app, &format!("UPDATE cost SET amount = 99900 WHERE id = {}", sql_id(&app, &id)))
        .await
        .unwrap();
    let found = integrity::verify(&app.db, app.clock, integrity::Request::default())
        .await
        .unwrap()
        .findings
        .violations;
    assert!(
        found.iter().any(|sentence| sentence
            .ends_with("does not have the negative amounts of the booking that it reverses")),
        "{found:?}"
    );
});

on_both!(the_filter_reveals_no_agreement_that_rows_do_not_show, |app| async move {
    let samples = Samples::fill(&app).await;
    gammas(&app, &samples, "2026-06-01", "1000.00").await;
    let (program, fields) = (app.service("revenue:read"), "amount agreement { number }");
    let seen = costs(&program, json!({ "bookedFrom": "2026-06-01" }), fields).await;
    assert_eq!(seen, json!([{ "amount": "1000.00", "agreement": null }]));
    assert_eq!(
        costs(&program, json!({ "agreementId": samples.id("avtal gamma") }), fields).await,
        json!([])
    );
    assert_eq!(costs(&app.member(samples.id("alfa")), json!({}), fields).await, json!([]));
});

on_both!(finance_reads_the_history_of_what_it_may_change, |app| async move {
    let (app, _folder) = with_network(&app, NETWORK);
    let samples = Samples::fill(&app).await;
    let id = gammas(&app, &samples, "2026-06-01", "1000.00").await;
    reverse(&app, json!({ "costId": id, "reason": "x" })).await.data();
    let history = "query($id: ID!) { node(id: $id) { ... on Cost { auditEntries { totalCount nodes { action actor after } } reversedBy { auditEntries { nodes { action } } } } } }";
    for (caller, count) in [
        (app.office(), 1),
        (app.auditor(), 1),
        (app.finance(), 1),
        (app.board(), 0),
        (app.lead(&["bip"]), 0),
        (app.service("revenue:read"), 0),
    ] {
        let node = caller.ask(history, json!({ "id": id })).await["node"].clone();
        let own = &node["auditEntries"]["nodes"];
        let of_reversal = &node["reversedBy"]["auditEntries"]["nodes"];
        assert_eq!(node["auditEntries"]["totalCount"], count, "{node}");
        assert_eq!(own.as_array().unwrap().len(), count, "{node}");
        assert_eq!(of_reversal.as_array().unwrap().len(), count, "{node}");
        if count == 1 {
            assert_eq!(
                (&own[0]["action"], &own[0]["after"]["amount"]),
                (&json!("costRecord"), &json!(100_000))
            );
            assert_eq!(of_reversal, &json!([{ "action": "costReverse" }]));
        }
    }
    // Each mutation that it may do leaves an entry that it reads, and what others do to members and
    // agreements leaves none.
    let (schema, table) = (Schema::of_program().await, Table::read());
    for name in schema.field_names("Mutation") {
        if !table.row(name).any(|cell| cell == ("FINANCE", "may")) {
            continue;
        }
        let input = input(&app, &samples, name, 1).await;
        let before = app.revision().await;
        let document = format!(
            "mutation($input: {}{}Input!) {{ {name}(input: $input) {{ __typename }} }}",
            name[..1].to_uppercase(),
            &name[1..]
        );
        app.finance().ask(&document, json!({ "input": input })).await.data();
        let read =
            app.finance().query("{ auditEntries(first: 1) { nodes { revision } } }").await["auditEntries"]
                ["nodes"]
                .clone();
        assert!(
            read[0]["revision"].as_str().unwrap().parse::<i64>().unwrap() > before,
            "{name}: {read}"
        );
    }
    let of_others = app
        .finance()
        .query("{ auditEntries(first: 200) { nodes { action subject { __typename } } } }")
        .await
        .text();
    for action in
        ["memberAdmit", "agreementSign", "organisationUpdate", "contactAdd", "templateCreate"]
    {
        assert!(!of_others.contains(action), "{action}");
    }
});

#[tokio::test]
async fn a_page_deep_in_the_ledger_is_searched_for_in_an_index() {
    let app = App::sqlite().await;
    let samples = Samples::fill(&app).await;
    for day in 10..30 {
        gammas(&app, &samples, &format!("2026-06-{day}"), "10.00").await;
    }
    let agreement = format!("agreementId: \"{}\"", samples.id("avtal gamma"));
    let (activity, supplier) =
        ("activitySlugs: [\"bip\"]".to_owned(), format!("supplierId: \"{}\"", samples.id("gamma")));
    for filter in [
        "",
        &agreement,
        &activity,
        &supplier,
        "bookedFrom: \"2026-06-01\", bookedTo: \"2026-06-30\"",
    ] {
        let page = |rest: &str| {
            format!("{{ costs(filter: {{ {filter} }}, {rest}) {{ pageInfo {{ endCursor }} }} }}")
        };
        let cursor = app.finance().query(&page("first: 5")).await["costs"]["pageInfo"]["endCursor"]
            .as_str()
            .unwrap()
            .to_owned();
        app.statements();
        app.finance().query(&page(&format!("first: 5, after: \"{cursor}\""))).await.data();
        let statements = app.statements();
        let sql = statements.iter().find(|sql| sql.contains("page_key")).unwrap();
        let plan = plan(&app, sql).await;
        assert!(
            plan.starts_with("SEARCH") && plan.contains("INDEX") && !plan.contains("TEMP B-TREE"),
            "{filter}: {plan}\n{sql}"
        );
    }
}
