//! Break-even: the number of agreements that cover the costs of an activity.

use serde_json::{Value, json};

use crate::{
    economy::revenue::report::{ledger, member},
    support::{
        app::{App, on_both},
        caller::Caller,
        lifecycle_fixtures::mutate,
    },
};

/// Each of an activity's fees:
/// `basis fee need neededCount joinedCount moreCount shortfall missing`.
async fn by_fee(caller: &Caller<'_>, slug: &str, year: i32) -> Vec<String> {
    let document = "query($slug: String!, $year: Int!) { activity(by: { slug: $slug }) { breakEvenByFee(year: $year) {
        basis fee perMille need neededCount joinedCount moreCount shortfall missing } } }";
    let answer = caller.ask(document, json!({ "slug": slug, "year": year })).await;
    let line = |row: &Value| {
        let words = [
            "basis",
            "fee",
            "perMille",
            "need",
            "neededCount",
            "joinedCount",
            "moreCount",
            "shortfall",
        ]
        .map(|name| match &row[name] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let missing: Vec<_> =
            row["missing"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        format!("{} [{}]", words.join(" "), missing.join(" "))
    };
    match answer["activity"]["breakEvenByFee"].as_array() {
        Some(rows) => rows.iter().map(line).collect(),
        None => vec!["null".to_owned()],
    }
}

/// Sets a price of an activity from 2026 on.
async fn set(app: &App, slug: &str, price: Value) {
    let id = app
        .board()
        .ask(
            "query($slug: String!) { activity(by: { slug: $slug }) { id } }",
            json!({ "slug": slug }),
        )
        .await;
    let mut price = price;
    (price["activityId"], price["validFrom"], price["vatRate"]) =
        (id["activity"]["id"].clone(), json!("2026-01-01"), json!("STANDARD_25"));
    mutate(&app.finance(), "feeScheduleSet", price, "slug").await.data();
}

on_both!(each_fee_says_how_many_it_takes, |app| async move {
    ledger(&app).await;
    assert_eq!(by_fee(&app.board(), "indikatorer", 2026).await, [""; 0]);
    set(&app, "indikatorer", json!({ "basis": "FIXED_PER_YEAR", "amount": "8000" })).await;
    set(&app, "indikatorer", json!({ "basis": "ONE_OFF", "amount": "3000" })).await;
    set(&app, "indikatorer", json!({ "basis": "PER_PARTICIPANT", "amount": "501" })).await;
    set(&app, "indikatorer", json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.5 })).await;
    // A cost of 20 000. Gotland's 4 324 000 of 2025 are the last that are known, and Gävle's no one
    // knows.
    let expected = [
        "FIXED_PER_YEAR 8000.00 - 20000.00 3 2 1 0.00 []",
        "PER_MILLE_OF_ALLOCATION - 2.5 20000.00 - 2 - 9190.00 [Gävle]",
        "PER_PARTICIPANT 501.00 - 20000.00 40 - - 0.00 []",
        "ONE_OFF 3000.00 - 20000.00 7 0 7 0.00 []",
    ];
    let mut found = by_fee(&app.board(), "indikatorer", 2026).await;
    found.sort();
    let mut sorted = expected;
    sorted.sort();
    assert_eq!(found, sorted);
    // Signed agreements that begin in the year pay once in it.
    assert!(
        by_fee(&app.board(), "indikatorer", 2025)
            .await
            .contains(&"ONE_OFF 3000.00 - 0.00 0 2 0 0.00 []".to_owned())
    );
    // A lead sees its costs, and no member's allocation.
    let lead = by_fee(&app.lead(&["indikatorer"]), "indikatorer", 2026).await;
    assert_eq!((lead.len(), lead.iter().any(|line| line.starts_with("PER_MILLE"))), (3, false));
    assert_eq!(by_fee(&app.lead(&["bip"]), "indikatorer", 2026).await, ["null"]);
    let gotland = member(&app, "Gotland").await;
    assert_eq!(by_fee(&app.member(&gotland), "indikatorer", 2026).await, ["null"]);
});

on_both!(per_mille_counts_the_members_that_pay_the_most, |app| async move {
    ledger(&app).await;
    let gavle = member(&app, "Gävle").await;
    let allocation =
        json!({ "memberId": gavle, "year": 2026, "basis": "ALL_PARTIES", "amount": "13400000" });
    mutate(&app.finance(), "allocationSet", allocation, "id").await.data();
    // 2 per mille: 8 648 by the allocation of 2025, and 26 800.
    set(&app, "indikatorer", json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0 })).await;
    assert_eq!(
        by_fee(&app.board(), "indikatorer", 2026).await,
        ["PER_MILLE_OF_ALLOCATION - 2 20000.00 1 2 0 0.00 []"]
    );
    let answer = app
        .board()
        .query("{ activity(by: { slug: \"indikatorer\" }) { breakEvenByFee(year: 2026) { assumptions } breakEven(year: 2026) { fee } } }")
        .await;
    assert_eq!(answer["activity"]["breakEven"], Value::Null, "a fixed fee there is none");
    assert_eq!(
        answer["activity"]["breakEvenByFee"][0]["assumptions"],
        json!([
            "Each member pays for the whole of 2026, those that pay the most first",
            "Fees per mille are of the allocation of 2025 for 1 member whose allocation of 2026 is not known",
        ])
    );
    // No one has joined BIP, which costs 100.10; with a cap, two of ten kronor fall short of it,
    // and a minimum lifts them.
    set(&app, "bip", json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "10" }))
        .await;
    assert_eq!(
        by_fee(&app.board(), "bip", 2026).await,
        ["PER_MILLE_OF_ALLOCATION - 2 100.10 - 0 - 80.10 []"]
    );
    set(&app, "bip", json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "60", "minimum": "60" })).await;
    assert_eq!(
        by_fee(&app.board(), "bip", 2026).await,
        ["PER_MILLE_OF_ALLOCATION - 2 100.10 2 0 2 0.00 []"]
    );
});

on_both!(the_command_says_the_same, |app| async move {
    ledger(&app).await;
    set(&app, "indikatorer", json!({ "basis": "FIXED_PER_YEAR", "amount": "8000" })).await;
    set(&app, "bip", json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0 })).await;
    let run = |rest: &str| {
        let line = format!("break-even --year 2026 {rest}");
        let done = app.program().args(line.split_whitespace()).output().unwrap();
        (
            done.status.code(),
            String::from_utf8(done.stdout).unwrap(),
            String::from_utf8(done.stderr).unwrap(),
        )
    };
    let (_, csv, _) = run("--format csv");
    assert_eq!(
        csv.replace("\r\n", "\n"),
        "activity,basis,fee,per_mille,cost,grants,need,needed_count,joined_count,more_count,shortfall,committed_cost,committed_cost_booked,committed_cost_left\n\
         bip,PER_MILLE_OF_ALLOCATION,,2,100.10,0.00,100.10,1,0,1,0.00,0.00,0.00,0.00\n\
         indikatorer,FIXED_PER_YEAR,8000.00,,20000.00,0.00,20000.00,3,2,1,0.00,90000.00,0.00,90000.00\n"
    );
    let (_, table, _) = run("");
    assert!(table.contains("bip: without a known allocation, not counted: Gävle\n"), "{table}");
    let document: Value = serde_json::from_str(&run("--format json --activity bip").1).unwrap();
    assert_eq!(document["activities"].as_array().unwrap().len(), 1);
    assert_eq!(document["activities"][0]["by_fee"][0]["missing"][0]["name"], "Gävle");
    let (code, _, message) = run("--activity bipp");
    assert_eq!(
        (code, message.contains("is not the slug of an activity")),
        (Some(1), true),
        "{message}"
    );
});

on_both!(so_many_agreements_carry_an_activity, |app| async move {
    ledger(&app).await;
    let document = "query($year: Int!) { activities { nodes { id slug breakEven(year: $year) { agreementCount fee cost grants joinedCount } } } }";
    let ask = async |caller: Caller<'_>, year: i32| {
        let answer = caller.ask(document, json!({ "year": year })).await;
        answer["activities"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["breakEven"].clone())
            .collect::<Vec<_>>()
    };
    // No fee is known yet.
    assert_eq!(ask(app.board(), 2026).await, [Value::Null, Value::Null, Value::Null]);
    let ids =
        app.board().ask(document, json!({ "year": 2026 })).await["activities"]["nodes"].clone();
    let set = "mutation($input: FeeScheduleSetInput!) { feeScheduleSet(input: $input) { activity { slug } } }";
    for (position, price) in [
        (0, json!({ "basis": "PER_PARTICIPANT", "amount": "500" })),
        (1, json!({ "basis": "FIXED_PER_YEAR", "amount": "8000" })),
        (2, json!({ "basis": "FIXED_PER_YEAR", "amount": "100" })),
    ] {
        let mut price = price;
        (price["activityId"], price["validFrom"], price["vatRate"]) =
            (ids[position]["id"].clone(), json!("2026-01-01"), json!("STANDARD_25"));
        app.finance().ask(set, json!({ "input": price })).await.data();
    }
    // Three of 8 000 are the first to cover 20 000, and two have joined; grants cover the third
    // activity by themselves.
    let ind = json!({ "agreementCount": 3, "fee": "8000.00", "cost": "20000.00", "grants": "0.00", "joinedCount": 2 });
    let valdet = json!({ "agreementCount": 0, "fee": "100.00", "cost": "0.00", "grants": "50000.00", "joinedCount": 1 });
    assert_eq!(ask(app.board(), 2026).await, [Value::Null, ind.clone(), valdet]);
    assert_eq!(ask(app.board(), 2025).await[1]["agreementCount"], 0);
    // A fee of another day is not today's.
    assert_eq!(ask(app.at("2025-12-31T09:00:00Z").board(), 2026).await[1], Value::Null);
    assert_eq!(ask(app.lead(&["indikatorer"]), 2026).await, [Value::Null, ind, Value::Null]);
    let gotland = member(&app, "Gotland").await;
    assert_eq!(ask(app.member(&gotland), 2026).await, [Value::Null, Value::Null, Value::Null]);
    let answer = app.board().ask(document, json!({ "year": 10_000 })).await;
    assert_eq!(answer.errors()[0]["extensions"]["fields"][0]["path"], "year");
});
