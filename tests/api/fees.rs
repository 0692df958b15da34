//! Fees: what taking part costs from a day on, and what membership costs in a year.

use serde_json::{Value, json};

use crate::app::{Answer, App, Caller, on_both};

/// The report's members, with one whose allocation nobody knows and one that is known by the state's share alone.
const MEMBERS: &str = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
    gotland,Gotland,222000-1834,,,,2015-01-01,,,,,,,\n\
    goteborg,Göteborg,222000-2568,,,,2015-01-01,,,,,,,\n\
    okand,Okänd,,,,,2015-01-01,,,,,,,\n\
    statlig,Statlig,,,,,2015-01-01,,,,,,,\n";
const ALLOCATIONS: &str = "member,year,basis,amount,source\n\
    gotland,2026,ALL_PARTIES,4324333.00,\n\
    gotland,2026,STATE_SHARE,2162166.50,\n\
    goteborg,2026,ALL_PARTIES,61200000.00,\n\
    statlig,2026,STATE_SHARE,1000000.00,\n";
const ACTIVITIES: &str = "key,slug,name,purpose,goal,funding,starts_on,ends_on\nbip,bip,BIP,,,SPECIAL_FEE,2020-01-01,\n";

async fn fill(app: &App) -> String {
    app.import(&[("members.csv", MEMBERS), ("allocations.csv", ALLOCATIONS), ("activities.csv", ACTIVITIES)]).await;
    let answer = app.office().query("{ activity(by: { slug: \"bip\" }) { id } }").await;
    answer["activity"]["id"].as_str().unwrap().to_owned()
}

/// Sets a price of BIP.
async fn set(caller: &Caller<'_>, activity: &str, price: Value) -> Answer {
    let mut input = price;
    input["activity"] = json!(activity);
    let document = "mutation($input: FeeScheduleSetInput!) { feeScheduleSet(input: $input) { feeSchedules { validFrom validTo basis amount perMille cap minimum vatRate } } }";
    caller.ask(document, json!({ "input": input })).await
}

/// Sets the network's own fee.
async fn set_own(caller: &Caller<'_>, input: Value) -> Answer {
    caller.ask("mutation($input: NetworkFeeSetInput!) { networkFeeSet(input: $input) { id } }", json!({ "input": input })).await
}

fn fixed(from: &str, to: Option<&str>, amount: &str) -> Value {
    json!({ "validFrom": from, "validTo": to, "basis": "FIXED_PER_YEAR", "amount": amount, "vatRate": "STANDARD_25" })
}

/// The prices of BIP in the answer, as `from–to amount`.
fn prices(answer: &Answer) -> Vec<String> {
    let rows = answer["feeScheduleSet"]["feeSchedules"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or("…").to_owned();
    rows.map(|row| format!("{}–{} {}", text(&row["validFrom"]), text(&row["validTo"]), text(&row["amount"]))).collect()
}

on_both!(a_new_price_ends_the_open_one_the_day_before, |app| async move {
    let bip = fill(&app).await;
    let first = set(&app.office(), &bip, fixed("2025-01-01", None, "15000")).await;
    assert_eq!(prices(&first), ["2025-01-01–… 15000.00"]);
    let before = app.revision().await;
    let second = set(&app.finance(), &bip, fixed("2026-07-01", None, "18000")).await;
    assert_eq!(prices(&second), ["2026-07-01–… 18000.00", "2025-01-01–2026-06-30 15000.00"]);
    // Both are in the trail.
    assert_eq!(app.revision().await, before + 2);
    let trail = app
        .office()
        .ask("query($id: ID!) { auditLog(filter: { subject: $id }, first: 2) { nodes { action before after } } }", json!({ "id": bip }))
        .await;
    let trail = trail["auditLog"]["nodes"].as_array().unwrap();
    assert!(trail.iter().all(|entry| entry["action"] == "feeScheduleSet"));
    assert_eq!((&trail[0]["before"], &trail[0]["after"]["valid_from"]), (&Value::Null, &json!("2026-07-01")));
    assert_eq!((&trail[1]["before"]["valid_to"], &trail[1]["after"]["valid_to"]), (&Value::Null, &json!("2026-06-30")));

    // Another basis has days of its own.
    let per_mille = json!({ "validFrom": "2026-01-01", "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.125, "cap": "100000", "minimum": "5000", "vatRate": "OUTSIDE_SCOPE" });
    let beside = set(&app.office(), &bip, per_mille).await;
    assert_eq!(
        beside["feeScheduleSet"]["feeSchedules"][1],
        json!({ "validFrom": "2026-01-01", "validTo": null, "basis": "PER_MILLE_OF_ALLOCATION", "amount": null, "perMille": 2.125, "cap": "100000.00", "minimum": "5000.00", "vatRate": "OUTSIDE_SCOPE" })
    );
});

on_both!(prices_never_hold_beside_each_other, |app| async move {
    let bip = fill(&app).await;
    set(&app.office(), &bip, fixed("2024-01-01", Some("2024-12-31"), "1")).await.data();
    set(&app.office(), &bip, fixed("2025-01-01", None, "2")).await.data();
    let before = app.revision().await;
    for (from, to) in
        [("2023-01-01", Some("2024-01-01")), ("2023-01-01", None), ("2024-12-31", Some("2024-12-31")), ("2024-01-01", Some("2025-01-01"))]
    {
        assert_eq!(set(&app.office(), &bip, fixed(from, to, "3")).await.reason(), "OVERLAPS", "{from} {to:?}");
    }
    // The same again changes nothing; another sum from the same day on takes its place.
    set(&app.office(), &bip, fixed("2025-01-01", None, "2.00")).await.data();
    assert_eq!(app.revision().await, before);
    let corrected = set(&app.office(), &bip, fixed("2025-01-01", None, "20")).await;
    assert_eq!(prices(&corrected), ["2025-01-01–… 20.00", "2024-01-01–2024-12-31 1.00"]);
    assert_eq!(app.revision().await, before + 1);
});

on_both!(a_price_fits_its_basis, |app| async move {
    let bip = fill(&app).await;
    let before = app.revision().await;
    for (price, fields) in [
        (json!({ "basis": "FIXED_PER_YEAR" }), vec!["input.amount"]),
        (json!({ "basis": "PER_PARTICIPANT", "amount": "1", "perMille": 2.0 }), vec!["input.perMille"]),
        (json!({ "basis": "PER_MILLE_OF_ALLOCATION", "amount": "1" }), vec!["input.amount", "input.perMille"]),
        (json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0005 }), vec!["input.perMille"]),
        (json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": -1.0 }), vec!["input.perMille"]),
        (
            json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 1e300, "validTo": "2025-12-31" }),
            vec!["input.perMille", "input.validTo"],
        ),
        (json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "1", "minimum": "2" }), vec!["input.cap"]),
        (json!({ "basis": "ONE_OFF", "amount": "-1", "cap": "-2" }), vec!["input.amount", "input.cap"]),
    ] {
        let mut price = price;
        (price["validFrom"], price["vatRate"]) = (json!("2026-01-01"), json!("ZERO"));
        assert_eq!(set(&app.finance(), &bip, price.clone()).await.bad_fields(), fields, "{price}");
    }
    let unknown = "activity_0197aaaaaaaa7000800000000000000a";
    assert_eq!(set(&app.finance(), unknown, fixed("2026-01-01", None, "1")).await.code(), "NOT_FOUND");
    for caller in [app.board(), app.auditor(), app.lead(&["bip"]), app.service("invoices:write")] {
        assert_eq!(set(&caller, &bip, fixed("2026-01-01", None, "1")).await.code(), "FORBIDDEN");
        assert_eq!(set_own(&caller, fixed("2026-01-01", None, "1")).await.code(), "FORBIDDEN");
    }
    assert_eq!(app.revision().await, before);
});

on_both!(a_price_may_be_decided_after_its_first_day, |app| async move {
    let bip = fill(&app).await;
    for (from, on) in [("2024-01-01", Some("2023-11-20")), ("2025-01-01", Some("2025-03-15")), ("2026-01-01", None)] {
        let mut price = fixed(from, None, "1");
        price["decision"] = json!({ "body": "ANNUAL_MEETING", "on": on, "paragraph": "§ 12", "document": "https://example.se/protokoll" });
        set(&app.finance(), &bip, price).await.data();
    }
    let document = "{ activity(by: { slug: \"bip\" }) { feeSchedules { validFrom decidedLate decision { body on paragraph document } } } }";
    let ale = app.office().query("{ members(first: 1) { nodes { id } } }").await;
    // Prices are as public as the activity.
    for caller in [app.office(), app.member(ale["members"]["nodes"][0]["id"].as_str().unwrap())] {
        let answer = caller.query(document).await;
        let late: Vec<_> =
            answer["activity"]["feeSchedules"].as_array().unwrap().iter().map(|row| (&row["validFrom"], &row["decidedLate"])).collect();
        assert_eq!(
            late,
            [(&json!("2026-01-01"), &Value::Null), (&json!("2025-01-01"), &json!(true)), (&json!("2024-01-01"), &json!(false))]
        );
        let decision =
            json!({ "body": "ANNUAL_MEETING", "on": "2025-03-15", "paragraph": "§ 12", "document": "https://example.se/protokoll" });
        assert_eq!(answer["activity"]["feeSchedules"][1]["decision"], decision);
    }
});

on_both!(the_service_fee_follows_the_rule_of_the_first_of_january, |app| async move {
    fill(&app).await;
    let quotes = async |caller: Caller<'_>, year: i32| {
        let document =
            "query($year: Int!) { members { nodes { name serviceFee(year: $year) { amount basis perMille allocation capped } } } }";
        let answer = caller.ask(document, json!({ "year": year })).await;
        let rows = answer["members"]["nodes"].as_array().unwrap().clone();
        rows.into_iter().map(|row| (row["name"].as_str().unwrap().to_owned(), row["serviceFee"].clone())).collect::<Vec<_>>()
    };
    let quote = |amount: &str, rate: f64, allocation: &str, capped: bool| json!({ "amount": amount, "basis": "PER_MILLE_OF_ALLOCATION", "perMille": rate, "allocation": allocation, "capped": capped });
    let of = |gotland: Value, goteborg: Value| {
        [("Gotland", gotland), ("Göteborg", goteborg), ("Okänd", Value::Null), ("Statlig", Value::Null)]
            .map(|(name, quote)| (name.to_owned(), quote))
    };
    // There is no rule yet.
    assert_eq!(quotes(app.office(), 2026).await, of(Value::Null, Value::Null));

    let rule = |from: &str, rate: f64, cap: Option<&str>| json!({ "validFrom": from, "basis": "PER_MILLE_OF_ALLOCATION", "perMille": rate, "cap": cap, "vatRate": "OUTSIDE_SCOPE" });
    set_own(&app.finance(), rule("2026-01-01", 2.0, None)).await.data();
    let at_two = of(quote("8648.67", 2.0, "4324333.00", false), quote("122400.00", 2.0, "61200000.00", false));
    assert_eq!(quotes(app.board(), 2026).await, at_two);
    // What begins later does not change the year, and no allocation is known for the next one.
    set_own(&app.finance(), rule("2026-01-02", 4.0, None)).await.data();
    assert_eq!(quotes(app.service("members:read"), 2026).await, at_two);
    assert_eq!(quotes(app.office(), 2027).await, of(Value::Null, Value::Null));
    for year in [1, 0, i32::MIN, i32::MAX] {
        assert_eq!(quotes(app.office(), year).await, of(Value::Null, Value::Null), "{year}");
    }
    set_own(&app.finance(), json!({ "validFrom": "2026-01-01", "validTo": "2026-01-01", "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 4.0, "cap": "100000", "vatRate": "OUTSIDE_SCOPE" })).await.data();
    let capped = of(quote("17297.33", 4.0, "4324333.00", false), quote("100000.00", 4.0, "61200000.00", true));
    assert_eq!(quotes(app.office(), 2026).await, capped);

    // Whose allocation somebody doesn't see, their fee isn't there either.
    assert_eq!(quotes(app.lead(&["bip"]), 2026).await, of(Value::Null, Value::Null));
    let gotland = app.office().query("{ members(filter: { search: \"Gotland\" }) { nodes { id } } }").await;
    let member = app.member(gotland["members"]["nodes"][0]["id"].as_str().unwrap());
    assert_eq!(quotes(member.clone(), 2026).await, capped[..1]);

    let fees = member.query("{ networkFees { validFrom validTo perMille cap } }").await;
    assert_eq!(
        fees["networkFees"],
        json!([
            { "validFrom": "2026-01-02", "validTo": null, "perMille": 4.0, "cap": null },
            { "validFrom": "2026-01-01", "validTo": "2026-01-01", "perMille": 4.0, "cap": "100000.00" },
        ])
    );
});
