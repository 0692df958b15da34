//! How many agreements carry an activity.

use serde_json::{Value, json};

use crate::{
    app::{App, Caller, on_both},
    revenue::{ledger, member},
};

on_both!(so_many_agreements_carry_an_activity, |app| async move {
    ledger(&app).await;
    let document = "query($year: Int!) { activities { nodes { id slug breakEven(year: $year) { agreements fee cost grants joined } } } }";
    let ask = async |caller: Caller<'_>, year: i32| {
        let answer = caller.ask(document, json!({ "year": year })).await;
        answer["activities"]["nodes"].as_array().unwrap().iter().map(|node| node["breakEven"].clone()).collect::<Vec<_>>()
    };
    // No fee is known yet.
    assert_eq!(ask(app.board(), 2026).await, [Value::Null, Value::Null, Value::Null]);
    let ids = app.board().ask(document, json!({ "year": 2026 })).await["activities"]["nodes"].clone();
    let set = "mutation($input: FeeScheduleSetInput!) { feeScheduleSet(input: $input) { slug } }";
    for (place, price) in [
        (0, json!({ "basis": "PER_PARTICIPANT", "amount": "500" })),
        (1, json!({ "basis": "FIXED_PER_YEAR", "amount": "8000" })),
        (2, json!({ "basis": "FIXED_PER_YEAR", "amount": "100" })),
    ] {
        let mut price = price;
        (price["activity"], price["validFrom"], price["vatRate"]) = (ids[place]["id"].clone(), json!("2026-01-01"), json!("STANDARD_25"));
        app.finance().ask(set, json!({ "input": price })).await.data();
    }
    // Three of 8 000 are the first to cover 20 000, and two have joined; grants cover the third activity by themselves.
    let ind = json!({ "agreements": 3, "fee": "8000.00", "cost": "20000.00", "grants": "0.00", "joined": 2 });
    let valdet = json!({ "agreements": 0, "fee": "100.00", "cost": "0.00", "grants": "50000.00", "joined": 1 });
    assert_eq!(ask(app.board(), 2026).await, [Value::Null, ind.clone(), valdet]);
    assert_eq!(ask(app.board(), 2025).await[1]["agreements"], 0);
    // A fee of another day is not today's.
    assert_eq!(ask(app.at("2025-12-31T09:00:00Z").board(), 2026).await[1], Value::Null);
    assert_eq!(ask(app.lead(&["indikatorer"]), 2026).await, [Value::Null, ind, Value::Null]);
    let gotland = member(&app, "Gotland").await;
    assert_eq!(ask(app.member(&gotland), 2026).await, [Value::Null, Value::Null, Value::Null]);
    let answer = app.board().ask(document, json!({ "year": 10_000 })).await;
    assert_eq!(answer.errors()[0]["extensions"]["fields"][0]["path"], "year");
});
